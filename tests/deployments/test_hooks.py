"""The receiver of store events: keeps each delivery once, lets nobody else in, and has one pass started for a burst.

The sandbox's store sends here over real HTTP, signs, repeats, shuffles and comes again as the contract says.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from deployments.hooks.child import NOT_RECEIVED, hooks_process
from deployments.hooks.sources import LARGEST_BODY
from deployments.hooks.starter import Starter
from models.errors import SettingsError
from models.settings import HouseSettings
from models.shop import load_shop
from sandbox.app import create_app
from sandbox.contractor_commerce.webhooks import as_bytes, signature_of
from store import Books
from tests.connectors.store_orders import AT, order_row
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

KEY = "hook-5ecret-contractor-commerce"
TOKEN = "path-5ecret-contractor-commerce"
SANDBOX = "http://127.0.0.1:8700"
BOTH, SIGNED, BY_TOKEN, NEITHER, OFFLINE = "both", "signed", "by-token", "neither", "offline"
MODES = {
    BOTH: ("CC_WEBHOOK_SECRET", "CC_PATH_TOKEN"),
    SIGNED: ("CC_WEBHOOK_SECRET", ""),
    BY_TOKEN: ("", "CC_PATH_TOKEN"),
    NEITHER: ("", ""),
}
STREET = "12 Elm St"


def shop_file(name: str, secret: str = "", token: str = "") -> str:
    lines = [f'name = "{name}"']
    if name != OFFLINE:
        lines += ["[contractor_commerce]", f'api_url = "{SANDBOX}/contractor-commerce"', 'api_token = "${CC_TOKEN}"']
    lines += [f'webhook_secret = "${{{secret}}}"'] if secret else []
    lines += [f'webhook_path_token = "${{{token}}}"'] if token else []
    return "\n".join(lines)


@pytest.fixture(autouse=True)
def shops(home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(os.environ["TRUCKROLL_SHOPS"])
    (folder / "demo.toml").unlink()
    for name, (secret, token) in MODES.items():
        (folder / f"{name}.toml").write_text(shop_file(name, secret, token), encoding="utf-8")
    (folder / f"{OFFLINE}.toml").write_text(shop_file(OFFLINE), encoding="utf-8")
    monkeypatch.setenv("CC_WEBHOOK_SECRET", KEY)
    monkeypatch.setenv("CC_PATH_TOKEN", TOKEN)
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


def event_body(event_id: str = "evt_01", order: int = 100201, **changes: Any) -> bytes:
    event = {
        "id": event_id,
        "type": "order.created",
        "api_version": "v1",
        "store_id": 41,
        "created_at": AT,
        "data": {"object": "order", "order": order_row(order)},
    }
    return as_bytes({**event, **changes})


def signed(body: bytes, key: str = KEY) -> dict[str, str]:
    return {"Signature": signature_of(key, body)}


async def kept(books: Books, shop: str) -> list[tuple[str, str]]:
    return [(row.event_id, row.order_id) for row in await books.store_events.waiting(shop)]


# --- who gets in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        pytest.param(f"{SIGNED}", KEY, 202, id="signed: the right signature"),
        pytest.param(f"{SIGNED}", "another", 401, id="signed: a wrong signature"),
        pytest.param(f"{SIGNED}", None, 401, id="signed: no signature"),
        pytest.param(f"{BY_TOKEN}/{TOKEN}", None, 202, id="token: the right one, unsigned"),
        pytest.param(f"{BY_TOKEN}/{TOKEN}", "another", 202, id="token: a signature nobody asked for"),
        pytest.param(f"{BY_TOKEN}/{TOKEN[:-1]}", None, 404, id="token: cut short"),
        pytest.param(f"{BY_TOKEN}", None, 404, id="token: none"),
        pytest.param(f"{BY_TOKEN}", KEY, 404, id="token: a signature instead"),
        pytest.param(f"{BOTH}/{TOKEN}", KEY, 202, id="both: both right"),
        pytest.param(f"{BOTH}/{TOKEN}", None, 401, id="both: no signature"),
        pytest.param(f"{BOTH}/{TOKEN}", "another", 401, id="both: a wrong signature"),
        pytest.param(f"{BOTH}/wrong", KEY, 404, id="both: a wrong token"),
        pytest.param(f"{BOTH}", KEY, 404, id="both: no token"),
        pytest.param(f"{NEITHER}", KEY, 404, id="neither set: nothing is taken"),
        pytest.param(f"{NEITHER}/{TOKEN}", KEY, 404, id="neither set: not by token either"),
        pytest.param(f"{OFFLINE}", KEY, 404, id="a shop that sells nothing online"),
        pytest.param("nobody", KEY, 404, id="an unknown shop"),
        pytest.param(f"nobody/{TOKEN}", KEY, 404, id="an unknown shop, with a token"),
        pytest.param(f"..%2Fshops%2F{SIGNED}", KEY, 404, id="a way through folders"),
        pytest.param(f"..%5Cshops%5C{SIGNED}", KEY, 404, id="a way through folders, the other slash"),
        pytest.param(f"{SIGNED}.toml", KEY, 404, id="a file's name"),
        pytest.param(f"{SIGNED}%00", KEY, 404, id="a zero byte"),
        pytest.param("*", KEY, 404, id="a pattern"),
        pytest.param(f"{SIGNED.upper()}", KEY, 404, id="another spelling"),
    ],
)
async def test_only_the_store_gets_in(
    http: httpx.AsyncClient, books: Books, path: str, key: str | None, status: int
) -> None:
    """OI-73: signature, or token in the path, or both, as the shop file says."""
    body = event_body()
    reply = await http.post(f"/contractor-commerce/{path}", content=body, headers=signed(body, key) if key else {})
    assert reply.status_code == status
    held = [row for shop in (*MODES, OFFLINE) for row in await kept(books, shop)]
    assert held == ([("evt_01", "100201")] if status == 202 else [])
    assert reply.content == b""


async def test_a_wrong_token_and_an_unknown_shop_look_alike(http: httpx.AsyncClient) -> None:
    """Nobody learns which shops there are from a guess."""
    body = event_body()
    paths = [f"{BY_TOKEN}/wrong", BY_TOKEN, NEITHER, OFFLINE, "nobody", "nobody/wrong", "a/b/c", ""]
    replies = [await http.post(f"/contractor-commerce/{path}", content=body) for path in paths]
    assert [bare(reply) for reply in replies] == [bare(replies[0])] * len(paths)


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/redoc", "/openapi.json", "/contractor-commerce", "/contractor-commerce/"]
)
async def test_there_is_nothing_to_look_at(http: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        reply = await http.request(method, path)
        assert (reply.status_code, reply.content) == (404, b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_the_address_itself_only_takes_deliveries(http: httpx.AsyncClient, method: str) -> None:
    assert (await http.request(method, f"/contractor-commerce/{SIGNED}")).status_code == 404


async def test_it_says_that_it_runs_and_no_more(http: httpx.AsyncClient) -> None:
    reply = await http.get("/health")
    assert (reply.status_code, reply.content) == (200, b"")
    assert "server" not in reply.headers


async def test_only_the_shops_served_here_are_taken(books: Books) -> None:
    app = build_app(books, HouseSettings(), shops=[SIGNED], starter=a_starter(books, Prefect()))
    body = event_body()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://e.example.com") as http:
        here = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
        elsewhere = await http.post(f"/contractor-commerce/{BY_TOKEN}/{TOKEN}", content=body)
    assert (here.status_code, elsewhere.status_code) == (202, 404)


# --- what is taken -------------------------------------------------------------------------------------------


async def test_an_event_is_kept_once_however_often_it_comes(http: httpx.AsyncClient, books: Books) -> None:
    """OI-67: by the event's id in the signed body; the headers that differ on each attempt do not count."""
    body = event_body()
    for attempt in range(3):
        headers = {**signed(body), "X-Concom-Delivery-Id": f"dlv_{attempt}", "X-Concom-Event-Id": f"evt_{attempt}"}
        reply = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=headers)
        assert reply.status_code == 202
    assert await kept(books, SIGNED) == [("evt_01", "100201")]


