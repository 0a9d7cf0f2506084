"""What a stolen secret, or a dump, opens and what it does not: the claims of docs/security.md, tried."""

from datetime import timedelta
from uuid import UUID

from paywall_core.access_token import AccessTokens

from .service import INTERNAL, SECRETS, Service, check_problem, token_of

THIEF, ANNA = 666, 1001


async def redeem(service: Service, token: str, user: int) -> int:
    """The answer's status."""
    answer = await service.post("/api/access/activate", {"activation_token": token, "telegram_user_id": user})
    return answer.status_code


async def is_in(service: Service, user: int) -> bool:
    """The gate's answer."""
    answer = await service.post("/api/bot/access/status", {"telegram_user_id": user}, INTERNAL)
    return bool(answer.json()["is_paid"])


async def test_token_secret_opens_what_was_paid_and_not_redeemed_and_nothing_else(service: Service) -> None:
    """By the order's id: not one that nobody paid, not one that somebody has redeemed."""
    unpaid, redeemed, waiting = await service.checkout(), await service.buy(), await service.buy()
    assert await redeem(service, token_of(await service.link(redeemed)), ANNA) == 200
    stolen = AccessTokens(SECRETS)
    forged = [stolen.issue(UUID(order["order_id"]), 1) for order in (unpaid, redeemed, waiting)]
    assert [await redeem(service, token, THIEF) for token in forged] == [404, 409, 200]
    further = stolen.issue(UUID(redeemed["order_id"]), 2)
    assert await redeem(service, further, THIEF) == 404, "a version that no restore has made"
    assert await is_in(service, ANNA)


async def test_session_id_gives_the_link_in_the_first_hour_and_only_while_nobody_has_redeemed_it(
    service: Service,
) -> None:
    """It is what the success page shows, and what a dump of the last hour holds."""
    pressed, left = await service.buy(), await service.buy()
    assert await redeem(service, token_of(await service.link(pressed)), ANNA) == 200
    assert (await service.status(pressed))["activation_link"] is None
    assert (await service.status(left))["activation_link"] is not None
    service.clock.advance(timedelta(hours=1))
    assert (await service.status(left))["activation_link"] is None


async def test_internal_token_tells_who_is_a_member_and_lets_nobody_in(service: Service) -> None:
    """It asks, and has codes mailed; a link or a code it has to guess like everybody else."""
    await redeem(service, token_of(await service.link(await service.buy())), ANNA)
    assert [await is_in(service, user) for user in (ANNA, THIEF)] == [True, False]
    guess = {"activation_token": "A" * 62, "telegram_user_id": THIEF}
    check_problem(await service.post("/api/bot/access/activate", guess, INTERNAL), 404, "activation_token_invalid")
    asked = await service.post("/api/bot/restore/request", {"email": "anna@example.com"}, INTERNAL)
    assert asked.status_code == 200
    wrong = f"{(int(await service.code()) + 1) % 10**6:06d}"
    told = {"email": "anna@example.com", "otp": wrong, "telegram_user_id": THIEF}
    check_problem(await service.post("/api/bot/restore/confirm", told, INTERNAL), 400, "otp_invalid")
    assert not await is_in(service, THIEF)


async def test_webhook_secret_pays_for_an_order_that_nobody_paid(service: Service) -> None:
    """What `checkout-session` answers to everybody is enough: so it is worth as much as the database."""
    started = await service.checkout(email="thief@example.com")
    assert (await service.webhook(service.paid(started))).status_code == 200
    assert await redeem(service, token_of(await service.link(started)), THIEF) == 200
    assert await is_in(service, THIEF)
