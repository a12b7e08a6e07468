#!/usr/bin/env python3
"""--from of a program of tests: the tests of one source, all of them, and no others."""

import pathlib
import subprocess
import sys
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1))
PROGRAMS = pathlib.Path(sys.argv.pop(1))  # a line for each source: its name, and its program


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)


def listed(*arguments):
    """The names of the tests that would run."""
    suite, names = "", []
    for line in run("--gtest_list_tests", *arguments).stdout.splitlines():
        if line.endswith("."):
            suite = line
        elif line.startswith("  "):
            names.append(suite + line.split()[0])
    return names


class From(unittest.TestCase):
    def test_each_test_is_from_one_source(self):
        lines = [line.split() for line in PROGRAMS.read_text(encoding="utf-8").splitlines()]
        sources = [source for source, program in lines if program == PROGRAM.name]
        self.assertGreater(len(sources), 1)
        parts = [listed(f"--from={source}") for source in sources]
        self.assertNotIn([], parts)
        self.assertEqual(sorted(sum(parts, [])), sorted(listed()))

    def test_a_filter_leaves_some_of_them(self):
        def chosen(filter_):
            return listed("--from=fifo_test", f"--gtest_filter={filter_}")

        every = listed("--from=fifo_test")
        self.assertEqual(chosen("*"), every)
        self.assertEqual(chosen("-None.*"), every)
        self.assertEqual(chosen(f"None.*:{every[0]}:Histogram.*"), every[:1])
        self.assertEqual(chosen(f"-None.*:{every[0]}"), every[1:])
        self.assertEqual(chosen(f"*-{every[0]}"), every[1:])

    def refused(self, words, *arguments):
        done = run(*arguments)
        self.assertEqual(done.returncode, 2)
        self.assertIn(words, done.stderr)

    def test_what_names_no_test_is_an_error(self):
        self.refused("no test is from fof_test.cc; they are from", "--from=fof_test")
        self.refused("no test of fifo_test.cc is like Histogram.*", "--from=fifo_test",
                     "--gtest_filter=Histogram.*")
        self.refused("unknown argument: fifo_test", "fifo_test")


if __name__ == "__main__":
    unittest.main()
