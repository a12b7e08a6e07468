"""Puts together what all doors told, so that a history can be written: an answer of RESP has often
no version and no writer, and a node that draws the id of a request does not always tell it.

Nothing is believed that was not told, and nothing that was told is left out but for what `Joined`
counts. It rests on this: each request proposes a value of its own, so a value tells the request;
names are of kinds (workload.py), and only where versions are told are values kept by `next` and
`seal`. What fits nowhere is written so that the checker finds it.
"""

import collections
import dataclasses
import itertools

from calls import TAKES_VALUE, new_id

SWITCH, CELL = b"switch", b"cell"  # kinds whose doors may leave out the version: how names begin


@dataclasses.dataclass
class Version:
    writer: str = None
    sealed: bool = None
    value: bytes = None


MOST_TRIED = 12  # of the versions that a lost cas may have made
EMPTY = Version("0" * 32, False, b"")


class Joined:
    """Of the calls of one name, each changed in place to what a history has."""

    def __init__(self, calls):
        self.calls = sorted(calls, key=lambda call: call.call_ns)
        self.versions = collections.defaultdict(Version)
        self.guessed = 0  # versions that were given to a set as one of those that nobody showed
        self.left_out = collections.Counter()  # answers that say less than a history can hold
        self.known_ids = {call.id for call in calls if call.id}
        self.is_switch = self.calls[0].name.startswith(SWITCH)

    def run(self):
        self.take_own_ids()
        self.give_known_versions()
        self.gather()
        self.give_ids()
        if self.calls[0].name.startswith(CELL):
            self.place_sets()
        for call in self.calls:
            self.complete(call)
        return self

    # What is told.

    def take_own_ids(self):
        """A change that is done shows its own id as the writer."""
        for call in self.calls:
            if call.changes() and call.outcome == "done" and call.writer and not call.id:
                call.id = call.writer
                self.known_ids.add(call.id)

    def give_known_versions(self):
        for call in self.calls:
            if call.version is not None or not call.shows_state():
                continue
            if self.is_switch:
                call.version, call.sealed = 1, True
            elif call.outcome == "done" and call.action in ("cas", "seal"):
                call.version, call.sealed = call.asked + 1, call.action == "seal"
            elif call.outcome == "done" and call.action == "check":
                call.version = call.asked

    def gather(self):
        for call in self.calls:
            if not call.shows_state() or not call.version:
                continue
            if call.outcome == "done" and call.action in ("set", "cas", "next"):
                call.sealed = False
            own = call.outcome == "done" and call.action in TAKES_VALUE
            self.learn(call.version, call.writer, call.sealed, call.value if own else call.result)

    def learn(self, number, writer=None, sealed=None, value=None):
        """The first who tells is believed here; the checker compares what others were told."""
        version = self.versions[number]
        version.writer = version.writer or writer
        version.sealed = sealed if version.sealed is None else version.sealed
        version.value = value if version.value is None else version.value

    # Whose request is it?

    def give_ids(self):
        """Those that were told what they made, or ask for one version alone, come first."""
        nameless = [call for call in self.calls if call.changes() and not call.id]
        for call in sorted(nameless, key=lambda call: call.version is None):
            number = self.number_made_by(call)
            if number is not None:
                self.name_maker(call, number)
        lost = [call for call in nameless
                if not call.id and call.action == "next" and call.outcome == "unknown"]
        for number in sorted(self.versions):
            writer = self.versions[number].writer
            if not writer or writer in self.known_ids:
                continue
            # The last that was called in time: those before it are left to what nobody showed.
            shown_at = min((call.return_ns for call in self.calls
                            if call.shows_state() and (call.version or 0) >= number), default=0)
            fitting = [call for call in lost if call.call_ns <= shown_at]
            if fitting:
                lost.remove(fitting[-1])
                fitting[-1].id = writer
                self.known_ids.add(writer)
        for call in nameless:
            call.id = call.id or new_id()

    def number_made_by(self, call):
        """The version that a request without a known id made or may have made."""
        if call.action in TAKES_VALUE:
            # Also what was told that it did not happen: then the checker finds that it did.
            for number in sorted(self.versions):
                version = self.versions[number]
                fits = bool(version.sealed) == (call.action == "write")
                if fits and version.value == call.value and version.writer not in self.known_ids:
                    return number
        if call.outcome == "done":
            return call.version
        if call.outcome == "unknown" and call.action == "seal":
            version = self.versions.get(call.asked + 1)
            if version and version.sealed and version.writer not in self.known_ids:
                return call.asked + 1
        return None

    def name_maker(self, call, number):
        version = self.versions[number]
        if version.writer and version.writer in self.known_ids:
            return  # somebody else made it: two were told so
        call.id = version.writer or new_id()
        self.known_ids.add(call.id)
        if call.outcome == "done" or version.writer:
            version.writer = call.id
        if call.outcome == "done" and call.version is None:
            call.version, call.sealed = number, False

    # Sets whose version nobody showed.

    def place_sets(self):
        """Gives each of them a version that nobody showed: the moments of versions ascend, so that
        the earliest deadline first fits if anything does. What is left over gets one above all
        others, which the last reads will not have seen."""
        shown = {version.value for version in self.versions.values()}
        seen_at = {}
        for call in self.calls:
            if call.action == "read" and call.version is None and call.result is not None:
                seen_at[call.result] = min(seen_at.get(call.result, call.return_ns),
                                           call.return_ns)
        due = {}  # value -> (released, deadline, its call)
        for call in self.calls:
            if call.action not in TAKES_VALUE or call.value in shown or call.value in due:
                continue
            if call.outcome == "done" and call.version is None or call.value in seen_at:
                told = call.return_ns if call.outcome == "done" else float("inf")
                due[call.value] = (call.call_ns, min(told, seen_at.get(call.value, told)), call)
        for _, _, call in list(due.values()):
            if call.action == "cas" and self.is_free(call.asked + 1):
                self.place(call, call.asked + 1)
                del due[call.value]
        places, left = self.best_plan(due)
        highest = max(self.versions, default=0)
        for number, call in [*places, *enumerate(left, highest + 1)]:
            self.place(call, number)

    def best_plan(self, due):
        """([(version, call)], those that found none). A cas that nobody knows the outcome of may
        have made one version alone: where all sets find no place, or a version no maker, it is
        tried to leave one or two of these to it."""
        gaps, best = self.gaps(), None
        shown = {version.value for version in self.versions.values()} | set(due)
        lost = [call for call in self.calls
                if call.changes() and call.outcome == "unknown" and call.value not in shown]
        of_cas = [number for number, _, deadline in gaps if any(
            call.action == "cas" and call.asked + 1 == number and call.call_ns <= deadline
            for call in lost)]
        spare = [call.call_ns for call in lost if call.action == "set"]
        for count in range(3):
            for kept in itertools.combinations(of_cas[:MOST_TRIED], count):
                places, left = self.plan([gap for gap in gaps if gap[0] not in kept], due)
                made = {number for number, _ in places} | set(of_cas)
                cost = len(left) + self.unexplained([gap for gap in gaps if gap[0] not in made],
                                                    spare)
                if best is None or cost < best[0]:
                    best = cost, places, left
                if cost == 0:
                    return places, left
        return best[1:]

    @staticmethod
    def unexplained(gaps, spare):
        """How many versions no lost set can have made, those that were called first going first."""
        used = 0
        for _, _, deadline in gaps:
            used += used < len(spare) and spare[used] <= deadline
        return len(gaps) - used

    @staticmethod
    def plan(gaps, due):
        waiting, places = sorted(due.values(), key=lambda item: item[1]), []
        left, latest = [], 0  # of the moments that a version cannot precede
        for number, earliest, deadline in gaps:
            latest = max(latest, earliest)
            while ready := next((item for item in waiting if item[0] <= deadline), None):
                waiting.remove(ready)
                if ready[1] < latest:
                    left.append(ready[2])
                    continue
                places.append((number, ready[2]))
                latest = max(latest, ready[0])
                break
        return places, left + [call for _, _, call in waiting]

    def gaps(self):
        """(version, when it was made at the earliest, and at the latest), of those that nobody
        showed."""
        latest_calls, first_returns = collections.Counter(), {}
        for call in self.calls:
            if call.shows_state() and call.version is not None:
                at = call.version
                # Who made a version is told so whenever he asks again.
                if not (call.outcome == "done" and call.changes() and call.attempts > 1):
                    latest_calls[at] = max(latest_calls[at], call.call_ns)
                first_returns[at] = min(first_returns.get(at, call.return_ns), call.return_ns)
            elif call.outcome == "empty":
                latest_calls[0] = max(latest_calls[0], call.call_ns)
        highest = max(self.versions, default=0)
        deadline, deadlines = float("inf"), {}
        for number in range(highest, 0, -1):
            deadline = min(deadline, first_returns.get(number, deadline))
            deadlines[number] = deadline
        gaps, earliest = [], 0
        for number in range(1, highest + 1):
            earliest = max(earliest, latest_calls[number - 1])
            if self.is_free(number):
                gaps.append((number, earliest, deadlines[number]))
        return gaps

    def is_free(self, number):
        """Nobody was shown who made it; of some it was told that they stand there."""
        return number not in self.versions or not self.versions[number].writer

    def place(self, call, number):
        self.guessed += 1
        self.learn(number, call.id, False, call.value)
        if call.outcome == "done":
            call.version, call.sealed = number, False

    # The rest of each answer.

    def complete(self, call):
        if call.outcome == "unknown" and not call.changes():
            call.outcome = "nothing"
        if not call.shows_state():
            return
        if call.outcome == "done" and call.changes():
            call.writer = call.writer or call.id
            call.result = call.value
        if call.version is None:
            call.version = self.version_shown(call)
        if call.version is None:
            return self.leave_out(call)
        version = self.versions[call.version] if call.version else EMPTY
        if call.writer is None:
            call.writer = version.writer
        if call.result is None:
            call.result = version.value
        if call.sealed is None:
            call.sealed = version.sealed
        if None not in (call.writer, call.result, call.sealed):
            return
        # The version alone was told, and its state to nobody.
        if call.outcome == "conflict" or call.action == "check" and (
                version.writer or self.may_be_made(call.return_ns)):
            return self.leave_out(call)
        # A value that nobody proposed, or of which nobody was told: never left out.
        call.writer = call.writer or new_id()
        call.result = b"" if call.result is None else call.result
        call.sealed = bool(call.sealed)

    def may_be_made(self, until):
        """Is there a request that nobody knows the outcome of, and that made nothing else?"""
        made = {version.writer for version in self.versions.values()}
        return any(call.changes() and call.outcome == "unknown" and call.call_ns <= until
                   and call.id not in made for call in self.calls)

    def version_shown(self, call):
        """Of an answer that has a value alone, or only the news that the name is sealed."""
        if call.outcome == "sealed":
            return max((number for number, version in self.versions.items() if version.sealed),
                       default=max(self.versions, default=0) + 1)
        if call.result is None:
            return None
        found = [number for number, version in self.versions.items()
                 if version.value == call.result]
        return min(found) if found else max(self.versions, default=0) + 1

    def leave_out(self, call):
        self.left_out[f"{call.door} {call.form}"] += 1
        call.outcome = "nothing"


def joined(calls):
    """(the calls as a history has them, how many versions were guessed, what was left out)."""
    names = collections.defaultdict(list)
    copies = [call.copy() for call in calls]
    for call in copies:
        names[call.name].append(call)
    guessed, left_out = 0, collections.Counter()
    for calls_of_name in names.values():
        done = Joined(calls_of_name).run()
        guessed += done.guessed
        left_out += done.left_out
    return copies, guessed, left_out
