"""Part requests: one diagnosed part on one job, from diagnosis to arrival."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.base import utc_now
from models.errors import TruckrollError
from models.job import DiagnosedPart
from models.request import CLOSED, Stage
from models.tables import PartRequestRow
from store.session import Store
from store.sql import aware, changes_for, insert_new, take_turn

_FIXED = frozenset({"id", "shop", "job", "ordinal", "source_key", "created_at", "board_revision"})
_TRIES = 50


class Requests:
    """The part requests of one store."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def register(self, shop: str, diagnosed: DiagnosedPart, now: datetime) -> tuple[PartRequestRow, bool]:
        """Open a request for a diagnosis, or return the one there is; the bool tells whether it is new.

        Its number counts the requests of the job from 1, whoever registers at the same time.
        """
        aware(now)

        def open_one(session: Session) -> tuple[PartRequestRow, bool]:
            take_turn(session, f"part requests of {shop}")
            known = _by_source(session, shop, diagnosed.source_key)
            if known is not None:
                return known, False
            last = _last_ordinal(session, shop, diagnosed)
            for ordinal in range(last + 1, last + _TRIES):  # the first one, unless another job's id looks the same
                row = _new_request(shop, diagnosed, ordinal, now)
                if insert_new(session, PartRequestRow, [row]):
                    return session.get_one(PartRequestRow, row["id"]), True
            raise TruckrollError(f"No free number was found for a part of job {diagnosed.job_number}.", "Try again.")

        return await self._store.run(open_one)

    async def get(self, request_id: str) -> PartRequestRow | None:
        """Return one request."""
        return await self._store.read(lambda session: session.get(PartRequestRow, request_id))

    async def list(
        self,
        *,
        shop: str | None = None,
        stages: Iterable[Stage] | None = None,
        job: str | None = None,
        is_open: bool | None = None,
    ) -> Sequence[PartRequestRow]:
        """Return the requests, the oldest first."""
        statement = select(PartRequestRow).order_by(col(PartRequestRow.created_at), col(PartRequestRow.id))
        if shop is not None:
            statement = statement.where(col(PartRequestRow.shop) == shop)
        if job is not None:
            statement = statement.where(col(PartRequestRow.job) == job)
        if stages is not None:
            statement = statement.where(col(PartRequestRow.stage).in_([stage.value for stage in stages]))
        if is_open is not None:
            is_closed = col(PartRequestRow.stage).in_([stage.value for stage in CLOSED])
            statement = statement.where(~is_closed if is_open else is_closed)
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def update(self, request_id: str, **changes: Any) -> PartRequestRow:
        """Change columns, and return the fresh row. Raises TypeError for a column that is not there, or is fixed."""
        return await self._store.run(lambda session: self.update_in(session, request_id, **changes))

    def update_in(self, session: Session, request_id: str, **changes: Any) -> PartRequestRow:
        """Change columns within the caller's transaction."""
        values = changes_for(PartRequestRow, changes, fixed=_FIXED)
        row = locked_request(session, request_id)
        for name, value in {"updated_at": self._now(), **values}.items():
            setattr(row, name, value)
        session.flush()
        return row

    async def move(self, request_id: str, *, from_stages: Iterable[Stage], to: Stage, words: str = "") -> bool:
        """Move a request to a stage, if it still is in one of `from_stages`; False when somebody was first."""
        return await self._store.run(
            lambda session: self.move_in(session, request_id, from_stages=from_stages, to=to, words=words)
        )

    def move_in(
        self, session: Session, request_id: str, *, from_stages: Iterable[Stage], to: Stage, words: str = ""
    ) -> bool:
        """Move a request within the caller's transaction: see `move`."""
        row = locked_request(session, request_id)
        if row.stage not in {stage.value for stage in from_stages}:
            return False
        row.stage, row.stage_words, row.updated_at = to.value, words, self._now()
        return True

    async def bump_board(self, shop: str, job: str) -> int:
        """Return the next revision of the job's board: each is higher than every one before.

        Raises: TruckrollError when the job has no request.
        """
        return await self._store.run(lambda session: self.bump_board_in(session, shop, job))

    @staticmethod
    def bump_board_in(session: Session, shop: str, job: str) -> int:
        """Return the next revision of the board within the caller's transaction: see `bump_board`."""
        of_job = (col(PartRequestRow.shop) == shop, col(PartRequestRow.job) == job)
        statement = select(PartRequestRow).where(*of_job).order_by(col(PartRequestRow.id)).with_for_update()
        rows = session.scalars(statement, execution_options={"populate_existing": True}).all()
        if not rows:
            raise TruckrollError(f"Job {job} has no part request.", "Run diagnosis-watch first.")
        revision = max(row.board_revision for row in rows) + 1
        for row in rows:
            row.board_revision = revision
        return revision


def locked_request(session: Session, request_id: str) -> PartRequestRow:
    """Read a request and keep others from changing it. Raises TruckrollError when it is not there."""
    row = session.get(PartRequestRow, request_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise TruckrollError(f"There is no part request {request_id}.", "See `truckroll status`.")
    return row


def _by_source(session: Session, shop: str, source_key: str) -> PartRequestRow | None:
    statement = select(PartRequestRow).where(
        col(PartRequestRow.shop) == shop, col(PartRequestRow.source_key) == source_key
    )
    return session.scalars(statement).one_or_none()


def _last_ordinal(session: Session, shop: str, diagnosed: DiagnosedPart) -> int:
    # By number too: the number is part of the request's id, and of the purchase order's.
    same_job = or_(col(PartRequestRow.job) == diagnosed.job, col(PartRequestRow.job_number) == _number_of(diagnosed))
    statement = select(func.max(PartRequestRow.ordinal)).where(col(PartRequestRow.shop) == shop, same_job)
    return session.scalar(statement) or 0


def _number_of(diagnosed: DiagnosedPart) -> str:
    return diagnosed.job_number or str(diagnosed.job)


def _new_request(shop: str, diagnosed: DiagnosedPart, ordinal: int, now: datetime) -> dict[str, Any]:
    row = PartRequestRow(
        id=f"{shop}-{_number_of(diagnosed)}-{ordinal}",
        shop=shop,
        job=diagnosed.job,
        job_number=_number_of(diagnosed),
        ordinal=ordinal,
        source_key=diagnosed.source_key,
        diagnosis=diagnosed.model_dump(mode="json"),
        stage=Stage.FOUND.value,
        description=diagnosed.description,
        technicians=[],
        technician_emails=[],
        created_at=now,
        updated_at=now,
    )
    return row.model_dump()