async def test_an_event_that_was_dealt_with_does_not_come_back(http: httpx.AsyncClient, books: Books) -> None:
    """OI-67: a recorded delivery sent again, by whomever and whenever, changes nothing."""
    body = event_body()
    await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    await books.store_events.handled(SIGNED, ["evt_01"])
    again = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    assert again.status_code == 202
    assert await kept(books, SIGNED) == []


@pytest.mark.parametrize("what", ["lead", "subscription"])
async def test_events_about_other_things_are_answered_and_forgotten(
    http: httpx.AsyncClient, books: Books, what: str
) -> None:
    body = event_body(type=f"{what}.created", data={"object": what, what: {"id": 7}})
    reply = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    assert reply.status_code == 200
    assert await kept(books, SIGNED) == []


async def test_an_order_that_cannot_be_read_is_still_looked_up(http: httpx.AsyncClient, books: Books) -> None:
    body = event_body(data={"object": "order", "order": {"id": 100300, "total": "no money"}})
    reply = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    assert reply.status_code == 202
    assert await kept(books, SIGNED) == [("evt_01", "100300")]


@pytest.mark.parametrize("letter", ["\x00", "\ud800"], ids=["a zero byte", "half a letter"])
async def test_letters_no_database_keeps_are_kept_as_others(http: httpx.AsyncClient, books: Books, letter: str) -> None:
    body = event_body(f"evt_{letter}")
    reply = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    assert reply.status_code == 202
    assert await kept(books, SIGNED) == [("evt_\ufffd", "100201")]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe{", id="no text"),
        pytest.param(b"[" * 50_000, id="very deep"),
        pytest.param(event_body(id="a" * 201), id="an id of 201 letters"),
        pytest.param(event_body(id="evt\x1b[2J"), id="an id that clears a terminal"),
        pytest.param(event_body(type="order\n.created"), id="a type with a new line"),
        pytest.param(event_body(data={"object": "order", "order": {"id": "1\n2"}}), id="an order's id of two lines"),
        pytest.param(event_body(data={"object": "order", "order": {"id": "9" * 201}}), id="a huge order's id"),
    ],
)
async def test_what_is_no_event_is_refused(http: httpx.AsyncClient, books: Books, body: bytes) -> None:
    reply = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    assert reply.status_code == 400
    assert await kept(books, SIGNED) == []


