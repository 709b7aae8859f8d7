"""The gate: questions, answers, and the one permission that follows. The truth about approvals. DESIGN section 5.

Every step is a compare-and-set on the row's status, so of two people, two workers or two buttons, one wins. Only
`consume` and `read_consumed` make an `Approval`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from models.approval import Accepted, Approval, ApprovalStatus, Offer, OrderTerms
from models.base import ApprovalId, RequestId, utc_now
from models.errors import HeldError
from models.tables import ApprovalRow
from store.requests import locked_request
from store.session import Store
from store.sql import aware, changed

_STANDING = (ApprovalStatus.REQUESTED.value, ApprovalStatus.APPROVED.value)


class Approvals:
    """The gate of one store."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def ask(
        self,
        request_id: str,
        *,
        offer: Offer,
        question: str,
        approvers: Iterable[str] = (),
        expires_after: timedelta,
        now: datetime,
        flow_run_id: str = "",
        form_key: str = "",
    ) -> ApprovalRow:
        """Put a question, as the request's next revision; an older one that still stands becomes void with it.

        The same offer (whenever it was quoted) that stands already is not asked again: its row is returned.
        Empty `approvers`: anyone may answer.
        Raises: TruckrollError when there is no such request.
        """
        return await self._store.run(
            lambda session: self.ask_in(
                session,
                request_id,
                offer=offer,
                question=question,
                approvers=approvers,
                expires_after=expires_after,
                now=now,
                flow_run_id=flow_run_id,
                form_key=form_key,
            )
        )

    def ask_in(
        self,
        session: Session,
        request_id: str,
        *,
        offer: Offer,
        question: str,
        approvers: Iterable[str] = (),
        expires_after: timedelta,
        now: datetime,
        flow_run_id: str = "",
        form_key: str = "",
    ) -> ApprovalRow:
        """Put a question within the caller's transaction: see `ask`."""
        request = locked_request(session, request_id)  # one question at a time
        newest = _newest(session, request_id)
        if newest is not None and _still_asks(newest, offer, aware(now)):
            return newest
        revision = (newest.revision if newest is not None else 0) + 1
        older = (col(ApprovalRow.request_id) == request_id, col(ApprovalRow.status).in_(_STANDING))
        because = f"The offer moved: question {revision} replaces this one."
        closed = {"status": ApprovalStatus.VOID.value, "closed_because": because}
        changed(session, update(ApprovalRow).where(*older).values(**closed))
        row = ApprovalRow(
            id=f"{request_id}-r{revision}",
            shop=request.shop,
            request_id=request_id,
            revision=revision,
            job=request.job,
            job_number=request.job_number,
            status=ApprovalStatus.REQUESTED.value,
            offer=offer.model_dump(mode="json"),
            question=question,
            approvers=list(approvers),
            nonce=secrets.token_urlsafe(24),
            asked_at=now,
            expires_at=aware(now) + expires_after,
            flow_run_id=flow_run_id,
            form_key=form_key,
        )
        session.add(row)
        request.revision, request.updated_at = revision, self._now()
        session.flush()
        return row

    async def answer(
        self, approval_id: str, accepted: Accepted, *, by: str, via: str, now: datetime, note: str = ""
    ) -> ApprovalRow | None:
        """Record the answer a rule accepted; None when it came too late: answered, replaced or expired before.

        `accepted.terms` None is a rejection.
        """
        return await self._store.run(
            lambda session: self.answer_in(session, approval_id, accepted, by=by, via=via, now=now, note=note)
        )

    def answer_in(
        self,
        session: Session,
        approval_id: str,
        accepted: Accepted,
        *,
        by: str,
        via: str,
        now: datetime,
        note: str = "",
    ) -> ApprovalRow | None:
        """Record an answer within the caller's transaction: see `answer`."""
        terms = accepted.terms
        status = ApprovalStatus.REJECTED if terms is None else ApprovalStatus.APPROVED
        is_open = (
            col(ApprovalRow.id) == approval_id,
            col(ApprovalRow.status) == ApprovalStatus.REQUESTED.value,
            col(ApprovalRow.expires_at) > aware(now),
        )
        answered = {
            "status": status.value,
            "decision": "reject" if terms is None else "approve",
            "decided_by": by,
            "decided_via": via,
            "decided_at": now,
            "note": note,
            "terms": None if terms is None else terms.model_dump(mode="json"),
            "digest": "" if terms is None else terms.digest(),
        }
        if not changed(session, update(ApprovalRow).where(*is_open).values(**answered)):
            return None
        return session.get_one(ApprovalRow, approval_id, populate_existing=True)

    def consume(self, session: Session, approval_id: str, po_number: str, now: datetime) -> Approval:
        """Use up an approval for one purchase order, within the caller's transaction (the `intent` of `once`).

        Raises: HeldError unless it is approved, unused, the newest question of its request, and its terms are the
        ones that were approved.
        """
        row = session.get(ApprovalRow, approval_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise _refused(approval_id, "does not exist")
        if row.status != ApprovalStatus.APPROVED.value:
            raise _refused(approval_id, f"is {row.status}")
        newest = _newest(session, row.request_id)
        if newest is not None and newest.revision > row.revision:
            raise _refused(approval_id, f"was overtaken by question {newest.revision}")
        approval = _permission(row, po_number)
        mine = (col(ApprovalRow.id) == approval_id, col(ApprovalRow.status) == ApprovalStatus.APPROVED.value)
        used = {"status": ApprovalStatus.CONSUMED.value, "consumed_at": aware(now), "po_number": po_number}
        if not changed(session, update(ApprovalRow).where(*mine).values(**used)):
            raise _refused(approval_id, "was used a moment ago")
        return approval

    async def read_consumed(self, approval_id: str) -> Approval:
        """Return the permission of an approval that was consumed, for the order it was consumed for.

        Raises: HeldError when it was not consumed, or its terms are not the ones that were approved.
        """
        row = await self.get(approval_id)
        if row is None:
            raise _refused(approval_id, "does not exist")
        if row.status != ApprovalStatus.CONSUMED.value:
            raise _refused(approval_id, f"is {row.status}, not used for an order")
        return _permission(row, row.po_number)

    async def expire_due(self, now: datetime) -> Sequence[ApprovalRow]:
        """Close the questions nobody answered in time, and return them. An approval in hand does not expire."""
        return await self._store.run(lambda session: self.expire_due_in(session, now))

    @staticmethod
    def expire_due_in(session: Session, now: datetime) -> Sequence[ApprovalRow]:
        """Close the questions nobody answered in time, within the caller's transaction: see `expire_due`."""
        due = (col(ApprovalRow.status) == ApprovalStatus.REQUESTED.value, col(ApprovalRow.expires_at) <= aware(now))
        statement = select(ApprovalRow).where(*due).order_by(col(ApprovalRow.id)).with_for_update()
        rows = session.scalars(statement).all()
        for row in rows:
            row.status, row.closed_because = ApprovalStatus.EXPIRED.value, "Nobody answered in time."
        return rows

    async def void(self, approval_id: str, because: str) -> bool:
        """Close a question, or an approval not used yet: the offer moved, or the job ended. False: it was closed."""
        return await self._store.run(lambda session: self.void_in(session, approval_id, because))

    @staticmethod
    def void_in(session: Session, approval_id: str, because: str) -> bool:
        """Close a question within the caller's transaction: see `void`."""
        standing = (col(ApprovalRow.id) == approval_id, col(ApprovalRow.status).in_(_STANDING))
        closed = {"status": ApprovalStatus.VOID.value, "closed_because": because}
        return bool(changed(session, update(ApprovalRow).where(*standing).values(**closed)))

    async def get(self, approval_id: str) -> ApprovalRow | None:
        """Return one question."""
        return await self._store.read(lambda session: session.get(ApprovalRow, approval_id))

    async def newest(self, request_id: str) -> ApprovalRow | None:
        """Return the newest question of a request, whatever became of it."""
        return await self._store.read(lambda session: _newest(session, request_id))

    async def list(
        self,
        shop: str | None = None,
        *,
        statuses: Iterable[ApprovalStatus] | None = None,
        request_id: str | None = None,
    ) -> Sequence[ApprovalRow]:
        """Return the questions, the oldest first."""
        statement = select(ApprovalRow).order_by(col(ApprovalRow.asked_at), col(ApprovalRow.id))
        if shop is not None:
            statement = statement.where(col(ApprovalRow.shop) == shop)
        if request_id is not None:
            statement = statement.where(col(ApprovalRow.request_id) == request_id)
        if statuses is not None:
            statement = statement.where(col(ApprovalRow.status).in_([status.value for status in statuses]))
        return await self._store.read(lambda session: session.scalars(statement).all())

    async def set_run(self, approval_id: str, flow_run_id: str, form_key: str, form_schema: str = "") -> None:
        """Note which run shows the question, under which form, and the form's JSON schema."""
        statement = (
            update(ApprovalRow)
            .where(col(ApprovalRow.id) == approval_id)
            .values(flow_run_id=flow_run_id, form_key=form_key, form_schema=form_schema)
        )
        await self._store.run(lambda session: changed(session, statement))

    async def claim_reminder(self, approval_id: str, number: int) -> bool:
        """Take the sending of reminder `number` (from 1) upon oneself; False when it went out, or is not due.

        Claimed before it is sent: a reminder may be lost, but is never sent twice.
        """
        due = (
            col(ApprovalRow.id) == approval_id,
            col(ApprovalRow.status) == ApprovalStatus.REQUESTED.value,
            col(ApprovalRow.reminded) == number - 1,
        )
        statement = update(ApprovalRow).where(*due).values(reminded=number)
        return bool(await self._store.run(lambda session: changed(session, statement)))


def _newest(session: Session, request_id: str) -> ApprovalRow | None:
    statement = select(ApprovalRow).where(col(ApprovalRow.request_id) == request_id)
    return session.scalars(statement.order_by(col(ApprovalRow.revision).desc()).limit(1)).one_or_none()


def _still_asks(row: ApprovalRow, offer: Offer, now: datetime) -> bool:
    if row.status not in _STANDING or (row.status == ApprovalStatus.REQUESTED.value and row.expires_at <= now):
        return False
    same_time = {"quoted_at": offer.quoted_at}
    return Offer.model_validate(row.offer).model_copy(update=same_time) == offer


def _permission(row: ApprovalRow, po_number: str) -> Approval:
    try:
        terms = OrderTerms.model_validate(row.terms)
    except ValidationError:
        raise _refused(row.id, "has terms that cannot be read") from None
    if not row.digest or not secrets.compare_digest(terms.digest(), row.digest):
        raise _refused(row.id, "has other terms than those that were approved")
    if row.decided_at is None or not row.decided_by:
        raise _refused(row.id, "does not say who approved it")
    return Approval(
        approval_id=ApprovalId(row.id),
        request_id=RequestId(row.request_id),
        revision=row.revision,
        terms=terms,
        digest=row.digest,
        po_number=po_number,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def _refused(approval_id: str, why: str) -> HeldError:
    return HeldError(f"Approval {approval_id} {why}: nothing is ordered on it.", "Ask again.", "approval")
