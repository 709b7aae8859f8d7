"""The contract's 40 sample orders, delivered one after the other: what ServiceTitan has then is what each one states.

Every sample is delivered to the store, a pass of order-to-invoice runs, and the records it made are compared with the
sample's `expect`. Nothing here asks the rules: sums, tags and records are worked out from the samples themselves.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests import samples
from tests.flows.sample_run import NUMBERS, RETRIED, Delivered, Passed, deliver_all, open_desk

pytestmark = [samples.needs_samples, pytest.mark.slow]

KINDS = {"product": "product_orders", "service": "service_orders"}
OUTCOMES = {"hold": "held", "none": None}
LISTS = ("customers", "locations", "contacts", "jobs", "appointments", "assignments", "invoices", "payments")
ITEMS = ("materials", "equipment", "services", "memberships")


def _id(n: int) -> str:
    if not samples.SAMPLES.exists():
        return f"n{n:02}"
    row = samples.sample(n)
    return f"n{n:02}: {row['why'].split(':')[0].split(';')[0].split('.')[0].strip()}"


each_sample = pytest.mark.parametrize("n", NUMBERS, ids=_id)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """Deliver all of them once for this module."""
    return asyncio.run(deliver_all(tmp_path_factory.mktemp("samples")))


def written(delivered: Delivered, n: int) -> Passed:
    """Return the pass that wrote the sample: for the one that was held for arrival windows, the one after the retry."""
    return delivered.retried if n == RETRIED else delivered.passes[n]


def sync_of(n: int, expect: dict[str, Any]) -> str:
    """Return what the sample states; the one that lacked arrival windows is a service job once they are there."""
    return "job" if n == RETRIED else str(expect["sync"])


def kinds_of(n: int, expect: dict[str, Any]) -> list[str]:
    """Return the parts that are written, products first."""
    named = {"job+invoice": "product", "job": "service"}
    return [named[word] for word in sync_of(n, expect).split(" and ") if word in named]


def product_total(order: dict[str, Any]) -> Decimal:
    """Return what the invoice must come to: the order's total without what its services cost."""
    services = [line for line in order["line_items"] if line["kind"] != "product"]
    cost = [Decimal(line[field]) for line in services for field in ("total", "tax_total")]
    return Decimal(order["grand_total"]) - sum(cost, Decimal(0))


def customer_meant(delivered: Delivered, expect: dict[str, Any]) -> int | None:
    """Return the customer the sample states; None for a new one or none."""
    stated = expect["customer"]
    if stated in {None, "new"}:
        return None
    earlier = re.fullmatch(r"created by n (\d+)", stated)
    if earlier:
        item = delivered.passes[int(earlier[1])].item
        assert item is not None
        return int(item.facts["customer"])
    return delivered.directory.customers[stated]


def in_ids(delivered: Delivered, words: str) -> str:
    """Return the sample's words with the sandbox's numbers instead of the file's own names."""
    named = re.sub(r"\bC\d+\b", lambda ref: str(delivered.directory.customers.get(ref[0], ref[0])), words)
    return named.replace("looks like n 1", f"looks like {samples.sample(1)['order']['number']}")


def jobs_of(made: Passed) -> dict[str, dict[str, Any]]:
    """Return the jobs the pass made, by the part they are for."""
    settings = samples.sample_file()["settings"]
    types = {row["id"]: row["name"] for row in made.after["job_types"]}
    part = {settings[name]["job_type"]: kind for kind, name in KINDS.items()}
    return {part[types[job["jobTypeId"]]]: job for job in made.new("jobs")}


def job_invoice(made: Passed, job: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in made.after["invoices"] if row["id"] == job["invoiceId"])


