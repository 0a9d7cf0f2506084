"""Options that several commands share, and who it is that acts."""

import getpass
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from entrypoints.cli.running import fail
from paywall_core.errors import InvalidInput
from paywall_core.operator import Operator
from paywall_core.ports.operations import MAX_LISTED

_F = TypeVar("_F", bound=Callable[..., Any])

as_json: Final = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
dry_run: Final = click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
limit: Final = click.option(
    "--limit", type=click.IntRange(1, MAX_LISTED), default=50, show_default=True, help="At most so many."
)


def examples(*lines: str) -> str:
    """The end of a command's help: how it is typed."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)])


def by_and_why(*, required: bool) -> Callable[[_F], _F]:
    """`--by` and `--why`; both are kept in the history."""

    def decorate(command: _F) -> _F:
        why = click.option("--why", metavar="TEXT", required=required, help="For what reason; it is kept.")
        by = click.option(
            "--by",
            metavar="NAME",
            envvar="PAYWALL_OPERATOR",
            help="Who acts. [default: $PAYWALL_OPERATOR, or the login]",
        )
        return by(why(command))

    return decorate


def operator_of(by: str | None, why: str) -> Operator:
    """Who acts, and why."""
    try:
        return Operator.of(login_name() if by is None else by, why)
    except InvalidInput as error:
        raise click.BadParameter(error.reason, param_hint=f"--{error.field}") from None


def login_name() -> str:
    """Whose terminal this is, also under sudo; where there is no terminal, whose process it is."""
    try:
        return os.getlogin()
    except OSError:
        pass  # no terminal: a cron job, a container
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise click.BadParameter("this user has no name: say who acts", param_hint="--by") from None


def confirm(question: str) -> None:
    """Ask, on standard error; without a yes nothing is done, and the exit code is 1."""
    try:
        if click.confirm(question, err=True):
            return
    except click.Abort:
        click.echo(err=True)
    fail("nothing was changed (--yes does it without asking)")


class Moment(click.ParamType[datetime]):
    """A day or a moment as ISO 8601 has it; UTC unless it says otherwise."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it."""
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail("should be a day or a moment, as 2026-11-01 or 2026-11-01T12:00Z", param, ctx)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
