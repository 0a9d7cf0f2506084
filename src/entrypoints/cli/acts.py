"""`paywall orders revoke`, `reinstate` and `resend`: foresee, ask, do. The history keeps who and why."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import click
from msgspec import Struct
from rich.text import Text

from entrypoints.cli import options, questions
from entrypoints.cli.output import print_json, say, show_fields, state_text
from entrypoints.cli.questions import Question
from entrypoints.cli.running import NotDone, operate
from entrypoints.settings import Role
from paywall_core.errors import IllegalTransition
from paywall_core.explanation import explain
from paywall_core.lifecycle import State
from paywall_core.operator import Operator

if TYPE_CHECKING:
    from entrypoints.container import Container
    from paywall_core.use_cases.operate_order import OperatedOrder, OperateOrder

_F = TypeVar("_F", bound=Callable[..., Any])


class Act(StrEnum):
    """What may be done to an order."""

    REVOKE = "revoke"
    REINSTATE = "reinstate"
    RESEND = "resend"


_ILLEGAL: Final = {
    Act.REVOKE: "nothing to revoke",
    Act.REINSTATE: "nothing to reinstate",
    Act.RESEND: "there is no link to send again",
}
_DONE: Final = {
    Act.REVOKE: "Access is revoked",
    Act.REINSTATE: "The revocation is taken back",
    Act.RESEND: "The link is on its way again",
}


class ActDocument(Struct, frozen=True, kw_only=True):
    """`--json` of an act.

    Attributes:
        done: False for a dry run.
        before, after: the state before, and the one that the act led to, or would lead to.
        because: why it is the state after.
        owed: keys of the outbox rows that the act writes.
    """

    order_id: UUID
    act: Act
    by: str
    why: str
    done: bool
    before: State
    after: State
    because: str
    owed: Sequence[str]


def _options(command: _F) -> _F:
    for option in (
        options.as_json,
        options.dry_run,
        click.option("--yes", is_flag=True, help="Do not ask."),
        options.by_and_why(required=True),
        click.argument("query", type=questions.guess),
    ):
        command = option(command)
    return command


@click.command(epilog=options.examples('paywall orders revoke pi_3QabcD --why "sold the account on a forum"'))
@_options
def revoke(**given: Any) -> None:
    """Take access away. Whatever was paid, until it is reinstated."""
    _perform(Act.REVOKE, **given)


@click.command(epilog=options.examples('paywall orders reinstate pi_3QabcD --why "it was somebody else"'))
@_options
def reinstate(**given: Any) -> None:
    """Take a revocation back. What the payments grant holds again, and no more than that."""
    _perform(Act.REINSTATE, **given)


@click.command(epilog=options.examples('paywall orders resend anna@example.com --why "she deleted the e-mail"'))
@_options
def resend(**given: Any) -> None:
    """Send the activation link once more. By e-mail, and in Telegram where the customer began there."""
    _perform(Act.RESEND, **given)


def _perform(act: Act, *, query: Question, by: str | None, why: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    operator = options.operator_of(by, why)

    async def foresee(container: "Container") -> "tuple[OperatedOrder, datetime]":
        order = await questions.the_one(container, query)
        return await _guarded(act, _use_case(container, act).foresee(order.id, operator)), container.clock().now()

    foreseen, now = operate(Role.OPERATOR, foresee)
    order_id = foreseen.order.id
    _show(act, foreseen, operator, now, err=as_json)
    if dry_run:
        if as_json:
            print_json(_document(act, foreseen, operator, now, done=False))
        return
    if not yes:
        options.confirm(f"{act.capitalize()} it?" if act is not Act.RESEND else "Send it?")

    async def perform(container: "Container") -> "tuple[OperatedOrder, datetime]":
        return await _guarded(act, _use_case(container, act)(order_id, operator)), container.clock().now()

    # The order is as it was a moment ago, or somebody was quicker: what is told is what became of it.
    done, now = operate(Role.OPERATOR, perform)
    if as_json:
        print_json(_document(act, done, operator, now, done=True))
    else:
        say(Text.assemble(f"{_DONE[act]}: ", _move(done.before, done.order.state), "."))


def _use_case(container: "Container", act: Act) -> "OperateOrder":
    if act is Act.REVOKE:
        return container.revoke_access()
    return container.reinstate_access() if act is Act.REINSTATE else container.resend_link()


async def _guarded(act: Act, acting: "Awaitable[OperatedOrder]") -> "OperatedOrder":
    """The act.

    Raises:
        NotDone: the order's state does not allow it.
    """
    try:
        return await acting
    except IllegalTransition as error:
        raise NotDone(_illegal(act, error.state)) from error


def _illegal(act: Act, state: str) -> str:
    return f"{_ILLEGAL[act]}: the order is {state}"


def _show(act: Act, foreseen: "OperatedOrder", operator: Operator, now: datetime, *, err: bool) -> None:
    """What will happen, before it does."""
    order = foreseen.order
    fields: list[tuple[str, str | Text]] = [
        (act, f"{order.id} ({order.plan})"),
        ("state", _move(foreseen.before, order.state)),
        ("because", explain(order, now).because),
        ("by", operator.by),
        ("why", operator.why),
    ]
    if not err:  # standard error may end in a log, where no address belongs
        fields.insert(1, ("of", order.email))
    fields += [("to be sent", key) for key in foreseen.owed]
    show_fields(fields, err=err)


def _move(before: State, after: State) -> Text:
    return state_text(after) if before is after else Text.assemble(state_text(before), " -> ", state_text(after))


def _document(act: Act, operated: "OperatedOrder", operator: Operator, now: datetime, *, done: bool) -> ActDocument:
    order = operated.order
    return ActDocument(
        order_id=order.id,
        act=act,
        by=operator.by,
        why=operator.why,
        done=done,
        before=operated.before,
        after=order.state,
        because=explain(order, now).because,
        owed=operated.owed,
    )
