"""The mutants as people write them: catalogue/*.toml, a table for each mutant.

docs/testing/mutants.md says what the keys mean. Whatever is wrong with a table is a Trouble that
names it: nothing is skipped.
"""

import dataclasses
import pathlib
import tomllib

_TEXTS = {"defect", "why", "seen", "alone"}
_OF_AN_EDIT = {"file", "function", "class", "find", "replace"}
_KEYS = _TEXTS | _OF_AN_EDIT | {"killers", "fast", "edit"}


class Trouble(Exception):
    """What is wrong with the catalogue, in one line for a person."""


@dataclasses.dataclass(frozen=True)
class Edit:
    file: str  # where it is looked for first
    function: str  # "Core::step", or "operator()(DecidedRecord)" where the name alone is of several
    klass: str  # for what is in no function; neither: anywhere in the file
    find: str
    replace: str


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    defect: str
    why: str
    killers: tuple  # test programs that are expected to notice it
    edits: tuple
    seen: str = ""  # where in the wild it was found
    alone: str = ""  # why it is not woven with the others, if so
    fast: bool = False  # one of those that `make test` runs


def read_all(folder):
    """Every mutant of the catalogue, by name."""
    mutants, home = {}, {}
    for path in sorted(pathlib.Path(folder).glob("*.toml")):
        for mutant in read(path.read_text(encoding="utf-8"), path.name):
            if mutant.name in mutants:
                raise Trouble(f"{path.name}: {mutant.name} is in {home[mutant.name]} too")
            mutants[mutant.name], home[mutant.name] = mutant, path.name
    return [mutants[name] for name in sorted(mutants)]


def read(text, where):
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Trouble(f"{where}: {error}") from None
    return [_mutant(name, table, f"{where}: {name}") for name, table in tables.items()]


def _mutant(name, table, where):
    if not isinstance(table, dict):
        raise Trouble(f"{where}: stands outside of a mutant's table")
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise Trouble(f"{where}: unknown key {', '.join(unknown)}")
    for key in ("defect", "why", "killers"):
        if not table.get(key):
            raise Trouble(f"{where}: lacks \"{key}\"")
    for key in _TEXTS & set(table):
        if not isinstance(table[key], str):
            raise Trouble(f"{where}: \"{key}\" is no text")
    return Mutant(
        name=name, defect=table["defect"], why=table["why"], killers=tuple(table["killers"]),
        edits=_edits(table, where), seen=table.get("seen", ""), alone=table.get("alone", ""),
        fast=table.get("fast", False))


def _edits(table, where):
    """One edit in the table itself, or a list; what the list leaves out is said in the table."""
    common = {key: table[key] for key in _OF_AN_EDIT & set(table)}
    listed = table.get("edit", [{}])
    if "edit" in table and ("find" in table or "replace" in table):
        raise Trouble(f"{where}: has both a list of edits and one of its own")
    return tuple(_edit({**common, **one}, where) for one in listed)


def _edit(table, where):
    unknown = sorted(set(table) - _OF_AN_EDIT)
    if unknown:
        raise Trouble(f"{where}: unknown key {', '.join(unknown)} in an edit")
    for key in ("file", "find", "replace"):
        if not isinstance(table.get(key), str) or (key != "replace" and not table[key].strip()):
            raise Trouble(f"{where}: an edit lacks \"{key}\"")
    if "function" in table and "class" in table:
        raise Trouble(f"{where}: an edit is either of a function or of a class")
    return Edit(table["file"], table.get("function", ""), table.get("class", ""),
                table["find"], table["replace"])
