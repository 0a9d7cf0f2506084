"""The postback's URL: what the template must be, and that nothing from a browser can bend it."""

import re
from typing import Final
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tracking.mobi_slon import MAX_URL_CHARACTERS, MobiSlonTracker, postback_url
from paywall_core.ports.delivery import ClickReport

TEMPLATE: Final = "https://t.example/index.php?cnv_id={clickid}&payout=0&cnv_status={status}"
OWN: Final = {"cnv_id": "click", "payout": "0", "cnv_status": "start_quiz"}
BASE: Final = "https://t.example/index.php?cnv_id=click&payout=0&cnv_status=start_quiz"


def url_of(params: dict[str, str], *, template: str = TEMPLATE, clickid: str = "click") -> str:
    """The URL of a report with these parameters."""
    return postback_url(template, ClickReport(key="k", status="start_quiz", clickid=clickid, params=params))


def as_php_reads(query: str) -> dict[str, str]:
    """A query as `$_GET`, arrays by the name of the array: spaces and dots are underscores, the last one counts."""
    read: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        plain = unquote_plus(name).lstrip(" ")
        base, bracket, rest = plain.partition("[")
        if bracket and "]" not in rest:
            base = f"{base}_{rest}"
        read[re.sub(r"[ .\[]", "_", base)] = unquote_plus(value)
    return read


@pytest.mark.parametrize(
    "name",
    [
        "cnv_id",
        "CNV_ID",
        "Payout",
        "payout ",
        " payout",
        "cnv.id",
        "cnv id",
        "cnv+id",
        "cnv[id",
        "cnv_id[]",
        "cnv_id[0]",
        "cnv_id[][x]",
        "CNV.STATUS[a]",
        "cnv%5Fid",
        "cnv%255Fid",
        "%63nv_id",
        "cnv_id%5B%5D",
        "cnv_id%00",
        "cnv_\N{ZERO WIDTH SPACE}id",
        "",
    ],
)
def test_own_parameter_is_neither_replaced_nor_repeated(name: str) -> None:
    """However its name is spelled, and whatever a server makes of the spelling."""
    assert url_of({name: "evil", "utm": "1"}) == f"{BASE}&utm=1"


@pytest.mark.parametrize("name", ["utm_source", "sub.1", "cnv", "id", "my_payout", "fbclid", "x[]", "ключ"])
def test_other_parameters_are_passed_on(name: str) -> None:
    """In their order, after the template's own."""
    query = urlsplit(url_of({name: " a&b=c#d ", "last": ""})).query
    assert parse_qsl(query, keep_blank_values=True) == [*OWN.items(), (name, " a&b=c#d "), ("last", "")]


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("https://t.example/{clickid}/{status}", "https://t.example/click/start_quiz?a=1"),
        ("https://t.example/{clickid}/{status}?", "https://t.example/click/start_quiz?a=1"),
        ("https://t.example/?c={clickid}&s={status}&", "https://t.example/?c=click&s=start_quiz&a=1"),
        ("https://t.example/?{clickid}={status}", "https://t.example/?click=start_quiz&a=1"),
        ("https://t.example/?A={clickid}&s={status}", "https://t.example/?A=click&s=start_quiz&click=2"),
        (
            "https://t.example/?a%5Bid%5D={clickid}&s={status}",
            "https://t.example/?a%5Bid%5D=click&s=start_quiz&click=2",
        ),
    ],
)
def test_parameters_follow_any_template(template: str, url: str) -> None:
    """With no query, an empty one, an open one; its own names are known however they are written."""
    shown = url_of({"a": "1", "click": "2"}, template=template)
    expected = url if "click=2" in url or "?click=" in url else f"{url}&click=2"
    assert shown == expected


@given(
    clickid=st.text(max_size=80),
    params=st.dictionaries(
        st.text(max_size=30) | st.sampled_from([*OWN, "cnv_id[a]", "PAYOUT"]), st.text(max_size=300), max_size=40
    ),
)
def test_nothing_bends_the_url(clickid: str, params: dict[str, str]) -> None:
    """Scheme, host, path, no fragment, the template's own values, printable ASCII, and a length that servers take."""
    url = url_of(params, clickid=clickid)
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == ("https", "t.example", "/index.php", "")
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url
    assert len(url) <= MAX_URL_CHARACTERS
    read = as_php_reads(parts.query)
    assert [read[name] for name in OWN] == [clickid.encode(errors="replace").decode(), "0", "start_quiz"]
    names = [unquote_plus(pair.partition("=")[0]) for pair in parts.query.split("&")]
    assert all(names.count(name) == 1 for name in OWN)


def test_what_would_be_too_long_is_left_out() -> None:
    """One long value does not cost the short ones after it their place."""
    url = url_of({"first": "1", "long": "x" * MAX_URL_CHARACTERS, "last": "ы" * 100})
    assert [name for name, _ in parse_qsl(urlsplit(url).query)] == [*OWN, "first", "last"]
    full = url_of({f"p{at}": "x" * 100 for at in range(1000)})
    assert MAX_URL_CHARACTERS - 110 < len(full) <= MAX_URL_CHARACTERS


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "clickid"),
        ("https://t.example/?s={status}", "{clickid}"),
        ("https://t.example/?c={clickid}", "{status}"),
        ("https://t.example/?c={clickid}&s={status}&p={payout}", "{payout}"),
        ("ftp://t.example/?c={clickid}&s={status}", "http"),
        ("t.example/?c={clickid}&s={status}", "http"),
        ("https:///?c={clickid}&s={status}", "host"),
        ("https://{clickid}.example/?s={status}", "host"),
        ("https://t.example/#c={clickid}&s={status}", "fragment"),
        ("https://t.example:port/?c={clickid}&s={status}", "malformed"),
        ("https://t.example/\n?c={clickid}&s={status}", "malformed"),
    ],
)
def test_template_that_leads_nowhere_is_refused_at_once(template: str, why: str) -> None:
    """At the start, with the reason; not at the first report."""
    with pytest.raises(ValueError, match=re.escape(why)):
        MobiSlonTracker(template)
