"""Stripe's lists: newest first, narrowed, in pages. Knows no HTTP."""

from collections.abc import Callable

from entrypoints.sandbox.stripe import params as p
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.errors import no_such
from entrypoints.sandbox.stripe.world import World


def page(
    world: World, kind: str, params: p.ListParams, url: str, *, wanted: Callable[[Document], bool] = lambda _: True
) -> Document:
    """One page of a kind's objects.

    Raises:
        StripeRefusal: a cursor names no object.
    """
    created = params.created if isinstance(params, p.CreatedListParams) else None
    # By the moment that it tells of: what time brought late stands where it would have stood.
    known = sorted(world.all(kind), key=lambda one: one["created"])
    found = [one for one in reversed(known) if _created(one, created) and wanted(one)]
    return page_of(found, known, params, url)


def page_of(found: list[Document], known: list[Document], params: p.ListParams, url: str) -> Document:
    """One page of what was found, newest first; `known` are the objects that a cursor may name, oldest first."""
    places = {one["id"]: place for place, one in enumerate(known)}
    for name, cursor in (("starting_after", params.starting_after), ("ending_before", params.ending_before)):
        if cursor is not None and cursor not in places:
            raise no_such("object", cursor, param=name, status=400)
    if params.starting_after is not None:
        found = [one for one in found if places[one["id"]] < places[params.starting_after]]
    more = len(found) > params.limit
    data = found[: params.limit]
    if params.ending_before is not None:
        found = [one for one in found if places[one["id"]] > places[params.ending_before]]
        more = len(found) > params.limit
        data = found[-params.limit :]
    return {"object": "list", "data": data, "has_more": more, "url": url}


def same(params: p.Params, *names: str) -> Callable[[Document], bool]:
    """Whether an object's fields are what the parameters of the same name ask for."""
    asked = {name: getattr(params, name) for name in names if getattr(params, name) is not None}
    return lambda one: all(one[name] == value for name, value in asked.items())


def _created(one: Document, asked: int | p.Range | None) -> bool:
    if isinstance(asked, p.Range):
        return asked.holds(one["created"])
    return asked is None or one["created"] == asked
