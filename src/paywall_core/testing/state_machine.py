"""A state machine that tries to break the two laws over your own ports: Hypothesis chooses, a plain model knows better.

    class OurDatabase(PaywallMachine):
        async def open(self) -> Ports:
            self.database = await Database.create()
            return Ports(
                unit_of_work=self.database.unit_of_work, directory=self.database.directory,
                archive=self.database.archive, outbox=self.database.outbox_archive, watch=self.database.watch,
                backlog=self.database.watch,
            )

        async def close(self) -> None:
            await self.database.close()

    TestOurDatabase = OurDatabase.TestCase

Customers buy, pay, redeem, lose their accounts and restore; the provider refunds, disputes, renews, and says so late,
twice and in any order; operators act; mail fails; the process dies before it commits; the clock jumps. After every step
the service must say what the model says. At the end everything arrives that was held back, the world heals, and
whoever has paid must get in.
"""

import sys
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from paywall_core.errors import (
    AccessRevokedError,
    ActivationTokenExpired,
    ActivationTokenInvalid,
    ActivationTokenUsed,
    CodeRequestedTooSoon,
    IllegalTransition,
    NoRestorableOrder,
    OneTimeCodeInvalid,
    RuleBroken,
)
from paywall_core.lifecycle import State
from paywall_core.operator import Operator
from paywall_core.ports.operations import (
    ACCESS_WITHOUT_PAYMENT,
    PAID_WITHOUT_ACCESS,
    TWO_SUBSCRIPTIONS,
    OutboxLine,
    OutboxQuery,
)
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing.machine_base import LOOKED_UP
from paywall_core.testing.model import Challenge, Purchase
from paywall_core.testing.provider_rules import EMAILS
from paywall_core.testing.reversal_rules import ReversalRules
from paywall_core.testing.service import PowerCut
from paywall_core.use_cases.activate_access import ActivateAccess, ActivateAccessCommand
from paywall_core.use_cases.confirm_restore import ConfirmRestoreCommand
from paywall_core.use_cases.request_restore import RequestRestoreCommand

_USERS: Final = (101, 102, 103)
_STRANGER: Final = 999
_OPERATOR: Final = Operator(by="anna", why="the customer asked")
_EVERYTHING: Final = OutboxQuery(limit=1000)
_STEPS: Final = (timedelta(minutes=2), timedelta(hours=1), timedelta(days=1), timedelta(days=8), timedelta(days=31))
_HEALED_WITHIN: Final = timedelta(hours=4)


