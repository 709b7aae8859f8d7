"""A written store order that changed in the store: asked, answered, carried out. docs/adr/0012-order-changes.md.

The question is put in one transaction with the order's stage; the answer is carried out once, under the order's lease,
whoever does it: the question's own run, or a pass of order-to-invoice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from prefect.logging import get_run_logger
from sqlalchemy.orm import Session

from decisions.invoicing import Part, PartKind, folded_sku
from decisions.messages import Message
from decisions.order_changes import (
    change_markdown,
    change_message,
    goes_on_afterwards,
    headline,
    how_to_answer,
    make_change,
    moved,
    was_done,
    was_rejected,
    with_jobs,
)
from decisions.order_intake import Change, Propose
from models.approval import ApprovalStatus
from models.base import utc_now
from models.errors import (
    BusyError,
    ContractError,
    HeldError,
    RejectedError,
    SettingsError,
    TransientError,
    TruckrollError,
    UnauthorizedError,
    UnresolvedError,
)
from models.order_change import OrderChange
from models.order_sync import OrderStage
from models.outgoing import Letter
from models.report import RunItem, RunReport
from models.store_order import StoreOrder
from models.tables import ApprovalRow, StoreOrderRow
from models.tenant import OrderChoices
from store import Books
from tasks.change_writes import adjust_invoice, cancel_order_job, read_jobs
from tasks.house import House
from tasks.order_records import order_of
from tasks.prefect_api import PrefectApi
from tasks.pricebook import ensure_items
from tasks.store_orders import PROCESS
from tasks.telling import send_letter
from tasks.tenant_lists import read_choices

WAITS = timedelta(days=365)
"""A question waits for its answer; one this old is asked anew, with what then stands in ServiceTitan."""

AWAITING = "awaiting_approval"

_DECIDED = (OrderStage.SYNCED, OrderStage.IGNORED)
"""Stages of an order whose newest version asks for nothing: a question that still waits is overtaken."""


_NO_REASON = "The shop file names no cancel_reason: until one is set there, an approved cancellation is held."

_MOST_FAILURES = 3
"""Changes in a row that a vendor did not answer for, after which it counts as away."""


async def propose_change(house: House, row: StoreOrderRow, order: StoreOrder, change: Propose) -> str:
    """Ask a person what becomes of a change, once; the order waits with it on the held list. Returns the question's id.

    A question that waits already is left as it is when this version asks the same, and replaced when it does not.
    Raises: BusyError while an answer is still to be carried out; TransientError.
    """
    written = StoreOrder.model_validate(row.written) if row.written else None
    jobs = await read_jobs(house, row)
    asked = make_change(order, change, jobs, written=written, refund_asked=Decimal(row.refund_asked))
    return (await _ask(house, asked)).id


async def _ask(house: House, change: OrderChange, because: Sequence[str] = ()) -> ApprovalRow:
    books, shop, now = house.books, house.shop.name, utc_now()
    if change.terms.cancel and not house.shop.need_contractor_commerce().cancel_reason.strip():
        change = change.model_copy(update={"remarks": (*change.remarks, _NO_REASON)})

    def put(session: Session) -> ApprovalRow:
        row = books.store_orders.update_in(session, shop, change.order)
        question = books.approvals.ask_change_in(
            session,
            row.request_id,
            change=change,
            question=change_markdown(change, because=because),
            expires_after=WAITS,
            now=now,
        )
        books.store_orders.update_in(
            session,
            shop,
            change.order,
            version=change.version,
            stage=OrderStage.PROPOSED,
            stage_words=f"{headline(change)}: question {question.id} waits for an answer.",
        )
        fix = how_to_answer(question.id)
        books.held.hold_in(session, shop, PROCESS, row.number, reason=headline(change), fix=fix, field="order")
        if question.asked_at == now:
            detail = {"question": question.id, "version": change.version, "why": change.why, "because": list(because)}
            books.audit.append_in(session, shop, PROCESS, row.number, "asked", detail={**detail, "terms": change.terms})
        return question

    return await books.store.run(put)


async def carry_out_changes(house: House, report: RunReport) -> None:
    """Carry out what was answered, and withdraw what the store has overtaken; a question that waits is left alone.

    One that fails does not stop the others. Raises: TransientError and UnauthorizedError when a vendor is away, and
    SettingsError: the next pass goes on.
    """
    failures = 0
    for question in await house.books.approvals.open_changes(house.shop.name):
        try:
            if question.status == ApprovalStatus.REQUESTED:
                await tell_asked(house, question)
            item = await carry_out_or_hold(house, question)
        except (UnauthorizedError, SettingsError):
            raise
        except TruckrollError as error:
            failures += 1
            number = OrderChange.model_validate(question.offer).number
            report.add(number, "failed", f"{error} The next pass goes on with it.")
            if isinstance(error, TransientError) and failures >= _MOST_FAILURES:
                raise
            continue
        failures = 0
        if item.outcome != AWAITING:
            report.items.append(item)


async def carry_out_or_hold(house: House, question: ApprovalRow) -> RunItem:
    """Carry out one answer; what only a person can mend is held under the order's number, and tried by each pass."""
    change = OrderChange.model_validate(question.offer)
    try:
        async with house.books.leases.hold(f"{house.shop.name}/order/{change.order}", wait_s=10):
            return await carry_out(house, question.id)
    except BusyError:
        return RunItem(id=change.number, outcome="skipped", reason="Another run is working on it.")
    except (HeldError, RejectedError, UnresolvedError, ContractError) as error:
        await _hold(house, change, question, error)
        return RunItem(id=change.number, outcome="held", reason=str(error))


