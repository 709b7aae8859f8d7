"""The gate for store orders that changed: one question, one answer, one permission, however many writes it allows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update
from sqlmodel import col
from store_stand_ins import ORDER, Clock

from decisions.order_intake import fingerprints
from models.approval import ApprovalStatus
from models.errors import BusyError, HeldError, TruckrollError
from models.order_change import (
    KIND,
    AcceptedChange,
    Adjustment,
    ChangeApproval,
    ChangeTerms,
    ConcernedJob,
    OrderChange,
)
from models.tables import ApprovalRow
from store import Books

AT = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
REQUEST = "demo/order/100226"
JOB = ConcernedJob(kind="product", job=9, number="4801", status="Scheduled", invoice=7, total=Decimal(351))


def change(amount: str = "48.65", version: int = 2) -> OrderChange:
    taken = Adjustment(invoice=7, job_number="4801", amount=-Decimal(amount))
    return OrderChange(
        order="100226",
        number="CC-100226",
        version=version,
        what="refund after sync",
        why="The store refunded it.",
        amount=Decimal(amount),
        jobs=(JOB,),
        terms=ChangeTerms(what="refund after sync", order_number="CC-100226", adjust=(taken,)),
        refunded=Decimal(amount),
    )


async def ask(books: Books, clock: Clock, asked: OrderChange | None = None) -> ApprovalRow:
    await books.store_orders.take_in("demo", [ORDER], fingerprints=fingerprints)
    return await books.store.run(
        lambda session: books.approvals.ask_change_in(
            session,
            REQUEST,
            change=asked or change(),
            question="What becomes of it?",
            expires_after=timedelta(days=365),
            now=clock(),
        )
    )


async def answer(books: Books, row: ApprovalRow, clock: Clock, *, yes: bool = True) -> ApprovalRow | None:
    terms = OrderChange.model_validate(row.offer).terms if yes else None
    return await books.approvals.answer(row.id, AcceptedChange(terms=terms), by="Robin", via="cli", now=clock())


async def consume(books: Books, approval_id: str, clock: Clock) -> ChangeApproval:
    return await books.store.run(lambda session: books.approvals.consume_change(session, approval_id, clock()))


async def close(books: Books, approval_id: str) -> bool:
    return await books.store.run(lambda session: books.approvals.close_change_in(session, approval_id, "Done."))


async def status(books: Books, approval_id: str) -> str:
    row = await books.approvals.get(approval_id)
    assert row is not None
    return row.status


async def test_a_change_is_asked_answered_used_and_closed(books: Books, clock: Clock) -> None:
    """OI-69: one permission for all its writes, until it is carried out."""
    row = await ask(books, clock)
    assert (row.kind, row.id, row.job_number, row.approvers) == (KIND, f"{REQUEST}-r1", "4801", [])
    with pytest.raises(HeldError):
        await consume(books, row.id, clock)
    assert await answer(books, row, clock)
    first = await consume(books, row.id, clock)
    assert first.terms == change().terms
    assert await consume(books, row.id, clock) == first == await books.approvals.read_consumed_change(row.id)
    assert [each.id for each in await books.approvals.open_changes("demo")] == [row.id]
    assert await close(books, row.id)
    assert not await close(books, row.id)
    assert await books.approvals.open_changes("demo") == []
    with pytest.raises(HeldError):
        await consume(books, row.id, clock)


async def test_the_same_is_asked_once_also_for_a_newer_version(books: Books, clock: Clock) -> None:
    """OI-67."""
    first = await ask(books, clock)
    again = await ask(books, clock, change(version=3))
    assert (again.id, OrderChange.model_validate(again.offer).version) == (first.id, 3)


@pytest.mark.parametrize("yes", [False, True], ids=["waiting", "approved, nothing written"])
async def test_another_question_voids_the_one_before(books: Books, clock: Clock, yes: bool) -> None:
    """OI-69."""
    first = await ask(books, clock)
    if yes:
        await answer(books, first, clock)
    second = await ask(books, clock, change("60.00"))
    assert (second.revision, await status(books, first.id)) == (2, ApprovalStatus.VOID)
    with pytest.raises(HeldError):
        await consume(books, first.id, clock)
    assert await answer(books, first, clock) is None


@pytest.mark.parametrize("yes", [False, True], ids=["rejected", "writing begun"])
async def test_nothing_is_asked_while_an_answer_is_not_carried_out(books: Books, clock: Clock, yes: bool) -> None:
    """OI-69: else what was refunded before would be asked about twice."""
    first = await ask(books, clock)
    await answer(books, first, clock, yes=yes)
    if yes:
        await consume(books, first.id, clock)
    with pytest.raises(BusyError):
        await ask(books, clock, change("60.00"))
    assert await close(books, first.id)
    assert (await ask(books, clock, change("60.00"))).revision == 2


async def test_it_waits_for_its_answer_and_one_too_old_is_asked_anew(books: Books, clock: Clock) -> None:
    """OI-69: a proposal does not expire by itself."""
    first = await ask(books, clock)
    clock.forward(days=364)
    assert await books.approvals.expire_due(clock()) == []
    clock.forward(days=2)
    assert await books.approvals.expire_due(clock()) == []
    assert await answer(books, first, clock) is None
    assert (await ask(books, clock)).revision == 2


async def test_a_question_belongs_to_an_order(books: Books, clock: Clock) -> None:
    with pytest.raises(TruckrollError, match="no store order"):
        await books.store.run(
            lambda session: books.approvals.ask_change_in(
                session, "demo/order/9", change=change(), question="", expires_after=timedelta(1), now=clock()
            )
        )
    with pytest.raises(HeldError):
        await consume(books, "demo/order/9-r1", clock)
    with pytest.raises(HeldError):
        await books.approvals.read_consumed_change("demo/order/9-r1")


async def test_terms_that_were_tampered_with_allow_nothing(books: Books, clock: Clock) -> None:
    """OI-69: the digest is checked before anything is written."""
    row = await ask(books, clock)
    await answer(books, row, clock)
    other = change("999.00").terms.model_dump(mode="json")
    statement = update(ApprovalRow).where(col(ApprovalRow.id) == row.id).values(terms=other)
    await books.store.run(lambda session: session.connection().execute(statement))
    with pytest.raises(HeldError, match="other terms"):
        await consume(books, row.id, clock)


async def test_a_yes_is_either_used_or_replaced_never_both(books: Books, clock: Clock) -> None:
    """OI-67: a worker writes while a newer version is asked about."""
    for attempt in range(5):
        row = await ask(books, clock, change(f"{attempt + 1}.00"))
        await answer(books, row, clock)
        outcomes = await asyncio.gather(
            consume(books, row.id, clock), ask(books, clock, change("777.00")), return_exceptions=True
        )
        used, replaced = (not isinstance(outcome, BaseException) for outcome in outcomes)
        assert used != replaced
        newest = await books.approvals.newest(REQUEST)
        assert newest is not None
        if used:
            await close(books, row.id)
        else:
            await books.approvals.void(newest.id, "Next.")