class PaywallMachine(ReversalRules):
    """Override `open` (and `close`) and run it as `YourMachine.TestCase`. Every example gets an empty database."""

    def teardown(self) -> None:
        """Unless something is broken already: let the world heal, and see that everybody who paid gets in."""
        try:
            if sys.exception() is None:
                self._heal()
        finally:
            self.run(self.close())
            self.runner.close()

    # Customers

    @rule(purchase=ReversalRules.purchases, user=st.sampled_from(_USERS), age=st.sampled_from([0, 0, 0, 1]))
    def redeem(self, purchase: Purchase, user: int, age: int) -> None:
        """Somebody presses a link: the one that is valid now, or the one before it."""
        version = purchase.version - age
        refused = self._press(self.service.activate, purchase, user, version)
        assert refused in self._answers(purchase, user, version), f"{purchase} {version}, user {user}: {refused}"
        if refused is None:
            purchase.redeemed = (version, user)

    @rule(purchase=ReversalRules.purchases, user=st.sampled_from(_USERS), at=st.integers(0, 61))
    def redeem_a_forged_token(self, purchase: Purchase, user: int, at: int) -> None:
        """One letter of the link is another."""
        token = self.service.tokens.issue(purchase.order_id, purchase.version)
        forged = token[:at] + ("B" if token[at] == "A" else "A") + token[at + 1 :]
        command = ActivateAccessCommand(activation_token=forged, telegram_user_id=user)
        refused = False
        try:
            self.run(self.service.activate(command))
        except ActivationTokenInvalid:
            refused = True
        assert refused, "a forged token was redeemed"

    @rule(email=st.sampled_from(EMAILS))
    def request_restore(self, email: str) -> None:
        """Somebody asks for a code; the worker has not mailed it yet."""
        self._request(email)

    @rule(email=st.sampled_from(EMAILS), user=st.sampled_from([None, *_USERS]), right=st.booleans())
    def confirm_restore(self, email: str, user: int | None, right: bool) -> None:
        """Somebody answers with the code of the last mail, or with a wrong one."""
        self._confirm(email, user, right=right)

    @rule(email=st.sampled_from(EMAILS), user=st.sampled_from([None, *_USERS]))
    def restore(self, email: str, user: int | None) -> None:
        """Somebody asks for a code, gets the mail, and answers."""
        self._request(email)
        self.service.set_outside(down=False)
        self._work()
        self._confirm(email, user, right=True)

    # Operators

    @rule(purchase=ReversalRules.purchases)
    def revoke(self, purchase: Purchase) -> None:
        """An operator takes access away."""
        self.run(self.service.revoke(purchase.order_id, _OPERATOR))
        purchase.revoked = True

    @rule(purchase=ReversalRules.purchases)
    def reinstate(self, purchase: Purchase) -> None:
        """An operator takes that back; of an order that no operator revoked it may be refused."""
        try:
            self.run(self.service.reinstate(purchase.order_id, _OPERATOR))
        except IllegalTransition:
            assert not purchase.revoked, f"{purchase}: a revocation could not be taken back"
        purchase.revoked = False

    @rule(purchase=ReversalRules.purchases)
    def resend(self, purchase: Purchase) -> None:
        """An operator has the link sent again; there is one exactly while a payment stands."""
        paid = self.model.is_paid_for(purchase, self.clock.now())
        try:
            self.run(self.service.resend(purchase.order_id, _OPERATOR))
        except IllegalTransition:
            assert not paid, f"{purchase}: its link could not be sent again"
        else:
            assert paid, f"{purchase}: there was no link to send"

    # Chores

    @rule(down=st.booleans())
    def work(self, down: bool) -> None:
        """The worker delivers what is due; the far sides answer, or none does."""
        self.service.set_outside(down=down)
        self._work()

    @rule()
    def die_at_work(self) -> None:
        """The worker takes what is due, and dies."""
        self.run(self.service.worker.lease(100))

    @rule()
    def retry(self) -> None:
        """An operator has what was given up tried again."""
        dead = [line.key for line in self._outbox() if line.status is DeliveryStatus.DEAD]
        self.run(self.service.retry(dead, _OPERATOR))

    @rule()
    def sweep(self) -> None:
        """What has lapsed is recorded; from then on the record says who has access."""
        while self.run(self.service.sweep()):
            pass
        found = {one.invariant: one for one in [*self.run(self.service.check()), *self.run(self.service.check.audit())]}
        assert not found[ACCESS_WITHOUT_PAYMENT].count, found[ACCESS_WITHOUT_PAYMENT]

    @rule(step=st.sampled_from(_STEPS))
    def pass_time(self, step: timedelta) -> None:
        """Time passes."""
        self.clock.advance(step)
        self.latest = max(self.latest, self.clock.now())

    @rule()
    def set_the_clock_back(self) -> None:
        """The machine's clock was a little ahead, and is set right."""
        self.clock.advance(-timedelta(minutes=1))

    # What must hold after every step

    @invariant()
    def the_gate_says_what_the_model_says(self) -> None:
        """Whoever paid and redeemed is in, and nobody else."""
        for user in (*_USERS, 77, _STRANGER):
            status = self.run(self.service.status(user))
            expected = self.model.lets_in(user, self.clock.now())
            assert status.is_paid is expected, f"user {user}: {status}"
            assert not status.is_paid or status.access_status is State.ACTIVE, f"user {user}: {status}"

    @invariant()
    def a_valid_link_opens_exactly_while_a_payment_stands(self) -> None:
        """Pressed by whoever pressed it before, or by a stranger, and not committed."""
        for purchase in self.model.purchases:
            is_used = purchase.redeemed is not None and purchase.redeemed[0] == purchase.version
            user = purchase.user if is_used and purchase.user is not None else _STRANGER
            refused = self._press(self.service.activate_and_die, purchase, user, purchase.version)
            opens = refused in (None, PowerCut)
            assert opens is self.model.is_paid_for(purchase, self.clock.now()), f"{purchase}: {refused}"

    @invariant()
    def the_books_are_in_order(self) -> None:
        """One row for each effect, a link for everybody who was owed one, histories without a gap."""
        keys = [line.key for line in self._outbox()]
        assert len(keys) == len(set(keys)), "two rows of the outbox have one key"
        in_step = self.clock.now() >= self.latest  # a clock that was set back is behind the record for a moment
        for purchase in self.model.purchases:
            purchase.was_owed |= in_step and self.model.is_paid_for(purchase, self.clock.now())
            owed = f"access_email:{purchase.order_id}:1"
            assert owed in keys or not purchase.was_owed, f"{purchase}: no link was ever owed"
            dossier = self.run(self.service.ports.archive.dossier(purchase.order_id))
            assert dossier is not None, f"{purchase}: its order is gone"
            steps = [entry.sequence for entry in dossier.history]
            assert steps == list(range(1, dossier.order.version + 1)), f"{purchase}: history {steps}"
        shut_out = next(one for one in self.run(self.service.check()) if one.invariant == PAID_WITHOUT_ACCESS)
        assert not (in_step and shut_out.count), shut_out

    # How it is done

    def _work(self) -> None:
        """The worker delivers what is due."""
        before = len(self.service.mailer.sent)
        for delivery in self.run(self.service.worker.lease(100)):
            self.run(self.service.worker.deliver(delivery))
        self.note_look_ups()
        for message in self.service.mailer.sent[before:]:
            purchase = next(one for one in self.model.purchases if one.order_id == message.order_id)
            link = self.service.links.link(purchase.order_id, purchase.version)
            assert message.activation_link == link, f"{purchase}: a link that is not valid was sent"

    def _request(self, email: str) -> None:
        try:
            self.run(self.service.request_restore(RequestRestoreCommand(email=email.upper())))
        except CodeRequestedTooSoon:
            assert email in self.model.challenges, f"the first code for {email} was refused"
        else:
            self.model.challenges[email] = Challenge(issued_at=self.clock.now(), mails=self._codes_mailed(email))

    def _confirm(self, email: str, user: int | None, *, right: bool) -> None:
        challenge = self.model.challenges.get(email)
        codes = [one.code for one in self.service.code_mailer.sent if one.to == email]
        code = codes[-1] if codes else "000000"
        answer = code if right else f"{(int(code) + 1) % 10**6:06d}"
        is_right = False
        if challenge is not None and challenge.is_open(self.clock.now()):
            challenge.tries += 1
            challenge.spent = is_right = right and len(codes) > challenge.mails
        paid = {one.order_id: one for one in self._paid_by(email)}
        command = ConfirmRestoreCommand(email=email, code=answer, telegram_user_id=user)
        try:
            restored = self.run(self.service.confirm_restore(command))
        except NoRestorableOrder:
            assert is_right, f"{email} by {user}: a wrong code proved the address"
            assert not paid, f"{email} by {user}: what stands behind it was not found"
        except OneTimeCodeInvalid:
            assert not is_right, f"{email} by {user}: the right code was refused"
        else:
            assert is_right, f"{email} was restored by a code that is none"
            assert restored.order_id in paid, f"{email} was restored to an order that nothing stands for"
            purchase = paid[restored.order_id]
            purchase.version += 1
            purchase.redeemed = purchase.redeemed if user is None else (purchase.version, user)

    def _press(self, activate: ActivateAccess, purchase: Purchase, user: int, version: int) -> type[Exception] | None:
        """Why a link was refused; None: it was not."""
        token = self.service.tokens.issue(purchase.order_id, version)
        try:
            granted = self.run(activate(ActivateAccessCommand(activation_token=token, telegram_user_id=user)))
        except (RuleBroken, PowerCut) as refused:
            return type(refused)
        assert granted.order_id == purchase.order_id, f"{purchase}: {granted}"
        return None

    def _answers(self, purchase: Purchase, user: int, version: int) -> tuple[type[Exception] | None, ...]:
        """What may be said to somebody who presses this version of a link."""
        if version != purchase.version:
            return (ActivationTokenInvalid,)
        if self.model.is_paid_for(purchase, self.clock.now()):
            is_others = purchase.redeemed is not None and purchase.redeemed[0] == version and purchase.user != user
            return (ActivationTokenUsed,) if is_others else (None,)
        if purchase.revoked:
            return (AccessRevokedError,)
        if self.model.was_ever_paid(purchase):
            return (AccessRevokedError, ActivationTokenExpired)
        return (ActivationTokenInvalid,)

    def _paid_by(self, email: str) -> list[Purchase]:
        now = self.clock.now()
        return [one for one in self.model.purchases if one.email == email and self.model.is_paid_for(one, now)]

    def _codes_mailed(self, email: str) -> int:
        return sum(one.to == email for one in self.service.code_mailer.sent)

    def _outbox(self) -> list[OutboxLine]:
        return list(self.run(self.service.ports.outbox.lines(_EVERYTHING)))

    def _heal(self) -> None:
        """Everything arrives, everything works, and time passes: whatever is owed must go out, whoever paid gets in."""
        self.clock.advance(max(self.latest - self.clock.now(), timedelta()))
        for said in [one for one in self.model.said if one.event_id not in self.model.arrived]:
            self.bring(said)
        self.service.set_outside(down=False)
        self.retry()
        until = self.clock.now() + _HEALED_WITHIN
        while self._is_due() and self.clock.now() < until:
            self._work()
            self.pass_time(timedelta(minutes=20))
        assert not self._is_due(), f"never delivered: {[one for one in self._outbox() if one.settled_at is None]}"
        self.sweep()
        self.the_gate_says_what_the_model_says()
        self.a_valid_link_opens_exactly_while_a_payment_stands()
        self.the_books_are_in_order()
        self._nothing_is_left()
        self._whoever_paid_gets_in()

    def _is_due(self) -> bool:
        """Whether something is owed that is not said to be for later."""
        soon = self.clock.now() + timedelta(hours=1)
        return any(line.status is DeliveryStatus.PENDING and line.due_at <= soon for line in self._outbox())

    def _nothing_is_left(self) -> None:
        """No row is given up, and all that was said about an order is applied to it."""
        for one in [*self.run(self.service.check()), *self.run(self.service.check.audit())]:
            assert not one.count or one.invariant == TWO_SUBSCRIPTIONS, one
        applied: set[str] = set()
        for purchase in self.model.purchases:
            dossier = self.run(self.service.ports.archive.dossier(purchase.order_id))
            applied |= {event.event_id for event in dossier.events} if dossier is not None else set()
        left = {said.event_id for said in self.model.said if said.event_type != LOOKED_UP} - self.model.foreign
        assert left == applied, f"parked for ever: {left - applied}; applied wrongly: {applied - left}"

    def _whoever_paid_gets_in(self) -> None:
        """Whose link was never pressed presses it now."""
        for number, purchase in enumerate(self.model.purchases):
            if self.model.is_paid_for(purchase, self.clock.now()):
                user = purchase.user or _STRANGER + number + 1
                purchase.redeemed = purchase.redeemed or (purchase.version, user)
                refused = self._press(self.service.activate, purchase, user, purchase.version)
                assert refused is None, f"{purchase}: {refused}"
                assert self.run(self.service.status(user)).is_paid, f"{purchase} does not let {user} in"
