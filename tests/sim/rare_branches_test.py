#!/usr/bin/env python3
"""The switch of the rare branches (base/rarely.h): the simulator has it, nothing that ships has."""

import argparse
import pathlib
import sys

SYMBOL = b"rare_source"  # in the symbol table of whatever is compiled with ONCE_RARE_BRANCHES


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--with", dest="having", nargs="+", required=True, type=pathlib.Path)
    parser.add_argument("--without", nargs="+", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    wrong = [f"{path} has no {SYMBOL.decode()}: the simulator takes no rare branch"
             for path in arguments.having if SYMBOL not in path.read_bytes()]
    wrong += [f"{path} has {SYMBOL.decode()}: it was built with ONCE_RARE_BRANCHES"
              for path in arguments.without if SYMBOL in path.read_bytes()]
    print("\n".join(wrong) or f"{len(arguments.without)} programs are free of it")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
