"""The gate: one question, one answer, one permission."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update
from sqlmodel import Session, col
from store_stand_ins import Clock

from models.address import Address
from models.approval import Accepted, Approval, ApprovalStatus, Offer, OfferedPart, OrderTerms
from models.base import JobRef
from models.errors import HeldError, TransientError, TruckrollError
from models.job import DiagnosedPart
from models.order import PurchaseOrder
from models.part import PartRef
from models.tables import ApprovalRow
from store import Books
from tests import questions

HOME = Address(name="Pat Doe", street="1 Example St", city="Springfield", state="IL", zip="62701")
TERMS = OrderTerms(
    make="WPL",
    part_number="WPW10348269",
    quantity=1,
    unit_price=Decimal("41.07"),
    price_ceiling=Decimal("43.12"),
    branch="12",
    ship_to=HOME,
    ship_method="FedEx Ground",
)
YES, NO = Accepted(terms=TERMS), Accepted(terms=None)
PO = "demo-48213-1"


def offer(at: datetime, price: str = "41.07") -> Offer:
    part = OfferedPart(part=PartRef(make="WPL", number="WPW10348269"), unit_price=Decimal(price))
    return Offer(quantity=1, parts=(part,), ship_to=HOME, ship_method="FedEx Ground", quoted_at=at)


async def ask(books: Books, clock: Clock, *, price: str = "41.07", request: str = "") -> ApprovalRow:
    if not request:
        part = DiagnosedPart(
            job=JobRef("48213"), job_number="48213", source_key="a", source_words="a", numbers=("WPW10348269",)
        )
        row, _ = await books.requests.register("demo", part, clock())
        request = row.id
    return await questions.ask(
        books,
        request,
        offer=offer(clock(), price),
        question="Order it?",
        approvers=["Pat Doe"],
        expires_after=timedelta(hours=72),
        now=clock(),
    )


async def approve(books: Books, approval_id: str, clock: Clock, accepted: Accepted = YES) -> ApprovalRow | None:
    return await books.approvals.answer(approval_id, accepted, by="Pat Doe", via="command line", now=clock())


async def consume(books: Books, approval_id: str, clock: Clock) -> Approval:
    return await books.store.run(lambda session: books.approvals.consume(session, approval_id, PO, clock()))


async def status(books: Books, approval_id: str) -> str:
    row = await books.approvals.get(approval_id)
    assert row is not None
    return row.status


async def tamper(books: Books, approval_id: str, **values: object) -> None:
    statement = update(ApprovalRow).where(col(ApprovalRow.id) == approval_id).values(**values)
    await books.store.run(lambda session: session.connection().execute(statement))


async def test_a_question_is_asked_answered_and_used_once(books: Books, clock: Clock) -> None:
    row = await ask(books, clock)
    assert (row.id, row.revision, row.status, row.job, row.approvers) == (
        "demo-48213-1-r1",
        1,
        "requested",
        "48213",
        ["Pat Doe"],
    )
    assert len(row.nonce) >= 32
    request = await books.requests.get("demo-48213-1")
    assert request is not None
    assert request.revision == 1
    clock.forward(hours=1)
    answered = await approve(books, row.id, clock)
    assert answered is not None
    assert (answered.status, answered.decided_by, answered.decided_via, answered.decided_at, answered.decision) == (
        "approved",
        "Pat Doe",
        "command line",
        clock(),
        "approve",
    )
    used = await consume(books, row.id, clock)
    assert used.terms == TERMS
    assert used.covers(TERMS)
    assert (used.approval_id, used.po_number, used.decided_by, used.revision) == (row.id, PO, "Pat Doe", 1)
    assert await books.approvals.read_consumed(row.id) == used
    PurchaseOrder(po_number=PO, reference="48213", terms=TERMS, approval=used)
    with pytest.raises(HeldError):
        await consume(books, row.id, clock)


async def test_an_approval_is_used_once_by_many_at_once(books: Books, url: str, clock: Clock) -> None:
    row = await ask(books, clock)
    await approve(books, row.id, clock)
    with Books.open(url) as others:
        ends = await asyncio.gather(
            *(consume(side, row.id, clock) for _ in range(4) for side in (books, others)), return_exceptions=True
        )
    assert sum(isinstance(end, Approval) for end in ends) == 1
    assert sum(isinstance(end, HeldError) for end in ends) == 7


async def test_of_two_answers_the_first_counts(books: Books, url: str, clock: Clock) -> None:
    row = await ask(books, clock)
    with Books.open(url) as others:
        ends = await asyncio.gather(
            *(approve(side, row.id, clock, said) for side in (books, others) for said in (YES, NO))
        )
    [counted] = [end for end in ends if end is not None]
    assert await status(books, row.id) == counted.status
    assert await approve(books, row.id, clock) is None


async def test_a_rejection_permits_nothing(books: Books, clock: Clock) -> None:
    row = await ask(books, clock)
    answered = await approve(books, row.id, clock, NO)
    assert answered is not None
    assert (answered.status, answered.terms, answered.digest) == ("rejected", None, "")
    with pytest.raises(HeldError, match="rejected"):
        await consume(books, row.id, clock)


async def test_a_question_nobody_answered_permits_nothing(books: Books, clock: Clock) -> None:
    row = await ask(books, clock)
    with pytest.raises(HeldError, match="requested"):
        await consume(books, row.id, clock)
    with pytest.raises(HeldError, match="not used"):
        await books.approvals.read_consumed(row.id)
    with pytest.raises(HeldError, match="does not exist"):
        await consume(books, "demo-0-0-r1", clock)


async def test_an_answer_after_the_end_does_not_count(books: Books, clock: Clock) -> None:
    row = await ask(books, clock)
    assert await books.approvals.expire_due(clock.forward(hours=71, minutes=59)) == []
    clock.forward(minutes=1)
    assert await approve(books, row.id, clock) is None, "also before anybody noticed that it expired"
    assert [expired.id for expired in await books.approvals.expire_due(clock())] == [row.id]
    assert await books.approvals.expire_due(clock()) == []
    assert await approve(books, row.id, clock) is None
    with pytest.raises(HeldError, match="expired"):
        await consume(books, row.id, clock)


async def test_an_approval_in_hand_does_not_expire(books: Books, clock: Clock) -> None:
    row = await ask(books, clock)
    await approve(books, row.id, clock)
    assert await books.approvals.expire_due(clock.forward(hours=100)) == []
    assert (await consume(books, row.id, clock)).terms == TERMS


@pytest.mark.parametrize("is_approved", [True, False], ids=["approved", "still open"])
async def test_a_moved_offer_voids_the_older_question(books: Books, clock: Clock, is_approved: bool) -> None:
    first = await ask(books, clock)
    if is_approved:
        await approve(books, first.id, clock)
    second = await ask(books, clock, price="55.00")
    assert (second.id, second.revision, second.nonce != first.nonce) == ("demo-48213-1-r2", 2, True)
    assert await status(books, first.id) == "void"
    assert await approve(books, first.id, clock) is None
    with pytest.raises(HeldError, match="void"):
        await consume(books, first.id, clock)
    newest = await books.approvals.newest("demo-48213-1")
    assert newest is not None
    assert newest.id == second.id


async def test_an_older_approval_cannot_be_used_even_if_it_was_set_back(books: Books, clock: Clock) -> None:
    first = await ask(books, clock)
    await approve(books, first.id, clock)
    await ask(books, clock, price="55.00")
    await tamper(books, first.id, status="approved")
    with pytest.raises(HeldError, match="overtaken by question 2"):
        await consume(books, first.id, clock)


async def test_the_same_offer_is_not_asked_twice(books: Books, clock: Clock) -> None:
    first = await ask(books, clock)
    clock.forward(minutes=5)
    assert (await ask(books, clock)).id == first.id, "the quote's time alone is no new offer"
    await approve(books, first.id, clock)
    assert (await ask(books, clock)).id == first.id
    await consume(books, first.id, clock)
    assert (await ask(books, clock)).revision == 2, "a used approval is no standing question"


async def test_the_same_offer_is_asked_anew_after_its_end(books: Books, clock: Clock) -> None:
    first = await ask(books, clock)
    clock.forward(hours=73)
    again = await ask(books, clock)
    assert (again.revision, await status(books, first.id)) == (2, "void")


async def test_asking_at_the_same_time_puts_one_question(books: Books, url: str, clock: Clock) -> None:
    first = await ask(books, clock)
    await approve(books, first.id, clock, NO)
    with Books.open(url) as others:
        rows = await asyncio.gather(
            *(ask(side, clock, request="demo-48213-1") for _ in range(3) for side in (books, others))
        )
    assert {row.revision for row in rows} == {2}
    with pytest.raises(TruckrollError):
        await ask(books, clock, request="demo-0-0")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"terms": TERMS.model_copy(update={"quantity": 9}).model_dump(mode="json")}, id="quantity"),
        pytest.param(
            {"terms": TERMS.model_copy(update={"price_ceiling": Decimal(999)}).model_dump(mode="json")}, id="price"
        ),
        pytest.param({"terms": {**TERMS.model_dump(mode="json"), "branch": "77"}}, id="branch"),
        pytest.param({"terms": {"part_number": "X"}}, id="unreadable"),
        pytest.param({"terms": None}, id="no terms"),
        pytest.param({"digest": ""}, id="no digest"),
        pytest.param({"decided_by": ""}, id="nobody"),
        pytest.param({"decided_at": None}, id="never"),
    ],
)
async def test_terms_that_were_changed_by_hand_permit_nothing(
    books: Books, clock: Clock, values: dict[str, object]
) -> None:
    row = await ask(books, clock)
    await approve(books, row.id, clock)
    await tamper(books, row.id, **values)
    with pytest.raises(HeldError):
        await consume(books, row.id, clock)
    assert await status(books, row.id) == "approved"


async def test_a_status_forced_by_hand_permits_nothing(books: Books, clock: Clock) -> None:
    row = await ask(books, clock)
    await tamper(books, row.id, status="approved")
    with pytest.raises(HeldError):
        await consume(books, row.id, clock)
    await tamper(books, row.id, status="consumed", po_number=PO)
    with pytest.raises(HeldError):
        await books.approvals.read_consumed(row.id)


async def test_the_approval_and_the_order_are_one(books: Books, clock: Clock) -> None:
    """Consumed with the intent; a vendor's refusal does not need a second approval for the same order."""
    row = await ask(books, clock)
    await approve(books, row.id, clock)
    answers = iter([TransientError("later"), None])
    placed: list[Approval] = []

    def intent(session: Session) -> None:
        books.approvals.consume(session, row.id, PO, clock())

    async def place() -> str:
        placed.append(await books.approvals.read_consumed(row.id))
        if (error := next(answers)) is not None:
            raise error
        return "order-1"

    with pytest.raises(TransientError):
        await books.effects.once(f"demo/po/{PO}", create=place, intent=intent)
    assert await books.effects.once(f"demo/po/{PO}", create=place, intent=intent) == "order-1"
    assert [approval.po_number for approval in placed] == [PO, PO]
    with pytest.raises(HeldError):  # the same approval for another order
        await books.effects.once("demo/po/another", create=place, intent=intent)
    assert await books.effects.status("demo/po/another") is None
    assert len(placed) == 2


