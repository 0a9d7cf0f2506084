"""Billing intervals and the periods that they make, in Unix seconds. Pure."""

import calendar
from datetime import UTC, datetime, timedelta

from entrypoints.sandbox.stripe.catalogue import Document


def next_period(item: Document, anchor: int) -> Document:
    """A subscription item in its next period; the anchor (Unix seconds) keeps the day, so that the 31st comes back."""
    start, recurring = item["current_period_end"], item["price"]["recurring"]
    end, count = anchor, 0
    while end <= start:
        count += recurring["interval_count"]
        end = after(anchor, recurring["interval"], count)
    return {**item, "current_period_start": start, "current_period_end": end}


def period_from(item: Document, start: int) -> Document:
    """A subscription item whose period begins anew."""
    recurring = item["price"]["recurring"]
    end = after(start, recurring["interval"], recurring["interval_count"])
    return {**item, "current_period_start": start, "current_period_end": end}


def period_end(sub: Document) -> int:
    """When a subscription's period ends, Unix seconds."""
    return max(int(item["current_period_end"]) for item in sub["items"]["data"])


def after(start: int, interval: str, count: int) -> int:
    """One billing interval later, Unix seconds; the 31st becomes a shorter month's last day."""
    moment = datetime.fromtimestamp(start, UTC)
    if interval in ("day", "week"):
        return int((moment + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = moment.year * 12 + moment.month - 1 + count * (12 if interval == "year" else 1)
    year, month = divmod(months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return int(moment.replace(year=year, month=month + 1, day=day).timestamp())
