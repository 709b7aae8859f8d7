"""Part lookup: identity, the account's price, stock by warehouse, replacements. Source: FACTS 5 and 6."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.marcone import ACCOUNT
from sandbox.marcone.door import TheMarcone, api
from sandbox.marcone.state import Marcone, PartKey, StockedPart, transaction_id
from sandbox.marcone.warehouses import WAREHOUSES, transit_days
from sandbox.strict import StrictBody, read_body

router = api("parts")

NOT_FOUND = "Part not found."
LookupType = Literal["Default", "ByBranch", "ByZipCode", "ByGeoCode"]


class LookupBody(StrictBody):
    """Source: `PartLookupRequest`."""

    cust_no: int | None = None
    part_number: str
    make: str | None = None
    lookup_type: LookupType = "Default"
    branch_number: str | None = None
    tnt_ship_to_zip: str | None = None
    quantity: int | None = Field(None, ge=1)


class ProductItem(StrictBody):
    """One item of a list lookup."""

    item_id: str
    make: str | None = None
    sku_type: str | None = None


class ProductListBody(StrictBody):
    """Source: `ProductListRequest`."""

    cust_no: int
    lookup_type: str | None = None
    items: list[ProductItem]


@router.post("/lookup")
async def look_up(request: Request, marcone: TheMarcone) -> JSONResponse:
    """Look one number up. Several makes may have it; a model number or brand name is a miss (400)."""
    body = await read_body(LookupBody, request)
    if body.cust_no is not None:
        check_account(body.cust_no)
    zip_code = None
    if body.lookup_type == "ByZipCode":
        zip_code = body.tnt_ship_to_zip
        if not zip_code or not zip_code[:5].isdigit():
            raise RefusedError(400, "A ZIP code is needed.", {"tntShipToZip": ["required with ByZipCode"]})
    if body.lookup_type == "ByBranch" and body.branch_number not in WAREHOUSES:
        raise RefusedError(400, "Branch not found.", {"branchNumber": ["required with ByBranch"]})
    branch = body.branch_number if body.lookup_type == "ByBranch" else None
    parts = marcone.find(body.part_number, body.make)
    if not parts:
        raise RefusedError(400, NOT_FOUND)
    results = [result_of(marcone, part, zip_code, branch) for part in parts]
    return JSONResponse({"transactionId": transaction_id(), "partResults": results})


@router.post("/productlistlookup")
async def look_up_list(request: Request, marcone: TheMarcone) -> JSONResponse:
    """Look several items up; what is missing is left out, all missing is a miss (400)."""
    body = await read_body(ProductListBody, request)
    check_account(body.cust_no)
    parts = [part for item in body.items for part in marcone.find(item.item_id, item.make)]
    if not parts:
        raise RefusedError(400, NOT_FOUND)
    results = [result_of(marcone, part, None, None) for part in parts]
    return JSONResponse({"transactionId": transaction_id(), "partResults": results})


def check_account(number: int) -> None:
    """Raise RefusedError 400 for an account the sandbox does not know."""
    if number != ACCOUNT:
        raise RefusedError(400, "Unknown error; retry again later.")


def result_of(marcone: Marcone, part: StockedPart, zip_code: str | None, branch: str | None) -> dict[str, Any]:
    """Return one `PartResult`; transit days are filled, and warehouses sorted by them, only when asked by ZIP."""
    inventory = [
        {
            "warehouseNumber": warehouse.number,
            "warehouseName": warehouse.name,
            "quantityAvailable": part.stock[warehouse.number],
            "timeInTransitDays": None if zip_code is None else transit_days(warehouse, zip_code),
        }
        for warehouse in WAREHOUSES.values()
        if warehouse.number in part.stock and branch in {None, warehouse.number}
    ]
    if zip_code is not None:
        inventory.sort(key=lambda row: (row["timeInTransitDays"], row["warehouseNumber"]))
    size = 40.0 if part.is_oversize else 8.0
    return {
        "make": part.make,
        "partNumber": part.number,
        "description": part.description,
        "price": float(part.price),
        "dealer": float(part.price_times("1.18")),
        "list": float(part.price_times("1.62")),
        "retail": float(part.price_times("1.79")),
        "coreCost": None if part.core is None else float(part.core),
        "isDiscontinued": part.is_discontinued,
        "isDropShipOnly": part.is_drop_ship_only,
        "isHazMat": part.is_hazmat,
        "isOversize": part.is_oversize,
        "weight": 31.0 if part.is_oversize else 1.2,
        "length": size,
        "width": size / 2,
        "height": size / 4,
        "totalWarehouseQty": part.total,
        "inventory": inventory,
        "subParts": [_related(marcone, key) for key in part.replaced_by],
        "crossReferenceParts": [],
    }


def _related(marcone: Marcone, key: PartKey) -> dict[str, str]:
    make, number = key
    part = marcone.parts.get(key)
    return {"make": make, "partNumber": number, "description": part.description if part else ""}
