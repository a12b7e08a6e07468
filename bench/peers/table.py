"""The figures as tables that are Markdown, and plain enough for a terminal. Pure."""

from figures import QUIET, TARGETS, unsteady
from points import point_of


def time_text(us):
    if us < 1000:
        return f"{us:.0f} us"
    return f"{us / 1000:.2f} ms" if us < 100_000 else f"{us / 1e6:.2f} s"


def bytes_text(count):
    if count < 10_000:
        return f"{count:.0f}"
    return f"{count / 1024:.0f} Ki" if count < 10 * 2**20 else f"{count / 2**20:.0f} Mi"


def ratio_text(ratio):
    """So many times; small ones as a part: 1/150."""
    return f"1/{1 / ratio:.3g}" if 0 < ratio < 1 / 4 else f"{ratio:.3g}x"


def aligned(header, rows):
    """Markdown with columns of one width: names to the left, figures to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    texts = {column for column in range(len(header))
             if any(row[column] and not row[column][0].isdigit() and row[column] != "-"
                    for row in rows)}

    def line(cells):
        return "| " + " | ".join(
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths))) + " |"
    rule = "|" + "|".join("-" * (width + 2) if column in texts else "-" * (width + 1) + ":"
                          for column, width in enumerate(widths)) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])


def what_of(point):
    ways = "one a connection" if point.each else "shared"
    return f"{point.operation}, {ways}" if point.in_flight > 1 else point.operation


def points_table(result):
    """A row for each point and system."""
    header = ["what", "in flight", "system", "a second", "p50", "p99", "p99.9", "server CPU",
              "disk bytes", "load's cores", "spread"]
    rows = []
    for key in result["points"]:
        point = point_of(key)
        for system in result["systems"]:
            figures = result["medians"][system].get(key)
            if figures is None:
                continue
            writes = "server_cpu_us" in figures
            rows.append([
                what_of(point), f"{point.in_flight:,}", system,
                f"{figures['throughput_per_s']:,.0f}", time_text(figures["p50_us"]),
                time_text(figures["p99_us"]), time_text(figures["p999_us"]),
                time_text_of_cost(figures["server_cpu_us"]) if writes else "-",
                bytes_text(figures["disk_bytes"]) if writes else "-",
                f"{figures['load_cores']:.2f}", f"{result['spreads'][system][key]:.0%}"])
    return aligned(header, rows)


def time_text_of_cost(us):
    return f"{us:.1f} us" if us < 1000 else time_text(us)


def systems_table(result):
    """What is of a system as a whole."""
    header = ["system", "version", "longest gap of a writer", "of all writers", "memory",
              "disk a name", "idle cores"]
    rows = []
    for system in result["systems"]:
        gap, whole = result["medians"][system].get("gap"), result["whole"][system]
        rows.append([
            system, whole["version"], time_text(gap["gap_us"]) if gap else "-",
            time_text(gap["silence_us"]) if gap else "-", bytes_text(whole["resident_bytes"]),
            bytes_text(whole["kept_bytes_a_name"]), f"{whole['idle_cores']:.2f}"])
    return aligned(header, rows)


def ways_table(result):
    """Whom each system was asked through, and by how many connections."""
    ways = result["settings"]["ways"]
    shapes = list(next(iter(ways.values())))
    return aligned(["asked through", *shapes],
                   [[system, *(of[shape] for shape in shapes)] for system, of in ways.items()])


def targets_table(result):
    header = ["once beside", "what", "ratio", "target", ""]
    rows = []
    for target in TARGETS:
        ratio = target.ratio(result["medians"])
        if ratio is None:
            continue
        bound = "at least" if target.at_least else "at most"
        rows.append([target.peer, target.what, ratio_text(ratio),
                     f"{bound} {ratio_text(target.wanted)}",
                     "met" if target.is_met(ratio) else "missed"])
    return aligned(header, rows) if rows else ""


def text_of(result):
    floor = result["floor"]
    parts = [points_table(result), systems_table(result), ways_table(result),
             targets_table(result)]
    if floor:
        parts.append(f"Floors of this machine: a round trip over loopback "
                     f"{floor['round_trip_us']:.0f} us, a durable write of 4 KiB "
                     f"{floor['log_write_us']:.0f} us.")
    wild, all_points = unsteady(result["spreads"])
    if wild:
        parts.append(f"{wild} of {all_points} throughputs differ by more than {QUIET:.0%} between "
                     "rounds: something else ran on this machine, or the rounds are too short.")
    return "\n\n".join(part for part in parts if part)
