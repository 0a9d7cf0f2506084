"""`paywall orders`: whoever asks by any id finds the order, reads why, and leaves a trace when acting on it."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.db.database import Database
from paywall_core.lifecycle import State
from paywall_core.ports.operations import Dossier
from tests.integration.entrypoints.conftest import Terminal
from tests.integration.entrypoints.shop import ANNA, CARL, Past


async def dossier_of(database: Database, order_id: UUID) -> Dossier:
    """All about an order."""
    dossier = await database.archive.dossier(order_id)
    assert dossier is not None
    return dossier


def ids(out: str) -> list[str]:
    """Of the orders that were listed."""
    return [line["order_id"] for line in json.loads(out)["orders"]]


async def test_orders_are_listed_the_newest_first_as_of_now(terminal: Terminal, past: Past) -> None:
    """One row for one order; what has lapsed and was not recorded yet is shown as it truly is."""
    listed = await terminal("orders", "list")
    assert (listed.code, listed.err) == (0, "")
    head, *rows = listed.out.splitlines()
    assert head.split("  ")[0] == "order"
    assert len(rows) == 6
    eve, bob, carl, dora, anna, lapsed = rows
    assert " pending " in eve
    assert str(past.bob) in bob
    assert " token_issued " in bob
    assert " sub_monthly " in carl
    assert " revoked " in dora
    assert anna.startswith(str(past.anna))
    assert " active " in anna
    assert f" {ANNA} " in anna
    assert anna.endswith(" Anna.Petrova@example.com")
    assert lapsed.startswith(str(past.carl[0]))
    assert " expired, unrecorded " in lapsed


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["anna.petrova@EXAMPLE.com"], ["anna"]),
        (["--email", "anna.petrova@example.com", "--state", "active"], ["anna"]),
        (["--email", "anna.petrova@example.com", "--state", "revoked"], []),
        ([str(ANNA)], ["anna"]),
        (["--telegram", str(CARL)], ["carl2", "carl1"]),
        ([str(CARL), "--limit", "1"], ["carl2"]),
        (["pi_anna"], ["anna"]),
        (["ch_dora"], ["dora"]),
        (["--stripe", "sub_carl2"], ["carl2"]),
        (["--state", "token_issued"], ["bob"]),
        (["pi_nobody"], []),
    ],
)
async def test_order_is_found_by_whatever_is_known_of_it(
    terminal: Terminal, past: Past, words: list[str], names: list[str]
) -> None:
    """The shape of the word says what it is."""
    by_name = {"anna": past.anna, "bob": past.bob, "dora": past.dora, "carl1": past.carl[0], "carl2": past.carl[1]}
    found = await terminal("orders", "list", *words, "--json")
    assert found.code == 0
    assert ids(found.out) == [str(by_name[name]) for name in names]


async def test_order_is_found_by_its_whole_id(terminal: Terminal, past: Past) -> None:
    """Of an unknown one is said that there is none, and a list that is empty is no failure."""
    for word in (str(past.anna), past.anna.hex, str(past.anna).upper()):
        assert ids((await terminal("orders", "list", word, "--json")).out) == [str(past.anna)]
    unknown = await terminal("orders", "list", uuid4())
    assert (unknown.code, unknown.out) == (0, "")
    assert unknown.err.startswith("There is no order for the id ")
    assert json.loads((await terminal("orders", "list", uuid4(), "--json")).out) == {"orders": []}


async def test_listed_order_is_whole_in_json(terminal: Terminal, past: Past) -> None:
    """Its state as of now beside the recorded one."""
    (line,) = json.loads((await terminal("orders", "list", "pi_carl1", "--json")).out)["orders"]
    assert line | {"created_at": 0, "paid_until": 0, "access_until": 0} == {
        "order_id": str(past.carl[0]),
        "created_at": 0,
        "plan": "one_time_basic",
        "state": "expired",
        "recorded_state": "active",
        "paid_until": 0,
        "access_until": 0,
        "for_life": False,
        "telegram_user_id": CARL,
        "email": "carl@example.com",
    }
    assert line["paid_until"] == line["access_until"]


@pytest.mark.parametrize(
    "words",
    [
        ["list", "anna"],
        ["list", "6cd92a10"],
        ["list", "anna@"],
        ["list", "evt_123"],
        ["list", "9" * 30],
        ["list", "--state", "asleep"],
        ["list", "--limit", "0"],
        ["list", "anna@example.com", "--email", "bob@example.com"],
        ["list", str(uuid4()), "--email", "bob@example.com"],
        ["show"],
        ["show", "anna"],
        ["revoke", "pi_anna"],
        ["revoke", "pi_anna", "--why", " "],
        ["revoke", "pi_anna", "--why", "a\x1b[2Jb"],
        ["revoke", "pi_anna", "--why", "x" * 501],
        ["revoke", "pi_anna", "--why", "x", "--by", ""],
    ],
)
async def test_what_cannot_be_meant_is_refused(terminal: Terminal, words: list[str]) -> None:
    """With exit code 2, before anything is opened."""
    refused = await terminal("orders", *words)
    assert (refused.code, refused.out) == (2, "")
    assert "Error: " in refused.err


async def test_show_tells_the_whole_story(terminal: Terminal, past: Past) -> None:
    """What it is, what happened, Stripe's events, what it owes, and what operators did."""
    await terminal("outbox", "retry", "--dead", "--why", "mail is back", "--yes")
    out = (await terminal("orders", "show", past.bob)).out
    assert "the payment pi_bob covers until" in out
    assert "one_time_basic: paid once, for 30 days" in out
    assert "bob@example.com (language en)" in out
    assert "pending -> token_issued  the payment pi_bob of 1900 eur (minor units) came" in out
    assert "checkout.session.completed" in out
    assert f"access_email:{past.bob}:1" in out
    (act, *_) = [line for line in out.splitlines() if "outbox retry" in line]
    assert [cell.strip() for cell in act.split("  ") if cell][1:] == [
        "kate",
        "outbox retry",
        f"access_email:{past.bob}:1",
        "mail is back",
    ]


