"""The alert rules of `deploy/observability`, held against what `GET /metrics` gives, in trouble and out of it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

from paywall_core.lifecycle import State
from paywall_core.order import Change
from paywall_core.ports.operations import INVARIANTS

from .rows.service import METRICS
from .service import Service

RULES: Final = Path(__file__).parents[3] / "deploy" / "observability" / "alerts.yaml"
EXPRESSION: Final = re.compile(r'([a-z_]+)\{([a-z_]+)="([a-z_]+)"\} > (\d+)')
"""The only form that the rules have; another is an error here until this evaluator knows it."""


def rules() -> dict[str, dict[str, Any]]:
    """Each rule by its name."""
    read = msgspec.yaml.decode(RULES.read_bytes())
    return {rule["alert"]: rule for group in read["groups"] for rule in group["rules"]}


def parsed(rule: dict[str, Any]) -> tuple[str, str, str, float]:
    """Metric, label, the label's value, and the bound that must be exceeded."""
    found = EXPRESSION.fullmatch(rule["expr"])
    assert found is not None, rule["expr"]
    return found[1], found[2], found[3], float(found[4])


async def firing(service: Service) -> set[str]:
    """The rules whose expression is true of what the service gives now; `for` is Prometheus's own."""
    answer = await service.client.get(METRICS.path, headers=METRICS.headers)
    assert answer.status_code == 200, answer.text
    samples = [s for family in text_string_to_metric_families(answer.text) for s in family.samples]
    fired: set[str] = set()
    for name, rule in rules().items():
        metric, label, value, bound = parsed(rule)
        values = [s.value for s in samples if s.name == metric and s.labels == {label: value}]
        assert len(values) == 1, f"{name}: no such metric"
        if values[0] > bound:
            fired.add(name)
    return fired


def test_each_invariant_has_its_rule_and_each_rule_its_command() -> None:
    """None is forgotten, and whoever is woken knows what to run."""
    assert {parsed(rule)[2] for rule in rules().values()} == set(INVARIANTS)
    for rule in rules().values():
        assert re.search(r"Run: paywall [a-z -]+$", rule["annotations"]["summary"])


@pytest.mark.parametrize("expr", ["up == 0", 'm{a="b"} > 0 or x', 'rate(m{a="b"}[5m]) > 0', 'm{a=~"b"} > 0'])
def test_unknown_expression_is_an_error(expr: str) -> None:
    """Nothing is taken for something else."""
    with pytest.raises(AssertionError):
        parsed({"expr": expr})


async def test_nothing_fires_after_a_good_purchase(service: Service) -> None:
    """A sale by itself wakes nobody."""
    await service.buy()
    assert await firing(service) == set()


async def test_stuck_outbox_fires(service: Service) -> None:
    """A purchase whose effects no worker delivers."""
    await service.buy()
    service.clock.advance(timedelta(minutes=31))
    assert await firing(service) == {"PaywallOutboxStuck"}


async def test_paid_without_access_fires(service: Service) -> None:
    """A paid order that is recorded as one that gives nothing."""
    started = await service.buy()
    async with service.database.unit_of_work() as uow:
        order = await uow.orders.get(UUID(started["order_id"]), for_update=True)
        assert order is not None
        await uow.orders.save(Change(order=structs.replace(order, state=State.PENDING)))
        await uow.commit()
    assert await firing(service) == {"PaywallPaidWithoutAccess"}


async def test_page_says_what_there_is(service: Service) -> None:
    """Its tables name each metric that the service gives, and each rule with the command of its summary."""
    answer = await service.client.get(METRICS.path, headers=METRICS.headers)
    given = {family.name for family in text_string_to_metric_families(answer.text)}
    wanted = {(name, rule["annotations"]["summary"].rpartition("Run: ")[2]) for name, rule in rules().items()}
    page = (RULES.parents[2] / "docs" / "observability.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(paywall_[a-z_]+)` \|", page, re.MULTILINE)) == given
    assert set(re.findall(r"^\| `(Paywall[A-Za-z]+)` \|.*\| `([^`]+)` \|$", page, re.MULTILINE)) == wanted
