"""The store's operations, in domain types. The contract behind them is ours (openapi.yaml [inferred])."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx

from connectors.contractor_commerce.auth import VENDOR, contractor_commerce_auth
from connectors.contractor_commerce.readings import read_page
from connectors.contractor_commerce.schemas import OrderEnvelope, OrderPage
from connectors.errors import Call, RejectedError, unreadable
from connectors.http import Query, VendorHttp
from connectors.limits import Limiter
from connectors.wire import VendorModel, parse
from models.shop import ContractorCommerceSettings
from models.store_order import StoreOrder, StoreOrders

READ_TIMEOUT_S: Final = 60.0
PER_PAGE: Final = 100
"""The most the contract allows."""
STALE_CURSOR: Final = 422

_Record = TypeVar("_Record", bound=VendorModel)


class ContractorCommerce:
    """One store, read only. Use with `async with`, or close it.

    Every operation may raise TransientError, UnauthorizedError, RejectedError and ContractError.
    """

    def __init__(self, http: VendorHttp) -> None:
        """Use `from_settings` to build one from a shop file."""
        self._http = http

    @classmethod
    def from_settings(
        cls,
        settings: ContractorCommerceSettings,
        *,
        limiter: Limiter,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Open the store of a shop. Raises SettingsError when the key is not set.

        The store's limit is not public: the `limiter` is courtesy, and every client of the store must share it.
        """
        http = VendorHttp(
            VENDOR,
            settings.api_url,
            auth=contractor_commerce_auth(settings),
            limiter=limiter,
            read_timeout_s=READ_TIMEOUT_S,
            secrets=(settings.api_token,),
            transport=transport,
        )
        return cls(http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def orders_since(self, updated_since: datetime) -> AsyncIterator[StoreOrders]:
        """Yield pages of orders changed at or after this moment, oldest change first. Memory: one page.

        Each page says how far it is complete (`as_of`): safe as the next `updated_since`, and orders that share that
        moment come again, so none is lost between two. A cursor the store no longer knows costs a new start from
        there. Orders that cannot be read are named beside the others. Source: `GET /orders`.
        """
        since = reached = updated_since
        cursor = ""
        while True:
            filters: Query = {"updated_since": _text(since), "per_page": PER_PAGE}
            call = self._http.call("reading changed orders", is_write=False)
            try:
                answer = await self._send("/orders", call, {**filters, "cursor": cursor} if cursor else filters)
            except RejectedError as refused:
                if refused.status != STALE_CURSOR or not cursor or reached <= since:
                    raise
                since, cursor = reached, ""
                continue
            page = parse(OrderPage, answer, call)
            orders = read_page(page)
            yield orders
            if not page.meta.next_cursor:
                return
            if page.meta.next_cursor == cursor:
                raise unreadable(call, "meta.next_cursor (the same again)")
            cursor = page.meta.next_cursor
            reached = orders.as_of or since

    async def get_order(self, order_id: str) -> StoreOrder:
        """Read one order as it is now. Source: `GET /orders/{id}`. Raises NotFoundError."""
        return (await self._get(OrderEnvelope, f"/orders/{_step(order_id)}", f"reading order {order_id}")).data.read()

    async def check_access(self) -> None:
        """Read one order at most. Raises what the reading raised."""
        call = self._http.call("checking the connection", is_write=False)
        parse(OrderPage, await self._send("/orders", call, {"per_page": 1}), call)

    async def _get(self, model: type[_Record], path: str, doing: str) -> _Record:
        call = self._http.call(doing, is_write=False)
        return parse(model, await self._send(path, call), call)

    async def _send(self, path: str, call: Call, query: Query | None = None) -> Any:
        return await self._http.send("GET", path, call, query=query)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _step(record_id: str) -> str:
    # Ids reach us in webhooks: one that holds a slash must not lead to another address.
    return quote(record_id, safe="")
