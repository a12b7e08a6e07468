#!/usr/bin/env python3
"""The installed package, as a stranger meets it: each public header alone, the examples of the
guide, and a program outside the tree, built with find_package and with pkg-config, against a node
of the installed `onced`."""

import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from cluster import Cluster, check, check_equal, free_port  # noqa: E402

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
CONSUMER = pathlib.Path(__file__).resolve().parent / "consumer"
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
GUIDES = [DOCS / "client.md", DOCS / "locks.md"]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

WITH_A_NODE = """version: {version}
write: done none 1{space}
write again: refused already_set 1 open
next: done none 1{space}
set, with a callback: done none 1{space}
read, awaited: done none 1 open
wait, cancelled: cancelled none 0{space}
lock: held 1
"""
WITHOUT = """version: {version}
write: unavailable none 0{space}
write again: unavailable none 0{space}
next: unavailable none 0{space}
set, with a callback: unavailable none 0{space}
read, awaited: unavailable none 0{space}
wait, cancelled: cancelled none 0{space}
lock: unavailable 0
"""


def run(*command, **how):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=300, **how)
    check_equal(done.returncode, 0,
                f"{shlex.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_headers(options, prefix):
    headers = sorted((prefix / "include" / "once").iterdir())
    names = {header.name for header in headers}
    wanted = {"client.h", "results.h", "awaitable.h", "lock.h", "ids.h", "printable.h",
              "version.h"}
    check(wanted <= names, f"public headers: {names}")
    for header in headers:
        for line in header.read_text().splitlines():
            target = re.match(r"\s*#\s*include\s*(.*)", line)
            if target:
                # The package's own, or the standard library's, which has no dot and no slash.
                check(re.fullmatch(r"<(once/[a-z_]+\.h|[a-z_]+)>", target.group(1)),
                      f"{header.name} includes {target.group(1)}")
        run(options.compiler, "-std=c++20", *WARNINGS, "-fsyntax-only", "-x", "c++",
            "-I", prefix / "include", "-include", f"once/{header.name}", "/dev/null")


def check_examples(options, prefix):
    """What the guides show compiles: whole files as they are, the rest in a function."""
    blocks = []
    for guide in GUIDES:
        there = re.findall(r"^```cpp\n(.*?)^```$", guide.read_text(), re.MULTILINE | re.DOTALL)
        check(there, f"no example in {guide}")
        blocks += there
    files = [block for block in blocks if block.startswith("#include")]
    parts = [f"void example_{number}(once::client::Client& client) {{\n{block}}}\n"
             for number, block in enumerate(blocks) if block not in files]
    files.append("#include <once/client.h>\n" + "".join(parts))
    for number, text in enumerate(files):
        example = options.data / f"example-{number}.cc"
        example.write_text(text)
        run(options.compiler, "-std=c++20", *WARNINGS, "-fsyntax-only", "-I", prefix / "include",
            example)


def build_with_cmake(options, prefix, source):
    """Returns the build directory."""
    build = source / "build"
    run("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DWANTED_VERSION={options.version}", f"-DCMAKE_CXX_COMPILER={options.compiler}",
        f"-DCMAKE_CXX_FLAGS={options.flags}")
    run("cmake", "--build", build, "-j2")
    return build


def build_with_pkg_config(options, prefix, source):
    found = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig"))
    check_equal(run("pkg-config", "--modversion", "once", env=found).strip(), options.version,
                "version of once.pc")
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "once", env=found))
    program = source / "with_pkg_config"
    run(options.compiler, "-std=c++20", *WARNINGS, *shlex.split(options.flags),
        source / "main.cc", "-o", program, *flags)
    return program


def check_unit(prefix):
    """The systemd unit starts the `onced` of this installation. (Nothing else knows its place.)"""
    unit = prefix / "lib" / "systemd" / "system" / "onced.service"
    starts = re.search(r"^ExecStart=(\S+) ", unit.read_text(), re.MULTILINE).group(1)
    check_equal(starts, str(prefix.resolve() / "bin" / "onced"), "what the unit starts")
    if shutil.which("systemd-analyze"):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                              capture_output=True, text=True, timeout=60)
        complaints = [line for line in done.stderr.splitlines() if "onced.service" in line]
        check_equal(complaints, [], "complaints about the unit")


def try_examples(options, prefix, cluster):
    """The programs in examples/ build outside of the tree. tests/system/ has what they do."""
    source = options.data / "examples"
    shutil.copytree(EXAMPLES, source)
    programs = build_with_cmake(options, prefix, source) / "bin" / "examples"
    check_equal(sorted(path.name for path in programs.iterdir()),
                sorted(path.stem for path in EXAMPLES.glob("*.cc")), "programs built")
    there = dict(os.environ, ONCE_ENDPOINTS=cluster.nodes[0].address)
    check_equal(run(programs / "future", "set", "f", "42", env=there), "", "set a future")
    check_equal(run(programs / "future", "get", "f", env=there), "42\n", "get it")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--version", required=True)
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--flags", default="", help="those that the library was compiled with")
    options = parser.parse_args()
    shutil.rmtree(options.data, ignore_errors=True)
    # Installed to one place and moved to another: nothing may remember the first.
    prefix = options.data / "moved"
    run("cmake", "--install", options.build, "--prefix", options.data / "installed")
    check_unit(options.data / "installed")
    (options.data / "installed").rename(prefix)
    check_headers(options, prefix)
    check_examples(options, prefix)

    source = options.data / "consumer"
    shutil.copytree(CONSUMER, source)
    programs = [build_with_cmake(options, prefix, source) / "consumer",
                build_with_pkg_config(options, prefix, source)]
    nobody = WITHOUT.format(version=options.version, space=" ")
    check_equal(run(programs[0], f"127.0.0.1:{free_port()}", 300), nobody, "without a node")
    options.bin = prefix / "bin"
    for number, program in enumerate(programs):
        with Cluster(options, nodes=1, name=f"node-{number}") as cluster:
            told = run(program, cluster.nodes[0].address, 10_000)
            if number == 0:
                try_examples(options, prefix, cluster)
            check_equal(told, WITH_A_NODE.format(version=options.version, space=" "),
                        f"{program.name} with a node")
    shutil.rmtree(options.data)
    print("package: installed, moved, two programs built, both right")


if __name__ == "__main__":
    main()