def paid_on(made: Passed, invoice: int) -> list[tuple[str, Decimal]]:
    """Return the payments on an invoice, each whole: its type, "store" for the shop's own, and its amount."""
    ours = samples.sample_file()["settings"]["payment_type"]
    names = {row["id"]: row["name"] for row in made.after["payment_types"]}
    found = []
    for one in made.new("payments"):
        on = [part["invoiceId"] for part in one["splits"]]
        if invoice in on:
            assert on == [invoice]
            found.append(("store" if names[one["typeId"]] == ours else names[one["typeId"]], Decimal(one["amount"])))
    return found


def named(made: Passed, records: str, ids: list[int]) -> list[str]:
    names = {row["id"]: row["name"] for row in made.after[records]}
    return sorted(names[one] for one in ids)


def record(rows: list[dict[str, Any]], wanted: int) -> dict[str, Any]:
    return next(row for row in rows if row["id"] == wanted)


def assert_nothing_written(made: Passed) -> None:
    for records in (*LISTS, *ITEMS):
        assert made.after[records] == made.before[records], records
    assert all(call.startswith("GET ") for call in made.calls)


@each_sample
def test_it_is_written_held_or_left_as_stated(delivered: Delivered, n: int) -> None:
    """OI-2, OI-3, OI-19, OI-31, OI-53, OI-67, OI-69, OI-70: the outcome; what is held says why and what to do."""
    made = delivered.passes[n]
    sync = made.expect["sync"]
    if sync not in OUTCOMES:
        assert made.item is not None
        assert made.item.outcome == "synced"
        assert list(jobs_of(made)) == kinds_of(n, made.expect)
        assert made.number not in made.held
        return
    assert_nothing_written(made)
    if "hold" in made.expect:
        reason, fix = made.held[made.number]
        assert reason.casefold().startswith(in_ids(delivered, made.expect["hold"]).casefold())
        assert fix
        assert made.item is not None
        assert made.item.outcome == "held"
    elif "wait" in made.expect:
        assert made.item is not None
        assert (made.item.outcome, made.number in made.held) == ("waiting", False)
        assert made.expect["wait"] in made.item.reason
    elif {"duplicate_of", "stale_version_of"} & made.expect.keys():
        assert made.item is None
    else:
        assert made.item is not None
        assert made.item.outcome == "ignored"


@each_sample
def test_it_is_the_customer_and_the_location_stated(delivered: Delivered, n: int) -> None:
    """OI-4, OI-8 to OI-18, OI-72: found by the stated key, or new with the order's name, address, e-mail and phone."""
    made = written(delivered, n)
    expect = made.expect
    if not kinds_of(n, expect):
        return
    assert made.item is not None
    by = expect["match"] if expect["match"] != "none" else "new"
    assert made.item.facts["matched by"] == by.replace("_", " ")
    customer, new = int(made.item.facts["customer"]), made.new("customers")
    assert [one["id"] for one in new] == ([customer] if expect["customer"] == "new" else [])
    meant = customer_meant(delivered, expect)
    assert meant is None or customer == meant
    jobs = jobs_of(made).values()
    assert {job["customerId"] for job in jobs} == {customer}
    [location] = {job["locationId"] for job in jobs}
    assert [one["id"] for one in made.new("locations")] == ([location] if expect["location"] == "new" else [])
    place = record(made.after["locations"], location)
    assert place["customerId"] == customer
    if expect["location"] == "new":
        typed = made.order["service_address"]
        kept = place["address"]
        pairs = {"street": "line1", "city": "city", "state": "state", "zip": "zip", "country": "country"}
        assert {field: kept[field] for field in pairs} == {field: typed[its] for field, its in pairs.items()}
        assert (kept["unit"] or "") == (typed["line2"] or "")
    if expect["customer"] == "new":
        buyer = made.order["customer"]
        whole = " ".join(part for part in (buyer["first_name"], buyer["last_name"]) if part)
        assert new[0]["name"] in {whole, buyer["company_name"]}
        kept = sorted(one["value"] for one in made.new("contacts") if one["customerId"] == customer)
        assert kept == sorted(value for value in (buyer["email"], buyer["phone"]) if value)
    else:
        assert made.new("contacts") == []


