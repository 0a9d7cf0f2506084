"""A Django site with a page for members: one decorator asks the core. `settings.PAYWALL` opens your database."""

from collections.abc import Awaitable, Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path

from paywall_core import ActivateAccess, ActivateAccessCommand, GetAccessStatus, RuleBroken

View = Callable[[HttpRequest], Awaitable[HttpResponse]]


def account_of(request: HttpRequest) -> int:
    """Whoever is logged in: any positive number tells accounts apart. Here it is in a signed cookie."""
    return int(request.get_signed_cookie("account", default="0"))


def members_only(view: View) -> View:
    """The page for whoever has access now, the pay page for everybody else."""

    async def asked(request: HttpRequest) -> HttpResponse:
        gate = GetAccessStatus(directory=settings.PAYWALL.directory, clock=settings.CLOCK)
        return await view(request) if (await gate(account_of(request))).is_paid else HttpResponseRedirect("/pay")

    return asked


@members_only
async def course(_: HttpRequest) -> HttpResponse:
    """What is sold."""
    return HttpResponse("lesson one")


async def enter(request: HttpRequest, token: str) -> HttpResponse:
    """The link from the mail was pressed."""
    redeem = ActivateAccess(unit_of_work=settings.PAYWALL.unit_of_work, tokens=settings.TOKENS, clock=settings.CLOCK)
    try:
        await redeem(ActivateAccessCommand(activation_token=token, telegram_user_id=account_of(request)))
    except RuleBroken as error:
        return HttpResponse(type(error).__name__, status=403)
    return HttpResponseRedirect("/course")


urlpatterns = [path("course", course), path("enter/<token>", enter)]
