"""Find and make pricebook items. Source: pricebook-v2 [spec]; FACTS 2.4.

There is no filter by exact code: `searchText` finds it anywhere in code, name and description, and the rest is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connectors.http import Query
from connectors.servicetitan.api import Api
from connectors.servicetitan.external import ExternalKey
from connectors.servicetitan.pricebook_schemas import NewEquipment, NewMaterial
from connectors.servicetitan.schemas import PricebookItem
from connectors.servicetitan.texts import same_name

MAX_SEARCH: Final = 200
"""Characters the search takes."""

_ALSO_INACTIVE: Final[Query] = {"active": "Any"}


class PricebookApi(Api):
    """What the shop sells."""

    async def list_materials_by_external_data(
        self, ours: ExternalKey, values: Iterable[str]
    ) -> tuple[PricebookItem, ...]:
        """Find materials by a value of our external data, inactive ones too. pricebook-v2 `GET /materials`."""
        return await self._marked("materials", ours, values)

    async def list_equipment_by_external_data(
        self, ours: ExternalKey, values: Iterable[str]
    ) -> tuple[PricebookItem, ...]:
        """Find equipment by a value of our external data, inactive too. pricebook-v2 `GET /equipment`."""
        return await self._marked("equipment", ours, values)

    async def list_materials_by_code(self, code: str) -> tuple[PricebookItem, ...]:
        """Find materials whose code is this one, whatever the case, inactive too. pricebook-v2 `GET /materials`."""
        return await self._coded("materials", code)

    async def list_equipment_by_code(self, code: str) -> tuple[PricebookItem, ...]:
        """Find equipment whose code is this one, whatever the case, inactive too. pricebook-v2 `GET /equipment`."""
        return await self._coded("equipment", code)

    async def list_services_by_code(self, code: str) -> tuple[PricebookItem, ...]:
        """Find services whose code is this one, whatever the case, inactive too. pricebook-v2 `GET /services`."""
        return await self._coded("services", code)

    async def create_material(self, item: NewMaterial) -> PricebookItem:
        """Make a material; look by external data before repeating it. pricebook-v2 `POST /materials`, 201."""
        path = self._path("pricebook", "materials")
        return await self._write_for(PricebookItem, "POST", path, f"making material {item.code}", item)

    async def create_equipment(self, item: NewEquipment) -> PricebookItem:
        """Make a piece of equipment; look by external data before repeating it. pricebook-v2 `POST /equipment`, 201."""
        path = self._path("pricebook", "equipment")
        return await self._write_for(PricebookItem, "POST", path, f"making equipment {item.code}", item)

    async def _marked(self, kind: str, ours: ExternalKey, values: Iterable[str]) -> tuple[PricebookItem, ...]:
        path = self._path("pricebook", kind)
        doing = f"looking for {kind} by our key"
        return await self._by_external_data(PricebookItem, path, doing, ours, values, _ALSO_INACTIVE)

    async def _coded(self, kind: str, code: str) -> tuple[PricebookItem, ...]:
        if not code.strip():
            return ()
        query = {"searchText": code.strip()[:MAX_SEARCH], **_ALSO_INACTIVE}
        found = await self._all(PricebookItem, self._path("pricebook", kind), f"looking for {kind} {code}", query)
        return tuple(item for item in found if same_name(item.code, code))
