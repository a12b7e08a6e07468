#!/usr/bin/env python3
"""What the core is made of, counted: python3 tests/tidy/core_figures.py [ROOT]

For each class of paxos/ with a method: its fields, methods and lines. Of the core: the calls of its
methods, and how many of them cross a file. Of the folder: assertions for each function, and how
long functions are. Counted by names and braces alone (tests/mutants/scopes.py): good enough to
compare two commits, as ROOT may be any checkout.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "mutants"))

import cpp_text  # noqa: E402
import scopes  # noqa: E402

NO_FIELD = re.compile(r"(using|friend|static|enum|struct|class|typedef|template)\b")


class Folder:
    """The sources of paxos/, and what is defined in each."""

    def __init__(self, root):
        self.texts = {path.name: path.read_text() for path in sorted((root / "paxos").glob("*"))
                      if path.suffix in (".h", ".cc")}
        self.scopes = {name: scopes.scopes_of(text) for name, text in self.texts.items()}

    def functions(self):
        for name, found in self.scopes.items():
            for scope in found:
                if scope.kind == "function":
                    yield name, scope

    def length(self, name, scope):
        """Lines between the braces of a function; one that stands in a line has 1."""
        return max(1, self.texts[name][scope.open:scope.close].count("\n") - 1)


def members_of(code, scope, inside):
    """Fields and methods that the body of a class declares."""
    body = list(code[scope.open + 1:scope.close])
    methods = 0
    for one in inside:  # bodies, of which only the heads count
        begin, end = one.start - scope.open - 1, one.close - scope.open
        methods += one.kind == "function"
        body[begin:end] = " " * (end - begin)
    text = re.sub(r"\b(public|private|protected)\s*:(?!:)", " ", "".join(body))
    text = re.sub(r"\{[^{}]*\}", "", text)
    fields = 0
    for statement in text.split(";"):
        plain = " ".join(statement.split())
        if re.search(r"\w\s*\(|operator", plain.split("=")[0]) and not plain.startswith("friend"):
            methods += 1
        elif plain and not NO_FIELD.match(plain):
            fields += 1 + plain.split("=")[0].count(",") * ("<" not in plain)
    return fields, methods


def classes(folder):
    """Name to (fields, methods, lines), of those that do something."""
    table = {}
    for name, found in folder.scopes.items():
        code = cpp_text.skeleton(folder.texts[name])
        for scope in found:
            if scope.kind != "class" or scope.head.startswith("enum"):
                continue
            inside = [one for one in found if one is not scope and
                      one.path.rpartition("::")[0] == scope.path]
            fields, methods = members_of(code, scope, inside)
            if methods == 0:
                continue
            short = scope.path.removeprefix("once::paxos::")
            lines = folder.texts[name][scope.start:scope.close].count("\n") + 1
            for where, function in folder.functions():
                outside = where != name or function.start > scope.close
                if outside and function.path.startswith(scope.path + "::"):
                    text = folder.texts[where][function.start:function.close]
                    lines += text.count("\n") + 1
            table[short] = (fields, methods, lines)
    return table


def calls_of_core(folder):
    """All calls of the core's own methods, and those of a method that another file defines."""
    home = {}
    for name, scope in folder.functions():
        if "::Core::" in scope.path:
            home.setdefault(scope.path.rpartition("::")[2], set()).add(name)
    calls = across = 0
    for name, scope in folder.functions():
        if "::Core::" not in scope.path:
            continue
        body = cpp_text.skeleton(folder.texts[name])[scope.open:scope.close]
        for called in re.findall(r"(?<![\w.>:])(\w+)\(", body):
            if called in home:
                calls += 1
                across += name not in home[called]
    return calls, across


def main(arguments):
    root = pathlib.Path(arguments[0]) if arguments else HERE.parents[2]
    folder = Folder(root)
    print(f"{'class':24} fields methods lines")
    table = classes(folder)
    for name, (fields, methods, lines) in sorted(table.items(), key=lambda item: -item[1][2]):
        print(f"{name:24} {fields:6} {methods:7} {lines:5}")
    core = {name: text for name, text in folder.texts.items() if re.match(r"core[_.]", name)}
    print(f"lines: core.h {folder.texts['core.h'].count(chr(10))}, the core's {len(core)} files "
          f"{sum(text.count(chr(10)) for text in core.values())}")
    calls, across = calls_of_core(folder)
    print(f"calls of the core's methods: {calls}, of them to another file: {across}")
    lengths = sorted(folder.length(*one) for one in folder.functions())
    asserts = sum(len(re.findall(r"\b(?:ONCE_ASSERT|static_assert)\(", text))
                  for text in folder.texts.values())
    print(f"functions: {len(lengths)}, assertions: {asserts}, "
          f"{asserts / len(lengths):.2f} for each function")
    print(f"lengths of functions: median {lengths[len(lengths) // 2]}, "
          f"p90 {lengths[len(lengths) * 9 // 10]}, max {lengths[-1]}")


if __name__ == "__main__":
    main(sys.argv[1:])
