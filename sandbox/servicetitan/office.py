"""What the shop's own people do inside ServiceTitan: book a job, write down a diagnosis, cancel, complete."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Literal

from pydantic import AwareDatetime, Field

from sandbox.errors import RefusedError
from sandbox.servicetitan.records import Address, Contact, Customer, CustomField, Job, Location, PhoneSettings
from sandbox.servicetitan.shop_records import (
    Estimate,
    EstimateItem,
    EstimateStatus,
    InstalledEquipment,
    Material,
    Owner,
    SectionUnit,
    Sku,
    SkuVendor,
    Submission,
    Technician,
    TextUnit,
)
from sandbox.servicetitan.state import Titan
from sandbox.strict import PeopleBody

STATUS_VALUES = {"Open": 0, "Sold": 1, "Dismissed": 2}
MARCONE_VENDOR = 95_001


class NewJob(PeopleBody):
    """A job to book, with everything it hangs on. Only the customer's name is needed."""

    customer: str
    number: int | None = None
    email: str | None = None
    phone: str = "205-555-0100"
    street: str = "100 Sample Street"
    unit: str | None = None
    city: str = "Birmingham"
    state: str = "AL"
    zip: str = "35203"
    technician: str = "Dana Whitfield"
    start: AwareDatetime | None = None
    appliance: str = ""
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    summary: str = ""
    do_not_mail: bool = False
    notifications_enabled: bool = True


class Diagnosis(PeopleBody):
    """A part a technician found broken, and where the shop writes that down."""

    part_number: str
    quantity: int | float | str = 1
    description: str = ""
    as_: Literal["estimate", "custom_field", "form"] = Field("estimate", alias="as")
    model: str | None = None
    serial: str | None = None
    status: Literal["Open", "Sold", "Dismissed"] = "Sold"
    vendor_part: str | None = None
    """The number in the pricebook item's primary vendor "Marcone"; the item's own code stays `part_number`."""
    estimate_id: int | None = None
    """Add the item to this estimate instead of writing a new one."""


def book_job(titan: Titan, new: NewJob) -> Job:
    """Create customer, location, appliance, job, appointment and assignment.

    Raises: RefusedError 400 for an unknown technician or a job number in use.
    """
    now = titan.now()
    technician = technician_named(titan, new.technician)
    number = str(new.number or next_job_number(titan))
    if any(job.job_number == number for job in titan.jobs.values()):
        raise RefusedError(400, f"Job {number} exists already.")
    made = {"created_on": now, "modified_on": now}
    address = Address(street=new.street, unit=new.unit, city=new.city, state=new.state, zip=new.zip)
    customer = Customer(id=titan.new_id(), name=new.customer, address=address, do_not_mail=new.do_not_mail, **made)
    titan.customers[customer.id] = customer
    phone = PhoneSettings(phone_number=new.phone)
    add_contact(
        titan,
        customer,
        Contact(
            id=titan.new_id(),
            customer_id=customer.id,
            type="MobilePhone",
            value=new.phone,
            phone_settings=phone,
            **made,
        ),
    )
    if new.email:
        add_contact(
            titan, customer, Contact(id=titan.new_id(), customer_id=customer.id, type="Email", value=new.email, **made)
        )
    location = Location(id=titan.new_id(), customer_id=customer.id, name=new.customer, address=address, **made)
    titan.locations[location.id] = location
    job = open_job(titan, customer, location, summary=new.summary, number=number)
    job.notifications_enabled = new.notifications_enabled
    if new.model or new.serial:
        set_appliance(titan, job, new.model, new.serial, new.appliance, new.manufacturer)
    start = new.start or now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    titan.add_visit(job, start, start + timedelta(hours=2), [technician.id])
    return job


def open_job(titan: Titan, customer: Customer, location: Location, *, summary: str = "", number: str = "") -> Job:
    """Enter a job of the shop's usual kind with its invoice; its visit is still to come."""
    now = titan.now()
    job = Job(
        id=titan.new_id(),
        job_number=number or next_job_number(titan),
        customer_id=customer.id,
        location_id=location.id,
        business_unit_id=next(iter(titan.business_units)),
        job_type_id=next(iter(titan.job_types)),
        campaign_id=1201,
        invoice_id=titan.new_id(),
        summary=summary or None,
        created_on=now,
        modified_on=now,
    )
    keep_job(titan, job)
    return job


