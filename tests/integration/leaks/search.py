"""What was secret in a run, and the search for it in what stays behind: logs, and databases as bytes and as rows.

The search looks for the very values that were in play. Six digits may stand anywhere by chance: a one-time code counts
only as a word of its own, and the microseconds of times are left out.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg
from msgspec import Struct, field

_TOKEN: Final = re.compile(r"(?:start=|name=\"start\" value=\")([A-Za-z0-9_-]{62})(?![A-Za-z0-9_-])")
_CODE: Final = re.compile(r"(?<![\w.])\d{6}(?![\w.])")
_MICROSECONDS: Final = re.compile(r"(:\d\d)\.\d{6}(?!\d)")


class InPlay(Struct, kw_only=True):
    """Everything that was secret.

    Attributes:
        settings: the values of secret settings, by their names.
        tokens: of activation links, old and new ones, forged ones too.
        codes: one-time codes.
        addresses: e-mail addresses; a database may hold them, a log may not.
    """

    settings: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)

    def read(self, text: str) -> None:
        """Take the tokens of all links in a text that somebody was shown."""
        self.tokens.update(_TOKEN.findall(text))

    def read_code(self, mail: str) -> str:
        """Take the one code that a mail holds, and give it."""
        (code,) = _CODE.findall(mail)
        self.codes.add(code)
        return str(code)

    def in_database(self, texts: Iterable[str]) -> list[str]:
        """What was found, in words that hold no value."""
        return self._found(texts, addresses=False)

    def in_log(self, text: str) -> list[str]:
        """As `in_database`; addresses count too, as they are and as a URL has them."""
        return self._found([text], addresses=True)

    def _found(self, texts: Iterable[str], *, addresses: bool) -> list[str]:
        found: set[str] = set()
        for raw in texts:
            text = _MICROSECONDS.sub(r"\1", raw)
            found.update(name for name, value in self.settings.items() if value in text)
            found.update(f"token {token[:4]}…" for token in self.tokens if token in text)
            found.update(f"code …{code[-2:]}" for code in self.codes if _is_word(code, text))
            if addresses:
                lower = text.lower()
                found.update(
                    f"address {address[0]}…"
                    for address in map(str.lower, self.addresses)
                    if address in lower or quote(address, safe="").lower() in lower
                )
        return sorted(found)


def _is_word(code: str, text: str) -> bool:
    return re.search(rf"(?<!\w){code}(?!\w)", text) is not None


def sqlite_texts(file: Path) -> Iterator[str]:
    """The database's files as they lie there, what was deleted in them included, and then each value of each row."""
    for part in sorted(file.parent.glob(f"{file.name}*")):  # the write-ahead log too
        yield part.read_bytes().decode("latin-1")
    with closing(sqlite3.connect(file)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  - the database's own names
                yield from map(_text, row)


async def postgresql_texts(url: str) -> list[str]:
    """Each value of each row of a database of `postgresql+asyncpg://`."""
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [
            row
            for (table,) in tables
            for row in await connection.fetch(f'SELECT * FROM "{table}"')  # noqa: S608  - as above
        ]
    finally:
        await connection.close()
    return [_text(value) for row in rows for value in row]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