async def test_shown_order_is_whole_in_json(terminal: Terminal, database: Database, past: Past) -> None:
    """The same, for scripts."""
    shown = json.loads((await terminal("orders", "show", "pi_dora", "--json")).out)
    dossier = await dossier_of(database, past.dora)
    assert shown["order"]["order_id"] == str(past.dora)
    assert shown["because"] == "the payment pi_dora was refunded in full (re_dora)"
    assert shown["facts"]["refunds"]["re_dora"]["status"] == "succeeded"
    assert [(entry["from_state"], entry["to_state"]) for entry in shown["history"]] == [
        ("pending", "pending"),
        ("pending", "token_issued"),
        ("token_issued", "revoked"),
    ]
    assert [entry["event"]["event"] for entry in shown["history"]][1:] == ["payment_succeeded", "refund_updated"]
    assert [event["event_id"] for event in shown["stripe_events"]] == [event.event_id for event in dossier.events]
    assert [row["key"] for row in shown["outbox"]] == [row.key for row in dossier.outbox]
    assert shown["acts"] == []


async def test_explain_says_why_and_what_is_undelivered(terminal: Terminal, past: Past) -> None:
    """The verdict first; what decides is marked; what is planned for later is not late."""
    out = (await terminal("orders", "explain", "dora@example.com")).out
    verdict, _, *reasons = out.splitlines()
    assert verdict == (
        f"Order {past.dora} is revoked and has no access: the payment pi_dora was refunded in full (re_dora)."
    )
    assert [line[0] for line in reasons] == ["▸", "▸", " "]
    assert "re_dora" in reasons[1]
    out = (await terminal("orders", "explain", "bob@example.com")).out
    assert "nobody has redeemed the link yet" in out.splitlines()[0]
    assert "given up after 1 try: SMTP 535: authentication failed" in out
    assert "notice:ends_soon" not in out


async def test_explanation_is_whole_in_json(terminal: Terminal, past: Past) -> None:
    """With Stripe's ids that decide."""
    said = json.loads((await terminal("orders", "explain", past.anna, "--json")).out)
    assert (said["order_id"], said["state"], said["has_access"]) == (str(past.anna), "active", True)
    assert said["references"] == ["pi_anna"]
    assert [reason["decisive"] for reason in said["reasons"]] == [True, False, False]
    assert said["undelivered"] == []
    said = json.loads((await terminal("orders", "explain", "pi_bob", "--json")).out)
    assert [(row["status"], row["order_id"]) for row in said["undelivered"]] == [("dead", str(past.bob))] * 2


@pytest.mark.parametrize("words", [["show"], ["explain"], ["revoke", "--why", "x", "--yes"]])
async def test_several_orders_are_listed_and_none_is_chosen(
    terminal: Terminal, database: Database, past: Past, words: list[str]
) -> None:
    """The operator says which by its id; the list, on standard error, holds no address."""
    asked = await terminal("orders", *words, "carl@example.com", "--json")
    assert (asked.code, asked.out) == (1, "")
    assert all(str(order_id) in asked.err for order_id in past.carl)
    assert "carl@" not in asked.err
    assert asked.err.splitlines()[-1].startswith("paywall: there are several orders for that e-mail address: ")
    assert (await dossier_of(database, past.carl[1])).order.state is State.ACTIVE


