"""Setting held work free: a person has looked, and says that it may be tried again."""

from __future__ import annotations

from sqlalchemy.orm import Session

from decisions.words import customers
from models.booking import ReferralStage
from models.errors import TruckrollError
from models.order_sync import OrderStage
from models.outgoing import Outgoing
from models.part import Placement
from models.request import Stage
from models.tables import HeldRow, PartRequestRow
from store import Books
from store.effects import model_codec
from tasks.board_keys import JOB_BOARD, board_key
from tasks.contact_sync import PROCESS as CONTACT_SYNC
from tasks.contact_sync import campaign_of, sync_once_more
from tasks.customers import forget_account
from tasks.order_records import order_of
from tasks.parts import order_key
from tasks.prefect_api import prefect_api
from tasks.pricebook import forget_items
from tasks.referral_follow import ITS_BOOKING
from tasks.referred_people import PROCESS as REFERRALS
from tasks.referred_people import person_in
from tasks.runs import find_parts_loop, start_orders_run, start_run
from tasks.store_orders import PROCESS as STORE_ORDERS

RETRIED_AS = {Stage.HELD: Stage.FOUND, Stage.EXPIRED: Stage.FOUND}


async def retry(books: Books, held_id: int, *, placed: tuple[str, ...] = (), not_placed: bool = False) -> str:
    """Take a record off the held list, so that the next pass tries it again. Returns words for the person.

    An order whose answer was lost needs the person's word: `placed` with the distributor's order numbers, or
    `not_placed`. After "not placed" the technician is asked again, and a new order has a new number.
    Raises: TruckrollError when there is nothing to retry, or the word is missing.
    """
    held = await books.held.get(held_id)
    if held is None or held.released_at is not None:
        raise TruckrollError(f"Nothing is held under {held_id}.", "`truckroll held list` shows what is.")
    if held.process == JOB_BOARD:
        return await _write_again(books, held)
    if held.process == STORE_ORDERS:
        return await _write_order_again(books, held)
    if held.process == REFERRALS:
        return await _book_again(books, held)
    if held.process == CONTACT_SYNC:
        return await _sync_again(books, held)
    request = await books.requests.get(held.record) if held.process == "parts-loop" else None
    if request is None:
        await books.held.release_by_id(held_id)
        return f"{held.record} is off the list."
    if request.stage == Stage.UNRESOLVED:
        words = await _settle_order(books, request, placed, not_placed=not_placed)
    elif placed or not_placed:
        raise TruckrollError(
            f"{request.id} has no order of unknown outcome.", "Retry it without --placed or --not-placed."
        )
    else:
        await books.requests.move(
            request.id, from_stages=RETRIED_AS, to=Stage.FOUND, words="Set free to be tried again."
        )
        words = f"{request.id} is tried again."
    await books.held.release_by_id(held_id)
    detail = {"words": words, "placed": placed}  # order numbers a person had to copy: PL-52 counts them
    await books.audit.append(request.shop, "parts-loop", request.id, "retried", detail=detail)
    return f"{words} {await _start(books, request.id)}".strip()


async def _write_again(books: Books, held: HeldRow) -> str:
    """Let an event be written into its job again; what had landed of it is looked for first."""

    def again(session: Session) -> None:
        row = books.outbox.again_in(session, held.record)
        if row is not None:
            books.effects.look_again_in(
                session, board_key(row.shop, row.job, Outgoing.model_validate(row.outgoing).key)
            )
        books.held.release_in(session, held.shop, held.process, held.record)

    await books.store.run(again)
    return f"{held.record} is written into the job again by the next pass."


async def _sync_again(books: Books, held: HeldRow) -> str:
    """Let a contact sync send once more what was refused: customers by the program, links by ServiceTitan."""
    campaign_id = campaign_of(held.record)
    again = 0 if campaign_id is None else await books.referrals.forget_refusals(held.shop, campaign_id)
    if again and campaign_id is not None:
        await sync_once_more(books, held.shop, campaign_id)
    await books.held.release(held.shop, held.process, held.record)
    await books.audit.append(held.shop, CONTACT_SYNC, held.record, "retried", detail={"customers": again})
    if not again:
        return f"{held.record} is off the list; the next pass looks again."
    return f"{held.record}: {customers(again)} will be tried again by the next pass."


