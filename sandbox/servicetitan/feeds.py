"""Export feeds: everything that changed since a token, active or not. Source: FACTS 1.6.

A token is bound to its feed. Changes show up late unless includeRecentChanges is sent; those recent ones come again
on the next run.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sandbox.clock import as_wire
from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.order import Position, order_of
from sandbox.servicetitan.queries import APP_KEY_PARAMETER
from sandbox.servicetitan.state import Titan
from sandbox.strict import QueryBool, read_query

crm = api("crm")
pricebook = api("pricebook")

LAST_ID = 2**63 - 1


class FeedQuery(BaseModel):
    """Source: every `/export/` operation. `from` is a token, or a date that is inclusive."""

    model_config = ConfigDict(extra="forbid")

    from_: str | None = Field(None, alias="from")
    include_recent_changes: QueryBool = Field(default=False, alias="includeRecentChanges")


@crm.get("/export/customers")
async def export_customers(request: Request, titan: TheTitan) -> JSONResponse:
    """Export customers."""
    return _feed(request, titan, "customers", titan.customers, lambda one: one.wire_for(None))


@crm.get("/export/customers/contacts")
async def export_contacts(request: Request, titan: TheTitan) -> JSONResponse:
    """Export customers' contacts, also removed ones."""

    def shown(one: Any) -> dict[str, Any]:
        return {**one.wire(), "customerId": one.customer_id, "active": one.active}

    return _feed(request, titan, "customers/contacts", titan.contacts, shown)


@crm.get("/export/locations")
async def export_locations(request: Request, titan: TheTitan) -> JSONResponse:
    """Export locations."""
    return _feed(request, titan, "locations", titan.locations, lambda one: one.wire_for(None))


@crm.get("/export/locations/contacts")
async def export_location_contacts(request: Request, titan: TheTitan) -> JSONResponse:
    """Export locations' contacts, also removed ones."""
    return _feed(request, titan, "locations/contacts", titan.location_contacts, lambda one: one.wire_of_feed())


@crm.get("/export/bookings")
async def export_bookings(request: Request, titan: TheTitan) -> JSONResponse:
    """Export every provider's bookings."""
    return _feed(request, titan, "bookings", titan.bookings, lambda one: one.wire_with_active())


@pricebook.get("/export/materials")
async def export_materials(request: Request, titan: TheTitan) -> JSONResponse:
    """Export materials."""
    return _feed(request, titan, "materials", titan.materials, lambda one: one.wire_for(None))


@pricebook.get("/export/equipment")
async def export_equipment(request: Request, titan: TheTitan) -> JSONResponse:
    """Export equipment of the pricebook."""
    return _feed(request, titan, "equipment", titan.equipment, lambda one: one.wire_for(None))


def _feed(
    request: Request, titan: Titan, name: str, records: Mapping[int, Any], shown: Callable[[Any], dict[str, Any]]
) -> JSONResponse:
    query = read_query(FeedQuery, request, frozenset({APP_KEY_PARAMETER}))
    start = _position(query.from_, name)
    horizon = titan.now() - timedelta(seconds=titan.switches.feed_lag_s)
    order = order_of(titan, name, records)
    first = bisect_right(order, start) if start is not None else 0
    beyond = len(order) if query.include_recent_changes else bisect_right(order, (horizon, LAST_ID))
    places = order[first : min(beyond, first + titan.switches.feed_page_size)]
    page = [records[number] for _, number in places]
    has_more = first + len(page) < beyond
    end = places[-1] if places else start
    if end is not None and page and not has_more:
        # What is still recent is told again next time: until then another change may slip in before it.
        end = min(end, (horizon, LAST_ID))
    answer = {"hasMore": has_more, "continueFrom": _token(name, end), "data": [shown(one) for one in page]}
    return JSONResponse(answer)


def _token(name: str, position: Position | None) -> str:
    moment, number = (as_wire(position[0]), position[1]) if position else ("", 0)
    return base64.urlsafe_b64encode(json.dumps([name, moment, number]).encode()).decode()


def _position(text: str | None, name: str) -> Position | None:
    """Read a token of this feed, or a date.

    Raises: RefusedError 400 for anything else, and for a token of another feed.
    """
    if not text:
        return None
    wrong = RefusedError(400, "`from` is neither a date nor a token of this feed.", {"from": ["not acceptable"]})
    try:
        feed, moment, number = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, TypeError):
        try:
            since = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            raise wrong from None
        return (since if since.tzinfo else since.replace(tzinfo=UTC), -1)
    if feed != name:
        raise wrong
    return (datetime.fromisoformat(moment), number) if moment else None
