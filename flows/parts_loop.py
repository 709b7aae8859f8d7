"""The parts loop: a diagnosed part is matched, priced, approved by a technician, ordered, and shown on the job.

Reads like docs/processes/parts-loop.md. The ledger is the truth: a run that starts anew, resumed or after a crash,
reads what is decided and done, and goes on from there. No flow-level retries: a retried run would ask again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from decisions import events
from decisions.chain import Ending, NoLongerAvailable, NotFound, Resolved, Tangled
from decisions.offers import Moved, make_offer, moved
from decisions.part_numbers import BadQuantity, ModelOk, UnreadableNumber, judge_model, judge_number, judge_quantity
from flows.access import AWAY, PARTS, may_move, note_away
from flows.asking import wait_for_technician
from flows.running import finish
from flows.showing import name_run, show_offer, show_order
from flows.starting import remember_run
from flows.telling import tell_the_rest
from models.approval import ApprovalStatus, Offer, OrderTerms
from models.base import JobRef, utc_now
from models.errors import (
    BusyError,
    ContractError,
    DisconnectedError,
    HeldError,
    RejectedError,
    SettingsError,
    TruckrollError,
    UnresolvedError,
)
from models.job import DiagnosedPart, JobState, JobView
from models.part import PartRef
from models.report import RunItem, RunReport
from models.request import IN_THE_LOOP, Stage
from models.tables import ApprovalRow, PartRequestRow
from tasks.house import House, open_house
from tasks.ordering import confirm_order, po_number_of
from tasks.parts import match_part, place_order, read_job, read_shipping_methods
from tasks.questions import approvers_of, ask_technician, question_of
from tasks.requests import hold, move, set_aside, story_of
from tasks.telling import tell_waiting

Ask = Callable[[House, ApprovalRow], Awaitable[ApprovalRow]]
"""Waits for the answer to a question, and returns the question as it then stands."""

AT_ONCE = 4
"""Requests a pass works on at the same time; the vendors' limits bound the rest."""


@flow(name="parts-loop")
async def parts_loop(shop: str, request: str) -> State[Any]:
    """Take one diagnosed part from the match to the order; suspend while the technician decides.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.
        request: The part request's id, such as demo-48213-1.

    """
    async with open_house(shop, moves_between=PARTS) as house:
        await remember_run(house, request)
        item = await follow(house, request, ask=wait_for_technician)
    message = f"{item.outcome.replace('_', ' ')}: {item.reason}" if item.reason else item.outcome
    if item.outcome == "failed":
        return Failed(message=message, data=item)
    return Completed(message=message, data=item)


@flow(name="parts-pass", flow_run_name="parts loop, one pass - {shop}")
async def parts_pass(shop: str) -> State[Any]:
    """Take every open part request of a shop one pass further, up to its question or through its order."""
    report = RunReport(process="parts-loop", shop=shop)
    async with open_house(shop, moves_between=PARTS) as house:
        if not await may_move(house, report, *PARTS):
            return await finish(report)
        waiting = await house.books.requests.list(shop=shop, stages=IN_THE_LOOP)
        await follow_all(house, [request.id for request in waiting], report)
        asked = [house.platform.name, house.distributor.name] if report.items else []
        await tell_the_rest(house, report, asked=asked)
    return await finish(report)


