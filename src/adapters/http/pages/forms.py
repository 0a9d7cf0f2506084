"""What the forms of the pages send."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from litestar import Request

from adapters.http.problems import ProblemError


async def read_form(request: Request[Any, Any, Any], public_base_url: str) -> Mapping[str, str]:
    """The fields of a form of ours; of several with one name, the first.

    Raises:
        ProblemError: it was sent from another site.
    """
    _refuse_other_sites(request, public_base_url)
    fields = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _refuse_other_sites(request: Request[Any, Any, Any], public_base_url: str) -> None:
    """A form on somebody else's page may do nothing in the visitor's name."""
    site = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    ours = {urlsplit(public_base_url).netloc, request.headers.get("host", "")}
    if site in ("cross-site", "same-site") or (origin not in ("", "null") and urlsplit(origin).netloc not in ours):
        raise ProblemError("foreign_form")
