"""How many codes one person may ask for: the API limits each e-mail address, and only we can tell people apart.

Without it, one Telegram account could have codes mailed to any number of other people.
"""

import math
from dataclasses import replace
from typing import Final

from aiogram.fsm.context import FSMContext

CODES_PER_HOUR: Final = 20
_HOUR_SECONDS: Final = 3600
_TIMES: Final = "times"


async def take_one(state: FSMContext, now: float) -> int:
    """Count one more; or, when there were too many in the last hour, the seconds to wait (else 0).

    Args:
        state: the person's conversation; the count is kept beside it, and outlives it.
        now: Unix time in seconds.
    """
    beside = FSMContext(storage=state.storage, key=replace(state.key, destiny="codes"))
    before: list[float] = await beside.get_value(_TIMES, [])
    times = [at for at in before if now - _HOUR_SECONDS < at <= now]
    if len(times) >= CODES_PER_HOUR:
        return math.ceil(times[0] + _HOUR_SECONDS - now)
    await beside.set_data({_TIMES: [*times, now]})
    return 0
