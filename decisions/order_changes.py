"""A change in the store after the order was written: what a person is asked, and what is done on a yes.

Nothing is ever voided or deleted: jobs are canceled, invoices get an adjustment invoice, payments are left alone.
Source: contracts/contractor_commerce/CHECKLIST.md OI-69, OI-70; contracts/servicetitan/FACTS.md 2.8 (adjustment
invoices). docs/adr/0012-order-changes.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from decisions.answers import same_name
from decisions.messages import Message
from decisions.order_intake import Change, Propose
from decisions.questions import escape
from decisions.words import listed, moment, money, one_line, sentence
from models.approval import Answer, ApprovalStatus, Refused
from models.order_change import AcceptedChange, Adjustment, ChangeTerms, ConcernedJob, JobToCancel, OrderChange
from models.store_order import OrderState, PaymentState, PlaceTyped, StoreLine, StoreOrder, Window

_ZERO = Decimal(0)

TITLES = {
    Change.CANCEL: "Cancel in ServiceTitan what the store cancelled?",
    Change.REFUND: "Adjust the invoice by what the store refunded?",
    Change.EDIT: "Are job and invoice changed by hand?",
}
"""The question in one sentence."""


def make_change(
    order: StoreOrder,
    change: Propose,
    jobs: Sequence[ConcernedJob],
    *,
    written: StoreOrder | None,
    refund_asked: Decimal = _ZERO,
) -> OrderChange:
    """Build the question.

    `written` is the version that job and invoice were made from; `refund_asked` what people have answered about before.
    """
    edits = what_was_edited(order, written) if written and change.change is not Change.CANCEL else ()
    bare = OrderChange(
        order=order.id,
        number=order.number or order.id,
        version=order.version,
        what=change.change.value,
        why=change.why,
        said=_said(order, change.change),
        amount=change.amount,
        edits=edits,
        terms=ChangeTerms(what=change.change.value, order_number=order.number or order.id),
        refunded=_refunded(order, change, refund_asked),
        edited=order if edits else None,
    )
    return with_jobs(bare, jobs)


def _said(order: StoreOrder, what: Change) -> str:
    """Return the reason the store gives for the cancellation, or for the newest refund."""
    match what:
        case Change.CANCEL:
            return order.cancel_reason
        case Change.REFUND:
            newest = max(order.refunds, key=lambda refund: refund.created_at, default=None)
            return newest.reason if newest else ""
        case Change.EDIT:
            return ""


def _refunded(order: StoreOrder, change: Propose, before: Decimal) -> Decimal:
    """Return all that people have been asked about, once this is answered."""
    match change.change:
        case Change.REFUND:
            return before + change.amount
        case Change.CANCEL:
            whole = order.grand_total if order.payment_state is PaymentState.REFUNDED else _ZERO
            return max(before, order.refunded_total, whole)
        case Change.EDIT:
            return before


def with_jobs(change: OrderChange, jobs: Sequence[ConcernedJob]) -> OrderChange:
    """Return the question over jobs and invoices as they stand now."""
    what = Change(change.what)
    remarks: list[str] = []
    cancel: tuple[JobToCancel, ...] = ()
    adjust: tuple[Adjustment, ...] = ()
    if what is Change.CANCEL:
        cancel = tuple(JobToCancel(job=one.job, number=one.number) for one in jobs if not one.is_over)
        remarks += [f"Job {one.number} is {one.status} already and stays as it is." for one in jobs if one.is_over]
        adjust = tuple(
            Adjustment(invoice=one.invoice, job_number=one.number, amount=-one.total)
            for one in jobs
            if one.invoice is not None and one.total is not None and one.total > _ZERO
        )
    elif what is Change.REFUND:
        adjust, remarks = _refund(change.amount, jobs)
    if not jobs:
        remarks.append("No job of this order is on record here: look for it in ServiceTitan by the order's number.")
    terms = ChangeTerms(what=change.what, order_number=change.number, cancel=cancel, adjust=adjust)
    return change.model_copy(update={"jobs": tuple(jobs), "remarks": tuple(remarks), "terms": terms})


def _refund(amount: Decimal, jobs: Sequence[ConcernedJob]) -> tuple[tuple[Adjustment, ...], list[str]]:
    """Take the refund off the product part's invoice, and no more than is on it."""
    product = next((one for one in jobs if one.invoice is not None and one.total is not None), None)
    if product is None or product.invoice is None or product.total is None:
        return (), ["No invoice of ours is on this order: see to a service's refund in ServiceTitan by hand."]
    taken = min(amount, product.total)
    if taken <= _ZERO:
        return (), [f"The invoice of job {product.number} is at {money(product.total)}: there is nothing to take off."]
    capped = [] if taken == amount else [_capped(amount, product.number, taken)]
    return (Adjustment(invoice=product.invoice, job_number=product.number, amount=-taken),), capped