async def follow_all(house: House, request_ids: list[str], report: RunReport) -> None:
    """Follow several requests, a few at a time. What stops one does not stop the others."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(request_id: str) -> RunItem:
        async with places:
            return await follow(house, request_id, ask=leave_open)

    report.items += await asyncio.gather(*(one(request_id) for request_id in request_ids))


async def leave_open(house: House, question: ApprovalRow) -> ApprovalRow:
    """Ask nobody to wait: a pass in the foreground ends at an open question."""
    return await house.books.approvals.get(question.id) or question


async def follow(house: House, request_id: str, *, ask: Ask) -> RunItem:
    """Take one request as far as it may go without a person, and say how it ended.

    Raises: SettingsError, and Prefect's own signal that the run is suspended; nothing a record or a vendor does.
    """
    try:
        async with house.books.leases.hold(f"{house.shop.name}/part/{request_id}", wait_s=5):
            request = await house.books.requests.get(request_id)
            if request is None:
                return RunItem(id=request_id, outcome="failed", reason=f"There is no part request {request_id}.")
            if request.stage not in IN_THE_LOOP:
                await tell_waiting(house, request_id)
                return RunItem(id=request_id, outcome="unchanged", reason=request.stage_words or request.stage)
            return await _follow_or_hold(house, request, ask)
    except SettingsError:
        raise
    except BusyError:
        return RunItem(id=request_id, outcome="skipped", reason="Another run is working on it.")
    except DisconnectedError as error:
        return RunItem(id=request_id, outcome="skipped", reason=f"{error} The request stays where it is.")
    except TruckrollError as error:
        if isinstance(error, AWAY):
            await note_away(house, error)
        return await _failed(house, request_id, str(error))
    except Exception as error:  # noqa: BLE001  one record's surprise must not stop the others: it is logged, audited and reported
        get_run_logger().exception("Part request %s stopped on something unforeseen.", request_id)
        return await _failed(house, request_id, f"Unforeseen: {type(error).__name__}. The run's log has it all.")


async def _follow_or_hold(house: House, request: PartRequestRow, ask: Ask) -> RunItem:
    """Follow a request; what only a person can mend is held, shown on the job, and told to the shop."""
    try:
        return await _follow(house, request, ask)
    except (HeldError, RejectedError, UnresolvedError, ContractError) as error:
        request = await house.books.requests.get(request.id) or request
        request = await hold(house, request, error)
        await tell_waiting(house, request.id)
        if request.stage == Stage.UNRESOLVED:
            return RunItem(id=request.id, outcome="unresolved", reason=request.stage_words)
        return RunItem(id=request.id, outcome="held", reason=str(error))


async def _failed(house: House, request_id: str, why: str) -> RunItem:
    """Report a request that could not be followed; it stays where it is, and the next pass goes on with it."""
    request = await house.books.requests.get(request_id)
    stage = f" It is {request.stage}, and the next pass goes on with it." if request else ""
    await house.books.audit.append(house.shop.name, "parts-loop", request_id, "failed", detail={"why": why})
    return RunItem(id=request_id, outcome="failed", reason=f"{why}{stage}")


async def _follow(house: House, request: PartRequestRow, ask: Ask) -> RunItem:
    """The loop itself, step by step as on the process page."""
    diagnosed = DiagnosedPart.model_validate(request.diagnosis)

    # 1. The job: still open, and one of the pilot's?
    job = await read_job(house.shop.name, JobRef(request.job), request.job_number)
    request = await _remember_job(house, request, job)
    await house.books.approvals.expire_due(utc_now())
    question = await question_of(house, request)
    if not _goes_on(house, job, question):
        return await _end_with_job(house, request, job, question)

    because: tuple[str, ...] = ()
    while True:
        if question is None:
            # 2. and 3. The part as diagnosed, matched in the distributor's catalogue, with price and stock.
            offer = await _offer_for(house, request, diagnosed, job)
            if isinstance(offer, RunItem):
                return offer
            # 4. Into the job, the job on hold, and to the technician.
            request, question = await ask_technician(house, request, job, diagnosed, offer, because)
            await show_offer(request, question, job)
        await tell_waiting(house, request.id)
        await name_run(request, question)

        # 5. Nothing is ordered before a person says so.
        question = await ask(house, question)
        status = ApprovalStatus(question.status)
        if status in _ENDINGS:
            return await _ENDINGS[status](house, request, question)

        # 6. Price and stock again: if they moved, the approval is void and the technician is asked anew.
        if status is ApprovalStatus.APPROVED:
            because = await _what_moved(house, question, job)
            if because:
                await house.books.approvals.void(question.id, "; ".join(because))

        # 7. The order, once, confirmed on the job and to the customer. A consumed approval is an earlier run's: the
        # ledger knows whether its order was placed.
        if status is ApprovalStatus.CONSUMED or (status is ApprovalStatus.APPROVED and not because):
            return await _order(house, request, question, job)
        question = None


async def _remember_job(house: House, request: PartRequestRow, job: JobView) -> PartRequestRow:
    """Keep what people know the job by."""
    return await house.books.requests.update(
        request.id,
        job_number=job.number or request.job_number,
        customer_name=job.customer_name,
        technicians=[technician.name for technician in job.technicians],
        technician_emails=[technician.email for technician in job.technicians],  # one each, as in `technicians`
    )


def _goes_on(house: House, job: JobView, question: ApprovalRow | None) -> bool:
    """Tell whether the request may go on: always when its order may be out already."""
    if question is not None and question.status == ApprovalStatus.CONSUMED:
        return True
    return job.state in {JobState.OPEN, JobState.ON_HOLD} and _in_pilot(house, job)


async def _offer_for(house: House, request: PartRequestRow, diagnosed: DiagnosedPart, job: JobView) -> Offer | RunItem:
    """Match and price the part, or end the request when there is nothing to offer. Raises HeldError."""
    quantity = judge_quantity(diagnosed.quantity, house.shop.parts.max_quantity)
    if isinstance(quantity, BadQuantity):
        raise HeldError(quantity.why, quantity.fix, "quantity")
    numbers = judge_number(diagnosed.numbers)
    if isinstance(numbers, UnreadableNumber):
        raise HeldError(numbers.why, numbers.fix, "part number")
    model = judge_model(diagnosed.appliance.model, asked=diagnosed.asks_model)
    if not isinstance(model, ModelOk) and (diagnosed.asks_model or diagnosed.appliance.model):
        raise HeldError(model.why, model.fix, "model number")
    if not job.address.zip:
        raise HeldError(
            f"Job {job.number} has no ZIP code: stock and transit days cannot be looked up.",
            "Complete the address of the job's location, then retry.",
            "address",
        )
    matched = await match_part(house.shop.name, numbers.spellings, job.address.zip)
    match matched:
        case Resolved():
            return await _priced(house, matched, quantity, job, diagnosed)
        case NoLongerAvailable(why=why, fix=fix):
            outgoing = events.unavailable(story_of(house, request), why=why, fix=fix)
            await move(house, request, Stage.UNAVAILABLE, why, outgoing=outgoing)
            await tell_waiting(house, request.id)
            return RunItem(id=request.id, outcome="unavailable", reason=why)
        case NotFound(why=why, fix=fix):
            outgoing = events.not_found(story_of(house, request), why=why, fix=fix)
            await set_aside(house, request, HeldError(why, fix, "part number"), Stage.HELD, outgoing)
            await tell_waiting(house, request.id)
            return RunItem(id=request.id, outcome="held", reason=f"{why} {fix}")
        case Tangled(why=why, fix=fix):
            raise HeldError(why, fix, "part number")


async def _priced(house: House, matched: Resolved, quantity: int, job: JobView, diagnosed: DiagnosedPart) -> Offer:
    """Price the match, asking the suggested branch whether it ships the shop's way."""
    method = house.shop.need_marcone().ship_method
    asked: dict[str, tuple[str, ...]] = {}
    while True:
        offer = make_offer(
            matched,
            quantity=quantity,
            ship_to=job.address,
            ship_method=method,
            appliance=diagnosed.appliance,
            methods_by_branch=asked,
        )
        branches = offer.parts[0].branches
        if offer.must_choose or not branches or branches[0].branch in asked:
            return offer
        asked[branches[0].branch] = await read_shipping_methods(house.shop.name, branches[0].branch)


