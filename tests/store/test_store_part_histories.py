"""What is read of diagnosed parts: whole jobs, each with its events, orders, answers, and what its job lacks."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from store_stand_ins import Clock

from models.address import Address
from models.approval import Accepted, Offer, OfferedPart, OrderTerms
from models.base import JobRef
from models.job import Appliance, BoardNote, DiagnosedPart
from models.outgoing import Outgoing
from models.part import BranchStock, PartRef
from models.part_history import FollowedOrder, PartHistory
from models.request import Stage
from models.tables import PartRequestRow
from store import Books
from tests.questions import ask

HOME = Address(name="Pat Sample", street="12 Elm St", city="Birmingham", state="AL", zip="35203")
OFFER = Offer(
    quantity=1,
    parts=(
        OfferedPart(
            part=PartRef(make="WPL", number="WPW10348269"),
            unit_price=Decimal("41.20"),
            branches=(BranchStock(branch="601", available=4),),
        ),
    ),
    ship_to=HOME,
    ship_method="FedEx Ground",
    quoted_at=datetime.fromisoformat("2026-09-01T12:00:00+00:00"),
)
TERMS = OrderTerms(
    make="WPL",
    part_number="WPW10348269",
    quantity=2,
    unit_price=Decimal("41.20"),
    price_ceiling=Decimal("43.26"),
    branch="601",
    ship_to=HOME,
    ship_method="FedEx Ground",
)


async def found(books: Books, clock: Clock, job: str = "48213", number: str = "WPW10348269") -> PartRequestRow:
    """Open a request as diagnosis-watch does."""
    diagnosed = DiagnosedPart(
        job=JobRef(job),
        job_number=job,
        source_key=f"estimate/{job}/{number}/{clock():%d%H%M}",
        source_words="estimate 1",
        numbers=(number,),
        appliance=Appliance(model="WDT780SAEM1"),
    )
    request, _ = await books.requests.register("demo", diagnosed, clock())
    await books.audit.append("demo", "parts-loop", request.id, "found")
    return request


async def moved(books: Books, request: PartRequestRow, stage: Stage, **changes: object) -> None:
    await books.requests.update(request.id, stage=stage, **changes)
    await books.audit.append("demo", "parts-loop", request.id, stage.value)


async def add_note(books: Books, request: PartRequestRow, key: str, at: datetime) -> None:
    outgoing = Outgoing(key=key, event="asked", note=BoardNote(marker=key, text="..."))
    await books.store.run(lambda session: books.outbox.add(session, request, outgoing, at))


async def read(books: Books, since: datetime, until: datetime) -> list[PartHistory]:
    return await books.part_histories.of("demo", since, until)


async def test_a_part_is_read_from_its_diagnosis_to_its_parcels(books: Books, clock: Clock) -> None:
    """PL-57, PL-61: all of it from the records."""
    start = clock()
    request = await found(books, clock)
    asked = await ask(
        books, request.id, offer=OFFER, question="?", approvers=[], expires_after=timedelta(hours=72), now=clock()
    )
    [open_question] = await read(books, start, start + timedelta(days=1))
    assert (open_question.offer, open_question.terms) == (None, None)
    assert open_question.asked_until == start + timedelta(hours=72)

    clock.forward(hours=2)
    await books.approvals.answer(asked.id, Accepted(terms=TERMS), by="Dana Whitfield", via="page", now=clock())
    await books.store.run(lambda session: books.approvals.consume(session, asked.id, "48213-1", clock()))
    await books.audit.append("demo", "parts-loop", request.id, "published", detail={"event": "asked"})
    await books.audit.append("demo", "parts-loop", request.id, "retried", detail={"placed": ["90000001"]})
    orders = await books.orders.add(
        request.id, shop="demo", po_number="48213-1", order_numbers=["90000001", "90000002"], next_look_at=clock()
    )
    await moved(books, request, Stage.ORDERED, po_number="48213-1", part_number="W-NEW", technicians=["Dana Whitfield"])
    await books.orders.update(orders[0].id or 0, invoice_number="INV-1", tracking=["1Z999"], looked_at=clock())

    [part] = await read(books, start, start + timedelta(days=1))
    assert [(event.at - start, event.name, event.typed) for event in part.events] == [
        (timedelta(0), "found", ()),
        (timedelta(hours=2), "retried", ("90000001",)),
        (timedelta(hours=2), "ordered", ()),
    ]
    assert (part.offer, part.terms, part.asked_until) == (OFFER, TERMS, None)
    assert (part.part, part.stage, part.technicians) == ("W-NEW", Stage.ORDERED, ("Dana Whitfield",))
    assert (part.job_number, part.po_number, part.model, part.found_at) == ("48213", "48213-1", "WDT780SAEM1", start)
    assert part.orders == (
        FollowedOrder("90000001", "INV-1", ("1Z999",), is_open=True, looked_at=clock()),
        FollowedOrder("90000002"),
    )


async def test_of_a_period_whole_jobs_are_read(books: Books, clock: Clock) -> None:
    """PL-58: also the part of last month, when the job has one of this month; and no other shop's."""
    start = clock()
    early, alone = await found(books, clock), await found(books, clock, job="1")
    await moved(books, early, Stage.ARRIVED)
    await moved(books, alone, Stage.ARRIVED)
    clock.forward(days=40)
    late = await found(books, clock, number="EDR1RXD1")
    other = DiagnosedPart(job=JobRef("48213"), source_key="x", source_words="x", numbers=("1",))
    await books.requests.register("other", other, clock())
    clock.forward(days=40)
    await found(books, clock, job="2")
    month = await read(books, start + timedelta(days=30), start + timedelta(days=60))
    assert [part.request_id for part in month] == [early.id, late.id]
    assert await read(books, start - timedelta(days=9), start) == []
    assert [part.request_id for part in await read(books, start, start + timedelta(seconds=1))] == [
        alone.id,
        early.id,
        late.id,
    ]


