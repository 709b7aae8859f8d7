"""Accounts, payment types, tax zones, campaigns, arrival windows: what the drop-downs of a partner are filled from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator, Field

from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.money_records import ArrivalWindow
from sandbox.servicetitan.queries import (
    Active,
    Dates,
    Ids,
    PageQuery,
    Sorted,
    is_or_any,
    no_query,
    page_of,
    says,
    titan_query,
)
from sandbox.servicetitan.state import Titan
from sandbox.strict import QueryBool, QueryTime

accounting = api("accounting")
marketing = api("marketing")
dispatch = api("dispatch")


def _at_most_50_words(text: object) -> object:
    if not isinstance(text, str):
        return text
    words = tuple(one.strip() for one in text.split(",") if one.strip())
    if len(words) > 50:
        raise ValueError("more than 50 values")
    return words


Words = Annotated[tuple[str, ...], BeforeValidator(_at_most_50_words)]


class AccountsQuery(Ids, Dates, Sorted):
    """Source: accounting-v2 `GET /gl-accounts`; the lists hold at most 50 values."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "name", "number", "created_on", "modified_on"})

    names: Words | None = None
    numbers: Words | None = None
    types: Words | None = None
    subtypes: Words | None = None
    description: str | None = Field(None, max_length=255)
    source: Literal["Undefined", "AccountingSystem", "ManuallyCreated", "PublicApi"] | None = None
    active: Active | None = None
    is_intacct_group: QueryBool | None = None
    is_intacct_bank_account: QueryBool | None = None


class CreatedOnlyQuery(PageQuery):
    """Filters of lists that know when a record was created, not when it changed."""

    active: Active | None = None
    created_before: QueryTime | None = None
    created_on_or_after: QueryTime | None = None


class PaymentTypesQuery(Ids, CreatedOnlyQuery):
    """Source: accounting-v2 `GET /payment-types`; no name filter."""


class TaxZonesQuery(Ids, Dates, Sorted):
    """Source: accounting-v2 `GET /tax-zones`."""

    active: Active | None = None


class CampaignsQuery(Ids, Dates, Sorted):
    """Source: marketing-v2 `GET /campaigns`."""

    sortable: ClassVar[frozenset[str]] = frozenset({"id", "name", "created_on", "modified_on"})

    active: Active | None = None
    name: str | None = None
    campaign_phone_number: str | None = None


@accounting.get("/gl-accounts")
async def list_accounts(request: Request, titan: TheTitan) -> JSONResponse:
    """List general ledger accounts."""
    query = titan_query(AccountsQuery, request)
    rows = [
        one
        for one in titan.gl_accounts.values()
        if query.admits(one)
        and (query.names is None or one.name in query.names)
        and (query.numbers is None or one.number in query.numbers)
        and (query.types is None or one.type in query.types)
        and (query.subtypes is None or one.subtype in query.subtypes)
        and says(query.description, one.description)
        and is_or_any(query.source, one.source)
        and is_or_any(query.is_intacct_group, one.is_intacct_group)
        and is_or_any(query.is_intacct_bank_account, one.is_intacct_bank_account)
    ]
    return page_of(rows, query)


@accounting.get("/payment-types")
async def list_payment_types(request: Request, titan: TheTitan) -> JSONResponse:
    """List payment types."""
    query = titan_query(PaymentTypesQuery, request)
    return page_of([one for one in titan.payment_types.values() if query.admits(one)], query)


@accounting.get("/tax-zones")
async def list_tax_zones(request: Request, titan: TheTitan) -> JSONResponse:
    """List tax zones."""
    query = titan_query(TaxZonesQuery, request)
    return page_of([one for one in titan.tax_zones.values() if query.admits(one)], query)


@marketing.get("/campaigns")
async def list_campaigns(request: Request, titan: TheTitan) -> JSONResponse:
    """List marketing campaigns."""
    query = titan_query(CampaignsQuery, request)
    rows = [
        one
        for one in titan.campaigns.values()
        if query.admits(one)
        and says(query.name, one.name)
        and (query.campaign_phone_number is None or query.campaign_phone_number in (one.campaign_phone_numbers or []))
    ]
    return page_of(rows, query)


@dispatch.get("/arrival-windows")
async def list_windows(request: Request, titan: TheTitan) -> JSONResponse:
    """List arrival windows."""
    query = titan_query(CreatedOnlyQuery, request)
    return page_of([_shown(titan, one) for one in titan.arrival_windows.values() if query.admits(one)], query)


@dispatch.get("/arrival-windows/configuration")
async def window_configuration(request: Request, titan: TheTitan) -> JSONResponse:
    """Tell whether a visit starts with the start or with the end of its window."""
    no_query(request)
    return JSONResponse({"configuration": titan.switches.window_configuration})


def _shown(titan: Titan, window: ArrivalWindow) -> ArrivalWindow:
    """Return the window with `duration` as the tenant's switch reads it."""
    if titan.switches.window_duration == "length":
        return window
    minutes = sum(int(part) * size for span in (window.start, window.duration) for part, size in _parts(span))
    return window.model_copy(update={"duration": f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"})


def _parts(span: str) -> list[tuple[str, int]]:
    hours, _, minutes = span.partition(":")
    return [(hours, 60), (minutes, 1)]
