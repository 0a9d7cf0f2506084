"""The dashboard: each of its expressions names what a running product really gives, and comes to something."""

import math
import re

import pytest

from .dashboard import Panel, dashboard
from .expressions import Aggregate, Binary, Call, Expression, parse, selectors
from .promql import evaluate
from .town import Town

PANELS = [panel for panel in dashboard().panels if panel.type != "row"]
QUIET = {"Time of an update"}
"""Panels whose lines are there, and have no point yet: no bot runs."""


@pytest.fixture
async def watched(town: Town) -> Town:
    """A few minutes of trade, with a stranger at the door now and then."""
    async with town.product() as world:
        for user in range(1, 9):
            started = await town.buy(world)
            assert not (await world.access(user))["is_paid"]
            await world.client.post("/api/stripe/webhook", content=b"{}", headers={"stripe-signature": "t=1,v1=1"})
            await town.prometheus.go_on(minutes=0.5)
            assert await world.redeem(started.order_id, user)
        await town.prometheus.go_on(minutes=1)
    return town


def labels_named(expression: Expression) -> set[str]:
    """Labels that are kept or asked for."""
    match expression:
        case Aggregate(labels=labels, of=of):
            return {*labels, *labels_named(of)}
        case Call(arguments=arguments):
            return {label for argument in arguments for label in labels_named(argument)}
        case Binary(left=left, right=right):
            return labels_named(left) | labels_named(right)
    return {label for selector in selectors(expression) for label, _, _ in selector.matchers}


async def test_every_expression_names_what_there_is_and_comes_to_something(watched: Town) -> None:
    """Every metric, every label in a matcher, in `by` and in a legend; no line is without a point."""
    given: dict[str, set[str]] = {}
    for series in watched.prometheus.scrapes.names():
        known = dict(series)
        given.setdefault(known.pop("__name__"), set()).update(known)
    for panel in PANELS:
        for target in panel.targets:
            expression = parse(target.over("5m"))
            named = labels_named(expression) | set(re.findall(r"\{\{(\w+)\}\}", target.legend_format))
            for selector in selectors(expression):
                assert selector.name in given, f"{panel.title}: {selector.name}"
                assert named <= given[selector.name], f"{panel.title}: {named} of {selector.name}"
            value = evaluate(expression, watched.prometheus.scrapes, watched.prometheus.now)
            numbers = [value] if isinstance(value, float) else list(value.values())
            assert numbers, panel.title
            assert all(map(math.isnan, numbers)) is (panel.title in QUIET), panel.title


def test_panels_stand_side_by_side() -> None:
    """None over another, none over the edge; rows have headings, and every panel says what it shows."""
    taken: dict[tuple[int, int], Panel] = {}
    for panel in dashboard().panels:
        place = panel.grid_pos
        assert place.x + place.w <= 24
        for cell in ((x, y) for x in range(place.x, place.x + place.w) for y in range(place.y, place.y + place.h)):
            assert cell not in taken, f"{panel.title} lies over {taken[cell].title}"
            taken[cell] = panel
    assert len({panel.id for panel in dashboard().panels}) == len(dashboard().panels)
    assert all(panel.description and panel.unit for panel in PANELS)
    assert [panel.title for panel in dashboard().panels if panel.type == "row"] == [
        "Is everybody in?",
        "HTTP",
        "Webhooks",
        "Outbox",
        "Funnel",
        "Processes",
    ]
