"""Order to invoice: what the online store sold becomes customers, jobs and invoices in ServiceTitan, to the cent.

Reads like docs/processes/order-to-invoice.md. Every write is done once, so a pass that was killed anywhere is simply
run again: it goes on where the first one stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from decisions.invoicing import PartKind, membership_sales
from decisions.matching import Matched, NeedsReview, NewCustomer
from decisions.order_intake import (
    Hold,
    Ignore,
    Intake,
    Propose,
    Reason,
    Sync,
    Wait,
    decide_intake,
    is_taken_back,
    like_orders,
)
from decisions.order_plan import PartPlan, all_tags, plan_order
from decisions.words import as_sentence, listed, money
from flows.access import AWAY, ORDERS, how_it_ended, may_move, note_away, note_back
from flows.order_desk import Desk, go_through
from flows.running import finish
from flows.starting import start_change_runs
from models.errors import (
    DisconnectedError,
    HeldError,
)
from models.order_sync import CustomerAccount, OrderStage, WrittenPart
from models.report import RunItem, RunReport
from models.store_order import OrderState, StoreOrder
from models.tables import StoreOrderRow
from models.tenant import OrderChoices
from tasks.customers import (
    add_contacts,
    add_location,
    find_customer,
    one_buyer_at_a_time,
    open_account,
    read_account,
    tag_account,
)
from tasks.house import House, open_house
from tasks.invoices import build_invoice, record_payment
from tasks.job_tags import tag_completed
from tasks.memberships import pay_memberships, read_membership_terms, sell_memberships
from tasks.order_changes import carry_out_changes, propose_change
from tasks.order_checks import accounting_is_confirmed
from tasks.order_records import (
    Fresh,
    MatchedBy,
    Whose,
    begin,
    has_job,
    has_new_books,
    is_unfinished,
    note_first_pass,
    remember_account,
    remember_memberships,
    remember_part,
    seen_of,
    settle,
    wait,
)
from tasks.pricebook import ensure_items, known_items
from tasks.store_jobs import book_job
from tasks.store_orders import PROCESS, take_in_named_orders, take_in_orders

MOST_ROUNDS = 10
"""How often a pass looks whether the store told of more meanwhile; then the next pass does."""

VENDORS = ("Contractor Commerce", "ServiceTitan")


@flow(name="order-to-invoice", flow_run_name="order to invoice - {shop}")
async def order_to_invoice(shop: str) -> State[Any]:
    """Take in what the store sold since the last pass, and write every paid order into ServiceTitan.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.

    """
    report = RunReport(process=PROCESS, shop=shop)
    async with open_house(shop, moves_between=ORDERS) as house:
        if await _may_run(house, report):
            try:
                await _pass(Desk(house, report))
            except AWAY as error:
                await note_away(house, error)
                report.add(error.vendor or "vendor", how_it_ended(error), str(error))
            await note_back(house, report, VENDORS)
    return await finish(report, for_people=("failed", "held"))


async def _may_run(house: House, report: RunReport) -> bool:
    """Nothing is pushed before both sides are connected and something is switched on (OI-1)."""
    house.shop.need_servicetitan()
    house.shop.need_contractor_commerce()
    return await may_move(house, report, *ORDERS)


async def _pass(desk: Desk) -> None:
    house = desk.house
    desk.has_new_books = await has_new_books(house)
    for _ in range(MOST_ROUNDS):
        # 1. What changed in the store since the last pass, and what its deliveries name.
        named = await _take_in(desk)
        # 2. Each order, in the order they were placed.
        await go_through(desk, _decide)
        if not named or desk.is_closed:
            break
    # 12. Changes that a person has answered meanwhile; a run for each that still has to be answered.
    if not desk.is_closed:
        await note_first_pass(house)
        await carry_out_changes(house, desk.report)
        await start_change_runs(house)


async def _take_in(desk: Desk) -> int:
    """Return how many deliveries were looked at. With the store away, what is known already is still written."""
    shop = desk.house.shop.name
    try:
        unread = await take_in_orders(shop)
        named = await take_in_named_orders(shop)
    except DisconnectedError:
        raise
    except AWAY as error:
        await note_away(desk.house, error)
        desk.report.add(error.vendor or "store", "failed", str(error))
        return 0
    for one in (*unread, *named.unread):
        desk.report.add(one.record, "held", one.why)
    return named.count


async def _decide(desk: Desk, fresh: Fresh) -> RunItem:
    """Do what this version of the order asks for (docs/processes/order-to-invoice.md, step 2)."""
    house, row, order = desk.house, fresh.row, fresh.order
    intake = await _intake(desk, fresh)
    match intake:
        case Sync(warnings=warnings):
            return await _write(desk, row, order, warnings)
        case Wait(why=why):
            await wait(house, order, why)
            return RunItem(id=row.number, outcome="waiting", reason=why)
        case Ignore(reason=reason, why=why):
            stage = OrderStage.SYNCED if row.written else OrderStage.IGNORED
            await settle(house, order, stage, why, reason=reason)
            return RunItem(id=row.number, outcome="ignored", reason=why)
        case Propose(change=change, why=why):
            if is_taken_back(order) and not await has_job(house, order):
                why = "It was cancelled or refunded before a job was booked for it."
                await settle(house, order, OrderStage.IGNORED, why, reason=Reason.CANCELED)
                return RunItem(id=row.number, outcome="ignored", reason=why)
            if row.written and is_unfinished(row) and not is_taken_back(order):
                # What was begun is finished first: nobody could judge a change of half an order.
                await _write(desk, row, StoreOrder.model_validate(row.written), ())
                row = await house.books.store_orders.get(house.shop.name, order.id) or row
            approval = await propose_change(house, row, order, intake)
            reason_text = f"{change.value}: {why} `truckroll approvals show {approval}` says what will be done."
            return RunItem(id=row.number, outcome="held", reason=reason_text)
        case Hold(why=why, field=where, fix=fix):
            raise HeldError(as_sentence(why), fix, field=where)


async def _intake(desk: Desk, fresh: Fresh) -> Intake:
    settings, row, order = desk.settings, fresh.row, fresh.order
    if row.ignored == Reason.OFF.name:
        # A switch takes effect on the next order, not on past ones (OI-5).
        return Ignore(Reason.OFF, "It was placed while the sync of this kind of order was switched off.")
    seen = seen_of(row)
    alike = like_orders(order, fresh.alike)
    on = {"products_on": settings.products.enabled, "services_on": settings.services.enabled}
    intake = decide_intake(order, seen=seen, tenant_currency=order.currency, alike=alike, **on)
    if not isinstance(intake, Sync) or intake.is_update:
        return intake
    currency = (await desk.read()).currency
    return decide_intake(order, seen=seen, tenant_currency=currency, alike=alike, **on)


async def _write(desk: Desk, row: StoreOrderRow, order: StoreOrder, warnings: Sequence[str]) -> RunItem:
    """The order itself, step by step as on the process page."""
    house, shop = desk.house, desk.house.shop.name
    choices = await desk.read()

    if row.settled_version is not None and row.parts:
        return await _complete(house, row, order, choices)

    # 3. Everything that will be written, before the first write: what a setting lacks holds the order as a whole.
    plans = plan_order(order, desk.settings, choices, house.shop.zone)
    await _check_accounting(house, plans)
    sells = any(plan.part.kind is PartKind.SERVICE for plan in plans) and bool(membership_sales(order))
    terms = await read_membership_terms(shop, order) if sells else {}
    # 4. Whose order is it? By e-mail, then phone, then name with address; else a new customer.
    row, account = await _account(desk, row, order, all_tags(plans), warnings)
    # 5. Customer and location are tagged, so that anyone can see who has ordered in the store.
    if not account.has_tags(all_tags(plans)):
        account = await tag_account(shop, order, account, all_tags(plans))

    written = []
    for plan in plans:
        written.append(await _write_part(desk, order, plan, account))
        if sells or plan is not plans[-1]:
            await remember_part(house, order, written[-1])
    # 11. Memberships that were sold, each with the invoice of its sale paid.
    if sells:
        is_new = desk.has_new_books
        sold = await sell_memberships(shop, order, account, choices.services, terms, look_first=is_new)
        told = await pay_memberships(shop, order, account, choices.services, sold, look_first=is_new)
        row = await remember_memberships(house, order, sold, told)

    await settle(house, order, OrderStage.SYNCED, _said(written), parts=written)
    return _item(row, "synced", written)


async def _write_part(desk: Desk, order: StoreOrder, plan: PartPlan, account: CustomerAccount) -> WrittenPart:
    """One part of the cart: its items, its job, its invoice, its payment."""
    shop = desk.house.shop.name
    # 6. The sold items are in the pricebook, each once. What was sold before needs no step.
    items = await known_items(desk.house, plan.part) if plan.invoice else {}
    if items is None:
        items = await ensure_items(shop, order, plan.part, plan.choices)
    # 7. The job, with campaign, business unit, job type, visit and technician.
    job = await book_job(shop, order, plan, account, look_first=desk.has_new_books)
    total = None
    if plan.invoice:
        if job.invoice is None:
            raise HeldError(
                f"Job {job.number} has no invoice.", "Look at the job in ServiceTitan, then retry.", "invoice"
            )
        # 8. The invoice is built from them; it must come out to the cent.
        number, was_there = job.invoice, job.was_there
        total = await build_invoice(shop, order, job.kind, number, plan.invoice, items, look_first=was_there)
        # 9. The store has the money: it is recorded with the shop's payment type.
        if plan.payment:
            amount, type_id = plan.payment.to_record.amount, plan.payment.type_id
            await record_payment(shop, order, job.kind, number, account.customer, amount, type_id, look_first=was_there)
    # 10. Once the store completed the order, the job shows it.
    if plan.completed_tag is not None:
        await tag_completed(shop, order, job.job, plan.completed_tag)
    return WrittenPart(kind=job.kind, job=job.job, number=job.number, invoice=job.invoice, total=total)


async def _account(
    desk: Desk, row: StoreOrderRow, order: StoreOrder, tags: tuple[int, ...], warnings: Sequence[str]
) -> tuple[StoreOrderRow, CustomerAccount]:
    """Return the customer and the location, found or made. Raises HeldError when only a person can tell."""
    house, shop = desk.house, desk.house.shop.name
    version = (await desk.read()).version
    if row.customer is not None and row.location is not None:
        row = await begin(house, order, version)
        return row, await read_account(shop, order, row.customer or 0, row.location or 0)
    noticed = (*(row.warnings if row.written else ()), *warnings)
    async with one_buyer_at_a_time(house, order):
        found = await find_customer(shop, order)
        match found.match:
            case Matched(customer=customer, by=by, tie_break=tie_break, warnings=told):
                matched = MatchedBy(by.value, tie_break.value if tie_break else "")
                noticed = (*noticed, *told)
                if found.account is not None and not desk.settings.add_new_contacts:
                    whose = Whose(found.account, matched)
                    return await begin(house, order, version, warnings=noticed, whose=whose), whose.account
                await begin(house, order, version, warnings=noticed)
                account = found.account or await add_location(shop, order, int(customer), tags, found.customer_tags)
                if desk.settings.add_new_contacts:
                    await add_contacts(shop, order, account)
            case NewCustomer(warnings=told):
                matched = MatchedBy("new")
                await begin(house, order, version, warnings=(*noticed, *told))
                account = await open_account(shop, order, tags)
            case NeedsReview(candidates=candidates, why=why, fix=fix, by=by):
                who = f" Customers {listed(candidates, 'and')}." if candidates else ""
                raise HeldError(f"{as_sentence(why)}{who}", fix, field=by.value if by else "customer")
        return await remember_account(house, order, Whose(account, matched)), account


async def _complete(house: House, row: StoreOrderRow, order: StoreOrder, choices: OrderChoices) -> RunItem:
    """A later version of a written order: what is new in it is that the store completed it (OI-49)."""
    parts = [WrittenPart.model_validate(part) for part in row.parts]
    products = next((part for part in parts if part.kind == "product"), None)
    if products is not None and order.state is OrderState.COMPLETED:
        tag = choices.products.wanted("tag_completed")
        if tag is not None:
            await tag_completed(house.shop.name, order, products.job, tag)
    await settle(house, order, OrderStage.SYNCED, _said(parts))
    return _item(row, "synced", parts)


async def _check_accounting(house: House, plans: Sequence[PartPlan]) -> None:
    """Product orders presume QuickBooks; any other accounting is confirmed by a person first (OI-21)."""
    has_products = any(plan.part.kind is PartKind.PRODUCT for plan in plans)
    if has_products and not await accounting_is_confirmed(house.books, house.shop):
        raise HeldError(
            "The shop's accounting system is not QuickBooks, and nobody has confirmed that product orders suit it.",
            "Ask the store's success manager, then confirm it: "
            f"`truckroll check {house.shop.name} --confirm-accounting --by NAME`.",
            "contractor_commerce.accounting_system",
        )


def _said(parts: Sequence[WrittenPart]) -> str:
    return "; ".join(
        f"job {part.number}" + (f", invoice {part.invoice} over {money(part.total)}" if part.total is not None else "")
        for part in parts
    )


def _item(row: StoreOrderRow, outcome: str, parts: Sequence[WrittenPart]) -> RunItem:
    totals = [part.total for part in parts if part.total is not None]
    return RunItem(
        id=row.number,
        outcome=outcome,
        reason="; ".join([_said(parts), *row.warnings]),
        facts={
            "customer": str(row.customer or ""),
            "matched by": row.matched_by.replace("_", " "),
            "job": listed((part.number for part in parts), "and"),
            "invoice": listed((str(part.invoice) for part in parts if part.total is not None), "and"),
            "total": money(sum(totals, Decimal(0))) if totals else "",
        },
    )
