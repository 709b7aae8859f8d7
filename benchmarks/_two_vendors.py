"""ServiceTitan's feeds and Referral Factory's users as a small, fast server: what contact sync is measured against.

The sandbox checks every call as the vendors do and takes longer over one than the client: a floor measured against it
would be the sandbox's. This one has the contract's shapes and sizes, checks nothing but the tokens, and counts. It
runs as a process of its own:

    python benchmarks/_two_vendors.py PORT
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PAGE = 5_000
"""Rows of a page of a feed, the most that ServiceTitan gives."""

FIRST_CUSTOMER = 70_000_001
FIRST_CONTACT = 80_000_001
CAMPAIGN = 1001
FIRST = ("Ada", "Amos", "Bertha", "Clyde", "Della", "Ezra", "Fern", "Grady", "Hattie", "Ike", "Josie", "Kermit")
LAST = ("Abernathy", "Birdsong", "Crenshaw", "Dunlap", "Eubanks", "Fennimore", "Goodloe", "Haverty", "Inman")
WHEN = "2026-03-02T15:04:05.1234567Z"
SOCIALS = ("sms", "lineme", "email", "wechat", "twitter", "facebook", "linkedin", "telegram", "whatsapp", "messenger")
JSON = "application/json"


@dataclass
class Books:
    """How many customers there are, and what came in."""

    customers: int = 0
    calls: int = 0
    creates: int = 0
    people: set[str] = field(default_factory=set)
    loud: int = 0
    """Creates that did not say `notify: false`."""
    first: float = 0.0
    last: float = 0.0

    def shown(self) -> dict[str, Any]:
        """Return what was counted."""
        return {
            "calls": self.calls,
            "creates": self.creates,
            "people": len(self.people),
            "loud": self.loud,
            "seconds": self.last - self.first,
        }


BOOKS = Books()


def email_of(place: int) -> str:
    """Return the e-mail of the customer at this place."""
    return f"{FIRST[place % len(FIRST)]}.{LAST[place % len(LAST)]}.{place}@example.com".lower()


def customer(place: int) -> dict[str, Any]:
    """Return a row of the customers feed: `Crm.V2.ExportCustomerResponse`."""
    return {
        "id": FIRST_CUSTOMER + place,
        "active": True,
        "name": f"{FIRST[place % len(FIRST)]} {LAST[place % len(LAST)]}",
        "type": "Residential",
        "address": {
            "street": f"{100 + place} Old Mill Circle",
            "unit": None,
            "city": "Hoover",
            "state": "AL",
            "zip": "35226",
            "country": "USA",
            "latitude": 33.4,
            "longitude": -86.8,
        },
        "customFields": [],
        "balance": 0.0,
        "taxExempt": False,
        "tagTypeIds": [],
        "doNotMail": False,
        "doNotService": False,
        "nationalAccount": False,
        "createdOn": WHEN,
        "createdById": 900_001,
        "modifiedOn": WHEN,
        "mergedToId": None,
        "paymentTermId": None,
        "creditLimit": None,
        "creditLimitBalance": None,
        "externalData": [],
    }


def contacts(place: int) -> list[dict[str, Any]]:
    """Return a customer's e-mail and phone: `Crm.V2.ExportCustomerContactResponse`."""
    values = (("Email", email_of(place)), ("MobilePhone", f"{201 + place // 100 % 700}-555-01{place % 100:02d}"))
    return [
        {
            "createdOn": WHEN,
            "modifiedOn": WHEN,
            "id": FIRST_CONTACT + 2 * place + which,
            "type": kind,
            "value": value,
            "memo": None,
            "phoneSettings": {"phoneNumber": value if which else None, "doNotText": False},
            "preferences": {
                "jobRemindersEnabled": True,
                "marketingUpdatesEnabled": True,
                "invoiceStatementsEnabled": True,
            },
            "customerId": FIRST_CUSTOMER + place,
            "active": True,
        }
        for which, (kind, value) in enumerate(values)
    ]