async def _what_moved(house: House, question: ApprovalRow, job: JobView) -> tuple[str, ...]:
    """Look the approved part up again; say what moved beyond the shop's tolerance (PL-12)."""
    terms = OrderTerms.model_validate(question.terms)
    fresh: Ending | Offer = await match_part(house.shop.name, (terms.part_number,), job.address.zip, make=terms.make)
    if isinstance(fresh, Resolved):
        fresh = make_offer(fresh, quantity=terms.quantity, ship_to=job.address, ship_method=terms.ship_method)
    methods = await read_shipping_methods(house.shop.name, terms.branch) if terms.branch else None
    compared = moved(terms, fresh, house.shop.parts.price_tolerance, methods=methods)
    return compared.reasons if isinstance(compared, Moved) else ()


async def _order(house: House, request: PartRequestRow, question: ApprovalRow, job: JobView) -> RunItem:
    """Place the approved order and confirm it. Raises UnresolvedError when nobody can tell whether it was placed."""
    terms = OrderTerms.model_validate(question.terms)
    if question.status == ApprovalStatus.APPROVED:
        request = await move(
            house,
            request,
            Stage.APPROVED,
            f"Approved by {question.decided_by}.",
            actor=question.decided_by,
            part_number=terms.part_number,
            make=terms.make,
            quantity=terms.quantity,
            unit_price=str(terms.unit_price),
            branch=terms.branch,
            po_number=po_number_of(request, question),
        )
    await name_run(request, question)
    try:
        placement = await place_order(house.shop.name, question.id, request.po_number, reference=job.number)
    except HeldError:
        now = await house.books.requests.get(request.id)
        if now is None or now.stage == request.stage:
            raise
        # The diagnosis was changed, or taken off the job, while the order waited for its turn: nothing went out.
        return RunItem(id=request.id, outcome="unchanged", reason=now.stage_words)
    if not placement.is_placed:
        raise HeldError(
            f"{house.distributor.name} declined order {request.po_number}: {placement.reason or 'no reason given'}.",
            "Mend what it says, then retry: the technician is asked again with fresh prices.",
            "order",
        )
    request = await confirm_order(house, request, question, placement, job)
    await tell_waiting(house, request.id)
    await name_run(request, question)
    await show_order(request, placement.order_numbers)
    return RunItem(
        id=request.id,
        outcome="ordered",
        reason=f"{terms.quantity} x {PartRef(make=terms.make, number=terms.part_number)}: "
        f"order {', '.join(placement.order_numbers)}, PO {request.po_number}.",
    )