async def carry_out(house: House, approval_id: str) -> RunItem:
    """Do what a question's answer says, under the order's lease. Repeatable: what is done is not done again."""
    question = await house.books.approvals.get(approval_id)
    row = await house.books.store_orders.by_request(question.request_id) if question else None
    if question is None or row is None:
        return RunItem(id=approval_id, outcome="failed", reason=f"There is no question {approval_id}.")
    change = OrderChange.model_validate(question.offer)
    if question.closed_because:
        return RunItem(id=change.number, outcome="unchanged", reason=question.closed_because)
    match ApprovalStatus(question.status):
        case ApprovalStatus.REJECTED:
            words = was_rejected(change, question.decided_by)
            return await _close(house, change, question, "rejected", words)
        case ApprovalStatus.CONSUMED:
            return await _write(house, row, change, question)
        case ApprovalStatus.APPROVED | ApprovalStatus.REQUESTED:
            return await _go_on(house, row, change, question)
        case _:
            return RunItem(id=change.number, outcome="unchanged", reason=f"The question is {question.status}.")


async def _go_on(house: House, row: StoreOrderRow, change: OrderChange, question: ApprovalRow) -> RunItem:
    """Go on with a question on which nothing was written yet."""
    if row.stage in _DECIDED:
        why = f"Version {row.version} of the order no longer asks for it."
        await house.books.approvals.void(question.id, why)
        await house.books.audit.append(row.shop, PROCESS, row.number, "withdrawn", detail={"question": question.id})
        return RunItem(id=change.number, outcome="withdrawn", reason=why)
    if row.stage != OrderStage.PROPOSED:
        why = f"Version {row.version} of the order is decided first."
        return RunItem(id=change.number, outcome="skipped", reason=why)
    if question.status == ApprovalStatus.REQUESTED:
        if utc_now() >= question.expires_at:
            question = await _ask(house, with_jobs(change, await read_jobs(house, row)))
        return RunItem(id=change.number, outcome=AWAITING, reason=f"{headline(change)}. {how_to_answer(question.id)}")
    fresh = with_jobs(change, await read_jobs(house, row))
    because = moved(change, fresh)
    if because:
        question = await _ask(house, fresh, because)
        reason = f"It is not as it was approved any more: {' '.join(because)} {how_to_answer(question.id)}"
        return RunItem(id=change.number, outcome=AWAITING, reason=reason)
    return await _write(house, row, change, question)


async def _write(house: House, row: StoreOrderRow, change: OrderChange, question: ApprovalRow) -> RunItem:
    """Write what was approved: jobs first, so that nobody drives to a canceled order."""
    shop, terms = house.shop.name, change.terms
    made: list[int] = []
    if terms.cancel or terms.adjust:
        choices = await read_choices(shop)
        reason = _cancel_reason(choices) if terms.cancel else 0
        item = await _discount_item(house, order_of(row), choices) if terms.adjust else 0
        for job in terms.cancel:
            await cancel_order_job(shop, change.number, question.id, job, reason)
        made = [await adjust_invoice(shop, change.number, question.id, each, item) for each in terms.adjust]
    return await _close(house, change, question, "changed", was_done(change, question.decided_by), made)


def _cancel_reason(choices: OrderChoices) -> int:
    """Return the id of the shop's cancel reason. Raises: HeldError that names the setting."""
    found = choices.products.wanted("cancel_reason")
    if found is None:
        raise HeldError(
            "The shop file names no reason to cancel jobs with, so the job is not canceled.",
            "Set contractor_commerce.cancel_reason to a job cancel reason of ServiceTitan: "
            "the next pass of order-to-invoice carries the change out.",
            "contractor_commerce.cancel_reason",
        )
    return found


