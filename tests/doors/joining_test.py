#!/usr/bin/env python3
"""joining.py: what doors leave out is filled in as it must have been, and a lie stays one."""

import sys

from calls import Call, to_line
from joining import joined

A, B = "a" * 32, "b" * 32


def check(condition, what):
    if not condition:
        sys.exit(f"joining: {what}")


def call(door, form, action, name, times, outcome, **more):
    return Call(1, door, form, action, name, call_ns=times[0], return_ns=times[1],
                outcome=outcome, **more)


def full_read(name, times, version, writer, value, sealed=False):
    return call("once", "read", "read", name, times, "done", version=version, writer=writer,
                result=value, sealed=sealed)


def test_a_switch_has_one_state():
    whole, guessed, left_out = joined([
        call("resp2", "SET NX", "write", b"switch", (1, 2), "done", value=b"x"),
        call("resp3", "SETNX", "write", b"switch", (3, 4), "already_set", value=b"y"),
        call("resp3", "GET", "read", b"switch", (5, 6), "done", result=b"x"),
        full_read(b"switch", (7, 8), 1, A, b"x", True)])
    won, refused, read, _ = whole
    check((won.id, won.writer, won.version, won.sealed) == (A, A, 1, True), f"the winner: {won}")
    check((refused.writer, refused.result) == (A, b"x"), f"who was refused: {refused}")
    check(refused.id not in (None, A), "another request")
    check((read.writer, read.version) == (A, 1), f"a value tells the rest: {read}")
    check((guessed, sum(left_out.values())) == (0, 0), "all was told")
    check(to_line(read) == f"1 read name=switch call=5 return=6 done version=1 sealed=1 writer={A} "
                           "result=x", to_line(read))


def test_who_was_refused_and_has_won_all_the_same():
    whole, _, _ = joined([
        call("resp2", "SET NX", "write", b"switch", (1, 2), "already_set", value=b"x"),
        full_read(b"switch", (7, 8), 1, A, b"x", True)])
    check(whole[0].id == A, "it carries the id of what it made, so that the checker sees it")


def test_refused_by_nobody():
    whole, _, _ = joined([
        call("resp2", "SET NX", "write", b"switch", (1, 2), "already_set", value=b"x"),
        call("once", "read", "read", b"switch", (3, 4), "empty")])
    check(whole[0].outcome == "already_set" and whole[0].writer != whole[0].id,
          f"it is not left out: {whole[0]}")


def test_sets_take_the_versions_that_nobody_showed():
    # The first that was called may still be in flight when the second is long done.
    slow = call("resp2", "SET", "set", b"cell", (1, 50), "done", value=b"slow")
    fast = call("resp2", "SET", "set", b"cell", (2, 5), "done", value=b"fast")
    whole, guessed, _ = joined([slow, fast, full_read(b"cell", (10, 11), 2, A, b"r"),
                                full_read(b"cell", (60, 61), 4, B, b"s")])
    check((guessed, whole[0].version, whole[1].version) == (2, 3, 1), f"{whole[:2]}")


def test_a_lost_cas_has_one_place_alone():
    def versions_of(asked):
        whole, _, _ = joined([
            call("resp2", "ONCE.CAS", "cas", b"cell", (1, 9), "unknown", value=b"c", asked=asked),
            call("resp2", "SET", "set", b"cell", (1, 9), "done", value=b"s"),
            full_read(b"cell", (10, 11), 3, A, b"r")])
        return whole[1].version

    check((versions_of(0), versions_of(1)) == (2, 1), f"{versions_of(0)} {versions_of(1)}")


def test_a_lost_cas_is_tried_between_two_sets():
    whole, _, _ = joined([
        call("http", "cas", "cas", b"cell", (1, 9), "unknown", value=b"c", asked=1),
        call("resp2", "SET", "set", b"cell", (2, 9), "done", value=b"s"),
        call("resp2", "SET", "set", b"cell", (2, 4), "done", value=b"r"),
        call("resp2", "GET", "read", b"cell", (10, 11), "done", result=b"s"),
        call("resp2", "ONCE.CAS", "cas", b"cell", (12, 13), "conflict", value=b"x", version=3),
        call("once", "set", "set", b"cell", (20, 29), "unknown", value=b"later")])
    check((whole[1].version, whole[2].version, whole[3].version) == (3, 1, 3), f"{whole[1:4]}")


