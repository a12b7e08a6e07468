"""C++ text with parts of it blanked. Lengths and line breaks stay, so positions mean the same."""

import re

_TOKEN = re.compile(
    r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      | (?P<raw>R"(?P<fence>[^()\s\\]{0,16})\(.*?\)(?P=fence)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<number>\b\d[\w.']*)
      | (?P<char>'(?:\\.|[^'\\\n])+')
      | (?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(source):
    """Comments blanked: what a mutant's text is looked for in."""
    return _TOKEN.sub(lambda found: _blank(found.group()) if found.group("comment")
                      else found.group(), source)


def skeleton(source):
    """Comments, literals and preprocessor lines blanked: what is left is names, words and brackets.
    A literal keeps its quotes, so that `extern "C"` can be told from `extern`."""
    def part(found):
        text = found.group()
        if found.group("number"):
            return re.sub("'", "_", text)
        if found.group("comment") or found.group("directive"):
            return _blank(text)
        return text[0] + _blank(text[1:-1]) + text[-1]
    return _TOKEN.sub(part, source)