async def test_no_order_is_one_line(terminal: Terminal) -> None:
    """Without the address that was asked for."""
    asked = await terminal("orders", "explain", "nobody@example.com")
    assert (asked.code, asked.out, asked.err) == (1, "", "paywall: there is no order for that e-mail address\n")


async def test_revoking_asks_and_leaves_who_and_why(terminal: Terminal, database: Database, past: Past) -> None:
    """First it says what would be; then it is done, and the history has it."""
    done = await terminal("orders", "revoke", ANNA, "--why", "sold the account", answer="y\n")
    assert done.code == 0
    assert "active -> revoked" in done.out
    assert done.out.splitlines()[-1] == "Access is revoked: active -> revoked."
    assert "Revoke it? [y/N]" in done.err
    dossier = await dossier_of(database, past.anna)
    assert dossier.order.state is State.REVOKED
    assert dossier.history[-1].cause == "operator:kate"
    word: Any = dossier.history[-1].event
    assert (word.by, word.why) == ("kate", "sold the account")
    told = (await terminal("orders", "show", past.anna)).out
    assert "kate revoked access: sold the account" in told
    assert "operator:kate" in told


async def test_dry_run_or_no_yes_changes_nothing(terminal: Terminal, database: Database, past: Past) -> None:
    """Everything about the order stays as it was."""
    before = await dossier_of(database, past.anna)
    revoke = ("orders", "revoke", "pi_anna", "--why", "let me see")
    dry = await terminal(*revoke, "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert "active -> revoked" in dry.out
    for answer in ("n\n", ""):
        asked = await terminal(*revoke, answer=answer)
        assert asked.code == 1
        assert asked.err.splitlines()[-1] == "paywall: nothing was changed (--yes does it without asking)"
    assert await dossier_of(database, past.anna) == before


async def test_acts_in_json_are_one_document(terminal: Terminal, database: Database, past: Past) -> None:
    """What is for people is on standard error, without the address."""
    done = await terminal("orders", "revoke", "pi_anna", "--by", "lena", "--why", "fraud", "--yes", "--json")
    said = json.loads(done.out)
    assert said["because"].startswith("lena revoked access on ")
    assert said | {"because": "", "owed": []} == {
        "order_id": str(past.anna),
        "act": "revoke",
        "by": "lena",
        "why": "fraud",
        "done": True,
        "before": "active",
        "after": "revoked",
        "because": "",
        "owed": [],
    }
    assert "example.com" not in done.err
    foreseen = json.loads((await terminal("orders", "reinstate", "pi_anna", "--why", "x", "--dry-run", "--json")).out)
    assert (foreseen["done"], foreseen["before"], foreseen["after"]) == (False, "revoked", "active")
    done = await terminal("orders", "reinstate", "pi_anna", "--why", "it was not her", "--yes", "--json")
    assert json.loads(done.out)["owed"] == foreseen["owed"]
    dossier = await dossier_of(database, past.anna)
    assert dossier.order.state is State.ACTIVE
    assert set(foreseen["owed"]) <= {row.key for row in dossier.outbox}


async def test_link_is_sent_again(terminal: Terminal, database: Database, past: Past) -> None:
    """One more row in the outbox, and the history says who wanted it."""
    done = await terminal("orders", "resend", "bob@example.com", "--why", "she deleted it", "--yes")
    assert done.code == 0
    assert f"access_email:{past.bob}:1:resend-1" in done.out
    dossier = await dossier_of(database, past.bob)
    assert f"access_email:{past.bob}:1:resend-1" in [row.key for row in dossier.outbox]
    assert dossier.history[-1].cause == "operator:kate"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["reinstate", "pi_anna"], "nothing to reinstate: the order is active"),
        (["resend", "pi_dora"], "there is no link to send again: the order is revoked"),
        (["resend", "eve@example.com"], "there is no link to send again: the order is pending"),
    ],
)
async def test_act_that_the_state_forbids_is_one_line(
    terminal: Terminal, past: Past, words: list[str], line: str
) -> None:
    """And nothing is asked."""
    refused = await terminal("orders", *words, "--why", "please")
    assert (refused.code, refused.out, refused.err) == (1, "", f"paywall: {line}\n")
