"""A directory in memory, for what tests write: a power cut loses nothing there that a disk would have kept."""

import os
import shutil
from pathlib import Path
from typing import Final

_SHARED: Final = Path("/dev/shm")  # noqa: S108  - directories of our own are made in it
_ROOM: Final = 3 * 1024**3


def fast_directory() -> str | None:
    """Where there is memory enough; None: there is not."""
    if not (_SHARED.is_dir() and os.access(_SHARED, os.W_OK)):
        return None
    return str(_SHARED) if shutil.disk_usage(_SHARED).free > _ROOM else None