def keep_job(titan: Titan, job: Job) -> None:
    """Keep a job that was just booked: it has its invoice, its history begins, and the webhooks tell."""
    titan.jobs[job.id] = job
    titan.highest_number = max(titan.highest_number, int(job.job_number))
    titan.open_invoice(job)
    titan.log(job, "Job Booked")
    titan.courier.happened("tn.jpm.job-scheduled", job)


def set_status(titan: Titan, job: Job, status: str) -> None:
    """Set the status by hand, whatever it was; a job that is no longer completed has no completion. Visits stay."""
    if status == job.job_status:
        return
    if status == "Completed":
        job.completed_on = titan.now()
        titan.courier.happened("tn.jpm.job-completed", job)
    else:
        job.completed_on = None
    is_reopened = job.job_status in {"Completed", "Canceled"} and status not in {"Completed", "Canceled"}
    job.job_status = status
    titan.touch(job)
    titan.log(job, f"Job Reopened: {status}" if is_reopened else f"Job {status}")


def next_job_number(titan: Titan) -> str:
    """Return the number after the highest there ever was."""
    return str(titan.highest_number + 1)


def add_contact(titan: Titan, customer: Customer, contact: Contact) -> None:
    """Add a contact to a customer."""
    titan.contacts[contact.id] = contact
    titan.touch(customer)


def technician_named(titan: Titan, name: str) -> Technician:
    """Return the technician of that name.

    Raises: RefusedError 400, listing the names there are.
    """
    for one in titan.technicians.values():
        if one.name.casefold() == name.casefold():
            return one
    names = ", ".join(one.name for one in titan.technicians.values())
    raise RefusedError(400, f"No technician is called {name}. There are: {names}.")


def job_numbered(titan: Titan, number: str) -> Job:
    """Return the job with this number.

    Raises: RefusedError 404.
    """
    for job in titan.jobs.values():
        if job.job_number == number:
            return job
    raise RefusedError(404, f"There is no job {number}.")


def set_appliance(
    titan: Titan, job: Job, model: str, serial: str, appliance: str = "", manufacturer: str = ""
) -> InstalledEquipment:
    """Put the appliance at the job's location, or correct the one that stands there."""
    now = titan.now()
    known = [one for one in titan.installed.values() if one.location_id == job.location_id]
    unit = known[0] if known else None
    if unit is None:
        unit = InstalledEquipment(
            id=titan.new_id(),
            location_id=job.location_id,
            customer_id=job.customer_id,
            name=appliance or "Appliance",
            manufacturer=manufacturer,
            created_on=now,
            modified_on=now,
        )
        titan.installed[unit.id] = unit
    unit.model, unit.serial_number, unit.modified_on = model, serial, now
    return unit


def diagnose(titan: Titan, job: Job, found: Diagnosis) -> dict[str, int]:
    """Write the diagnosis down where the shop keeps it; return the ids of what was made."""
    match found.as_:
        case "estimate":
            return _as_estimate(titan, job, found)
        case "custom_field":
            return _as_custom_fields(titan, job, found)
        case "form":
            return _as_form(titan, job, found)


def _as_estimate(titan: Titan, job: Job, found: Diagnosis) -> dict[str, int]:
    now = titan.now()
    if found.model is not None or found.serial is not None:
        set_appliance(titan, job, found.model or "", found.serial or "")
    material = _material(titan, found)
    quantity = _amount(found.quantity)
    item = EstimateItem(
        id=titan.new_id(),
        sku=Sku(id=material.id, name=material.code, display_name=material.display_name or "", modified_on=now),
        description=found.description,
        qty=quantity,
        unit_rate=material.price,
        total=material.price * quantity,
        unit_cost=material.cost,
        total_cost=material.cost * quantity,
        created_on=now,
        modified_on=now,
    )
    estimate = titan.estimates.get(found.estimate_id) if found.estimate_id is not None else None
    if found.estimate_id is not None and estimate is None:
        raise RefusedError(404, f"There is no estimate {found.estimate_id}.")
    if estimate is None:
        estimate = _new_estimate(titan, job)
    estimate.items.append(item)
    estimate.subtotal = sum((one.total for one in estimate.items), Decimal(0))
    estimate.status = EstimateStatus(value=STATUS_VALUES[found.status], name=found.status)
    if found.status == "Sold" and estimate.sold_on is None:
        mine = [one.technician_id for one in titan.assignments.values() if one.job_id == job.id]
        estimate.sold_on, estimate.sold_by = now, mine[0] if mine else None
    titan.touch(estimate)
    return {"estimate_id": estimate.id, "item_id": item.id, "material_id": material.id}


