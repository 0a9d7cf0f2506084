"""How a command runs: its settings, the opened product, and every failure that is not a bug as one line.

Exit code 2: the settings or the options are wrong. Exit code 1: it was asked rightly and could not be done.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from entrypoints.logs import configure_logs
from entrypoints.settings import Role, SettingError, Settings, load_settings, read_environment
from paywall_core.errors import OrderNotFound, PaymentProviderUnavailable, PaywallError

if TYPE_CHECKING:
    from entrypoints.container import Container

_T = TypeVar("_T")


class NotDone(Exception):  # noqa: N818  - named after the case, as the core's branches are
    """It was asked rightly and could not be done; the text says why in one line, and holds no secret and no address."""


def settings_of(role: Role) -> Settings:
    """The settings, or one line that says what is wrong with them, and exit code 2."""
    try:
        return load_settings(read_environment(os.environ, Path(".env")), role)
    except SettingError as error:
        refuse(error)


def operate(role: Role, work: Callable[["Container"], Awaitable[_T]]) -> _T:
    """Open the product for an operator, check that its database is there and ours, and do the work.

    Only warnings are logged, on standard error: the terminal is for the answer.
    """
    from entrypoints.cli.opened import on_database  # noqa: PLC0415  - `paywall --help` need not load it all

    settings = operators_settings(role)
    try:
        return asyncio.run(on_database(settings, work))
    except SettingError as error:  # one that only shows where what it asks for is opened
        refuse(error)
    except (NotDone, PaywallError) as error:
        fail(_words(error))


def operators_settings(role: Role) -> Settings:
    """The settings of an operator's command, with the logs set up."""
    settings = settings_of(role)
    configure_logs(settings.log_format, level=logging.WARNING, traced=settings.collector is not None)
    return settings


def refuse(error: BaseException | str) -> NoReturn:
    """Say in one line what is wrong with the settings, and end with exit code 2."""
    click.echo(f"paywall: {error}", err=True)
    sys.exit(2)


def fail(error: BaseException | str) -> NoReturn:
    """Say in one line why it could not be done, and end with exit code 1."""
    click.echo(f"paywall: {error}", err=True)
    sys.exit(1)


def _words(error: Exception) -> str:
    if isinstance(error, PaymentProviderUnavailable):
        return f"Stripe did not answer as it should: {error.reason}"
    if isinstance(error, OrderNotFound):
        return f"there is no order {error.order_id}"
    return str(error)
