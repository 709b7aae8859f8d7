"""Reconcile: what fell between ledger and Prefect is put right. Runs every few minutes; does nothing when all is well.

docs/processes/reconcile.md. PREFECT.md section 1 lists what can fall there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from decisions.events import personal_letters
from decisions.messages import due_reminders, question_message
from decisions.order_changes import change_message
from decisions.restarts import RESTARTED, next_restart, restarts_in_vain
from decisions.words import moment
from flows.access import ORDERS as STORE_AND_TENANT
from flows.access import PARTS
from flows.parts_loop import end_expired
from flows.running import finish
from flows.telling import tell_the_rest
from models.approval import ApprovalStatus, Offer
from models.base import ApprovalId, utc_now
from models.order_change import KIND, OrderChange
from models.outgoing import Letter
from models.report import RunReport
from models.request import IN_THE_LOOP, Stage
from models.tables import ApprovalRow, PartRequestRow
from tasks.approvals import mend_form, wake_run
from tasks.deliveries import KEPT_FOR, forget_old_deliveries
from tasks.gate import between, why_still
from tasks.house import House, open_house
from tasks.links import open_links
from tasks.order_changes import find_order_change, letter_of, start_change_run
from tasks.prefect_api import PrefectApi, RunState, prefect_api
from tasks.requests import PROCESS as PARTS_LOOP
from tasks.requests import technicians_of
from tasks.runs import find_parts_loop, start_run
from tasks.store_orders import PROCESS as ORDERS
from tasks.telling import send_letter

RESUMING_FOR = timedelta(minutes=5)
"""A resumed run nobody has taken up by then has no worker."""

MENDED = (*IN_THE_LOOP, Stage.EXPIRED, Stage.TAKEN_OUT)
"""Stages whose run may sleep over a question that is answered or closed."""

STILL_SLEEPS_FOR = timedelta(days=1)
"""A request that ended longer ago has no run to wake: not every ended one is looked up on every pass."""


@flow(name="reconcile", flow_run_name="reconcile - {shop}")
async def reconcile(shop: str) -> State[Any]:
    """Expire, remind, wake, mend and restart: whatever a crash, a forced state or a lost run left behind.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.

    """
    report = RunReport(process="reconcile", shop=shop)
    async with open_house(shop) as house:
        # 1. Questions past their time.
        await expire_questions(house, report)
        # 2. Reminders that are due.
        await remind(house, report)
        # 3. Runs that sleep, lost their form, have no worker, or are gone.
        async with prefect_api() as api:
            # What is disconnected is left alone: its runs would end at their first call.
            deployment = await find_parts_loop(api, shop)
            are_parts_on = await why_still(house.books, house.shop, PARTS) is None
            if api is not None and deployment is not None and are_parts_on:
                for request in await house.books.requests.list(shop=shop, stages=MENDED):
                    if request.stage in IN_THE_LOOP or utc_now() - request.updated_at < STILL_SLEEPS_FOR:
                        await mend_run(house, api, deployment, request, report)
            changing = await find_order_change(api, shop)
            are_changes_on = await why_still(house.books, house.shop, STORE_AND_TENANT) is None
            if api is not None and changing is not None and are_changes_on:
                for question in await house.books.approvals.open_changes(shop):
                    await mend_change_run(house, api, changing, question, report)
        # 4. What still waits to be told.
        with between(PARTS):
            await tell_the_rest(house, report)
        # 5. Deliveries of long ago.
        if forgotten := await forget_old_deliveries(house.books, shop, utc_now()):
            report.add("deliveries", "forgotten", f"{forgotten} from more than {KEPT_FOR.days} days ago.")
    return await finish(report)


async def expire_questions(house: House, report: RunReport) -> None:
    """Close the questions nobody answered in time; nothing is ordered, and the job shows it (PL-15)."""
    await house.books.approvals.expire_due(utc_now())
    for request in await house.books.requests.list(shop=house.shop.name, stages=[Stage.AWAITING_APPROVAL]):
        question = await house.books.approvals.newest(request.id)
        if question is not None and question.status == ApprovalStatus.EXPIRED:
            await end_expired(house, request, question)
            report.add(question.id, "expired", f"Nobody answered for job {question.job_number}.")


async def remind(house: House, report: RunReport) -> None:
    """Remind technician and shop of open questions, as often as the shop's setting says."""
    settings = house.shop.parts
    for question in await house.books.approvals.list(house.shop.name, statuses=[ApprovalStatus.REQUESTED]):
        due = due_reminders(question.asked_at, question.reminded, settings.remind_after, utc_now())
        number = question.reminded + due
        if due and await house.books.approvals.claim_reminder(question.id, number):
            personal, office = await _reminder(house, question, number)
            key = f"{question.id}/reminder/{number}"
            for place, letter in enumerate(personal, start=1):
                await send_letter(house.shop.name, f"{key}/person-{place}", letter, question.job_number, with_ops=False)
            await send_letter(house.shop.name, key, office, question.job_number, with_ops=True)
            report.add(question.id, "reminded", f"Reminder {number} for {_about(question)}.")


