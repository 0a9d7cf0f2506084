"""The customer portal of the sandbox's Stripe: logging in by a code, and what a customer may then do. Knows no HTTP.

As at Stripe, an address that has several customers leads to the newest one with a live subscription, and a login never
says whether an address has a customer at all: the sandbox's own page does, beside it.
"""

import hmac
import secrets
from typing import Final

import msgspec

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.engine import Engine
from entrypoints.sandbox.stripe.errors import StripeRefusal

_CODE_SECONDS: Final = 600
_MAX_TRIES: Final = 5
_LIVE: Final = ("active", "trialing", "past_due", "paused", "unpaid")
_CONFIGURATION: Final = "billing_portal.configuration"


class Login(msgspec.Struct, kw_only=True):
    """Somebody who says that an address is theirs. `customer_id` None: nobody has it, and no code is good."""

    id: str
    configuration_id: str
    email: str
    code: str
    customer_id: str | None
    good_until: int
    tries: int = 0


class PortalSession(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has proven it."""

    id: str
    configuration_id: str
    customer_id: str


class Portal:
    """Logins, sessions, and the moves of a customer. Its ids are capabilities: whoever knows one has it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._world = engine.world
        self._logins: dict[str, Login] = {}
        self._sessions: dict[str, PortalSession] = {}

    def page(self, page_id: str) -> Document | None:
        """The configuration whose login page this is, as long as it is on."""
        for configuration in self._world.where(_CONFIGURATION, active=True):
            login_page = configuration["login_page"]
            if login_page["enabled"] and login_page["url"].endswith(f"/{page_id}"):
                return configuration
        return None

    def begin(self, configuration: Document, email: str) -> Login:
        """Ask for a code. Stripe would mail it, where the address has a customer."""
        login = Login(
            id=secrets.token_urlsafe(24),
            configuration_id=configuration["id"],
            email=email,
            code=f"{secrets.randbelow(10**6):06d}",
            customer_id=self._customer_of(email),
            good_until=self._world.now() + _CODE_SECONDS,
        )
        self._logins[login.id] = login
        return login

    def login(self, login_id: str) -> Login | None:
        """A login that can still be finished."""
        login = self._logins.get(login_id)
        return login if login and login.tries < _MAX_TRIES and self._world.now() < login.good_until else None

    def finish(self, login: Login, code: str) -> PortalSession | None:
        """A session, where the code is right; a code is good once."""
        login.tries += 1
        if login.customer_id is None or not hmac.compare_digest(code.encode(), login.code.encode()):
            return None
        del self._logins[login.id]
        session = PortalSession(
            id=secrets.token_urlsafe(24), configuration_id=login.configuration_id, customer_id=login.customer_id
        )
        self._sessions[session.id] = session
        return session

    def session(self, session_id: str) -> PortalSession | None:
        """A session by its id."""
        return self._sessions.get(session_id)

    def features(self, session: PortalSession) -> Document:
        """What the portal offers, as it is configured now."""
        features: Document = self._world.get(_CONFIGURATION, session.configuration_id)["features"]
        return features

    def subscriptions(self, session: PortalSession) -> list[Document]:
        """The customer's, newest first."""
        self._world.settle_time()
        return self._world.where("subscription", customer=session.customer_id)[::-1]

    def invoices(self, session: PortalSession) -> list[Document]:
        """The customer's, newest first; a draft is not shown."""
        found = self._world.where("invoice", customer=session.customer_id)[::-1]
        return [one for one in found if one["status"] != "draft"]

    def cancel(self, session: PortalSession, subscription_id: str) -> None:
        """End a subscription in the way that the portal is configured to.

        Raises:
            StripeRefusal: the portal does not offer it, or the subscription is not the customer's or has ended.
        """
        offered = self.features(session)["subscription_cancel"]
        self._check(session, subscription_id, offered=offered["enabled"])
        with self._world.request(self._world.ids.uuid()):
            if offered["mode"] == "immediately":
                self._engine.cancel(subscription_id)
            else:
                self._engine.plan_cancellation(subscription_id, planned=True, metadata={})

    def keep(self, session: PortalSession, subscription_id: str) -> None:
        """Take a planned end back; raises as `cancel`."""
        self._check(session, subscription_id, offered=self.features(session)["subscription_cancel"]["enabled"])
        with self._world.request(self._world.ids.uuid()):
            self._engine.plan_cancellation(subscription_id, planned=False, metadata={})

    def _check(self, session: PortalSession, subscription_id: str, *, offered: bool) -> None:
        mine = self._world.where("subscription", id=subscription_id, customer=session.customer_id)
        if not offered or not mine:
            raise StripeRefusal("The customer cannot do this in the portal.", status=403)

    def _customer_of(self, email: str) -> str | None:
        self._world.settle_time()
        wanted = email.casefold()
        theirs = [one["id"] for one in self._world.all("customer") if (one["email"] or "").casefold() == wanted]
        live = {sub["customer"] for status in _LIVE for sub in self._world.where("subscription", status=status)}
        return next((one for one in theirs[::-1] if one in live), theirs[-1] if theirs else None)


def is_live(subscription: Document) -> bool:
    """Whether there is something to cancel."""
    return subscription["status"] in _LIVE
