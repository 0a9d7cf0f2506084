"""A quiz on another origin tells of its steps, its visitor buys, and each tracker hears of everything once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from litestar import Litestar, MediaType, get

from entrypoints.sandbox.run import DATABASE, RunningSandbox
from entrypoints.sandbox.world import HOST, OutsideWorld
from entrypoints.server import serving
from tests.pages.walk import Phone, picture
from tests.product_process import free_origin, product_process

pytestmark = pytest.mark.asyncio(loop_scope="session")

STEPS: Final = ["start_quiz", *(f"block{n}_completed" for n in range(1, 8)), "transition_to_payment"]
CLICK: Final = "click-of-quiz"
_QUIZ: Final = """<!doctype html><meta charset="utf-8"><title>Quiz</title><link rel="icon" href="data:,">
<script>
// What a front end has of us: three functions. Each gives what came back.
const tell = async (api, said) => {
  const answer = await fetch(`${api}/api/tracking/mobi-slon-event`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(said), keepalive: true });
  return [answer.status, await answer.text()];
};
const beacon = (api, said) => new Promise((done, failed) => {
  const image = new Image();
  image.onload = () => done([image.naturalWidth, image.naturalHeight]);
  image.onerror = () => failed(new Error("no image"));
  image.src = `${api}/api/tracking/mobi-slon-event?${new URLSearchParams(said)}`;
});
const meta = async (api, said) => {
  const query = new URLSearchParams({ ua: navigator.userAgent, ...said });
  const answer = await fetch(`${api}/api/tracking/meta-event?${query}`);
  return [answer.status, await answer.text()];
};
</script>"""


@get("/quiz", media_type=MediaType.HTML, include_in_schema=False)
async def quiz_page() -> str:
    """The operator's own front end."""
    return _QUIZ


@pytest_asyncio.fixture(loop_scope="session")
async def quiz() -> AsyncIterator[str]:
    """Its origin."""
    async with serving(Litestar([quiz_page], openapi_config=None, logging_config=None), host=HOST, port=0) as origin:
        yield origin


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(tmp_path: Path, quiz: str) -> AsyncIterator[RunningSandbox]:
    """Product and outside world; the product takes calls from the quiz's origin."""
    url, product_url = f"sqlite+aiosqlite:///{tmp_path / DATABASE}", free_origin()
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(OutsideWorld.start())
        await stack.enter_async_context(world.webhooks_to(product_url))
        environ = {**world.product_environment(product_url=product_url), "DATABASE_URL": url, "CORS_ORIGINS": quiz}
        process = await stack.enter_async_context(product_process(world, environ, tmp_path / "product.log"))
        ended = asyncio.create_task(_ended(process))
        yield RunningSandbox(world=world, product_url=product_url, product=ended, database_url=url)
    await ended


async def _ended(process: asyncio.subprocess.Process) -> None:
    await process.wait()


async def said(phone: Phone, function: str, **fields: object) -> object:
    """What the quiz's function gives."""
    return await phone.page.evaluate(f"said => {function}({json.dumps(phone.sandbox.product_url)}, said)", fields)


async def tells_the_funnel(phone: Phone, locale: str) -> None:
    """Every second step by a call, the others by an image; and an event for Meta, twice as browsers do."""
    for at, step in enumerate(STEPS):
        told = {"status": step, "clickid": CLICK, "page_path": f"/quiz/{at}"}
        if at % 2:
            assert await said(phone, "beacon", **told, utm_source=locale) == [1, 1]
        else:
            answer = await said(phone, "tell", **told, tracking_params={"utm_source": locale})
            assert answer == [200, '{"status":"accepted"}']
    for _ in range(2):
        assert await said(phone, "meta", status="Lead", fbclid="IwAR-Quiz") == [200, '{"status":"accepted"}']


