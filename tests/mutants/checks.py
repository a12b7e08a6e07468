"""What can be said of the catalogue and of the killers without building anything, in seconds."""

import pathlib
import re

import killers as killers_module
import placing
from catalogue import Trouble


def problems(mutants, sources, root):
    """A line for each thing that is wrong."""
    known = killers_module.known(fast=False)
    return [*_unread_files(root), *_lost_mutants(mutants, sources),
            *_unknown_killers(mutants, known), *_lost_killers(known, root)]


def _unread_files(root):
    """Of another form, or elsewhere: nobody would miss what is in them."""
    folder = pathlib.Path(root) / "tests" / "mutants"
    for path in [*(folder / "catalogue").rglob("*"), *folder.rglob("*.patch")]:
        if path.parent != folder / "catalogue" or path.suffix != ".toml":
            yield f"{path.relative_to(root)} is no table of catalogue/*.toml"


def _lost_mutants(mutants, sources):
    for mutant in mutants:
        try:
            placing.apply(placing.place(mutant, sources), sources)
        except Trouble as trouble:
            yield str(trouble)


def _unknown_killers(mutants, known):
    stems = {one.stem for one in known}
    for mutant in mutants:
        for name in mutant.killers:
            if name not in stems:
                yield f"{mutant.name}: its killer {name} is none of tests/mutants/killers.py"


def _lost_killers(known, root):
    """A killer whose program or whose tests are gone would kill nothing, and say nothing."""
    tests = pathlib.Path(root) / "tests"
    sources = {path.stem: path for path in tests.rglob("*.cc")}
    sources |= {f"once-{path.parent.name}": path for path in tests.glob("*/main.cc")}
    for one in known:
        source = sources.get(one.stem)
        if source is None:
            yield f"killers.py: {one.stem} has no source in tests/"
            continue
        wanted = _filter_of(one)
        if wanted and not _matches(wanted, source.read_text(encoding="utf-8")):
            yield f"killers.py: {one.name}: no test in {source.name} is like {wanted}"


def _filter_of(killer):
    for argument in killer.arguments:
        found = re.match(r"--gtest_filter=([^-].*)", argument)
        if found:
            return found.group(1)
    return ""


def _matches(wanted, source):
    named = re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", source)
    like = re.compile(re.escape(wanted).replace(r"\*", ".*"))
    return any(like.fullmatch(f"{suite}.{test}") for suite, test in named)
