"""Reading what happened to diagnosed parts, whole jobs at a time: for the report, which only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from models.approval import ApprovalStatus, Offer, OrderTerms
from models.job import DiagnosedPart
from models.part_history import RETRIED, FollowedOrder, PartEvent, PartHistory
from models.request import CLOSED, Stage
from models.tables import ApprovalRow, AuditRow, HeldRow, OutboxRow, PartOrderRow, PartRequestRow
from store.bulk import among
from store.session import Store

PROCESS = "parts-loop"
BOARD = "job-board"
"""The held list of what a job refused; its records are keys of the outbox."""

_EVENTS = [*(stage.value for stage in Stage), RETRIED]


class PartHistories:
    """The histories of the diagnosed parts of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def first_found_at(self, shop: str) -> datetime | None:
        """Return when the shop's first diagnosis was read; None when there was none."""
        statement = select(func.min(col(PartRequestRow.created_at))).where(col(PartRequestRow.shop) == shop)
        return await self._store.read(lambda session: session.scalar(statement))

    async def of(self, shop: str, since: datetime, until: datetime) -> list[PartHistory]:
        """Return all parts of the jobs that have one from this period, from `since` to before `until`.

        A part that was put back on the job counts from then on, so what changed later is read too.
        """
        in_period = (col(PartRequestRow.created_at) < until, col(PartRequestRow.updated_at) >= since)
        return await self._store.read(lambda session: _read(session, shop, in_period))

    async def standing(self, shop: str) -> list[PartHistory]:
        """Return all parts of the jobs that have an open one, or one whose job lacks something."""
        is_open = ~col(PartRequestRow.stage).in_([stage.value for stage in CLOSED])

        def read(session: Session) -> list[PartHistory]:
            untold = _untold(session, shop)
            return _read(session, shop, (or_(is_open, among(session, col(PartRequestRow.id), list(untold))),))

        return await self._store.read(read)


def _read(session: Session, shop: str, chosen: Sequence[Any]) -> list[PartHistory]:
    jobs = select(col(PartRequestRow.job)).where(col(PartRequestRow.shop) == shop, *chosen)
    statement = select(PartRequestRow).where(col(PartRequestRow.shop) == shop, col(PartRequestRow.job).in_(jobs))
    requests = session.scalars(statement.order_by(col(PartRequestRow.created_at), col(PartRequestRow.id))).all()
    ids = [request.id for request in requests]
    events, orders, questions = _events(session, shop, ids), _orders(session, ids), _questions(session, ids)
    untold = _untold(session, shop)
    return [
        _history(request, events[request.id], orders[request.id], questions[request.id], untold.get(request.id))
        for request in requests
    ]


def _history(
    request: PartRequestRow,
    events: Sequence[PartEvent],
    orders: Sequence[FollowedOrder],
    questions: Sequence[ApprovalRow],
    untold_since: datetime | None,
) -> PartHistory:
    diagnosed = DiagnosedPart.model_validate(request.diagnosis)
    used = next((each for each in questions if each.status == ApprovalStatus.CONSUMED and each.terms), None)
    asked = next((each for each in questions if each.status == ApprovalStatus.REQUESTED), None)
    return PartHistory(
        request_id=request.id,
        job=request.job,
        job_number=request.job_number,
        part=request.part_number or next(iter(diagnosed.numbers), ""),
        stage=Stage(request.stage),
        found_at=request.created_at,
        technicians=tuple(request.technicians),
        model=diagnosed.appliance.model,
        events=tuple(events),
        offer=Offer.model_validate(used.offer) if used else None,
        terms=OrderTerms.model_validate(used.terms) if used else None,
        asked_until=asked.expires_at if asked else None,
        po_number=request.po_number,
        orders=tuple(orders),
        untold_since=untold_since,
    )


def _events(session: Session, shop: str, ids: Sequence[str]) -> Mapping[str, list[PartEvent]]:
    statement = select(AuditRow).where(
        col(AuditRow.shop) == shop,
        among(session, col(AuditRow.record), ids),
        col(AuditRow.process) == PROCESS,
        col(AuditRow.event).in_(_EVENTS),
    )
    found: dict[str, list[PartEvent]] = defaultdict(list)
    for row in session.scalars(statement.order_by(col(AuditRow.id))):
        found[row.record].append(PartEvent(row.at, row.event, tuple(row.detail.get("placed", ()))))
    return found


def _orders(session: Session, ids: Sequence[str]) -> Mapping[str, list[FollowedOrder]]:
    statement = select(PartOrderRow).where(among(session, col(PartOrderRow.request_id), ids))
    found: dict[str, list[FollowedOrder]] = defaultdict(list)
    for row in session.scalars(statement.order_by(col(PartOrderRow.id))):
        order = FollowedOrder(row.order_number, row.invoice_number, tuple(row.tracking), row.is_open, row.looked_at)
        found[row.request_id].append(order)
    return found


def _questions(session: Session, ids: Sequence[str]) -> Mapping[str, list[ApprovalRow]]:
    """Return the questions by request, the first that was used first; of those that stand there is one."""
    statement = select(ApprovalRow).where(
        among(session, col(ApprovalRow.request_id), ids),
        col(ApprovalRow.status).in_([ApprovalStatus.CONSUMED.value, ApprovalStatus.REQUESTED.value]),
    )
    found: dict[str, list[ApprovalRow]] = defaultdict(list)
    for row in session.scalars(statement.order_by(col(ApprovalRow.revision))):
        found[row.request_id].append(row)
    return found


def _untold(session: Session, shop: str) -> dict[str, datetime]:
    """Return since when a job lacks something of a part: what waits to be told, and what the job refused."""
    held = (col(HeldRow.shop) == shop, col(HeldRow.process) == BOARD, col(HeldRow.released_at).is_(None))
    refused = select(col(HeldRow.record)).where(*held)
    statement = select(OutboxRow).where(
        col(OutboxRow.shop) == shop, or_(col(OutboxRow.told_at).is_(None), col(OutboxRow.key).in_(refused))
    )
    found: dict[str, datetime] = {}
    for row in session.scalars(statement.order_by(col(OutboxRow.id))):
        found.setdefault(row.request_id, row.created_at)
    return found
