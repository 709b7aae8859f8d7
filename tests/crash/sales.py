"""A store order under test: how it is sold, every write it takes, and what stands in ServiceTitan in the end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox import contractor_commerce
from store import Books
from tests.crash.house import CrashHouse, Run
from tests.crash.vendors import wait_for

PROCESS = "order-to-invoice"
SHOP = "store"
"""The reference shop, where a known customer gets the order's new contacts too: one more write to be killed at."""

SECRETS = {
    "CC_TOKEN": contractor_commerce.TOKEN,
    "CC_WEBHOOK_SECRET": "a secret of the tests",
    "RF_TOKEN": "not used here",
    "RF_WEBHOOK_SECRET": "not used here",
}
BUYER = {
    "first_name": "Robin",
    "last_name": "Sample",
    "email": "robin.sample@example.com",
    "phone": "205-555-0177",
    "line1": "12 Elm Street",
    "city": "Hoover",
    "state": "AL",
    "zip": "35244",
}
CART = {
    "lines": [
        {"sku": "FLT-16X25X1-M8", "quantity": 2},
        {"sku": "FLT-20X20X1-M11", "purchase_type": "subscription"},
        {"sku": "MEM-CORE", "purchase_type": "subscription"},
        {"sku": "MEM-ADDON", "quantity": 2, "purchase_type": "subscription"},
    ],
    "discount": "10.00",
    "shipping": "6.95",
    "tax_rate": "0.1",
}
"""Products and services, two purchase types, a discount, shipping and tax, a membership for three systems."""

PRODUCT_TOTAL = "123.40"
"""What the cart's filters come to: 113.12 less their part of the discount, 7.25, with shipping and 10.58 of tax."""

PAID = [PRODUCT_TOTAL, "23.40", "8.42", "8.43"]
"""What is recorded as paid: for the filters, the core membership and each add-on. Together the order's 163.65."""


@dataclass(frozen=True)
class Call:
    """One call of the sale: what it is, how the sandbox recognises it, and how many like it come before."""

    what: str
    match: str
    skip: int = 0

    def __str__(self) -> str:
        return self.what


def _titan(call: str, api: str, path: str) -> str:
    return f"{call} /servicetitan/{api}/v2/tenant/*/{path}"


CUSTOMER = Call("the customer", _titan("POST", "crm", "customers"))
TAG = _titan("POST", "crm", "customers/*/tags/*")
ITEM = _titan("POST", "pricebook", "materials")
JOB = _titan("POST", "jpm", "jobs")
LINE = _titan("PATCH", "accounting", "invoices/*/items")
COMPLETED = Call("the completion tag", _titan("PATCH", "jpm", "jobs/*"))
PAYMENT = _titan("POST", "accounting", "payments")
MEMBERSHIP = _titan("POST", "memberships", "memberships/sale")

WRITES = (
    Call("the location", _titan("POST", "crm", "locations")),
    Call("the new phone", _titan("POST", "crm", "customers/*/contacts")),
    Call("the first tag", TAG),
    Call("the second tag", TAG, 1),
    Call("the third tag", TAG, 2),
    Call("the new filter", ITEM),
    Call("the item of discounts", ITEM, 1),
    Call("the item of shipping", ITEM, 2),
    Call("the product job", JOB),
    Call("the first line", LINE),
    Call("the second line", LINE, 1),
    Call("the discount", LINE, 2),
    Call("the shipping", LINE, 3),
    Call("the tax", _titan("PATCH", "accounting", "invoices/[0-9]*[0-9]")),
    Call("the payment", PAYMENT),
    COMPLETED,
    Call("the service job", JOB, 1),
    Call("the core membership", MEMBERSHIP),
    Call("the first add-on", MEMBERSHIP, 1),
    Call("the second add-on", MEMBERSHIP, 2),
    Call("the price of the core membership", LINE, 4),
    Call("the price of the first add-on", LINE, 5),
    Call("the price of the second add-on", LINE, 6),
    Call("the payment of the core membership", PAYMENT, 1),
    Call("the payment of the first add-on", PAYMENT, 2),
    Call("the payment of the second add-on", PAYMENT, 3),
)
"""Every write of the sale, in order. A test compares it with what the sandbox really got."""

