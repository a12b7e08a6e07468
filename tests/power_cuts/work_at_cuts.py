"""What the nodes were doing when the power was cut, from what they said of themselves just before
and just after. A sample is [life, {node: {counter: value}}]."""

CLEANING = ("log_segments_cleaned", "log_kept_bytes", "log_segments_recycled")


def total(samples, counter):
    """Over all nodes and all their lives; a counter begins at zero with each."""
    count, last = 0, {}
    for _, told in samples:
        for node, counters in told.items():
            before, now = last.get(node, 0), counters[counter]
            count += now - before if now >= before else now
            last[node] = now
    return count


def _beside(samples, number):
    """The pairs of what each node said before and after the cut behind sample `number` (from 1)."""
    if not 0 < number < len(samples):
        return
    before, after = samples[number - 1][1], samples[number][1]
    for node in before.keys() & after.keys():
        yield before[node], after[node]


def cleaner_worked(samples, number):
    return any(before[counter] < after[counter]
               for before, after in _beside(samples, number) for counter in CLEANING)


def caught_up(samples, number):
    return any(before["in_sync"] == 0 or before["caught_up"] < after["caught_up"]
               for before, after in _beside(samples, number))
