"""`paywall doctor`: is what the settings say true, and does what must always hold, hold?"""

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct
from rich.text import Text

from entrypoints.cli import options
from entrypoints.cli.output import Column, Listing, heading, print_json, progress
from entrypoints.cli.running import NotDone, operators_settings
from entrypoints.settings import Role, SettingError, Settings
from paywall_core.ports.checkup import Finding, Verdict
from paywall_core.ports.operations import INVARIANTS, Violation

if TYPE_CHECKING:
    from entrypoints.container import Container

_LIVE: Final = "invariants"
_MARKS: Final = {
    Verdict.OK: Text("✓", style="green"),
    Verdict.OFF: Text("–", style="bright_black"),
    Verdict.WARNING: Text("!", style="yellow"),
    Verdict.FAILED: Text("✗", style="bold red"),
}


class InvariantLine(Struct, frozen=True, kw_only=True):
    """One invariant, asked of the database or of every order.

    Attributes:
        meaning: what is wrong where the count is not 0.
        count: in how many cases it does not hold.
        examples: a few of them.
    """

    invariant: str
    meaning: str
    count: int
    examples: Sequence[str]


class DoctorDocument(Struct, frozen=True, kw_only=True):
    """`doctor --json`.

    Attributes:
        healthy: nothing failed and every invariant holds; the exit code is 0.
        findings: one a line, in the order of the checks.
        invariants: asked of the database (`--live`).
        audit: held against the facts of every order (`--live`).
        orders_read: how many orders that were.
    """

    healthy: bool
    findings: Sequence[Finding]
    invariants: Sequence[InvariantLine] = ()
    audit: Sequence[InvariantLine] = ()
    orders_read: int = 0


@click.command(epilog=options.examples("paywall doctor", "paywall doctor --live --json"))
@click.option("--live", is_flag=True, help="Ask the orders too: what must always hold. Reads every one of them.")
@options.as_json
def doctor(*, live: bool, as_json: bool) -> None:
    """Check each setting against its real service. With --live, also what must always hold.

    Nothing is sent to a customer and nothing is changed. ✓ well, ! look at it, ✗ broken, – off. Exit code 1 when
    something is broken.
    """
    document = asyncio.run(_examine(operators_settings(Role.DOCTOR), live=live))
    if as_json:
        print_json(document)
    else:
        _show(document, live=live)
    sys.exit(0 if document.healthy else 1)


async def _examine(settings: Settings, *, live: bool) -> DoctorDocument:
    """Everything that is asked for; what cannot be asked is a finding."""
    from entrypoints.doctor import examine, is_healthy, outside_checkups  # noqa: PLC0415  - as above
    from entrypoints.parts import SystemClock  # noqa: PLC0415  - loads every adapter

    with progress("asking each service"):
        findings = await examine(settings, outside_checkups(settings, SystemClock()))
    if not live:
        return DoctorDocument(healthy=is_healthy(findings), findings=findings)
    try:
        invariants, audit, read = await _ask_orders(settings)
    except (NotDone, SettingError) as error:
        trouble = Finding(subject=_LIVE, verdict=Verdict.FAILED, detail=f"could not be asked: {error}")
        return DoctorDocument(healthy=False, findings=[*findings, trouble])
    holds = all(line.count == 0 for line in (*invariants, *audit))
    return DoctorDocument(
        healthy=is_healthy(findings) and holds,
        findings=findings,
        invariants=invariants,
        audit=audit,
        orders_read=read,
    )


async def _ask_orders(settings: Settings) -> tuple[Sequence[InvariantLine], Sequence[InvariantLine], int]:
    """The cheap questions, then every order by itself.

    Raises:
        NotDone: the database does not let itself be asked.
    """
    from entrypoints.cli.opened import on_database  # noqa: PLC0415  - loads every adapter

    async def ask(container: "Container") -> tuple[Sequence[InvariantLine], Sequence[InvariantLine], int]:
        read = 0
        with progress("reading every order") as told:

            def count(orders: int) -> None:
                nonlocal read
                read = orders
                told(orders, f"{orders} read")

            check = container.check_invariants()
            invariants, audit = await check(), await check.audit(progress=count)
        return _lines(invariants), _lines(audit), read

    return await on_database(settings, ask)


def _lines(violations: Sequence[Violation]) -> Sequence[InvariantLine]:
    return [
        InvariantLine(
            invariant=one.invariant, meaning=INVARIANTS[one.invariant], count=one.count, examples=one.examples
        )
        for one in violations
    ]


def _show(document: DoctorDocument, *, live: bool) -> None:
    columns = [Column(name=""), Column(name="what"), Column(name="found", wraps=True)]
    listing = Listing(columns, fold=[[0], [1, 2]])
    for finding in document.findings:
        listing.add(_MARKS[finding.verdict], finding.subject, finding.detail)
    listing.show()
    if live and document.invariants:
        heading("What must always hold, by the database")
        _show_invariants(document.invariants)
        heading(f"The same by each order's own facts ({document.orders_read} read)")
        _show_invariants(document.audit)


def _show_invariants(lines: Sequence[InvariantLine]) -> None:
    columns = [
        Column(name=""),
        Column(name="invariant"),
        Column(name="cases", right=True),
        Column(name="what it means, and which", wraps=True),
    ]
    listing = Listing(columns, fold=[[0], [1, 2], [3]])
    for line in lines:
        mark = _MARKS[Verdict.FAILED if line.count else Verdict.OK]
        words = "" if not line.count else "\n".join([line.meaning, *line.examples])
        listing.add(mark, line.invariant, str(line.count), words)
    listing.show()
