"""The expression language of `when:` and `unless:`: text to a tree whose nodes know where they stand.

    or-expression   :  and-expression ("or" and-expression)*
    and-expression  :  not-expression ("and" not-expression)*
    not-expression  :  "not" not-expression | "(" or-expression ")" | reading [comparison]
    reading         :  name | name "(" [word | name "=" number] ("," …)* ")"
    comparison      :  (">=" | ">" | "<=" | "<" | "==" | "!=") value | ["not"] "in" "(" value ("," value)* ")"

Nothing here knows which names exist: that is `meaning.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["And", "Call", "Compare", "Expression", "Fault", "Name", "Not", "Number", "Or", "Reading", "parse"]

DEEPEST = 50  # nested brackets and nots; a person never needs them
_TOKEN = re.compile(
    r"(?P<skip>[ \t\r\n]+|\#[^\n]*)"
    r"|(?P<number>\d+(?![\w.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<quoted>\"[^\"\n]*\"|'[^'\n]*')"
    r"|(?P<sign>>=|<=|==|!=|[><(),=])"
)
_INSTEAD = {
    "&": 'write "and"',
    "|": 'write "or"',
    "!": 'write "not"',
    "\uff08": "write an ASCII bracket",
    "\uff09": "write an ASCII bracket",
    "\uff0c": "write an ASCII comma",
    "\u3001": "write an ASCII comma",
    "\u2265": 'write ">="',
    "\u2264": 'write "<="',
    "\u201c": "write ASCII quotation marks",
    "\u201d": "write ASCII quotation marks",
}
_COMPARISONS = frozenset((">=", ">", "<=", "<", "==", "!="))
_KEYWORDS = frozenset(("and", "or", "not", "in"))


class Fault(Exception):
    """What is wrong in an expression, between two offsets of its text."""

    def __init__(self, start: int, end: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.start, self.end, self.message, self.hint = start, end, message, hint


@dataclass(frozen=True, slots=True)
class Name:
    """A word: a fact, a member of an enum, or a named threshold."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number."""

    start: int
    end: int
    value: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function with words, and options such as `minutes=60`."""

    start: int
    end: int
    name: Name
    words: tuple[Name, ...]
    options: tuple[tuple[Name, Number], ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """What is read beside what it is compared with; several values for `in` and `not in`."""

    start: int
    end: int
    left: Reading
    operator: str
    values: tuple[Name | Number, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    start: int
    end: int
    inner: Expression


@dataclass(frozen=True, slots=True)
class And:
    """All parts."""

    start: int
    end: int
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any part."""

    start: int
    end: int
    parts: tuple[Expression, ...]


Reading = Name | Call
Expression = Name | Call | Compare | Not | And | Or


def parse(text: str) -> Expression:
    """The tree of an expression. Raises `Fault` at the first character that does not fit."""
    parser = _Parser(_tokens(text), len(text))
    tree = parser.either(0)
    left = parser.peek
    if left.kind != "end":
        raise Fault(left.start, left.end, f'"{left.text}" does not fit here', 'join conditions with "and" or "or"')
    return tree


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unexpected(text, at)
        kind = match.lastgroup or ""
        if kind != "skip":
            tokens.append(_Token(kind, match.group(), at, match.end()))
        at = match.end()
    return tokens


def _unexpected(text: str, at: int) -> Fault:
    number = re.match(r"[\d.]+\w*", text[at:])
    if number:
        end = at + number.end()
        return Fault(at, end, f'"{number.group()}" is no whole number', "scores go from 0 to 100, without decimals")
    if text[at] in "\"'":
        return Fault(at, len(text), "a quotation mark that is never closed")
    return Fault(at, at + 1, f'unexpected character "{text[at]}"', _INSTEAD.get(text[at], ""))


