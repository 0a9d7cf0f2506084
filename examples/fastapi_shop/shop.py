"""A shop on FastAPI: plans of its own, and orders in a repository of its own (`file_store.py`, beside this)."""

from fastapi import FastAPI, Request
from file_store import FileStore

import paywall_core as core
from paywall_core.ports.payments import PaymentWebhook

ONCE = core.Mode.ONE_TIME
WEEK = core.Plan(name="week", terms=core.Terms(mode=ONCE, duration_days=7))
LIFE = core.Plan(name="lifetime", terms=core.Terms(mode=ONCE))
LOCALES = core.Locales(supported=("en",), default="en")


def shop(*, store: FileStore, gateway: core.PaymentGateway, webhook: PaymentWebhook, tokens: core.AccessTokens,
         clock: core.Clock, randomness: core.Randomness) -> FastAPI:  # fmt: skip
    """The shop, over its ports."""
    app, plans, work = FastAPI(), core.PlanCatalogue([WEEK, LIFE]), store.unit_of_work
    start = core.StartCheckout(
        unit_of_work=work, gateway=gateway, plans=plans, clock=clock, randomness=randomness, locales=LOCALES
    )
    record = core.RecordPayment(unit_of_work=work, clock=clock)
    activate = core.ActivateAccess(unit_of_work=work, tokens=tokens, clock=clock)
    gate = core.GetAccessStatus(directory=store.directory, clock=clock)

    @app.post("/webhook")
    async def told(request: Request) -> None:
        await record(webhook.read(await request.body(), request.headers["x-signature"], now=clock.now()))

    @app.post("/buy")
    async def buy(plan: str, email: str) -> str:
        return (await start(core.StartCheckoutCommand(mode=ONCE, plan=plan, email=email, clickid=""))).checkout_url

    @app.post("/enter")
    async def enter(token: str, user: int) -> str:
        return (await activate(core.ActivateAccessCommand(activation_token=token, telegram_user_id=user))).plan

    @app.get("/member")
    async def member(user: int) -> bool:
        return (await gate(user)).is_paid

    return app
