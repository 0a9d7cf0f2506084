"""Who is calling: what is believed about it, and from whom."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.http.client_address import UNKNOWN, bucket, client_address

PROXIES: Final = [ip_network(n) for n in ("10.0.0.0/8", "192.0.2.1/32", "fd00::/8", "::1/128")]


def address(peer: str | None, *forwarded_for: str) -> str | None:
    """The client's address, as text."""
    found = client_address(peer, forwarded_for, PROXIES)
    return None if found is None else str(found)


@pytest.mark.parametrize("peer", ["203.0.113.7", "2001:db8::1", "192.0.2.2", "::2"])
@pytest.mark.parametrize("header", ["9.9.9.9", "9.9.9.9, 10.0.0.1", "garbage", ""])
def test_header_of_somebody_unknown_is_not_believed(peer: str, header: str) -> None:
    """Whoever connects by himself is who he is."""
    assert address(peer, header) == peer


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["9.9.9.9, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["9.9.9.9, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["9.9.9.9, 10.9.9.9, 203.0.113.7 , 10.0.0.3,192.0.2.1"], "203.0.113.7"),
        ("10.0.0.1", ["9.9.9.9", "203.0.113.7", "10.0.0.2"], "203.0.113.7"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("fd00::1", ["9.9.9.9, fd00::2"], "9.9.9.9"),
        ("::ffff:10.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7"),
    ],
)
def test_rightmost_address_that_is_no_proxy_is_the_client(peer: str, headers: list[str], client: str) -> None:
    """Each proxy appends what it saw; what stands further left, the client may have written himself."""
    assert address(peer, *headers) == client


@pytest.mark.parametrize(
    ("written", "client"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ('"203.0.113.7"', "203.0.113.7"),
        ("\t203.0.113.7 ", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_address_is_read_however_a_proxy_writes_it(written: str, client: str) -> None:
    """With a port, in brackets, in quotes, with a zone."""
    assert address("10.0.0.1", f"9.9.9.9, {written}") == client


@pytest.mark.parametrize(
    "garbage",
    ["", " ", ",", "unknown", "_hidden", "203.0.113", "203.0.113.7.8", "203.0.113.007", "1e3", "٢٠٣.٠.١١٣.٧", "a:b:c"],
)
def test_what_is_no_address_stops_at_the_proxy_that_passed_it_on(garbage: str) -> None:
    """Nothing to the left of it is believed: its callers are counted as one, and nobody can choose who he is."""
    assert address("10.0.0.1", f"9.9.9.9, {garbage}") == "10.0.0.1"
    assert address("10.0.0.1", f"9.9.9.9, {garbage}, 10.0.0.2") == "10.0.0.2"


def test_request_of_a_proxy_itself_is_that_proxys() -> None:
    """A health check, say; with or without the header."""
    assert address("10.0.0.1") == "10.0.0.1"
    assert address("10.0.0.1", "10.0.0.2, 10.0.0.3") == "10.0.0.2"


@pytest.mark.parametrize("peer", [None, "", "/run/paywall.sock", "testclient"])
def test_socket_without_an_address_tells_none(peer: str | None) -> None:
    """A Unix socket; then no header is believed either."""
    assert address(peer, "9.9.9.9") is None


def test_nobody_is_trusted_unless_the_operator_says_so() -> None:
    """Not even this machine."""
    assert str(client_address("127.0.0.1", ["9.9.9.9"], [])) == "127.0.0.1"


@pytest.mark.parametrize(
    ("client", "counted_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
    ],
)
def test_one_site_of_ipv6_is_counted_as_one(client: str, counted_as: str) -> None:
    """A visitor has all of a /64 to himself."""
    assert bucket(ip_address(client)) == counted_as


def test_those_without_an_address_are_counted_together() -> None:
    """There is nothing to tell them apart by."""
    assert bucket(None) == UNKNOWN


@given(made_up=st.lists(st.text(max_size=40), max_size=4), client=st.ip_addresses())
def test_nothing_that_a_client_writes_changes_who_he_is(made_up: list[str], client: IPv4Address | IPv6Address) -> None:
    """Whatever stands in his header, the proxy's own entry comes after it."""
    assume(not any(client in network for network in PROXIES))
    honest = client_address("10.0.0.1", [str(client)], PROXIES)
    assert client_address("10.0.0.1", [*made_up, str(client)], PROXIES) == honest
    assert client_address("10.0.0.1", [", ".join([*made_up, str(client)])], PROXIES) == honest
