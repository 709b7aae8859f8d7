"""The receiver of the referral program's and ServiceTitan's deliveries: kept once, nobody else let in, a pass started.

The sandbox's referral program and tenant send here over real HTTP, twice, shuffled, forged, and come again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from deployments.home import Home
from deployments.hooks import app as app_module
from deployments.hooks.app import build_app
from deployments.hooks.child import hooks_process
from deployments.hooks.sources import LARGEST_BODY, LARGEST_PERSON
from models.settings import HouseSettings
from models.shop import load_shop
from sandbox.app import create_app
from store import Books
from tasks.connections import disconnect
from tests.connectors.cloud_events import TENANT, booking_updated, job_event
from tests.deployments.hook_doubles import (
    Prefect,
    a_starter,
    bare,
    have_started,
    post_raw,
    start_receiver,
    until,
    working,
)
from tests.ports import free_port

RF, ST = "referral_factory", "servicetitan"
SECRET = "hook-5ecret-referral-factory"
KEY = "hmac-5ecret-servicetitan-of-32-letters"
SANDBOX = "http://127.0.0.1:8700"
DEMO, OTHER, SILENT, BARE = "demo", "other", "silent", "bare"
HEADERS = {"X-Truckroll-Secret": SECRET}
SIGNATURE = "x-servicetitan-signature"
EMAIL = "robin.sample@example.com"


def shop_file(name: str, *, secret: str = "", key: str = "", encoding: str = "hex", tenant: int = TENANT) -> str:
    return f"""