async def test_a_part_that_was_put_back_is_read_for_the_time_it_came_back(books: Books, clock: Clock) -> None:
    """PL-51: its row is as old as the first diagnosis."""
    request = await found(books, clock)
    await moved(books, request, Stage.TAKEN_OUT)
    back = clock.forward(days=40)
    await moved(books, request, Stage.FOUND)
    [part] = await read(books, back - timedelta(days=1), back + timedelta(days=1))
    assert part.events[-1].at == back


async def test_jobs_that_wait_or_lack_something_are_standing(books: Books, clock: Clock) -> None:
    """PL-30, PL-53: open parts; and ended ones whose end the job does not show, because it waits or was refused."""
    waiting, done, untold, refused, told = [await found(books, clock, job=str(number)) for number in range(1, 6)]
    for request in (done, untold, refused, told):
        await moved(books, request, Stage.REJECTED)
    first = clock.forward(minutes=1)
    await add_note(books, untold, "untold/1", first)
    await add_note(books, refused, "refused/1", first)
    await add_note(books, told, "told/1", first)
    await add_note(books, untold, "untold/2", clock.forward(minutes=1))
    for row in await books.outbox.waiting("demo"):
        if row.request_id in {refused.id, told.id}:
            await books.outbox.told(row.id or 0, clock())
    await books.held.hold("demo", "job-board", "demo/refused/1", reason="The note was not written.")
    await books.held.hold("demo", "job-board", "demo/told/1", reason="The note was not written.")
    await books.held.release("demo", "job-board", "demo/told/1")
    standing = {part.request_id: part.untold_since for part in await books.part_histories.standing("demo")}
    assert standing == {waiting.id: None, untold.id: first, refused.id: first}


async def test_the_first_diagnosis_is_the_shops_own(books: Books, clock: Clock) -> None:
    """PL-56: the baseline begins with it."""
    assert await books.part_histories.first_found_at("demo") is None
    start = clock()
    await found(books, clock)
    clock.forward(days=3)
    await found(books, clock, job="2")
    assert await books.part_histories.first_found_at("demo") == start
    assert await books.part_histories.first_found_at("other") is None


@pytest.mark.parametrize("parts", [0, 1200], ids=["none", "more than a statement's variables"])
async def test_a_busy_shop_is_read_at_once(books: Books, clock: Clock, parts: int) -> None:
    """No row is left out, however many there are."""
    start = clock()
    made = [
        PartRequestRow(
            id=f"demo-{number}-1",
            shop="demo",
            job=str(number),
            job_number=str(number),
            ordinal=1,
            source_key=str(number),
            diagnosis={"job": str(number), "source_key": str(number), "source_words": "x", "numbers": []},
            stage="found",
            technicians=[],
            technician_emails=[],
            created_at=start,
            updated_at=start,
        )
        for number in range(parts)
    ]
    await books.store.run(lambda session: session.add_all(made))
    assert len(await read(books, start, start + timedelta(days=1))) == parts
