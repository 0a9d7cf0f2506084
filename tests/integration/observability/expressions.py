"""The text of a PromQL expression, taken apart: what the alert rules and the dashboard say, and nothing beside it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from .scrapes import NAME, Labels

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)(?![a-z])|(?P<range>\[\d+[smhd]\])|(?P<text>\"[^\"\\]*\")"
    r"|(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<sign>==|!=|>=|<=|=~|!~|[-+*/<>=(){},]))"
)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LEVELS: Final = (("or",), ("and", "unless"), ("==", "!=", ">", "<", ">=", "<="), ("+", "-"), ("*", "/"))
_AGGREGATES: Final = frozenset({"sum", "max", "min", "count"})
_FUNCTIONS: Final = frozenset({"time", "absent", "increase", "rate", "histogram_quantile"})
_WORDS: Final = frozenset({"or", "and", "unless", "by", "without", "on", "ignoring", "bool", "offset"})


class NotKnown(Exception):  # noqa: N818  - the language is larger than what is known of it here
    """The expression says something that is not known here; it may be right all the same."""


@dataclass(frozen=True, kw_only=True)
class Selector:
    """Series by name and matchers; over a window, or as they are."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    seconds: float | None

    def takes(self, labels: Labels) -> bool:
        """Whether a series is one of them."""
        known = dict(labels)
        return known[NAME] == self.name and all(
            _fits(known.get(label, ""), how, text) for label, how, text in self.matchers
        )


@dataclass(frozen=True, kw_only=True)
class Call:
    """A function of its arguments."""

    name: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """Several series as one, for each set of labels."""

    name: str
    labels: tuple[str, ...]
    keeps: bool
    of: "Expression"


@dataclass(frozen=True, kw_only=True)
class Binary:
    """Two values and what stands between them."""

    sign: str
    left: "Expression"
    right: "Expression"


Expression: TypeAlias = float | Selector | Call | Aggregate | Binary


def parse(text: str) -> Expression:
    """The expression of a text.

    Raises:
        NotKnown: there is something in it that is not known here.
    """
    parser = _Parser(text)
    found = parser.expression()
    parser.expect_end()
    return found


def selectors(expression: Expression) -> Iterator[Selector]:
    """Every selector in it."""
    match expression:
        case Selector():
            yield expression
        case Call(arguments=arguments):
            for argument in arguments:
                yield from selectors(argument)
        case Aggregate(of=of):
            yield from selectors(of)
        case Binary(left=left, right=right):
            yield from selectors(left)
            yield from selectors(right)
        case float():
            return


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place, text = 0, text.strip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise NotKnown(text[place:])
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()

    def expect_end(self) -> None:
        if self._tokens:
            raise NotKnown(self._tokens[0][1])

    def expression(self, level: int = 0) -> Expression:
        if level == len(_LEVELS):
            return self._operand()
        left = self.expression(level + 1)
        while (sign := self._next()) in _LEVELS[level]:
            self._take()
            left = Binary(sign=sign, left=left, right=self.expression(level + 1))
        return left

    def _next(self) -> str:
        return self._tokens[0][1] if self._tokens else ""

    def _take(self, wanted: str | None = None) -> str:
        if not self._tokens or wanted not in (None, self._next()):
            raise NotKnown(f"{self._next() or 'the end'}, where {wanted} should be")
        return self._tokens.pop(0)[1]

    def _operand(self) -> Expression:
        kind, text = self._tokens[0] if self._tokens else ("", "the end")
        if kind == "number":
            return float(self._take())
        if text == "(":
            self._take()
            inner = self.expression()
            self._take(")")
            return inner
        if kind != "word" or text in _WORDS:
            raise NotKnown(text)
        self._take()
        if text in _AGGREGATES:
            return self._aggregate(text)
        if self._next() == "(":
            return self._call(text)
        return self._selector(text)

    def _aggregate(self, name: str) -> Aggregate:
        labels, keeps = self._grouping()
        self._take("(")
        of = self.expression()
        self._take(")")
        if not labels and keeps:
            labels, keeps = self._grouping()
        return Aggregate(name=name, labels=labels, keeps=keeps, of=of)

    def _grouping(self) -> tuple[tuple[str, ...], bool]:
        if self._next() not in ("by", "without"):
            return (), True
        keeps = self._take() == "by"
        self._take("(")
        labels = []
        while self._next() != ")":
            labels.append(self._take())
            if self._next() == ",":
                self._take()
        self._take(")")
        return tuple(labels), keeps

    def _call(self, name: str) -> Call:
        if name not in _FUNCTIONS:
            raise NotKnown(name)
        self._take("(")
        arguments = []
        while self._next() != ")":
            arguments.append(self.expression())
            if self._next() == ",":
                self._take()
        self._take(")")
        return Call(name=name, arguments=tuple(arguments))

    def _selector(self, name: str) -> Selector:
        matchers = []
        if self._next() == "{":
            self._take()
            while self._next() != "}":
                label, how, text = self._take(), self._take(), self._take()
                if how not in ("=", "!=", "=~", "!~") or not text.startswith('"'):
                    raise NotKnown(f"{label}{how}{text}")
                matchers.append((label, how, text[1:-1]))
                if self._next() == ",":
                    self._take()
            self._take("}")
        seconds = None
        if self._tokens and self._tokens[0][0] == "range":
            text = self._take()
            seconds = float(int(text[1:-2]) * _UNITS[text[-2]])
        return Selector(name=name, matchers=tuple(matchers), seconds=seconds)


def _fits(value: str, how: str, text: str) -> bool:
    is_it = bool(re.fullmatch(text, value)) if how.endswith("~") else value == text
    return is_it is not how.startswith("!")
