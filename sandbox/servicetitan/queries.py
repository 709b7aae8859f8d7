"""Query parameters of ServiceTitan's lists, their filters, and pages. Source: FACTS 1.5."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel, to_snake

from sandbox.errors import RefusedError
from sandbox.servicetitan.records import Part, WithExternalData
from sandbox.strict import QueryBool, QueryIds, QueryInt, QueryTime, read_query

APP_KEY_PARAMETER = "servicetitanapplicationkey"
Active = Literal["True", "Any", "False"]
Query = TypeVar("Query", bound="PageQuery")
Row = TypeVar("Row", bound=Part)


class PageQuery(BaseModel):
    """Paging. Pages count from 1."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    page: QueryInt = Field(1, ge=1)
    page_size: QueryInt = Field(50, ge=1, le=5000)
    include_total: QueryBool = False

    default_active: ClassVar[Active] = "True"
    sortable: ClassVar[frozenset[str]] = frozenset({"id", "created_on", "modified_on"})
    attributes: ClassVar[dict[str, str]] = {"created_by": "created_by_id"}
    """Sort fields whose record attribute is called otherwise."""

    def admits(self, record: Any) -> bool:
        """Tell whether the record passes the filters every list shares, as far as this list has them."""
        ids = getattr(self, "ids", None)
        return (
            (ids is None or record.id in ids)
            and self._is_active_enough(record)
            and within(record, "created_on", self, "created_on_or_after", "created_before")
            and within(record, "modified_on", self, "modified_on_or_after", "modified_before")
        )

    def _is_active_enough(self, record: Any) -> bool:
        if not hasattr(self, "active"):
            return True
        wanted = getattr(self, "active", None) or self.default_active
        return wanted == "Any" or getattr(record, "active", True) == (wanted == "True")


class Dates(PageQuery):
    """Created and modified: `OnOrAfter` is inclusive, `Before` exclusive."""

    created_before: QueryTime | None = None
    created_on_or_after: QueryTime | None = None
    modified_before: QueryTime | None = None
    modified_on_or_after: QueryTime | None = None


class Ids(PageQuery):
    """`ids`, a comma list of at most 50."""

    ids: QueryIds | None = None


class ActiveOnly(PageQuery):
    """`active`: True by default."""

    active: Active | None = None


class Sorted(PageQuery):
    """`sort=+Field` or `sort=-Field`."""

    sort: str | None = None


class External(PageQuery):
    """External data: shown for one guid, searched by key and values (both, at most 50 values)."""

    external_data_application_guid: str | None = None
    external_data_key: str | None = None
    external_data_values: str | None = None

    def check(self) -> None:
        """Raise RefusedError 400 for half a search."""
        values = _words(self.external_data_values)
        if (self.external_data_key is None) != (self.external_data_values is None):
            raise RefusedError(400, "externalDataKey and externalDataValues must be sent together.")
        if len(values) > 50:
            raise RefusedError(400, "At most 50 externalDataValues.", {"externalDataValues": ["more than 50"]})
        if values and not self.external_data_application_guid:
            raise RefusedError(400, "externalDataApplicationGuid must be sent with externalDataKey.")

    def holds_external(self, record: WithExternalData) -> bool:
        """Tell whether the record carries one of the wanted values."""
        if self.external_data_key is None:
            return True
        kept = record.external.get((self.external_data_application_guid or "").lower(), {})
        return kept.get(self.external_data_key) in _words(self.external_data_values)


class GuidOnly(BaseModel):
    """The one parameter of reads by id that show external data."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    external_data_application_guid: str | None = None


class Nothing(BaseModel):
    """An operation without query parameters."""

    model_config = ConfigDict(extra="forbid")


def titan_query(model: type[Query], request: Request) -> Query:
    """Read the query string of a list; unknown names are refused with 400."""
    query = read_query(model, request, frozenset({APP_KEY_PARAMETER}))
    if isinstance(query, External):
        query.check()
    return query


def no_query(request: Request) -> None:
    """Refuse any query parameter."""
    read_query(Nothing, request, frozenset({APP_KEY_PARAMETER}))


def guid_query(request: Request) -> str | None:
    """Read the only parameter: the application guid."""
    return read_query(GuidOnly, request, frozenset({APP_KEY_PARAMETER})).external_data_application_guid


def page_of(
    rows: Iterable[Row],
    query: PageQuery,
    wire: Callable[[Row], dict[str, Any]] | None = None,
    *,
    order: tuple[str, bool] | None = None,
) -> JSONResponse:
    """Answer one page. `order` is (field, descending) for the lists that name it in their own way."""
    ordered = list(rows)
    field, is_descending = order or _order_of(query)
    ordered.sort(key=lambda row: (getattr(row, field, 0), getattr(row, "id", 0)), reverse=is_descending)
    start = (query.page - 1) * query.page_size
    shown = ordered[start : start + query.page_size]
    answer = {
        "page": query.page,
        "pageSize": query.page_size,
        "hasMore": start + query.page_size < len(ordered),
        "totalCount": len(ordered) if query.include_total else None,
        "data": [wire(row) if wire else row.wire() for row in shown],
    }
    return JSONResponse(answer)


def _order_of(query: PageQuery) -> tuple[str, bool]:
    sort = getattr(query, "sort", None)
    if not sort:
        return "id", False
    # An unencoded "+" arrives as a blank.
    sign, name = (sort[0], sort[1:]) if sort[0] in "+- " else ("+", sort)
    field = to_snake(name)
    if field not in query.sortable:
        raise RefusedError(400, f"Cannot sort by {name}.", {"sort": [f"unknown field {name}"]})
    return query.attributes.get(field, field), sign == "-"


def among(records: Mapping[int, Row], ids: Sequence[int] | None) -> Iterable[Row]:
    """Return the records with these ids, or all: who asks for one of thousands must not wait for a look at each."""
    return records.values() if ids is None else [records[one] for one in dict.fromkeys(ids) if one in records]


def within(record: Any, field: str, query: Any, after: str, before: str) -> bool:
    """Tell whether the record's time lies in the query's half-open interval; no time is in no interval."""
    start, end = getattr(query, after, None), getattr(query, before, None)
    if start is None and end is None:
        return True
    moment = getattr(record, field)
    return moment is not None and (start is None or moment >= start) and (end is None or moment < end)


def says(wanted: str | None, text: str | None) -> bool:
    """Tell whether the text contains what is wanted, whatever the case; nothing wanted fits all."""
    return wanted is None or wanted.strip().casefold() in (text or "").casefold()


def is_or_any(wanted: object, value: object) -> bool:
    """Tell whether the value is the wanted one; nothing wanted fits all."""
    return wanted is None or wanted == value


@lru_cache(maxsize=128)
def _words(text: str | None) -> tuple[str, ...]:
    return tuple(one.strip() for one in (text or "").split(",") if one.strip())