def _about(question: ApprovalRow) -> str:
    if question.kind == KIND:
        return f"order {OrderChange.model_validate(question.offer).number}"
    return f"job {question.job_number}"


async def _reminder(house: House, question: ApprovalRow, number: int) -> tuple[tuple[Letter, ...], Letter]:
    """Return the technicians' letters, each with its own link, and the shop's; a changed order is the shop's alone."""
    if question.kind == KIND:
        change = OrderChange.model_validate(question.offer)
        return (), letter_of(change_message(change, question.id, reminder=number))
    request = await house.books.requests.get(question.request_id)
    message = question_message(
        Offer.model_validate(question.offer),
        approval=ApprovalId(question.id),
        job_number=question.job_number,
        expires_at=question.expires_at,
        zone=house.shop.zone,
        approvers=question.approvers,
        reminder=number,
    )
    technicians = technicians_of(request) if request else []
    personal = personal_letters(
        message,
        approval=ApprovalId(question.id),
        technicians=technicians,
        link_for=open_links().for_people(question, question.approvers or [each.name for each in technicians]),
    )
    return personal, Letter(subject=message.subject, body=message.body)


async def mend_run(house: House, api: PrefectApi, deployment: str, request: PartRequestRow, report: RunReport) -> None:
    """Put one request's run right: wake it, mend its form, say that no worker takes it, or start another."""
    question = await house.books.approvals.newest(request.id)
    state = await api.read_state(request.flow_run_id) if request.flow_run_id else None
    if state is None or state.is_over:
        if request.stage in IN_THE_LOOP and await _is_due(house, PARTS_LOOP, request.id, report, stage=request.stage):
            await start_run(house.books, api, deployment, request, after=request.flow_run_id)
            await house.books.audit.append(request.shop, PARTS_LOOP, request.id, RESTARTED)
            report.add(request.id, "restarted", f"Job {request.job_number} had no run of the parts loop.")
        return
    if state.is_suspended and question is not None:
        if question.status != ApprovalStatus.REQUESTED:
            words = await wake_run(api, question)
            report.add(request.id, "woken", f"Its question is {question.status}. {words}")
        elif question.form_schema and await mend_form(api, question, keyset=state.keyset):
            report.add(request.id, "mended", "The form of its question was never stored.")
    elif _has_no_worker(state):
        await _hold_for_worker(house, request.id, f"job {request.job_number}", state, report)


async def mend_change_run(
    house: House, api: PrefectApi, deployment: str, question: ApprovalRow, report: RunReport
) -> None:
    """Put the run of one question about a store order right. A gone run of an answered one is the next pass's work."""
    state = await api.read_state(question.flow_run_id) if question.flow_run_id else None
    is_waiting = question.status == ApprovalStatus.REQUESTED
    if state is None or state.is_over:
        if is_waiting and await _is_due(house, ORDERS, question.id, report):
            await start_change_run(house.books, api, deployment, question, after=question.flow_run_id)
            await house.books.audit.append(question.shop, ORDERS, question.id, RESTARTED)
            report.add(question.id, "restarted", f"The question about {_about(question)} had no run.")
    elif state.is_suspended:
        if not is_waiting or not question.form_key:  # answered, or it replaced the question the run still shows
            words = await wake_run(api, question)
            report.add(question.id, "woken", f"It is {question.status}. {words}")
        elif question.form_schema and await mend_form(api, question, keyset=state.keyset):
            report.add(question.id, "mended", "The form of the question was never stored.")
    elif _has_no_worker(state):
        await _hold_for_worker(house, question.id, _about(question), state, report)


async def _is_due(house: House, process: str, record: str, report: RunReport, *, stage: str = "") -> bool:
    """Tell whether another run may be started by now; one that keeps ending in vain is followed less and less often."""
    audit = await house.books.audit.list(shop=house.shop.name, process=process, record=record)
    restarts = restarts_in_vain([(row.event, row.at) for row in audit], stage)
    from_then = next_restart(restarts)
    if from_then is None or from_then <= utc_now():
        return True
    times = "once" if len(restarts) == 1 else f"{len(restarts)} times"
    words = f"Restarted {times}, and ended each time. The next run is started {moment(from_then, house.shop.zone)}."
    report.add(record, "waiting", words)
    return False


def _has_no_worker(state: RunState) -> bool:
    return state.is_resuming and state.since is not None and utc_now() - state.since > RESUMING_FOR


async def _hold_for_worker(house: House, record: str, about: str, state: RunState, report: RunReport) -> None:
    since = state.since.isoformat() if state.since else "a while ago"
    why = f"The run of {about} was resumed {since}, and no worker takes it up."
    await house.books.held.hold(
        house.shop.name, "workers", record, reason=why, fix="Start the workers: `truckroll up`."
    )
    report.add(record, "held", why)