READS = (
    Call("the store's changes", "GET /contractor-commerce/orders"),
    Call("the tenant's lists", _titan("GET", "settings", "business-units")),
    Call("the changes of contacts", _titan("GET", "crm", "export/customers/contacts")),
    Call("the membership types", _titan("GET", "memberships", "membership-types")),
    Call("the matched customer", _titan("GET", "crm", "customers")),
    Call("the customer's contacts", _titan("GET", "crm", "customers/contacts")),
    Call("the pricebook", _titan("GET", "pricebook", "materials")),
    Call("the finished invoice", _titan("GET", "accounting", "invoices")),
    Call("the job's tags", _titan("GET", "jpm", "jobs/*")),
    Call("the invoices of the memberships", _titan("GET", "accounting", "invoices"), 1),
)
"""Reads between what the ledger has kept and what is still to be written, in order."""


def shop_file(text: str) -> str:
    """Return the shop's file, made from the reference shop's."""
    changes = {'name = "demo"': f'name = "{SHOP}"', "add_new_contacts = false": "add_new_contacts = true"}
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


# -- the people


def enter_buyer(house: CrashHouse) -> None:
    """Enter the buyer as a customer that is known by the e-mail only, and at another address."""
    place = {"street": "9 Oak Avenue", "city": "Hoover", "state": "AL", "zip": "35226"}
    contacts = [{"type": "Email", "value": BUYER["email"]}]
    house.sandbox.post("/servicetitan/customers", {"name": "Robin Sample", "contacts": contacts, "locations": [place]})


def sell(house: CrashHouse, **changes: Any) -> dict[str, Any]:
    """Let the store sell the cart."""
    order: dict[str, Any] = house.sandbox.post("/contractor-commerce/orders", {**CART, **BUYER, **changes})
    return order


def complete(house: CrashHouse, order: dict[str, Any]) -> None:
    house.sandbox.post(f"/contractor-commerce/orders/{order['id']}/complete")


def tell_of(house: CrashHouse, orders: Sequence[tuple[str, int]]) -> None:
    """Keep deliveries of the store, each an event and the order it names, as the receiver does."""

    async def keep() -> None:
        with Books.open(f"sqlite:///{house.root / 'truckroll.db'}") as books:
            for event, order in orders:
                await books.store_events.keep(house.shop, event, order_id=str(order), kind="order.updated")

    asyncio.run(keep())


# -- the passes


def kill_at(house: CrashHouse, call: Call, kind: str) -> None:
    """Run a pass that is killed when this call hangs."""
    house.sandbox.arm(call.match, kind, call.skip)
    house.kill_when_it_hangs(PROCESS)


def kill_if_it_hangs(house: CrashHouse) -> bool:
    """Run a pass that is killed when a call hangs. Returns whether one did, or the pass ended before."""
    run: Run = house.start_pass(PROCESS)
    wait_for("the pass", lambda: house.sandbox.is_stalling() or run.worker.is_over)
    hung = house.sandbox.is_stalling()
    run.worker.kill()
    wait_for("the vendor to notice", lambda: not house.sandbox.is_stalling(), 20)
    house.sandbox.clear_faults()
    return hung


def writes_of(requests: Iterable[dict[str, Any]]) -> list[str]:
    """Return what was written to the vendors, in order."""
    return [
        f"{one['method']} {one['path']}"
        for one in requests
        if one["method"] != "GET" and not one["path"].endswith("/token")
    ]


# -- the end