@each_sample
def test_it_is_tagged_as_stated(delivered: Delivered, n: int) -> None:
    """OI-43, OI-45 to OI-47, OI-49, OI-58 to OI-60, OI-62: customer and location alike; people's tags stay; none twice."""
    made = written(delivered, n)
    if not kinds_of(n, made.expect):
        return
    wanted = set(made.expect["tags"] or (["service_one_time"] if n == RETRIED else []))
    completed = wanted & {"job_completed"}
    jobs = jobs_of(made)
    for records, field in (("customers", "customerId"), ("locations", "locationId")):
        for job in jobs.values():
            before = next((row["tagTypeIds"] for row in made.before[records] if row["id"] == job[field]), [])
            after = record(made.after[records], job[field])["tagTypeIds"]
            assert named(made, "tag_types", after) == sorted({*named(made, "tag_types", before), *wanted - completed})
            assert len(set(after)) == len(after)
    for kind, job in jobs.items():
        assert named(made, "tag_types", job["tagTypeIds"]) == (sorted(completed) if kind == "product" else [])


@each_sample
def test_its_jobs_follow_the_settings(delivered: Delivered, n: int) -> None:
    """OI-19, OI-30, OI-39, OI-41, OI-42, OI-48, OI-52, OI-54, OI-56, OI-57, OI-61: each part by its own settings."""
    made = written(delivered, n)
    jobs = jobs_of(made)
    assert list(jobs) == kinds_of(n, made.expect)
    settings = samples.sample_file()["settings"]
    for kind, job in jobs.items():
        own = settings[KINDS[kind]]
        assert named(made, "campaigns", [job["campaignId"]]) == [own["campaign"]]
        assert named(made, "business_units", [job["businessUnitId"]]) == [own["business_unit"]]
        assert named(made, "job_types", [job["jobTypeId"]]) == [own["job_type"]]
        assert job["customerPo"] == made.number
        [visit] = job["appointments"]
        assigned = [one["technicianName"] for one in made.after["assignments"] if one["appointmentId"] == visit["id"]]
        assert assigned == [own["technician"]]
        window = made.order["requested_window"] if own["arrival_windows"] else None
        assert (visit["arrivalWindowStart"] is None) is (window is None)
        if window:
            span = [window[end][11:16] for end in ("start", "end")]
            assert "-".join(span) in settings["servicetitan_arrival_windows"]
            assert made.expect.get("arrival_window", "-".join(span)) == "-".join(span)
            # Arizona is seven hours behind UTC all year.
            at = [
                f"{int(visit[name][11:13]) - 7:02}{visit[name][13:16]}"
                for name in ("arrivalWindowStart", "arrivalWindowEnd")
            ]
            assert at == span


@each_sample
def test_its_invoice_comes_to_the_order_s_total_to_the_cent(delivered: Delivered, n: int) -> None:
    """OI-7, OI-27, OI-29, OI-62, OI-63: lines as sold, total as paid, and a payment of the store's type over it."""
    made = written(delivered, n)
    for kind, job in jobs_of(made).items():
        invoice = job_invoice(made, job)
        paid = paid_on(made, invoice["id"])
        if kind == "service":
            assert (invoice["lines"], invoice["total"], paid) == ([], "0.00", [])
            continue
        total = product_total(made.order)
        assert Decimal(invoice["total"]) == total
        assert invoice["businessUnitId"] == job["businessUnitId"]
        codes = {row["id"]: row["code"] for row in made.after["materials"]}
        lines = [(codes[one["skuId"]], Decimal(one["quantity"]), Decimal(one["price"])) for one in invoice["lines"]]
        sold = [
            (one["sku"], Decimal(one["quantity"]), Decimal(one["unit_price"]))
            for one in made.order["line_items"]
            if one["kind"] == "product"
        ]
        assert Counter(lines) >= Counter(sold)
        rest = Counter(lines) - Counter(sold)
        assert {code for code, *_ in rest} <= {"STORE-DISCOUNT", "STORE-SHIPPING"}
        assert Decimal(invoice["tax"]) == Decimal(made.order["tax_total"])
        assert paid == ([] if made.expect.get("payment") == "none" else [("store", total)])
        assert Decimal(invoice["balance"]) == 0
    paying = [part["invoiceId"] for one in made.new("payments") for part in one["splits"]]
    assert set(paying) <= {row["id"] for row in made.new("invoices")}


