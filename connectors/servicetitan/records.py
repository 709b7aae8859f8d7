"""Customers, locations, estimates, the pricebook, equipment and forms by id or change, all read only.

Sources: crm-v2, salestech-v2, pricebook-v2, equipment-systems-v2, forms-v2 [spec]; FACTS 5.1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from connectors.servicetitan.api import Api
from connectors.servicetitan.schemas import (
    Customer,
    CustomerContact,
    Estimate,
    Form,
    InstalledEquipment,
    Location,
    PricebookItem,
    Submission,
)


class RecordsApi(Api):
    """What the office and the technicians wrote down."""

    async def get_customer(self, customer_id: int) -> Customer:
        """Read one customer, also one merged away. crm-v2 `GET /customers/{id}`. Raises NotFoundError."""
        return await self._get(
            Customer, self._path("crm", f"customers/{customer_id}"), f"reading customer {customer_id}"
        )

    async def list_customer_contacts(self, customer_id: int) -> tuple[CustomerContact, ...]:
        """Read a customer's contacts. crm-v2 `GET /customers/{id}/contacts`."""
        return await self._all(
            CustomerContact,
            self._path("crm", f"customers/{customer_id}/contacts"),
            f"reading the contacts of customer {customer_id}",
        )

    async def get_location(self, location_id: int) -> Location:
        """Read one location. crm-v2 `GET /locations/{id}`. Raises NotFoundError."""
        return await self._get(
            Location, self._path("crm", f"locations/{location_id}"), f"reading location {location_id}"
        )

    def list_estimates(self, modified_on_or_after: datetime) -> AsyncIterator[tuple[Estimate, ...]]:
        """Yield pages of estimates changed since, the oldest change first; also deleted ones: their parts go too.

        Source: salestech-v2 `GET /estimates` [spec].
        """
        return self._changes(
            Estimate,
            self._path("sales", "estimates"),
            "reading changed estimates",
            modified_on_or_after,
            lambda estimate: estimate.modified_on,
            {"sort": "+ModifiedOn", "active": "Any"},
        )

    async def list_materials(self, ids: Iterable[int]) -> tuple[PricebookItem, ...]:
        """Read materials by id, inactive ones too: an estimate may name them. pricebook-v2 `GET /materials`."""
        return await self._by_ids(
            PricebookItem, self._path("pricebook", "materials"), "reading materials", ids, query={"active": "Any"}
        )

    async def list_equipment(self, ids: Iterable[int]) -> tuple[PricebookItem, ...]:
        """Read pricebook equipment by id, inactive too. pricebook-v2 `GET /equipment`."""
        return await self._by_ids(
            PricebookItem, self._path("pricebook", "equipment"), "reading equipment", ids, query={"active": "Any"}
        )

    async def list_installed_equipment(self, location_ids: Iterable[int]) -> tuple[InstalledEquipment, ...]:
        """Read what stands at these locations; it hangs on the location, not on the job (FACTS 5.1).

        equipment-systems-v2 `GET /installed-equipment`.
        """
        return await self._by_ids(
            InstalledEquipment,
            self._path("equipmentsystems", "installed-equipment"),
            "reading installed equipment",
            location_ids,
            name="locationIds",
        )

    async def list_forms(self, name: str = "") -> tuple[Form, ...]:
        """Read the forms, by name where one is given; how the filter matches is not stated. forms-v2 `GET /forms`."""
        return await self._all(
            Form, self._path("forms", "forms"), "reading the forms", {"name": name} if name else None
        )

    def list_submissions(self, form_id: int, submitted_on_or_after: datetime) -> AsyncIterator[tuple[Submission, ...]]:
        """Yield pages of completed submissions of a form since, oldest first. forms-v2 `GET /submissions`."""
        return self._changes(
            Submission,
            self._path("forms", "submissions"),
            "reading form submissions",
            submitted_on_or_after,
            lambda submission: submission.submitted_on,
            {"formIds": str(form_id), "status": "Completed", "sort": "+SubmittedOn"},
            name="submittedOnOrAfter",
        )