async def test_no_more_than_a_megabyte_is_read(http: httpx.AsyncClient, books: Books) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 100_000
            yield b" " * 100_000

    large = event_body() + b" " * LARGEST_BODY
    reply = await http.post(f"/contractor-commerce/{SIGNED}", content=large, headers=signed(large))
    assert (reply.status_code, reply.headers["connection"]) == (413, "close")
    reply = await http.post(f"/contractor-commerce/{BY_TOKEN}/{TOKEN}", content=endless())
    assert reply.status_code == 413
    assert read <= LARGEST_BODY + 100_000
    fits = event_body() + b" " * (LARGEST_BODY - len(event_body()))
    assert (await http.post(f"/contractor-commerce/{SIGNED}", content=fits, headers=signed(fits))).status_code == 202


async def test_nothing_is_read_from_who_has_no_right(http: httpx.AsyncClient) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    for path, status in ((SIGNED, 401), (f"{BY_TOKEN}/wrong", 404), ("nobody", 404)):
        assert (await http.post(f"/contractor-commerce/{path}", content=never())).status_code == status


async def test_a_body_that_does_not_end_is_given_up(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "BODY_WITHIN_S", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)
        yield b"}"

    reply = await http.post(f"/contractor-commerce/{BY_TOKEN}/{TOKEN}", content=slow())
    assert reply.status_code == 408


# --- when we are at fault ------------------------------------------------------------------------------------


async def test_without_a_place_to_keep_it_the_store_is_asked_to_come_again(
    http: httpx.AsyncClient, books: Books, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """OI-73: never a yes to what is not kept. The log tells the kind of fault, and nothing that was sent."""

    async def fails(*_: object, **__: object) -> bool:
        raise OperationalError(f"INSERT {STREET}", {}, Exception("attempt to write a readonly database"))

    monkeypatch.setattr(books.store_events, "keep", fails)
    body = event_body()
    reply = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    assert (reply.status_code, reply.headers["retry-after"], reply.content) == (503, "30", b"")
    assert "OperationalError" in caplog.text
    assert STREET not in caplog.text


async def test_a_database_that_may_not_be_written_is_said_with_503(http: httpx.AsyncClient, books: Books) -> None:
    """OI-73: with a real refusal of the database; once it may be written again, the next try is kept."""
    body = event_body()
    with books.store.transaction() as session:
        session.connection().exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON store_events BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    refused = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    assert refused.status_code == 503
    with books.store.transaction() as session:
        session.connection().exec_driver_sql("DROP TRIGGER full")
    assert (await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))).status_code == 202
    assert await kept(books, SIGNED) == [("evt_01", "100201")]


