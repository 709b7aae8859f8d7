"""The customer custom fields an administrator makes and removes: no API does. Source: FACTS 7.16 and section 3."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan
from sandbox.servicetitan.shop_records import FieldType
from sandbox.servicetitan.state import found
from sandbox.strict import PeopleBody, read_body

router = APIRouter(prefix="/_sandbox/servicetitan")


class FieldBody(PeopleBody):
    """A field, by name; an unknown name is added."""

    name: str
    new_name: str | None = None
    data_type: Literal["Text", "Dropdown", "Numeric"] | None = None
    options: list[str] | None = None
    """Dropdowns only."""


@router.post("/customer-fields")
async def change_field(request: Request, titan: TheTitan) -> JSONResponse:
    """Add or change a custom field of customers; answers it with its id."""
    body = await read_body(FieldBody, request)
    one = next((kind for kind in titan.customer_field_types.values() if kind.name == body.name), None)
    if one is None:
        if not body.name.strip():
            raise RefusedError(400, "A field needs a name.", {"name": ["must not be empty"]})
        one = FieldType(id=titan.new_id(), name=body.name, created_on=titan.now(), modified_on=titan.now())
        titan.customer_field_types[one.id] = one
    one.name = body.new_name or one.name
    one.data_type = body.data_type or one.data_type
    one.data_type_options = body.options if body.options is not None else one.data_type_options
    titan.touch(one)
    return JSONResponse(one.wire())


@router.post("/customer-fields/{field_id}/remove")
async def remove_field(titan: TheTitan, field_id: int) -> JSONResponse:
    """Remove a custom field: what customers had in it is gone with it."""
    kind = found(titan.customer_field_types, field_id, "Custom field type")
    del titan.customer_field_types[kind.id]
    holders = 0
    for customer in titan.customers.values():
        kept = [one for one in customer.custom_fields if one.type_id != kind.id]
        holders += len(kept) != len(customer.custom_fields)
        customer.custom_fields = kept
    return JSONResponse({"removed": kind.name, "customers": holders})
