#!/usr/bin/env python3
"""Mutants and code that moves: a mutant keeps its place, or says that it has lost it."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import catalogue  # noqa: E402
import cpp_text  # noqa: E402
import placing  # noqa: E402
import scopes  # noqa: E402

HEADER = """#pragma once
namespace once {
class Counter {
 public:
  int next(int step);
  int last() const { return last_; }

 private:
  static constexpr int kFirst = 7;
  int last_ = kFirst;
};
}  // namespace once
"""
SOURCE = """#include "paxos/counter.h"
namespace once {
int Counter::next(int step) {
  if (step < 0) return last_;  // backwards: never
  last_ += step;
  return last_;
}
int Counter::next(const char* steps) {
  if (!steps) return last_;
  return next(*steps);
}
}  // namespace once
"""
OTHER = "namespace once {\n}  // namespace once\n"


def table(function="Counter::next", find="if (step < 0) return last_;", replace="", **more):
    keys = {"defect": "d", "why": "w", "file": "paxos/counter.cc", "function": function, **more}
    lines = [f'{key} = "{value}"' for key, value in keys.items() if value]
    return "\n".join(["[one]", *lines, 'killers = ["k"]', f"find = '{find}'",
                      f"replace = '{replace}'"])


class Tree(unittest.TestCase):
    """A small tree of three files, in which code is moved."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.write("paxos/counter.h", HEADER)
        self.write("paxos/counter.cc", SOURCE)
        self.write("wal/other.cc", OTHER)

    def write(self, name, text):
        path = pathlib.Path(self.directory.name, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def placed(self, text):
        mutant, = catalogue.read(text, "x.toml")
        sources = placing.Sources(self.directory.name)
        places = placing.place(mutant, sources)
        return places[0], placing.apply(places, sources)

    def refused(self, text, *words):
        with self.assertRaises(catalogue.Trouble) as caught:
            self.placed(text)
        for word in words:
            self.assertIn(word, str(caught.exception))


class Moving(Tree):
    def test_the_text_is_replaced(self):
        place, texts = self.placed(table())
        self.assertEqual(place.scope.path, "once::Counter::next")
        self.assertEqual(texts, {"paxos/counter.cc": SOURCE.replace(
            "if (step < 0) return last_;", "")})

    def test_a_function_that_moves_to_another_file_takes_its_mutants_with_it(self):
        begin, end = SOURCE.index("int Counter::next(int"), SOURCE.index("int Counter::next(const")
        self.write("paxos/counter.cc", SOURCE[:begin] + SOURCE[end:])
        self.write("wal/other.cc", OTHER.replace("{\n", "{\n" + SOURCE[begin:end]))
        place, texts = self.placed(table())
        self.assertEqual(place.file, "wal/other.cc")
        self.assertNotIn("if (step < 0)", texts["wal/other.cc"])

    def test_a_file_that_is_renamed_breaks_nothing(self):
        pathlib.Path(self.directory.name, "paxos/counter.cc").unlink()
        self.write("paxos/sequence.cc", SOURCE)
        self.assertEqual(self.placed(table())[0].file, "paxos/sequence.cc")

    def test_lines_above_and_other_functions_with_the_same_text_break_nothing(self):
        same = "int other(int step) {\n  if (step < 0) return last_;\n  return 0;\n}\n"
        self.write("paxos/counter.cc", "// A line.\n\n" + SOURCE.replace("int Counter", same +
                                                                      "int Counter", 1))
        self.placed(table())

    def test_another_layout_breaks_nothing(self):
        self.write("paxos/counter.cc", SOURCE.replace(
            "if (step < 0) return last_;", "if (\n      step<0)\n    return last_ ;"))
        self.placed(table())

    def test_a_literal_in_two_parts_breaks_nothing(self):
        whole = 'log("the step is below \\"zero\\", which is never right");'
        cut = 'log("the step is below \\"zero\\", "\n      "which is never right");'
        for ours, theirs in ((whole, cut), (cut, whole), (whole, whole), (cut, cut)):
            self.write("paxos/counter.cc", SOURCE.replace("last_ += step;", theirs))
            self.placed(f"{table().split('find')[0]}find = \'\'\'{ours}\'\'\'\nreplace = ''")

    def test_a_comment_in_between_breaks_nothing(self):
        self.write("paxos/counter.cc", SOURCE.replace("last_ += step;", "// why\n  last_ += step;"))
        self.placed(table(find="return last_; last_ += step;", replace="return 0;"))

    def test_a_constant_may_move_within_its_class(self):
        constant = table("", "kFirst = 7", "kFirst = 8", file="paxos/counter.h",
                         **{"class": "Counter"})
        self.placed(constant)
        self.write("wal/other.cc", HEADER.replace(" public:", " public:\n  int more_ = 0;"))
        self.write("paxos/counter.h", "#pragma once\n")
        self.assertEqual(self.placed(constant)[0].file, "wal/other.cc")


class Losing(Tree):
    def test_a_text_that_stands_twice_is_ambiguous(self):
        self.refused(table(find="return last_;", replace="return 1;"), "ambiguous", "counter.cc:4",
                     "counter.cc:6")

    def test_a_parameter_tells_functions_of_one_name_apart(self):
        self.write("paxos/counter.cc", SOURCE.replace("*steps);", "*steps);\n  last_ += step;"))
        self.refused(table(find="last_ += step;"), "ambiguous", "const char* steps", "int step")
        place, _ = self.placed(table("Counter::next(int)", "last_ += step;"))
        self.assertEqual(place.scope.parameters, "int step")

    def test_a_parameter_tells_call_operators_apart(self):
        self.write("paxos/counter.cc", """
struct Shown {
  void operator()(const Promise& one) {
    ++shown_;
  }
  void operator()(const Accept& one) {
    ++shown_;
  }
};
""")
        self.refused(table("Shown::operator()", "++shown_;"), "ambiguous", "const Promise& one")
        place, _ = self.placed(table("Shown::operator()(Accept)", "++shown_;"))
        self.assertEqual(place.scope.parameters, "const Accept& one")

    def test_two_functions_of_the_name_in_other_files_are_ambiguous(self):
        pathlib.Path(self.directory.name, "paxos/counter.cc").unlink()
        self.write("wal/a.cc", SOURCE)
        self.write("wal/b.cc", SOURCE)
        self.refused(table(), "ambiguous", "wal/a.cc", "wal/b.cc")

    def test_what_is_gone_is_named(self):
        self.refused(table(find="no such text"), "'no such text' is not in Counter::next")
        self.refused(table("Counter::previous"), "there is no function Counter::previous")
        self.refused(table("", "no such text", ""), "nor anywhere else")

    def test_a_word_is_not_found_within_another(self):
        self.refused(table(find="ast_ += step"), "is not in")

    def test_a_comment_is_no_place(self):
        self.refused(table(find="backwards: never"), "is not in")

    def test_an_edit_that_changes_nothing_is_refused(self):
        self.refused(table(replace="if (step < 0) return last_;"), "changes nothing")

    def test_edits_that_overlap_are_refused(self):
        text = table().split("find")[0]
        for find in ("return last_; last_ += step;", "last_ += step; return last_;"):
            text += f"[[one.edit]]\nfind = '{find}'\nreplace = ''\n"
        self.refused(text, "overlap")


class Scopes(unittest.TestCase):
    def heads(self, source):
        return [(one.kind, one.path, one.result) for one in scopes.scopes_of(source)]

    def test_functions_and_what_they_return(self):
        for head, name, result in (
                ("void f()", "f", "void"),
                ("static inline int f(int a = g())", "f", "int"),
                ("template <class T, size_t N> std::array<T, N> A::f(T t) const noexcept",
                 "A::f", "std::array<T, N>"),
                ("[[nodiscard]] auto A::f() const -> Result<void>", "A::f", "Result<void>"),
                ("A::A(int a) : a_{a}, b_(a)", "A::A", ""),
                ("A::A(std::function<void(int)> f) noexcept : f_{f}, g_{}", "A::A", ""),
                ("A::~A()", "A::~A", ""),
                ("bool A::operator==(const A& other) const", "A::operator==", "bool"),
                ("void A::operator()(int a)", "A::operator()", "void"),
                ("explicit operator bool() const", "operator bool", ""),
                ("const std::function<void(int)>& f(int)", "f",
                 "const std::function<void(int)>&"),
                ("struct stat f(const struct stat& a)", "f", "struct stat")):
            with self.subTest(head):
                self.assertEqual(self.heads(head + " { if (a) { b(); } }"),
                                 [("function", name, result)])

    def test_classes_and_namespaces_qualify(self):
        source = """namespace a::b { extern "C" { namespace {
          struct alignas(64) S final : T<int> { enum class E { kOne }; private: void f() {} }; } }
          class U; int g() {} }"""
        self.assertEqual([path for _, path, _ in self.heads(source)],
                         ["a::b::S", "a::b::S::E", "a::b::S::f", "a::b::g"])

    def test_initialisers_are_no_functions(self):
        for text in ("int a{f(1)};", "const auto a = [](int b) { return b; };",
                     "std::array<int, f()> a{};", "int a = f(b ? 1 : 2), b[] = {1, 2};",
                     "Writer w_{[this](int a) { g(a); }};"):
            with self.subTest(text):
                self.assertEqual(self.heads(text), [])

    def test_brackets_in_literals_comments_and_macros_do_not_count(self):
        source = """
#define F(x) { \\
  {
void f() { g('{', "}{", R"x(}")x", 1'000); /* } */ // }
}
void h() {}"""
        self.assertEqual([path for _, path, _ in self.heads(source)], ["f", "h"])

    def test_blanking_moves_nothing(self):
        source = 'a(); // b\n"//" + c; /* d\n e */ f();'
        self.assertEqual(cpp_text.without_comments(source), 'a();     \n"//" + c;     \n      f();')


if __name__ == "__main__":
    unittest.main()
