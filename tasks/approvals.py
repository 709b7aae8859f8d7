"""Answering a question: judged by the rules, committed to the ledger, and only then shown to Prefect.

Whoever answers (Prefect's form, the command line, a page) comes through here. DESIGN section 5: the ledger is the
truth, resuming only makes the run look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from decisions.answers import judge_answer, same_name
from decisions.order_changes import judge_change
from models.approval import Accepted, Answer, ApprovalStatus, Offer, Refused
from models.base import ApprovalId, utc_now
from models.order_change import KIND, AcceptedChange, OrderChange
from models.shop import Shop
from models.tables import ApprovalRow
from tasks.form_values import fill_form
from tasks.prefect_api import PrefectApi, prefect_api

if TYPE_CHECKING:
    from store import Books


@dataclass(frozen=True)
class Settled:
    """The answer counts. `words` say what happens next."""

    row: ApprovalRow
    words: str


async def answer_question(
    books: Books, shop: Shop, approval_id: str, answer: Answer, *, resume: bool = True
) -> Settled | Refused:
    """Judge an answer, commit it, and wake the run that waits for it. A refused answer changes nothing.

    `resume=False` for the run itself, which needs no waking.
    """
    row = await books.approvals.get(ApprovalId(approval_id))
    if row is None or row.shop != shop.name:
        return Refused(
            why=f"There is no question {approval_id}.", fix="`truckroll approvals list` shows the open ones."
        )
    judged = _judge(row, shop, answer)
    if isinstance(judged, Refused):
        await _audit(books, row, "answer refused", answer, why=judged.why)
        return judged
    settled = await _commit(books, row, answer, judged)
    if settled is None:
        return Refused(
            why=f"Somebody else answered {approval_id} a moment ago.",
            fix=f"`truckroll approvals show {approval_id}` shows who, and what.",
        )
    await _audit(books, settled, f"answered: {settled.status}", answer)
    woken = await wake(settled) if resume else ""
    what = "Approved" if judged.terms else "Rejected"
    return Settled(settled, f"{what} by {settled.decided_by}. {woken}".strip())


def _judge(row: ApprovalRow, shop: Shop, answer: Answer) -> Accepted | AcceptedChange | Refused:
    if row.kind == KIND:
        return judge_change(
            OrderChange.model_validate(row.offer),
            answer,
            status=ApprovalStatus(row.status),
            now=utc_now(),
            expires_at=row.expires_at,
            approvers=row.approvers,
            decided_by=row.decided_by,
        )
    return judge_answer(
        Offer.model_validate(row.offer),
        answer,
        status=ApprovalStatus(row.status),
        now=utc_now(),
        expires_at=row.expires_at,
        approvers=row.approvers,
        tolerance=shop.parts.price_tolerance,
        max_quantity=shop.parts.max_quantity,
        decided_by=row.decided_by,
    )


async def _commit(
    books: Books, row: ApprovalRow, answer: Answer, judged: Accepted | AcceptedChange
) -> ApprovalRow | None:
    # As the job platform spells the name, however it was typed.
    by = next((name for name in row.approvers if same_name(name, answer.by)), answer.by.strip())
    return await books.approvals.answer(row.id, judged, by=by, via=answer.via, note=answer.note, now=utc_now())


async def _audit(books: Books, row: ApprovalRow, event: str, answer: Answer, why: str = "") -> None:
    detail = answer.model_dump(exclude_defaults=True) | ({"why": why} if why else {}) | {"question": row.id}
    if row.kind == KIND:
        process, record = "order-to-invoice", OrderChange.model_validate(row.offer).number
    else:
        process, record = "parts-loop", row.request_id
    await books.audit.append(row.shop, process, record, event, actor=answer.by, detail=detail)


async def wake(row: ApprovalRow) -> str:
    """Resume the suspended run of a question that is answered or closed. Returns words for the person.

    Harmless when there is no server, no run, or it was woken already: `reconcile` looks again every few minutes.
    """
    if not row.flow_run_id:
        return f"The next pass of {_loop(row)} goes on with it."
    async with prefect_api() as api:
        if api is None:
            return "Prefect's server does not answer; the run goes on when it is back."
        return await wake_run(api, row)


async def wake_run(api: PrefectApi, row: ApprovalRow) -> str:
    """Resume the run over an open API. First mends a form that was never stored (PREFECT.md 1.4)."""
    state = await api.read_state(row.flow_run_id)
    if state is None or state.is_over:
        return f"Its run is gone; the next pass of {_loop(row)} goes on with it."
    if not state.is_suspended:
        return "Its run is already going on."
    await mend_form(api, row, keyset=state.keyset)
    reason = await api.resume(row.flow_run_id, fill_form(row))
    return "Its run goes on." if not reason else f"Prefect did not resume the run yet: {reason}."


def _loop(row: ApprovalRow) -> str:
    return "order-to-invoice" if row.kind == KIND else "the parts loop"


async def mend_form(api: PrefectApi, row: ApprovalRow, *, keyset: dict[str, str] | None) -> bool:
    """Store the form's schema where a crash came between suspending and storing it. True when it had to."""
    if not keyset or await api.has_input(row.flow_run_id, keyset["schema"]):
        return False
    await api.store_input(row.flow_run_id, keyset["schema"], row.form_schema)
    return True
