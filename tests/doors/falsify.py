"""Histories with one lie of one door in them, each of a kind that the checker must find. They are
told before joining, so that joining is shown to hide nothing."""

from calls import new_id


def second_winner(calls):
    """A write that was refused is told that it has won."""
    for call in calls:
        if call.action == "write" and call.outcome == "already_set" and call.attempts == 1:
            told = call.copy(outcome="done", result=None)
            if call.version is not None:
                told.id = call.id or new_id()
                told.writer = told.id
            yield call, told


def stale_read(calls):
    """A read finds nothing, though a value had been shown before it was called."""
    shown = {}
    for call in calls:
        if call.shows_state() and call.version != 0 and call.outcome != "conflict":
            shown[call.name] = min(shown.get(call.name, call.return_ns), call.return_ns)
    for call in calls:
        if call.action == "read" and call.outcome == "done" and shown[call.name] < call.call_ns:
            yield call, call.copy(outcome="empty", version=None, sealed=None, writer=None,
                                  result=None)


def old_value(calls):
    """A read shows a value, though a newer one had been shown before it was called."""
    states = {}
    for call in calls:
        if call.version and call.shows_value() and call.result is not None:
            states.setdefault(call.name, []).append(call)
    for call in calls:
        if call.action != "read" or call.outcome != "done" or call.name.startswith(b"switch"):
            continue
        before = [other for other in states.get(call.name, []) if other.return_ns < call.call_ns]
        newest = max((other.version for other in before), default=0)
        old = next((other for other in before if other.version < newest), None)
        if old and call.version is None:
            yield call, call.copy(result=old.result)
        elif old:
            yield call, call.copy(version=old.version, sealed=old.sealed, writer=old.writer,
                                  result=old.result)


def one_number_twice(calls):
    """A number is drawn that somebody else has drawn."""
    drawn = {}
    for call in calls:
        if call.action == "next" and call.outcome == "done":
            drawn.setdefault(call.name, []).append(call)
    for call in calls:
        others = drawn.get(call.name, [])
        if call.action == "next" and call.outcome == "done" and len(others) > 1:
            other = others[0] if others[0] is not call else others[1]
            yield call, call.copy(version=other.version)


def lost_cas(calls):
    """A cas that was refused is told that it is done, though others were shown who made that."""
    shown = {(call.name, call.version) for call in calls if call.shows_state() and call.writer
             and call.action == "read"}
    for call in calls:
        if call.action != "cas" or call.outcome != "conflict" or call.attempts > 1:
            continue
        if (call.name, call.asked + 1) in shown:
            told = call.copy(outcome="done", version=call.asked + 1, sealed=False, result=None)
            told.id = call.id or new_id()
            told.writer = told.id
            yield call, told


def seal_of_nobody(calls):
    """A cas is told that a name is sealed which nobody sealed."""
    for call in calls:
        if call.name.startswith(b"cell") and call.action == "cas" and call.outcome == "conflict":
            if call.writer is None:
                yield call, call.copy(outcome="sealed", version=None)
            elif call.version:
                yield call, call.copy(outcome="sealed", sealed=True)


def lost_set(calls):
    """A set is told that it is done, just before the last read, which shows the version that had
    been the newest for longer: there is no room for another."""
    last, first = {}, {}
    for call in calls:
        if call.action == "read" and call.outcome == "done" and call.version:
            last[call.name] = call
        if call.shows_state() and call.version:
            key = call.name, call.version
            first[key] = min(first.get(key, call.return_ns), call.return_ns)
    for call in calls:
        read = last.get(call.name)
        if call.action != "set" or call.outcome != "done" or not call.name.startswith(b"cell"):
            continue
        if read and first[call.name, read.version] < read.call_ns - 2:
            lie = call.copy(value=call.value + b"-never", id=call.id and new_id(), client=99,
                            call_ns=read.call_ns - 2, return_ns=read.call_ns - 1)
            if call.version is not None:
                lie.version, lie.id = read.version + 1, lie.id or new_id()
                lie.writer = lie.id
            yield None, lie


KINDS = {"second winner": second_winner, "stale read": stale_read, "old value": old_value,
         "one number twice": one_number_twice, "refused cas done": lost_cas,
         "seal of nobody": seal_of_nobody, "lost set": lost_set}


def falsified(calls, door, rng):
    """(what, the calls of one name with one lie): one of each kind, as far as the door has told
    what can be turned into it."""
    for what, lies in KINDS.items():
        found = [(call, lie) for call, lie in lies(calls) if lie.door == door]
        if not found:
            continue
        call, lie = rng.choice(found)
        of_name = [other for other in calls if other.name == lie.name and other is not call]
        yield what, [*of_name, lie]