async def test_a_question_can_be_closed_and_a_used_approval_cannot(books: Books, clock: Clock) -> None:
    row = await ask(books, clock)
    assert await books.approvals.void(row.id, "The job was canceled.") is True
    assert await books.approvals.void(row.id, "again") is False
    closed = await books.approvals.get(row.id)
    assert closed is not None
    assert (closed.status, closed.closed_because) == ("void", "The job was canceled.")
    second = await ask(books, clock)
    await approve(books, second.id, clock)
    await consume(books, second.id, clock)
    assert await books.approvals.void(second.id, "too late") is False


async def test_questions_are_listed_shown_and_reminded_of(books: Books, clock: Clock) -> None:
    first = await ask(books, clock)
    second = await ask(books, clock, price="55.00")
    both = await books.approvals.list("demo")
    assert [row.id for row in both] == [first.id, second.id]
    assert [row.id for row in await books.approvals.list(statuses=[ApprovalStatus.REQUESTED])] == [second.id]
    assert [row.id for row in await books.approvals.list(request_id="demo-48213-1")] == [first.id, second.id]
    assert await books.approvals.list("other") == []
    await books.approvals.set_run(second.id, "run-1", "approve-1")
    shown = await books.approvals.get(second.id)
    assert shown is not None
    assert (shown.flow_run_id, shown.form_key) == ("run-1", "approve-1")
    reminders = [books.approvals.claim_reminder(second.id, 1) for _ in range(3)]
    assert sorted(await asyncio.gather(*reminders)) == [False, False, True]
    assert await books.approvals.claim_reminder(second.id, 3) is False
    assert await books.approvals.claim_reminder(second.id, 2) is True
    await approve(books, second.id, clock)
    assert await books.approvals.claim_reminder(second.id, 3) is False
