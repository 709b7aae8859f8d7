"""mSupply's operations, raw: one method per endpoint. Meaning is given to the answers in `distributor.py`."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final, Self

import httpx

from connectors.errors import Call
from connectors.http import VendorHttp
from connectors.limits import Limiter, Turn
from connectors.marcone.auth import VENDOR, marcone_auth
from connectors.marcone.readings import is_miss
from connectors.marcone.schemas import (
    LookupAnswer,
    LookupRequest,
    OrderLine,
    OrderStatusRequest,
    PurchaseOrderAnswer,
    PurchaseOrderRequest,
    ShippingMethodsAnswer,
    ShippingMethodsRequest,
    ShipTo,
    TrackAnswer,
    TrackRequest,
)
from connectors.tokens import TokenStore
from connectors.wire import RequestModel, parse
from models.order import PurchaseOrder
from models.shop import MarconeSettings

READ_TIMEOUT_S: Final = 60.0


class Marcone:
    """One account. Use with `async with`, or close it.

    Every operation may raise TransientError (reads), UnauthorizedError, RejectedError and ContractError.
    """

    def __init__(self, http: VendorHttp, customer_number: int) -> None:
        """Use `from_settings` to build one from a shop file."""
        self._http = http
        self._customer_number = customer_number

    @classmethod
    def from_settings(
        cls,
        settings: MarconeSettings,
        *,
        limiter: Limiter,
        transport: httpx.AsyncBaseTransport | None = None,
        tokens: TokenStore | None = None,
    ) -> Self:
        """Open the account of a shop. Raises SettingsError when a secret is not set.

        The vendor publishes no limit (FACTS section 3): the `limiter` is courtesy, and every client of the account
        must share it.
        """
        http = VendorHttp(
            VENDOR,
            settings.api_url,
            auth=marcone_auth(settings, tokens),
            limiter=limiter,
            read_timeout_s=READ_TIMEOUT_S,
            secrets=(settings.client_id, settings.client_secret),
            is_missing=is_miss,
            transport=transport,
        )
        return cls(http, settings.customer_number)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def lookup(self, number: str, *, ship_to_zip: str = "", make: str = "") -> tuple[LookupAnswer, Call]:
        """Look one number up, with the account's price and, for a ZIP, the days from each branch.

        Source: `POST /parts/lookup` [documented] request; custNo is sent (D1), make only where a lookup gave it before.
        Raises: NotFoundError for a number nobody makes.
        """
        given: dict[str, Any] = {"cust_no": self._customer_number, "part_number": number, "lookup_type": "Default"}
        if ship_to_zip:
            given |= {"lookup_type": "ByZipCode", "tnt_ship_to_zip": ship_to_zip}
        if make:
            given["make"] = make
        answer, call = await self._read("/parts/lookup", f"looking up part {number}", LookupRequest(**given))
        return parse(LookupAnswer, answer, call), call

    async def get_shipping_methods(self, branch: str) -> ShippingMethodsAnswer:
        """Read the methods a branch offers. Source: `POST /orders/getshippingmethods` [observed-in-client, D2]."""
        body = ShippingMethodsRequest(cust_no=self._customer_number, warehouse_number=branch)
        doing = f"reading the shipping methods of branch {branch}"
        answer, call = await self._read("/orders/getshippingmethods", doing, body)
        return parse(ShippingMethodsAnswer, answer, call)

    async def take_turn(self) -> Turn:
        """Wait until one call may go, for a call that must not wait itself."""
        return await self._http.take_turn()

    async def create_purchase_order(
        self, order: PurchaseOrder, turn: Turn | None = None
    ) -> tuple[PurchaseOrderAnswer, Call]:
        """Place a real order. Never repeated here: there is no idempotency key and no duplicate check (FACTS 8).

        With a `turn` it goes out now, or raises TransientError.

        Source: `POST /orders/purchaseorder` [documented]. Raises: AmbiguousWriteError when the answer was lost.
        """
        terms = order.terms
        body = PurchaseOrderRequest(
            cust_no=self._customer_number,
            po_number=order.po_number,
            warehouse_number=terms.branch,
            shipping_method=terms.ship_method,
            ship_to=ShipTo(
                name=terms.ship_to.name,
                address1=terms.ship_to.street,
                address2=terms.ship_to.unit,
                city=terms.ship_to.city,
                state=terms.ship_to.state,
                zip=terms.ship_to.zip,
            ),
            purchase_order_items=(
                OrderLine(
                    make=terms.make,
                    part_number=terms.part_number,
                    quantity=terms.quantity,
                    reference=order.reference,
                    warehouse_number=terms.branch,
                ),
            ),
        ).wire()
        call = self._http.call(f"placing order {order.po_number}", is_write=True, body=body)
        answer = await self._http.send("POST", "/orders/purchaseorder", call, body=body, turn=turn)
        return parse(PurchaseOrderAnswer, answer, call), call

    async def get_order_status(self, order_number: str) -> tuple[Any, Call]:
        """Read one order, as it comes. Source: `POST /orders/orderstatus` [observed-in-client]."""
        body = OrderStatusRequest(cust_no=self._customer_number, lookup_type="ByOrderNumber", order_number=order_number)
        return await self._read("/orders/orderstatus", f"reading order {order_number}", body)

    async def track_package(self, tracking_number: str) -> TrackAnswer:
        """Read a parcel's scans. Source: `POST /orders/trackpackage` [observed-in-client], FedEx and UPS only."""
        body = TrackRequest(cust_no=self._customer_number, tracking_number=tracking_number)
        answer, call = await self._read("/orders/trackpackage", f"tracking parcel {tracking_number}", body)
        return parse(TrackAnswer, answer, call)

    async def _read(self, path: str, doing: str, body: RequestModel) -> tuple[Any, Call]:
        """Send a POST that only reads."""
        wire = body.wire()
        call = self._http.call(doing, is_write=False, body=wire)
        return await self._http.send("POST", path, call, body=wire), call
