"""Faults, over a real socket: what the client sees, and whether the work was done."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import smtplib
import subprocess
import sys
from email.message import EmailMessage
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Server, Shop, purchase

ORDERING = "POST /marcone/orders/purchaseorder"


async def arm(live: Shop, kind: str, **more: Any) -> None:
    await live.people("/faults", {"match": ORDERING, "kind": kind} | more)


async def orders(live: Shop) -> int:
    return len((await live.state())["marcone"]["orders"])


async def the_fault(live: Shop) -> Any:
    (fault,) = (await live.people("/faults", method="GET"))["faults"]
    return fault


async def last_request(live: Shop) -> Any:
    return (await live.people("/requests", method="GET"))["requests"][-1]


async def until_stalling(live: Shop) -> None:
    for _ in range(200):
        if (await the_fault(live))["stalling"] == 1:
            return
        await asyncio.sleep(0.02)
    pytest.fail("no request came to hang in the fault")


async def test_a_status_fault_answers_without_doing_the_work(live: Shop) -> None:
    await arm(live, "status", status=503)
    reply = await live.order()
    assert reply.status_code == 503
    assert reply.json()["errorMessage"] == "Unknown error; retry again later."
    assert await orders(live) == 0
    assert (await live.order()).status_code == 200
    assert await orders(live) == 1


async def test_a_rate_limit_names_the_wait_or_keeps_it_to_itself(live: Shop) -> None:
    match = "GET /servicetitan/*/jobs"
    await live.people("/faults", {"match": match, "kind": "rate_limit", "retry_after": 2})
    await live.people("/faults", {"match": match, "kind": "rate_limit"})
    named, silent, through = [await live.st("GET", "jpm", "/jobs") for _ in range(3)]
    assert (named.status_code, named.headers["retry-after"]) == (429, "2")
    assert named.json()["title"] == "Rate limit is exceeded. Try again in 2 seconds."
    assert silent.status_code == 429
    assert "retry-after" not in silent.headers
    assert through.status_code == 200


async def test_a_lost_answer_did_the_work_and_cut_the_connection(live: Shop) -> None:
    await arm(live, "lost_answer")
    with pytest.raises(httpx.TransportError):
        await live.order()
    assert await orders(live) == 1
    request = await last_request(live)
    assert (request["status"], request["fault"], request["did_work"]) == (None, "lost_answer", True)


async def test_a_dropped_request_did_nothing(live: Shop) -> None:
    await arm(live, "drop_before")
    with pytest.raises(httpx.TransportError):
        await live.order()
    assert await orders(live) == 0
    assert (await last_request(live))["did_work"] is False
    assert (await live.order()).status_code == 200


async def test_a_delay_only_takes_its_time(live: Shop) -> None:
    await arm(live, "delay", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        await live.http.post("/marcone/orders/purchaseorder", json=purchase(), timeout=0.05)
    await arm(live, "delay", seconds=0.05)
    assert (await live.order()).status_code == 200


async def test_skip_and_times_choose_which_requests_are_struck(live: Shop) -> None:
    await arm(live, "status", skip=1, times=2)
    assert [(await live.order()).status_code for _ in range(4)] == [200, 500, 500, 200]
    fault = await the_fault(live)
    assert (fault["fired"], fault["remaining"]) == (2, 0)
    await live.people("/faults", method="DELETE")
    assert (await live.people("/faults", method="GET"))["faults"] == []


async def test_a_fault_without_end_strikes_until_it_is_cleared(live: Shop) -> None:
    await arm(live, "status", times=None)
    assert [(await live.order()).status_code for _ in range(3)] == [500, 500, 500]
    assert (await the_fault(live))["remaining"] is None


@pytest.mark.parametrize(("kind", "done_while_hanging"), [("stall_before", 0), ("stall_after", 1)])
async def test_a_stalled_request_goes_on_when_the_fault_is_cleared(
    live: Shop, kind: str, done_while_hanging: int
) -> None:
    await arm(live, kind)
    waiting = asyncio.create_task(live.order())
    await until_stalling(live)
    assert await orders(live) == done_while_hanging
    await live.people("/faults", method="DELETE")
    assert (await waiting).json()["orderNumbers"]
    assert await orders(live) == 1


def order_and_wait(url: str, token: str) -> None:
    httpx.post(
        f"{url}/marcone/orders/purchaseorder",
        json=purchase(),
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )


@pytest.mark.parametrize(("kind", "orders_left"), [("stall_before", 0), ("stall_after", 1)])
async def test_a_client_killed_while_it_waits_leaves_exactly_what_was_done(
    live: Shop, server: Server, kind: str, orders_left: int
) -> None:
    await arm(live, kind)
    client = multiprocessing.get_context("spawn").Process(target=order_and_wait, args=(server.url, live.marcone_token))
    client.start()
    assert client.pid
    await until_stalling(live)
    os.kill(client.pid, signal.SIGKILL)
    client.join(10)
    for _ in range(100):
        if (await the_fault(live))["stalling"] == 0:
            break
        await asyncio.sleep(0.02)
    assert (await the_fault(live))["stalling"] == 0
    await live.people("/faults", method="DELETE")
    await asyncio.sleep(0.1)
    assert await orders(live) == orders_left
    assert (await last_request(live))["did_work"] is bool(orders_left)


async def test_requests_are_written_down_in_order_without_secrets(live: Shop) -> None:
    await live.order()
    await live.st("GET", "jpm", "/jobs", params={"pageSize": 1})
    log = (await live.people("/requests", method="GET"))["requests"]
    assert [(one["method"], one["path"], one["status"]) for one in log[-2:]] == [
        ("POST", "/marcone/orders/purchaseorder", 200),
        ("GET", "/servicetitan/jpm/v2/tenant/1234567/jobs", 200),
    ]
    assert log[-2]["body"] == purchase()
    assert log[-1]["query"] == "pageSize=1"
    text = str(log)
    for secret in ("sandbox-secret", "sandbox-marcone-secret", live.titan_token, live.marcone_token):
        assert secret not in text
    counts = await live.people("/counts", method="GET")
    assert counts["POST /marcone/orders/purchaseorder"] == 1
    assert counts["GET /servicetitan/jpm/v2/tenant/{tenant}/jobs"] == 1


async def test_mails_sent_over_smtp_lie_in_the_mailbox(live: Shop, server: Server) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "parts@shop.example.com", "marian.oakes@example.com", "Your part: café"
    mail.set_content("The part comes on Thursday: naïve, but we will call.")

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", server.smtp_port, timeout=5) as smtp:
            smtp.send_message(mail)

    await asyncio.to_thread(send)
    (kept,) = (await live.people("/mailbox", method="GET"))["mails"]
    assert (kept["from"], kept["to"]) == ("parts@shop.example.com", ["marian.oakes@example.com"])
    assert kept["subject"] == "Your part: café"
    assert kept["text"].strip() == "The part comes on Thursday: naïve, but we will call."
    await live.people("/mailbox", method="DELETE")
    assert (await live.people("/mailbox", method="GET"))["mails"] == []


async def test_reset_begins_again(live: Shop) -> None:
    await live.order()
    await live.people("/clock/advance", {"hours": 5})
    await live.people("/reset", {"seed": "empty"})
    state = await live.state()
    assert (state["servicetitan"]["jobs"], state["marcone"]["orders"]) == ([], [])
    assert len(state["servicetitan"]["technicians"]) == 4
    assert state["clock"]["offset_s"] == 0
    assert (await live.st("GET", "jpm", "/jobs")).status_code == 401, "tokens of the old world are gone"
    await live.people("/reset", {"seed": "demo"})
    assert len((await live.state())["servicetitan"]["jobs"]) == 5


async def test_a_typing_error_on_the_peoples_side_is_named(live: Shop) -> None:
    reply = await live.http.post("/_sandbox/faults", json={"match": ORDERING, "kind": "explode", "tmes": 2})
    assert reply.status_code == 400
    assert set(reply.json()["errors"]) == {"kind", "tmes"}
    nowhere = await live.http.get("/_sandbox/nowhere")
    assert nowhere.status_code == 404


async def test_the_peoples_side_answers_only_to_its_own_machine(live: Shop) -> None:
    transport = httpx.ASGITransport(app=live.app, client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.test") as stranger:
        assert (await stranger.get("/_sandbox/state")).status_code == 403
        assert (await stranger.get("/")).status_code == 403
        form = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
        assert (await stranger.post("/servicetitan/connect/token", data=form)).status_code == 200


def test_the_program_serves_and_says_where_and_names_a_port_that_is_taken(server: Server) -> None:
    taken = server.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "sandbox", "--smtp-port", "0", "--seed", "empty"]
    refused = subprocess.run([*command, "--port", taken], capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 2
    assert f"port {taken}" in refused.stderr
    assert "Traceback" not in refused.stderr
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        said = started.stdout.readline()
        try:
            url = said.split()[1].rstrip(",")
            assert httpx.get(f"{url}_sandbox/health", timeout=5).json() == {"status": "ok", "seed": "empty"}
        finally:
            started.terminate()
            assert started.wait(10) in {0, -signal.SIGTERM}
