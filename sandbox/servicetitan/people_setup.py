"""What an administrator does: the shop's lists, its arrival windows, posting an invoice, the tenant's switches."""

from __future__ import annotations

import re
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from sandbox.errors import RefusedError
from sandbox.servicetitan.door import TheTitan
from sandbox.servicetitan.money_records import Campaign, GlAccount, PaymentType, PostStatus
from sandbox.servicetitan.office_customers import add_window, named
from sandbox.servicetitan.shop_records import BusinessUnit, JobType, Reason, TagType, Technician
from sandbox.servicetitan.state import Titan
from sandbox.servicetitan.switches import Switches
from sandbox.strict import PeopleBody, read_body

router = APIRouter(prefix="/_sandbox/servicetitan")

Kind = Literal[
    "business_unit", "campaign", "job_type", "tag_type", "technician", "payment_type", "gl_account", "cancel_reason"
]


class SettingBody(PeopleBody):
    """An item of one of the shop's lists, by name; an unknown name is added."""

    kind: Kind
    name: str
    new_name: str | None = None
    active: bool | None = None
    is_cash: bool | None = None
    """Payment types only."""
    type: str | None = None
    subtype: str | None = None
    """General ledger accounts only."""
    currency: str | None = None
    """Business units only."""
    priority: str | None = None
    """Job types only."""
    business_units: list[str] | None = None
    """Job types only: names of the units that may book it; none: all."""


class WindowsBody(PeopleBody):
    """The shop's arrival windows as (start, end), HH:MM on the shop's own clock; they replace what is there."""

    windows: list[tuple[str, str]]
    business_units: list[str] | None = None
    """Names of the units they hold for; none: all."""


class InvoiceChange(PeopleBody):
    """Where the invoice stands in accounting."""

    status: PostStatus


@router.post("/settings")
async def change_setting(request: Request, titan: TheTitan) -> JSONResponse:
    """Add, rename, activate or deactivate an item of one of the shop's lists."""
    body = await read_body(SettingBody, request)
    records = _lists(titan)[body.kind]
    one = next((item for item in records.values() if item.name == body.name), None)
    if one is None:
        one = _new(titan, body)
        records[one.id] = one
    units = body.business_units
    unit_ids = [named(titan.business_units, name, "business unit").id for name in units or []]
    fields = {
        "name": body.new_name,
        "active": body.active,
        "is_cash": body.is_cash,
        "type": body.type,
        "subtype": body.subtype,
        "currency": body.currency,
        "priority": body.priority,
        "business_unit_ids": None if units is None else unit_ids,
    }
    for name, value in fields.items():
        if value is not None:
            if name not in type(one).model_fields:
                raise RefusedError(400, f"A {body.kind} has no {name}.", {name: ["unknown"]})
            setattr(one, name, value)
    titan.touch(one)
    return JSONResponse(one.wire())


@router.post("/arrival-windows")
async def set_windows(request: Request, titan: TheTitan) -> JSONResponse:
    """Replace the arrival windows; none: the shop has none configured."""
    body = await read_body(WindowsBody, request)
    units = [named(titan.business_units, name, "business unit").id for name in body.business_units or []]
    for span in body.windows:
        if not all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", one) for one in span) or span[0] >= span[1]:
            raise RefusedError(400, f"{span[0]} to {span[1]} is no window: use HH:MM, start before end.")
    titan.arrival_windows = {}
    for start, end in body.windows:
        add_window(titan, start, end, units)
    return JSONResponse({"windows": [one.wire() for one in titan.arrival_windows.values()]})


@router.post("/invoices/{invoice_id}")
async def change_invoice(request: Request, titan: TheTitan, invoice_id: int) -> JSONResponse:
    """Post or export an invoice: its lines are frozen from then on."""
    body = await read_body(InvoiceChange, request)
    invoice = titan.invoices.get(invoice_id)
    if invoice is None:
        raise RefusedError(404, f"There is no invoice {invoice_id}.")
    invoice.status = body.status
    titan.touch(invoice)
    return JSONResponse(titan.invoice_state(invoice))


@router.post("/switches")
async def set_switches(request: Request, titan: TheTitan) -> JSONResponse:
    """Change some switches; the others stay."""
    sent = (await read_body(AnySwitches, request)).model_dump()
    try:
        titan.switches = Switches.model_validate(titan.switches.model_dump() | sent)
    except ValidationError as wrong:
        errors = {".".join(map(str, one["loc"])): [one["msg"]] for one in wrong.errors()}
        raise RefusedError(400, "Not a switch, or not a value of it.", errors) from None
    return JSONResponse(titan.switches.model_dump())


class AnySwitches(PeopleBody, extra="allow"):
    """Names and values; `Switches` checks them."""


def _lists(titan: Titan) -> dict[Kind, dict[int, Any]]:
    return {
        "business_unit": titan.business_units,
        "campaign": titan.campaigns,
        "job_type": titan.job_types,
        "tag_type": titan.tag_types,
        "technician": titan.technicians,
        "payment_type": titan.payment_types,
        "gl_account": titan.gl_accounts,
        "cancel_reason": titan.cancel_reasons,
    }


def _new(titan: Titan, body: SettingBody) -> Any:
    made = {"id": titan.new_id(), "name": body.name, "created_on": titan.now(), "modified_on": titan.now()}
    match body.kind:
        case "business_unit":
            return BusinessUnit(**made)
        case "campaign":
            return Campaign(**made)
        case "job_type":
            return JobType(**made)
        case "tag_type":
            return TagType(**made)
        case "technician":
            return Technician(user_id=titan.new_id(), positions=["DummyTech"], **made)
        case "payment_type":
            return PaymentType(**made)
        case "cancel_reason":
            return Reason(**made)
        case "gl_account":
            return GlAccount(type=body.type or "Income", subtype=body.subtype, **made)
