"""Who is calling: the address of the client, and what may be believed about it. Pure.

The socket knows the address of whoever connected. Only if that is a trusted proxy does `X-Forwarded-For` count, and
then its rightmost address that is no trusted proxy: each proxy appends what it saw itself, so whatever stands further
left may have been made up by the client. No other header is believed.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

UNKNOWN: Final = "unknown"
"""The bucket of callers that have no address, such as those of a Unix socket."""

_IPV6_SITE_BITS: Final = 64  # what one site is given: a single visitor may use any address in it
_WITH_PORT: Final = re.compile(r"\[(?P<v6>[^\[\]]+)\](?::\d{1,5})?|(?P<v4>[0-9.]+):\d{1,5}")


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """The address of the client.

    Args:
        peer: the socket's other end; None where it has no address.
        forwarded_for: the values of all `X-Forwarded-For` headers, in their order.
        trusted: the proxies that are believed.

    Returns:
        None when the socket tells no address. When a trusted proxy passes on something that is no address, the address
        of that proxy: its callers are then counted as one.
    """
    nearest = _parse(peer or "")
    if nearest is None:
        return None
    hops = [hop for header in forwarded_for for hop in header.split(",")]
    while hops and _is_trusted(nearest, trusted):
        further = _parse(hops.pop())
        if further is None:
            break
        nearest = further
    return nearest


def bucket(address: Address | None) -> str:
    """Whose requests are counted together: those of one IPv4 address, or of one IPv6 site (/64)."""
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, _IPV6_SITE_BITS), strict=False))


def _parse(text: str) -> Address | None:
    """An address as proxies write it: perhaps with a port, in brackets, or quoted."""
    text = text.strip().strip('"')
    ported = _WITH_PORT.fullmatch(text)
    if ported is not None:
        text = ported["v6"] or ported["v4"]
    try:
        address = ip_address(text.partition("%")[0])  # a zone is the interface's name on our side
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
