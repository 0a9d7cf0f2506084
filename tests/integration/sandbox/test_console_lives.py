"""The console's buttons for the rarer lives: each life is pressed through, and only fitting buttons are there."""

from collections.abc import Awaitable, Callable

import pytest

from entrypoints.sandbox.console.moves import MOVES
from tests.integration.sandbox.conftest import Console

Bought = Callable[[Console], Awaitable[object]]


async def _once(console: Console) -> None:
    await console.buy(subscription=False)


async def _monthly(console: Console) -> None:
    await console.buy(subscription=True)


async def _debit(console: Console) -> None:
    await console.buy_by_debit()


async def _monthly_debit(console: Console) -> None:
    await console.buy_by_debit(subscription=True)


async def _in_trial(console: Console) -> None:
    session = await console.open()
    await console.press("session-trial")
    console.world.stripe.engine.pay(session)


async def _in_trial_without_card(console: Console) -> None:
    session = await console.open()
    await console.press("session-trial-without-card")
    console.world.stripe.engine.pay(session)


_UNPAID = ["subscription-renewal-fails", "subscription-unpaid"]
LIVES: dict[str, tuple[Bought, list[str], str, str]] = {
    "slow refund": (_once, ["payment-refund-slow", "refund-arrive"], "succeeded", "refund-fail"),
    "slow refund fails": (_once, ["payment-refund-slow", "refund-fail"], "came back", "payment-refund"),
    "slow refund taken back": (_once, ["payment-refund-slow", "refund-cancel"], "taken back", "payment-refund"),
    "refund of a debit": (_debit, ["session-pay", "payment-refund"], "on its way", "refund-arrive"),
    "dispute answered": (_once, ["payment-dispute", "dispute-answer"], "under_review", "dispute-won"),
    "dispute prevented": (_once, ["payment-dispute", "dispute-prevent"], "prevented", "payment-refund"),
    "inquiry prevented": (_once, ["payment-inquiry", "dispute-prevent"], "prevented", "payment-refund"),
    "trial paid": (_in_trial, ["subscription-renew"], "active", "subscription-plan-cancel"),
    "trial not paid": (_in_trial, ["subscription-renewal-fails"], "past_due", "subscription-retry-pays"),
    "trial without a card": (_in_trial_without_card, ["subscription-renew"], "paused", "subscription-resume"),
    "resumed": (_monthly, ["subscription-pause", "subscription-resume"], "active", "subscription-renew"),
    "not collected": (
        _monthly,
        ["subscription-pause-collection", "subscription-renew"],
        "not collected",
        "subscription-resume-collection",
    ),
    "collected again": (
        _monthly,
        ["subscription-pause-collection", "subscription-resume-collection"],
        "active",
        "subscription-pause-collection",
    ),
    "renewal asks": (_monthly, ["subscription-renewal-asks"], "past_due", "subscription-retry-fails"),
    "unpaid": (_monthly, _UNPAID, "unpaid", "subscription-retry-pays"),
    "unpaid, then paid": (_monthly, [*_UNPAID, "subscription-retry-pays"], "active", "subscription-renew"),
    "retries run out": (
        _monthly,
        ["subscription-renewal-fails", *["subscription-retry-fails"] * 3],
        "canceled",
        "subscription-retry-pays",
    ),
    "voided": (_monthly, ["subscription-renewal-fails", "subscription-void"], "active", "subscription-renew"),
    "given up": (
        _monthly,
        ["subscription-renewal-fails", "subscription-uncollectible"],
        "active",
        "subscription-renew",
    ),
    "never begins": (
        _monthly_debit,
        ["session-fail", "subscription-never-begins"],
        "incomplete_expired",
        "",
    ),
}
"""What was bought, the buttons in order, a word that the page shows then, and a button that is there then."""


@pytest.mark.parametrize("name", LIVES)
async def test_life_is_pressed_through(console: Console, name: str) -> None:
    """Every button is on the page when its turn comes; the end shows, with what can happen next."""
    bought, presses, status, following = LIVES[name]
    await bought(console)
    for button in presses:
        html = await console.press(button)
    assert f'data-status="{status}"' in html
    rest = await console.buttons()
    assert following in rest if following else not [one for one in rest if one.startswith("subscription")]


@pytest.mark.parametrize("name", LIVES)
async def test_every_button_that_is_there_can_be_pressed(console: Console, name: str) -> None:
    """None that the page offers is refused."""
    bought, presses, _, _ = LIVES[name]
    await bought(console)
    for button in presses:
        await console.press(button)
    for button in await console.buttons():
        if button in await console.buttons():
            await console.press(button)


def test_every_move_has_a_life() -> None:
    """Here or in the moves that are pressed beside; a button that nobody has pressed may do anything."""
    pressed = {button for _, presses, _, _ in LIVES.values() for button in presses}
    pressed |= {"session-trial", "session-trial-without-card", "session-expire"}
    beside = {
        "subscription-plan-cancel",
        "subscription-keep",
        "subscription-cancel",
        "payment-refund-part",
        "dispute-escalate",
        "dispute-won",
        "dispute-lost",
    }
    assert {f"{kind}-{move}" for kind, moves in MOVES.items() for move in moves} == pressed | beside


async def test_rare_buttons_are_out_of_the_way(console: Console) -> None:
    """Behind one word; they work without JavaScript."""
    await console.buy(subscription=True)
    html = await console.html()
    folded = html[html.index("<details") : html.index("</details>")]
    assert 'data-testid="subscription-pause"' in folded
    assert 'data-testid="subscription-renew"' not in folded
