"""What the loop asks of a job platform and of a distributor, whoever they are.

The loop branches on capabilities, never on a platform's name. Sources: contracts/job_platforms/PORT.md,
contracts/marcone/FACTS.md section 14.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from connectors.limits import Turn
from models.base import JobRef
from models.job import Board, Diagnoses, JobView, PublishReport
from models.order import PurchaseOrder
from models.part import Candidate, OrderStatus, Placement, TrackingEvent


class JobPlatform(Protocol):
    """Where the jobs are: ServiceTitan, Housecall Pro, Jobber."""

    name: str

    def diagnosed_parts(self, since: datetime) -> AsyncIterator[Diagnoses]:
        """Yield pages of the parts diagnosed on jobs changed at or after `since`, oldest change first."""
        ...

    async def get_job(self, job: JobRef) -> JobView:
        """Read one job with its technicians, address and contact. A deleted or merged one has state `GONE`."""
        ...

    async def publish(self, board: Board, *, look_first: bool = False) -> PublishReport:
        """Write the whole board into the job. `look_first`: an earlier write may have landed, so look for its note."""
        ...

    async def check_access(self) -> None:
        """Read something small. Raises what the reading raised."""
        ...


class PartsDistributor(Protocol):
    """Where the parts are: Marcone, Encompass."""

    name: str

    async def match(self, number: str, *, ship_to_zip: str, make: str = "") -> tuple[Candidate, ...]:
        """Return every part this number names, with price and stock by branch. Raises NotFoundError."""
        ...

    async def shipping_methods(self, branch: str) -> tuple[str, ...]:
        """Return the names of the shipping methods this branch offers the account."""
        ...

    async def take_turn(self) -> Turn:
        """Wait until one call may go, for `place`: its intent is written first, and then it must not wait."""
        ...

    async def place(self, order: PurchaseOrder, turn: Turn | None = None) -> Placement:
        """Place one approved order. Not idempotent: only `once` may call it. Raises AmbiguousWriteError.

        With a `turn` it goes out now, or raises TransientError.
        """
        ...

    async def order_status(self, order_number: str) -> OrderStatus:
        """Read one order. Raises NotFoundError."""
        ...

    async def track(self, tracking_number: str) -> tuple[TrackingEvent, ...]:
        """Read a parcel's scans, newest first."""
        ...

    async def check_access(self) -> None:
        """Read something small. Raises what the reading raised."""
        ...
