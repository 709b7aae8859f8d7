"""Order to invoice: what the online store sold becomes customers, jobs and invoices in ServiceTitan, to the cent.

Reads like docs/processes/order-to-invoice.md. Every write is done once, so a pass that was killed anywhere is simply
run again: it goes on where the first one stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger

from decisions.invoicing import PartKind, membership_sales
from decisions.lanes import lanes
from decisions.matching import Matched, NeedsReview, NewCustomer, keys_of
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
from flows.running import finish
from flows.starting import start_change_runs
from models.errors import (
    BusyError,
    ContractError,
    DisconnectedError,
    HeldError,
    RejectedError,
    SettingsError,
    TruckrollError,
    UnauthorizedError,
    UnresolvedError,
    VendorError,
)
from models.order_sync import DUE, CustomerAccount, OrderStage, WrittenPart
from models.report import RunItem, RunReport
from models.shop import ContractorCommerceSettings
from models.store_order import OrderState, StoreOrder
from models.tables import StoreOrderRow
from models.tenant import OrderChoices
from tasks.contact_index import refresh_contact_index
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
from tasks.invoices import record_payment, settle_invoice, write_lines
from tasks.job_tags import tag_completed
from tasks.memberships import pay_memberships, read_membership_terms, sell_memberships
from tasks.order_changes import carry_out_changes, propose_change
from tasks.order_checks import accounting_is_confirmed
from tasks.order_records import (
    MatchedBy,
    begin,
    has_job,
    has_new_books,
    hold,
    is_unfinished,
    neighbours_of,
    note_first_pass,
    order_of,
    remember_account,
    remember_memberships,
    remember_part,
    seen_of,
    settle,
    wait,
)
from tasks.pricebook import ensure_items
from tasks.store_jobs import book_job
from tasks.store_orders import PROCESS, take_in_named_orders, take_in_orders
from tasks.tenant_lists import read_choices

AT_ONCE = 16
"""Orders written side by side. The vendor's limit bounds their calls."""

PAGE = 100
"""Orders looked at together: memory does not grow with what waits."""

MOST_FAILURES = 5
"""Orders in a row without an answer, after which the vendor counts as away."""

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


@dataclass
class Desk:
    """What one pass works with. The tenant's lists and the contact index are read when the first order needs them."""

    house: House
    report: RunReport
    choices: OrderChoices | None = None
    failure: TruckrollError | None = None
    """Why the lists or the index could not be read."""
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    has_new_books: bool = False
    """No pass was finished yet: older books may have written the orders that come now."""
    failures: int = 0
    """Orders one after the other that failed because a vendor did not answer."""
    is_closed: bool = False
    """A vendor is away: what is left waits for the next pass."""
    stopped_by: SettingsError | None = None
    """The shop file is wrong: nothing goes on before a person mends it."""

    @property
    def settings(self) -> ContractorCommerceSettings:
        """The shop's [contractor_commerce]."""
        return self.house.shop.need_contractor_commerce()

    def note_failure(self, error: VendorError) -> None:
        """Close when the vendor is away. One order it cannot cope with is not yet that: the others go on."""
        self.failures += 1
        if isinstance(error, UnauthorizedError) or self.failures >= MOST_FAILURES:
            self.is_closed = True

    async def read(self) -> OrderChoices:
        """Return what the shop chose, as the tenant has it now, with the contact index up to date."""
        async with self.opening:
            if self.failure is not None:
                raise self.failure
            if self.choices is None:
                try:
                    choices = await read_choices(self.house.shop.name)
                    await refresh_contact_index(self.house.shop.name)
                except TruckrollError as error:
                    # Every order would fail on the same: the pass ends, and the next one begins anew.
                    self.is_closed, self.failure = True, error
                    raise
                self.choices = choices
            return self.choices


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
        await _write_due(desk)
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


async def _write_due(desk: Desk) -> None:
    """Decide and write everything that is due, a page at a time."""
    after: tuple[Any, str] | None = None
    while not desk.is_closed:
        page = await desk.house.books.store_orders.due(desk.house.shop.name, after=after, limit=PAGE)
        if not page:
            return
        after = (page[-1].ordered_at, page[-1].order_id)
        await _write_page(desk, page)


async def _write_page(desk: Desk, page: Sequence[StoreOrderRow]) -> None:
    """One buyer's orders go one after the other, different buyers' side by side. No order stops the others."""
    orders = [(row, order_of(row)) for row in page]
    keyed = [(pair, _buyer_keys(pair[1])) for pair in orders]
    places = asyncio.Semaphore(AT_ONCE)

    async def lane(pairs: Sequence[tuple[StoreOrderRow, StoreOrder]]) -> None:
        async with places:
            for row, order in pairs:
                if desk.is_closed:
                    return
                try:
                    item = await _follow(desk, row, order)
                    desk.report.items.append(item)
                    get_run_logger().info("%s: %s. %s", item.id, item.outcome, item.reason)
                except SettingsError as error:
                    desk.is_closed, desk.stopped_by = True, error

    async with asyncio.TaskGroup() as group:
        for pairs in lanes(keyed):
            group.create_task(lane(pairs))
    if desk.stopped_by:
        raise desk.stopped_by


