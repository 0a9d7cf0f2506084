"""The pages that a customer sees, as they come over HTTP; a browser walks through them in `tests/pages`."""

import re
from datetime import timedelta
from html import unescape
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from adapters.stripe.translate import notification_of_session

from .service import Service, check_problem, token_of

FORM: Final = {
    "plan": "sub_monthly",
    "email": "anna@example.com",
    "clickid": "c",
    "locale": "en",
    "telegram_chat_id": "5",
    "fbclid": "Fb",
}
KEPT: Final = {name: FORM[name] for name in ("plan", "clickid", "telegram_chat_id", "fbclid", "locale")}
EMAIL: Final = "anna@example.com"


def kind_of(page: httpx.Response) -> str:
    """What the page says that it is."""
    (kind,) = re.findall(r'data-kind="([^"]+)"', page.text)
    return str(kind)


def links(page: httpx.Response, path: str) -> list[dict[str, str]]:
    """The queries of all links to a page of ours, the language links left out."""
    addresses = re.findall(r'<a (?![^>]*hreflang)[^>]*href="([^"]+)"', page.text)
    parts = [urlsplit(unescape(address)) for address in addresses]
    return [dict(parse_qsl(part.query)) for part in parts if part.path == path and not part.netloc]


def languages(page: httpx.Response) -> dict[str, dict[str, str]]:
    """Where each language leads."""
    found = re.findall(r'href="([^"]+)" lang="(\w+)"', page.text)
    return {code: dict(parse_qsl(urlsplit(unescape(address)).query)) for address, code in found}


def hidden(page: httpx.Response) -> dict[str, str]:
    """What the page's forms send along."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found}


@pytest.mark.parametrize(("locale", "title"), [("ru", "Получить доступ"), ("en", "Get access")])
async def test_pay_page_speaks_both_languages(service: Service, locale: str, title: str) -> None:
    """With both plans, their prices, and what came in the query."""
    answer = await service.client.get(f"/pay?locale={locale}&plan=sub_monthly&clickid=%22%3Ex&telegram_chat_id=5")
    assert f"<h1>{title}</h1>" in answer.text
    assert 'value="sub_monthly" required checked' in answer.text
    assert hidden(answer) == {"locale": locale, "clickid": '">x', "telegram_chat_id": "5"}
    assert "€" in answer.text
    assert links(answer, "/pay/restore") == [
        {"plan": "sub_monthly", "clickid": '">x', "telegram_chat_id": "5", "locale": locale}
    ]


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        ("", "", "ru"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "de,en;q=0.5,ru;q=0.1", "en"),
        ("", "de", "ru"),
        ("", "*;q=x,,;", "ru"),
        ("?locale=en-US", "ru", "en"),
        ("?locale=de", "en", "ru"),
    ],
)
async def test_language_is_the_one_asked_for_then_the_browsers_then_ours(
    service: Service, query: str, header: str, language: str
) -> None:
    """One that is not spoken is the operator's default."""
    for path in ("/pay", "/pay/cancel", "/pay/restore"):
        page = await service.client.get(path + query, headers={"Accept-Language": header})
        assert f'<html lang="{language}">' in page.text


async def test_unknown_plan_leaves_the_first_one_chosen(service: Service) -> None:
    """A damaged link must not leave a form in which nothing is chosen."""
    page = await service.client.get("/pay?plan=gold")
    assert page.text.count(" checked>") == 1


