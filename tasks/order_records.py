"""What is kept of a store order on its way: where it stands, which rule found its customer, what was written.

Each step is one transaction with its line in the audit log (OI-72).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from decisions.order_intake import Reason, Seen
from models.errors import HeldError, TruckrollError
from models.order_sync import CustomerAccount, MembershipSold, OrderStage, WrittenPart
from models.store_order import StoreOrder
from models.tables import StoreOrderRow
from tasks.house import House
from tasks.store_jobs import job_effect
from tasks.store_orders import PROCESS

_CLOSE = timedelta(minutes=15)
_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class MatchedBy:
    """How the customer was found, for people and the audit log."""

    rule: str
    """email, phone, name_address, or new."""
    tie_break: str = ""


_NEW_BOOKS = "order-to-invoice/new-books"
_DONE = "done"


async def has_new_books(house: House) -> bool:
    """Tell whether no pass was finished yet with these books: what earlier ones wrote is not in them."""
    return await house.books.cursors.get(house.shop.name, _NEW_BOOKS) is None


async def note_first_pass(house: House) -> None:
    """Note that a pass went through everything that was due."""
    if await has_new_books(house):
        await house.books.cursors.set(house.shop.name, _NEW_BOOKS, _DONE)


def order_of(row: StoreOrderRow) -> StoreOrder:
    """Return the order at its newest version."""
    return StoreOrder.model_validate(row.order)


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


async def neighbours_of(house: House, order: StoreOrder) -> tuple[StoreOrder, ...]:
    """Return the orders placed shortly before this one, to be compared with it (OI-68)."""
    rows = await house.books.store_orders.placed_between(
        house.shop.name, order.created_at - _CLOSE, order.created_at + _A_MOMENT, basket=order.basket_key()
    )
    return tuple(order_of(row) for row in rows if row.order_id != order.id)


async def begin(
    house: House, order: StoreOrder, settings_version: str, *, warnings: Sequence[str] | None = None
) -> StoreOrderRow:
    """Note that this version is being written: from here on a change in the store is for a person (OI-69).

    `warnings`: what was noticed so far. They are kept before the account is written: a pass that goes on after a crash
    finds the order begun, and does not notice all of it again (OI-15, OI-68).
    """
    told = {} if warnings is None else {"warnings": list(dict.fromkeys(warnings))}
    return await house.books.store_orders.update(
        house.shop.name,
        order.id,
        version=order.version,
        stage=OrderStage.WRITING,
        stage_words=f"Version {order.version} is being written.",
        written=order.model_dump(mode="json"),
        settings_version=settings_version,
        **told,
    )


async def remember_account(
    house: House, order: StoreOrder, account: CustomerAccount, matched: MatchedBy, warnings: Sequence[str]
) -> StoreOrderRow:
    """Keep whose order it is: a pass that goes on later does not ask again."""
    told = list(warnings)

    def keep(session: Session) -> StoreOrderRow:
        row = house.books.store_orders.update_in(
            session,
            house.shop.name,
            order.id,
            customer=account.customer,
            location=account.location,
            matched_by=matched.rule,
            warnings=told,
        )
        detail = {
            "rule": matched.rule,
            "tie_break": matched.tie_break,
            "customer": account.customer,
            "location": account.location,
            "warnings": told,
        }
        house.books.audit.append_in(session, row.shop, PROCESS, row.number, "matched", detail=detail)
        return row

    return await house.books.store.run(keep)


async def remember_part(house: House, order: StoreOrder, part: WrittenPart) -> StoreOrderRow:
    """Keep what a part became."""

    def keep(session: Session) -> StoreOrderRow:
        row = house.books.store_orders.update_in(session, house.shop.name, order.id)
        others = [one for one in row.parts if one["kind"] != part.kind]
        return house.books.store_orders.update_in(
            session, house.shop.name, order.id, parts=[*others, part.model_dump(mode="json")]
        )

    return await house.books.store.run(keep)


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
    house: House, order: StoreOrder, stage: OrderStage, words: str, *, reason: Reason | None = None
) -> StoreOrderRow:
    """Close this version: written, or not to be written and why. A newer one that came meanwhile is decided anew."""

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