def _buyer_keys(order: StoreOrder) -> set[object]:
    keys = keys_of(order.buyer, order.service_address)
    return {*keys.emails, *keys.phones, *((name, keys.place) for name in keys.names if keys.place)}


async def _follow(desk: Desk, row: StoreOrderRow, order: StoreOrder) -> RunItem:
    """Decide one order and do what was decided. Raises SettingsError; nothing an order or a vendor does."""
    house, number = desk.house, row.number
    try:
        async with house.books.leases.hold(f"{house.shop.name}/order/{order.id}", wait_s=5):
            fresh = await house.books.store_orders.get(house.shop.name, order.id)
            if fresh is None or fresh.stage not in DUE:
                return RunItem(id=number, outcome="skipped", reason="Another run has done it.")
            item = await _decide(desk, fresh, order_of(fresh))
            desk.failures = 0
            return item
    except SettingsError:
        raise
    except BusyError:
        return RunItem(id=number, outcome="skipped", reason="Another run is working on it.")
    except (HeldError, RejectedError, UnresolvedError, ContractError) as error:
        await hold(house, order, error)
        return RunItem(id=number, outcome="held", reason=str(error))
    except TruckrollError as error:
        if isinstance(error, AWAY):
            await note_away(house, error)
            desk.note_failure(error)
        return RunItem(id=number, outcome=how_it_ended(error), reason=f"{error} The next pass goes on with it.")
    except Exception as error:  # noqa: BLE001  one order's surprise must not stop the others: it is logged and reported
        get_run_logger().exception("Order %s stopped on something unforeseen.", number)
        why = f"Unforeseen: {type(error).__name__}. The run's log has it all; the next pass tries again."
        return RunItem(id=number, outcome="failed", reason=why)


async def _decide(desk: Desk, row: StoreOrderRow, order: StoreOrder) -> RunItem:
    """Do what this version of the order asks for (docs/processes/order-to-invoice.md, step 2)."""
    house = desk.house
    intake = await _intake(desk, row, order)
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


async def _intake(desk: Desk, row: StoreOrderRow, order: StoreOrder) -> Intake:
    settings = desk.settings
    if row.ignored == Reason.OFF.name:
        # A switch takes effect on the next order, not on past ones (OI-5).
        return Ignore(Reason.OFF, "It was placed while the sync of this kind of order was switched off.")
    seen = seen_of(row)
    alike = like_orders(order, await neighbours_of(desk.house, order))
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
        part = await _write_part(desk, order, plan, account)
        await remember_part(house, order, part)
        written.append(part)
    # 11. Memberships that were sold, each with the invoice of its sale paid.
    if sells:
        is_new = desk.has_new_books
        sold = await sell_memberships(shop, order, account, choices.services, terms, look_first=is_new)
        told = await pay_memberships(shop, order, account, choices.services, sold, look_first=is_new)
        row = await remember_memberships(house, order, sold, told)

    await settle(house, order, OrderStage.SYNCED, _said(written))
    return _item(row, "synced", written)


async def _write_part(desk: Desk, order: StoreOrder, plan: PartPlan, account: CustomerAccount) -> WrittenPart:
    """One part of the cart: its items, its job, its invoice, its payment."""
    shop = desk.house.shop.name
    # 6. The sold items are in the pricebook, each once.
    items = await ensure_items(shop, order, plan.part, plan.choices) if plan.invoice else {}
    # 7. The job, with campaign, business unit, job type, visit and technician.
    job = await book_job(shop, order, plan, account, look_first=desk.has_new_books)
    total = None
    if plan.invoice:
        if job.invoice is None:
            raise HeldError(
                f"Job {job.number} has no invoice.", "Look at the job in ServiceTitan, then retry.", "invoice"
            )
        # 8. The invoice is built from them; it must come out to the cent.
        await write_lines(shop, order, job.kind, job.invoice, plan.invoice, items, look_first=job.was_there)
        total = await settle_invoice(shop, order, job.kind, job.invoice, plan.invoice)
        # 9. The store has the money: it is recorded with the shop's payment type.
        if plan.payment:
            amount, type_id = plan.payment.to_record.amount, plan.payment.type_id
            await record_payment(
                shop, order, job.kind, job.invoice, account.customer, amount, type_id, look_first=job.was_there
            )
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
                row = await begin(house, order, version, warnings=(*noticed, *told))
                account = found.account or await add_location(shop, order, int(customer), tags, found.customer_tags)
                if desk.settings.add_new_contacts:
                    await add_contacts(shop, order, account)
                matched = MatchedBy(by.value, tie_break.value if tie_break else "")
            case NewCustomer(warnings=told):
                row = await begin(house, order, version, warnings=(*noticed, *told))
                account = await open_account(shop, order, tags)
                matched = MatchedBy("new")
            case NeedsReview(candidates=candidates, why=why, fix=fix, by=by):
                who = f" Customers {listed(candidates, 'and')}." if candidates else ""
                raise HeldError(f"{as_sentence(why)}{who}", fix, field=by.value if by else "customer")
        return await remember_account(house, order, account, matched, row.warnings), account


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
