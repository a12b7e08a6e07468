"""Many mutants in one copy of the tree: a number that is read when a program starts chooses one.

A function with mutants gets their bodies before its own, each behind its number:

    int f(int x) {                      int f(int x) {
      return x + 1;                       if (once_mutant == 17) {
    }                                       return x - 1;
                                            __builtin_unreachable(); }
                                          return x + 1;
                                        }

What is before and after a body - parameters, initialisers of members, constants - cannot be woven,
nor what a compiler evaluates: such mutants are built alone.
"""

import dataclasses
import re
import zlib

import cpp_text
from catalogue import Trouble

VARIABLE = "ONCE_MUTANT"  # of the environment, so that the children of a test have it too
HEADER = "once_mutant.h"
HEADER_TEXT = f"""#pragma once
#include <cstdlib>

inline int once_mutant = 0;
// Before any other initialiser runs.
[[gnu::constructor(101)]] static inline void read_once_mutant() {{
  if (const char* number = std::getenv("{VARIABLE}")) once_mutant = std::atoi(number);
}}
"""


@dataclasses.dataclass(frozen=True)
class Woven:
    numbers: dict  # mutant's name -> its number
    alone: dict  # mutant's name -> why it is not among them
    texts: dict  # file -> its text with all of them in it


def number_of(name):
    """The same whatever other mutants there are: so little is compiled anew when one is added."""
    return zlib.crc32(name.encode()) & 0x7fffffff or 1


def weave(chosen, sources, apart=None):
    """`chosen`: mutants with their places. `apart`: mutants that must not be woven, and why."""
    alone, numbers, of_file = dict(apart or {}), {}, {}
    for mutant, places in chosen:
        why = alone.get(mutant.name) or mutant.alone or _obstacle(places, sources)
        if why:
            alone[mutant.name] = why
            continue
        number = number_of(mutant.name)
        if number in numbers.values():
            raise Trouble(f"{mutant.name}: another mutant has its number; choose another name")
        numbers[mutant.name] = number
        for scope in {place.scope for place in places}:
            edits = [place for place in places if place.scope == scope]
            branches = of_file.setdefault(edits[0].file, {}).setdefault(scope, [])
            branches.append((mutant.name, number, edits))
    texts = {name: _woven_text(name, scopes, sources) for name, scopes in of_file.items()}
    if texts:
        texts[HEADER] = HEADER_TEXT
    return Woven(numbers, alone, texts)


def _obstacle(places, sources):
    """Why these places cannot be woven; "" if they can."""
    for place in places:
        scope = place.scope
        if scope is None or scope.kind != "function":
            return "it is in no function"
        if not (scope.open < place.start and place.end <= scope.close):
            return "it is outside of the function's body"
        if re.search(r"\b(constexpr|consteval)\b", scope.head):
            return "the compiler may evaluate the function"
        if scope.result in ("auto", "decltype(auto)") or scope.head.endswith("try"):
            return "what the function returns is not said before its body"
        body = cpp_text.skeleton(sources.text(place.file))[scope.open:scope.close]
        if re.search(r"\bco_(await|return|yield)\b", body):
            return "the function is a coroutine"
    return ""


def returns_nothing(scope):
    return scope.result == "void" or (not scope.result and "operator" not in scope.path)


def _woven_text(name, scopes, sources):
    text = sources.text(name)
    for scope in sorted(scopes, key=lambda scope: -scope.open):
        line = sources.text(name).count("\n", 0, scope.open) + 1
        branches = "".join(_branch(name, line, scope, *one, sources) for one in scopes[scope])
        text = (text[:scope.open + 1] + branches + f'\n#line {line} "{name}"\n'
                + text[scope.open + 1:])
    return f'#include "{HEADER}"\n#line 1 "{name}"\n{text}'


def _branch(name, line, scope, mutant, number, edits, sources):
    """The mutated body. Its lines bear the mutant's name, for what a compiler says of them."""
    body = sources.text(name)[scope.open + 1:scope.close]
    for edit in sorted(edits, key=lambda edit: -edit.start):
        begin, end = edit.start - scope.open - 1, edit.end - scope.open - 1
        body = body[:begin] + cpp_text.without_comments(edit.replace) + body[end:]
    end = "return;" if returns_nothing(scope) else "__builtin_unreachable();"
    return (f'\nif (once_mutant == {number}) {{\n#line {line} "{name}#{mutant}"\n'
            f"{body}\n{end}\n}}")


def to_be_taken_apart(errors, woven, places_of):
    """Of a build that failed, the woven mutants that may be why: those that a compiler's line
    names, or else all in the files that it names."""
    named = set(re.findall(r"#([\w-]+):\d+:(?:\d+:)? (?:fatal )?error", errors))
    found = named & set(woven.numbers)
    if found:
        return found
    files = set(re.findall(r"([\w./-]+\.(?:h|cc)):\d+:(?:\d+:)? (?:fatal )?error", errors))
    return {name for name in woven.numbers
            if any(file.endswith(place.file) for place in places_of[name] for file in files)}