def standing(house: CrashHouse) -> dict[str, list[Any]]:
    """Return what stands in ServiceTitan, in names instead of numbers: it is the same whoever wrote it, and when."""
    titan = house.sandbox.state()["servicetitan"]
    named = {
        records: {row["id"]: row["name"] for row in titan[records]}
        for records in ("tag_types", "campaigns", "business_units", "job_types", "payment_types")
    }
    codes = {row["id"]: row["code"] for row in titan["materials"]}
    homes = {row["id"]: f"{row['name']}, {_place(row)}" for row in titan["customers"]}
    places = {row["id"]: _place(row) for row in titan["locations"]}
    jobs = {row["id"]: f"{row['customerPo']} {named['job_types'][row['jobTypeId']]}" for row in titan["jobs"]}
    invoices = {
        row["id"]: jobs.get(row["jobId"]) or f"membership of {homes[row['customerId']]}" for row in titan["invoices"]
    }
    staff: dict[int, list[str]] = {}
    for row in titan["assignments"]:
        staff.setdefault(row["appointmentId"], []).append(row["technicianName"])

    def tags(row: dict[str, Any]) -> list[str]:
        return sorted(named["tag_types"][tag] for tag in row["tagTypeIds"])

    return {
        "customers": sorted((homes[row["id"]], row["active"], tags(row)) for row in titan["customers"]),
        "contacts": sorted((homes[row["customerId"]], row["type"], row["value"]) for row in titan["contacts"]),
        "locations": sorted((homes[row["customerId"]], _place(row), tags(row)) for row in titan["locations"]),
        "pricebook": sorted(
            (row["code"], row["account"], row["costOfSaleAccount"] or "", row["assetAccount"] or "", row["isInventory"])
            for row in titan["materials"]
        ),
        "jobs": sorted(
            (
                jobs[row["id"]],
                homes[row["customerId"]],
                places[row["locationId"]],
                named["campaigns"].get(row["campaignId"], ""),
                named["business_units"][row["businessUnitId"]],
                row["jobStatus"],
                tags(row),
                [(visit["start"], visit["end"], sorted(staff.get(visit["id"], []))) for visit in row["appointments"]],
            )
            for row in titan["jobs"]
        ),
        "invoices": sorted(
            (
                invoices[row["id"]],
                [(codes.get(line["skuId"], line["skuName"]), line["quantity"], line["price"]) for line in row["lines"]],
                row["tax"],
                row["total"],
                row["balance"],
            )
            for row in titan["invoices"]
        ),
        "payments": sorted(
            (
                invoices[row["splits"][0]["invoiceId"]],
                named["payment_types"][row["typeId"]],
                f"{Decimal(row['amount']):.2f}",
            )
            for row in titan["payments"]
        ),
        "memberships": sorted((homes[row["customerId"]], row["membershipTypeId"]) for row in titan["memberships"]),
    }


def counts(house: CrashHouse) -> dict[str, int]:
    """Count the records, and the lines of all invoices."""
    stands = standing(house)
    lines = sum(len(invoice[1]) for invoice in stands["invoices"])
    return {"lines": lines, **{records: len(rows) for records, rows in stands.items()}}


def kept(house: CrashHouse) -> dict[str, list[Any]]:
    """Return what our own books say in the end.

    An account's write that landed, and whose worker was killed, is seen by the next pass where it looks for the buyer:
    location and tags are simply there, and that effect is not asked about again.
    """
    unfinished = "select key, status from effects where status != 'done' and key not like '%/customer/%/%'"
    tags = "and key not like '%/location/%/tag/%'"
    orders = house.rows("select number, version, settled_version, stage, warnings from store_orders order by number")
    for row in orders:
        row["warnings"] = re.sub(r"invoice \d+", "invoice", row["warnings"])
    return {
        "orders": [tuple(row.values()) for row in orders],
        "held": sorted((row["process"], row["record"], row["reason"]) for row in house.held()),
        "asked": [row["id"] for row in house.rows("select id from approvals where status = 'requested' order by id")],
        "unfinished writes": house.rows(f"{unfinished} {tags}"),
    }


def _place(row: dict[str, Any]) -> str:
    address = row["address"]
    return " ".join(address[part] or "" for part in ("street", "unit", "zip"))
