"""The functions and classes of a C++ source, found by its brackets alone.

No compiler is asked: a scanner of names and braces is enough for code that clang-format has laid
out, takes no time, and runs where only Python is.
"""

import dataclasses
import re

import cpp_text


@dataclasses.dataclass(frozen=True)
class Scope:
    kind: str  # "function", "class"
    path: str  # qualified by the namespaces and classes around it: once::paxos::Core::step
    parameters: str  # of a function: the text between its parentheses
    result: str  # of a function: its type; "" where it has none, as constructors
    head: str  # all that stands before the brace
    start: int  # where the head begins
    open: int  # of its braces
    close: int

    def calls_itself(self, name):
        """Whether `name` is the last part, or the last parts, of its path."""
        return self.path == name or self.path.endswith("::" + name)


_LABEL = re.compile(r"\s*(?:public|protected|private)\s*:(?!:)")
_NAMESPACE = re.compile(r"(?:inline\s+)?namespace\b\s*([\w:]*)")
_CLASS = re.compile(r"(?:typedef\s+)?(?:class|struct|union|enum(?:\s+(?:class|struct))?)\b")
_OPERATOR = re.compile(r"\boperator\s*(\(\s*\)|\[\s*\]|[^\s\w(]+|[\w:&*\s]+?)\s*(?=\()")
_NOT_NAMES = {"alignas", "decltype", "noexcept", "requires", "__attribute__", "explicit"}
_BEFORE_A_BODY = {"const", "noexcept", "override", "final", "mutable", "try", "&", "&&"}
_OTHER = ("other", "", "", "")
_SPECIFIERS = re.compile(r"\b(?:static|inline|virtual|constexpr|consteval|friend|explicit|extern)\b"
                         r"|\[\[[^\]]*\]\]")
_CLOSING = {"(": ")", "{": "}", "[": "]"}


def matching(code, at):
    """Where the bracket at `at` closes; the end of the text if it does not."""
    opening, closing, depth = code[at], _CLOSING[code[at]], 0
    for found in re.compile(re.escape(opening) + "|" + re.escape(closing)).finditer(code, at):
        depth += 1 if found.group() == opening else -1
        if depth == 0:
            return found.start()
    return len(code) - 1


def scopes_of(source):
    """All functions and classes with a body, in the order of their heads."""
    code = cpp_text.skeleton(source)
    found, around = [], []  # around: (prefix, index in found or None) of what is open
    head, at = 0, 0
    while at < len(code):
        char = code[at]
        if char == ";":
            head = at + 1
        elif char in "([":
            at = matching(code, at)
        elif char == "}":
            if around:
                _close(found, around.pop(), at)
            head = at + 1
        elif char == "{":
            label = _LABEL.match(code, head)
            head = label.end() if label else head
            at, head = _enter(code, head, at, found, around)
        at += 1
    return found


def _close(found, opened, at):
    index = opened[1]
    if index is not None:
        found[index] = dataclasses.replace(found[index], close=at)


def _enter(code, head, at, found, around):
    """Looks at a brace outside of functions. Where to go on, and where the next head begins."""
    text = code[head:at]
    start = head + len(text) - len(text.lstrip())
    kind, name, parameters, result = classify(text)
    if kind == "other":
        return matching(code, at), head
    prefix = around[-1][0] if around else ""
    path = prefix + name
    if kind == "function":
        close = matching(code, at)
        found.append(Scope(kind, path, parameters, result, text.strip(), start, at, close))
        return close, close + 1
    index = None
    if kind == "class":
        index = len(found)
        found.append(Scope(kind, path, "", "", text.strip(), start, at, len(code) - 1))
    around.append((path + "::" if name else prefix, index))
    return at, at + 1


def classify(head):
    """What a brace after `head` opens: kind, name, parameters, result. "other": no scope."""
    head = _without_prefix(head)
    namespace = _NAMESPACE.match(head)
    if namespace:
        return "namespace", namespace.group(1), "", ""
    if re.match(r'extern\s*"\s*"\s*$', head):
        return "namespace", "", "", ""
    flat = _without_brackets(head)
    if _CLASS.match(head) and "(" not in flat and "=" not in flat:
        return "class", _class_name(flat), "", ""
    begin, name, opening = _function_name(head)
    if not name:
        return _OTHER
    before, after = head[:begin], head[matching(head, opening) + 1:]
    if "=" in _without_brackets(before) or _opens_a_member(after):
        return _OTHER
    parameters = head[opening + 1:matching(head, opening)].strip()
    return "function", name, parameters, _result(before, after)


def _result(before, after):
    trailing = re.match(r"(?:\s|&|const\b|noexcept\b|mutable\b)*->(.*)$", after, re.DOTALL)
    if trailing:
        return trailing.group(1).strip()
    return " ".join(_SPECIFIERS.sub("", before).split())


def _without_prefix(head):
    """Without access labels, template parameters, attributes and `requires` clauses before it."""
    head = head.strip()
    while True:
        label = re.match(r"(?:public|protected|private)\s*:(?!:)\s*", head)
        if label:
            head = head[label.end():]
        elif head.startswith("template"):
            head = head[_end_of_angles(head, head.index("<")) + 1:].lstrip()
        elif head.startswith("[["):
            head = head[matching(head, 0) + 1:].lstrip()
        else:
            return head


def _end_of_angles(text, at):
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] == "<") - (text[index] == ">")
        if depth == 0:
            return index
    return len(text) - 1


def _without_brackets(text):
    """What stands outside of [], {} and <>, and of the parentheses of alignas and the like."""
    previous = None
    while previous != text:
        previous = text
        text = re.sub(r"\[[^\[\]]*\]|\{[^{}]*\}|(?<=\w)<[^<>()]*>", "", text)
        text = re.sub(r"\b(?:alignas|decltype|__attribute__)\s*\([^()]*\)", "", text)
    return text


def _class_name(flat):
    before = re.split(r"(?<!:):(?!:)", flat, maxsplit=1)[0]
    words = [word for word in re.findall(r"[\w:]+", _CLASS.sub("", before, count=1))
             if word != "final"]
    return words[-1] if words else ""


def _function_name(head):
    """Where the name before the parameters begins, the name, and where the parameters open."""
    operator = _OPERATOR.search(head)
    if operator:
        qualifier = re.search(r"(?:\w+(?:<[^<>]*>)?\s*::\s*)*$", head[:operator.start()])
        what = operator.group(1).strip()
        name = f"{_plain(qualifier.group())}operator{' ' if what[0].isalpha() else ''}{what}"
        return qualifier.start(), name, operator.end()
    at, angles = 0, 0
    while at < len(head):
        char = head[at]
        if char == "<":
            angles += 1
        elif char == ">" and head[at - 1] != "-":
            angles = max(0, angles - 1)
        elif char == "(":
            name = re.search(r"((?:\w+(?:<[^<>]*>)?\s*::\s*)*~?\w+)\s*$", head[:at])
            if name and angles == 0 and name.group(1) not in _NOT_NAMES:
                return name.start(), _plain(name.group(1)), at
            at = matching(head, at)
        at += 1
    return 0, "", 0


def _plain(name):
    return re.sub(r"<[^<>]*>|\s", "", name)


def _opens_a_member(rest):
    """Whether the brace after a parameter list and `rest` initialises a member: `: size_{`."""
    if not re.match(r"\s*(?:noexcept(?:\([^()]*\))?\s*)?:(?!:)", rest):
        return False
    last = re.search(r"(\w+|>|\S)\s*$", rest).group(1)
    return (last == ">" or re.match(r"\w", last) is not None) and last not in _BEFORE_A_BODY
