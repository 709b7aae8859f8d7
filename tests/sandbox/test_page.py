"""The page shows what is in every system, and lets no text of a customer become markup."""

from __future__ import annotations

from tests.sandbox.conftest import Shop, line


async def page(shop: Shop) -> str:
    reply = await shop.http.get("/")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")
    return reply.text


async def test_an_idle_shop_says_what_will_appear_where(shop: Shop) -> None:
    text = await page(shop)
    for words in ("Job 48213", "Marian Oakes", "Dana Whitfield", "WDT750SAHZ0", "No orders yet", "No mails yet"):
        assert words in text
    await shop.people("/reset", {"seed": "empty"})
    assert "No jobs." in await page(shop)


async def test_what_happens_is_shown(shop: Shop) -> None:
    await shop.people("/servicetitan/jobs/48213/diagnose", {"part_number": "WPW10348269"})
    job = await shop.job()
    await shop.st("PUT", "jpm", f"/jobs/{job['id']}/hold", json={"reasonId": 701, "memo": "asked Dana"})
    fields = {"customFields": [{"typeId": 801, "value": "awaiting approval"}]}
    await shop.st("PATCH", "jpm", f"/jobs/{job['id']}", json=fields)
    await shop.st("POST", "jpm", f"/jobs/{job['id']}/notes", json={"text": "Quoted at 38.41"})
    await shop.order(lines=[line("WD15X10014", "GEH")])
    await shop.people("/marcone/orders/90000001/eta", {"eta": "2026-12-03"})
    await shop.people("/faults", {"match": "GET /servicetitan/*", "kind": "rate_limit"})
    text = await page(shop)
    for words in (
        "On hold",
        "Waiting for parts: asked Dana",
        "awaiting approval",
        "Quoted at 38.41",
        "estimate, sold",
        "90000001",
        "Backordered",
        "2026-12-03",
        "rate limit",
        "armed",
        "/jobs/" + str(job["id"]) + "/hold",
    ):
        assert words in text, words


async def test_a_store_order_its_customer_job_invoice_and_payment_are_shown(shop: Shop) -> None:
    order = await shop.people("/contractor-commerce/orders", {"sku": "FLT-16X25X1-M8", "quantity": 2})
    assert "Nothing in ServiceTitan yet" in await page(shop)
    job = await shop.job()
    material = {"code": "FLT-16X25X1-M8", "description": "Filter", "account": "Revenue", "assetAccount": "Inventory"}
    sku = (await shop.st("POST", "pricebook", "/materials", json=material)).json()["id"]
    line = {"skuId": sku, "description": "Filter", "quantity": 2, "unitPrice": 36.4}
    await shop.st("PATCH", "accounting", f"/invoices/{job['invoiceId']}/items", json=line)
    splits = [{"invoiceId": job["invoiceId"], "amount": 50}]
    await shop.st("POST", "accounting", "/payments", json={"typeId": 1501, "splits": splits})
    data = {"applicationGuid": "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"}
    data |= {"externalData": [{"key": "order", "value": order["number"]}]}
    await shop.st("PATCH", "jpm", f"/jobs/{job['id']}", json={"externalData": data, "tagTypeIds": [613]})
    text = await page(shop)
    for words in (order["number"], "Lenora Pike", "$72.80", "$22.80", "Paid: Contractor Commerce", "Revenue · Inventory",
                  "Store order completed", "Harriet Colvin", "80.08 USD"):  # fmt: skip
        assert words in text, words
    assert "Nothing in ServiceTitan yet" not in text


async def test_adjustments_and_memberships_are_shown(shop: Shop) -> None:
    order = await shop.people("/contractor-commerce/orders", {"sku": "MEM-CAHABA", "purchase_type": "subscription"})
    job = await shop.job()
    await shop.st("PATCH", "jpm", f"/jobs/{job['id']}", json={"customerPo": order["number"]})
    sale = {"customerId": job["customerId"], "businessUnitId": 303, "saleTaskId": 2201, "durationBillingId": 2302}
    await shop.st("POST", "memberships", "/memberships/sale", json=sale | {"recurringServiceAction": "None"})
    line = {"skuId": 1701, "description": "Tune-up", "quantity": 1, "unitPrice": 119}
    await shop.st("PATCH", "accounting", f"/invoices/{job['invoiceId']}/items", json=line)
    back = {"adjustmentToId": job["invoiceId"], "items": [line | {"unitPrice": -19.5}]}
    await shop.st("POST", "accounting", "/invoices", json=back)
    text = await page(shop)
    for words in ("Cahaba care plan, active", "Adjustment 48213-A1", "-$19.50", "$229.00"):
        assert words in text, words


async def test_nothing_people_typed_becomes_markup(shop: Shop) -> None:
    evil = "<img src=x onerror=alert(1)>"
    made = await shop.people("/servicetitan/jobs", {"customer": evil, "summary": evil, "model": evil})
    await shop.people(f"/servicetitan/jobs/{made['job_number']}/diagnose", {"part_number": evil, "as": "form"})
    await shop.st("POST", "jpm", f"/jobs/{made['job_id']}/notes", json={"text": evil})
    await shop.order(poNumber=evil)
    await shop.people("/contractor-commerce/orders", {"sku": "HUM-PANEL-10", "first_name": evil, "line1": evil})
    await shop.st("GET", "jpm", "/jobs", params={"number": evil})
    text = await page(shop)
    assert "<img" not in text
    assert text.count("&lt;img") >= 5


async def test_bookings_their_jobs_and_who_hears_of_them_are_shown(shop: Shop) -> None:
    assert "No bookings yet" in await page(shop)
    body = {
        "source": "Spring referrals",
        "name": "Robin <b>Sample</b>",
        "summary": "Referral",
        "isFirstTimeClient": False,
        "externalId": "Qr090211",
        "contacts": [{"type": "Email", "value": "robin@example.com"}],
    }
    made = (await shop.st("POST", "crm", "/booking-provider/77/bookings", json=body)).json()
    hook = {"url": "http://127.0.0.1:9/hooks/servicetitan/secret-token", "types": ["tn.jpm.job-completed"]}
    await shop.people("/servicetitan/webhooks", hook)
    told = await shop.people(f"/servicetitan/bookings/{made['id']}/convert", {"jobs": 2})
    text = await page(shop)
    for words in (
        "Robin &lt;b&gt;Sample&lt;/b&gt; (known customer)",
        "robin@example.com",
        "Qr090211",
        "Spring referrals",
        "Referral Factory",
        "Converted",
        "127.0.0.1:9",
        *(one["job_number"] for one in told["jobs"]),
    ):
        assert words in text, words
    assert "secret-token" not in text
