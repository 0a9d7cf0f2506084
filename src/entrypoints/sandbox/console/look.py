"""What the sandbox's own pages share: layout, style, response headers, and the guard of their forms.

Knows templates and HTTP headers only; never Stripe, Telegram, mail or trackers.
"""

from datetime import MAXYEAR, UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response, Router
from litestar.exceptions import PermissionDeniedException
from litestar.static_files import create_static_files_router

_HERE: Final = Path(__file__).parent
_MINOR_DIGITS: Final = 2
STATIC_PATH: Final = "/console/static"


def static_files() -> Router:
    """Style, script and icon, under `/console/static`."""
    return create_static_files_router(STATIC_PATH, directories=[_HERE / "static"], include_in_schema=False)


def templates_of(package: Path) -> Environment:
    """The templates of a part beside the shared layout; everything is escaped, a name that is missing is an error."""
    environment = Environment(
        loader=FileSystemLoader([package / "templates", _HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = clock_time
    environment.filters["moment"] = moment
    environment.filters["date"] = date
    environment.filters["day"] = day
    environment.filters["money"] = money
    return environment


def page(html: str, *, status_code: int = 200, form_targets: tuple[str, ...] = ()) -> Response[str]:
    """An HTML answer under a strict Content-Security-Policy; `form_targets` are origins that its forms may lead to."""
    targets = " ".join(("'self'", *form_targets))
    return Response(
        html,
        media_type=MediaType.HTML,
        status_code=status_code,
        headers={
            "Content-Security-Policy": (
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
                f"frame-src 'self'; form-action {targets}; "
                "base-uri 'none'; frame-ancestors 'self'"
            ),
            # A form's Origin header would be `null` under `no-referrer`, and the guard below would refuse it.
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def refuse_other_sites(request: Request[Any, Any, Any]) -> None:
    """A form on somebody else's page may not press the sandbox's buttons.

    Raises:
        PermissionDeniedException: the browser says that the request began elsewhere.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if foreign or site not in ("same-origin", "none"):
        raise PermissionDeniedException(detail="The request began on another site.")


def as_time(value: datetime | str | float | None) -> datetime | None:
    """A time as the parts tell it: aware, RFC 3339, or Unix seconds; empty is None."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def clock_time(value: datetime | str | float | None) -> str:
    """`14:03:07`, UTC; empty for none."""
    moment = as_time(value)
    return "" if moment is None else moment.astimezone(UTC).strftime("%H:%M:%S")


def moment(value: datetime | str | float | None, now: datetime) -> str:
    """As `clock_time`, with the day where it is not today: `24 Nov, 14:03:07`."""
    found = as_time(value)
    if found is None or found.astimezone(UTC).date() == now.astimezone(UTC).date():
        return clock_time(value)
    return found.astimezone(UTC).strftime("%-d %b, %H:%M:%S")


def day(value: datetime | str | float | None) -> str:
    """`24 Nov 2026, 14:03`, UTC; empty for none. Far times (access for life) are `for life`."""
    moment = as_time(value)
    if moment is None:
        return ""
    return "for life" if moment.year == MAXYEAR else moment.astimezone(UTC).strftime("%-d %b %Y, %H:%M")


def date(value: datetime | str | float | None) -> str:
    """`24 Nov 2026`, in UTC; else as `day`."""
    return day(value).partition(",")[0]


def money(amount_minor: int, currency: str) -> str:
    """`19.00 EUR`; the sandbox's prices have two decimal places."""
    return f"{amount_minor / 10**_MINOR_DIGITS:.2f} {currency.upper()}"
