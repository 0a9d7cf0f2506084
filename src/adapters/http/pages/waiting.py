"""How long to wait, in whole sentences: languages decline what is counted."""

import math
from typing import Final

from adapters.i18n import Translate

_SECONDS_IN_MINUTE: Final = 60
_LONGEST_IN_SECONDS: Final = 90


def try_again(t: Translate, seconds: float) -> str:
    """When somebody who was too fast may come back; rounded up."""
    if seconds <= _LONGEST_IN_SECONDS:
        return t.plural("Please try again in %(n)s second.", "Please try again in %(n)s seconds.", _whole(seconds))
    return t.plural(
        "Please try again in %(n)s minute.", "Please try again in %(n)s minutes.", _whole(seconds / _SECONDS_IN_MINUTE)
    )


def ask_again(t: Translate, seconds: float) -> str:
    """When another code can be asked for; rounded up."""
    if seconds <= _LONGEST_IN_SECONDS:
        return t.plural(
            "You can ask for another code in %(n)s second.",
            "You can ask for another code in %(n)s seconds.",
            _whole(seconds),
        )
    return t.plural(
        "You can ask for another code in %(n)s minute.",
        "You can ask for another code in %(n)s minutes.",
        _whole(seconds / _SECONDS_IN_MINUTE),
    )


def _whole(amount: float) -> int:
    return max(1, math.ceil(amount))