@each_sample
def test_its_items_are_in_the_pricebook_once(delivered: Delivered, n: int) -> None:
    """OI-26, OI-28, OI-33 to OI-38, OI-62: made for a SKU that is sold first, with the accounts; later reused as it is."""
    made = written(delivered, n)
    known = {row["code"]: row for row in made.before["materials"]}
    wanted = (
        {line["sku"] for line in made.order["line_items"] if line["kind"] == "product"}
        if "product" in kinds_of(n, made.expect)
        else set()
    )
    new = {row["code"]: row for row in made.new("materials")}
    assert set(new) - {"STORE-DISCOUNT", "STORE-SHIPPING"} == wanted - set(known)
    assert made.new("equipment") == made.new("services") == []
    own = samples.sample_file()["settings"]["product_orders"]
    for code in wanted & set(new):
        item = new[code]
        assert (item["account"], item["costOfSaleAccount"], item["assetAccount"], item["isInventory"]) == (
            own["account"],
            own["cost_of_sale_account"],
            own["asset_account"],
            True,
        )
    for code, before in known.items():
        assert record(made.after["materials"], before["id"]) == before, code
    codes = [row["code"] for row in made.after["materials"]]
    assert len(set(codes)) == len(codes)
    stated = made.expect.get("pricebook", "").split(" ")
    if stated[0] == "create" and len(stated) == 2:
        assert stated[1] in new
    if stated[0] == "reuse":
        assert stated[1] in known


@each_sample
def test_its_memberships_are_sold(delivered: Delivered, n: int) -> None:
    """OI-63, OI-66: each piece of each membership line, by its type and sale task, its invoice paid; none besides."""
    made = written(delivered, n)
    sold = Counter[tuple[int, int, Decimal]]()
    if "service" in kinds_of(n, made.expect):
        for line in made.order["line_items"]:
            if line["kind"] == "membership":
                link = line["servicetitan"]
                piece = Decimal(line["total"]) / line["quantity"]
                sold[link["membership_type_id"], link["sale_task_id"], piece] += line["quantity"]
    invoices = {row["membershipId"]: row for row in made.new("invoices") if row["membershipId"]}
    there = Counter[tuple[int, int, Decimal]]()
    for one in made.new("memberships"):
        invoice = invoices[one["id"]]
        [(how, amount)] = paid_on(made, invoice["id"])
        assert (how, Decimal(invoice["balance"])) == ("store", Decimal(0))
        there[one["membershipTypeId"], invoice["lines"][0]["skuId"], amount] += 1
    assert there == sold
    assert bool(sold) is ("membership" in made.expect)
    jobs = jobs_of(made).values()
    assert {one["customerId"] for one in made.new("memberships")} <= {job["customerId"] for job in jobs}


@each_sample
def test_it_is_warned_of_what_is_stated_and_nothing_else(delivered: Delivered, n: int) -> None:
    """OI-11, OI-15, OI-18, OI-68: in the report of the pass, beside what was written."""
    made = written(delivered, n)
    if not kinds_of(n, made.expect):
        return
    assert made.item is not None
    told = [words for words in made.item.reason.split("; ") if not words.startswith("job ")]
    stated = in_ids(delivered, made.expect.get("warn", ""))
    assert bool(told) is bool(stated or "tie_break" in made.expect)
    assert not stated or stated in told