async def _discount_item(house: House, order: StoreOrder, choices: OrderChoices) -> int:
    """Return the pricebook item of discounts, which is also that of what is given back; made when it is not there."""
    given_back = Part(kind=PartKind.PRODUCT, lines=(), discount=Decimal(1), shipping=Decimal(0), tax=Decimal(0))
    items = await ensure_items(house.shop.name, order, given_back, choices.products)
    return items[folded_sku(house.shop.need_contractor_commerce().products.discount_sku)]


async def _close(
    house: House, change: OrderChange, question: ApprovalRow, outcome: str, words: str, made: Sequence[int] = ()
) -> RunItem:
    """Note that the answer is carried out: question, order and audit log in one transaction.

    `made` are the adjustment invoices.
    """
    books, shop = house.books, house.shop.name

    def close(session: Session) -> bool:
        row = books.store_orders.update_in(session, shop, change.order)
        if question.status == ApprovalStatus.APPROVED:
            books.approvals.consume_change(session, question.id, utc_now())
        if not books.approvals.close_change_in(session, question.id, words):
            return False
        is_newest = row.version == change.version and row.stage == OrderStage.PROPOSED
        row.is_cancel_asked = row.is_cancel_asked or Change(change.what) is Change.CANCEL
        row.refund_asked = str(max(Decimal(row.refund_asked), change.refunded))
        if is_newest:
            _settle(row, change, words)
        elif change.edited is not None:
            row.written = change.edited.model_dump(mode="json")
        detail = {
            "question": question.id,
            "version": change.version,
            "words": words,
            "terms": change.terms,
            "adjustment invoices": list(made),
        }
        books.audit.append_in(session, shop, PROCESS, row.number, outcome, actor=question.decided_by, detail=detail)
        if is_newest:
            books.held.release_in(session, shop, PROCESS, row.number)
        return True

    await books.store.run(close)
    return RunItem(id=change.number, outcome=outcome, reason=words)


def _settle(row: StoreOrderRow, change: OrderChange, words: str) -> None:
    """The order stands as it was answered: later versions are compared with this one."""
    order = order_of(row)
    written = StoreOrder.model_validate(row.written) if row.written else None
    row.written, row.stage_words = order.model_dump(mode="json"), words
    if goes_on_afterwards(change, order, written):
        row.stage = OrderStage.NEW.value
    else:
        row.stage, row.settled_version = OrderStage.SYNCED.value, change.version


async def _hold(house: House, change: OrderChange, question: ApprovalRow, error: TruckrollError) -> None:
    """Show on the held list what keeps an answer from being carried out."""
    field = error.field if isinstance(error, HeldError) else ""
    await house.books.held.hold(
        house.shop.name,
        PROCESS,
        change.number,
        reason=f"{headline(change)}, approved by {question.decided_by}: {error.message}",
        fix=error.fix or "Mend what it says: the next pass of order-to-invoice carries the change out.",
        field=field,
    )
    detail = {"question": question.id, "why": error.message, "field": field}
    await house.books.audit.append(house.shop.name, PROCESS, change.number, "held", detail=detail)


async def tell_asked(house: House, question: ApprovalRow) -> None:
    """Tell the office, once, that a question waits. A letter that cannot go out now goes out with a later pass."""
    key = f"{question.id}/asked"
    shop = house.shop.name
    if not house.shop.messages.ops or await house.books.effects.status(f"{shop}/letter/{key}") is not None:
        return
    change = OrderChange.model_validate(question.offer)
    message = change_message(change, question.id)
    try:
        await send_letter(shop, key, letter_of(message), change.number, with_ops=True)
    except TruckrollError as error:
        get_run_logger().warning("The office is not told of question %s yet: %s", question.id, error)


def letter_of(message: Message) -> Letter:
    """Return a message as a letter to the shop's ops addresses."""
    return Letter(subject=message.subject, body=message.body)


async def find_order_change(api: PrefectApi | None, shop: str) -> str | None:
    """Return the id of the shop's `order-change` deployment, or None when nothing serves it here."""
    return await api.find_deployment(f"order-change/{shop}") if api else None


async def start_change_run(
    books: Books, api: PrefectApi, deployment: str, question: ApprovalRow, *, after: str = ""
) -> str:
    """Start the run in which a question is answered, once: the same question and predecessor give the same run.

    `after` is the id of an earlier run that ended and left the question open. Returns the run's id.
    """
    change = OrderChange.model_validate(question.offer)
    run_id = await api.start_run(
        deployment,
        name=f"order {change.number} - {change.what} - {question.status}",
        parameters={"shop": question.shop, "order": change.order},
        idempotency_key=f"{question.id}/{question.status}/{after}",
        tags=[f"shop:{question.shop}", "process:order-change", f"state:{question.status}"],
    )
    await books.approvals.set_run(question.id, run_id, "")
    return run_id
