"""Records in the order in which they changed: what the feeds go by, and what makes a modified-since query fast."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from sandbox.servicetitan.records import Dated
from sandbox.servicetitan.state import Titan

Position = tuple[datetime, int]
Row = TypeVar("Row", bound=Dated)


def order_of(titan: Titan, name: str, records: Mapping[int, Dated]) -> list[Position]:
    """Return when each record changed and which it is, in order; sorted anew only after a change."""
    state = (len(records), titan.changes)
    known = titan.feed_orders.get(name)
    if known is None or known[0] != state:
        known = (state, sorted((one.modified_on, one.id) for one in records.values()))
        titan.feed_orders[name] = known
    return known[1]


def changed_since(titan: Titan, name: str, records: Mapping[int, Row], since: datetime | None) -> Iterable[Row]:
    """Return the records changed at this moment or later; all of them without a moment."""
    if since is None:
        return records.values()
    order = order_of(titan, name, records)
    return [records[number] for _, number in order[bisect_left(order, (since, -1)) :]]
