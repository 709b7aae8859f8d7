"""A job platform and a distributor in memory, in domain types: what the loop's own tests talk to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from connectors.limits import Turn
from models.address import Address
from models.base import JobRef
from models.errors import AmbiguousWriteError, NotFoundError
from models.job import (
    Board,
    Contact,
    DiagnosedPart,
    Diagnoses,
    DiagnosisPlace,
    JobState,
    JobView,
    PublishReport,
    Technician,
)
from models.order import PurchaseOrder
from models.part import BranchStock, Candidate, LineState, OrderStatus, PartRef, Placement, TrackingEvent

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


def a_job(number: str = "48213", **changes: object) -> JobView:
    """An open job in Birmingham, of Dana Whitfield."""
    job = JobView(
        ref=JobRef(number),
        number=number,
        state=JobState.OPEN,
        status_words="Scheduled",
        customer_name="Ann Example",
        address=Address(name="Ann Example", street="12 Oak St", city="Birmingham", state="AL", zip="35203"),
        technicians=(Technician(id="7", name="Dana Whitfield", email="dana@example.com"),),
        contact=Contact(name="Ann Example", emails=("ann@example.com",)),
    )
    return job.model_copy(update=changes)


def a_diagnosis(number: str = "WPW10348269", job: str = "48213", **changes: object) -> DiagnosedPart:
    """A part a technician put on the job's estimate."""
    part = DiagnosedPart(
        job=JobRef(job),
        job_number=job,
        source_key=f"fake/{job}/{number}",
        source_words="estimate 1, item 1",
        numbers=(number,) if number else (),
    )
    return part.model_copy(update=changes)


def a_candidate(number: str = "WPW10348269", **changes: object) -> Candidate:
    """A drain pump, near and cheap."""
    candidate = Candidate(
        part=PartRef(make="WPL", number=number, description="Drain pump"),
        unit_price=Decimal("41.20"),
        stock=(
            BranchStock(branch="601", name="Birmingham", available=4, transit_days=1),
            BranchStock(branch="901", name="St. Louis", available=9, transit_days=3),
        ),
        quoted_at=NOW,
    )
    return candidate.model_copy(update=changes)


@dataclass
class FakeJobs:
    """Jobs, diagnoses, and every board that was published."""

    jobs: dict[str, JobView] = field(default_factory=dict)
    diagnoses: list[DiagnosedPart] = field(default_factory=list)
    places: list[DiagnosisPlace] = field(default_factory=list)
    """What is read whole on every look."""
    boards: list[Board] = field(default_factory=list)
    name: str = "FakeJobs"
    fail: list[Exception] = field(default_factory=list)

    async def diagnosed_parts(self, since: datetime) -> AsyncIterator[Diagnoses]:
        yield Diagnoses(parts=tuple(self.diagnoses), places=tuple(self.places), watermark=NOW)

    async def get_job(self, job: JobRef) -> JobView:
        return self.jobs[job]

    async def publish(self, board: Board, *, look_first: bool = False) -> PublishReport:
        if self.fail:
            raise self.fail.pop(0)
        if look_first and board.note and any(b.note and b.note.marker == board.note.marker for b in self.boards):
            return PublishReport(landed=("already there",))
        self.boards.append(board)
        return PublishReport(landed=("fields", "note"))

    async def check_access(self) -> None:
        return None

    @property
    def notes(self) -> list[str]:
        return [board.note.text for board in self.boards if board.note]


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@dataclass
class FakeMarcone:
    """A catalogue, and every order that was placed."""

    parts: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    orders: list[PurchaseOrder] = field(default_factory=list)
    statuses: dict[str, OrderStatus] = field(default_factory=dict)
    scans: dict[str, tuple[TrackingEvent, ...]] = field(default_factory=dict)
    answer: Callable[[PurchaseOrder], Placement] | None = None
    lose_answer: bool = False
    methods: tuple[str, ...] = ("FedEx Ground",)
    name: str = "Marcone"
    queue: asyncio.Event = field(default_factory=_open_gate)
    """Set while calls may go; an order waits here for its turn."""
    queued: int = 0
    has_queued: asyncio.Event = field(default_factory=asyncio.Event)

    async def match(self, number: str, *, ship_to_zip: str, make: str = "") -> tuple[Candidate, ...]:
        if number not in self.parts:
            raise NotFoundError("Part not found.", "")
        return self.parts[number]

    async def shipping_methods(self, branch: str) -> tuple[str, ...]:
        return self.methods

    async def take_turn(self) -> Turn:
        self.queued += 1
        self.has_queued.set()
        await self.queue.wait()
        return Turn()

    async def place(self, order: PurchaseOrder, turn: Turn | None = None) -> Placement:
        self.orders.append(order)
        if self.lose_answer:
            raise AmbiguousWriteError("The answer was lost.", "Look.")
        if self.answer:
            return self.answer(order)
        number = f"9000{len(self.orders)}"
        self.statuses[number] = OrderStatus(order_number=number, state=LineState.ACCEPTED, words="Open")
        return Placement(order_numbers=(number,))

    async def order_status(self, order_number: str) -> OrderStatus:
        return self.statuses[order_number]

    async def track(self, tracking_number: str) -> tuple[TrackingEvent, ...]:
        return self.scans.get(tracking_number, ())

    async def check_access(self) -> None:
        return None
