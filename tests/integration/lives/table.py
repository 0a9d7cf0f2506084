"""The table of lives: all of them."""

from typing import Final

from tests.integration.lives.life import Life
from tests.integration.lives.one_time import ONE_TIME_LIVES
from tests.integration.lives.subscriptions import SUBSCRIPTION_LIVES

LIVES: Final[tuple[Life, ...]] = ONE_TIME_LIVES + SUBSCRIPTION_LIVES
