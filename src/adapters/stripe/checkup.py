"""Would Stripe do for us what the settings say? The key, the prices, the webhook endpoint, the portal, the clock.

Everything is only read. What Stripe says is never repeated: its messages may quote a key or an address.
"""

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import stripe

from adapters.stripe.connection import StripeConnection, date_of
from adapters.stripe.shapes import StripeDocument
from adapters.stripe.translate import USED_EVENT_TYPES
from paywall_core.ports.checkup import Checkup, Finding, Verdict
from paywall_core.ports.clock import Clock

_TIMEOUT_SECONDS: Final = 20.0
_ATTEMPT_SECONDS: Final = 8.0
_SKEW_WARNING_SECONDS: Final = 60
_SKEW_FAILED_SECONDS: Final = 300
_PAGE: Final = 100
_LIVE: Final = ("sk_live_", "rk_live_")
_TEST: Final = ("sk_test_", "rk_test_")
_WEBHOOK_PATH: Final = "/api/stripe/webhook"
_SAID_TWICE: Final = {"invoice.payment_succeeded": "invoice.paid", "charge.refund.updated": "refund.updated"}
"""Older names that Stripe still sends: whoever has the newer one misses nothing."""

_PRICES: Final = {
    "one_time_basic": ("STRIPE_PRICE_ONE_TIME_BASIC", False),
    "sub_monthly": ("STRIPE_PRICE_SUB_MONTHLY", True),
}
"""A plan's setting, and whether it is paid again and again."""


