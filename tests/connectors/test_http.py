"""Tokens, pauses, repeats, and what is never said aloud."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import logging
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from connectors.errors import (
    AmbiguousWriteError,
    ContractError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnauthorizedError,
    VendorError,
)
from connectors.http import Query, VendorHttp
from connectors.limits import Pace, Turn, Unlimited, shared_pace
from connectors.marcone.client import Marcone
from connectors.servicetitan.client import ServiceTitan
from connectors.tokens import KeyAuth, TokenStore
from connectors.wire import decode, encode
from models.errors import SettingsError
from models.section import Secret
from models.shop import MarconeSettings, ServiceTitanSettings
from tests.connectors.doubles import MARCONE, SECRETS, ST, job_row, page, purchase_order

JOB = f"{ST}/jpm/v2/tenant/7/jobs/5"
NOTES = f"{JOB}/notes"


async def test_many_calls_at_once_fetch_one_token(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    slow = asyncio.Event()

    async def token(_: httpx.Request) -> httpx.Response:
        await slow.wait()
        return httpx.Response(200, json={"access_token": "one", "expires_in": 900})

    vendors["st_token"].mock(side_effect=token)
    jobs = vendors.get(JOB).respond(json=job_row(id=5))
    reads = [asyncio.create_task(st.get_job(5)) for _ in range(25)]
    await asyncio.sleep(0)
    slow.set()
    await asyncio.gather(*reads)
    assert vendors["st_token"].call_count == 1
    assert jobs.call_count == 25
    assert {call.request.headers["authorization"] for call in jobs.calls} == {"Bearer one"}


async def test_every_servicetitan_call_carries_token_and_application_key(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    job = vendors.get(JOB).respond(json=job_row(id=5))
    await st.get_job(5)
    sent = job.calls[0].request
    assert sent.headers["authorization"] == "Bearer st-token-1"
    assert sent.headers["st-app-key"] == SECRETS["ST_APP_KEY"]
    assert "x-request-id" not in sent.headers
    form = dict(httpx.QueryParams(vendors["st_token"].calls[0].request.content.decode()))
    assert form == {
        "grant_type": "client_credentials",
        "client_id": SECRETS["ST_CLIENT_ID"],
        "client_secret": SECRETS["ST_CLIENT_SECRET"],
    }


async def test_clients_of_one_credential_share_the_token(
    st_settings: ServiceTitanSettings, vendors: respx.MockRouter
) -> None:
    vendors.get(JOB).respond(json=job_row(id=5))
    tokens = TokenStore()
    for _ in range(3):
        async with ServiceTitan.from_settings(st_settings, limiter=Unlimited(), tokens=tokens) as client:
            await client.get_job(5)
    assert vendors["st_token"].call_count == 1


@pytest.mark.parametrize(
    ("life_s", "renewed_after_s"), [(900, 840), (1199, 1139), (100, 80)], ids=["15 minutes", "20 minutes", "short"]
)
async def test_a_token_is_renewed_before_it_ends(
    st_settings: ServiceTitanSettings, vendors: respx.MockRouter, life_s: int, renewed_after_s: int
) -> None:
    now = [1000.0]
    vendors["st_token"].respond(json={"access_token": "t", "expires_in": life_s})
    vendors.get(JOB).respond(json=job_row(id=5))
    async with ServiceTitan.from_settings(
        st_settings, limiter=Unlimited(), tokens=TokenStore(lambda: now[0])
    ) as client:
        await client.get_job(5)
        now[0] += renewed_after_s - 1
        await client.get_job(5)
        assert vendors["st_token"].call_count == 1
        now[0] += 1
        await client.get_job(5)
        assert vendors["st_token"].call_count == 2


async def test_a_401_is_answered_by_one_new_token_and_one_repeat(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    vendors["st_token"].mock(
        side_effect=[httpx.Response(200, json={"access_token": name, "expires_in": 900}) for name in "ab"]
    )
    job = vendors.get(JOB).mock(side_effect=[httpx.Response(401), httpx.Response(200, json=job_row(id=5))])
    assert (await st.get_job(5)).id == 5
    assert [call.request.headers["authorization"] for call in job.calls] == ["Bearer a", "Bearer b"]


async def test_a_401_to_a_write_repeats_the_same_body_once(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    note = vendors.post(NOTES).mock(side_effect=[httpx.Response(401), httpx.Response(200, json={"text": "x"})])
    await st.add_job_note(5, "Part ordered.")
    assert [json.loads(call.request.content) for call in note.calls] == [{"text": "Part ordered."}] * 2


async def test_a_second_401_stops_and_names_the_variable(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    job = vendors.get(JOB).respond(401)
    with pytest.raises(UnauthorizedError) as caught:
        await st.get_job(5)
    assert job.call_count == 2
    assert vendors["st_token"].call_count == 2
    assert "ST_CLIENT_SECRET" in str(caught.value)


async def test_twenty_calls_with_a_dead_token_renew_it_once(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    names = iter(["dead", "alive", "wasted"])
    vendors["st_token"].mock(
        side_effect=lambda _: httpx.Response(200, json={"access_token": next(names), "expires_in": 900})
    )
    vendors.get(JOB).mock(
        side_effect=lambda request: (
            httpx.Response(401)
            if request.headers["authorization"] == "Bearer dead"
            else httpx.Response(200, json=job_row(id=5))
        )
    )
    await asyncio.gather(*(st.get_job(5) for _ in range(20)))
    assert vendors["st_token"].call_count == 2


@pytest.mark.parametrize(
    ("reply", "meaning", "says"),
    [
        pytest.param(httpx.Response(400, json={"error": "invalid_client"}), UnauthorizedError, "MARCONE_CLIENT_SECRET for stray", id="mistyped secret, 400"),
        pytest.param(httpx.Response(401, json={"error": "invalid_client"}), UnauthorizedError, "MARCONE_CLIENT_ID", id="mistyped secret, 401"),
        pytest.param(httpx.ConnectError(""), TransientError, "could not be reached", id="token host down"),
        pytest.param(httpx.ReadTimeout(""), TransientError, "no answer", id="token host silent: a token may be asked for again"),
        pytest.param(httpx.Response(503), TransientError, "503", id="token host failing"),
        pytest.param(httpx.Response(200, json={"token": "x"}), ContractError, "access_token", id="no token in the answer"),
        pytest.param(httpx.Response(200, text="<html>"), ContractError, "the answer", id="not JSON"),
    ],
)  # fmt: skip
async def test_a_failing_token_endpoint_says_what_to_do_and_orders_nothing(
    marcone: Marcone,
    vendors: respx.MockRouter,
    reply: httpx.Response | Exception,
    meaning: type[VendorError],
    says: str,
) -> None:
    vendors["marcone_token"].mock(side_effect=lambda _: _give(reply))
    order = vendors.post(f"{MARCONE}/orders/purchaseorder").respond(json={"orderNumbers": ["9"]})
    with pytest.raises(VendorError) as caught:
        await marcone.create_purchase_order(purchase_order())
    assert caught.type is meaning
    assert says in str(caught.value)
    assert order.call_count == 0


async def test_a_secret_that_a_vendor_repeats_is_not_quoted(
    st: ServiceTitan, marcone: Marcone, vendors: respx.MockRouter
) -> None:
    """Neither where a token is asked for, nor in any other call: errors are kept, and shown in Prefect."""
    said = " and ".join(SECRETS[name] for name in ("ST_CLIENT_SECRET", "ST_APP_KEY", "MARCONE_CLIENT_SECRET"))
    vendors.get(JOB).respond(403, json={"title": f"No: {said.upper()}"})
    vendors["marcone_token"].mock(return_value=httpx.Response(400, json={"error": f"No: {said}"}))
    for calling, ours in ((st.get_job(5), "ST_"), (marcone.get_order_status("1"), "MARCONE_")):
        with pytest.raises(VendorError, match="No: ") as caught:
            await calling
        told = f"{caught.value} {caught.value!r} {caught.value.words}".casefold()
        assert all(value not in told for name, value in SECRETS.items() if name.startswith(ours))


def _give(reply: httpx.Response | Exception) -> httpx.Response:
    if isinstance(reply, Exception):
        raise type(reply)(str(reply))
    return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


@pytest.mark.parametrize("status", [400, 401])
async def test_marcone_is_asked_by_form_where_basic_is_refused(
    marcone: Marcone, vendors: respx.MockRouter, status: int
) -> None:
    vendors["marcone_token"].mock(
        side_effect=[
            httpx.Response(status, json={"error": "invalid_client"}),
            httpx.Response(200, json={"access_token": "form"}),
        ]
    )
    status_route = vendors.post(f"{MARCONE}/orders/orderstatus").respond(json={"orderResults": []})
    await marcone.get_order_status("1")
    first, second = (call.request for call in vendors["marcone_token"].calls)
    assert first.headers["authorization"].startswith("Basic ")
    assert "client_secret" not in first.content.decode()
    assert "authorization" not in second.headers
    assert f"client_secret={SECRETS['MARCONE_CLIENT_SECRET']}" in second.content.decode()
    assert status_route.calls[0].request.headers["authorization"] == "Bearer form"


async def test_a_missing_variable_is_said_by_name(
    st_settings: ServiceTitanSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ST_CLIENT_SECRET")
    with pytest.raises(SettingsError, match="ST_CLIENT_SECRET"):
        ServiceTitan.from_settings(st_settings)


def test_an_address_that_is_none_is_said_at_once(st_settings: ServiceTitanSettings) -> None:
    with pytest.raises(SettingsError, match="no web address"):
        ServiceTitan.from_settings(st_settings.model_copy(update={"api_url": "api.servicetitan.io"}))


@pytest.mark.parametrize(
    ("reply", "at_least_s", "at_most_s"),
    [
        pytest.param(httpx.Response(429, headers={"Retry-After": "9"}), 9, 11, id="as the header asks"),
        pytest.param(httpx.Response(429, json={"title": "Try again in 50 seconds."}), 50, 56, id="as the title asks"),
        pytest.param(httpx.Response(429), 1, 2, id="no wish: a short back-off"),
    ],
)
async def test_a_429_is_waited_out_for_reads_and_writes(
    st: ServiceTitan,
    vendors: respx.MockRouter,
    pauses: list[float],
    reply: httpx.Response,
    at_least_s: int,
    at_most_s: int,
) -> None:
    job = vendors.get(JOB).mock(side_effect=[_give(reply), httpx.Response(200, json=job_row(id=5))])
    note = vendors.post(NOTES).mock(side_effect=[_give(reply), httpx.Response(200, json={"text": "x"})])
    await st.get_job(5)
    await st.add_job_note(5, "x")
    assert (job.call_count, note.call_count) == (2, 2)
    assert len(pauses) == 2
    assert all(at_least_s <= pause <= at_most_s for pause in pauses)


async def test_a_429_that_never_ends_is_given_up_after_some_pauses(
    st: ServiceTitan, vendors: respx.MockRouter, pauses: list[float]
) -> None:
    job = vendors.get(JOB).respond(429)
    with pytest.raises(RateLimitedError):
        await st.get_job(5)
    assert job.call_count == len(pauses) + 1 == 7


async def test_a_long_pause_is_left_to_the_schedule(
    st: ServiceTitan, vendors: respx.MockRouter, pauses: list[float]
) -> None:
    vendors.get(JOB).respond(429, headers={"Retry-After": "3600"})
    with pytest.raises(RateLimitedError) as caught:
        await st.get_job(5)
    assert caught.value.retry_after_s == 3600
    assert pauses == []


async def test_a_throttled_token_endpoint_is_waited_out_too(
    st: ServiceTitan, vendors: respx.MockRouter, pauses: list[float]
) -> None:
    vendors["st_token"].mock(
        side_effect=[
            httpx.Response(429, headers={"Retry-After": "4"}),
            httpx.Response(200, json={"access_token": "t", "expires_in": 900}),
        ]
    )
    vendors.get(JOB).respond(json=job_row(id=5))
    await st.get_job(5)
    assert len(pauses) == 1


async def test_a_read_is_repeated_and_then_answers(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    job = vendors.get(JOB).mock(
        side_effect=[httpx.Response(503), httpx.ReadTimeout(""), httpx.Response(200, json=job_row(id=5))]
    )
    assert (await st.get_job(5)).id == 5
    assert job.call_count == 3


async def test_a_read_is_given_up_after_three_times(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    job = vendors.get(JOB).respond(503)
    with pytest.raises(TransientError):
        await st.get_job(5)
    assert job.call_count == 3


@pytest.mark.parametrize("status", [400, 404, 409])
async def test_a_refused_read_is_not_repeated(st: ServiceTitan, vendors: respx.MockRouter, status: int) -> None:
    job = vendors.get(JOB).respond(status)
    with pytest.raises(RejectedError):
        await st.get_job(5)
    assert job.call_count == 1


WRITES: dict[str, Callable[[ServiceTitan, Marcone], Awaitable[Any]]] = {
    "add a note": lambda st, _: st.add_job_note(5, "x"),
    "hold a job": lambda st, _: st.hold_job(5, reason_id=1, memo="x"),
    "release a visit": lambda st, _: st.remove_appointment_hold(6),
    "instruct a visit": lambda st, _: st.set_special_instructions(6, "x"),
    "place an order": lambda _, marcone: marcone.create_purchase_order(purchase_order()),
}


@pytest.mark.parametrize(
    "reply",
    [httpx.ReadTimeout(""), httpx.RemoteProtocolError(""), httpx.Response(500), httpx.Response(504)],
    ids=["silence", "hung up", "500", "504"],
)
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_whose_answer_was_lost_is_sent_once_and_said_to_be_open(
    st: ServiceTitan, marcone: Marcone, vendors: respx.MockRouter, write: str, reply: httpx.Response | Exception
) -> None:
    """PL-60: never repeated blindly."""
    anywhere = vendors.route(url__regex=r"^http://(st|marcone)\.test/").mock(side_effect=lambda _: _give(reply))
    with pytest.raises(AmbiguousWriteError) as caught:
        await WRITES[write](st, marcone)
    assert anywhere.call_count == 1
    assert "may have happened" in str(caught.value)


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_never_left_may_be_repeated(
    st: ServiceTitan, marcone: Marcone, vendors: respx.MockRouter, write: str
) -> None:
    anywhere = vendors.route(url__regex=r"^http://(st|marcone)\.test/").mock(side_effect=httpx.ConnectError(""))
    with pytest.raises(TransientError, match="nothing was sent"):
        await WRITES[write](st, marcone)
    assert anywhere.call_count == 1


READS: dict[str, Callable[[ServiceTitan, Marcone], Awaitable[Any]]] = {
    "a job": lambda st, _: st.get_job(5),
    "notes": lambda st, _: st.list_job_notes(5),
    "a part": lambda _, marcone: marcone.lookup("WPW10348269", ship_to_zip="35203"),
    "an order": lambda _, marcone: marcone.get_order_status("9"),
}


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(400, json={"title": "No", "errors": {"x": ["bad"]}}),
        httpx.Response(401),
        httpx.Response(404),
        httpx.Response(429, headers={"Retry-After": "999"}),
        httpx.Response(500, text="Traceback"),
        httpx.Response(200, text="not json"),
        httpx.Response(200, json=[1]),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
    ],
    ids=["400", "401", "404", "429", "500", "not JSON", "a list", "silence", "refused"],
)
@pytest.mark.parametrize("operation", [*READS, *WRITES])
async def test_no_secret_is_in_an_error_or_a_log(
    st: ServiceTitan,
    marcone: Marcone,
    vendors: respx.MockRouter,
    caplog: pytest.LogCaptureFixture,
    operation: str,
    reply: httpx.Response | Exception,
) -> None:
    caplog.set_level(logging.DEBUG)
    vendors.route(url__regex=r"^http://(st|marcone)\.test/").mock(side_effect=lambda _: _give(reply))
    said = f"{st!r} {marcone!r}"
    try:
        await (READS | WRITES)[operation](st, marcone)
    except VendorError as error:
        chain: list[BaseException] = [error]
        for one in chain:
            said += f" {one} {one!r} {one.args}"
            chain += [more for more in (one.__cause__, one.__context__) if more is not None and more not in chain]
    said += caplog.text
    for secret in (*SECRETS.values(), "st-token-1", "mc-token-1", "Robin Sample", "12 Elm St"):
        assert secret not in said


async def test_the_log_names_call_status_time_and_the_vendors_trace(
    st: ServiceTitan, vendors: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="connectors.http")
    vendors.get(JOB).respond(400, json={"title": "No", "traceId": "trace-77"})
    with pytest.raises(RejectedError):
        await st.get_job(5)
    assert any("GET" in line and "/jobs/5" in line and "400" in line and "trace-77" in line for line in caplog.messages)


@pytest.mark.parametrize(
    "body",
    [{"jobNumber": "5"}, {"id": "Robin Sample"}, None, []],
    ids=["fields missing", "wrong type", "null", "a list"],
)
async def test_an_answer_that_breaks_the_contract_names_fields_and_no_values(
    st: ServiceTitan, vendors: respx.MockRouter, body: Any
) -> None:
    vendors.get(JOB).respond(json=body)
    with pytest.raises(ContractError) as caught:
        await st.get_job(5)
    assert "Robin" not in str(caught.value)
    assert "customerId" in str(caught.value) or "the answer" in str(caught.value)


def test_decimals_travel_digit_for_digit() -> None:
    body = {
        "price": Decimal("41.10"),
        "tiny": Decimal("0.000000001"),
        "big": Decimal("1E+3"),
        "n": 3,
        "ok": True,
        "no": None,
        "text": 'é"',
    }
    wire = encode(body).decode()
    assert wire == '{"price":41.10,"tiny":0.000000001,"big":1000,"n":3,"ok":true,"no":null,"text":"é\\""}'
    assert decode(b'{"price": 64.05, "sum": 0.1}') == {"price": Decimal("64.05"), "sum": Decimal("0.1")}
    with pytest.raises(TypeError, match="Decimal"):
        encode({"price": 41.1})
    with pytest.raises(ValueError, match="finite"):
        encode([Decimal("NaN")])


def test_a_turn_is_for_one_call_and_goes_stale() -> None:
    """Used late, it would come on top of the calls of another minute."""
    clock = itertools.count(100.0, 0.75).__next__
    turn = Turn(good_for_s=1.0, clock=clock)
    assert turn.use()
    assert not turn.use()
    late = Turn(good_for_s=1.0, clock=itertools.count(100.0, 1.25).__next__)
    assert not late.use()


async def test_calls_are_paced_without_a_burst() -> None:
    limiter = Pace(100)
    started = time.monotonic()
    await asyncio.gather(*(limiter.acquire() for _ in range(21)))
    assert time.monotonic() - started >= 0.18
    assert shared_pace("one", 50.0) is shared_pace("one", 50.0)
    assert shared_pace("one", 50.0) is not shared_pace("two", 50.0)


async def test_a_late_caller_costs_the_pace_nothing_and_a_rest_is_not_saved_up() -> None:
    """The limit is reached although no waker is punctual; after a pause the calls are as far apart as ever."""
    now = 100.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds + 0.004

    limiter = Pace(100, clock=lambda: now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.limits.asyncio.sleep", sleep)
        for _ in range(201):
            await limiter.acquire()
        assert now - 100 == pytest.approx(2.0, abs=0.015)
        now += 60
        rested = now
        for _ in range(11):
            await limiter.acquire()
        assert now - rested >= 0.09
    assert max(slept) < 0.011


@contextlib.asynccontextmanager
async def rude_server(rude_after: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A real server that takes a whole request of that method and hangs up without a word."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            method = head.split()[0].decode()
            length = 0
            while (line := await reader.readline()).strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            await reader.readexactly(length)
            seen.append(method + " " + head.split()[1].decode())
            if method == rude_after and "token" not in head.decode():
                break
            body = json.dumps({"access_token": "t", "expires_in": 900} if "token" in head.decode() else page()).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_over_the_real_transport_a_write_left_without_answer_is_open_and_was_sent_once(
    st_settings: ServiceTitanSettings, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Libraries like to repeat PUT and DELETE by themselves, or to call a hang-up a failed connection: neither may pass."""
    monkeypatch.delenv("TRUCKROLL_HTTP")
    async with rude_server(method) as (address, seen):
        settings = st_settings.model_copy(update={"api_url": address, "auth_url": f"{address}/token"})
        async with ServiceTitan.from_settings(settings, limiter=Unlimited(), tokens=TokenStore()) as client:
            await client.list_hold_reasons()  # the connection is warm, as in real life
            with pytest.raises(AmbiguousWriteError):
                if method == "PUT":
                    await client.hold_job(5, reason_id=1, memo="x")
                elif method == "DELETE":
                    await client.remove_appointment_hold(5)
                else:
                    await client.add_job_note(5, "x")
    assert sum(line.startswith(method) and "token" not in line for line in seen) == 1


