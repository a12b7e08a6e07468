#!/usr/bin/env python3
"""Lint as a test: include direction, banned calls with their replacement, lengths, white space,
traces of a merge or of a formatter that ran on the wrong file.

The rules are checked on the whole tree, and each is first proved to fire on an embedded bad sample.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["base", "paxos", "doors", "reactor", "wal", "net", "server", "client", "cli",
           "bench", "tests"]

# Folder -> what it may include. Arrows point one way.
MAY_INCLUDE = {
    "base": {"base"},
    "paxos": {"base", "paxos"},
    "doors": {"base", "paxos", "doors"},
    "reactor": {"base", "reactor"},
    "wal": {"base", "reactor", "wal"},
    "net": {"base", "paxos", "doors", "reactor", "net"},
    "server": {"base", "paxos", "doors", "reactor", "wal", "net", "server"},
    "client": {"base", "paxos", "net", "client"},
    "cli": {"base", "paxos", "net", "client", "cli"},
    "bench": {"base", "paxos", "reactor", "wal", "net", "bench"},
    "tests": set(FOLDERS),
}

# The core knows no clock, thread, socket or file.
NOT_IN_CORE = re.compile(
    r"<(chrono|thread|mutex|atomic|condition_variable|fstream|iostream|filesystem|ctime|time\.h|"
    r"unistd\.h|fcntl\.h|pthread\.h|sys/.*)>")

# (rule, pattern, replacement, also in tests)
BANNED = [
    ("assert", r"(?<![\w.])assert\s*\(|<cassert>|<assert\.h>", "ONCE_ASSERT", True),
    ("regex", r"std::regex|<regex>", "a hand-written parser", True),
    ("rand", r"(?<!\w)s?rand\s*\(", "a seeded generator, or getrandom", True),
    ("strcpy", r"(?<!\w)strn?cpy\s*\(", "memcpy with a checked size, or std::string", True),
    ("sprintf", r"(?<!\w)v?sprintf\s*\(", "fmt::format or snprintf", True),
    ("usleep", r"(?<!\w)usleep\s*\(", "a timer of the event loop", True),
    ("sleep", r"(?<!\w)(nano)?sleep\s*\(|sleep_for\s*\(", "a timer of the event loop", False),
    ("using namespace std", r"using\s+namespace\s+std\s*;", "qualified names", True),
    ("gettimeofday", r"(?<!\w)gettimeofday\b", "the clock of the event loop", True),
    # What exists once, in base/.
    ("HOST:PORT", r"(rfind|find_last_of)\(':'\)", "base/host_port.h", False),
    ("hex digits", r"0123456789abcdef", "base/hex_digits.h", False),
    ("errno text", r"(generic|system)_category\(\)", "base/errno_text.h, or std::strerror", False),
]

# Where a rule has a reason not to hold.
EXEMPT = {
    ("HOST:PORT", "base/host_port.h"),
    ("hex digits", "base/hex_digits.h"),
    ("errno text", "base/errno_text.h"),
    ("sleep", "server/data_directory.cc"),  # waits for the lock at start, before any loop runs
    ("sleep", "server/dev.cc"),  # supervises processes; it has no event loop
    ("sleep", "server/dev_plan.cc"),  # waits for a port at start; it has no event loop
    ("sleep", "server/node.cc"),  # waits for a port at start, before any loop runs
}

MAX_COLUMNS = 100
MAX_LINES = 500
MAX_HEADER_LINES = 250
CHECKED = {".h", ".cc", ".in", ".py", ".cmake", ".txt", ".md", ".json", ".sh", ""}
WIDE_ALLOWED = {".md", ".txt", ".json"}  # tables and data


CONFLICT = re.compile(r"^(?:<{7}|>{7})(?: |$)")
# What clang-format makes of "${X}/file" and "$<TARGET_FILE:x>". CMake then takes several words.
MANGLED = re.compile(r"\$\s+[{<]|\$\{\s|\$\{\w+\s+\}|\}\s+/|/\s+\$|\$<\w+\s*:\s|\$<\w+\s+:")
QUOTIENT = re.compile(r"^\s*math\(EXPR ")


def without_comments(text):
    """The code with comments blanked, line numbers kept. String literals stay."""
    text = re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match.group()), text,
                  flags=re.DOTALL)
    lines = []
    for line in text.split("\n"):
        lines.append(re.sub(r'^((?:[^"/]|"(?:\\.|[^"\\])*"|/(?!/))*)//.*$', r"\1", line))
    return "\n".join(lines)


def check_include(path, line):
    match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
    if not match:
        return
    quote, target = match.groups()
    folder = path.split("/")[0]
    if folder == "examples":  # written as a user would: the installed headers and its own
        if quote == '"' and "/" in target:
            yield "public header", f'"{target}": include <once/...>'
        return
    if quote == '"':
        other = target.split("/")[0]
        if "/" not in target or other not in FOLDERS:
            yield "include root", f'"{target}": include from the root, "folder/file.h"'
        elif other not in MAY_INCLUDE[folder]:
            yield "include direction", f"{folder}/ may not include {other}/"
    elif target.startswith("liburing") and not re.match(
            r"(reactor/uring_[^/]*|tests/unit/reactor/uring_tap\.h)$", path):
        yield "liburing", "only reactor/uring_* and its tap in the tests include <liburing.h>"
    elif target.startswith("CLI/") and folder != "tests" and not re.match(
            r"base/(command_line\.cc|usage\.cc|usage_format\.(cc|h))$", path):
        yield "CLI11", "command lines are read through base/command_line.h"
    if folder == "paxos" and NOT_IN_CORE.search(f"<{target}>"):
        yield "core", f"paxos/ knows no clock, thread, socket or file: <{target}>"


def check_code(path, text):
    in_tests = path.startswith("tests/")
    for number, line in enumerate(without_comments(text).split("\n"), 1):
        for rule, message in check_include(path, line):
            yield number, rule, message
        for rule, pattern, replacement, tests_too in BANNED:
            if (rule, path) in EXEMPT or (in_tests and not tests_too):
                continue
            if re.search(pattern, line):
                yield number, rule, f"use {replacement}"


def check_conflicts(text):
    for number, line in enumerate(text.split("\n"), 1):
        if CONFLICT.match(line):
            yield number, "conflict marker", "a merge was not resolved"


def check_cmake(text):
    for number, line in enumerate(text.split("\n"), 1):
        code = line.split("#")[0]
        if MANGLED.search(code) and not QUOTIENT.match(code):
            yield number, "mangled CMake", "spaces inside a path or a generator expression"


def check_text(path, text):
    yield from check_conflicts(text)
    suffix = pathlib.PurePosixPath(path).suffix
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS and suffix not in WIDE_ALLOWED:
            yield number, "columns", f"{len(line)} columns, at most {MAX_COLUMNS}"
        if line != line.rstrip():
            yield number, "trailing space", "trailing white space"
        if "\t" in line:
            yield number, "tab", "a tab"
    if text and not text.endswith("\n"):
        yield len(lines), "last newline", "no newline at the end"
    if suffix in {".h", ".cc", ".py"}:
        limit = MAX_HEADER_LINES if suffix == ".h" else MAX_LINES
        if len(lines) - 1 > limit:
            yield len(lines) - 1, "length", f"{len(lines) - 1} lines, at most {limit}"
    if suffix == ".h" and "#pragma once" not in text:
        yield 1, "pragma once", "a header without #pragma once"


def check(path, text):
    yield from check_text(path, text)
    if path.endswith((".h", ".cc")):
        yield from check_code(path, text)
    if path.endswith((".cmake", "CMakeLists.txt")):
        yield from check_cmake(text)


# Each sample: path, text, the rules that must fire and no others.
SAMPLES = [
    ("base/a.h", '#pragma once\n#include "paxos/ballot.h"\n', {"include direction"}),
    ("paxos/a.cc", '#include "reactor/io.h"\n', {"include direction"}),
    ("wal/a.cc", '#include "paxos/ballot.h"\n', {"include direction"}),
    ("wal/a.cc", '#include "net/hello.h"\n', {"include direction"}),
    ("net/a.cc", '#include "wal/log.h"\n', {"include direction"}),
    ("server/a.cc", '#include "client/client.h"\n', {"include direction"}),
    ("client/a.cc", '#include "server/shard.h"\n', {"include direction"}),
    ("client/a.cc", '#include "cli/output.h"\n', {"include direction"}),
    ("cli/a.cc", '#include "server/exit_codes.h"\n', {"include direction"}),
    ("bench/a.cc", '#include "cli/output.h"\n', {"include direction"}),
    ("bench/a.cc", '#include "tests/sim/world.h"\n', {"include direction"}),
    ("base/a.cc", '#include "assert.h"\n', {"include root"}),
    ("wal/a.cc", "#include <liburing.h>\n", {"liburing"}),
    ("reactor/timers.cc", "#include <liburing.h>\n", {"liburing"}),
    ("cli/a.cc", "#include <CLI/CLI.hpp>\n", {"CLI11"}),
    ("base/usage.h", "#pragma once\n#include <CLI/CLI.hpp>\n", {"CLI11"}),
    ("paxos/a.cc", "#include <chrono>\n", {"core"}),
    ("paxos/a.cc", "#include <sys/socket.h>\n", {"core"}),
    ("base/a.cc", "assert(x);\n", {"assert"}),
    ("base/a.cc", "std::regex r;\n", {"regex"}),
    ("base/a.cc", "int a = rand();\n", {"rand"}),
    ("base/a.cc", "strcpy(a, b);\n", {"strcpy"}),
    ("base/a.cc", "sprintf(a, b);\n", {"sprintf"}),
    ("base/a.cc", "usleep(1);\n", {"usleep"}),
    ("base/a.cc", "sleep(1);\n", {"sleep"}),
    ("net/a.cc", "std::this_thread::sleep_for(x);\n", {"sleep"}),
    ("server/data_directory.cc", "std::this_thread::sleep_for(x);\n", set()),
    ("base/a.cc", "using namespace std;\n", {"using namespace std"}),
    ("base/a.cc", "gettimeofday(&t, nullptr);\n", {"gettimeofday"}),
    ("server/a.cc", "const size_t colon = address.rfind(':');\n", {"HOST:PORT"}),
    ("base/host_port.h", "#pragma once\nreturn address.rfind(':');\n", set()),
    ("net/a.cc", 'out += "0123456789abcdef"[i];\n', {"hex digits"}),
    ("wal/a.cc", "std::generic_category().message(e);\n", {"errno text"}),
    ("base/a.cc", "int x;\n" * 501, {"length"}),
    ("base/a.h", "#pragma once\n" + "int x;\n" * 250, {"length"}),
    ("base/a.h", "int x;\n", {"pragma once"}),
    ("base/a.cc", "x" * 101 + "\n", {"columns"}),
    ("base/a.cc", "int x; \n", {"trailing space"}),
    ("base/a.cc", "\tint x;\n", {"tab"}),
    ("base/a.cc", "int x;", {"last newline"}),
    ("docs/a.md", "<" * 7 + " HEAD\na\n=======\nb\n", {"conflict marker"}),
    ("base/a.h", "#pragma once\n" + ">" * 7 + " 8409462 (Why)\n", {"conflict marker"}),
    ("tests/a.py", ">" * 7 + "\n", {"conflict marker"}),
    ("server/a.cmake", "add_library(a ${X} / file.cc)\n", {"mangled CMake"}),
    ("server/a.cmake", "add_library(a ${X} /file.cc)\n", {"mangled CMake"}),
    ("server/a.cmake", "add_library(a $ {X}/file.cc)\n", {"mangled CMake"}),
    ("server/a.cmake", "set(X ${ Y })\n", {"mangled CMake"}),
    ("tests/CMakeLists.txt", "run(a / ${X})\n", {"mangled CMake"}),
    ("tests/CMakeLists.txt", "run($ < TARGET_FILE : a >)\n", {"mangled CMake"}),
    ("tests/CMakeLists.txt", "run($<TARGET_FILE : a>)\n", {"mangled CMake"}),
    ("examples/a.cc", '#include "client/lock.h"\n', {"public header"}),
    # What must not fire.
    ("examples/a.cc", '#include <once/lock.h>\n#include "common.h"\n', set()),
    ("docs/a.md", "=======\na << b >> c, x <<<<<<< y\n", set()),
    ("docs/a.md", "${X} / file\n", set()),
    ("tests/a.cmake", 'math(EXPR a "2000 / ${X}")\n', set()),
    ("tests/a.cmake", "run(${X}/file ${Y} $<TARGET_FILE:a>)\n", set()),
    ("tests/a.cmake", "# ${X} / file\n", set()),
    ("base/a.cc", "static_assert(x); ONCE_ASSERT(x); snprintf(a, 1, b);\n", set()),
    ("base/a.cc", "// assert(x), std::regex, \"sleep(1)\"\n", set()),
    ("base/a.cc", "/* rand()\n sleep(2) */ int x;\n", set()),
    ("base/a.cc", 'f("http://x"); // assert(x)\n', set()),
    ("tests/unit/a.cc", "sleep(1);\n", set()),
    ("reactor/uring_io.cc", "#include <liburing.h>\n", set()),
    ("tests/unit/reactor/uring_tap.h", "#pragma once\n#include <liburing.h>\n", set()),
    ("tests/unit/reactor/uring_files_test.cc", "#include <liburing.h>\n", {"liburing"}),
    ("server/a.cc", '#include "wal/log.h"\n#include "paxos/ballot.h"\n', set()),
    ("net/a.cc", '#include "paxos/messages.h"\n#include "reactor/io.h"\n', set()),
]


def prove_rules():
    problems = []
    fired = set()
    for path, text, expected in SAMPLES:
        found = {rule for _, rule, _ in check(path, text)}
        fired |= found
        if found != expected:
            problems.append(f"sample {path} {text[:40]!r}: expected {expected}, fired {found}")
    unproved = {rule for rule, *_ in BANNED} - fired
    if unproved:
        problems.append(f"rules without a sample: {unproved}")
    return problems


def files():
    for folder in FOLDERS + ["examples", "docs", "packaging", "scripts", ".ci"]:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in CHECKED and "__pycache__" not in path.parts:
                yield path
    for name in ["CMakeLists.txt", "CMakePresets.json", "README.md", "CHANGELOG.md",
                 "CONTRIBUTING.md"]:
        if (ROOT / name).is_file():
            yield ROOT / name


def other_files():
    """Text with no rule but that against conflicts: patches, dictionaries, dot files, Makefile."""
    known = set(files())
    candidates = [path for path in ROOT.iterdir() if path.name != ".git"]
    for folder in FOLDERS + ["examples", "docs", "packaging", "scripts", ".ci"]:
        candidates += sorted((ROOT / folder).rglob("*"))
    for path in candidates:
        if path.is_file() and path not in known and "__pycache__" not in path.parts:
            data = path.read_bytes()
            if b"\0" not in data:
                yield path, data.decode(errors="replace")


def main():
    problems = prove_rules()
    count = 0
    for path in files():
        count += 1
        name = path.relative_to(ROOT).as_posix()
        for line, rule, message in check(name, path.read_text(encoding="utf-8")):
            problems.append(f"{name}:{line}: {rule}: {message}")
    for path, text in other_files():
        name = path.relative_to(ROOT).as_posix()
        for line, rule, message in check_conflicts(text):
            problems.append(f"{name}:{line}: {rule}: {message}")
    for problem in problems:
        print(problem)
    print(f"tidy: {count} files, {len(SAMPLES)} samples, {len(problems)} problems")
    return 1 if problems or count < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
