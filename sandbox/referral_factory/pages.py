"""Numbered pages, the next one in `links.next`; rows shift between pages while others write. FACTS section 7."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sandbox.referral_factory.records import Json
from sandbox.strict import QueryInt, read_query

Row = TypeVar("Row")


class PageQuery(BaseModel):
    """Paging."""

    model_config = ConfigDict(extra="forbid")

    per_page: QueryInt = Field(25, ge=1, le=250)
    page: QueryInt = Field(1, ge=1)


class UserPageQuery(PageQuery):
    """Source: openapi.yaml `WithUser`."""

    with_: Literal["user.analytics"] | None = Field(None, alias="with")


class CampaignPageQuery(PageQuery):
    """Source: openapi.yaml `WithCampaign`."""

    with_: Literal["campaign.analytics"] | None = Field(None, alias="with")


class WithUser(BaseModel):
    """The one parameter of reading a person."""

    model_config = ConfigDict(extra="forbid")

    with_: Literal["user.analytics"] | None = Field(None, alias="with")


class WithCampaign(BaseModel):
    """The one parameter of reading a campaign."""

    model_config = ConfigDict(extra="forbid")

    with_: Literal["campaign.analytics"] | None = Field(None, alias="with")


class Nothing(BaseModel):
    """An operation without query parameters."""

    model_config = ConfigDict(extra="forbid")


def no_query(request: Request) -> None:
    """Refuse any query parameter."""
    read_query(Nothing, request)


def page_of(
    request: Request, query: PageQuery, rows: Sequence[Row], shown: Callable[[Row], Json], *, newest_first: bool
) -> JSONResponse:
    """Answer one page of the rows, which come oldest first."""
    start, total = (query.page - 1) * query.per_page, len(rows)
    ordered = reversed(rows) if newest_first else iter(rows)
    page = list(islice(ordered, start, start + query.per_page))
    last = max(1, -(-total // query.per_page))
    link = _links(request, query)
    return JSONResponse(
        {
            "data": [shown(one) for one in page],
            "links": {
                "first": link(1),
                "last": link(last),
                "prev": link(query.page - 1) if query.page > 1 else None,
                "next": link(query.page + 1) if query.page < last else None,
            },
            "meta": {"current_page": query.page, "last_page": last, "per_page": query.per_page, "total": total},
        }
    )


def _links(request: Request, query: PageQuery) -> Callable[[int], str]:
    base = str(request.url).partition("?")[0]
    others = [(name, value) for name, value in request.query_params.multi_items() if name not in {"page", "per_page"}]

    def link(page: int) -> str:
        words: list[tuple[str, Any]] = [*others, ("per_page", query.per_page), ("page", page)]
        return f"{base}?{urlencode(words)}"

    return link