async def test_pay_form_leads_to_the_checkout_without_javascript(service: Service) -> None:
    """A plain form; a wrong address comes back with what was typed; a down provider says so."""
    answer = await service.client.post("/pay", data=FORM, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://checkout.example/")
    ((order, _),) = await service.database.recent_orders(5)
    assert (order.plan, order.telegram_chat_id, order.locale, order.clickid) == ("sub_monthly", "5", "en", "c")
    wrong = await service.client.post("/pay", data={**FORM, "email": "anna"})
    assert wrong.status_code == 400
    assert 'value="anna"' in wrong.text
    assert "name@example.com" in wrong.text
    assert languages(wrong)["ru"] == {**KEPT, "locale": "ru"}
    service.gateway.down = True
    down = await service.client.post("/pay", data=FORM)
    assert (down.status_code, down.headers["retry-after"]) == (502, "5")


@pytest.mark.parametrize("path", ["/pay", "/pay/restore"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://quiz.example"},
    ],
)
async def test_form_of_another_site_is_refused(service: Service, path: str, headers: dict[str, str]) -> None:
    """Nobody starts orders or asks for codes in a visitor's name; not even a site whose scripts may call the API."""
    answer = await service.client.post(path, data=FORM, headers=headers)
    check_problem(answer, 403, "foreign_form")
    assert not await service.database.recent_orders(5)
    assert await service.challenge() is None


async def test_success_page_shows_each_situation(service: Service) -> None:
    """Waiting, on its way, ready, mailed, active, over, unknown."""
    started = await service.checkout()
    page = f"/pay/success?session_id={started['session_id']}&locale=en"
    assert kind_of(await service.client.get(page)) == "waiting"
    unpaid = service.paid(started, payment_status="unpaid")["data"]["object"]
    service.gateway.answers[started["session_id"]] = notification_of_session(unpaid, b"{}", read_at=service.clock.now())
    service.clock.advance(timedelta(seconds=3))
    assert kind_of(await service.client.get(page)) == "delayed"
    await service.webhook(service.paid(started))
    ready = await service.client.get(page)
    assert kind_of(ready) == "ready"
    token = token_of(re.findall(r'href="(https://t\.me/[^"]+)"', ready.text)[0])
    service.clock.advance(timedelta(hours=1))
    mailed = await service.client.get(page)
    assert kind_of(mailed) == "mailed"
    assert links(mailed, "/pay/restore")
    await service.post("/api/access/activate", {"activation_token": token, "telegram_user_id": 5})
    active = await service.client.get(page)
    assert kind_of(active) == "active"
    assert not links(active, "/pay/restore")
    service.clock.advance(timedelta(days=30))
    over = await service.client.get(page)
    assert kind_of(over) == "over"
    assert links(over, "/pay/restore")
    unknown = await service.client.get("/pay/success?session_id=cs_x&locale=ru")
    assert (unknown.status_code, kind_of(unknown)) == (404, "unknown")
    assert languages(unknown)["en"]["session_id"] == "cs_x"


async def test_way_back_keeps_what_was_chosen(service: Service) -> None:
    """After a payment that failed, access that ended, a checkout that was left, and a session that nobody knows."""
    query = "&".join(f"{name}={value}" for name, value in KEPT.items())
    failed = await service.checkout()
    session = service.paid(failed, status="expired", payment_status="unpaid")["data"]["object"]
    service.gateway.answers[failed["session_id"]] = notification_of_session(session, b"{}", read_at=service.clock.now())
    over = await service.buy(email="over@example.com")
    await service.refund(over)
    pages = {
        "failed": f"/pay/success?session_id={failed['session_id']}&{query}",
        "over": f"/pay/success?session_id={over['session_id']}&{query}",
        "unknown": f"/pay/success?session_id=cs_x&{query}",
        "cancelled": f"/pay/cancel?{query}",
    }
    for kind, address in pages.items():
        page = await service.client.get(address)
        assert kind_of(page) == kind
        assert links(page, "/pay") == [KEPT]
        assert all(query == KEPT for query in links(page, "/pay/restore"))
        assert languages(page)["ru"].items() >= {**KEPT, "locale": "ru"}.items()


async def test_restore_from_the_address_to_the_link(service: Service) -> None:
    """Two forms and no JavaScript; what was chosen goes along."""
    await service.buy()
    asked = await service.client.get("/pay/restore?locale=en&plan=sub_monthly&clickid=c&email=never@example.com")
    assert kind_of(asked) == "ask"
    assert hidden(asked) == {"locale": "en", "plan": "sub_monthly", "clickid": "c"}
    assert "never@" not in asked.text
    form = {**hidden(asked), "email": " Anna@example.com ", "to": "code"}
    sent = await service.client.post("/pay/restore", data=form)
    assert (sent.status_code, kind_of(sent)) == (200, "code")
    code = await service.code()
    assert code not in sent.text
    answer = {**hidden(sent), "code": f" {code[:3]} {code[3:]} "}
    assert answer["email"].strip() == "Anna@example.com"
    restored = await service.client.post("/pay/restore", data=answer)
    assert (restored.status_code, kind_of(restored)) == (200, "restored")
    (link,) = re.findall(r'href="(https://t\.me/[^"]+)"', restored.text)
    redeemed = await service.post("/api/access/activate", {"activation_token": token_of(link), "telegram_user_id": 5})
    assert redeemed.status_code == 200


async def test_restore_page_says_the_same_of_every_address(service: Service) -> None:
    """Known or not: only the address itself differs."""
    await service.buy()
    said = []
    for email in (EMAIL, "stranger@example.com"):
        pages = [
            await service.client.post("/pay/restore", data={"email": email, "locale": "en", **more})
            for more in ({}, {}, {"code": "000000"})
        ]
        said.append([(page.status_code, page.text.replace(email, "")) for page in pages])
    assert said[0] == said[1]


async def test_restore_page_says_what_is_wrong(service: Service) -> None:
    """No address, no code, a wrong one, too soon, nothing paid: each in words, and the form comes back."""

    async def post(**form: str) -> httpx.Response:
        return await service.client.post("/pay/restore", data={"locale": "en", "email": EMAIL, **form})

    no_address = await post(email="anna")
    assert (no_address.status_code, kind_of(no_address)) == (400, "ask")
    assert 'value="anna"' in no_address.text
    assert (await post()).status_code == 200
    too_soon = await post()
    assert (too_soon.status_code, kind_of(too_soon), too_soon.headers["retry-after"]) == (429, "code", "60")
    assert "60 seconds" in too_soon.text
    for empty in ("", "  "):
        no_code = await post(code=empty)
        assert (no_code.status_code, kind_of(no_code)) == (400, "code")
    assert service.world.codes.compared == 0
    wrong = await post(code="abc")
    assert (wrong.status_code, kind_of(wrong), hidden(wrong)["email"]) == (400, "code", EMAIL)
    nothing = await post(code=await service.code())
    assert (nothing.status_code, kind_of(nothing)) == (403, "nothing")
    for page in (no_address, too_soon, no_code, wrong):
        assert 'data-testid="error"' in page.text


async def test_restore_page_leads_to_the_customer_portal(service: Service) -> None:
    """Where Stripe itself proves the address."""
    form = {"email": EMAIL, "to": "portal", "locale": "en"}
    answer = await service.client.post("/pay/restore", data=form, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "https://billing.example/p/login/1?prefilled_email=anna%40example.com"
    assert await service.challenge() is None
    wrong = await service.client.post("/pay/restore", data={**form, "email": "anna"})
    assert (wrong.status_code, kind_of(wrong)) == (400, "ask")
    service.world.portal.down = True
    down = await service.client.post("/pay/restore", data=form)
    assert (down.status_code, kind_of(down), down.headers["retry-after"]) == (502, "ask", "5")


@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_every_page_is_whole_in_every_language(service: Service, locale: str) -> None:
    """No English in a Russian page, nothing left unfilled, one language marked."""
    await service.checkout()
    pages = [
        await service.client.get(f"/pay?locale={locale}"),
        await service.client.get(f"/pay/cancel?locale={locale}"),
        await service.client.get(f"/pay/success?session_id=x&locale={locale}"),
        await service.client.get(f"/pay/restore?locale={locale}"),
        await service.client.post("/pay/restore", data={"locale": locale, "email": "a@b.example"}),
        await service.client.post("/pay/restore", data={"locale": locale, "email": "a@b.example"}),
        await service.client.post("/pay/restore", data={"locale": locale, "email": "a@b.example", "code": "1"}),
    ]
    for page in pages:
        assert page.text.count('aria-current="true"') == 1
        text = re.sub(r"<[^>]+>", " ", page.text)
        assert "%(" not in text
        cyrillic = re.search(r"[А-Яа-я]", text) is not None
        assert cyrillic == (locale == "ru")
        if locale == "ru":
            words = set(re.findall(r"[A-Za-z]{2,}", text)) - {"RU", "EN", "Telegram", "Stripe", "mail", "example"}
            assert not words
