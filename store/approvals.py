"""The gate: questions, answers, and the one permission that follows. The truth about approvals. DESIGN section 5.

Two kinds of question: may this part be ordered, and what becomes of a written store order that changed. Every step is
a compare-and-set on the row's status, so of two people, two workers or two buttons, one wins. Only `consume` and
`read_consumed` make an `Approval`, and only `consume_change` a `ChangeApproval`.
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
from models.errors import BusyError, HeldError, TruckrollError
from models.order_change import KIND, AcceptedChange, ChangeApproval, ChangeTerms, OrderChange
from models.tables import ApprovalRow, StoreOrderRow
from store.requests import locked_request
from store.session import Store
from store.sql import aware, changed

_STANDING = (ApprovalStatus.REQUESTED.value, ApprovalStatus.APPROVED.value)
_ANSWERED = (ApprovalStatus.APPROVED.value, ApprovalStatus.CONSUMED.value, ApprovalStatus.REJECTED.value)
"""Of a store order's change: open until what follows is done, which `closed_because` then tells."""
_BEGUN = (ApprovalStatus.CONSUMED.value, ApprovalStatus.REJECTED.value)
"""Answers that cannot be replaced any more by a newer question, only carried out."""


class Approvals:
    """The gate of one store."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

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
        """Put a question within the caller's transaction, as the request's next revision; an older one becomes void.

        The same offer (whenever it was quoted) that stands already is not asked again: its row is returned.
        Empty `approvers`: anyone may answer.
        Raises: TruckrollError when there is no such request.
        """
        request = locked_request(session, request_id)  # one question at a time
        newest = _newest(session, request_id)
        if newest is not None and _still_asks(newest, offer, aware(now)):
            return newest
        revision = (newest.revision if newest is not None else 0) + 1
        _replace(session, request_id, f"The offer moved: question {revision} replaces this one.")
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

    def ask_change_in(
        self,
        session: Session,
        request_id: str,
        *,
        change: OrderChange,
        question: str,
        expires_after: timedelta,
        now: datetime,
    ) -> ApprovalRow:
        """Ask what becomes of a store order that changed, within the caller's transaction. Anyone may answer.

        A question that asks the same stands, also for a newer version of the order; one that asks something else
        becomes void with the new one, and so does a yes that nothing was written on yet.
        Raises: TruckrollError when there is no such order; BusyError while an answer to it is not carried out.
        """
        order = _locked_store_order(session, request_id)  # one question at a time
        newest = _newest(session, request_id)
        is_begun = newest is not None and newest.status in _BEGUN and not newest.closed_because
        if newest is not None and is_begun:
            raise BusyError(f"The answer to {newest.id} is still to be carried out.", "The next pass does it.")
        if newest is not None and _still_asks_change(newest, change, aware(now)):
            newest.offer = change.model_dump(mode="json")
            session.flush()
            return newest
        revision = (newest.revision if newest is not None else 0) + 1
        # The run that waits with an older question goes on with this one: `reconcile` wakes it.
        standing = newest if newest is not None and newest.status in _STANDING else None
        run, schema = (standing.flow_run_id, standing.form_schema) if standing else ("", "")
        _replace(session, request_id, f"The order changed again: question {revision} replaces this one.")
        numbers = ", ".join(job.number for job in change.jobs)
        row = ApprovalRow(
            id=f"{request_id}-r{revision}",
            kind=KIND,
            shop=order.shop,
            request_id=request_id,
            revision=revision,
            job=str(change.jobs[0].job) if change.jobs else "",
            job_number=numbers,
            status=ApprovalStatus.REQUESTED.value,
            offer=change.model_dump(mode="json"),
            question=question,
            approvers=[],
            nonce=secrets.token_urlsafe(24),
            asked_at=now,
            expires_at=aware(now) + expires_after,
            flow_run_id=run,
            form_schema=schema,
        )
        session.add(row)
        session.flush()
        return row

    async def answer(
        self, approval_id: str, accepted: Accepted | AcceptedChange, *, by: str, via: str, now: datetime, note: str = ""
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
        accepted: Accepted | AcceptedChange,
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

    def consume_change(self, session: Session, approval_id: str, now: datetime) -> ChangeApproval:
        """Use up the approval of an order's change, within the caller's transaction (the `intent` of its first write).

        A change may need several writes: for those after the first it gives the permission again, until the change
        is closed as carried out.
        Raises: HeldError unless it is approved, the newest question of its order, and its terms are the ones that
        were approved.
        """
        named = session.get(ApprovalRow, approval_id)
        if named is None or named.kind != KIND:
            raise _refused_change(approval_id, "does not exist")
        _locked_store_order(session, named.request_id)  # nobody replaces the question meanwhile
        row = session.get_one(ApprovalRow, approval_id, with_for_update=True, populate_existing=True)
        if row.status not in {ApprovalStatus.APPROVED.value, ApprovalStatus.CONSUMED.value} or row.closed_because:
            raise _refused_change(approval_id, f"is {row.status}")
        newest = _newest(session, row.request_id)
        if newest is not None and newest.revision > row.revision:
            raise _refused_change(approval_id, f"was overtaken by question {newest.revision}")
        permission = _change_permission(row)
        if row.status == ApprovalStatus.APPROVED.value:
            row.status, row.consumed_at = ApprovalStatus.CONSUMED.value, aware(now)
            session.flush()
        return permission

    async def read_consumed_change(self, approval_id: str) -> ChangeApproval:
        """Return the permission of a change whose writing was begun. Raises: HeldError when it was not."""
        row = await self.get(approval_id)
        if row is None or row.kind != KIND or row.status != ApprovalStatus.CONSUMED.value:
            raise _refused_change(approval_id, f"is {row.status if row else 'not there'}, not used for a change")
        return _change_permission(row)

    def close_change_in(self, session: Session, approval_id: str, words: str) -> bool:
        """Note that an answered change is carried out, within the caller's transaction. False: it was before."""
        mine = (
            col(ApprovalRow.id) == approval_id,
            col(ApprovalRow.status).in_(_ANSWERED),
            col(ApprovalRow.closed_because) == "",
        )
        return bool(changed(session, update(ApprovalRow).where(*mine).values(closed_because=words)))

    async def open_changes(self, shop: str) -> Sequence[ApprovalRow]:
        """Return the questions about store orders that wait for their answer, or for what follows from it."""
        statement = (
            select(ApprovalRow)
            .where(
                col(ApprovalRow.shop) == shop,
                col(ApprovalRow.kind) == KIND,
                col(ApprovalRow.status).in_([ApprovalStatus.REQUESTED.value, *_ANSWERED]),
                col(ApprovalRow.closed_because) == "",
            )
            .order_by(col(ApprovalRow.asked_at), col(ApprovalRow.id))
        )
        return await self._store.read(lambda session: session.scalars(statement).all())

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
        """Close the questions nobody answered in time, within the caller's transaction: see `expire_due`.

        A question about a store order waits; one that is too old to be answered is asked anew.
        """
        due = (
            col(ApprovalRow.status) == ApprovalStatus.REQUESTED.value,
            col(ApprovalRow.expires_at) <= aware(now),
            col(ApprovalRow.kind) != KIND,
        )
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

    @staticmethod
    def newest_in(session: Session, request_id: str) -> ApprovalRow | None:
        """Return the newest question within the caller's transaction: see `newest`."""
        return _newest(session, request_id)

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