@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_each_step_of_a_funnel_arrives_once(phone: Phone, quiz: str, locale: str) -> None:
    """From the first question to the sale, which both the browser and the webhook tell of."""
    world = phone.sandbox.world
    await phone.page.goto(f"{quiz}/quiz")
    await tells_the_funnel(phone, locale)
    await phone.page.goto(f"{phone.sandbox.product_url}/pay?locale={locale}&clickid={CLICK}")
    await phone.choose("one_time_basic")
    await phone.pay()
    await phone.sees("ready")
    session = await phone.page.get_by_test_id("status").get_attribute("data-session")
    await phone.page.goto(f"{quiz}/quiz")
    for _ in range(2):
        claim = await said(phone, "tell", status="pay_success", clickid=CLICK, session_id=session)
        assert claim == [200, '{"status":"accepted"}']
    # A later step: when it is there, what was owed before it has gone out.
    await said(phone, "tell", status="start_quiz", clickid="click-of-another")
    await world.trackers.wait_for(name="pay_success")
    await world.trackers.wait_for(subject="click-of-another")
    await world.trackers.wait_for(kind="meta")
    hits = [(hit.name, hit.subject) for hit in world.trackers.received(kind="mobi_slon")]
    expected = [(step, CLICK) for step in (*STEPS, "pay_success")]
    assert sorted(hits) == sorted([*expected, ("start_quiz", "click-of-another")])
    steps = [hit for hit in world.trackers.received(kind="mobi_slon") if hit.name in STEPS and hit.subject == CLICK]
    assert {hit.fields["utm_source"] for hit in steps} == {locale}
    await phone.page.set_viewport_size({"width": 900, "height": 900})
    await phone.page.goto(f"{world.origin}/trackers")
    shown = phone.page.get_by_test_id("tracker-hit")
    for step, _ in expected:
        assert await shown.filter(has_text=step).filter(has_text=CLICK).count() == 1
    leads = [hit for hit in world.trackers.received(kind="meta") if not hit.duplicate]
    assert [(hit.name, hit.remarks) for hit in leads] == [("Lead", ())]
    assert ".IwAR-Quiz" in leads[0].fields["user_data"]["fbc"]
    if locale == "ru":
        await picture(phone.page, "trackers")
    assert phone.complaints == []


async def test_claimed_sale_of_an_unpaid_session_never_arrives(phone: Phone, quiz: str) -> None:
    """It is a claim, not a fact; the browser is not told which. Nor from another click, once it is paid."""
    world = phone.sandbox.world
    await phone.page.goto(f"{phone.sandbox.product_url}/pay?locale=en&clickid={CLICK}")
    await phone.choose("one_time_basic")
    checkout = phone.page.url
    (session,) = [one["id"] for one in world.stripe.snapshot()["sessions"]]
    await phone.page.goto(f"{quiz}/quiz")

    async def claims(clickid: str) -> None:
        told = await said(phone, "tell", status="pay_success", clickid=clickid, session_id=session)
        assert told == [200, '{"status":"accepted"}']
        await said(phone, "tell", status="start_quiz", clickid=f"after-{clickid}")
        await world.trackers.wait_for(subject=f"after-{clickid}")

    await claims(CLICK)
    assert not [hit for hit in world.trackers.received() if hit.name == "pay_success"]
    await phone.page.goto(checkout)
    await phone.pay()
    await phone.sees("ready")
    await world.trackers.wait_for(name="pay_success", subject=CLICK)
    await phone.page.goto(f"{quiz}/quiz")
    await claims("click-of-a-thief")
    assert [hit.subject for hit in world.trackers.received() if hit.name == "pay_success"] == [CLICK]


async def test_another_site_may_not_read_what_is_answered(phone: Phone, quiz: str) -> None:
    """Only the origins of the setting."""
    await phone.page.goto(f"{quiz.replace('127.0.0.1', 'localhost')}/quiz")
    refused = await phone.page.evaluate(
        "api => fetch(`${api}/health`).then(() => 'read', error => error.name)", phone.sandbox.product_url
    )
    assert refused == "TypeError"