@each_sample
def test_what_the_buyer_wrote_is_kept_as_text(delivered: Delivered, n: int) -> None:
    """OI-71: markup, emoji and formula text stand in the job's summary letter by letter, and are no markup there."""
    made = written(delivered, n)
    note = made.order.get("customer_note") or ""
    for job in jobs_of(made).values():
        assert "<script" not in job["summary"]
        assert note in html.unescape(job["summary"].replace("<br>", "\n"))


@pytest.mark.parametrize("n", [38, 39], ids=_id)
def test_a_change_after_the_sale_is_put_before_a_person(delivered: Delivered, n: int) -> None:
    """OI-69: one question that names job and amount; neither job nor invoice is touched, and the pass asks once."""
    made = delivered.passes[n]
    [question] = [one for one in made.questions if one["offer"]["number"] == made.number]
    assert question["status"] == "requested"
    assert Decimal(question["offer"]["refunded"]) == Decimal(made.order["refunded_total"])
    jobs = [row for row in made.after["jobs"] if row["customerPo"] == made.number]
    assert [one["job"] for one in question["offer"]["jobs"]] == [job["id"] for job in jobs]
    assert all(job["jobStatus"] == "Scheduled" for job in jobs)
    assert_nothing_written(made)


def test_all_of_them_make_one_record_each(delivered: Delivered) -> None:
    """OI-7, OI-67: customers, locations, jobs, payments add up over all samples; and so does the money, to the cent."""
    passes = [written(delivered, n) for n in NUMBERS]
    first, last = delivered.passes[1].before, delivered.retried.after
    writes = [made for made in passes if kinds_of(made.n, made.expect)]
    grown = {name: len(last[name]) - len(first[name]) for name in LISTS}
    assert grown["customers"] == sum(made.expect["customer"] == "new" for made in writes)
    assert grown["locations"] == sum(made.expect["location"] == "new" for made in writes)
    assert grown["jobs"] == sum(len(kinds_of(made.n, made.expect)) for made in writes)
    products = [made for made in writes if "product" in kinds_of(made.n, made.expect)]
    free = sum(made.expect.get("payment") == "none" for made in products)
    plans = [made for made in writes if made.new("memberships")]
    pieces = sum(len(made.new("memberships")) for made in plans)
    assert grown["payments"] == len(products) - free + pieces
    sold = sum((product_total(made.order) for made in products), Decimal(0))
    assert sum(Decimal(row["total"]) for row in last["invoices"] if row["jobId"]) == sold
    plan_money = sum((Decimal(made.order["grand_total"]) for made in plans), Decimal(0))
    assert sum(Decimal(row["amount"]) for row in last["payments"]) == sold + plan_money


def test_delivered_once_more_they_change_nothing(delivered: Delivered) -> None:
    """OI-67: every sample again, and what waits or is held stays so: only the store is asked."""
    again = delivered.again
    assert_nothing_written(again)
    assert again.items == []
    assert all("/contractor-commerce/" in call for call in again.calls)
    assert again.held == delivered.retried.held


def test_three_sizes_on_one_order_meet_the_pricebook_as_the_settings_list_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """OI-26, OI-28: n26 alone: one item is new, two are reused."""

    async def alone() -> Passed:
        with pytest.MonkeyPatch.context() as patch:
            async with open_desk(tmp_path_factory.mktemp("alone"), patch) as desk:
                await desk.deliver(26)
                return await desk.run(26)

    made = asyncio.run(alone())
    assert made.expect["pricebook"] == "create 1, reuse 2"
    new = {row["code"] for row in made.new("materials")} - {"STORE-DISCOUNT", "STORE-SHIPPING"}
    [invoice] = made.new("invoices")
    codes = {row["id"]: row["code"] for row in made.after["materials"]}
    lines = {codes[line["skuId"]] for line in invoice["lines"]} - {"STORE-DISCOUNT", "STORE-SHIPPING"}
    assert (len(new), len(lines - new)) == (1, 2)