def _capped(amount: Decimal, number: str, taken: Decimal) -> str:
    return (
        f"The store refunded {money(amount)}, which is more than the invoice of job {number} comes to: "
        f"only {money(taken)} is taken off it. See to the rest by hand."
    )


def moved(approved: OrderChange, fresh: OrderChange) -> tuple[str, ...]:
    """Say what is no longer as it was approved; empty when the approval holds.

    A job that somebody canceled meanwhile is no matter: it is what was approved.
    """
    over = {one.job: one for one in fresh.jobs if one.is_over and one.status.casefold() not in _CANCELED}
    reasons = [
        f"Job {job.number} is {over[job.job].status} meanwhile and is not canceled any more."
        for job in approved.terms.cancel
        if job.job in over
    ]
    now = {one.invoice: one.amount for one in fresh.terms.adjust}
    reasons += [
        f"The invoice of job {one.job_number} would now be adjusted by {money(now.get(one.invoice, _ZERO))}, "
        f"not by {money(one.amount)}."
        for one in approved.terms.adjust
        if now.get(one.invoice, _ZERO) != one.amount
    ]
    known = {one.invoice for one in approved.terms.adjust}
    return (
        *reasons,
        *(
            f"The invoice of job {one.job_number} would now be adjusted by {money(one.amount)}."
            for one in fresh.terms.adjust
            if one.invoice not in known
        ),
    )


_CANCELED = {"canceled", "cancelled"}


def what_was_edited(order: StoreOrder, written: StoreOrder) -> tuple[str, ...]:
    """Say what of the cart reads otherwise than it was written, one sentence each; addresses are not spelled out."""
    before, now = _by_id(written.lines), _by_id(order.lines)
    said = [f"New: {_line(now[key])}." for key in now if key not in before]
    said += [f"Gone: {_line(before[key])}." for key in before if key not in now]
    said += [
        f"Now {_line(now[key])}; it was {_line(before[key])}."
        for key in now
        if key in before and _facts(now[key]) != _facts(before[key])
    ]
    if _place(order.service_address) != _place(written.service_address):
        said.append("The service address is another one: see the order in the store.")
    if order.requested_window != written.requested_window:
        said.append(f"The arrival window is {_window(order.requested_window)}.")
    amounts = (
        ("Shipping", order.shipping_total, written.shipping_total),
        ("Tax", order.tax_total, written.tax_total),
        ("The total", order.grand_total, written.grand_total),
    )
    said += [f"{name} is {money(is_now)}; it was {money(was)}." for name, is_now, was in amounts if is_now != was]
    return tuple(said)


def _by_id(lines: Iterable[StoreLine]) -> dict[str, StoreLine]:
    return {line.id: line for line in lines}


def _facts(line: StoreLine) -> tuple[object, ...]:
    return line.kind, line.sku, line.quantity, line.unit_price, line.total


def _line(line: StoreLine) -> str:
    what = one_line(line.sku or line.name)
    return f"{line.quantity} x {what} ({line.kind.value}) at {money(line.unit_price)}, {money(line.total)} in all"


def _place(place: PlaceTyped) -> tuple[str, ...]:
    return place.line1, place.line2, place.city, place.state, place.zip, place.country


def _window(window: Window | None) -> str:
    if window is None:
        return "none any more"
    return window.label or f"{moment(window.starts_at, UTC)} to {moment(window.ends_at, UTC)}"


def headline(change: OrderChange) -> str:
    """Say what happened as the held list does, such as "refund after sync: $48.65"."""
    return f"{change.what}: {money(change.amount)}" if change.amount else change.what