def feed(name: str, at: int) -> bytes:
    """Return the page of a feed that begins with the customer at this place."""
    per_page = PAGE if name == "customers" else PAGE // 2
    end = min(at + per_page, BOOKS.customers)
    if name == "customers":
        rows = [customer(place) for place in range(at, end)]
    else:
        rows = [row for place in range(at, end) for row in contacts(place)] if name == "contacts" else []
    answer = {"hasMore": end < BOOKS.customers and bool(rows), "continueFrom": f"{name}-{end}", "data": rows}
    return json.dumps(answer).encode()


def user(number: int, campaign: int, name: str, email: str) -> bytes:
    """Return `UserEnvelope` as a create answers it."""
    code = f"{number:08x}"
    url = f"https://cahaba.referral-factory.com/{code}"
    socials = ",".join(
        f'{{"social":"{one}","url":"https://referral-factory.com/{code}/socials/{one}"}}' for one in SOCIALS
    )
    return (
        f'{{"data":{{"id":{number},"campaign_id":{campaign},"referrer_id":null,"first_name":{json.dumps(name)},'
        f'"email":{json.dumps(email)},"code":"{code}","url":"{url}","reach":0,"source":"Api",'
        f'"type":"person_referring","ip":null,"qr":{{"src":"{url}/qr-code","download":"{url}/download-qr-code"}},'
        '"signed_up_at":"2026-11-30","qualified_at":null,"unsubscribed_at":null,"meta":[],'
        f'"sharing":{{"socials":[{socials}],"subject":null,"text":null}}}}}}'
    ).encode()


async def answer(request: web.BaseRequest) -> web.Response:
    """Answer one call of either vendor, or one of the benchmark's own."""
    path = request.path
    if path.startswith("/_bench"):
        return _bench(request)
    books = BOOKS
    books.last = time.monotonic()
    books.first = books.first or books.last
    books.calls += 1
    if path == "/referral-factory/api/v2/users" and request.method == "POST":
        sent = json.loads(await request.read())
        if request.headers.get("Authorization") != "Bearer sandbox-rf-token":
            return web.json_response({"code": 401, "message": "Unauthenticated."}, status=401)
        books.creates += 1
        books.people.add(sent["email"])
        books.loud += sent.get("notify") is not False
        body = user(5_000_000 + books.creates, sent["campaign_id"], sent["first_name"], sent["email"])
        books.last = time.monotonic()
        return web.Response(body=body, status=201, content_type=JSON)
    if path == "/servicetitan/connect/token":
        return web.json_response({"access_token": "bench", "expires_in": 900, "token_type": "Bearer"})
    if "/export/" in path:
        return _feed(request)
    if path == f"/referral-factory/api/v2/campaigns/{CAMPAIGN}":
        return web.json_response({"data": {"id": CAMPAIGN, "name": "Neighbours", "status": "launched", "fields": {}}})
    return web.json_response({"code": 404, "message": "Not found."}, status=404)


def _feed(request: web.BaseRequest) -> web.Response:
    if request.headers.get("Authorization") != "Bearer bench" or not request.headers.get("ST-App-Key"):
        return web.json_response({"title": "Unauthorized"}, status=401)
    name = request.path.rpartition("/")[2]
    token = request.query.get("from", "")
    return web.Response(body=feed(name, int(token.rpartition("-")[2] or 0)), content_type=JSON)


def _bench(request: web.BaseRequest) -> web.Response:
    """`/_bench/customers/N`: begin anew with so many. `/_bench/counts`: what came in. Both answer the counts so far."""
    global BOOKS  # noqa: PLW0603
    shown = web.json_response(BOOKS.shown())
    if "/customers/" in request.path:
        BOOKS = Books(customers=int(request.path.rpartition("/")[2]))
    return shown


async def main(port: int) -> None:
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