class StripeCheckup(Checkup):
    """Asks Stripe for the account, then for both prices, the webhook endpoints and the portal at the same time.

    Args:
        api_key: secret or restricted key.
        api_base: another address than Stripe's own, or None.
        prices: from a plan's name to the id of its price.
        public_base_url: where Stripe's webhooks are to come to, without a slash at the end.
        webhook_secrets: how many signing secrets are set; the secrets themselves are not needed here.
        clock: this machine's; compared with Stripe's.
        timeout_seconds: for all of it; a question that failed for no lasting reason is asked once more.
    """

    def __init__(
        self,
        *,
        api_key: str,
        api_base: str | None,
        prices: Mapping[str, str],
        public_base_url: str,
        webhook_secrets: int,
        clock: Clock,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._api_key = api_key
        self._api_base = api_base
        self._prices = prices
        self._public_base_url = public_base_url
        self._webhook_secrets = webhook_secrets
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._live = api_key.startswith(_LIVE)

    async def check(self) -> Sequence[Finding]:
        """The key first: without it nothing else can be asked."""
        questions = _Questions(
            StripeConnection(
                api_key=self._api_key,
                api_base=self._api_base,
                timeout_seconds=min(_ATTEMPT_SECONDS, self._timeout_seconds),
                max_network_retries=1,
            ),
            self._clock,
        )
        findings: list[Finding] = []
        try:
            async with asyncio.timeout(self._timeout_seconds):
                findings.append(await self._key(questions))
                if findings[-1].verdict is not Verdict.FAILED:
                    for group in await asyncio.gather(
                        *(self._price(questions, plan) for plan in _PRICES if plan in self._prices),
                        self._endpoint(questions),
                        self._portal(questions),
                    ):
                        findings += group
        except TimeoutError:
            detail = f"Stripe did not answer within {self._timeout_seconds:g} s"
            findings.append(_finding(self._reach, Verdict.FAILED, detail))
        finally:
            await questions.close()
        return [*findings, *self._machine(questions), self._secrets()]

    @property
    def _reach(self) -> str:
        """What is at fault when nobody answers."""
        return "STRIPE_API_BASE" if self._api_base else "STRIPE_SECRET_KEY"

    async def _key(self, questions: "_Questions") -> Finding:
        subject = "STRIPE_SECRET_KEY"
        if not re.fullmatch(r"[A-Za-z0-9_]+", self._api_key):
            return _finding(subject, Verdict.FAILED, "holds characters that no key of Stripe's has")
        try:
            await questions.ask(questions.client().v1.accounts.retrieve_current_async())
            works = "Stripe takes it"
        except stripe.PermissionError:
            # A restricted key seldom has this right, and we have no use for it.
            try:
                await questions.ask(questions.client().v1.prices.list_async({"limit": 1}))
            except stripe.PermissionError:
                detail = "Stripe knows this restricted key, but lets it read neither the account nor prices"
                return _finding(subject, Verdict.WARNING, detail)
            except (stripe.StripeError, _OddError) as error:
                return _finding(self._reach, Verdict.FAILED, _failure(error))
            works = "Stripe takes it; a restricted key that may not read the account, which we do not need"
        except stripe.AuthenticationError:
            return _finding(subject, Verdict.FAILED, "Stripe refuses it: is it whole, and not rolled or expired?")
        except (stripe.StripeError, _OddError) as error:
            return _finding(self._reach, Verdict.FAILED, _failure(error))
        return self._mode(works)

    def _mode(self, works: str) -> Finding:
        subject = "STRIPE_SECRET_KEY"
        if self._live:
            return _finding(subject, Verdict.OK, f"{works}; live: real money")
        if not self._api_key.startswith(_TEST):
            return _finding(subject, Verdict.WARNING, f"{works}; neither a live key nor a test key by its beginning")
        if self._public_base_url.startswith("https://") and not _is_this_machine(self._public_base_url):
            detail = (
                f"{works}, but it is a test key, and APP_PUBLIC_BASE_URL is a live address: nobody's money comes, "
                "and whoever knows a test card gets in"
            )
            return _finding(subject, Verdict.WARNING, detail)
        return _finding(subject, Verdict.OK, f"{works}; test mode: no real money")

    async def _price(self, questions: "_Questions", plan: str) -> Sequence[Finding]:
        """It is there, can be bought, and is paid as its plan is."""
        subject, recurring = _PRICES[plan]
        client = questions.client()
        try:
            price = await questions.ask(client.v1.prices.retrieve_async(self._prices[plan]))
        except stripe.PermissionError:
            detail = "the key may not read prices: it cannot be told whether this one is good"
            return [_finding(subject, Verdict.WARNING, detail)]
        except stripe.InvalidRequestError:
            mode = "live" if self._live else "test"
            detail = f"Stripe has no such price in {mode} mode: is it of another account, or of the other mode?"
            return [_finding(subject, Verdict.FAILED, detail)]
        except (stripe.StripeError, _OddError) as error:
            return [_finding(subject, Verdict.FAILED, _failure(error))]
        return [_finding(subject, *self._judged_price(price, recurring=recurring))]

    def _judged_price(self, price: StripeDocument, *, recurring: bool) -> tuple[Verdict, str]:
        if price.get("livemode") is not self._live:
            return Verdict.FAILED, "it is of the other mode than the key, live or test: take its twin"
        if price.get("active") is not True:
            return Verdict.FAILED, "it is archived at Stripe: no checkout can be opened with it"
        if isinstance(price.get("recurring"), Mapping) is not recurring:
            wanted = "a recurring price" if recurring else "a price that is paid once"
            return Verdict.FAILED, f"this plan needs {wanted}, and this one is not"
        return Verdict.OK, f"active, {'recurring' if recurring else 'paid once'}"

    async def _endpoint(self, questions: "_Questions") -> Sequence[Finding]:
        """Whether Stripe sends to our address, all that we use, in the shapes that the SDK was made for."""
        subject = "Stripe webhook endpoint"
        if not self._public_base_url:
            detail = "APP_PUBLIC_BASE_URL is not set: it cannot be told where the webhook should be"
            return [_finding(subject, Verdict.WARNING, detail)]
        try:
            page = await questions.ask(questions.client().v1.webhook_endpoints.list_async({"limit": _PAGE}))
            known = _objects(page)  # an account has 16 at most
        except stripe.PermissionError:
            detail = "STRIPE_SECRET_KEY may not read webhook endpoints: look at them in Stripe's dashboard"
            return [_finding(subject, Verdict.WARNING, detail)]
        except (stripe.StripeError, _OddError) as error:
            return [_finding(subject, Verdict.FAILED, _failure(error))]
        ours = [one for one in known if _same_address(one.get("url"), self._public_base_url + _WEBHOOK_PATH)]
        enabled = [one for one in ours if one.get("status") == "enabled"]
        if not enabled:
            return [_finding(subject, *self._no_endpoint(disabled=bool(ours)))]
        if len(enabled) > 1:
            detail = (
                f"{len(enabled)} lead to APP_PUBLIC_BASE_URL{_WEBHOOK_PATH}: every event comes more than once, and "
                "STRIPE_WEBHOOK_SECRET must list the secret of each; keep one"
            )
            found = _finding(subject, Verdict.WARNING, detail)
        else:
            found = _finding(subject, Verdict.OK, f"enabled, at APP_PUBLIC_BASE_URL{_WEBHOOK_PATH}")
        return [found, _events(enabled), _version(enabled)]

    def _no_endpoint(self, *, disabled: bool) -> tuple[Verdict, str]:
        where = f"APP_PUBLIC_BASE_URL{_WEBHOOK_PATH}"
        if disabled:
            return Verdict.FAILED, f"the one at {where} is disabled: enable it in Stripe's dashboard"
        if self._api_base is None and _is_this_machine(self._public_base_url):
            detail = f"Stripe cannot reach this machine: forward to {where} by `stripe listen --forward-to`"
            return Verdict.WARNING, detail
        return Verdict.FAILED, f"there is none at {where}: make one in Stripe's dashboard, or payments go unnoticed"

    async def _portal(self, questions: "_Questions") -> Sequence[Finding]:
        """Whether a login page is on; nothing is switched."""
        subject = "Stripe customer portal"
        client = questions.client()
        try:
            asked = client.v1.billing_portal.configurations.list_async({"active": True, "limit": _PAGE})
            known = _objects(await questions.ask(asked))
        except stripe.PermissionError:
            detail = "STRIPE_SECRET_KEY may not read the portal's configuration: give it the right to write it"
            return [_finding(subject, Verdict.WARNING, detail)]
        except (stripe.StripeError, _OddError) as error:
            return [_finding(subject, Verdict.FAILED, _failure(error))]
        pages = [one.get("login_page") for one in known]
        if any(isinstance(page, Mapping) and page.get("enabled") is True for page in pages):
            return [_finding(subject, Verdict.OK, "its login page is on")]
        detail = (
            "no login page is on: the service switches one on at its first use, for which STRIPE_SECRET_KEY needs the "
            "right to write the portal's configuration"
        )
        return [_finding(subject, Verdict.WARNING, detail)]

    def _machine(self, questions: "_Questions") -> Sequence[Finding]:
        """This machine's clock beside Stripe's; Stripe told no time: nothing to say."""
        skew = questions.skew_seconds
        if skew is None:
            return []
        off = round(abs(skew))
        detail = f"{off} s {'ahead of' if skew > 0 else 'behind'} Stripe's"
        if off > _SKEW_FAILED_SECONDS:
            return [_finding("clock", Verdict.FAILED, f"{detail}: every webhook's signature is refused; set up NTP")]
        if off > _SKEW_WARNING_SECONDS:
            detail += f": from {_SKEW_FAILED_SECONDS} s on, webhooks' signatures are refused; set up NTP"
            return [_finding("clock", Verdict.WARNING, detail)]
        return [_finding("clock", Verdict.OK, f"within {_SKEW_WARNING_SECONDS} s of Stripe's")]

    def _secrets(self) -> Finding:
        subject = "STRIPE_WEBHOOK_SECRET"
        if not self._webhook_secrets:
            return _finding(subject, Verdict.FAILED, "not set: every webhook is refused")
        many = f" ({self._webhook_secrets}, newest first)" if self._webhook_secrets > 1 else ""
        detail = f"set{many}; Stripe does not tell whether it is the endpoint's: the first webhook will"
        return _finding(subject, Verdict.OK, detail)


class _Questions:
    """Asks, and looks at the time of each answer."""

    def __init__(self, connection: StripeConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self.skew_seconds: float | None = None
        """How far our clock is ahead of Stripe's, by the first answer that told the time."""

    def client(self) -> stripe.StripeClient:
        """The SDK's client."""
        return self._connection.client()

    async def ask(self, call: Awaitable[object]) -> dict[str, Any]:
        """An answer as plain data.

        Raises:
            stripe.StripeError: as the SDK raises it.
            _OddError: what came is nothing of Stripe's.
        """
        try:
            found = await call
        except stripe.StripeError as error:
            self._look_at(error.headers)
            raise
        except (TypeError, ValueError, AttributeError, KeyError) as error:  # the SDK reads some answers on trust
            raise _OddError from error
        if not isinstance(found, stripe.StripeObject):
            raise _OddError
        if found.last_response is not None:
            self._look_at(found.last_response.headers)
        document: dict[str, Any] = found.to_dict()
        return document

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    def _look_at(self, headers: Mapping[str, str] | None) -> None:
        told = date_of(headers or {})
        if told is not None and self.skew_seconds is None:
            self.skew_seconds = (self._clock.now() - told).total_seconds()


class _OddError(Exception):
    """What answered is not Stripe, or not as we know it."""


def _events(endpoints: Sequence[StripeDocument]) -> Finding:
    """Whether all that we use comes to one of them."""
    taken: set[object] = set()
    for one in endpoints:
        events = one.get("enabled_events")
        taken.update(name for name in (events if isinstance(events, list) else []) if isinstance(name, str))
    missing = [name for name in USED_EVENT_TYPES if not {"*", name, _SAID_TWICE.get(name)} & taken]
    if missing:
        detail = f"the endpoint does not get {', '.join(missing)}: add them in Stripe's dashboard"
        return _finding("Stripe webhook events", Verdict.FAILED, detail)
    return _finding("Stripe webhook events", Verdict.OK, "the endpoint gets all that we use")


def _version(endpoints: Sequence[StripeDocument]) -> Finding:
    """In which shapes its events come; None: those of the account's default, which only the dashboard tells."""
    subject, pinned = "Stripe webhook API version", stripe.api_version
    versions = {one.get("api_version") for one in endpoints}
    if versions == {pinned}:
        return _finding(subject, Verdict.OK, f"{pinned}, as the SDK's")
    named = sorted(str(one)[:40] for one in versions - {None, pinned} if str(one).isprintable())
    shown = ", ".join([*named, *(["the account's default"] if None in versions else [])]) or "an unknown one"
    detail = f"the endpoint sends by {shown}, and the SDK is made for {pinned}: older shapes are read too, but look"
    return _finding(subject, Verdict.WARNING, detail)


def _objects(page: StripeDocument) -> Sequence[StripeDocument]:
    data = page.get("data")
    if not isinstance(data, list) or not all(isinstance(one, Mapping) for one in data):
        raise _OddError
    return data


def _failure(error: Exception) -> str:
    """What went wrong, by its kind."""
    if isinstance(error, stripe.RateLimitError):
        return "Stripe has had too many questions just now: try again"
    if isinstance(error, stripe.APIConnectionError):
        return "Stripe is out of reach"
    if isinstance(error, stripe.StripeError) and error.http_status is not None:
        return f"Stripe does not answer as it should: {type(error).__name__} {error.http_status}"
    return "what answers there is not Stripe"


def _same_address(url: object, wanted: str) -> bool:
    """Scheme and host in whatever case; a slash at the end is none."""
    try:
        return isinstance(url, str) and _plain(url) == _plain(wanted)
    except ValueError:
        return False


def _plain(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    default = {"https": ":443", "http": ":80"}.get(parts.scheme, "")
    return parts.scheme, parts.netloc.lower().removesuffix(default or "\0"), parts.path.rstrip("/")


def _is_this_machine(url: str) -> bool:
    host = ""
    try:
        host = urlsplit(url).hostname or ""
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _finding(subject: str, verdict: Verdict, detail: str) -> Finding:
    return Finding(subject=subject, verdict=verdict, detail=detail)
