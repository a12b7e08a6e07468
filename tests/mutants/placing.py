"""Where in the sources a mutant's edits lie today.

A function is looked up by its name, first in the file that the edit names, then in every source of
the product; the text is then looked for in that function only. So code may move, within its file
and to another one, and may be laid out anew: white space and comments do not count.
"""

import dataclasses
import pathlib
import re

import cpp_text
import scopes
from catalogue import Trouble

FOLDERS = ("base", "paxos", "reactor", "wal", "net", "server", "client")


@dataclasses.dataclass(frozen=True)
class Place:
    file: str
    start: int
    end: int
    replace: str
    scope: scopes.Scope | None  # the function or class that the edit named


class Sources:
    """The product's sources, each read and scanned once, when it is asked for."""

    def __init__(self, root, folders=FOLDERS):
        self.root = pathlib.Path(root)
        self.names = sorted(
            str(path.relative_to(self.root)) for folder in folders
            for path in (self.root / folder).rglob("*") if path.suffix in (".h", ".cc"))
        self._texts, self._bare, self._scopes = {}, {}, {}

    def text(self, name):
        if name not in self._texts:
            self._texts[name] = (self.root / name).read_text(encoding="utf-8")
        return self._texts[name]

    def bare(self, name):
        """Without comments."""
        if name not in self._bare:
            self._bare[name] = cpp_text.without_comments(self.text(name))
        return self._bare[name]

    def scopes(self, name):
        if name not in self._scopes:
            self._scopes[name] = scopes.scopes_of(self.text(name))
        return self._scopes[name]


def pattern(text):
    """A regular expression for `text` in any layout."""
    tokens = re.findall(r"\w+|[^\w\s]", cpp_text.without_comments(text))
    if not tokens:
        raise Trouble("there is nothing to find but comments")
    parts = [r"(?<!\w)" if re.match(r"\w", tokens[0]) else ""]
    for before, token in zip([""] + tokens, tokens):
        if before:
            both_words = re.match(r"\w", before) and re.match(r"\w", token)
            parts.append(r"\s+" if both_words else r"\s*")
        parts.append(re.escape(token))
    parts.append(r"(?!\w)" if re.match(r"\w", tokens[-1]) else "")
    return re.compile("".join(parts))


def place(mutant, sources):
    """The places of all edits of a mutant; Trouble if one has none, or more than one."""
    try:
        places = [_place(edit, sources) for edit in mutant.edits]
    except Trouble as trouble:
        raise Trouble(f"{mutant.name}: {trouble}") from None
    for one in places:
        for other in places:
            overlap = one.file == other.file and one.start < other.end and other.start < one.end
            if one is not other and overlap:
                raise Trouble(f"{mutant.name}: two of its edits overlap in {one.file}")
    return places


def _place(edit, sources):
    found = []
    for files in ([edit.file] if edit.file in sources.names else [], sources.names):
        found = [one for name in files for one in _places_in(name, edit, sources)]
        if found:
            break
    if len(found) == 1:
        return found[0]
    what = edit.function or edit.klass or edit.file
    if not found:
        raise Trouble(_why_not_found(edit, what, sources))
    spots = ", ".join(f"{one.file}:{sources.text(one.file).count(chr(10), 0, one.start) + 1}"
                      + (f" in {one.scope.path}({one.scope.parameters})" if one.scope else "")
                      for one in found)
    raise Trouble(f"ambiguous: {shown(edit.find)} of {what} is at {spots}")


def _places_in(name, edit, sources):
    bare, wanted = sources.bare(name), pattern(edit.find)
    if not edit.function and not edit.klass:
        return [Place(name, found.start(), found.end(), edit.replace, None)
                for found in wanted.finditer(bare)]
    return [Place(name, found.start(), found.end(), edit.replace, scope)
            for scope in candidates(sources.scopes(name), edit)
            for found in wanted.finditer(bare, scope.start, scope.close + 1)]


def candidates(known, edit):
    """Those that the edit may mean."""
    kind, named = ("function", edit.function) if edit.function else ("class", edit.klass)
    name, _, parameters = named.partition("(")
    words = parameters.rstrip(") ")
    if name.endswith("operator"):  # operator()
        name, words = named, ""
    return [one for one in known if one.kind == kind and one.calls_itself(name.strip())
            and (not words or pattern(words).search(one.parameters))]


def _why_not_found(edit, what, sources):
    if not edit.function and not edit.klass:
        return f"{shown(edit.find)} is not in {what}, nor anywhere else"
    homes = [name for name in sources.names if candidates(sources.scopes(name), edit)]
    if not homes:
        return f"there is no {'function' if edit.function else 'class'} {what}"
    return f"{shown(edit.find)} is not in {what} ({', '.join(homes)})"


def shown(text):
    words = " ".join(text.split())
    return f"'{words[:60]}...'" if len(words) > 63 else f"'{words}'"


def apply(places, sources):
    """The texts of the changed files, by name."""
    texts = {}
    for one in sorted(places, key=lambda one: -one.start):
        text = texts.get(one.file, sources.text(one.file))
        replace = cpp_text.without_comments(one.replace)
        texts[one.file] = text[:one.start] + replace + text[one.end:]
    for name, text in texts.items():
        if text.split() == sources.text(name).split():
            raise Trouble(f"it changes nothing in {name}")
    return texts
