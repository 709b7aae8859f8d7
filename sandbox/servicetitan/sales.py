"""Estimates and their items. Source: salestech-v2 (base /sales/v2), FACTS 5.1."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic.alias_generators import to_snake

from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.queries import (
    ActiveOnly,
    Dates,
    Ids,
    Sorted,
    is_or_any,
    no_query,
    page_of,
    titan_query,
)
from sandbox.servicetitan.shop_records import Estimate
from sandbox.servicetitan.state import found
from sandbox.strict import Id, QueryInt, QueryTime

router = api("sales")


class EstimatesQuery(Ids, Dates, ActiveOnly, Sorted):
    """Source: salestech-v2 `GET /estimates`."""

    job_id: QueryInt | None = None
    project_id: QueryInt | None = None
    job_number: str | None = None
    total_greater: Decimal | None = None
    total_less: Decimal | None = None
    sold_by_id: QueryInt | None = None
    sold_by_employee_id: QueryInt | None = None
    sold_after: QueryTime | None = None
    sold_before: QueryTime | None = None
    status: str | None = None
    order_by: Literal["Id", "CreatedOn", "ModifiedOn"] | None = None
    order_by_direction: Literal["asc", "desc"] = "asc"
    location_id: QueryInt | None = None

    def wants(self, one: Estimate) -> bool:
        """Tell whether the estimate passes every filter."""
        return (
            self.admits(one)
            and all(
                is_or_any(getattr(self, name), getattr(one, name))
                for name in ("job_id", "project_id", "job_number", "location_id")
            )
            and is_or_any(self.sold_by_id, one.sold_by)
            and is_or_any(self.sold_by_employee_id, one.sold_by)
            and (self.status is None or one.status.name.casefold() == self.status.casefold())
            and (self.total_greater is None or one.subtotal + one.tax > self.total_greater)
            and (self.total_less is None or one.subtotal + one.tax < self.total_less)
            and (self.sold_after is None or (one.sold_on is not None and one.sold_on >= self.sold_after))
            and (self.sold_before is None or (one.sold_on is not None and one.sold_on < self.sold_before))
        )


class ItemsQuery(Ids, Dates, ActiveOnly, Sorted):
    """Source: salestech-v2 `GET /estimates/items`."""

    estimate_id: QueryInt | None = None


@router.get("/estimates")
async def list_estimates(request: Request, titan: TheTitan) -> JSONResponse:
    """List estimates with their items."""
    query = titan_query(EstimatesQuery, request)
    order = (to_snake(query.order_by), query.order_by_direction == "desc") if query.order_by else None
    return page_of([one for one in titan.estimates.values() if query.wants(one)], query, order=order)


@router.get("/estimates/items")
async def list_items(request: Request, titan: TheTitan) -> JSONResponse:
    """List the items of estimates."""
    query = titan_query(ItemsQuery, request)
    rows = [
        item
        for one in titan.estimates.values()
        if is_or_any(query.estimate_id, one.id)
        for item in one.items
        if query.admits(item)
    ]
    return page_of(rows, query)


@router.get("/estimates/{id}")
async def get_estimate(request: Request, titan: TheTitan, estimate_id: Id) -> JSONResponse:
    """Read one estimate."""
    no_query(request)
    return JSONResponse(found(titan.estimates, estimate_id, "Estimate").wire())