class _Parser:
    def __init__(self, tokens: list[_Token], length: int) -> None:
        self._tokens = [*tokens, _Token("end", "", length, length)]
        self._at = 0

    @property
    def peek(self) -> _Token:
        return self._tokens[self._at]

    def take(self) -> _Token:
        token = self.peek
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def expect(self, text: str, where: str) -> _Token:
        if self.peek.text != text:
            raise self.wrong(f'expected "{text}" {where}')
        return self.take()

    def wrong(self, message: str, hint: str = "") -> Fault:
        token = self.peek
        found = "the expression ends here" if token.kind == "end" else f'found "{token.text}"'
        return Fault(token.start, token.end, f"{message}, but {found}", hint)

    def either(self, depth: int) -> Expression:
        parts = [self.both(depth)]
        while self.peek.text == "or":
            self.take()
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else Or(parts[0].start, parts[-1].end, tuple(parts))

    def both(self, depth: int) -> Expression:
        parts = [self.unary(depth)]
        while self.peek.text == "and":
            self.take()
            parts.append(self.unary(depth))
        return parts[0] if len(parts) == 1 else And(parts[0].start, parts[-1].end, tuple(parts))

    def unary(self, depth: int) -> Expression:
        token = self.peek
        if depth > DEEPEST:
            raise Fault(token.start, token.end, f"nested deeper than {DEEPEST}", "split the rule in two")
        if token.text == "not":
            self.take()
            inner = self.unary(depth + 1)
            return Not(token.start, inner.end, inner)
        if token.text == "(":
            self.take()
            inner = self.either(depth + 1)
            self.expect(")", "to close the bracket")
            return inner
        return self.comparison()

    def comparison(self) -> Expression:
        left = self.reading()
        token = self.peek
        if token.text in _COMPARISONS:
            self.take()
            value = self.value()
            return Compare(left.start, value.end, left, token.text, (value,))
        if token.text == "=":
            raise Fault(token.start, token.end, '"=" compares nothing', 'write "=="')
        if token.text in ("in", "not"):
            return self.membership(left)
        return left

    def membership(self, left: Reading) -> Compare:
        operator = self.take().text
        if operator == "not":
            self.expect("in", 'after "not"')
            operator = "not in"
        self.expect("(", f'after "{operator}"')
        values = [self.value()]
        while self.peek.text == ",":
            self.take()
            values.append(self.value())
        close = self.expect(")", "to close the list")
        return Compare(left.start, close.end, left, operator, tuple(values))

    def reading(self) -> Reading:
        token = self.peek
        if token.kind == "number":
            hint = "start with what is read: score(malware) >= 70"
            raise Fault(token.start, token.end, f'"{token.text}" cannot stand here', hint)
        if token.kind != "name" or token.text in _KEYWORDS:
            raise self.wrong("expected a condition", "such as score(malware) >= 70, use(gambling) or reviewed")
        name = self.name()
        return self.call(name) if self.peek.text == "(" else name

    def name(self) -> Name:
        token = self.take()
        return Name(token.start, token.end, token.text)

    def call(self, name: Name) -> Call:
        self.expect("(", "")
        words: list[Name] = []
        options: list[tuple[Name, Number]] = []
        while self.peek.text != ")":
            if self.peek.kind not in ("name", "quoted"):
                raise self.wrong(f"expected a word in {name.text}(…)")
            word = self.word()
            if self.peek.text == "=":
                self.take()
                options.append((word, self.number()))
            else:
                words.append(word)
            if self.peek.text != ")":
                self.expect(",", f"or a closing bracket in {name.text}(…)")
        end = self.take().end
        return Call(name.start, end, name, tuple(words), tuple(options))

    def value(self) -> Name | Number:
        token = self.peek
        if token.kind == "number":
            return self.number()
        if token.kind == "quoted" or (token.kind == "name" and token.text not in _KEYWORDS):
            return self.word()
        raise self.wrong("expected a number or a word")

    def word(self) -> Name:
        token = self.take()
        return Name(token.start, token.end, token.text.strip("\"'") if token.kind == "quoted" else token.text)

    def number(self) -> Number:
        token = self.peek
        if token.kind != "number":
            raise self.wrong("expected a whole number")
        self.take()
        return Number(token.start, token.end, int(token.text))