async def test_over_the_real_transport_a_refused_connection_sent_nothing(
    marcone_settings: MarconeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRUCKROLL_HTTP")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    settings = marcone_settings.model_copy(update={"api_url": address})
    async with Marcone.from_settings(settings, limiter=Unlimited(), tokens=TokenStore()) as client:
        with pytest.raises(TransientError, match="nothing was sent"):
            await client.create_purchase_order(purchase_order())


async def test_over_the_real_transport_a_connection_that_is_not_taken_in_time_sent_nothing(
    marcone_settings: MarconeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server whose queue is full takes nobody; that is not to be taken for an order without an answer."""
    monkeypatch.delenv("TRUCKROLL_HTTP")
    monkeypatch.setattr("connectors.http.CONNECT_TIMEOUT_S", 0.3)
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with _plain(f"http://127.0.0.1:{full.getsockname()[1]}") as http:
            with pytest.raises(TransientError, match="nothing was sent"):
                await http.send("POST", "/orders", http.call("placing an order", is_write=True), body={"a": 1})


async def test_a_missing_job_is_told_from_a_server_that_is_down(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    vendors.get(JOB).respond(404, json={"title": "Not found"})
    with pytest.raises(NotFoundError):
        await st.get_job(5)


class _Counting:
    """Lets every call go, and counts them."""

    def __init__(self) -> None:
        self.asked = 0

    async def acquire(self) -> None:
        self.asked += 1


async def test_a_call_with_a_turn_waits_for_nothing(
    marcone_settings: MarconeSettings, vendors: respx.MockRouter
) -> None:
    """PL-60: between the intent to order and the order there is no queue and no pause: only what was sent can be lost."""
    limiter = _Counting()
    orders = vendors.post(f"{MARCONE}/orders/purchaseorder").respond(429, headers={"Retry-After": "60"})
    async with Marcone.from_settings(marcone_settings, limiter=limiter, tokens=TokenStore()) as client:
        turn = await client.take_turn()
        started = time.monotonic()
        with pytest.raises(TransientError):
            await client.create_purchase_order(purchase_order(), turn)
        with pytest.raises(TransientError, match="nothing was sent"):
            await client.create_purchase_order(purchase_order(), turn)
    assert time.monotonic() - started < 5
    assert (limiter.asked, orders.call_count) == (1, 1)


@contextlib.asynccontextmanager
async def polite_server(reply: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """A real server that gives every request this reply and keeps what it was sent."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                found = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                seen.append(head + (await reader.readexactly(int(found.group(1)) if found else 0)).decode())
                writer.write(reply)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v2", seen


def _reply(status: str, body: bytes, kind: str = "application/json") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        status.encode(),
        kind.encode(),
        len(body),
        body,
    )


@pytest.mark.parametrize("network", ["reqwest", "httpx"])
@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        pytest.param(_reply("400 Bad Request", b'{"message":"No"}'), RejectedError, id="400"),
        pytest.param(_reply("401 Unauthorized", b"{}"), UnauthorizedError, id="401"),
        pytest.param(_reply("404 Not Found", b""), NotFoundError, id="404"),
        pytest.param(_reply("302 Found", b""), RejectedError, id="another address"),
        pytest.param(_reply("500 Oops", b"<html>"), AmbiguousWriteError, id="500"),
        pytest.param(_reply("200 OK", b"<html>"), ContractError, id="not JSON"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\nnot gzip!", AmbiguousWriteError, id="not gzip"),
        pytest.param(b"SMTP ready\r\n\r\n", AmbiguousWriteError, id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", AmbiguousWriteError, id="cut off"),
        pytest.param(b"", AmbiguousWriteError, id="no answer in time"),
    ],
)  # fmt: skip
async def test_both_networks_tell_the_same(
    monkeypatch: pytest.MonkeyPatch, network: str, reply: bytes, meaning: type[VendorError]
) -> None:
    """Calls go straight over reqwest, and over httpx in tests: one failure must be one error on either."""
    monkeypatch.setenv("TRUCKROLL_HTTP", network)
    monkeypatch.setattr("connectors.http.CONNECT_TIMEOUT_S", 0.3)
    async with polite_server(reply) as (address, seen), _plain(address, read_timeout_s=0.3) as http:
        with pytest.raises(VendorError) as caught:
            await http.send("POST", "/users", http.call("adding", is_write=True), body={"a": 1})
    assert caught.type is meaning
    assert len(seen) == 1


@pytest.mark.parametrize("network", ["reqwest", "httpx"])
async def test_both_networks_send_the_same(monkeypatch: pytest.MonkeyPatch, network: str) -> None:
    monkeypatch.setenv("TRUCKROLL_HTTP", network)
    packed = gzip.compress(b'{"price":41.10}')
    reply = _reply("200 OK", packed).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1)
    async with polite_server(reply) as (address, seen), _plain(address) as http:
        query: Query = {"q": "a b&c=é", "active": True, "n": 2}
        assert await http.send("GET", "/users/..%2Fx", http.call("reading", is_write=False), query=query) == {
            "price": Decimal("41.10")
        }
        await http.send("POST", "/users", http.call("adding", is_write=True), body={"name": "Zoë"})
    get, post = seen
    assert get.splitlines()[0] == "GET /api/v2/users/..%2Fx?q=a+b%26c%3D%C3%A9&active=true&n=2 HTTP/1.1"
    assert post.splitlines()[0] == "POST /api/v2/users HTTP/1.1"
    assert post.endswith('{"name":"Zoë"}')
    for head in (get.lower(), post.lower()):
        for line in ("accept: application/json", "user-agent: truckroll", "authorization: bearer key", "gzip"):
            assert line in head
    assert "content-type: application/json" in post.lower()
    assert "content-type" not in get.lower()


def _plain(address: str, read_timeout_s: float = 5.0) -> VendorHttp:
    return VendorHttp("V", address, auth=KeyAuth(Secret("key")), limiter=Unlimited(), read_timeout_s=read_timeout_s)


async def test_a_shops_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the environment names it, where every other program looks too."""
    monkeypatch.delenv("TRUCKROLL_HTTP")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with polite_server(_reply("200 OK", b"{}")) as (address, seen):
        monkeypatch.setenv("http_proxy", address.removesuffix("/api/v2"))
        async with _plain("http://vendor.test/api/v2") as http:
            await http.send("GET", "/users", http.call("reading", is_write=False))
    assert seen[0].startswith("GET http://vendor.test/api/v2/users ")


def test_half_an_emoji_travels_as_a_replacement_character() -> None:
    assert (
        encode({"name": "Robin \ud83d", "home": "\ud83c\udfe0 🏠"}).decode() == '{"name":"Robin \ufffd","home":"🏠 🏠"}'
    )
