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


async def test_nothing_people_typed_becomes_markup(shop: Shop) -> None:
    evil = "<img src=x onerror=alert(1)>"
    made = await shop.people("/servicetitan/jobs", {"customer": evil, "summary": evil, "model": evil})
    await shop.people(f"/servicetitan/jobs/{made['job_number']}/diagnose", {"part_number": evil, "as": "form"})
    await shop.st("POST", "jpm", f"/jobs/{made['job_id']}/notes", json={"text": evil})
    await shop.order(poNumber=evil)
    await shop.st("GET", "jpm", "/jobs", params={"number": evil})
    text = await page(shop)
    assert "<img" not in text
    assert text.count("&lt;img") >= 5
