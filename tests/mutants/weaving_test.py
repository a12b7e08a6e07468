#!/usr/bin/env python3
"""Weaving: one build of a small program holds several mutants, and a number chooses."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import catalogue  # noqa: E402
import placing  # noqa: E402
import weaving  # noqa: E402

SOURCE = """#include <cstdio>
#include <string>
namespace {
int count = 0;
constexpr int twice(int x) { return 2 * x; }
template <class T>
T add(T x) {
  static int calls = 10;
  const auto next = [&] { return x + 1; };
  ++calls;
  return next() + calls;
}
void put() {
  if (count > 5) return;
  count = 5;
}
const std::string& name() {
  static const std::string kept = "right";
  return kept;
}
struct Pair {
  Pair(int a, int b) : a_{a}, b_(b) { count += 100; }
  ~Pair() { count += 1000; }
  int a_, b_;
};
}  // namespace
int main() {
  static_assert(twice(2) == 4);
  put();
  put();
  { Pair pair(1, 2); }
  std::printf("%d %d %s", add(1), count, name().c_str());
}
"""
CATALOGUE = """
[add-one-less]
function = "add"
find = 'return x + 1;'
replace = 'return x - 1;'
[calls-are-not-counted]
function = "add"
find = '++calls;'
replace = ''
[put-more]
function = "put"
find = 'count = 5;'
replace = 'count = 6;'
[wrong-name]
function = "name"
find = 'kept = "right";'
replace = 'kept = "wrong";  // a comment'
[pair-not-counted]
function = "Pair::Pair"
find = 'count += 100;'
replace = ''
[pair-counts-two]
[[pair-counts-two.edit]]
function = "Pair::Pair"
find = 'count += 100;'
replace = 'count += 200;'
[[pair-counts-two.edit]]
function = "Pair::~Pair"
find = 'count += 1000;'
replace = 'count += 2000;'
[does-not-compile]
function = "put"
find = 'count = 5;'
replace = 'count = no_such_name;'
[of-a-constant]
find = 'int count = 0;'
replace = 'int count = 1;'
[of-an-initialiser]
function = "Pair::Pair"
find = 'a_{a}'
replace = 'a_{b}'
[evaluated]
function = "twice"
find = '2 * x'
replace = '3 * x'
[by-choice]
alone = "a reason"
function = "put"
find = 'count = 5;'
replace = 'count = 7;'
"""
COMMON = 'defect = "d"\nwhy = "w"\nkillers = ["k"]\nfile = "base/main.cc"\n'


def read():
    text = "".join(line + (COMMON if line.startswith("[") and not line.startswith("[[") else "")
                   for line in CATALOGUE.splitlines(keepends=True))
    return catalogue.read(text, "x.toml")


class Weaving(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        (self.root / "base").mkdir()
        (self.root / "base/main.cc").write_text(SOURCE)
        self.sources = placing.Sources(self.root)
        self.chosen = [(one, placing.place(one, self.sources)) for one in read()]

    def build(self, woven):
        for name, text in woven.texts.items():
            (self.root / name).write_text(text)
        return subprocess.run(["c++", "-std=c++20", "-O1", "-w", "-I.", "base/main.cc", "-o", "x"],
                              cwd=self.root, capture_output=True, text=True, check=False)

    def says(self, number):
        environment = {**os.environ, weaving.VARIABLE: str(number)}
        return subprocess.run([self.root / "x"], env=environment, capture_output=True, text=True,
                              check=True).stdout

    def test_one_build_serves_many(self):
        first = weaving.weave(self.chosen, self.sources)
        self.assertEqual(first.alone, {
            "of-a-constant": "it is in no function",
            "of-an-initialiser": "it is outside of the function's body",
            "evaluated": "the compiler may evaluate the function", "by-choice": "a reason"})
        failed = self.build(first)
        self.assertNotEqual(failed.returncode, 0)
        places = {mutant.name: places for mutant, places in self.chosen}
        guilty = weaving.to_be_taken_apart(failed.stderr, first, places)
        self.assertEqual(guilty, {"does-not-compile"})

        woven = weaving.weave(self.chosen, self.sources, {name: "broken" for name in guilty})
        done = self.build(woven)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.says(0), "13 1105 right")
        self.assertEqual({name: self.says(number) for name, number in woven.numbers.items()}, {
            "add-one-less": "11 1105 right",
            "calls-are-not-counted": "12 1105 right",
            "put-more": "13 1106 right",
            "wrong-name": "13 1105 wrong",
            "pair-not-counted": "13 1005 right",
            "pair-counts-two": "13 2205 right"})

    def test_an_error_beside_the_branches_takes_the_whole_file_apart(self):
        woven = weaving.weave(self.chosen, self.sources)
        places = {mutant.name: places for mutant, places in self.chosen}
        self.assertEqual(weaving.to_be_taken_apart("base/main.cc:3:1: error: x", woven, places),
                         set(woven.numbers))
        self.assertEqual(weaving.to_be_taken_apart("base/other.cc:3:1: error: x", woven, places),
                         set())

    def test_a_number_does_not_depend_on_the_others(self):
        whole = weaving.weave(self.chosen, self.sources).numbers
        self.assertEqual(weaving.weave(self.chosen[2:3], self.sources).numbers,
                         {"put-more": whole["put-more"]})

    def test_two_mutants_of_one_number_are_refused(self):
        with self.assertRaisesRegex(catalogue.Trouble, "choose another name"):
            weaving.weave([self.chosen[0], self.chosen[0]], self.sources)


if __name__ == "__main__":
    unittest.main()