def _in_pilot(house: House, job: JobView) -> bool:
    pilot = house.shop.parts.pilot_technicians
    return not pilot or bool(approvers_of(pilot, job))


async def _end_with_job(house: House, request: PartRequestRow, job: JobView, question: ApprovalRow | None) -> RunItem:
    """The job was canceled, completed or merged away, or is none of the pilot's: nothing is ordered for it."""
    if job.state in {JobState.OPEN, JobState.ON_HOLD}:
        why = "No pilot technician is on the job."
        await move(house, request, Stage.OUTSIDE_PILOT, why)
        return RunItem(id=request.id, outcome="skipped", reason=why)
    words = job.status_words or str(job.state)
    why = f"Job {request.job_number} is {words}: nothing is ordered for it."
    if question is not None:
        await house.books.approvals.void(question.id, why)
    await house.books.held.release(request.shop, "parts-loop", request.id)
    # A job that was over before anybody was asked is left as it is; one that waited is told.
    is_told = question is not None and job.state is not JobState.GONE
    outgoing = events.canceled(story_of(house, request), why=why) if is_told else None
    await move(house, request, Stage.CANCELED, why, outgoing=outgoing)
    await tell_waiting(house, request.id)
    return RunItem(id=request.id, outcome="canceled", reason=why)


async def _end_rejected(house: House, request: PartRequestRow, question: ApprovalRow) -> RunItem:
    outgoing = events.rejected(
        story_of(house, request), question=question.revision, by=question.decided_by, said=question.note
    )
    why = f"Rejected by {question.decided_by}." + (f" {question.note}" if question.note else "")
    request = await move(house, request, Stage.REJECTED, why, outgoing=outgoing, actor=question.decided_by)
    await tell_waiting(house, request.id)
    await name_run(request, question)
    return RunItem(id=request.id, outcome="rejected", reason=why)


async def end_expired(house: House, request: PartRequestRow, question: ApprovalRow) -> RunItem:
    """Nobody answered in time: nothing is ordered, the job shows it, and a person may ask again (PL-15)."""
    outgoing = events.expired(story_of(house, request), question=question.revision, expires_at=question.expires_at)
    error = HeldError(
        f"Nobody answered question {question.id} in time; nothing was ordered.",
        "Retry to ask again with fresh prices.",
        "approval",
    )
    request = await set_aside(house, request, error, Stage.EXPIRED, outgoing)
    await tell_waiting(house, request.id)
    await name_run(request, question)
    return RunItem(id=request.id, outcome="expired", reason=error.message)


async def _still_open(house: House, request: PartRequestRow, question: ApprovalRow) -> RunItem:  # noqa: ARG001
    """The foreground does not wait: the question stays open in the ledger, and the next pass looks again."""
    return RunItem(id=request.id, outcome="awaiting_approval", reason=f"Question {question.id} is open.")


_ENDINGS: dict[ApprovalStatus, Callable[[House, PartRequestRow, ApprovalRow], Awaitable[RunItem]]] = {
    ApprovalStatus.REQUESTED: _still_open,
    ApprovalStatus.REJECTED: _end_rejected,
    ApprovalStatus.EXPIRED: end_expired,
}
