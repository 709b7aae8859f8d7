"""What all groups of ServiceTitan operations share: paths, pages, and reading changes in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final, TypeVar

from pydantic import BaseModel

from connectors.errors import unreadable
from connectors.http import Query, VendorHttp
from connectors.servicetitan.external import ExternalKey, MarkedModel, checked
from connectors.servicetitan.schemas import ExportPage, Page
from connectors.wire import RequestModel, VendorModel, parse

PAGE_SIZE: Final = 200
MAX_IDS: Final = 50
"""`ids` of a list takes no more (FACTS 1.5)."""

_Record = TypeVar("_Record", bound=VendorModel)
_Marked = TypeVar("_Marked", bound=MarkedModel)
_Item = TypeVar("_Item")


class Api:
    """One tenant over one connection."""

    def __init__(self, http: VendorHttp, tenant_id: int) -> None:
        """`http` is closed by whoever opened it."""
        self._http = http
        self._tenant_id = tenant_id

    def _path(self, base: str, rest: str) -> str:
        return f"/{base}/v2/tenant/{self._tenant_id}/{rest}"

    async def _get(self, model: type[_Record], path: str, doing: str, query: Query | None = None) -> _Record:
        call = self._http.call(doing, is_write=False)
        return parse(model, await self._http.send("GET", path, call, query=query), call)

    async def _write(self, method: str, path: str, doing: str, body: RequestModel | None = None) -> None:
        """Send a write whose answer has no body, or one we do not need."""
        wire = None if body is None else body.wire()
        await self._http.send(method, path, self._http.call(doing, is_write=True, body=wire), body=wire)

    async def _write_for(self, model: type[_Record], method: str, path: str, doing: str, body: RequestModel) -> _Record:
        wire = body.wire()
        call = self._http.call(doing, is_write=True, body=wire)
        return parse(model, await self._http.send(method, path, call, body=wire), call)

    async def _all(
        self, model: type[_Record], path: str, doing: str, query: Query | None = None
    ) -> tuple[_Record, ...]:
        """Read all pages of a list."""
        rows: list[_Record] = []
        number = 1
        while True:
            page = await self._page(model, path, doing, number, query)
            rows.extend(page.data)
            if not page.has_more or not page.data:
                return tuple(rows)
            number += 1

    async def _by_ids(
        self,
        model: type[_Record],
        path: str,
        doing: str,
        ids: Iterable[int],
        name: str = "ids",
        query: Query | None = None,
    ) -> tuple[_Record, ...]:
        """Read records by id, fifty at a time."""
        rows: list[_Record] = []
        for some in batches(sorted(set(ids)), MAX_IDS):
            chosen = {name: ",".join(str(one) for one in some)}
            rows.extend(await self._all(model, path, doing, {**chosen, **(query or {})}))
        return tuple(rows)

    async def _by_external_data(
        self, model: type[_Marked], path: str, doing: str, ours: ExternalKey, values: Iterable[str], query: Query
    ) -> tuple[_Marked, ...]:
        """Read records by a value of our external data, fifty values at a time; only those that really show one.

        Blank values are not asked for. Raises ValueError for a value with a comma: `external_value` writes it.
        """
        rows: list[_Marked] = []
        for some in batches(checked(values), MAX_IDS):
            chosen = {**ours.query(), "externalDataValues": ",".join(some), **query}
            found = await self._all(model, path, doing, chosen)
            rows.extend(
                row
                for row in found
                if any(datum.key == ours.key and datum.value in some for datum in row.external_data)
            )
        return tuple(rows)

    async def _export(
        self, model: type[_Record], path: str, doing: str, continue_from: str, *, recent: bool
    ) -> AsyncIterator[ExportPage[_Record]]:
        """Yield pages of an export feed from a token, or a date, on; from the beginning without one.

        Keep `continue_from` of the last page for the next time. Source: FACTS 1.6.
        """
        while True:
            query: dict[str, str | int | bool] = {"from": continue_from} if continue_from else {}
            if recent:
                query["includeRecentChanges"] = True
            call = self._http.call(doing, is_write=False)
            page = parse(ExportPage[model], await self._http.send("GET", path, call, query=query), call)  # type: ignore[valid-type]
            yield page
            if not page.has_more:
                return
            if page.continue_from == continue_from:
                raise unreadable(call, "continueFrom (the same again)")
            continue_from = page.continue_from

    async def _changes(
        self,
        model: type[_Record],
        path: str,
        doing: str,
        since: datetime,
        moment: Callable[[_Record], datetime],
        query: Query,
        name: str = "modifiedOnOrAfter",
    ) -> AsyncIterator[tuple[_Record, ...]]:
        """Yield pages of a list sorted by change, oldest first, each record once per change.

        After a page the list is asked again from its last change on, not for the next page number: a record changed
        while we read moves to the end, shifts the numbering, and would hide another for good. Where a whole page
        carries one moment, or the order is not kept, page numbers it is.
        """
        seen: set[tuple[object, datetime]] = set()
        number = 1
        while True:
            page = await self._page(model, path, doing, number, {name: as_utc_text(since), **query})
            fresh = [row for row in page.data if (_identity(row), moment(row)) not in seen]
            seen.update((_identity(row), moment(row)) for row in fresh)
            if fresh:
                yield tuple(fresh)
            if not page.has_more or not page.data:
                return
            moments = [moment(row) for row in page.data]
            if moments == sorted(moments) and moments[-1] > since:
                since, number = moments[-1], 1
            else:
                number += 1

    async def _page(
        self, model: type[_Record], path: str, doing: str, number: int, query: Query | None
    ) -> Page[_Record]:
        chosen: Query = {**(query or {}), "page": number, "pageSize": PAGE_SIZE}
        call = self._http.call(doing, is_write=False, body=query)
        return parse(Page[model], await self._http.send("GET", path, call, query=chosen), call)  # type: ignore[valid-type]


def as_utc_text(moment: datetime) -> str:
    """Write an instant as ServiceTitan's filters want it: UTC with Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def batches(items: Sequence[_Item], size: int) -> Iterable[tuple[_Item, ...]]:
    """Cut a sequence into runs of at most `size`."""
    remaining = iter(items)
    while some := tuple(islice(remaining, size)):
        yield some


def _identity(row: BaseModel) -> object:
    return getattr(row, "id", None)
