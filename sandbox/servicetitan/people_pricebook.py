"""What the office does to the pricebook and to memberships: enter an item, switch one off, set up a membership type."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan
from sandbox.servicetitan.membership_records import DurationBilling, Frequency, MembershipType
from sandbox.servicetitan.shop_records import Equipment, Item, Material, Service
from sandbox.servicetitan.state import Titan
from sandbox.strict import PeopleBody, read_body

router = APIRouter(prefix="/_sandbox/servicetitan")

Kind = Literal["material", "equipment", "service"]


class ItemBody(PeopleBody):
    """A pricebook item, by kind and code; an unknown code is added, a known one changed."""

    kind: Kind
    code: str
    id: int | None = None
    """Of a new item; none: the next free one."""
    name: str | None = None
    description: str | None = None
    price: Decimal | None = None
    taxable: bool | None = None
    active: bool | None = None
    account: str | None = None
    new_code: str | None = None


class TermsBody(PeopleBody):
    """How long a membership runs and what it costs."""

    id: int | None = None
    duration: int | None = 12
    billing_frequency: Frequency = "Monthly"
    sale_price: Decimal
    billing_price: Decimal | None = None
    """None: as the sale price."""
    active: bool = True


class SaleTaskBody(PeopleBody):
    """The service that sells the membership."""

    id: int | None = None
    code: str
    name: str | None = None


class MembershipTypeBody(PeopleBody):
    """A membership type, by name. Terms and sale tasks named here are added to those there are."""

    name: str
    id: int | None = None
    active: bool | None = None
    terms: list[TermsBody] = Field(default_factory=list)
    sale_tasks: list[SaleTaskBody] = Field(default_factory=list)


@router.post("/pricebook")
async def change_item(request: Request, titan: TheTitan) -> JSONResponse:
    """Add or change a pricebook item."""
    body = await read_body(ItemBody, request)
    item = next((one for one in _records(titan, body.kind).values() if one.code == body.code), None)
    if item is None:
        item = _new_item(titan, body.kind, body.code, body.id)
    changes = {
        "display_name": body.name,
        "description": body.description if item.description or body.description is not None else body.name,
        "price": body.price,
        "taxable": body.taxable,
        "active": body.active,
        "account": body.account,
        "code": body.new_code,
    }
    for name, value in changes.items():
        if value is not None:
            setattr(item, name, value)
    titan.touch(item)
    return JSONResponse(item.wire())


@router.post("/membership-types")
async def change_type(request: Request, titan: TheTitan) -> JSONResponse:
    """Set up a membership type with the terms it is sold at and the services that sell it; answers the ids."""
    body = await read_body(MembershipTypeBody, request)
    kind = next((one for one in titan.membership_types.values() if one.name == body.name), None)
    if kind is None:
        kind = MembershipType(id=_free(titan, body.id), name=body.name, **_made(titan))
        titan.membership_types[kind.id] = kind
    if body.active is not None:
        kind.active = body.active
    titan.touch(kind)
    for terms in body.terms:
        _add_terms(titan, kind, terms)
    for task in body.sale_tasks:
        service = _new_item(titan, "service", task.code, task.id)
        assert isinstance(service, Service)
        service.display_name, service.description = task.name, task.name or task.code
        service.membership_type_id = kind.id
    return JSONResponse(
        {
            "membership_type_id": kind.id,
            "duration_billing_ids": [
                one.id for one in titan.duration_billings.values() if one.membership_type_id == kind.id
            ],
            "sale_task_ids": [one.id for one in titan.services.values() if one.membership_type_id == kind.id],
        }
    )


def _add_terms(titan: Titan, kind: MembershipType, terms: TermsBody) -> None:
    billing = terms.billing_price if terms.billing_price is not None else terms.sale_price
    made = DurationBilling(
        id=_free(titan, terms.id),
        duration=terms.duration,
        billing_frequency=terms.billing_frequency,
        sale_price=terms.sale_price,
        billing_price=billing,
        renewal_price=billing,
        active=terms.active,
        created_on=titan.now(),
        membership_type_id=kind.id,
    )
    titan.duration_billings[made.id] = made


def _records(titan: Titan, kind: Kind) -> dict[int, Any]:
    records: dict[Kind, dict[int, Any]] = {
        "material": titan.materials,
        "equipment": titan.equipment,
        "service": titan.services,
    }
    return records[kind]


def _new_item(titan: Titan, kind: Kind, code: str, wanted: int | None) -> Item:
    records: dict[Kind, type[Item]] = {"material": Material, "equipment": Equipment, "service": Service}
    item = records[kind](id=_free(titan, wanted), code=code, **_made(titan))
    _records(titan, kind)[item.id] = item
    return item


def _made(titan: Titan) -> dict[str, Any]:
    return {"created_on": titan.now(), "modified_on": titan.now()}


def _free(titan: Titan, wanted: int | None) -> int:
    """Return the wanted id, or the next one.

    Raises: RefusedError 400 for an id in use.
    """
    in_use = {*titan.items(), *titan.membership_types, *titan.duration_billings}
    if wanted in in_use:
        raise RefusedError(400, f"The id {wanted} is in use.", {"id": ["in use"]})
    return titan.new_id() if wanted is None else wanted
