#!/usr/bin/env python3
"""The runner itself: the catalogue fits this tree, and what is wrong with it is an error."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
import catalogue  # noqa: E402
import checks  # noqa: E402
import killers  # noqa: E402
import placing  # noqa: E402
import tree  # noqa: E402

TABLE = """
[one]
defect = "d"
why = "w"
killers = ["ballots_test"]
file = "paxos/x.cc"
find = 'b'
replace = 'B'
"""


class Moved(placing.Sources):
    """The product's sources, each in a file of another name, and laid out anew."""

    def __init__(self, root):
        super().__init__(root)
        self.old = {str(pathlib.Path(name).with_stem(f"moved_{index}")): name
                    for index, name in enumerate(self.names)}
        self.names = sorted(self.old)

    def text(self, name):
        text = (self.root / self.old[name]).read_text(encoding="utf-8")
        return "".join(f"{'  ' * (index % 3)}{line.strip()}\n\n"
                       for index, line in enumerate(text.split("\n")))


class Catalogue(unittest.TestCase):
    def test_each_mutant_has_its_place_and_its_killers(self):
        mutants = catalogue.read_all(HERE / "catalogue")
        self.assertEqual(checks.problems(mutants, placing.Sources(ROOT), ROOT), [])

    def test_code_that_moves_and_is_laid_out_anew_takes_every_mutant_along(self):
        mutants, moved = catalogue.read_all(HERE / "catalogue"), Moved(ROOT)
        self.assertEqual(list(checks._lost_mutants(mutants, moved)), [])
        for mutant in mutants:
            self.assertIn("/moved_", placing.place(mutant, moved)[0].file)

    def test_there_are_enough_of_them_in_each_folder(self):
        mutants = catalogue.read_all(HERE / "catalogue")
        self.assertGreaterEqual(len(mutants), 600)
        self.assertEqual({one.edits[0].file.split("/")[0] for one in mutants},
                         set(placing.FOLDERS))
        self.assertTrue(5 <= sum(one.fast for one in mutants) <= 15)

    def test_every_expected_killer_runs_first(self):
        known = killers.known(fast=False)
        for one in catalogue.read_all(HERE / "catalogue"):
            order = killers.in_order(one, one.edits[0].file.split("/")[0], known)
            first = {killer.stem for killer in order[:len(one.killers)]}
            self.assertLessEqual(first, set(one.killers), one.name)

    def test_a_mutant_of_another_form_is_a_problem(self):
        with tempfile.TemporaryDirectory() as root:
            for name in ("catalogue/a.toml", "catalogue/b/c.toml", "patches/d.patch"):
                path = pathlib.Path(root, "tests/mutants", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("")
            found = sorted(checks._unread_files(root))
        self.assertEqual([line.split(" is ")[0] for line in found],
                         ["tests/mutants/catalogue/b", "tests/mutants/catalogue/b/c.toml",
                          "tests/mutants/patches/d.patch"])

    def refused(self, text, word):
        with self.assertRaises(catalogue.Trouble) as caught:
            catalogue.read(text, "x.toml")
        self.assertIn(word, str(caught.exception))

    def test_a_table_without_its_keys_is_refused(self):
        self.assertEqual(len(catalogue.read(TABLE, "x.toml")), 1)
        for key in ("defect", "why", "killers", "file", "find", "replace"):
            lines = [line for line in TABLE.split("\n") if not line.startswith(key)]
            self.refused("\n".join(lines), key)

    def test_what_nobody_would_read_is_refused(self):
        self.refused(TABLE + "wyh = 'x'", "wyh")
        self.refused(TABLE + "[[one.edit]]\nfind = 'c'\nreplace = 'd'", "list of edits")
        self.refused(TABLE + TABLE, "one")
        self.refused(TABLE + "function = 'f'\nclass = 'C'", "either")

    def test_a_name_in_two_files_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in ("a", "b"):
                pathlib.Path(directory, f"{name}.toml").write_text(TABLE)
            with self.assertRaisesRegex(catalogue.Trouble, "b.toml: one is in a.toml too"):
                catalogue.read_all(directory)


class Killers(unittest.TestCase):
    def test_a_killer_that_no_program_is_called_is_a_problem(self):
        text = TABLE.replace("ballots_test", "balots_test")
        found = list(checks._unknown_killers(catalogue.read(text, "x"), killers.known(fast=False)))
        self.assertEqual(len(found), 1)
        self.assertIn("balots_test", found[0])

    def test_a_killer_without_source_or_without_tests_is_a_problem(self):
        gone = killers.unit("gone_test", {"paxos"}, 1)
        empty = killers.Killer("replica_test", ["--gtest_filter=*Gone*"], {"paxos"}, 1)
        good = killers.Killer("replica_test", ["--gtest_filter=*Random*"], {"paxos"}, 1)
        found = list(checks._lost_killers([gone, empty, good], ROOT))
        self.assertEqual(len(found), 2)
        self.assertIn("gone_test has no source", found[0])
        self.assertIn("like *Gone*", found[1])

    def test_a_program_that_runs_no_test_has_failed(self):
        with tempfile.TemporaryDirectory() as directory:
            program = pathlib.Path(directory, "bin", "x_test")
            program.parent.mkdir()
            program.write_text("#!/bin/sh\necho '[==========] Running 0 tests from 0 suites.'\n")
            program.chmod(0o755)
            outcome = killers.unit("x_test", set(), 1).run(directory, 10)
        self.assertTrue(outcome.failed)
        self.assertEqual(outcome.detail, "it runs no test")

    def test_a_killer_is_the_tests_of_one_source_of_a_program(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in ("bin", "tests"):
                pathlib.Path(directory, name).mkdir()
            pathlib.Path(directory, "tests", "programs.txt").write_text("x_test some_tests\n")
            program = pathlib.Path(directory, "bin", "some_tests")
            program.write_text('#!/bin/sh\ntest "$1" = --from=x_test\n')
            program.chmod(0o755)
            killer = killers.Killer("x_test walk", ["--gtest_filter=*"], set(), 1)
            self.assertEqual(killer.program(directory), "some_tests")
            self.assertFalse(killer.run(directory, 10).failed)
            self.assertEqual(killers.unit("once-sim", set(), 1).program(directory), "once-sim")

    def test_a_killer_sees_the_settings(self):
        with tempfile.TemporaryDirectory() as directory:
            program = pathlib.Path(directory, "bin", "x_test")
            program.parent.mkdir()
            program.write_text('#!/bin/sh\ntest "$ONCE_MUTANT" = 17\n')
            program.chmod(0o755)
            killer = killers.unit("x_test", set(), 1)
            self.assertFalse(killer.run(directory, 10, {"ONCE_MUTANT": "17"}).failed)
            self.assertTrue(killer.run(directory, 10).failed)


class Copies(unittest.TestCase):
    def test_a_copy_is_as_it_was_after_a_mutant(self):
        with tempfile.TemporaryDirectory() as directory:
            copy = tree.Copy(ROOT, f"{directory}/copy", 1)
            (copy.source / "paxos").mkdir(parents=True)
            (copy.source / "paxos/x.cc").write_text("a b c\n")
            copy.change({"paxos/x.cc": "a B c\n"})
            self.assertEqual((copy.source / "paxos/x.cc").read_text(), "a B c\n")
            copy.revert()
            self.assertEqual((copy.source / "paxos/x.cc").read_text(), "a b c\n")

    def test_a_copy_holds_what_git_knows_and_the_texts_that_are_given(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory, "root")
            root.mkdir()
            (root / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.25)\nproject(x NONE)\n")
            (root / "a").write_text("a\n")
            subprocess.run(["git", "init", "-q"], cwd=root, check=True)
            copy = tree.Copy(root, f"{directory}/copy", 1)
            copy.prepare({"a": "woven\n", "new.h": "new\n"})
            self.assertEqual((copy.source / "a").read_text(), "woven\n")
            self.assertEqual((copy.source / "new.h").read_text(), "new\n")
            copy.prepare({})
            self.assertEqual((copy.source / "a").read_text(), "a\n")
            self.assertFalse((copy.source / "new.h").exists())


class CommandLine(unittest.TestCase):
    def test_an_unknown_name_is_an_error(self):
        done = subprocess.run([sys.executable, str(HERE / "run.py"), "--only", "no-such-mutant"],
                              capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no mutant", done.stderr)


class Describing(unittest.TestCase):
    def test_a_failed_test_is_named_with_its_seed(self):
        text = ("[ RUN      ] Paper.X\nfile.cc:3: Failure\nGoogle Test trace:\nwalk seed 17\n"
                "[  FAILED  ] Paper.X (3 ms)\n")
        self.assertEqual(killers.describe(text, 1), "Paper.X; seed 17")

    def test_a_crash_names_the_test_that_ran_and_the_signal(self):
        text = "[ RUN      ] Paper.X\npaxos/x.cc:3: assertion failed: a == b\n"
        self.assertEqual(killers.describe(text, -6),
                         "Paper.X; paxos/x.cc:3: assertion failed: a == b; SIGABRT")

    def test_a_filter_is_no_description(self):
        text = ("Note: Google Test filter = Paper.ReplaysWhatItHas:Paper.X\n"
                "[ RUN      ] Paper.X\n[  FAILED  ] Paper.X (3 ms)\n")
        self.assertEqual(killers.describe(text, 1), "Paper.X")

    def test_success_says_nothing(self):
        self.assertEqual(killers.describe("[  PASSED  ] 3 tests.\n", 0), "")


if __name__ == "__main__":
    unittest.main()
