"""Creating and changing pricebook items. Source: pricebook-v2, FACTS 2.4."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.bodies import ExternalBody, NewExternalBody, write_external
from sandbox.servicetitan.door import TheTitan, api
from sandbox.servicetitan.office import MARCONE_VENDOR
from sandbox.servicetitan.queries import guid_query, no_query
from sandbox.servicetitan.shop_records import Asset, Equipment, Item, Material, Service, SkuVendor, Warranty
from sandbox.servicetitan.state import Titan, found
from sandbox.strict import Id, Number, StrictBody, read_body

router = api("pricebook")

ACCOUNTS = ("account", "cost_of_sale_account", "asset_account")


class VendorBody(StrictBody):
    """Source: pricebook-v2 `SkuVendorRequest`; sub-accounts are not kept here."""

    vendor_id: int
    memo: str | None = None
    vendor_part: str | None = None
    cost: Number
    active: bool


class AssetBody(StrictBody):
    """Source: pricebook-v2 `SkuAssetRequest`."""

    type: Literal["Other", "Image", "Video", "Attachment", "VideoFile"]
    alias: str | None = None
    url: str
    is_default: bool | None = None


class WarrantyBody(StrictBody):
    """Source: pricebook-v2 `SkuWarrantyRequest`."""

    duration: int
    description: str | None = None


class NewItem(StrictBody):
    """What materials and equipment have in common. `description` is HTML; the accounts are names [inferred]."""

    code: str = Field(min_length=1)
    description: str
    display_name: str | None = None
    cost: Number | None = None
    active: bool | None = None
    price: Number | None = None
    member_price: Number | None = None
    add_on_price: Number | None = None
    add_on_member_price: Number | None = None
    hours: Number | None = None
    bonus: Number | None = None
    commission_bonus: Number | None = None
    pays_commission: bool | None = None
    unit_of_measure: str | None = None
    is_inventory: bool | None = None
    account: str | None = None
    cost_of_sale_account: str | None = None
    asset_account: str | None = None
    taxable: bool | None = None
    primary_vendor: VendorBody | None = None
    other_vendors: list[VendorBody] | None = None
    assets: list[AssetBody] | None = None
    categories: list[int] | None = None
    external_data: NewExternalBody | None = None


class SkuLink(StrictBody):
    """Source: pricebook-v2 `SkuLinkRequest`."""

    sku_id: int
    quantity: Number


class NewService(StrictBody):
    """Source: pricebook-v2 `ServiceCreateRequest`."""

    code: str = Field(min_length=1)
    description: str
    display_name: str | None = None
    active: bool | None = None
    price: Number | None = None
    member_price: Number | None = None
    add_on_price: Number | None = None
    add_on_member_price: Number | None = None
    taxable: bool | None = None
    account: str | None = None
    intacct_gl_group_account: str | None = None
    hours: Number | None = None
    is_labor: bool | None = None
    pays_commission: bool | None = None
    bonus: Number | None = None
    commission_bonus: Number | None = None
    cross_sale_group: str | None = None
    budget_cost_code: str | None = None
    budget_cost_type: str | None = None
    warranty: WarrantyBody | None = None
    assets: list[AssetBody] | None = None
    categories: list[int] | None = None
    recommendations: list[int] | None = None
    upgrades: list[int] | None = None
    service_materials: list[SkuLink] | None = None
    service_equipment: list[SkuLink] | None = None
    external_data: NewExternalBody | None = None


class NewMaterial(NewItem):
    """Source: pricebook-v2 `MaterialCreateRequest`."""

    deduct_as_job_cost: bool | None = None
    is_configurable_material: bool | None = None
    chargeable_by_default: bool | None = None
    is_other_direct_cost: bool | None = None


class NewEquipment(NewItem):
    """Source: pricebook-v2 `EquipmentCreateRequest`."""

    manufacturer: str | None = None
    model: str | None = None
    manufacturer_warranty: WarrantyBody | None = None
    service_provider_warranty: WarrantyBody | None = None
    is_configurable_equipment: bool | None = None


class ItemPatch(StrictBody):
    """What may change. Nothing but the external data may be null."""

    code: str = Field("", min_length=1)
    description: str = ""
    display_name: str = ""
    cost: Number = Decimal(0)
    active: bool = True
    price: Number = Decimal(0)
    member_price: Number = Decimal(0)
    add_on_price: Number = Decimal(0)
    add_on_member_price: Number = Decimal(0)
    hours: Number = Decimal(0)
    bonus: Number = Decimal(0)
    commission_bonus: Number = Decimal(0)
    pays_commission: bool = False
    unit_of_measure: str = ""
    is_inventory: bool = False
    account: str = ""
    cost_of_sale_account: str = ""
    asset_account: str = ""
    taxable: bool = True
    primary_vendor: VendorBody = Field(
        default_factory=lambda: VendorBody.model_construct(vendor_id=0, cost=Decimal(0), active=False)
    )
    other_vendors: list[VendorBody] = Field(default_factory=list)
    assets: list[AssetBody] = Field(default_factory=list)
    categories: list[int] = Field(default_factory=list)
    external_data: ExternalBody | None = None


class MaterialPatch(ItemPatch):
    """Source: pricebook-v2 `MaterialUpdateRequest`."""

    deduct_as_job_cost: bool = False
    is_configurable_material: bool = False
    chargeable_by_default: bool = True


class EquipmentPatch(ItemPatch):
    """Source: pricebook-v2 `EquipmentUpdateRequest`."""

    manufacturer: str = ""
    model: str = ""
    manufacturer_warranty: WarrantyBody = Field(default_factory=lambda: WarrantyBody.model_construct(duration=0))
    service_provider_warranty: WarrantyBody = Field(default_factory=lambda: WarrantyBody.model_construct(duration=0))
    is_configurable_equipment: bool = False


class ServicePatch(StrictBody):
    """Source: pricebook-v2 `ServiceUpdateRequest`. Nothing but the external data may be null."""

    code: str = Field("", min_length=1)
    description: str = ""
    display_name: str = ""
    active: bool = True
    price: Number = Decimal(0)
    member_price: Number = Decimal(0)
    add_on_price: Number = Decimal(0)
    add_on_member_price: Number = Decimal(0)
    taxable: bool = False
    account: str = ""
    intacct_gl_group_account: str = ""
    hours: Number = Decimal(0)
    is_labor: bool = False
    pays_commission: bool = False
    bonus: Number = Decimal(0)
    commission_bonus: Number = Decimal(0)
    cross_sale_group: str = ""
    budget_cost_code: str = ""
    budget_cost_type: str = ""
    warranty: WarrantyBody = Field(default_factory=lambda: WarrantyBody.model_construct(duration=0))
    assets: list[AssetBody] = Field(default_factory=list)
    categories: list[int] = Field(default_factory=list)
    recommendations: list[int] = Field(default_factory=list)
    upgrades: list[int] = Field(default_factory=list)
    service_materials: list[SkuLink] = Field(default_factory=list)
    service_equipment: list[SkuLink] = Field(default_factory=list)
    external_data: ExternalBody | None = None


@router.post("/materials")
async def create_material(request: Request, titan: TheTitan) -> JSONResponse:
    """Create a material. A code in use may be used again, unless the switch `unique_codes` is on."""
    no_query(request)
    body = await read_body(NewMaterial, request)
    material = Material(**_new(titan, body))
    guid = write_external(material, body.external_data)
    titan.materials[material.id] = material
    return JSONResponse(material.wire_for(guid), 201)


@router.post("/equipment")
async def create_equipment(request: Request, titan: TheTitan) -> JSONResponse:
    """Create a piece of equipment. Codes as with materials."""
    no_query(request)
    body = await read_body(NewEquipment, request)
    equipment = Equipment(**_new(titan, body))
    guid = write_external(equipment, body.external_data)
    titan.equipment[equipment.id] = equipment
    return JSONResponse(equipment.wire_for(guid), 201)


@router.post("/services")
async def create_service(request: Request, titan: TheTitan) -> JSONResponse:
    """Create a service. Codes as with materials."""
    no_query(request)
    body = await read_body(NewService, request)
    service = Service(**_new(titan, body))
    guid = write_external(service, body.external_data)
    titan.services[service.id] = service
    return JSONResponse(service.wire_for(guid), 201)


@router.patch("/services/{id}")
async def patch_service(request: Request, titan: TheTitan, service_id: Id) -> JSONResponse:
    """Change a service."""
    no_query(request)
    service = found(titan.services, service_id, "Service")
    return _patch(titan, service, await read_body(ServicePatch, request))


@router.patch("/materials/{id}")
async def patch_material(request: Request, titan: TheTitan, material_id: Id) -> JSONResponse:
    """Change a material."""
    no_query(request)
    material = found(titan.materials, material_id, "Material")
    return _patch(titan, material, await read_body(MaterialPatch, request))


@router.patch("/equipment/{id}")
async def patch_equipment(request: Request, titan: TheTitan, equipment_id: Id) -> JSONResponse:
    """Change a piece of equipment."""
    no_query(request)
    equipment = found(titan.equipment, equipment_id, "Equipment")
    return _patch(titan, equipment, await read_body(EquipmentPatch, request))


@router.get("/equipment/{id}")
async def get_equipment(request: Request, titan: TheTitan, equipment_id: Id) -> JSONResponse:
    """Read one piece of equipment."""
    guid = guid_query(request)
    return JSONResponse(found(titan.equipment, equipment_id, "Equipment").wire_for(guid))


def _new(titan: Titan, body: NewItem | NewService) -> dict[str, Any]:
    _check_code(titan, body.code)
    fields = _fields(titan, body)
    sent = {name: value for name, value in fields.items() if value is not None}
    return {"id": titan.new_id(), "created_on": titan.now(), "modified_on": titan.now(), **sent}


def _patch(titan: Titan, item: Item, body: ItemPatch | ServicePatch) -> JSONResponse:
    if body.sent("code") and body.code != item.code:
        _check_code(titan, body.code)
    for name, value in _fields(titan, body).items():
        setattr(item, name, value)
    guid = write_external(item, body.external_data)
    titan.touch(item)
    return JSONResponse(item.wire_for(guid))


def _check_code(titan: Titan, code: str) -> None:
    if titan.switches.unique_codes and any(one.code == code and one.active for one in titan.items().values()):
        raise RefusedError(400, f"The code {code} is in use.", {"code": ["must be unique"]})


def _fields(titan: Titan, body: NewItem | NewService | ItemPatch | ServicePatch) -> dict[str, Any]:
    """Return what was sent as the record's own fields.

    Raises: RefusedError 400 for an account, a vendor or a category that is not there.
    """
    sent = {name: getattr(body, name) for name in body.model_fields_set if name != "external_data"}
    sent.pop("intacct_gl_group_account", None)
    for name in ("categories", "service_materials", "service_equipment"):
        if sent.get(name):
            raise RefusedError(400, f"The sandbox keeps no {name} of items.", {name: ["not found"]})
    _check_accounts(titan, sent)
    if sent.get("primary_vendor"):
        sent["primary_vendor"] = _vendor(titan, sent["primary_vendor"])
    if sent.get("other_vendors"):
        sent["other_vendors"] = [_vendor(titan, one) for one in sent["other_vendors"]]
    if sent.get("assets"):
        sent["assets"] = [
            Asset(type=one.type, alias=one.alias, url=one.url, is_default=bool(one.is_default))
            for one in sent["assets"]
        ]
    for name in ("manufacturer_warranty", "service_provider_warranty", "warranty"):
        if sent.get(name):
            sent[name] = Warranty(**sent[name].model_dump())
    return sent


def _check_accounts(titan: Titan, sent: dict[str, Any]) -> None:
    accounts = {name: titan.account_named(sent[name]) for name in ACCOUNTS if sent.get(name)}
    for name, account in accounts.items():
        if account is None or not account.active:
            raise RefusedError(400, f"There is no active account {sent[name]}.", {name: ["not found"]})
        if name == "account":
            sent["general_ledger_account_id"] = account.id


def _vendor(titan: Titan, sent: VendorBody) -> SkuVendor:
    if sent.vendor_id != MARCONE_VENDOR:
        raise RefusedError(400, f"There is no vendor {sent.vendor_id}.", {"vendorId": ["not found"]})
    return SkuVendor(id=titan.new_id(), vendor_name="Marcone", **sent.model_dump())
