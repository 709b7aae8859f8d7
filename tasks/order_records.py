"""What is kept of a store order on its way: where it stands, which rule found its customer, what was written.

Each step is one transaction with its line in the audit log (OI-72).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from decisions.order_intake import SOON, Reason, Seen
from models.errors import HeldError, TruckrollError
from models.order_sync import CustomerAccount, MembershipSold, OrderStage, WrittenPart
from models.store_order import StoreOrder
from models.tables import StoreOrderRow
from tasks.house import House
from tasks.store_jobs import job_effect
from tasks.store_orders import PROCESS


@dataclass(frozen=True)
class MatchedBy:
    """How the customer was found, for people and the audit log."""

    rule: str
    """email, phone, name_address, or new."""
    tie_break: str = ""


@dataclass(frozen=True)
class Whose:
    """The customer and the location of an order, and how they were found."""

    account: CustomerAccount
    matched: MatchedBy


_NEW_BOOKS = "order-to-invoice/new-books"
_DONE = "done"


async def has_new_books(house: House) -> bool:
    """Tell whether no pass was finished yet with these books: what earlier ones wrote is not in them."""
    return await house.books.cursors.get(house.shop.name, _NEW_BOOKS) is None


async def note_first_pass(house: House) -> None:
    """Note that a pass went through everything that was due."""
    if await has_new_books(house):
        await house.books.cursors.set(house.shop.name, _NEW_BOOKS, _DONE)


def seen_of(row: StoreOrderRow) -> Seen | None:
    """Return what earlier passes did with the order; None when it is new."""
    written = StoreOrder.model_validate(row.written) if row.written else None
    if written is None and row.settled_version is None:
        return None
    settled = row.settled_version or 0
    begun = written.version if written else 0
    return Seen(
        version=max(settled, begun),
        is_settled=settled >= begun,
        is_synced=written is not None,
        written=written,
        is_cancel_proposed=row.is_cancel_asked,
        refunded=Decimal(row.refund_asked),
    )


def is_unfinished(row: StoreOrderRow) -> bool:
    """Tell whether the writing of a version was begun and not ended."""
    seen = seen_of(row)
    return seen is not None and seen.is_synced and not seen.is_settled


async def has_job(house: House, order: StoreOrder) -> bool:
    """Tell whether a job of the order was booked, or may have been."""
    keys = [job_effect(house.shop.name, order, kind) for kind in ("product", "service")]
    return any([await house.books.effects.status(key) is not None for key in keys])


def order_of(row: StoreOrderRow) -> StoreOrder:
    """Return the order at its newest version."""
    return StoreOrder.model_validate(row.order)


@dataclass(frozen=True)
class Fresh:
    """An order as it is kept now, and those placed shortly before it that it may repeat (OI-68)."""

    row: StoreOrderRow
    order: StoreOrder
    alike: tuple[StoreOrder, ...]


async def read_fresh(house: House, order_id: str) -> Fresh | None:
    """Read an order anew; None when it is not there."""
    row, alike = await house.books.store_orders.with_alike(house.shop.name, order_id, SOON)
    return Fresh(row, order_of(row), tuple(order_of(other) for other in alike)) if row else None


async def begin(
    house: House,
    order: StoreOrder,
    settings_version: str,
    *,
    warnings: Sequence[str] | None = None,
    whose: Whose | None = None,
) -> StoreOrderRow:
    """Note that this version is being written: from here on a change in the store is for a person (OI-69).

    `warnings`: what was noticed so far. They are kept before the account is written: a pass that goes on after a crash
    finds the order begun, and does not notice all of it again (OI-15, OI-68).
    `whose`: the account, where it is there already, so that `remember_account` is not needed.
    """
    told = {} if warnings is None else {"warnings": list(dict.fromkeys(warnings))}

    def note(session: Session) -> StoreOrderRow:
        row = house.books.store_orders.update_in(
            session,
            house.shop.name,
            order.id,
            version=order.version,
            stage=OrderStage.WRITING,
            stage_words=f"Version {order.version} is being written.",
            written=order.model_dump(mode="json"),
            settings_version=settings_version,
            **told,
        )
        return _note_account(house, session, order, whose) if whose else row

    return await house.books.store.run(note)


async def remember_account(house: House, order: StoreOrder, whose: Whose) -> StoreOrderRow:
    """Keep whose order it is: a pass that goes on later does not ask again."""
    return await house.books.store.run(lambda session: _note_account(house, session, order, whose))


def _note_account(house: House, session: Session, order: StoreOrder, whose: Whose) -> StoreOrderRow:
    account, matched = whose.account, whose.matched
    kept = {"customer": account.customer, "location": account.location}
    row = house.books.store_orders.update_in(session, house.shop.name, order.id, matched_by=matched.rule, **kept)
    detail = {"rule": matched.rule, "tie_break": matched.tie_break, **kept, "warnings": row.warnings}
    house.books.audit.append_in(session, row.shop, PROCESS, row.number, "matched", detail=detail)
    return row


async def remember_part(house: House, order: StoreOrder, part: WrittenPart) -> StoreOrderRow:
    """Keep what a part became."""

    def keep(session: Session) -> StoreOrderRow:
        row = house.books.store_orders.update_in(session, house.shop.name, order.id)
        return house.books.store_orders.update_in(session, house.shop.name, order.id, parts=_with(row, [part]))

    return await house.books.store.run(keep)


def _with(row: StoreOrderRow, parts: Sequence[WrittenPart]) -> list[dict[str, Any]]:
    """Return the order's parts, these among them as they are now."""
    kinds = {part.kind for part in parts}
    others = [one for one in row.parts if one["kind"] not in kinds]
    return [*others, *(part.model_dump(mode="json") for part in parts)]


