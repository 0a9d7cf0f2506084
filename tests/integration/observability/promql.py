"""The part of PromQL that the alert rules and the dashboard speak, worked out; what is not known is an error.

A vector is a mapping from labels to values, as Prometheus has it. Functions are as in its documentation, `rate` and
`increase` with the extrapolation to the window's ends, `histogram_quantile` with straight lines within a bucket.
`nox -s dashboard` holds all of it against Prometheus itself.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final, TypeAlias

from .expressions import Aggregate, Binary, Call, Expression, NotKnown, Selector
from .scrapes import NAME, Labels, Scrapes

Vector: TypeAlias = dict[Labels, float]
Value: TypeAlias = float | Vector

_ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else math.nan if not a or math.isnan(a) else math.copysign(math.inf, a),
}
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_AGGREGATES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "sum": math.fsum,
    "max": max,
    "min": min,
    "count": len,
}


def evaluate(expression: Expression, scrapes: Scrapes, at: float) -> Value:
    """What it is at a time, in seconds.

    Raises:
        NotKnown: it combines what cannot be combined here.
    """
    match expression:
        case Selector(seconds=None):
            return {
                labels: value
                for labels, value in scrapes.instant(expression.name, at).items()
                if expression.takes(labels)
            }
        case Aggregate():
            return _aggregated(expression, _vector(evaluate(expression.of, scrapes, at)))
        case Call():
            return _called(expression, scrapes, at)
        case Binary(sign=sign, left=left, right=right):
            return _combined(sign, evaluate(left, scrapes, at), evaluate(right, scrapes, at))
        case float():
            return expression
    raise NotKnown("a window stands where a value should")


def _nameless(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != NAME)


def _vector(value: Value) -> Vector:
    if isinstance(value, float):
        raise NotKnown("a number stands where series should")
    return value


def _aggregated(expression: Aggregate, vector: Vector) -> Vector:
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        kept = frozenset(pair for pair in _nameless(labels) if (pair[0] in expression.labels) is expression.keeps)
        groups.setdefault(kept, []).append(value)
    return {labels: float(_AGGREGATES[expression.name](values)) for labels, values in groups.items()}


def _called(expression: Call, scrapes: Scrapes, at: float) -> Value:
    return _FUNCTIONS[expression.name](expression.arguments, scrapes, at)


def _time(arguments: Sequence[Expression], _scrapes: Scrapes, at: float) -> Value:
    if arguments:
        raise NotKnown("time takes nothing")
    return at


def _absent(arguments: Sequence[Expression], scrapes: Scrapes, at: float) -> Value:
    """1 where nothing is; with the labels that its selector says are equal to something."""
    (argument,) = arguments
    if not isinstance(argument, Selector):
        raise NotKnown("absent of something that is no selector")
    said = frozenset((label, text) for label, how, text in argument.matchers if how == "=")
    return {} if evaluate(argument, scrapes, at) else {said: 1.0}


def _increase(arguments: Sequence[Expression], scrapes: Scrapes, at: float) -> Value:
    (argument,) = arguments
    if not isinstance(argument, Selector) or argument.seconds is None:
        raise NotKnown("rate and increase want a selector over a window")
    found: Vector = {}
    for labels, points in scrapes.window(argument.name, at, argument.seconds, argument.takes).items():
        if len(points) > 1:
            found[_nameless(labels)] = _risen(points, at, argument.seconds)
    return found


def _rate(arguments: Sequence[Expression], scrapes: Scrapes, at: float) -> Value:
    risen = _vector(_increase(arguments, scrapes, at))
    (argument,) = arguments
    assert isinstance(argument, Selector)
    assert argument.seconds is not None
    return {labels: value / argument.seconds for labels, value in risen.items()}


def _risen(points: Sequence[tuple[float, float]], at: float, seconds: float) -> float:
    """How much a counter rose, a fall being a new beginning, drawn out to where the window begins and ends."""
    (first_at, first), (last_at, last) = points[0], points[-1]
    values = [value for _, value in points]
    risen = last - first + sum(before for before, after in pairwise(values) if after < before)
    seen = last_at - first_at
    each = seen / (len(points) - 1)
    before, after = first_at - (at - seconds), at - last_at
    if risen > 0 and first >= 0:
        before = min(before, seen * first / risen)  # no counter was ever below zero
    drawn = seen + sum(gap if gap < each * 1.1 else each / 2 for gap in (before, after))
    return risen * drawn / seen


def _quantile(arguments: Sequence[Expression], scrapes: Scrapes, at: float) -> Value:
    share, of = arguments
    if not isinstance(share, float):
        raise NotKnown("histogram_quantile wants a number")
    histograms: dict[Labels, list[tuple[float, float]]] = {}
    for labels, value in _vector(evaluate(of, scrapes, at)).items():
        known = dict(_nameless(labels))
        end = float(known.pop("le"))
        histograms.setdefault(frozenset(known.items()), []).append((end, value))
    return {labels: _within(share, _rising(sorted(buckets))) for labels, buckets in histograms.items()}


def _rising(buckets: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Each bucket holds those below it, though its own rate was drawn out by less."""
    return list(zip((end for end, _ in buckets), accumulate((count for _, count in buckets), max), strict=True))