name = "{name}"
[servicetitan]
api_url = "{SANDBOX}/servicetitan"
auth_url = "{SANDBOX}/servicetitan/connect/token"
tenant_id = {tenant}
app_key = "x"
client_id = "x"
client_secret = "x"
booking_provider = 77
external_data_guid = "6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11"
webhook_key = "{key}"
webhook_signature_encoding = "{encoding}"
[referral_factory]
api_url = "{SANDBOX}/referral-factory/api/v2"
api_token = "x"
webhook_secret = "{secret}"
webhook_fields = {{ code = "lead_code", campaign = "campaign", event = "what" }}
[[referral_factory.campaigns]]
id = 1001
[referral_factory.campaigns.leads]
enabled = true
[referral_factory.campaigns.leads.map]
source = "campaign.name"
name = "lead.full_name"
email = "lead.email"
summary = "Referral"
external_id = "lead.code"
[referral_factory.campaigns.leads.defaults]
is_first_time_client = "yes"
"""


@pytest.fixture(autouse=True)
def shops(home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(os.environ["TRUCKROLL_SHOPS"])
    variables = {"secret": "${RF_WEBHOOK_SECRET}", "key": "${ST_WEBHOOK_KEY}"}
    files = {
        DEMO: shop_file(DEMO, **variables),
        OTHER: shop_file(OTHER, **variables, encoding="base64", tenant=7),
        SILENT: shop_file(SILENT),
        BARE: f'name = "{BARE}"',
    }
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("RF_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("ST_WEBHOOK_KEY", KEY)
    return folder


@pytest.fixture
def books(home: Home) -> Iterator[Books]:
    with Books.open(HouseSettings().database) as opened:
        yield opened


def an_app(books: Books, prefect: Prefect | None = None) -> FastAPI:
    return build_app(books, HouseSettings(), starter=a_starter(books, prefect or Prefect()))


@pytest.fixture
async def http(books: Books) -> AsyncIterator[httpx.AsyncClient]:
    """Give a caller of the application; the starter does not run."""
    transport = httpx.ASGITransport(an_app(books))
    async with httpx.AsyncClient(transport=transport, base_url="https://events.example.com") as caller:
        yield caller


def lead(code: str = "Ab3dE6gH", **changes: Any) -> dict[str, Any]:
    return {"lead_code": code, "email": EMAIL, "campaign": 1001, "what": "user.join", **changes}


def signed(body: bytes, key: str = KEY) -> dict[str, str]:
    return {SIGNATURE: hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}


def booking(occurrence: str = "occurrence-1", number: int = 990) -> bytes:
    return json.dumps(booking_updated(number, occurrence)).encode()


async def kept(books: Books, vendor: str, shop: str = DEMO) -> list[str]:
    return [row.record for row in await books.hook_events.waiting(shop, vendor)]


async def all_kept(books: Books) -> list[str]:
    return [
        row for shop in (DEMO, OTHER, SILENT, BARE) for vendor in (RF, ST) for row in await kept(books, vendor, shop)
    ]


# --- who gets in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "secret", "status"),
    [
        pytest.param(DEMO, SECRET, 202, id="the right secret"),
        pytest.param(DEMO, None, 404, id="no secret"),
        pytest.param(DEMO, "", 404, id="an empty one"),
        pytest.param(DEMO, "guess", 404, id="a guess"),
        pytest.param(DEMO, KEY, 404, id="another vendor's"),
        pytest.param(SILENT, "", 404, id="a shop without a secret"),
        pytest.param(SILENT, SECRET, 404, id="a shop without a secret, another shop's sent"),
        pytest.param(BARE, SECRET, 404, id="a shop without the program"),
        pytest.param("nobody", SECRET, 404, id="an unknown shop"),
        pytest.param(f"{DEMO}/{SECRET}", SECRET, 404, id="a longer address"),
        pytest.param(f"..%2Fshops%2F{DEMO}", SECRET, 404, id="a way through folders"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_only_the_program_gets_in(
    http: httpx.AsyncClient, books: Books, path: str, secret: str | None, status: int, method: str
) -> None:
    """RF-41: a forged delivery is a 404, whoever sends it and however."""
    headers = {} if secret is None else {"X-Truckroll-Secret": secret}
    said: dict[str, Any] = {"json": lead()} if method == "POST" else {"params": lead()}
    reply = await http.request(method, f"/referral-factory/{path}", headers=headers, **said)
    assert (reply.status_code, reply.content) == (status, b"")
    assert await all_kept(books) == (["code/Ab3dE6gH"] if status == 202 else [])


async def test_a_wrong_secret_and_an_unknown_shop_look_alike(http: httpx.AsyncClient) -> None:
    paths = [DEMO, SILENT, BARE, "nobody", "a/b", ""]
    replies = [await http.post(f"/referral-factory/{path}", json=lead(), headers={}) for path in paths]
    replies += [await http.post(f"/servicetitan/{path}", content=booking()) for path in (SILENT, BARE, "nobody", "")]
    assert [bare(reply) for reply in replies] == [bare(replies[0])] * len(replies)


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        pytest.param(DEMO, KEY, 202, id="the right signature"),
        pytest.param(DEMO, "another", 401, id="another key"),
        pytest.param(DEMO, "", 401, id="an empty key"),
        pytest.param(DEMO, None, 401, id="no signature"),
        pytest.param(OTHER, KEY, 401, id="hex where the shop file says base64"),
        pytest.param(SILENT, KEY, 404, id="a shop without a key"),
        pytest.param(BARE, KEY, 404, id="a shop without ServiceTitan"),
        pytest.param("nobody", KEY, 404, id="an unknown shop"),
    ],
)
async def test_only_the_tenant_gets_in(
    http: httpx.AsyncClient, books: Books, path: str, key: str | None, status: int
) -> None:
    body = booking()
    reply = await http.post(f"/servicetitan/{path}", content=body, headers={} if key is None else signed(body, key))
    assert (reply.status_code, reply.content) == (status, b"")
    assert await all_kept(books) == (["booking/990"] if status == 202 else [])


async def test_the_tenants_address_takes_no_query_and_the_programs_no_other_method(http: httpx.AsyncClient) -> None:
    assert (await http.get(f"/servicetitan/{DEMO}", headers=signed(b""))).status_code == 404
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"):
        assert (await http.request(method, f"/referral-factory/{DEMO}", headers=HEADERS)).status_code == 404


# --- what is taken -------------------------------------------------------------------------------------------


async def test_a_lead_is_kept_by_its_code_and_nothing_personal_with_it(http: httpx.AsyncClient, books: Books) -> None:
    """RF-41: what is said is not believed; the pass reads the person anew."""
    reply = await http.post(f"/referral-factory/{DEMO}", json=lead(first_name="Robin"), headers=HEADERS)
    assert reply.status_code == 202
    (row,) = await books.hook_events.waiting(DEMO, RF)
    assert (row.kind, row.record, row.campaign_id) == ("user.join", "code/Ab3dE6gH", 1001)
    assert "example.com" not in row.model_dump_json()
    assert "Robin" not in row.model_dump_json()


async def test_json_form_and_query_of_one_event_are_one_row(http: httpx.AsyncClient, books: Books) -> None:
    path = f"/referral-factory/{DEMO}"
    replies = [
        await http.post(path, json=lead(), headers=HEADERS),
        await http.post(path, data=lead(), headers=HEADERS),
        await http.get(path, params=lead(), headers=HEADERS),
        await http.post(f"{path}?campaign=1001", json=lead(campaign=None) | {"campaign": 1001}, headers=HEADERS),
    ]
    assert [reply.status_code for reply in replies] == [202] * 4
    assert await kept(books, RF) == ["code/Ab3dE6gH"]


async def test_a_replay_adds_nothing_while_it_waits_and_one_reading_after_that(
    http: httpx.AsyncClient, books: Books
) -> None:
    """RF-41, RF-D6: a recorded delivery sent again by whomever: one row, whatever became of it."""

    async def replay() -> None:
        for _ in range(20):
            reply = await http.post(f"/referral-factory/{DEMO}", json=lead(), headers=HEADERS)
            assert reply.status_code == 202

    await replay()
    (row,) = await books.hook_events.waiting(DEMO, RF)
    await books.hook_events.handled(DEMO, RF, [row.event_id])
    assert await kept(books, RF) == []
    await replay()
    (again,) = await books.hook_events.waiting(DEMO, RF)
    assert again.event_id == row.event_id


async def test_a_replay_of_the_tenant_adds_nothing_ever(http: httpx.AsyncClient, books: Books) -> None:
    """By userassignedid: the envelope's own id may differ on each attempt."""
    for attempt in range(3):
        body = json.dumps({**booking_updated(990), "id": f"attempt-{attempt}"}).encode()
        assert (await http.post(f"/servicetitan/{DEMO}", content=body, headers=signed(body))).status_code == 202
        assert await kept(books, ST) == (["booking/990"] if attempt == 0 else [])
        await books.hook_events.handled(DEMO, ST, ["occurrence-1"])


