"""Cursor pages in update order. Source: openapi.yaml, parameters Cursor, PerPage and UpdatedSince."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sandbox.clock import as_wire
from sandbox.contractor_commerce.state import Json, Store, place_of
from sandbox.errors import RefusedError
from sandbox.strict import QueryInt, QueryTime, read_query

Place = tuple[datetime, int]
Query = TypeVar("Query", bound="PageQuery")


class PageQuery(BaseModel):
    """Paging. With a cursor the other filters must be repeated unchanged."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = None
    per_page: QueryInt = Field(25, ge=1, le=100)


class SinceQuery(PageQuery):
    """`updated_since` is inclusive."""

    updated_since: QueryTime | None = None


class Nothing(BaseModel):
    """An operation without query parameters."""

    model_config = ConfigDict(extra="forbid")


def store_query(model: type[Query], request: Request) -> Query:
    """Read the query string; unknown names and values of the wrong form are refused with 422."""
    return read_query(model, request)


def no_query(request: Request) -> None:
    """Refuse any query parameter."""
    read_query(Nothing, request)


def page_of(
    request: Request,
    store: Store,
    query: PageQuery,
    rows: Iterable[Json],
    place: Callable[[Json], Place] = place_of,
) -> JSONResponse:
    """Answer one page of the rows that passed the filters: by updated_at, then id, or by another `place`.

    Raises: RefusedError 422 for a cursor that is unknown, stale, or of other filters.
    """
    since = query.updated_since if isinstance(query, SinceQuery) else None
    wanted = [one for one in sorted(rows, key=place) if since is None or place(one)[0] >= since]
    stamp = _stamp(request, store, query)
    start = _position(query.cursor, stamp)
    later = [one for one in wanted if start is None or place(one) > start]
    shown = later[: query.per_page]
    next_cursor = _cursor(stamp, place(shown[-1])) if len(later) > len(shown) else None
    path = str(request.url).partition("?")[0]
    complete_to = place(shown[-1])[0] if shown else since or store.clock.now()
    return JSONResponse(
        {
            "data": shown,
            "links": {
                "first": None,
                "last": None,
                "prev": None,
                "next": f"{path}?cursor={next_cursor}" if next_cursor else None,
            },
            "meta": {
                "path": path,
                "per_page": query.per_page,
                "next_cursor": next_cursor,
                "prev_cursor": None,
                "as_of": as_wire(complete_to),
            },
        }
    )


def _stamp(request: Request, store: Store, query: PageQuery) -> str:
    filters = query.model_dump(mode="json", exclude={"cursor", "per_page"})
    text = json.dumps([store.epoch, request.url.path, filters], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _cursor(stamp: str, place: Place) -> str:
    moment, number = place
    text = json.dumps([stamp, moment.isoformat(), number])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _position(cursor: str | None, stamp: str) -> Place | None:
    if cursor is None:
        return None
    wrong = RefusedError(422, "The cursor is invalid.", {"cursor": ["The cursor is invalid."]})
    try:
        kept: Any = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        made_with, moment, number = kept
        position = (datetime.fromisoformat(moment), int(number))
    except (ValueError, TypeError):
        raise wrong from None
    if made_with != stamp:
        raise wrong
    return position
