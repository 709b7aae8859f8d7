"""The reads and writes in ServiceTitan that an order's change needs. Source: jpm-v2, accounting-v2 [spec]; FACTS 2.8.

Each write is allowed by a person's approval, which its first intent uses up.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sqlalchemy.orm import Session

from connectors.servicetitan.accounting_schemas import InvoiceLine, NewAdjustment
from connectors.servicetitan.schemas import same_status
from connectors.servicetitan.texts import as_html, plain
from decisions.order_changes import adjustment_mark, adjustment_summary, adjustment_text, cancel_memo
from decisions.words import money
from models.base import utc_now
from models.errors import HeldError, NotFoundError
from models.order_change import Adjustment, ChangeApproval, ChangeTerms, ConcernedJob, JobToCancel
from models.order_sync import BookedJob, WrittenPart
from models.store_order import StoreOrder
from models.tables import StoreOrderRow
from store import Books
from store.effect_rows import DONE
from store.effects import ID, model_codec
from tasks.house import House, open_house
from tasks.order_records import order_of
from tasks.step import step
from tasks.store_jobs import find_job, job_effect

CANCELED = "Canceled"
_OVER = (CANCELED, "Completed")
_GONE = "no longer there"


async def read_jobs(house: House, row: StoreOrderRow) -> tuple[ConcernedJob, ...]:
    """Read the order's jobs and invoices as they stand now, with the adjustments made so far.

    Costs a call for each job, one for the invoice of the products, and one for its adjustments.
    """
    return tuple([await _read_job(house, part) for part in await _written(house, row)])


async def _written(house: House, row: StoreOrderRow) -> list[WrittenPart]:
    """Return what was written: as kept with the order, else, when its writing never ended, as the ledger knows it."""
    kept = {part.kind: part for part in (WrittenPart.model_validate(each) for each in row.parts)}
    for kind in ("product", "service"):
        if kind not in kept:
            job = await _booked(house, order_of(row), kind)
            if job is not None:
                kept[job.kind] = WrittenPart(kind=job.kind, job=job.job, number=job.number, invoice=job.invoice)
    return [kept[kind] for kind in sorted(kept)]


async def _booked(house: House, order: StoreOrder, kind: str) -> BookedJob | None:
    """Return the job of a part; one whose answer was lost is looked for, because it may be there all the same."""
    begun = await house.books.effects.status(job_effect(house.shop.name, order, kind))
    if begun is None:
        return None
    if begun.status == DONE:
        return model_codec(BookedJob).load(begun.reference)
    return await find_job(house, order, kind)


async def _read_job(house: House, part: WrittenPart) -> ConcernedJob:
    try:
        status = (await house.servicetitan.get_job(part.job)).job_status
    except NotFoundError:
        status = _GONE
    # The invoice of a service is ServiceTitan's own doing (CHECKLIST, "Unclear"): it is not ours to adjust.
    invoice = part.invoice if part.kind == "product" else None
    return ConcernedJob(
        kind=part.kind,
        job=part.job,
        number=part.number,
        status=status,
        invoice=invoice,
        total=await _net_total(house, invoice) if invoice is not None else None,
        is_over=any(same_status(status, over) for over in (*_OVER, _GONE)),
    )


async def _net_total(house: House, invoice: int) -> Decimal | None:
    """Return what an invoice comes to with its adjustments; None when it is not there any more."""
    found = [one for one in await house.servicetitan.list_invoices([invoice]) if one.active]
    if not found:
        return None
    adjusted = await house.servicetitan.list_adjustments(invoice)
    return sum((one.total for one in adjusted), found[0].total)


@step("cancel job {job.number} of {order_number}", looks_first=True)
async def cancel_order_job(shop: str, order_number: str, approval_id: str, job: JobToCancel, reason: int) -> None:  # noqa: ARG001  named in the task run
    """Cancel a job, once; one that somebody canceled meanwhile is left as it is. `reason` is a cancel reason's id.

    Raises: HeldError when the approval does not allow it; RejectedError with ServiceTitan's words; TransientError.
    """
    async with open_house(shop) as house:
        permit = _Permit(house.books, approval_id, lambda terms: job in terms.cancel)

        async def find() -> str | None:
            found = await house.servicetitan.get_job(job.job)
            return CANCELED if same_status(found.job_status, CANCELED) else None

        async def cancel() -> str:
            approval = await permit.read()
            memo = cancel_memo(approval.terms, approval.decided_by)
            await house.servicetitan.cancel_job(job.job, reason_id=reason, memo=memo)
            return CANCELED

        await house.books.effects.once(
            change_effect(approval_id, f"cancel/{job.job}"),
            create=cancel,
            find=find,
            intent=permit.use,
            wait_s=60,
            look_first=True,
        )


@step("adjust the invoice of job {adjustment.job_number} for {order_number}", looks_first=True)
async def adjust_invoice(shop: str, order_number: str, approval_id: str, adjustment: Adjustment, item: int) -> int:
    """Make the adjustment invoice, once, and see that it comes to the cent. Returns its id.

    `item` is the pricebook item of its one line. After a lost answer it is found by the question its summary names.
    Raises: HeldError when the approval does not allow it, or it comes to another amount; RejectedError; TransientError.
    """
    async with open_house(shop) as house:
        permit = _Permit(house.books, approval_id, lambda terms: adjustment in terms.adjust)

        async def find() -> int | None:
            made = await house.servicetitan.list_adjustments(adjustment.invoice)
            return next((one.id for one in made if adjustment_mark(approval_id) in plain(one.summary)), None)

        async def create() -> int:
            approval = await permit.read()
            return await house.servicetitan.create_adjustment_invoice(
                NewAdjustment(
                    adjustment_to_id=adjustment.invoice,
                    items=(
                        InvoiceLine(
                            sku_id=item,
                            description=as_html(adjustment_text(approval.terms)),
                            quantity=Decimal(1),
                            unit_price=adjustment.amount,
                            skip_updating_membership_prices=True,
                        ),
                    ),
                    tax=Decimal(0),
                    summary=as_html(adjustment_summary(approval.terms, approval_id, approval.decided_by)),
                )
            )

        made = await house.books.effects.once(
            change_effect(approval_id, f"adjust/{adjustment.invoice}"),
            create=create,
            find=find,
            codec=ID,
            intent=permit.use,
            wait_s=60,
        )
        there = [one for one in await house.servicetitan.list_adjustments(adjustment.invoice) if one.id == made]
        if not there or there[0].total != adjustment.amount:
            shown = f"comes to {money(there[0].total)}" if there else "is not there any more"
            raise HeldError(
                f"Adjustment invoice {made} of {order_number} {shown}; {money(adjustment.amount)} was approved.",
                "Correct it in ServiceTitan: the next pass of order-to-invoice looks again.",
                "adjustment",
            )
        return made


def change_effect(approval_id: str, what: str) -> str:
    """Return the ledger's key of a write that an approved change allows: under the order's own prefix."""
    request_id, _, revision = approval_id.rpartition("-r")
    return f"{request_id}/change-{revision}/{what}"


class _Permit:
    """The approval a write rests on: used up with the write's intent, read again when the write goes on later."""

    def __init__(self, books: Books, approval_id: str, covers: Callable[[ChangeTerms], bool]) -> None:
        self._books = books
        self._approval_id = approval_id
        self._covers = covers
        self._approval: ChangeApproval | None = None

    def use(self, session: Session) -> None:
        """Use it up in the transaction of a write's intent. Raises: HeldError."""
        self._approval = self._checked(self._books.approvals.consume_change(session, self._approval_id, utc_now()))

    async def read(self) -> ChangeApproval:
        """Return it. Raises: HeldError unless it was used up, and covers the write."""
        return self._approval or self._checked(await self._books.approvals.read_consumed_change(self._approval_id))

    def _checked(self, approval: ChangeApproval) -> ChangeApproval:
        if not self._covers(approval.terms):
            raise HeldError(
                f"Approval {self._approval_id} does not cover this: nothing is written.",
                "Run order-to-invoice: the question is asked anew.",
                "approval",
            )
        return approval
