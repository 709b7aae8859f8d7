"""The end of the demo's store orders, checked in ServiceTitan's stand-in: customers, jobs, invoices, payments, tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from deployments.demo.checks import Check
from deployments.demo.sales import CANCELED, COMPLETED, SALES, WINDOW, Sale
from models.shop import Shop

Row = dict[str, Any]
_PROCESS = "order-to-invoice"


def check_sales(state: Row, shop: Shop, numbers: Mapping[str, str], held: Iterable[tuple[str, str]]) -> list[Check]:
    """Compare the sandbox's state with what was sold.

    `numbers` are the orders' numbers by buyer, `held` what waits for a person: process and record.
    """
    titan, checks = state["servicetitan"], []
    waiting = sorted(record for process, record in held if process == _PROCESS)
    for sale in SALES:
        number = numbers[sale.buyer]
        customers = [row for row in titan["customers"] if row["name"] == sale.buyer and row["active"]]
        jobs = sorted((row for row in titan["jobs"] if row["customerPo"] == number), key=lambda row: int(row["id"]))
        if sale.is_held:
            nothing = not jobs and not customers
            checks += [
                Check(number, "held for a person", number in waiting, ", ".join(waiting) or "nothing is held"),
                Check(number, "nothing written of it", nothing, f"{len(jobs)} jobs, {len(customers)} customers"),
            ]
            continue
        checks.append(Check(number, f"one customer {sale.buyer}", len(customers) == 1, f"{len(customers)} customers"))
        checks.append(_job_types(titan, number, sale, jobs))
        if len(customers) == 1 and len(jobs) == len(sale.job_types):
            checks += _tags(titan, number, sale, customers[0], jobs[0])
            checks += _money(titan, number, sale, jobs, shop)
            checks += _extras(titan, number, sale, customers[0], jobs, shop)
    wanted = sum(sale.is_held for sale in SALES)
    checks.append(
        Check("all", f"{wanted} store order held, no more", len(waiting) == wanted, ", ".join(waiting) or "none")
    )
    return checks


def _job_types(titan: Row, number: str, sale: Sale, jobs: list[Row]) -> Check:
    names = {row["id"]: row["name"] for row in titan["job_types"]}
    found = [names[job["jobTypeId"]] for job in jobs]
    wanted = ", ".join(sale.job_types)
    return Check(number, f"jobs: {wanted}", found == list(sale.job_types), ", ".join(found) or "none")


def _tags(titan: Row, number: str, sale: Sale, customer: Row, job: Row) -> list[Check]:
    names = {row["id"]: row["name"] for row in titan["tag_types"]}
    location = next(row for row in titan["locations"] if row["id"] == job["locationId"])
    checks = []
    for what, record in (("customer", customer), ("location", location)):
        found = [names[tag] for tag in record["tagTypeIds"]]
        ok = set(found) == sale.tags and len(found) == len(sale.tags)
        words = f"{what} tagged {', '.join(sorted(sale.tags))}"
        checks.append(Check(number, words, ok, ", ".join(sorted(found)) or "no tags"))
    return checks


def _money(titan: Row, number: str, sale: Sale, jobs: list[Row], shop: Shop) -> list[Check]:
    if sale.total is None:
        return []
    invoice = next(row for row in titan["invoices"] if row["id"] == jobs[0]["invoiceId"])
    kind = shop.need_contractor_commerce().payment_type
    types = {row["id"]: row["name"] for row in titan["payment_types"]}
    paid = [
        f"{types[row['typeId']]} {Decimal(str(row['amount'])):.2f}"
        for row in titan["payments"]
        if any(split["invoiceId"] == invoice["id"] for split in row["splits"])
    ]
    wanted = f"{kind} {sale.total}"
    total = str(invoice["total"])
    return [
        Check(number, f"invoice over {sale.total}", Decimal(total) == sale.total, total),
        Check(number, f"one payment: {wanted}", paid == [wanted], ", ".join(paid) or "none"),
    ]


def _extras(titan: Row, number: str, sale: Sale, customer: Row, jobs: list[Row], shop: Shop) -> list[Check]:
    checks = []
    if sale.in_window:
        found = _window(jobs[-1], shop)
        wanted = " to ".join(at.strftime("%H:%M") for at in WINDOW)
        checks.append(Check(number, f"arrival window {wanted}", found == wanted, found or "none"))
    if sale.membership:
        names = {row["id"]: row["name"] for row in titan["membership_types"]}
        sold = [names[row["membershipTypeId"]] for row in titan["memberships"] if row["customerId"] == customer["id"]]
        checks.append(
            Check(number, f"one membership: {sale.membership}", sold == [sale.membership], ", ".join(sold) or "none")
        )
    if sale is CANCELED:
        checks += _taken_back(titan, number, sale, jobs[0])
    if sale is COMPLETED:
        tag = shop.need_contractor_commerce().products.tag_completed
        names = {row["id"]: row["name"] for row in titan["tag_types"]}
        found_tags = [names[one] for one in jobs[0]["tagTypeIds"]]
        checks.append(
            Check(number, f"job tagged {tag}", found_tags.count(tag) == 1, ", ".join(found_tags) or "no tags")
        )
    return checks


def _taken_back(titan: Row, number: str, sale: Sale, job: Row) -> list[Check]:
    adjusting = [row for row in titan["invoices"] if row["adjustmentToId"] == job["invoiceId"]]
    totals = [str(row["total"]) for row in adjusting]
    return [
        Check(number, "job canceled, as approved", job["jobStatus"] == "Canceled", str(job["jobStatus"])),
        Check(number, f"one adjustment over -{sale.total}", totals == [f"-{sale.total}"], ", ".join(totals) or "none"),
    ]


def _window(job: Row, shop: Shop) -> str:
    for visit in job["appointments"]:
        if visit["arrivalWindowStart"]:
            at = (datetime.fromisoformat(visit[name]) for name in ("arrivalWindowStart", "arrivalWindowEnd"))
            return " to ".join(one.astimezone(shop.zone).strftime("%H:%M") for one in at)
    return ""
