"""New pricebook items. Source: pricebook-v2 [spec]; FACTS 2.4. Prices in US dollars."""

from __future__ import annotations

from decimal import Decimal

from connectors.servicetitan.external import NewExternalData
from connectors.wire import RequestModel


class NewPricebookItem(RequestModel):
    """What materials and equipment have in common. `description` is HTML: give it through `as_html`.

    The three accounts are texts while accounts have ids: they are sent by name [inferred].
    """

    code: str
    display_name: str | None = None
    description: str
    price: Decimal | None = None
    cost: Decimal | None = None
    taxable: bool | None = None
    active: bool | None = None
    unit_of_measure: str | None = None
    is_inventory: bool | None = None
    account: str | None = None
    cost_of_sale_account: str | None = None
    asset_account: str | None = None
    categories: tuple[int, ...] = ()
    external_data: NewExternalData | None = None


class NewMaterial(NewPricebookItem):
    """`Pricebook.V2.MaterialCreateRequest`."""

    chargeable_by_default: bool | None = None
    deduct_as_job_cost: bool | None = None


class NewEquipment(NewPricebookItem):
    """`Pricebook.V2.EquipmentCreateRequest`."""

    manufacturer: str | None = None
    model: str | None = None
