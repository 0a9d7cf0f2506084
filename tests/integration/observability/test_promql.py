"""The small PromQL judges as Prometheus's documentation says, and refuses what it does not know."""

import math

import pytest

from .expressions import NotKnown, parse, selectors
from .promql import Value, evaluate
from .scrapes import Scrapes


def page(**values: float) -> str:
    """A page with one counter by `kind`."""
    lines = [f'cases_total{{kind="{kind}"}} {value}' for kind, value in values.items()]
    return "\n".join(["# TYPE cases_total counter", *lines, ""])


def histogram(*counts: int) -> str:
    """A page with one histogram, its buckets ending at 1, 2 and 4 seconds."""
    ends = ("1.0", "2.0", "4.0", "+Inf")
    lines = [f'took_seconds_bucket{{le="{end}"}} {count}' for end, count in zip(ends, counts, strict=True)]
    return "\n".join(["# TYPE took_seconds histogram", *lines, f"took_seconds_count {counts[-1]}", ""])


@pytest.fixture
def scrapes() -> Scrapes:
    """Two targets, each asked every 15 seconds for five minutes; one has begun anew after two."""
    taken = Scrapes()
    for number in range(21):
        at = 1000.0 + 15 * number
        taken.add(at, page(good=100 + 3 * number, bad=0), instance="one")
        taken.add(at, page(good=3 * (number if number < 8 else number - 8), bad=1), instance="two")
    return taken


def said(scrapes: Scrapes, text: str, at: float = 1300.0) -> object:
    """What an expression comes to, for people: a number, or numbers by what tells them apart."""
    value: Value = evaluate(parse(text), scrapes, at)
    if isinstance(value, float):
        return value
    return {
        ",".join(sorted(text for label, text in labels if label not in ("__name__", "job"))): round(number, 6)
        for labels, number in value.items()
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('cases_total{kind="good"}', {"good,one": 160.0, "good,two": 36.0}),
        ('cases_total{kind!="good", instance=~"t.o"}', {"bad,two": 1.0}),
        ('cases_total{kind!~"g.*"} > 0', {"bad,two": 1.0}),
        ("sum by (kind) (cases_total)", {"good": 196.0, "bad": 1.0}),
        ("sum(cases_total) by (kind)", {"good": 196.0, "bad": 1.0}),
        ("max without (instance, job) (cases_total)", {"good": 160.0, "bad": 1.0}),
        ("min(cases_total) + count(cases_total) * 2", {"": 8.0}),
        ("(1 + 2) * 3 - 4 / 2", 7.0),
        ("time() - 300", 1000.0),
        ("sum(cases_total) / 2 >= 98.5", {"": 98.5}),
        ("1 < cases_total", {"good,one": 160.0, "good,two": 36.0}),
        # Four minutes end at the last page and begin 15 seconds after a page: drawn out by that much.
        ('increase(cases_total{instance="one"}[4m])', {"good,one": 48.0, "bad,one": 0.0}),
        ('rate(cases_total{instance="one"}[4m])', {"good,one": 0.2, "bad,one": 0.0}),
        # It fell from 21 to 0, and rose again: 18 and 36 of the window's, drawn out.
        ('increase(cases_total{kind="good",instance="two"}[5m])', {"good,two": 18 / 19 * 20 + 36 / 19 * 20}),
        ("sum(rate(cases_total[4m])) > 1", {}),
        ("absent(cases_total)", {}),
        ('absent(missing{kind="x",other!="y"})', {"x": 1.0}),
        ("missing or cases_total == 1", {"bad,two": 1.0}),
        ('cases_total{kind="bad"} unless cases_total == 1', {"bad,one": 0.0}),
        ('cases_total{kind="bad"} and cases_total == 1', {"bad,two": 1.0}),
        ("cases_total > cases_total * 0 + 100", {"good,one": 160.0}),
        ("sum(cases_total) / 0", {"": math.inf}),
        ("up", {"one": 1.0, "two": 1.0}),
    ],
)
def test_value_is_as_documented(scrapes: Scrapes, text: str, value: object) -> None:
    """Each form that the rules and the dashboard have, by hand."""
    expected = {k: round(v, 6) for k, v in value.items()} if isinstance(value, dict) else value
    assert said(scrapes, text) == expected


def test_target_that_does_not_answer_is_not_up_and_has_nothing(scrapes: Scrapes) -> None:
    """At once; and one that is not asked any more is gone after five minutes."""
    scrapes.add(1310.0, None, instance="two")
    assert said(scrapes, "up == 0", 1310.0) == {"two": 0.0}
    assert said(scrapes, 'cases_total{kind="bad"}', 1310.0) == {"bad,one": 0.0}
    assert said(scrapes, "cases_total", 1599.0) == {"bad,one": 0.0, "good,one": 160.0}
    assert said(scrapes, "cases_total", 1600.0) == {}


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        ((0, 10, 10, 10), "0.5", 1.5),
        ((4, 8, 8, 8), "0.5", 1.0),
        ((4, 8, 8, 8), "0.25", 0.5),
        ((0, 0, 0, 9), "0.9", 4.0),
        ((0, 0, 8, 8), "1", 4.0),
        ((0, 8, 6, 8), "1", 2.0),
    ],
)
def test_quantile_lies_on_a_straight_line_in_its_bucket(counts: tuple[int, ...], share: str, value: float) -> None:
    """What is beyond the last bound is taken for it."""
    scrapes = Scrapes()
    scrapes.add(10.0, histogram(*counts))
    assert said(scrapes, f"histogram_quantile({share}, sum by (le) (took_seconds_bucket))", 10.0) == {"": value}


def test_quantile_of_nothing_is_no_number_and_exceeds_nothing() -> None:
    """So a rule about it is silent while nothing comes."""
    scrapes = Scrapes()
    scrapes.add(10.0, histogram(0, 0, 0, 0))
    (value,) = dict(evaluate(parse("histogram_quantile(0.9, took_seconds_bucket)"), scrapes, 10.0) or {}).values()  # type: ignore[arg-type]  # a vector
    assert math.isnan(value)
    assert said(scrapes, "histogram_quantile(0.9, took_seconds_bucket) > 0", 10.0) == {}


@pytest.mark.parametrize(
    "text",
    [
        "", "sum(", "a b", "rate(a)", "rate(sum(a)[5m])", "a[5m]", "a offset 5m", "a == bool 1", "a * on (b) c",
        "avg(a)", "topk(3, a)", "delta(a[5m])", "a{b='c'}", "a{b=~1}", "a[5m:1m]", "-a", "a % 2", "1e3", "a @ 5",
        "absent(sum(a))", "1 > 2", "time(1)", "1 or a", "a{b}", "histogram_quantile(a, b)", "sum(1)", "a)",
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused(scrapes: Scrapes, text: str) -> None:
    """Rather than taken for something else."""
    with pytest.raises(NotKnown):
        evaluate(parse(text), scrapes, 1300.0)


def test_every_selector_of_an_expression_is_found() -> None:
    """Wherever it stands."""
    found = selectors(parse("histogram_quantile(0.9, sum by (le) (rate(a[5m]))) > 1 or absent(b) and 2 * max(c) > d"))
    assert [selector.name for selector in found] == ["a", "b", "c", "d"]
