#!/usr/bin/env python3
"""The runner on a small project: what is woven, what is built alone, what lives, what is an error.
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import campaign  # noqa: E402
import catalogue  # noqa: E402
import killers  # noqa: E402
import placing  # noqa: E402
import report  # noqa: E402

FILES = {
    "CMakeLists.txt": """cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
include_directories(${CMAKE_SOURCE_DIR})
add_executable(sum_test base/sum.cc sum_test.cc)
add_executable(other_test base/sum.cc other_test.cc)
""",
    "base/sum.h": """#pragma once
constexpr int twice(int x) { return x + x; }
int sum(int a, int b);
int square(int a);
int unused(int a);
""",
    "base/sum.cc": """#include "base/sum.h"
int sum(int a, int b) {
  if (a == 0) return b;
  return a + b;
}
int square(int a) { return a * a; }
int unused(int a) { return a; }
""",
    "sum_test.cc": """#include "base/sum.h"
int main() { return sum(0, 2) == 2 && sum(3, 4) == 7 && twice(2) == 4 ? 0 : 1; }
""",
    "other_test.cc": """#include "base/sum.h"
int main() { return square(3) == 9 ? 0 : 1; }
""",
}
COMMON = 'defect = "d"\nwhy = "w"\nkillers = ["sum_test"]\nfile = "base/sum.cc"\n'
CATALOGUE = {
    "woven": ("sum", "a + b", "a - b"),
    "by-another": ("square", "a * a", "a + a"),
    "evaluated": ("twice", "x + x", "x"),
    "nothing-changes": ("sum", "if (a == 0) return b;", ""),
    "broken": ("sum", "a + b", "a + c"),
    "unseen": ("unused", "return a;", "return 0;"),
}


class SmallProject(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name, "root")
        for name, text in FILES.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)

    def run_all(self, stages, names=CATALOGUE, apart=()):
        text = "".join(f"[{name}]\n{COMMON}function = '{CATALOGUE[name][0]}'\n"
                       f"find = '{CATALOGUE[name][1]}'\nreplace = '{CATALOGUE[name][2]}'\n"
                       for name in names)
        sources = placing.Sources(self.root)
        chosen = [(one, placing.place(one, sources)) for one in catalogue.read(text, "x")]
        work = campaign.Campaign(self.root, pathlib.Path(self.directory.name, "work"), 2, chosen,
                                 sources, stages, False, apart)
        return work.run()

    def test_each_mutant_gets_its_verdict(self):
        stages = [[killers.Killer(name, [], {"base"}, 1)] for name in ("sum_test", "other_test")]
        control, rows = self.run_all(stages)
        self.assertEqual([row["killer"] for row in control], ["sum_test", "other_test"])
        got = {row["mutant"]: (row["by"], row["error"].split(":")[0], row["alone"])
               for row in rows}
        self.assertEqual(got, {
            "woven": ("sum_test", "", ""),
            "by-another": ("other_test", "", ""),
            "evaluated": ("sum_test", "", "the compiler may evaluate the function"),
            "nothing-changes": ("", "", "it survived when woven"),
            "broken": ("", "it does not compile", "it does not compile when woven"),
            "unseen": ("", "", "it survived when woven")})
        text = report.table(control, rows, 1.0)
        self.assertIn("2 mutants woven into one build, 4 built alone", text)
        self.assertIn("by-another was expected to be killed by sum_test, and was by other_test",
                      text)
        self.assertIn("3 of 6 mutants killed (50 %), 2 survived, 1 errors", text)

    def test_what_nobody_needs_is_not_built(self):
        stages = [[killers.Killer("sum_test", [], {"base"}, 1)],
                  [killers.Killer("no_such_program", [], {"base"}, 1)]]
        control, rows = self.run_all(stages, ["woven"])
        self.assertEqual(len(control), 1)
        self.assertTrue(rows[0]["killed"])

    def test_what_was_found_before_a_later_program_failed_is_kept(self):
        (self.root / "other_test.cc").write_text("int main() { return 1; }\n")
        stages = [[killers.Killer(name, [], {"base"}, 1)] for name in ("sum_test", "other_test")]
        control, rows = self.run_all(stages, ["woven", "by-another"])
        self.assertEqual([row["failed"] for row in control], [False, True])
        self.assertEqual([row["killed"] for row in rows], [True, False])

    def test_a_control_that_fails_ends_it(self):
        (self.root / "sum_test.cc").write_text("int main() { return 1; }\n")
        stages = [[killers.Killer("sum_test", [], {"base"}, 1)]]
        control, rows = self.run_all(stages, ["woven"])
        self.assertTrue(control[0]["failed"])
        self.assertEqual(rows, [])

    def test_a_tree_that_does_not_build_is_no_mutants_fault(self):
        (self.root / "sum_test.cc").write_text("int main() { return x; }\n")
        stages = [[killers.Killer("sum_test", [], {"base"}, 1)]]
        control, rows = self.run_all(stages, ["woven"])
        self.assertEqual(control[0]["killer"], "build")
        self.assertIn("sum_test.cc:1", control[0]["detail"])
        self.assertEqual(rows, [])

    def test_alone_on_demand(self):
        stages = [[killers.Killer("sum_test", [], {"base"}, 1)]]
        _, rows = self.run_all(stages, ["woven"], {"woven": "--alone"})
        self.assertEqual((rows[0]["by"], rows[0]["alone"]), ("sum_test", "--alone"))


if __name__ == "__main__":
    unittest.main()