async def test_a_database_that_is_locked_is_not_waited_for_too_long(
    http: httpx.AsyncClient, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store gives up after ten seconds. What was begun may still be kept later; the next try is then a repeat."""
    monkeypatch.setattr(app_module, "KEPT_WITHIN_S", 0.1)
    body = event_body()
    with books.store.transaction() as session:
        session.connection()
        reply = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    assert reply.status_code == 503
    monkeypatch.setattr(app_module, "KEPT_WITHIN_S", 10)
    assert (await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))).status_code == 202
    assert await kept(books, SIGNED) == [("evt_01", "100201")]


async def test_a_secret_that_is_not_set_names_its_variable_in_the_log_and_takes_nothing(
    http: httpx.AsyncClient, books: Books, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CC_WEBHOOK_SECRET")
    body = event_body()
    reply = await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body, ""))
    assert reply.status_code == 503
    assert "CC_WEBHOOK_SECRET" in caplog.text
    assert await kept(books, SIGNED) == []


async def test_a_shop_file_that_is_being_mended_costs_only_time(
    http: httpx.AsyncClient, shops: Path, books: Books
) -> None:
    whole = (shops / f"{SIGNED}.toml").read_text(encoding="utf-8")
    (shops / f"{SIGNED}.toml").write_text("name = ", encoding="utf-8")
    body = event_body()
    assert (await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))).status_code == 503
    (shops / f"{SIGNED}.toml").write_text(whole, encoding="utf-8")
    assert (await http.post(f"/contractor-commerce/{SIGNED}", content=body, headers=signed(body))).status_code == 202


async def test_no_secret_and_nothing_sent_is_in_the_log(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="truckroll")
    body = event_body()
    for path, headers in (
        (SIGNED, {}),
        (SIGNED, signed(body, "x")),
        (f"{BOTH}/wr0ng-guess", {}),
        (SIGNED, signed(body)),
    ):
        await http.post(f"/contractor-commerce/{path}", content=body, headers=headers)
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("truckroll"))
    assert "shop both: a delivery was refused" in said
    for secret in (KEY, TOKEN, "wr0ng-guess", STREET, "Robin", "evt_01", signed(body)["Signature"]):
        assert secret not in said


# --- whatever is sent ----------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["id", "type", "data", "object", "order", "created_at", "line_items", "customer", "total", "version"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("order"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)
ORDERS = st.builds(lambda name, value: order_row(100201, **{name: value}), NAMES, JSON)
ABOUT = st.fixed_dictionaries({"object": st.just("order") | JSON}, optional={"order": JSON | ORDERS})
EVENTS = st.fixed_dictionaries(
    {"id": st.text(max_size=8) | JSON, "type": st.text(max_size=8) | JSON},
    optional={"created_at": JSON, "data": JSON | ABOUT},
)
BODIES = st.binary(max_size=200) | (EVENTS | JSON).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"signature", b"content-type", b"content-length", b"transfer-encoding", b"x-concom-event-id"])
        | st.from_regex(rb"[a-z-]{1,12}", fullmatch=True),
        st.binary(max_size=40),
    ),
    max_size=5,
)


TAKEN_OR_REFUSED = {200, 202, 400, 401, 404}


def test_no_body_and_no_header_is_answered_with_an_error_of_ours(books: Books) -> None:
    """OI-73: signed or not, whatever the bytes; a body that carries the right signature gets as far as the books."""
    app = an_app(books)

    @settings(max_examples=300, deadline=None)
    @given(
        body=BODIES, headers=HEADERS, is_signed=st.booleans(), cut=st.integers(0, 60), shop=st.sampled_from([*MODES])
    )
    def send(body: bytes, headers: list[tuple[bytes, bytes]], is_signed: bool, cut: int, shop: str) -> None:
        right = [(b"signature", signature_of(KEY, body).encode())] if is_signed else []
        path = f"/contractor-commerce/{shop}/{TOKEN}"
        status = asyncio.run(post_raw(app, path, [*right, *headers], [body[:cut], body[cut:]]))
        assert status in TAKEN_OR_REFUSED
        if shop == BY_TOKEN or (shop in {BOTH, SIGNED} and is_signed):
            assert status in {200, 202, 400}

    send()


def test_no_address_is_answered_with_an_error_of_ours(books: Books) -> None:
    """OI-73: path, shop and token may hold anything; none but the right ones leads anywhere."""
    app = an_app(books)
    body = event_body()
    headers = [(b"signature", signature_of(KEY, body).encode())]
    segment = st.text(max_size=20) | st.sampled_from([*MODES, OFFLINE, TOKEN, "..", ".", "shops", "\x00", "%2e%2e"])

    @settings(max_examples=300, deadline=None)
    @given(steps=st.lists(segment, max_size=4))
    def send(steps: list[str]) -> None:
        path = "/".join(["/contractor-commerce", *steps])
        good = {f"/contractor-commerce/{BOTH}/{TOKEN}", f"/contractor-commerce/{BY_TOKEN}/{TOKEN}"}
        is_good = (
            path in good
            or path == f"/contractor-commerce/{SIGNED}"
            or path.startswith(f"/contractor-commerce/{SIGNED}/")
        )
        status = asyncio.run(post_raw(app, path, headers, [body]))
        assert status in ({202, 404} if is_good else {404})

    send()


def test_a_sender_that_hangs_up_is_no_error_of_ours(books: Books) -> None:
    async def hang_up() -> int:
        answered: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            answered.append(message.get("status", 0))

        path = f"/contractor-commerce/{BY_TOKEN}/{TOKEN}"
        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b"", "root_path": ""}
        await an_app(books)(scope, receive, send)
        return answered[0]

    assert asyncio.run(hang_up()) == 400


# --- what follows --------------------------------------------------------------------------------------------


async def hear(books: Books, starter: Starter, *events: str, shop: str = SIGNED) -> None:
    for event in events:
        await books.store_events.keep(shop, event, order_id=event, kind="order.created")
        starter.ring(shop, "order-to-invoice")


async def test_a_burst_starts_one_pass(books: Books) -> None:
    prefect = Prefect()
    starter = a_starter(books, prefect, again_s=30)
    async with working(starter):
        await hear(books, starter, *(f"evt_{n}" for n in range(50)))
        await asyncio.sleep(0.5)
        await hear(books, starter, "evt_late")
        await asyncio.sleep(0.3)
    (run,) = prefect.started
    assert run["parameters"] == {"shop": SIGNED}
    assert run["tags"] == [f"shop:{SIGNED}", "process:order-to-invoice"]


async def test_what_came_while_the_pass_worked_gets_another(books: Books) -> None:
    prefect = Prefect()
    starter = a_starter(books, prefect)
    async with working(starter):
        await hear(books, starter, "evt_1")
        await until(have_started(prefect, 1))
        await books.store_events.handled(SIGNED, ["evt_1"])
        await hear(books, starter, "evt_2")
        await until(have_started(prefect, 2))
        await books.store_events.handled(SIGNED, ["evt_2"])
        await asyncio.sleep(1)
    assert len(prefect.started) == 2
    assert len({run["idempotency_key"] for run in prefect.started}) == 2


@pytest.mark.parametrize("state", ["SCHEDULED", "PENDING", "RUNNING"])
async def test_while_a_pass_is_on_its_way_no_other_is_started(books: Books, state: str) -> None:
    """Also when no runner serves: late passes do not pile up."""
    prefect = Prefect(state=state)
    starter = a_starter(books, prefect, again_s=0.05)
    async with working(starter):
        for n in range(6):
            await hear(books, starter, f"evt_{n}")
            await asyncio.sleep(0.1)
        assert len(prefect.started) == 1
        prefect.state = "CRASHED"
        await until(have_started(prefect, 2))


async def test_nothing_is_lost_while_prefect_is_away(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    """OI-73: the delivery waits in the store; the pass starts when Prefect is back, or the schedule's takes it."""
    prefect = Prefect(is_there=False)
    starter = a_starter(books, prefect, again_s=0.1)
    async with working(starter):
        await hear(books, starter, "evt_1")
        await asyncio.sleep(0.3)
        prefect.is_there = True
        await until(have_started(prefect, 1))
    assert await kept(books, SIGNED) == [("evt_1", "evt_1")]
    assert "Prefect does not answer" in caplog.text


async def test_a_shop_nobody_serves_is_left_to_the_schedule_after_a_while(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    prefect = Prefect(serves=False)
    starter = a_starter(books, prefect, quiet_s=0.01, again_s=0.005)
    async with working(starter):
        await hear(books, starter, "evt_1")

        async def is_given_up() -> bool:
            return "the next pass of the schedule takes them" in caplog.text

        await until(is_given_up)
        prefect.serves = True
        await asyncio.sleep(0.2)
        assert prefect.started == []
        await hear(books, starter, "evt_2")
        await until(have_started(prefect, 1))


async def test_one_shop_that_fails_does_not_stop_another(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    prefect = Prefect()
    real = books.store_events.waiting

    async def waiting(shop: str, *, limit: int = 200) -> Any:
        if shop == BOTH:
            raise RuntimeError("broken")
        return await real(shop, limit=limit)

    monkeypatch.setattr(books.store_events, "waiting", waiting)
    starter = a_starter(books, prefect, again_s=30)
    async with working(starter):
        await hear(books, starter, "evt_1", shop=BOTH)
        await hear(books, starter, "evt_2", shop=SIGNED)
        await until(have_started(prefect, 1))
    assert [run["parameters"]["shop"] for run in prefect.started] == [SIGNED]


async def test_without_deliveries_nothing_is_started(books: Books) -> None:
    prefect = Prefect()
    starter = a_starter(books, prefect)
    async with working(starter):
        starter.ring(SIGNED, "order-to-invoice")
        await asyncio.sleep(0.3)
    assert prefect.started == []


# --- the store sends, over HTTP ------------------------------------------------------------------------------


@dataclass
class Shopfront:
    """The sandbox's store in this process, and a receiver that can be stopped and started."""

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

    async def register(self, path: str, secret: str = KEY) -> None:
        events = [
            "order.created",
            "order.updated",
            "order.completed",
            "order.cancelled",
            "order.refunded",
            "lead.created",
        ]
        reply = await self.people.post(
            "/contractor-commerce/webhook-endpoints",
            json={
                "url": f"http://127.0.0.1:{self.port}/contractor-commerce/{path}",
                "events": events,
                "secret": secret,
            },
            headers={"Authorization": "Bearer sandbox-cc-token"},
        )
        assert reply.status_code == 201, reply.text

    async def sell(self, number: int) -> str:
        return str((await self.tell("/contractor-commerce/orders", **order_row(number)))["id"])

    async def deliveries(self) -> list[dict[str, Any]]:
        state = (await self.people.get("/_sandbox/state")).json()
        found: list[dict[str, Any]] = state["contractor_commerce"]["webhook_deliveries"]
        return found

    async def all_taken(self) -> bool:
        return all(one["delivered_at"] for one in await self.deliveries())


@pytest.fixture
async def front(books: Books) -> AsyncIterator[Shopfront]:
    network = httpx.ASGITransport(app=create_app())
    async with httpx.AsyncClient(transport=network, base_url=SANDBOX) as people:
        made = Shopfront(books, people, free_port())
        yield made
        await made.close()
        await people.post("/_sandbox/reset")


WAYS = [
    pytest.param(SIGNED, SIGNED, id="by signature"),
    pytest.param(BY_TOKEN, f"{BY_TOKEN}/{TOKEN}", id="by token"),
    pytest.param(BOTH, f"{BOTH}/{TOKEN}", id="by both"),
]


@pytest.mark.parametrize(("shop", "path"), WAYS)
async def test_orders_come_in_as_they_are_placed(front: Shopfront, shop: str, path: str) -> None:
    """OI-73: the store's deliveries are taken in every mode, and a pass is started soon after."""
    await front.open()
    await front.register(path)
    if shop == BY_TOKEN:
        await front.tell("/contractor-commerce/switches", unsigned=True)
    placed = {await front.sell(100201), await front.sell(100202)}
    await until(front.all_taken)
    assert {order for _, order in await kept(front.books, shop)} == placed
    await until(have_started(front.prefect, 1))
    assert front.prefect.started[0]["parameters"] == {"shop": shop}


@pytest.mark.parametrize(("shop", "path"), WAYS)
async def test_what_is_placed_while_the_receiver_is_down_comes_once_when_it_is_back(
    front: Shopfront, shop: str, path: str
) -> None:
    """OI-73, OI-67: stop the receiver for an hour, place orders, start it: all arrive once, with every repeat."""
    await front.open()
    await front.register(path)
    await front.tell("/contractor-commerce/switches", duplicate=True)
    placed = [await front.sell(100201)]
    await until(front.all_taken)
    await front.close()
    placed += [await front.sell(number) for number in (100202, 100203, 100204)]

    async def is_refused() -> bool:
        return all(one["attempt"] for one in await front.deliveries())

    await until(is_refused)
    assert [order for _, order in await kept(front.books, shop)] == placed[:1]
    await front.tell("/clock/advance", hours=1)
    await front.open()
    await front.tell("/clock/advance", seconds=1001)
    await until(front.all_taken)
    taken = await kept(front.books, shop)
    assert sorted(order for _, order in taken) == sorted(placed)
    assert len(await front.deliveries()) == 2 * len(taken)


async def test_repeats_and_disorder_leave_one_of_each(front: Shopfront) -> None:
    """OI-67: duplicates, late ones and a shuffled order of delivery; every change is named, none twice."""
    await front.open()
    await front.register(SIGNED)
    await front.tell("/contractor-commerce/switches", duplicate=True, out_of_order=True, late_s=0.2)
    order = await front.sell(100201)
    await front.tell(f"/contractor-commerce/orders/{order}/edit", customer_note="Leave it at the side door")
    await front.tell(f"/contractor-commerce/orders/{order}/complete")
    await until(front.all_taken)
    taken = await kept(front.books, SIGNED)
    assert [named for _, named in taken] == [order] * 3
    assert {event for event, _ in taken} == {one["event_id"] for one in await front.deliveries()}
    assert len(await front.deliveries()) == 6


@pytest.mark.parametrize("switch", ["wrong_signature", "unsigned"])
async def test_a_signature_that_is_not_right_is_refused_until_it_is(front: Shopfront, switch: str) -> None:
    """OI-73: a shop that sets a secret takes nothing else; once the store signs right, its next try is taken."""
    await front.open()
    await front.register(SIGNED)
    await front.tell("/contractor-commerce/switches", **{switch: True})
    order = await front.sell(100201)

    async def is_refused() -> bool:
        return [one["response_status"] for one in await front.deliveries()] == [401]

    await until(is_refused)
    assert await kept(front.books, SIGNED) == []
    await front.tell("/contractor-commerce/switches", **{switch: False})
    await front.tell("/clock/advance", seconds=11)
    await until(front.all_taken)
    assert [named for _, named in await kept(front.books, SIGNED)] == [order]


async def test_what_cannot_be_kept_now_comes_again_and_is_kept(
    front: Shopfront, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OI-73: the database is away when the order is placed."""
    await front.open()
    await front.register(SIGNED)
    real = front.books.store_events.keep

    async def fails(*_: object, **__: object) -> bool:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(front.books.store_events, "keep", fails)
    order = await front.sell(100201)

    async def is_put_off() -> bool:
        return [one["response_status"] for one in await front.deliveries()] == [503]

    await until(is_put_off)
    monkeypatch.setattr(front.books.store_events, "keep", real)
    await front.tell("/clock/advance", seconds=11)
    await until(front.all_taken)
    assert [named for _, named in await kept(front.books, SIGNED)] == [order]


async def test_a_lead_is_answered_and_nothing_is_kept(front: Shopfront) -> None:
    await front.open()
    await front.register(SIGNED)
    await front.tell("/contractor-commerce/leads")
    await until(front.all_taken)
    assert [one["response_status"] for one in await front.deliveries()] == [200]
    assert await kept(front.books, SIGNED) == []


async def test_the_answer_waits_for_nobody_else(front: Shopfront) -> None:
    """OI-73: with Prefect hanging, the store is answered at once."""
    front.prefect.hangs = True
    await front.open()
    await asyncio.sleep(0.2)
    body = event_body()
    async with httpx.AsyncClient() as http:
        began = time.monotonic()
        for n in range(20):
            body = event_body(f"evt_{n}")
            url = f"http://127.0.0.1:{front.port}/contractor-commerce/{SIGNED}"
            assert (await http.post(url, content=body, headers=signed(body))).status_code == 202
        assert time.monotonic() - began < 4


async def test_what_was_kept_before_a_crash_gets_its_pass_at_the_next_start(front: Shopfront) -> None:
    """OI-73: killed between the answer and the start of a pass."""
    await front.books.store_events.keep(SIGNED, "evt_1", order_id="100201", kind="order.created")
    await front.open()
    await until(have_started(front.prefect, 1))


# --- as a process --------------------------------------------------------------------------------------------


@pytest.fixture
def process(home: Home) -> Iterator[tuple[str, Path]]:
    """Give the address of a running receiver, and the file of its words."""
    port = free_port()
    running = start_receiver(home, port, SIGNED, BY_TOKEN)
    yield f"http://127.0.0.1:{port}", home.logs / "hooks.log"
    running.terminate()
    running.wait(10)


def test_the_process_takes_deliveries_and_keeps_silent(process: tuple[str, Path], books: Books) -> None:
    url, log = process
    body = event_body()
    taken = httpx.post(f"{url}/contractor-commerce/{SIGNED}", content=body, headers=signed(body))
    by_token = httpx.post(f"{url}/contractor-commerce/{BY_TOKEN}/{TOKEN}", content=body)
    refused = httpx.post(f"{url}/contractor-commerce/{BY_TOKEN}/wr0ng-guess", content=body)
    large = httpx.post(f"{url}/contractor-commerce/{BY_TOKEN}/{TOKEN}", content=b" " * (LARGEST_BODY + 1))
    assert [one.status_code for one in (taken, by_token, refused, large)] == [202, 202, 404, 413]
    assert "server" not in taken.headers
    assert asyncio.run(kept(books, SIGNED)) == [("evt_01", "100201")]
    said = log.read_text(encoding="utf-8")
    for secret in (KEY, TOKEN, "wr0ng-guess", STREET, "Robin"):
        assert secret not in said


@pytest.mark.crash
async def test_a_receiver_killed_in_a_burst_keeps_each_delivery_once(front: Shopfront, home: Home) -> None:
    """OI-73, OI-67: SIGKILL while deliveries come in; with the store's next tries every one is there, none twice."""
    await front.register(SIGNED)
    await front.tell("/contractor-commerce/switches", duplicate=True)
    running = await front.receive(home, SIGNED, BY_TOKEN)
    selling = asyncio.gather(*(front.sell(100201 + n) for n in range(30)))

    async def has_some() -> bool:
        return len(await kept(front.books, SIGNED)) > 2

    await until(has_some)
    running.kill()
    await asyncio.to_thread(running.wait)
    assert len(await kept(front.books, SIGNED)) < 30, "killed too late"
    placed = await selling

    async def are_tried() -> bool:
        return all(one["attempt"] for one in await front.deliveries())

    await until(are_tried)
    await front.receive(home, SIGNED, BY_TOKEN)
    await front.tell("/clock/advance", seconds=11)
    await until(front.all_taken, seconds=20)
    assert sorted(order for _, order in await kept(front.books, SIGNED)) == sorted(placed)


def test_the_person_who_starts_it_is_told_what_to_give_to_the_store(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token stays hidden; TRUCKROLL_HOOKS_URL is what the store is given."""
    monkeypatch.setenv("TRUCKROLL_HOOKS_URL", "https://events.example.com/")
    shops = [load_shop(name, HouseSettings().shops) for name in (*MODES, OFFLINE)]
    made = hooks_process(home, "http://127.0.0.1:4200/api", shops, port=8999)
    assert made is not None
    said = "\n".join(made.words)
    for words in (
        "https://events.example.com, which must lead to http://127.0.0.1:8999",
        "signed: give Contractor Commerce https://events.example.com/contractor-commerce/signed",
        "https://events.example.com/contractor-commerce/by-token/<token>, where <token> is the value of CC_PATH_TOKEN",
    ):
        assert words in said
    assert "neither" not in said
    assert "offline" not in said
    assert KEY not in said
    assert TOKEN not in said
    assert made.child.command[-6:] == ["--shop", BOTH, "--shop", SIGNED, "--shop", BY_TOKEN]


def test_a_secret_that_is_missing_is_said_at_the_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC_PATH_TOKEN")
    made = hooks_process(home, "http://127.0.0.1:4200/api", [load_shop(BY_TOKEN, HouseSettings().shops)])
    assert made is not None
    assert "nothing is received" in made.words[-1]
    assert "CC_PATH_TOKEN" in made.words[-1]


def test_without_a_shop_that_knows_the_store_by_a_secret_none_is_started(home: Home) -> None:
    shops = [load_shop(name, HouseSettings().shops) for name in (NEITHER, OFFLINE)]
    assert hooks_process(home, "http://127.0.0.1:4200/api", shops) is None
    assert "webhook_path_token" in NOT_RECEIVED


@pytest.mark.parametrize(
    "written", ["events.example.com", "ftp://e.example.com", "https://", "https://e.example.com?a=1"]
)
def test_a_public_address_that_is_none_is_said(home: Home, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("TRUCKROLL_HOOKS_URL", written)
    with pytest.raises(SettingsError, match="TRUCKROLL_HOOKS_URL"):
        hooks_process(home, "http://127.0.0.1:4200/api", [load_shop(SIGNED, HouseSettings().shops)])