async def _write_order_again(books: Books, held: HeldRow) -> str:
    """Let a store order be decided anew. Its customer and items are looked up again: one may have been the trouble."""
    row = await books.store_orders.by_number(held.shop, held.record)
    if row is None or row.stage == OrderStage.PROPOSED:
        words = (
            f"{held.record} waits for an answer (`truckroll approvals list`); what is answered, each pass tries again."
            if row
            else f"{held.record} is off the list; its next version is taken in by itself."
        )
        if row is None:
            await books.held.release(held.shop, held.process, held.record)
        return words
    order = order_of(row)
    await forget_items(books, held.shop, order)
    await forget_account(books, held.shop, order)
    await books.store_orders.retry(held.shop, held.record)
    await books.held.release(held.shop, held.process, held.record)
    await books.audit.append(held.shop, STORE_ORDERS, held.record, "retried")
    started = await start_orders_run(held.shop)
    return f"{held.record} is tried again{' at once' if started else ' by the next pass'}."


async def _book_again(books: Books, held: HeldRow) -> str:
    """Let a referred person be booked anew, also where another campaign has the e-mail: a person has looked."""
    if held.record.endswith(ITS_BOOKING):
        # Off the list it would be forgotten: what had changed of it is read only once.
        return f"{held.record}: it is looked at again with each pass, and is off the list once that succeeds."
    user_id = person_in(held.record)

    def again(session: Session) -> bool:
        books.held.release_in(session, held.shop, held.process, held.record)
        row = None if user_id is None else books.referred.held_in(session, held.shop, user_id)
        if row is not None:
            changes = {"stage": ReferralStage.NEW, "why": "Set free to be tried again.", "is_confirmed": True}
            books.referred.update_in(session, held.shop, row.user_id, **changes)
            books.audit.append_in(session, held.shop, REFERRALS, held.record, "retried")
        return row is not None

    is_again = await books.store.run(again)
    return f"{held.record} is {'tried again by the next pass' if is_again else 'off the list'}."


async def _settle_order(books: Books, request: PartRequestRow, placed: tuple[str, ...], *, not_placed: bool) -> str:
    if bool(placed) == not_placed:
        raise TruckrollError(
            f"It is not known whether order {request.po_number} was placed.",
            f"Ask the distributor for PO {request.po_number}, then say --placed ORDERNUMBER or --not-placed.",
        )
    question = await books.approvals.newest(request.id)
    if question is None:
        raise TruckrollError(f"{request.id} has no question.", "Diagnose the part again.")
    key = order_key(request.shop, question.id)

    def settle(session: Session, reference: str | None, to: Stage, words: str) -> None:
        books.effects.resolve_in(session, key, reference)
        books.requests.move_in(session, request.id, from_stages=(Stage.UNRESOLVED,), to=to, words=words)

    if placed:
        reference = model_codec(Placement).dump(Placement(order_numbers=placed, reason="confirmed by a person"))
        await books.store.run(
            lambda session: settle(session, reference, Stage.APPROVED, "Order confirmed by a person.")
        )
        return f"Order {', '.join(placed)} is taken as placed and followed from now on."
    await books.store.run(lambda session: settle(session, None, Stage.FOUND, "The order was not placed."))
    return "The technician is asked again; a new order gets a new number."


async def _start(books: Books, request_id: str) -> str:
    """Start the request's run at once where one is served; otherwise the next pass takes it."""
    request = await books.requests.get(request_id)
    if request is None:
        return ""
    async with prefect_api() as api:
        deployment = await find_parts_loop(api, request.shop)
        if api is None or deployment is None:
            return "The next pass of the parts loop takes it."
        await start_run(books, api, deployment, request, after=request.flow_run_id)
    return "Its run has started."
