"""The list: each a defect that somebody could write one day, planted into the product in memory, by a test only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from . import granting, storing


@dataclass(frozen=True, kw_only=True)
class Plant:
    """One defect.

    Attributes:
        name: short, for a test's id.
        what: what somebody did wrong.
        plant: puts it in.
        seed: of the simulated history that finds it soonest.
    """

    name: str
    what: str
    plant: Callable[[pytest.MonkeyPatch], None]
    seed: int


PLANTS: Final = [
    Plant(
        name="outbox_after_commit",
        what="what is owed is written after the commit",
        plant=storing.outbox_after_commit,
        seed=24,
    ),
    Plant(
        name="commit_on_error",
        what="a transaction that failed is committed",
        plant=storing.commit_on_the_way_out,
        seed=24,
    ),
    Plant(name="lease_of_nobody", what="two workers take the same row", plant=storing.lease_of_nobody, seed=1891),
    Plant(name="lease_for_ever", what="a killed worker's rows never come back", plant=storing.lease_for_ever, seed=5),
    Plant(
        name="settled_by_whoever",
        what="a worker whose lease ran out settles the row",
        plant=storing.settled_by_whoever,
        seed=645,
    ),
    Plant(
        name="over_for_good",
        what="what a fast clock recorded as over stays on record",
        plant=storing.over_for_good,
        seed=1072,
    ),
    Plant(
        name="table_too_narrow",
        what="a refund that failed brings nobody back from expired",
        plant=granting.table_too_narrow,
        seed=6,
    ),
    Plant(
        name="delivered_before_sent",
        what="a mail is marked as delivered, then sent",
        plant=storing.delivered_before_sent,
        seed=0,
    ),
    Plant(
        name="failure_is_the_end",
        what="a delivery that failed once is given up",
        plant=storing.failure_is_the_end,
        seed=0,
    ),
    Plant(name="key_by_chance", what="an effect's key is random", plant=storing.key_by_chance, seed=0),
    Plant(
        name="not_parked",
        what="an event of an unknown order is acknowledged and dropped",
        plant=storing.not_parked,
        seed=37,
    ),
    Plant(
        name="parked_and_forgotten",
        what="parked events are never taken up",
        plant=storing.parked_and_forgotten,
        seed=37,
    ),
    Plant(
        name="unparked_unapplied",
        what="a parked event is marked as applied and is not",
        plant=storing.unparked_unapplied,
        seed=152,
    ),
    Plant(
        name="newest_wins",
        what="timestamps are compared: an older event is ignored",
        plant=storing.newest_wins,
        seed=18,
    ),
    Plant(
        name="errors_acknowledged",
        what="a webhook that could not be stored is acknowledged",
        plant=storing.errors_acknowledged,
        seed=7,
    ),
    Plant(
        name="links_ignored",
        what="a refund of a payment intent does not find its invoice",
        plant=granting.links_ignored,
        seed=0,
    ),
    Plant(
        name="partial_refund_voids", what="a partial refund takes access", plant=granting.partial_refund_voids, seed=3
    ),
    Plant(name="inquiry_voids", what="an inquiry takes access", plant=granting.inquiry_voids, seed=10),
    Plant(
        name="won_stays_void",
        what="a dispute that was won does not give access back",
        plant=granting.won_stays_void,
        seed=6,
    ),
    Plant(
        name="failed_refund_counts",
        what="a refund that failed still voids",
        plant=granting.failed_refund_counts,
        seed=6,
    ),
    Plant(
        name="grace_after_the_end",
        what="an ended subscription keeps its grace",
        plant=granting.grace_after_the_end,
        seed=0,
    ),
    Plant(name="no_grace", what="there is no grace", plant=granting.no_grace, seed=0),
    Plant(
        name="last_word_wins",
        what="of two words about a refund the one that came last wins",
        plant=granting.last_word_wins,
        seed=300,
    ),
    Plant(
        name="operator_unheard", what="an operator's revocation does nothing", plant=granting.operator_unheard, seed=117
    ),
    Plant(
        name="gate_trusts_the_record",
        what="the gate believes the recorded state",
        plant=granting.gate_trusts_the_record,
        seed=0,
    ),
    Plant(
        name="second_user_too",
        what="a link that was used lets a second user in",
        plant=granting.second_user_too,
        seed=16,
    ),
    Plant(
        name="forged_mac",
        what="only the first bytes of a token's proof are compared",
        plant=granting.forged_mac,
        seed=90,
    ),
    Plant(
        name="history_forgotten", what="a change is saved without its history", plant=granting.history_forgotten, seed=0
    ),
]