def _replace(session: Session, request_id: str, because: str) -> None:
    older = (col(ApprovalRow.request_id) == request_id, col(ApprovalRow.status).in_(_STANDING))
    closed = {"status": ApprovalStatus.VOID.value, "closed_because": because}
    changed(session, update(ApprovalRow).where(*older).values(**closed))


def _locked_store_order(session: Session, request_id: str) -> StoreOrderRow:
    statement = select(StoreOrderRow).where(col(StoreOrderRow.request_id) == request_id).with_for_update()
    row = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise TruckrollError(f"There is no store order {request_id}.", "Run order-to-invoice first.")
    return row


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


def _still_asks_change(row: ApprovalRow, change: OrderChange, now: datetime) -> bool:
    if row.status not in _STANDING or (row.status == ApprovalStatus.REQUESTED.value and row.expires_at <= now):
        return False
    return OrderChange.model_validate(row.offer).asks_the_same(change)


def _change_permission(row: ApprovalRow) -> ChangeApproval:
    try:
        terms = ChangeTerms.model_validate(row.terms)
    except ValidationError:
        raise _refused_change(row.id, "has terms that cannot be read") from None
    if not row.digest or not secrets.compare_digest(terms.digest(), row.digest):
        raise _refused_change(row.id, "has other terms than those that were approved")
    if row.decided_at is None or not row.decided_by:
        raise _refused_change(row.id, "does not say who approved it")
    return ChangeApproval(
        approval_id=ApprovalId(row.id),
        terms=terms,
        digest=row.digest,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def _refused_change(approval_id: str, why: str) -> HeldError:
    return HeldError(f"Approval {approval_id} {why}: nothing is written on it.", "Run order-to-invoice.", "approval")


def _refused(approval_id: str, why: str) -> HeldError:
    return HeldError(f"Approval {approval_id} {why}: nothing is ordered on it.", "Ask again.", "approval")
