"""Style, scripts and pictures of the pages. A page names each with a hash of its content, so that it may be kept."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from litestar.router import Router
from litestar.static_files import create_static_files_router

ROOT: Final = "/static/"
_FOLDER: Final = Path(__file__).parent / "static"
_HASH_CHARACTERS: Final = 16
_HASHES: Final = {
    ROOT + path.name: sha256(path.read_bytes()).hexdigest()[:_HASH_CHARACTERS] for path in sorted(_FOLDER.iterdir())
}


def asset(name: str) -> str:
    """Where a file is; another content is at another address."""
    path = ROOT + name
    return f"{path}?v={_HASHES[path]}"


def is_current(path: str, query: bytes) -> bool:
    """Whether an address names the content that it has now: then whoever got it may keep it."""
    return path in _HASHES and query == b"v=" + _HASHES[path].encode()


def static_routes() -> Router:
    """The files."""
    return create_static_files_router(ROOT, directories=[_FOLDER], include_in_schema=False)
