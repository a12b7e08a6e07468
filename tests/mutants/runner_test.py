#!/usr/bin/env python3
"""The runner itself: every patch applies to this tree, and what does not apply is an error."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
import killers  # noqa: E402
import patches  # noqa: E402
import tree  # noqa: E402

PRODUCT = {"paxos", "wal", "server", "client", "net"}


class Patches(unittest.TestCase):
    def setUp(self):
        self.all = patches.read_all(HERE / "patches")

    def test_there_are_enough_of_them_in_each_folder(self):
        self.assertGreaterEqual(len(self.all), 50)
        self.assertEqual({patch.files[0].split("/")[0] for patch in self.all}, PRODUCT)
        self.assertTrue(5 <= sum(patch.fast for patch in self.all) <= 15)

    def test_each_applies_without_fuzz(self):
        with tempfile.TemporaryDirectory() as directory:
            for folder in PRODUCT:
                shutil.copytree(ROOT / folder, pathlib.Path(directory, folder))
            for patch in self.all:
                with self.subTest(patch.name):
                    original = (ROOT / patch.files[0]).read_bytes()
                    self.assertIsNone(patches.apply_strictly(patch, directory))
                    changed = pathlib.Path(directory, patch.files[0])
                    self.assertNotEqual(changed.read_bytes(), original)
                    changed.write_bytes(original)

    def test_each_names_killers_that_exist(self):
        known = killers.known(ROOT, fast=False)
        for patch in self.all:
            with self.subTest(patch.name):
                order = patch.in_order(known)
                self.assertIn(order[0].target, patch.expected)
        fast = killers.known(ROOT, fast=True)
        for patch in self.all:
            if patch.fast:
                patch.in_order(fast)


class Strictness(unittest.TestCase):
    """A patch beside its place is an error of the mutant, never skipped, never placed by fuzz."""

    def make(self, directory, source):
        root = pathlib.Path(directory)
        (root / "paxos").mkdir()
        (root / "paxos" / "x.cc").write_text(source)
        patch = root / "m.patch"
        patch.write_text(
            "Defect: d\nWrong because: w\nKillers: ballots_test\n\n"
            "--- a/paxos/x.cc\n+++ b/paxos/x.cc\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n")
        return patches.Patch(patch)

    def test_context_that_changed_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            patch = self.make(directory, "a\nb\nC\n")
            self.assertIn("paxos/x.cc", patches.apply_strictly(patch, directory))
            self.assertEqual(pathlib.Path(directory, "paxos/x.cc").read_text(), "a\nb\nC\n")

    def test_context_that_holds_is_taken_and_reverted(self):
        with tempfile.TemporaryDirectory() as directory:
            patch = self.make(directory, "a\nb\nc\n")
            copy = tree.Copy(directory, f"{directory}/copy", 1)
            copy.source.mkdir(parents=True)
            shutil.copytree(f"{directory}/paxos", copy.source / "paxos")
            self.assertIsNone(copy.apply(patch))
            self.assertEqual((copy.source / "paxos/x.cc").read_text(), "a\nB\nc\n")
            copy.revert()
            self.assertEqual((copy.source / "paxos/x.cc").read_text(), "a\nb\nc\n")

    def test_a_header_without_its_fields_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            patch = self.make(directory, "a\nb\nc\n")
            patch.path.write_text(patch.path.read_text().replace("Killers: ballots_test\n", ""))
            with self.assertRaises(SystemExit):
                patches.Patch(patch.path)

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

    def test_success_says_nothing(self):
        self.assertEqual(killers.describe("[  PASSED  ] 3 tests.\n", 0), "")


if __name__ == "__main__":
    unittest.main()
