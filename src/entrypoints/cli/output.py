"""What an operator's command prints: tables and words for people, one JSON document for scripts.

In a terminal a table that is too wide for it is folded, several cells above each other, so that an id is never cut or
broken. Elsewhere there is no terminal to fit: one line is one row, as wide as it needs to be, without colours.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import click
import msgspec
from msgspec import Struct
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from paywall_core.lifecycle import State
from paywall_core.policy import FOREVER

NOTHING: Final = "-"
_GAP: Final = 2  # cells between two columns
_WRAPS_DOWN_TO: Final = 28
_STATE_STYLES: Final = {
    State.PENDING: "yellow",
    State.TOKEN_ISSUED: "cyan",
    State.ACTIVE: "green",
    State.EXPIRED: "bright_black",
    State.REVOKED: "red",
}


def console(*, err: bool = False) -> Console:
    """Standard output, or standard error. What customers typed is text to it, never markup."""
    return Console(stderr=err, markup=False, highlight=False, emoji=False)


def say(words: str | Text, *, style: str = "", err: bool = False) -> None:
    """A line for people; where there is no terminal it is not wrapped."""
    out = console(err=err)
    out.print(clean(words), style=style, soft_wrap=not out.is_terminal)


def print_json(document: object) -> None:
    """The one document of a `--json`."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def clean(words: str | Text) -> Text:
    """Words from outside, without what could steer a terminal or make them look like other words."""
    if isinstance(words, Text):
        return words
    return Text("".join("\N{REPLACEMENT CHARACTER}" if _steers(letter) else letter for letter in words))


def _steers(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs") and letter != "\n"


def moment(at: datetime | None) -> str:
    """A moment in UTC, `for life`, or `-`."""
    if at is None:
        return NOTHING
    return "for life" if at == FOREVER else at.strftime("%Y-%m-%d %H:%M:%S")


def minute(at: datetime | None) -> str:
    """As `moment`, without the seconds: for lists."""
    return moment(at)[:16]


def state_text(state: State) -> Text:
    """A state in its colour."""
    return Text(state, style=_STATE_STYLES[state])


class Column(Struct, frozen=True, kw_only=True):
    """A column of a listing.

    Attributes:
        name: its heading.
        right: it holds numbers.
        wraps: it holds sentences, which may be broken.
    """

    name: str
    right: bool = False
    wraps: bool = False


class Listing:
    """Rows under headings.

    Args:
        columns: what each cell is.
        fold: how the columns stand above each other where the terminal is too narrow: groups of their indices.
    """

    def __init__(self, columns: Sequence[Column], *, fold: Sequence[Sequence[int]]) -> None:
        self._columns = columns
        self._fold = fold
        self._rows: list[list[Text]] = []

    def add(self, *cells: str | Text) -> None:
        """One row."""
        self._rows.append([clean(cell) for cell in cells])

    def show(self, *, err: bool = False) -> None:
        """Print it."""
        out = console(err=err)
        if not out.is_terminal:
            self._show_plain(err=err)
            return
        side_by_side = [[index] for index in range(len(self._columns))]
        groups = side_by_side if self._needs(side_by_side) <= out.width else self._fold
        out.print(self._table(groups, tight=self._needs(groups) > out.width))

    def _show_plain(self, *, err: bool) -> None:
        rows = [[column.name for column in self._columns], *([cell.plain for cell in row] for row in self._rows)]
        rows = [[cell.replace("\n", " ") for cell in row] for row in rows]
        widths = [max(cell_len(row[index]) for row in rows) for index in range(len(self._columns))]
        for row in rows:
            cells = [set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)]
            click.echo("  ".join(cells).rstrip(), err=err)

    def _needs(self, groups: Sequence[Sequence[int]]) -> int:
        """How wide a terminal must be to show the columns in these groups, no id broken."""
        return sum(max(self._least(index) for index in group) + _GAP for group in groups) - _GAP

    def _least(self, column: int) -> int:
        """The width that a column must have."""
        widest = max([cell_len(row[column].plain) for row in self._rows], default=0)
        needed = min(widest, _WRAPS_DOWN_TO) if self._columns[column].wraps else widest
        return max(needed, cell_len(self._columns[column].name))

    def _table(self, groups: Sequence[Sequence[int]], *, tight: bool) -> Table:
        """The table; in a `tight` terminal even an id is broken, for it must not be cut."""
        table = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1, 0, 0),  # the box itself puts one cell between two columns
            header_style="bright_black",
            leading=int(any(len(group) > 1 for group in groups)),
        )
        highest = max(map(len, groups))
        for group in groups:
            columns = [self._columns[index] for index in group]
            names = [column.name for column in columns] + [""] * (highest - len(group))
            table.add_column(
                Text("\n".join(names)),
                justify="right" if all(column.right for column in columns) else "left",
                no_wrap=not tight and not any(column.wraps for column in columns),
                overflow="fold",
            )
        for row in self._rows:
            table.add_row(*(_stacked([row[index] for index in group]) for group in groups))
        return table


def _stacked(cells: Sequence[Text]) -> Text:
    """Cells above each other; those that hold nothing at the end are left out."""
    filled = [index for index, cell in enumerate(cells) if cell.plain not in ("", NOTHING)]
    return Text("\n").join(cells[: filled[-1] + 1] if filled else cells[:1])


def show_fields(fields: Sequence[tuple[str, str | Text]], *, err: bool = False) -> None:
    """Names and values below each other."""
    out = console(err=err)
    if not out.is_terminal:
        width = max(len(name) for name, _ in fields)
        for name, value in fields:
            click.echo(f"{name.ljust(width)}  {clean(value).plain}".rstrip(), err=err)
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bright_black", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in fields:
        grid.add_row(name, clean(value))
    out.print(grid)


def show_points(points: Sequence[tuple[bool, str]]) -> None:
    """Sentences below each other, some of them marked."""
    out = console()
    grid = Table.grid(padding=(0, 1))
    for marked, words in points:
        if out.is_terminal:
            grid.add_row(Text("▸" if marked else " ", style="bold"), clean(words))
        else:
            click.echo(f"{'▸' if marked else ' '} {clean(words).plain}")
    if out.is_terminal:
        out.print(grid)


def heading(words: str) -> None:
    """The title of a part."""
    say(f"\n{words}", style="bold")


@contextmanager
def progress(what: str, *, total: int | None = None) -> Iterator[Callable[[int, str], None]]:
    """A bar on standard error while the block runs, where that is a terminal; gone afterwards.

    Yields:
        To be told how many are done, and in a few words what.
    """
    out = console(err=True)
    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        *([BarColumn(), MofNCompleteColumn()] if total is not None else []),
        TextColumn("{task.fields[words]}"),
    ]
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(what, total=total, words="")

        def told(done: int, words: str = "") -> None:
            bar.update(task, completed=done, words=words)

        yield told