def test_a_version_that_a_conflict_told_is_nobodys_yet():
    whole, _, left_out = joined([
        call("resp3", "SET", "set", b"cell", (1, 2), "done", value=b"x"),
        call("resp3", "ONCE.CAS", "cas", b"cell", (3, 4), "conflict", value=b"y", version=1)])
    check((whole[0].version, whole[1].writer, whole[1].result) == (1, whole[0].id, b"x"),
          f"{whole}")
    check(not left_out, f"{left_out}")


def test_a_lost_set_stands_above_all():
    whole, _, _ = joined([
        call("resp2", "SET", "set", b"cell", (1, 2), "done", value=b"x"),
        full_read(b"cell", (3, 4), 1, A, b"r")])
    check(whole[0].version == 2, "the read behind it did not see it, and the checker says so")


def test_a_value_of_nobody():
    whole, _, _ = joined([call("resp2", "GET", "read", b"cell", (1, 2), "done", result=b"x")])
    check(whole[0].outcome == "done" and whole[0].writer, "it is not left out")


def test_a_lost_number_has_the_writer_that_others_saw():
    whole, _, _ = joined([
        call("resp2", "INCR", "next", b"counter", (1, 9), "unknown"),
        call("resp2", "INCR", "next", b"counter", (1, 3), "done", version=1),
        full_read(b"counter", (4, 5), 2, B, b"")])
    check((whole[0].id, whole[1].version, whole[1].writer) == (B, 1, whole[1].id), f"{whole}")


def test_a_value_that_was_kept_by_others_than_its_set():
    def told(action, outcome, sealed, **more):
        whole, _, _ = joined([
            call("http", "set", "set", b"var", (1, 9), "unknown", value=b"x"),
            call("resp2", action, action, b"var", (3, 4), outcome, **more),
            full_read(b"var", (5, 6), 2, B, b"x", sealed)])
        return whole[0].id != B and whole[1].id == B

    check(told("next", "done", False, version=2), "the number is not of the set")
    check(told("seal", "unknown", True, asked=1), "nor is the seal")


def test_a_token_whose_number_was_lost():
    def check_of(outcome):
        whole, _, left_out = joined([
            call("resp2", "INCR", "next", b"counter", (1, 9), outcome),
            call("resp2", "ONCE.CHECK", "check", b"counter", (3, 4), "done", asked=1)])
        return whole[1].outcome, sum(left_out.values())

    check(check_of("unknown") == ("nothing", 1), "the lost one may have drawn it")
    check(check_of("nothing") == ("done", 0), "nobody has drawn it")


def test_a_seal_of_nobody():
    whole, _, _ = joined([
        call("resp2", "SET", "set", b"cell", (1, 2), "sealed", value=b"x"),
        full_read(b"cell", (3, 4), 1, A, b"r")])
    check((whole[0].outcome, whole[0].sealed) == ("sealed", False), f"it is no seal: {whole[0]}")


def test_an_earlier_lost_number_is_left_to_what_nobody_showed():
    whole, _, _ = joined([
        call("resp2", "INCR", "next", b"counter", (1, 30), "unknown"),
        call("resp2", "INCR", "next", b"counter", (3, 4), "done", version=2),
        call("resp2", "INCR", "next", b"counter", (5, 30), "unknown"),
        call("resp2", "INCR", "next", b"counter", (20, 30), "unknown"),
        full_read(b"counter", (9, 10), 3, B, b"")])
    check([number.id == B for number in whole[:4]] == [False, False, True, False], f"{whole}")


def test_what_says_too_little_is_counted():
    whole, _, left_out = joined([
        call("resp2", "ONCE.CAS", "cas", b"var", (1, 2), "conflict", value=b"x", version=7)])
    check(whole[0].outcome == "nothing" and left_out["resp2 ONCE.CAS"] == 1, f"{left_out}")


def main():
    tests = [test for name, test in sorted(globals().items()) if name.startswith("test_")]
    for test in tests:
        test()
    print(f"joining: {len(tests)} tests")


if __name__ == "__main__":
    main()