def will_be_done(change: OrderChange) -> tuple[str, ...]:
    """Say what a yes does, one sentence each."""
    if Change(change.what) is Change.EDIT:
        return (
            "Nothing is written: your yes says that you changed job and invoice in ServiceTitan by hand.",
            "Later versions of the order are compared with this one.",
        )
    done = [
        *(f"Job {job.number} is canceled." for job in change.terms.cancel),
        *(
            f"The invoice of job {one.job_number} gets an adjustment invoice over {money(one.amount)}."
            for one in change.terms.adjust
        ),
    ]
    if change.edits:
        done.append("What was edited is not written: your yes says that you changed it in ServiceTitan by hand.")
    return tuple(done) or ("Nothing is left to be written; the change is noted.",)


def was_done(change: OrderChange, by: str) -> str:
    """Say in one sentence what became of an approved change."""
    done = [
        *(f"job {job.number} canceled" for job in change.terms.cancel),
        *(f"invoice of job {one.job_number} adjusted by {money(one.amount)}" for one in change.terms.adjust),
    ]
    what = listed(done, "and") if done else "nothing was to be written"
    return f"{headline(change)}, approved by {one_line(by)}: {what}."


def was_rejected(change: OrderChange, by: str) -> str:
    """Say in one sentence what became of a rejected change."""
    return f"{headline(change)}, rejected by {one_line(by)}: nothing was written, the sale stays as it is."


def left_for_the_office(change: OrderChange) -> tuple[str, ...]:
    """Say what no yes does for the office's books."""
    if Change(change.what) is Change.EDIT:
        return ()
    back = (
        f"The store itself gave back {money(change.refunded)}; the money is not moved from here."
        if change.refunded
        else "The store names no refund; no money is moved from here."
    )
    return (
        back,
        "The payment recorded in ServiceTitan stays as it is: book what was given back in your books by hand.",
        "Nothing is voided or deleted.",
    )


