"""Sell a membership. Source: memberships-v2 [spec]; FACTS 2.9.

The sale task (a pricebook service) is shown by no read: it comes with the store's service, or from the shop file.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

from pydantic import RootModel

from connectors.http import Query
from connectors.servicetitan.api import Api
from connectors.wire import RequestModel, UtcTime, VendorModel, parse

_ALL: Final[Query] = {"active": "Any"}


class MembershipType(VendorModel):
    """`Memberships.V2.MembershipTypeResponse`."""

    id: int
    name: str = ""
    active: bool = True


class DurationBilling(VendorModel):
    """A term and price a type is sold at, US dollars. `Memberships.V2.MembershipTypeDurationBillingItemResponse`."""

    id: int
    duration: int | None = None
    """Months; None goes on until it is ended."""
    billing_frequency: str
    sale_price: Decimal
    billing_price: Decimal
    active: bool = True


class Membership(VendorModel):
    """A membership a customer has. `Memberships.V2.CustomerMembershipResponse`."""

    id: int
    customer_id: int
    membership_type_id: int
    location_id: int | None = None
    status: str = ""
    active: bool = True
    activated_from_id: int | None = None
    """The line of the sale's invoice that it came from."""
    created_on: UtcTime


class MembershipSale(RequestModel):
    """`Memberships.V2.MembershipSaleInvoiceCreateRequest`."""

    customer_id: int
    business_unit_id: int
    sale_task_id: int
    duration_billing_id: int
    recurring_service_action: Literal["None", "Single", "All"]
    location_id: int | None = None
    recurring_location_id: int | None = None


class SoldMembership(VendorModel):
    """`Memberships.V2.MembershipSaleInvoiceCreateResponse`: a sale has an invoice of its own."""

    invoice_id: int
    customer_membership_id: int


class _DurationBillings(RootModel[tuple[DurationBilling, ...]]):
    """This list alone is a bare array (FACTS 1.5)."""


class MembershipsApi(Api):
    """Membership types, and what customers have of them."""

    async def list_membership_types(self) -> tuple[MembershipType, ...]:
        """Read the types, inactive ones too. memberships-v2 `GET /membership-types`."""
        path = self._path("memberships", "membership-types")
        return await self._all(MembershipType, path, "reading the membership types", _ALL)

    async def list_duration_billings(self, membership_type_id: int) -> tuple[DurationBilling, ...]:
        """Read the terms of a type, inactive ones too. Raises NotFoundError.

        memberships-v2 `GET /membership-types/{id}/duration-billing-items`.
        """
        path = self._path("memberships", f"membership-types/{membership_type_id}/duration-billing-items")
        call = self._http.call(f"reading the terms of membership type {membership_type_id}", is_write=False)
        return parse(_DurationBillings, await self._http.send("GET", path, call, query=_ALL), call).root

    async def list_memberships(self, customer_ids: Iterable[int]) -> tuple[Membership, ...]:
        """Read what customers have, inactive too; nothing on it names an order. memberships-v2 `GET /memberships`."""
        path = self._path("memberships", "memberships")
        return await self._by_ids(Membership, path, "reading memberships", customer_ids, name="customerIds", query=_ALL)

    async def sell_membership(self, sale: MembershipSale) -> SoldMembership:
        """Sell one; look at what the customer has before repeating it. memberships-v2 `POST /memberships/sale`."""
        doing = f"selling a membership to customer {sale.customer_id}"
        path = self._path("memberships", "memberships/sale")
        return await self._write_for(SoldMembership, "POST", path, doing, sale)
