"""The usual stack: FastAPI, Pydantic, SQLAlchemy's ORM with an async session, Stripe's own library for the signature.

Written as its authors' documentation has it: models, a session for each request, response models. As the bare limit, a
webhook is one transaction with the event, the order's lock, its update and two outbox rows; facts and history are left
alone, and there are no limits and no log.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import stripe
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel
from sqlalchemy import BigInteger, DateTime, LargeBinary, event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.references.rules import (
    LINK_WINDOW,
    access_state,
    activation_link,
    effects_of,
    order_of,
    paid_until,
    session_state,
)
from benchmarks.settings import INTERNAL_TOKEN, POOL_SIZE
from benchmarks.stripe_events import WEBHOOK_SECRET

_url: Final = os.environ["DATABASE_URL"]
_engine: Final = create_async_engine(_url, pool_size=POOL_SIZE, max_overflow=0)
_sessions: Final = async_sessionmaker(_engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The root of the models."""

    type_annotation_map: ClassVar[Any] = {datetime: DateTime(timezone=True), bytes: LargeBinary()}


class Order(Base):
    """An order, in the columns that are its own or that are asked for."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    email: Mapped[str]
    plan: Mapped[str]
    clickid: Mapped[str]
    locale: Mapped[str]
    telegram_chat_id: Mapped[str | None]
    telegram_user_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    state: Mapped[str]
    token_version: Mapped[int]
    first_paid_at: Mapped[datetime | None]
    access_until: Mapped[datetime | None]
    payment_status: Mapped[str]
    fulfillment_status: Mapped[str]
    checkout_session_id: Mapped[str | None]


class PaymentEvent(Base):
    """An event of Stripe's."""

    __tablename__ = "payment_events"

    stripe_event_id: Mapped[str] = mapped_column(primary_key=True)
    event_type: Mapped[str]
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime]
    payload: Mapped[bytes]
    notification: Mapped[str]
    order_id: Mapped[UUID]


class Outgoing(Base):
    """A row of the outbox."""

    __tablename__ = "outbox"

    key: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    effect: Mapped[str]
    status: Mapped[str]
    attempts: Mapped[int]
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    first_due_at: Mapped[datetime]


class AccessStatusBody(BaseModel):
    """Who is asked about."""

    telegram_user_id: int


class AccessStatusAnswer(BaseModel):
    """May this user in?"""

    is_paid: bool
    order_id: UUID | None = None
    plan: str | None = None
    access_status: str | None = None


class SessionStatusAnswer(BaseModel):
    """How a checkout session stands."""

    payment_status: str
    fulfillment_status: str
    access_status: str
    activation_link: str | None


class WebhookAnswer(BaseModel):
    """Taken."""

    received: bool
    duplicate: bool | None = None


async def session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with _sessions() as opened:
        yield opened


async def internal_only(x_internal_token: Annotated[str, Header()] = "") -> None:
    """Let only the bot in."""
    if x_internal_token != INTERNAL_TOKEN:
        raise HTTPException(401)


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield
    await _engine.dispose()


Opened = Annotated[AsyncSession, Depends(session)]
app: Final = FastAPI(lifespan=_lifespan)

if _url.startswith("sqlite"):

    @event.listens_for(_engine.sync_engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        """As durable as ours."""
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


@app.get("/health")
async def health() -> dict[str, str]:
    """Up."""
    return {"status": "ok"}


@app.post("/api/bot/access/status", dependencies=[Depends(internal_only)])
async def access_status(body: AccessStatusBody, opened: Opened) -> AccessStatusAnswer:
    """The gate's question."""
    best = (Order.access_until.desc().nulls_last(), Order.created_at.desc(), Order.id.desc())
    user = body.telegram_user_id
    order = await opened.scalar(select(Order).where(Order.telegram_user_id == user).order_by(*best).limit(1))
    if order is None:
        named = (Order.telegram_chat_id == str(user), Order.telegram_user_id.is_(None))
        order = await opened.scalar(select(Order).where(*named).order_by(*best).limit(1))
    if order is None:
        return AccessStatusAnswer(is_paid=False)
    redeemed = order.telegram_user_id is not None
    state = access_state(order.state, _aware(order.access_until), datetime.now(UTC), redeemed=redeemed)
    return AccessStatusAnswer(
        is_paid=redeemed and state == "active", order_id=order.id, plan=order.plan, access_status=state
    )


@app.get("/api/payment/session-status")
async def session_status(session_id: str, opened: Opened) -> SessionStatusAnswer:
    """The success page's question."""
    order = await opened.scalar(select(Order).where(Order.checkout_session_id == session_id))
    if order is None:
        raise HTTPException(404)
    now = datetime.now(UTC)
    state = session_state(order.state, _aware(order.access_until), now)
    paid_at = _aware(order.first_paid_at)
    shows = state == "token_issued" and paid_at is not None and now < paid_at + LINK_WINDOW
    return SessionStatusAnswer(
        payment_status=order.payment_status,
        fulfillment_status=order.fulfillment_status,
        access_status=state,
        activation_link=activation_link(order.id, order.token_version) if shows else None,
    )


@app.post("/api/stripe/webhook", response_model_exclude_none=True)
async def webhook(request: Request, opened: Opened, stripe_signature: Annotated[str, Header()] = "") -> WebhookAnswer:
    """A payment."""
    body = await request.body()
    try:
        paid = stripe.Webhook.construct_event(body, stripe_signature, WEBHOOK_SECRET).to_dict()
    except (ValueError, stripe.SignatureVerificationError) as error:
        raise HTTPException(400) from error
    order_id, now = order_of(paid), datetime.now(UTC)
    occurred_at = datetime.fromtimestamp(paid["created"], UTC)
    opened.add(
        PaymentEvent(
            stripe_event_id=paid["id"],
            event_type=paid["type"],
            occurred_at=occurred_at,
            received_at=now,
            payload=body,
            notification="{}",
            order_id=order_id,
        )
    )
    try:
        await opened.flush()
    except IntegrityError:
        return WebhookAnswer(received=True, duplicate=True)
    order = await opened.get_one(Order, order_id, with_for_update=True)
    order.state, order.payment_status, order.fulfillment_status = "token_issued", "paid", "fulfilled"
    order.version += 1
    order.first_paid_at, order.access_until = occurred_at, paid_until(paid).astimezone(UTC)
    for key, effect in effects_of(order_id):
        opened.add(
            Outgoing(
                key=key,
                order_id=order_id,
                effect=effect,
                status="pending",
                attempts=0,
                due_at=now,
                created_at=now,
                first_due_at=now,
            )
        )
    await opened.commit()
    return WebhookAnswer(received=True)


def _aware(moment: datetime | None) -> datetime | None:
    """SQLite knows no zones."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