def _new_estimate(titan: Titan, job: Job) -> Estimate:
    now = titan.now()
    unit = titan.business_units[job.business_unit_id]
    estimate = Estimate(
        id=titan.new_id(),
        job_id=job.id,
        location_id=job.location_id,
        customer_id=job.customer_id,
        name="Repair",
        job_number=job.job_number,
        status=EstimateStatus(value=0, name="Open"),
        business_unit_id=unit.id,
        business_unit_name=unit.name,
        created_on=now,
        modified_on=now,
    )
    titan.estimates[estimate.id] = estimate
    job.estimate_ids = [*job.estimate_ids, estimate.id]
    titan.touch(job)
    return estimate


def _material(titan: Titan, found: Diagnosis) -> Material:
    now = titan.now()
    for known in titan.materials.values():
        if known.code == found.part_number and found.vendor_part is None:
            return known
    material = Material(
        id=titan.new_id(),
        code=found.part_number,
        display_name=found.description or found.part_number,
        description=found.description,
        price=Decimal(120),
        cost=Decimal(60),
        created_on=now,
        modified_on=now,
    )
    if found.vendor_part is not None:
        material.primary_vendor = SkuVendor(
            id=titan.new_id(), vendor_name="Marcone", vendor_id=MARCONE_VENDOR, vendor_part=found.vendor_part
        )
    titan.materials[material.id] = material
    return material


def _as_custom_fields(titan: Titan, job: Job, found: Diagnosis) -> dict[str, int]:
    texts = {"Part number": found.part_number, "Part quantity": str(found.quantity)}
    texts |= {} if found.model is None else {"Model number": found.model}
    texts |= {} if found.serial is None else {"Serial number": found.serial}
    kept = [one for one in job.custom_fields if one.name not in texts]
    job.custom_fields = kept + [
        CustomField(type_id=kind.id, name=kind.name, value=texts[kind.name])
        for kind in titan.field_types.values()
        if kind.name in texts
    ]
    titan.touch(job)
    return {}


def _as_form(titan: Titan, job: Job, found: Diagnosis) -> dict[str, int]:
    form = next(one for one in titan.forms.values() if one.name == "Appliance diagnosis")
    texts = {
        "Part number": found.part_number,
        "Quantity": str(found.quantity),
        "Model number": found.model or "",
        "Serial number": found.serial or "",
        "Findings": found.description,
    }
    units = [TextUnit(id=f"field-{place}", name=name, value=text) for place, (name, text) in enumerate(texts.items())]
    mine = [one.technician_id for one in titan.assignments.values() if one.job_id == job.id]
    technician = titan.technicians.get(mine[0]) if mine else None
    submission = Submission(
        id=titan.new_id(),
        form_id=form.id,
        form_name=form.name,
        submitted_on=titan.now(),
        created_by_id=technician.user_id if technician else job.created_by_id,
        owners=[Owner(type="Job", id=job.id)],
        units=[SectionUnit(id="section-0", name="Diagnosis", description="", units=units)],
    )
    titan.submissions[submission.id] = submission
    return {"submission_id": submission.id}


def _amount(quantity: float | str) -> Decimal:
    try:
        return Decimal(str(quantity))
    except InvalidOperation:
        raise RefusedError(400, "An estimate's quantity must be a number.", {"quantity": [str(quantity)]}) from None


def complete(titan: Titan, job: Job) -> None:
    """Finish the job and its open visits."""
    job.job_status, job.completed_on = "Completed", titan.now()
    titan.touch(job)
    titan.courier.happened("tn.jpm.job-completed", job)
    titan.log(job, "Job Completed")
    for visit in titan.visits(job):
        if visit.is_open:
            visit.status = "Done"
            titan.touch(visit)


def remove_item(titan: Titan, estimate: Estimate, item_id: int | None) -> None:
    """Take one item (the first, if none is named) off an estimate.

    Raises: RefusedError 404 when there is no such item.
    """
    kept = [one for one in estimate.items if one.id != item_id] if item_id is not None else estimate.items[1:]
    if len(kept) == len(estimate.items):
        raise RefusedError(404, "The estimate has no such item.")
    estimate.items = kept
    estimate.subtotal = sum((one.total for one in kept), Decimal(0))
    titan.touch(estimate)
