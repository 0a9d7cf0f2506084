"""The customer wants to look after the subscription: where the provider's own portal is."""

from urllib.parse import quote, urlsplit

from paywall_core.email_address import parse_email
from paywall_core.ports.payments import CustomerPortal


class OpenCustomerPortal:
    """Give the address of the payment provider's own login page, with the e-mail address filled in.

    The provider proves the address by a code of its own. The answer is the same for a known and an unknown address, and
    an address that nobody has proven never opens a portal.
    """

    def __init__(self, *, portal: CustomerPortal) -> None:
        self._portal = portal

    async def __call__(self, email: str) -> str:
        """Where to go.

        Raises:
            InvalidInput: the address has not the shape of one.
            PaymentProviderUnavailable: the provider does not say where its page is.
        """
        address = parse_email(email)
        page = await self._portal.login_page()
        return f"{page}{'&' if urlsplit(page).query else '?'}prefilled_email={quote(address, safe='')}"