def _within(share: float, buckets: Sequence[tuple[float, float]]) -> float:
    total = buckets[-1][1]
    if not total or math.isnan(total) or not math.isinf(buckets[-1][0]):
        return math.nan
    rank = share * total
    place = next(number for number, (_, count) in enumerate(buckets) if count >= rank)
    if place == len(buckets) - 1:
        return buckets[-2][0]
    begin, below = buckets[place - 1] if place else (0.0, 0.0)
    end, count = buckets[place]
    return end if count == below else begin + (end - begin) * (rank - below) / (count - below)


def _combined(sign: str, left: Value, right: Value) -> Value:
    if sign in ("or", "and", "unless"):
        return _sets(sign, _vector(left), _vector(right))
    if sign in _ARITHMETIC:
        return _mapped(_ARITHMETIC[sign], left, right)
    compare = _COMPARISONS[sign]
    if isinstance(left, float) and isinstance(right, float):
        raise NotKnown("two numbers are compared")
    if isinstance(left, float):
        return {labels: value for labels, value in _vector(right).items() if compare(left, value)}
    if isinstance(right, float):
        return {labels: value for labels, value in left.items() if compare(value, right)}
    others = {_nameless(labels): value for labels, value in right.items()}
    return {
        labels: value
        for labels, value in left.items()
        if _nameless(labels) in others and compare(value, others[_nameless(labels)])
    }


def _mapped(combine: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, float):
        if isinstance(right, float):
            return combine(left, right)
        return {_nameless(labels): combine(left, value) for labels, value in right.items()}
    if isinstance(right, float):
        return {_nameless(labels): combine(value, right) for labels, value in left.items()}
    others = {_nameless(labels): value for labels, value in right.items()}
    return {
        _nameless(labels): combine(value, others[_nameless(labels)])
        for labels, value in left.items()
        if _nameless(labels) in others
    }


def _sets(sign: str, left: Vector, right: Vector) -> Vector:
    theirs, ours = {_nameless(labels) for labels in right}, {_nameless(labels) for labels in left}
    if sign == "or":
        return left | {labels: value for labels, value in right.items() if _nameless(labels) not in ours}
    return {labels: value for labels, value in left.items() if (_nameless(labels) in theirs) is (sign == "and")}


_FUNCTIONS: Final[Mapping[str, Callable[[Sequence[Expression], Scrapes, float], Value]]] = {
    "time": _time,
    "absent": _absent,
    "increase": _increase,
    "rate": _rate,
    "histogram_quantile": _quantile,
}