def change_markdown(change: OrderChange, *, because: Sequence[str] = ()) -> str:
    """Write the whole question. `because`: why an earlier yes does not count any more."""
    blocks = [
        f"## Store order {escape(change.number)} - {headline(change)}",
        _list_of("**An earlier yes does not count any more**", because),
        f"{escape(sentence(change.why))}{_reason(change)}  \n**{TITLES[Change(change.what)]}**",
        _jobs_table(change.jobs),
        _list_of("**What reads otherwise in the store**", change.edits),
        _list_of("**Look at this first**", change.remarks),
        _list_of("**If you approve**", will_be_done(change)),
        _list_of("**What stays for the office**", left_for_the_office(change)),
        _list_of(
            "**Your answer**",
            (
                "approve does what stands above, once. Anyone in the office may answer; give your name.",
                "reject writes nothing: it is noted, and the sale stays as it is.",
                "The question waits until it is answered. A newer version of the order may replace it.",
            ),
        ),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def change_form_markdown(change: OrderChange, *, because: str = "") -> str:
    """Write the question for a narrow form. `because`: why the last answer was not taken."""
    lines = [f"### Store order {escape(change.number)} - {headline(change)}", ""]
    if because:
        lines += [f"**Not accepted: {escape(because)}**", ""]
    lines += [f"**{TITLES[Change(change.what)]}**", ""]
    lines += [f"- {escape(words)}" for words in (*change.edits, *will_be_done(change))]
    lines += [f"- **Note:** {escape(words)}" for words in change.remarks]
    lines += [f"- {escape(words)}" for words in left_for_the_office(change)]
    return "\n".join(lines) + "\n"


def _reason(change: OrderChange) -> str:
    return f" The reason given there: {escape(sentence(change.said))}" if one_line(change.said) else ""


def _list_of(title: str, items: Sequence[str]) -> str:
    return "\n".join([title, "", *(f"- {escape(item)}" for item in items)]) if items else ""


def _jobs_table(jobs: Sequence[ConcernedJob]) -> str:
    if not jobs:
        return ""
    rows = ["| Part | Job | Status | Invoice | Comes to |", "| --- | --- | --- | --- | ---: |"]
    for one in jobs:
        total = money(one.total) if one.total is not None else "not ours"
        invoice = str(one.invoice) if one.invoice is not None else "not ours"
        rows.append(f"| {one.kind} | {escape(one.number)} | {escape(one.status)} | {invoice} | {total} |")
    return "\n".join(rows)


def how_to_answer(approval: str) -> str:
    """Say how a person answers."""
    return (
        f"Look at it with `truckroll approvals show {approval}`, then "
        f"`truckroll approvals approve {approval} --by NAME`, or reject it."
    )


def change_message(change: OrderChange, approval: str, *, reminder: int = 0) -> Message:
    """Write the letter to the office: a question waits. `reminder` counts from 1."""
    again = f"Reminder {reminder}: " if reminder else ""
    body = [
        sentence(change.why),
        TITLES[Change(change.what)],
        "",
        *(f"- {words}" for words in (*change.remarks, *will_be_done(change), *left_for_the_office(change))),
        "",
        how_to_answer(approval),
    ]
    return Message(f"{again}store order {one_line(change.number)}, {headline(change)}", "\n".join(body))


def judge_change(
    change: OrderChange,
    answer: Answer,
    *,
    status: ApprovalStatus,
    now: datetime,
    expires_at: datetime,
    approvers: Sequence[str],
    decided_by: str = "",
) -> AcceptedChange | Refused:
    """Decide whether the answer counts; a yes allows exactly what the question said. `approvers` empty: anyone."""
    by = f" by {one_line(decided_by)}" if decided_by.strip() else ""
    if status is not ApprovalStatus.REQUESTED:
        return Refused(why=f"This question is closed: {status.value}{by}.", fix=_WHY_CLOSED[status])
    if now >= expires_at:
        return Refused(why="This question is too old to be answered.", fix=_WHY_CLOSED[ApprovalStatus.EXPIRED])
    if not one_line(answer.by):
        return Refused(why="The answer names nobody.", fix="Give the name of the person who decides.")
    if approvers and not any(same_name(answer.by, name) for name in approvers):
        return Refused(
            why=f"{one_line(answer.by)} may not answer this question.", fix=f"It waits for {listed(approvers)}."
        )
    if answer.part_number or answer.make or answer.branch or answer.quantity is not None:
        return Refused(
            why="A changed order is approved as it stands: it has no part, quantity or branch to choose.",
            fix="Approve it without them, or reject it and change it by hand in ServiceTitan.",
        )
    return AcceptedChange(terms=change.terms if answer.decision == "approve" else None)


_WHY_CLOSED = {
    ApprovalStatus.APPROVED: "The first answer counts.",
    ApprovalStatus.REJECTED: "The first answer counts.",
    ApprovalStatus.CONSUMED: "It is carried out; nothing more to do.",
    ApprovalStatus.VOID: "The order changed again in the store: answer its newest question, if there is one.",
    ApprovalStatus.EXPIRED: "Run order-to-invoice: the question is asked anew.",
}


def adjustment_text(terms: ChangeTerms) -> str:
    """Return the text of the adjustment invoice's one line."""
    what = "Cancellation" if Change(terms.what) is Change.CANCEL else "Refund"
    return f"{what} of store order {terms.order_number}"


def adjustment_summary(terms: ChangeTerms, approval: str, by: str) -> str:
    """Return what the adjustment invoice says of itself. The bracketed question is how it is found again."""
    return f"{adjustment_text(terms)}, approved by {one_line(by)} {adjustment_mark(approval)}"


def adjustment_mark(approval: str) -> str:
    """Return the part of the summary that names the question."""
    return f"({approval})"


def cancel_memo(terms: ChangeTerms, by: str) -> str:
    """Return the memo of a canceled job."""
    return f"Store order {terms.order_number} was cancelled in the online store; approved by {one_line(by)}."


def goes_on_afterwards(change: OrderChange, order: StoreOrder, written: StoreOrder | None) -> bool:
    """Tell whether this version asks for more than was put to a person: the store also completed the order (OI-49)."""
    is_completed = order.state is OrderState.COMPLETED and (written is None or written.state is not order.state)
    return is_completed and Change(change.what) is not Change.CANCEL
