"""Hostile values: any JSON, and a real document with a few of its parts dropped, replaced, nested or retyped."""

import copy
import os
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

_MANY: Final = 3000

BOUNDED: Final = settings(
    max_examples=_MANY if os.environ.get("PAYWALL_HOSTILE") == "all" else 60,
    deadline=None,
    database=None,
    derandomize=os.environ.get("PAYWALL_HOSTILE") != "all",
    suppress_health_check=list(HealthCheck),
)
"""The same examples in every default run; `PAYWALL_HOSTILE=all` looks for many new ones."""

DEEP: Final = b"[" * 100_000 + b"]" * 100_000
"""Well-formed JSON that no recursive reader survives without a limit."""

ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 2**31, 2**63, 2**64, 10**40, -(10**40), 1e308, 0.5, "", " ", "\x00", "\u202e", "é" * 300,
    "1" * 5000, [], {}, [[]], [None], {"id": {"id": {"id": 1}}}, {"": ""}, "paid", "eur", "active",
    "0" * 32,
)  # fmt: skip
"""Values that readers trip over."""

JSON: Final = st.recursive(
    st.sampled_from(ODD) | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn, samples: st.SearchStrategy[Any]) -> Any:
    """A sample with up to four changes anywhere in it."""
    document = copy.deepcopy(draw(samples))
    for _ in range(draw(st.integers(0, 4))):
        places = list(_places(document))
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        change = draw(st.sampled_from(["drop", "replace", "wrap", "list", "text"]))
        if change == "drop":
            del holder[key]
        elif change == "replace":
            holder[key] = copy.deepcopy(draw(JSON))  # or a later change would change what is drawn from
        elif change == "wrap":
            holder[key] = {"id": holder[key], "object": holder[key]}
        elif change == "list":
            holder[key] = [holder[key]] * 2
        else:
            holder[key] = str(holder[key])
    return document


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every place of a document: what holds it, and under which key."""
    if isinstance(document, Mapping):
        keys: list[Any] = list(document)
    elif isinstance(document, list):
        keys = list(range(len(document)))
    else:
        return []
    return [(document, key) for key in keys] + [place for key in keys for place in _places(document[key])]


@st.composite
def spoilt(draw: st.DrawFn, body: bytes) -> bytes:
    """The bytes, cut short, with a byte changed, a surrogate put in, or a field said twice."""
    change = draw(st.sampled_from(["none", "none", "cut", "byte", "surrogate", "twice", "nan"]))
    at = draw(st.integers(0, max(0, len(body) - 1)))
    if change == "cut":
        return body[:at]
    if change == "byte":
        return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
    if change == "surrogate":
        return body.replace(b'"id":"', b'"id":"\\ud800', 1)
    if change == "twice":
        return body.replace(b"{", b'{"id":7,', 1).replace(b"}", b',"object":"event"}', 1)
    return body.replace(b"0", b"NaN", 1) if change == "nan" else body