async def remember_memberships(
    house: House, order: StoreOrder, sold: Sequence[MembershipSold], warnings: Sequence[str]
) -> StoreOrderRow:
    """Keep what became of the memberships, and what their invoices tell, beside what was told before (OI-63)."""

    def keep(session: Session) -> StoreOrderRow:
        row = house.books.store_orders.update_in(session, house.shop.name, order.id)
        told = list(dict.fromkeys([*row.warnings, *warnings]))
        row = house.books.store_orders.update_in(session, house.shop.name, order.id, warnings=told)
        detail = {"sold": [one.model_dump() for one in sold], "warnings": list(warnings)}
        house.books.audit.append_in(session, row.shop, PROCESS, row.number, "memberships", detail=detail)
        return row

    return await house.books.store.run(keep)


async def settle(
    house: House,
    order: StoreOrder,
    stage: OrderStage,
    words: str,
    *,
    reason: Reason | None = None,
    parts: Sequence[WrittenPart] = (),
) -> StoreOrderRow:
    """Close this version: written, or not to be written and why. A newer one that came meanwhile is decided anew.

    `parts`: what was written of it, where that is not remembered yet.
    """

    def close(session: Session) -> StoreOrderRow:
        row = house.books.store_orders.update_in(
            session,
            house.shop.name,
            order.id,
            version=order.version,
            stage=stage,
            stage_words=words,
            settled_version=order.version,
            ignored=reason.name if reason else "",
        )
        if row.written is not None:
            row.written = order.model_dump(mode="json")
        row.parts = _with(row, parts)
        detail = {
            "version": order.version,
            "words": words,
            "parts": row.parts,
            "settings": row.settings_version,
            "customer": row.customer,
        }
        house.books.audit.append_in(session, row.shop, PROCESS, row.number, stage.value, detail=detail)
        house.books.held.release_in(session, row.shop, PROCESS, row.number)
        return row

    return await house.books.store.run(close)


async def wait(house: House, order: StoreOrder, words: str) -> None:
    """Let the order wait for what the store will tell by itself."""
    await house.books.store_orders.update(
        house.shop.name, order.id, version=order.version, stage=OrderStage.WAITING, stage_words=words
    )
    await house.books.held.release(house.shop.name, PROCESS, order.number or order.id)


async def hold(house: House, order: StoreOrder, error: TruckrollError) -> None:
    """Hold the order: kept, listed with reason and fix, decided anew on retry or with its next version (OI-70)."""
    field = error.field if isinstance(error, HeldError) else ""

    def keep(session: Session) -> None:
        row = house.books.store_orders.update_in(
            session,
            house.shop.name,
            order.id,
            version=order.version,
            stage=OrderStage.HELD,
            stage_words=error.message,
        )
        if not house.books.effects.has_begun_in(session, f"{row.shop}/order/{order.id}/"):
            row.written = None  # nothing reached ServiceTitan: the next version is an order like any other
        if row.stage != OrderStage.HELD:
            return
        house.books.held.hold_in(
            session, row.shop, PROCESS, row.number, reason=error.message, fix=error.fix, field=field
        )
        detail = {"version": order.version, "why": error.message, "field": field}
        house.books.audit.append_in(session, row.shop, PROCESS, row.number, "held", detail=detail)

    await house.books.store.run(keep)
