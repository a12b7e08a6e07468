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

FOLDERS = ("base", "paxos", "doors", "reactor", "wal", "net", "server", "client", "cli")


@dataclasses.dataclass(frozen=True)
class Place:
    file: str
    start: int
    end: int
    replace: str
    scope: scopes.Scope | None  # the function or class that the edit named


_LITERAL = r'"(?:\\.|[^"\\\n])*"'
_LITERALS = re.compile(rf"'(?:\\.|[^'\\\n])+'|{_LITERAL}(?:\s*{_LITERAL})*")


class Sources:
    """The product's sources, each read and scanned once, when it is asked for."""

    def __init__(self, root, folders=FOLDERS):
        self.root = pathlib.Path(root)
        self.names = sorted(
            str(path.relative_to(self.root)) for folder in folders
            for path in (self.root / folder).rglob("*") if path.suffix in (".h", ".cc"))
        self._texts, self._bare, self._scopes, self._by_name = {}, {}, {}, {}

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

    def named(self, path, files):
        """The functions and classes of these files whose path ends so, each with its file."""
        if len(files) == 1:
            return [(files[0], one) for one in self.scopes(files[0]) if one.calls_itself(path)]
        if not self._by_name:
            for name in self.names:
                for one in self.scopes(name):
                    last = one.path.rpartition("::")[2]
                    self._by_name.setdefault(last, []).append((name, one))
        same = self._by_name.get(path.rpartition("::")[2], [])
        return [(name, one) for name, one in same if name in files and one.calls_itself(path)]


def pattern(text):
    """A regular expression for `text` in any layout; a long literal may be cut in two."""
    code = _LITERALS.sub(_joined, cpp_text.without_comments(text))
    tokens = list(re.finditer(r"\w+|\\.|[^\w\s]", code))
    if not tokens:
        raise Trouble("there is nothing to find but comments")
    words = [_is_word(token.group()) for token in tokens]
    parts, quoted = [r"(?<!\w)" if words[0] else ""], False
    for index, token in enumerate(tokens):
        if index > 0:
            space = r'(?:"\s*"|\s)' if quoted else r"\s"
            parts.append(space + ("+" if words[index - 1] and words[index] else "*"))
        parts.append(re.escape(token.group()))
        quoted ^= token.group() == '"'
    return re.compile("".join(parts) + (r"(?!\w)" if words[-1] else ""))


def _joined(found):
    """Literals that stand side by side are one."""
    parts = re.findall(_LITERAL, found.group())
    if found.group().startswith("'"):
        return found.group()
    return '"' + "".join(part[1:-1] for part in parts) + '"'


def _is_word(token):
    return re.match(r"\w", token) is not None


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
        found = _places_in(files, edit, sources)
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


def _places_in(files, edit, sources):
    wanted = pattern(edit.find)
    if not edit.function and not edit.klass:
        return [Place(name, found.start(), found.end(), edit.replace, None)
                for name in files for found in wanted.finditer(sources.bare(name))]
    return [Place(name, found.start(), found.end(), edit.replace, scope)
            for name, scope in _candidates(files, edit, sources)
            for found in wanted.finditer(sources.bare(name), scope.start, scope.close + 1)]


def _candidates(files, edit, sources):
    """Those that the edit may mean, each with its file."""
    kind, named = ("function", edit.function) if edit.function else ("class", edit.klass)
    call = named.find("operator()") + len("operator()") if "operator()" in named else 0
    at = named.find("(", call)
    name, parameters = (named, "") if at < 0 else (named[:at], named[at + 1:])
    words = parameters.rstrip(") ")
    return [(file, one) for file, one in sources.named(name.strip(), files)
            if one.kind == kind and (not words or pattern(words).search(one.parameters))]


def _why_not_found(edit, what, sources):
    if not edit.function and not edit.klass:
        return f"{shown(edit.find)} is not in {what}, nor anywhere else"
    homes = sorted({name for name, _ in _candidates(sources.names, edit, sources)})
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
