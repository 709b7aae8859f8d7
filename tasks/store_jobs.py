"""The job of a store order. Source: jpm-v2 `POST /jobs` [spec]; FACTS 2.6, 2.7; CHECKLIST OI-30 to OI-61."""

from __future__ import annotations

from connectors.servicetitan.booking_schemas import NewJob, NewVisit
from connectors.servicetitan.external import ExternalKey, NewExternalData, external_value
from connectors.servicetitan.schemas import Job
from connectors.servicetitan.texts import as_html
from decisions.order_plan import PartPlan
from models.order_sync import BookedJob, CustomerAccount
from models.store_order import StoreOrder
from store.effects import model_codec
from tasks.house import House, open_house
from tasks.step import step

JOB_KEY = "truckroll-job"
"""The key of our external data on jobs: order id and part."""


@step("book the {plan.part.kind} job of {order.number}", looks_first=True)
async def book_job(
    shop: str, order: StoreOrder, plan: PartPlan, account: CustomerAccount, *, look_first: bool = False
) -> BookedJob:
    """Book the job of one part, once: after a lost answer it is looked for by our external data.

    `look_first`: our books are new, and the job may be there from older ones: it is looked for before the first write.
    Its invoice is there at once. Raises: RejectedError with ServiceTitan's words; TransientError.
    """
    async with open_house(shop) as house:
        kind = plan.part.kind.value

        async def create() -> BookedJob:
            draft = _new_job(order, plan, account, _mark(house).holding(_value(order, kind)))
            return _booked(kind, await house.servicetitan.create_job(draft))

        async def find() -> BookedJob | None:
            return await find_job(house, order, kind)

        return await house.books.effects.once(
            job_effect(shop, order, kind),
            create=create,
            find=find,
            codec=model_codec(BookedJob),
            wait_s=30,
            look_first=look_first,
        )


async def find_job(house: House, order: StoreOrder, kind: str) -> BookedJob | None:
    """Look for the job of a part by our external data; None when it is not there."""
    found = await house.servicetitan.list_jobs_by_external_data(_mark(house), [_value(order, kind)])
    if not found:
        return None
    return _booked(kind, min(found, key=lambda job: job.id)).model_copy(update={"was_there": True})


def _mark(house: House) -> ExternalKey:
    return ExternalKey(house.shop.need_servicetitan().external_data_guid, JOB_KEY)


def _value(order: StoreOrder, kind: str) -> str:
    return external_value(f"{order.id}/{kind}")


def job_effect(shop: str, order: StoreOrder, kind: str) -> str:
    """Return the ledger's key of a part's job."""
    return f"{shop}/order/{order.id}/{kind}/job"


def _new_job(order: StoreOrder, plan: PartPlan, account: CustomerAccount, mark: NewExternalData) -> NewJob:
    visit, window = plan.visit, plan.visit.window
    return NewJob(
        customer_id=account.customer,
        location_id=account.location,
        business_unit_id=plan.business_unit,
        job_type_id=plan.job_type,
        campaign_id=plan.campaign,
        priority=plan.choices.priority,
        appointments=(
            NewVisit(
                start=visit.start,
                end=visit.end,
                arrival_window_start=window.starts_at if window else None,
                arrival_window_end=window.ends_at if window else None,
                technician_ids=(plan.technician,) if plan.technician is not None else (),
            ),
        ),
        summary=as_html(plan.summary),
        external_data=mark,
        customer_po=order.number or None,
    )


def _booked(kind: str, job: Job) -> BookedJob:
    return BookedJob(kind=kind, job=job.id, number=job.job_number or str(job.id), invoice=job.invoice_id)