async def test_an_unknown_campaign_is_refused_and_the_log_says_why(
    http: httpx.AsyncClient, books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await http.post(f"/referral-factory/{DEMO}", json=lead(campaign=9999), headers=HEADERS)
    assert (reply.status_code, reply.content) == (422, b"")
    assert "a campaign that the shop file does not have" in caplog.text
    assert await all_kept(books) == []


async def test_an_event_of_another_tenant_is_refused_and_the_log_says_why(
    http: httpx.AsyncClient, books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    event = booking_updated(990)
    event["data"]["tenantId"] = TENANT + 1
    body = json.dumps(event).encode()
    reply = await http.post(f"/servicetitan/{DEMO}", content=body, headers=signed(body))
    assert (reply.status_code, reply.content) == (422, b"")
    assert "another tenant" in caplog.text
    assert await all_kept(books) == []


async def test_jobs_are_kept_and_what_is_no_business_of_ours_is_answered(http: httpx.AsyncClient, books: Books) -> None:
    events = [
        (job_event("completed", 48213, booking=990, occurrence="a"), 202),
        (job_event("completed", 48214, booking=None, occurrence="b"), 200),
        ({**booking_updated(991, "c"), "type": "tn.acc.invoice-posted"}, 200),
    ]
    for event, status in events:
        body = json.dumps(event).encode()
        assert (await http.post(f"/servicetitan/{DEMO}", content=body, headers=signed(body))).status_code == status
    assert await kept(books, ST) == ["job/48213"]


@pytest.mark.parametrize("gone", [RF, ST])
async def test_late_hooks_of_a_disconnected_shop_are_ignored(http: httpx.AsyncClient, books: Books, gone: Any) -> None:
    """RF-67: either side disconnected, neither's deliveries are kept; a forged one is still refused."""
    await disconnect(books, load_shop(DEMO, HouseSettings().shops), gone, "Olga")
    body = booking()
    late = [
        await http.post(f"/referral-factory/{DEMO}", json=lead(), headers=HEADERS),
        await http.post(f"/servicetitan/{DEMO}", content=body, headers=signed(body)),
    ]
    forged = [
        await http.post(f"/referral-factory/{DEMO}", json=lead()),
        await http.post(f"/servicetitan/{DEMO}", content=body, headers=signed(body, "x")),
    ]
    assert [reply.status_code for reply in (*late, *forged)] == [200, 200, 404, 401]
    assert await all_kept(books) == []


# --- too large, too slow, too many ---------------------------------------------------------------------------


async def test_too_large_is_refused_before_it_is_all_read(http: httpx.AsyncClient, books: Books) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 50_000
            yield b" " * 50_000

    reply = await http.post(f"/referral-factory/{DEMO}", content=endless(), headers=HEADERS)
    assert (reply.status_code, reply.headers["connection"]) == (413, "close")
    assert read <= LARGEST_PERSON + 50_000
    right = [(b"x-truckroll-secret", SECRET.encode())]
    query = urlencode(lead(x="x" * LARGEST_PERSON)).encode()
    for method in ("GET", "POST"):
        path = f"/referral-factory/{DEMO}"
        assert await post_raw(an_app(books), path, right, [b""], method=method, query=query) == 413
    large = booking() + b" " * LARGEST_BODY
    assert (await http.post(f"/servicetitan/{DEMO}", content=large, headers=signed(large))).status_code == 413
    assert await all_kept(books) == []


async def test_nothing_is_read_from_who_has_no_right(http: httpx.AsyncClient) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    for path, status in ((f"referral-factory/{DEMO}", 404), (f"servicetitan/{DEMO}", 401), ("servicetitan/no", 404)):
        assert (await http.post(f"/{path}", content=never())).status_code == status


async def test_a_body_that_does_not_end_is_given_up(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "BODY_WITHIN_S", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)
        yield b"}"

    assert (await http.post(f"/referral-factory/{DEMO}", content=slow(), headers=HEADERS)).status_code == 408
    assert (await http.post(f"/servicetitan/{DEMO}", content=slow(), headers={SIGNATURE: "x"})).status_code == 408


async def test_a_flood_fills_no_table(http: httpx.AsyncClient, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who has the secret names one code after another: then the program is told to come again."""
    monkeypatch.setattr(books.hook_events, "_most_waiting", 5)
    replies = [await http.post(f"/referral-factory/{DEMO}", json=lead(f"code{n}"), headers=HEADERS) for n in range(8)]
    assert [reply.status_code for reply in replies] == [202] * 5 + [503] * 3
    assert len(await kept(books, RF)) == 5
    body = booking()
    assert (await http.post(f"/servicetitan/{DEMO}", content=body, headers=signed(body))).status_code == 202


# --- when we are at fault ------------------------------------------------------------------------------------


async def test_what_cannot_be_kept_is_not_said_to_be(
    http: httpx.AsyncClient, books: Books, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object, **__: object) -> bool:
        raise OperationalError(f"INSERT {EMAIL}", {}, Exception("disk full"))

    monkeypatch.setattr(books.hook_events, "keep", fails)
    body = booking()
    for reply in (
        await http.post(f"/referral-factory/{DEMO}", json=lead(), headers=HEADERS),
        await http.post(f"/servicetitan/{DEMO}", content=body, headers=signed(body)),
    ):
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "30")
    assert "OperationalError" in caplog.text
    assert EMAIL not in caplog.text


@pytest.mark.parametrize("variable", ["RF_WEBHOOK_SECRET", "ST_WEBHOOK_KEY"])
async def test_a_secret_that_is_not_set_names_its_variable_and_takes_nothing(
    http: httpx.AsyncClient,
    books: Books,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv(variable)
    body = booking()
    path = "referral-factory" if variable.startswith("RF") else "servicetitan"
    reply = await http.post(f"/{path}/{DEMO}", content=body, headers={**signed(body, ""), "X-Truckroll-Secret": ""})
    assert reply.status_code == 503
    assert variable in caplog.text
    assert await all_kept(books) == []


async def test_no_secret_and_nothing_sent_is_in_the_log(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="truckroll")
    body = booking()
    strange = json.dumps({**booking_updated(990), "data": {"booking": EMAIL}}).encode()
    for path, sent, headers in (
        ("referral-factory", json.dumps(lead()).encode(), {"X-Truckroll-Secret": "wr0ng-guess"}),
        ("referral-factory", json.dumps(lead(campaign="Robin's summer")).encode(), HEADERS),
        ("referral-factory", json.dumps(lead(EMAIL)).encode(), HEADERS),
        ("referral-factory", json.dumps(lead()).encode(), HEADERS),
        ("servicetitan", body, signed(body, "wr0ng-guess")),
        ("servicetitan", strange, signed(strange)),
        ("servicetitan", body, signed(body)),
    ):
        await http.post(f"/{path}/{DEMO}?x={EMAIL}", content=sent, headers=headers)
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("truckroll"))
    assert said.count("a delivery was refused") == 5
    for secret in (SECRET, KEY, "wr0ng-guess", EMAIL, "example.com", "Robin", "Ab3dE6gH", signed(body)[SIGNATURE]):
        assert secret not in said


# --- whatever is sent ----------------------------------------------------------------------------------------

NAMES = st.sampled_from(["lead_code", "campaign", "what", "email", "id", "type", "data", "userassignedid", "tenantId"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([1001, TENANT]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=20,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
MORE_HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"content-type", b"content-length", b"x-truckroll-secret", b"host"]), st.binary(max_size=30)
    ),
    max_size=4,
)


def test_no_body_query_or_header_is_answered_with_an_error_of_ours(books: Books) -> None:
    app = an_app(books)

    @settings(max_examples=300, deadline=None)
    @given(
        body=BODIES,
        query=st.binary(max_size=40) | st.dictionaries(NAMES, st.text(max_size=8)).map(lambda q: urlencode(q, errors="replace").encode()),
        headers=MORE_HEADERS,
        method=st.sampled_from(["GET", "POST"]),
        cut=st.integers(0, 60),
        path=st.sampled_from([f"/referral-factory/{DEMO}", f"/servicetitan/{DEMO}", f"/servicetitan/{SILENT}"]),
    )  # fmt: skip
    def send(body: bytes, query: bytes, headers: list[tuple[bytes, bytes]], method: str, cut: int, path: str) -> None:
        right = [(b"x-truckroll-secret", SECRET.encode()), (SIGNATURE.encode(), signed(body)[SIGNATURE].encode())]
        pieces = [body[:cut], body[cut:]]
        status = asyncio.run(post_raw(app, path, [*right, *headers], pieces, method=method, query=query))
        assert status in {200, 202, 400, 404, 422}

    send()


# --- what follows --------------------------------------------------------------------------------------------


async def test_a_burst_of_both_vendors_starts_one_pass_of_booking_to_reward(books: Books) -> None:
    prefect = Prefect()
    starter = a_starter(books, prefect, again_s=30)
    async with working(starter):
        for n in range(20):
            await books.hook_events.keep(DEMO, RF if n % 2 else ST, f"e{n}", kind="k", record=f"job/{n}")
            starter.ring(DEMO, "booking-to-reward")
        await asyncio.sleep(0.5)
    (run,) = prefect.started
    assert run["parameters"] == {"shop": DEMO}
    assert run["tags"] == [f"shop:{DEMO}", "process:booking-to-reward"]


async def test_each_process_has_its_own_passes(books: Books) -> None:
    prefect = Prefect(state="RUNNING")
    starter = a_starter(books, prefect, again_s=30)
    async with working(starter):
        await books.hook_events.keep(DEMO, ST, "e1", kind="k", record="job/1")
        starter.ring(DEMO, "booking-to-reward")
        starter.ring(DEMO, "order-to-invoice")
        await until(have_started(prefect, 1))
        await asyncio.sleep(0.2)
        assert len(prefect.started) == 1, "no order waits"
        await books.store_events.keep(DEMO, "evt_1", order_id="1", kind="order.created")
        starter.ring(DEMO, "order-to-invoice")
        await until(have_started(prefect, 2))
    processes = [run["tags"][1] for run in prefect.started]
    assert processes == ["process:booking-to-reward", "process:order-to-invoice"]
    assert len({run["idempotency_key"] for run in prefect.started}) == 2


# --- the vendors send, over HTTP -----------------------------------------------------------------------------


@dataclass
class Town:
    """The sandbox's vendors in this process, and a receiver that can be stopped and started."""

    books: Books
    people: httpx.AsyncClient
    port: int
    prefect: Prefect = field(default_factory=Prefect)
    server: uvicorn.Server | None = None
    serving: asyncio.Task[None] | None = None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def open(self) -> None:
        starter = a_starter(self.books, self.prefect, again_s=30)
        config = uvicorn.Config(
            build_app(self.books, HouseSettings(), starter=starter),
            host="127.0.0.1", port=self.port, access_log=False, log_level="warning", ws="none",
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.serving = asyncio.create_task(self.server.serve())

        async def is_up() -> bool:
            return bool(self.server and self.server.started)

        await until(is_up)

    async def close(self) -> None:
        for process in self.processes:
            process.kill()
            await asyncio.to_thread(process.wait)
        if self.server and self.serving:
            self.server.should_exit = True
            await self.serving
            self.server = None

    async def receive(self, home: Home, *shops: str) -> subprocess.Popen[bytes]:
        """Start a receiver as a process; whatever becomes of the test, it is ended."""
        self.processes.append(await asyncio.to_thread(start_receiver, home, self.port, *shops))
        return self.processes[-1]

    async def tell(self, path: str, **body: Any) -> Any:
        reply = await self.people.post(f"/_sandbox{path}", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def hook(self, method: str = "POST", event: str = "user.join", **more: Any) -> None:
        """Set up a hook of campaign 1001 as the guide says."""
        given = {
            "url": f"http://127.0.0.1:{self.port}/referral-factory/{DEMO}",
            "event": event,
            "method": method,
            "sources": ["Referred", "Direct"],
            "headers": HEADERS,
            "fields": {"code": "lead_code", "email": "email", "campaign_id": "campaign"},
            "constants": {"what": event},
            **more,
        }
        await self.tell("/referral-factory/campaigns/1001/hooks", **given)

    async def sign_up(self, name: str, code: str = "") -> dict[str, Any]:
        who: dict[str, Any] = {"code": code} if code else {"campaign_id": 1001}
        form = {"first_name": name, "email": f"{name.lower()}@example.com", **who}
        found: dict[str, Any] = (await self.tell("/referral-factory/sign-up", **form))["user"]
        return found

    async def portal(self, **more: Any) -> None:
        """Set up the events of the tenant as the guide says."""
        await self.tell("/servicetitan/webhooks", url=f"http://127.0.0.1:{self.port}/servicetitan/{DEMO}",
                        **{"key": KEY, **more})  # fmt: skip

    async def book(self) -> int:
        made = await self.tell("/servicetitan/bookings", provider=77)
        return int(made["booking_ids"][0])

    async def titan_deliveries(self) -> list[dict[str, Any]]:
        reply = await self.people.get("/_sandbox/servicetitan/webhooks/deliveries")
        found: list[dict[str, Any]] = reply.json()["deliveries"]
        return found

    async def program_statuses(self) -> list[int | None]:
        state = (await self.people.get("/_sandbox/state")).json()
        return [one["status"] for one in state["referral_factory"]["hook_deliveries"]]

    async def has(self, vendor: str, count: int) -> list[str]:
        async def is_there() -> bool:
            return len(await kept(self.books, vendor)) >= count

        await until(is_there)
        return await kept(self.books, vendor)


@pytest.fixture
async def town(books: Books) -> AsyncIterator[Town]:
    network = httpx.ASGITransport(app=create_app())
    async with httpx.AsyncClient(transport=network, base_url=SANDBOX) as people:
        made = Town(books, people, free_port())
        yield made
        await made.close()
        await people.post("/_sandbox/reset")


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_friend_who_signs_up_is_known_at_once(town: Town, method: str) -> None:
    """RF-41: the program's own hook over HTTP, by either method; a pass is started for it."""
    await town.open()
    await town.hook(method)
    dana = await town.sign_up("Dana")
    kit = await town.sign_up("Kit", dana["code"])
    records = await town.has(RF, 2)
    assert sorted(records) == sorted([f"code/{dana['code']}", f"code/{kit['code']}"])
    assert {row.campaign_id for row in await town.books.hook_events.waiting(DEMO, RF)} == {1001}
    await until(have_started(town.prefect, 1))
    assert town.prefect.started[0]["tags"] == [f"shop:{DEMO}", "process:booking-to-reward"]


async def test_people_the_contact_sync_makes_are_not_told_of(town: Town) -> None:
    """RF-D1: only the sources that the guide says to tick are sent, so the sync hears no echo."""
    await town.open()
    await town.hook()
    made = await town.people.post(
        "/referral-factory/api/v2/users",
        json={"campaign_id": 1001, "first_name": "Synced", "email": "synced@example.com", "notify": False},
        headers={"Authorization": "Bearer sandbox-rf-token", "Accept": "application/json"},
    )
    assert made.status_code in {200, 201}, made.text
    dana = await town.sign_up("Dana")
    assert await town.has(RF, 1) == [f"code/{dana['code']}"]


async def test_each_event_three_times_and_shuffled_is_one_row_each(town: Town) -> None:
    """RF-41, RF-44: repeats and disorder of both vendors leave one row for each thing that happened."""
    await town.open()
    await town.hook()
    await town.hook(event="user.qualified")
    await town.portal()
    await town.tell("/referral-factory/switches", hooks_times=3, hooks_out_of_order=True)
    await town.tell("/servicetitan/switches", hooks_times=3, hooks_out_of_order=True)
    dana = await town.sign_up("Dana")
    kit = await town.sign_up("Kit", dana["code"])
    await town.tell(f"/referral-factory/users/{kit['id']}/qualify")
    booking_id = await town.book()
    made = await town.tell(f"/servicetitan/bookings/{booking_id}/convert")
    job = made["jobs"][0]
    await town.tell(f"/servicetitan/jobs/{job['job_number']}/complete")

    async def all_sent() -> bool:
        statuses = await town.program_statuses()
        titan = await town.titan_deliveries()
        return len(statuses) == 9 and None not in statuses and all(one["outcome"] == "sent" for one in titan)

    await until(all_sent)
    assert set(await town.program_statuses()) == {202}
    rows = await town.books.hook_events.waiting(DEMO, RF)
    expected = [("user.join", dana["code"]), ("user.join", kit["code"]), ("user.qualified", kit["code"])]
    assert sorted((row.kind, row.record) for row in rows) == sorted((kind, f"code/{code}") for kind, code in expected)
    titan = await town.titan_deliveries()
    told = await town.books.hook_events.waiting(DEMO, ST)
    assert {row.event_id for row in told} <= {one["event"]["userassignedid"] for one in titan}
    assert len(titan) % 3 == 0
    assert {row.record for row in told} == {f"booking/{booking_id}", f"job/{job['job_id']}"}
    assert len(told) == len({row.event_id for row in told})


async def test_jobs_and_bookings_that_are_not_ours_start_nothing(town: Town) -> None:
    """Every job of the tenant is told of; those that came from no booking, or from another provider's, are left alone."""
    await town.open()
    await town.portal()
    theirs = (await town.tell("/servicetitan/bookings", provider=5102))["booking_ids"][0]
    await town.tell(f"/servicetitan/bookings/{theirs}/accept")
    plain = (await town.tell("/servicetitan/jobs", customer="Kim Plain"))["job_number"]
    await town.tell(f"/servicetitan/jobs/{plain}/complete")

    async def are_sent() -> bool:
        found = await town.titan_deliveries()
        kinds = {one["event"]["type"] for one in found}
        wanted = {"tn.crm.booking-updated", "tn.jpm.job-completed"}
        return wanted <= kinds and all(one["outcome"] == "sent" for one in found)

    await until(are_sent)
    assert {one["status"] for one in await town.titan_deliveries()} == {200}
    assert await all_kept(town.books) == []
    assert town.prefect.started == []


async def test_a_forged_hook_is_refused_and_the_program_does_not_come_again(town: Town) -> None:
    await town.open()
    await town.hook(headers={"X-Truckroll-Secret": "wrong"})
    await town.hook(headers={})
    await town.sign_up("Dana")

    async def are_refused() -> bool:
        return await town.program_statuses() == [404, 404]

    await until(are_refused)
    assert await all_kept(town.books) == []


@pytest.mark.parametrize("wrong", ["encoding", "key", "unsigned"])
async def test_a_signature_that_is_not_right_is_refused(town: Town, wrong: str) -> None:
    """Wrong encoding, another key, none: 401, and nothing is kept."""
    await town.open()
    await town.portal(
        **{"encoding": {"encoding": "base64"}, "key": {"key": "k" * 32}, "unsigned": {"key": None}}[wrong]
    )
    booking_id = await town.book()
    await town.tell(f"/servicetitan/bookings/{booking_id}/accept")

    async def are_refused() -> bool:
        found = await town.titan_deliveries()
        return bool(found) and all(one["status"] == 401 for one in found)

    await until(are_refused)
    assert await all_kept(town.books) == []


async def test_what_happened_while_the_receiver_was_down_comes_with_the_next_tries(town: Town) -> None:
    """The tenant comes again after 10 seconds and more; the program never does, and the poll finds its people."""
    await town.hook()
    await town.portal()
    dana = await town.sign_up("Dana")
    booking_id = await town.book()
    await town.tell(f"/servicetitan/bookings/{booking_id}/accept")

    async def are_tried() -> bool:
        return all(one["attempts"] for one in await town.titan_deliveries())

    await until(are_tried)
    await town.open()
    await town.tell("/clock/advance", seconds=11)
    assert await town.has(ST, 1) == [f"booking/{booking_id}"]
    assert await kept(town.books, RF) == [], f"{dana['code']} is left to the poll"


# --- as a process --------------------------------------------------------------------------------------------


def test_the_process_takes_deliveries_and_keeps_silent(home: Home, books: Books) -> None:
    port = free_port()
    running = start_receiver(home, port, DEMO)
    try:
        url, body = f"http://127.0.0.1:{port}", booking()
        replies = [
            httpx.post(f"{url}/referral-factory/{DEMO}", json=lead(), headers=HEADERS),
            httpx.get(f"{url}/referral-factory/{DEMO}", params=lead("Zz9yX8wV"), headers=HEADERS),
            httpx.post(f"{url}/servicetitan/{DEMO}", content=body, headers=signed(body)),
            httpx.post(f"{url}/referral-factory/{DEMO}?{EMAIL}", json=lead(), headers={"X-Truckroll-Secret": "wr0ng"}),
            httpx.post(f"{url}/servicetitan/{DEMO}", content=body, headers=signed(body, "wr0ng")),
            httpx.post(f"{url}/servicetitan/{OTHER}", content=body, headers=signed(body)),
        ]
    finally:
        running.terminate()
        running.wait(10)
    assert [reply.status_code for reply in replies] == [202, 202, 202, 404, 401, 404]
    assert asyncio.run(all_kept(books)) == ["code/Ab3dE6gH", "code/Zz9yX8wV", "booking/990"]
    said = (home.logs / "hooks.log").read_text(encoding="utf-8")
    assert "a delivery was refused" in said
    for secret in (SECRET, KEY, EMAIL, "wr0ng", "Ab3dE6gH", "Sample"):
        assert secret not in said


@pytest.mark.crash
async def test_a_receiver_killed_in_a_burst_keeps_each_event_once(town: Town, home: Home) -> None:
    """RF-43, RF-D6: SIGKILL while events come in, three of each; with the next tries every one is there, none twice."""
    await town.portal(types=["tn.crm.booking-updated"])
    await town.tell("/servicetitan/switches", hooks_times=3)
    running = await town.receive(home, DEMO)
    made = (await town.tell("/servicetitan/bookings", provider=77, count=40))["booking_ids"]

    async def accept_all() -> None:
        for number in made:
            await town.tell(f"/servicetitan/bookings/{number}/accept")

    accepting = asyncio.create_task(accept_all())

    async def has_some() -> bool:
        return len(await kept(town.books, ST)) > 2

    await until(has_some, seconds=60)
    running.kill()
    await asyncio.to_thread(running.wait)
    assert len(await kept(town.books, ST)) < 40, "killed too late"
    await accepting

    async def are_tried() -> bool:
        return all(one["attempts"] for one in await town.titan_deliveries())

    await until(are_tried, seconds=60)
    await town.receive(home, DEMO)

    async def all_sent() -> bool:
        await town.tell("/clock/advance", seconds=61)
        return all(one["outcome"] == "sent" for one in await town.titan_deliveries())

    await until(all_sent, seconds=60)
    assert sorted(await kept(town.books, ST)) == sorted(f"booking/{number}" for number in made)


def test_the_person_who_starts_it_is_told_what_to_give_to_each_vendor(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret is shown: each is called by its variable."""
    monkeypatch.setenv("TRUCKROLL_HOOKS_URL", "https://events.example.com/")
    shops = [load_shop(name, HouseSettings().shops) for name in (DEMO, SILENT, BARE)]
    made = hooks_process(home, "http://127.0.0.1:4200/api", shops, port=8999)
    assert made is not None
    said = "\n".join(made.words)
    for words in (
        "give Referral Factory https://events.example.com/referral-factory/demo, and the header X-Truckroll-Secret",
        "X-Truckroll-Secret with the value of RF_WEBHOOK_SECRET",
        "demo: give ServiceTitan https://events.example.com/servicetitan/demo, and as HMAC key the value of ST_WEBHOOK",
    ):
        assert words in said
    for unsaid in (SECRET, KEY, SILENT, BARE, "Contractor Commerce"):
        assert unsaid not in said
    assert made.child.command[-2:] == ["--shop", DEMO]


@pytest.mark.parametrize("variable", ["RF_WEBHOOK_SECRET", "ST_WEBHOOK_KEY"])
def test_a_secret_that_is_missing_is_said_at_the_start(
    home: Home, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable)
    made = hooks_process(home, "http://127.0.0.1:4200/api", [load_shop(DEMO, HouseSettings().shops)])
    assert made is not None
    (words,) = [line for line in made.words if "nothing is received" in line]
    assert variable in words
