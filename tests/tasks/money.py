"""What the tests of an order's money share: the shop's choices as ids, and a booked job with its empty invoice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.servicetitan.accounting_schemas import Invoice
from connectors.servicetitan.booking_schemas import NewJob, NewVisit
from decisions.invoicing import Part, PartKind, split_cart
from models.order_sync import CustomerAccount
from models.store_order import StoreOrder
from models.tenant import OfferedAccount, PartChoices
from tests.tasks.conftest import Counter

AT = datetime(2026, 9, 1, 13, 0, tzinfo=UTC)
PAYMENT_TYPE = 1501
COMPLETED_TAG = 613
UNIT, SERVICE_UNIT = 302, 303
ACCOUNTS = {
    "account": OfferedAccount(id=1401, name="Deferred Revenue"),
    "cost_of_sale_account": OfferedAccount(id=1403, name="Cost of Goods Sold: Material"),
    "asset_account": OfferedAccount(id=1404, name="Inventory", account_class="Inventory"),
}


def product_choices(**changes: Any) -> PartChoices:
    """Return the demo shop's choices for products, with other `accounts` or with `missing` ones."""
    accounts = changes.pop("accounts", ACCOUNTS)
    ids = {name: account.id for name, account in accounts.items()}
    return PartChoices(kind="product", ids=ids, accounts=accounts, **changes)


def service_choices() -> PartChoices:
    return PartChoices(kind="service", ids={"business_unit": SERVICE_UNIT})


def product_part(order: StoreOrder) -> Part:
    return next(part for part in split_cart(order) if part.kind is PartKind.PRODUCT)


@dataclass
class Booked:
    """A customer with a job, and the job's invoice."""

    customer: int
    location: int
    job: int
    invoice: int

    @property
    def account(self) -> CustomerAccount:
        return CustomerAccount(customer=self.customer, location=self.location)


async def book(counter: Counter, *, tags: tuple[int, ...] = ()) -> Booked:
    """Enter a customer, and book a job for them."""
    place = {"street": "12 Elm St", "city": "Birmingham", "state": "AL", "zip": "35203"}
    made = await counter.tell("/servicetitan/customers", name="Robin Sample", contacts=[], locations=[place])
    customer, (location,) = made["customer_id"], made["location_ids"]
    job = await counter.st.create_job(
        NewJob(
            customer_id=customer,
            location_id=location,
            business_unit_id=UNIT,
            job_type_id=402,
            campaign_id=1202,
            priority="Normal",
            appointments=(NewVisit(start=AT, end=AT + timedelta(hours=1)),),
            tag_type_ids=tags,
        )
    )
    assert job.invoice_id is not None
    await counter.calls()
    return Booked(customer, location, job.id, job.invoice_id)


async def invoice_of(counter: Counter, booked: Booked) -> Invoice:
    (found,) = await counter.st.list_invoices([booked.invoice])
    return found


async def lose(counter: Counter, match: str, **fault: Any) -> None:
    """Have the answer of the next such call get lost, after its work is done."""
    await counter.tell("/faults", match=match.replace(" /", " /servicetitan/"), kind="lost_answer", **fault)


def short(calls: list[str]) -> list[str]:
    """Return calls without what all have in common, such as "POST payments"."""
    return [f"{method} {path.split('/tenant/1234567/')[1]}" for method, path in (call.split(" ", 1) for call in calls)]
