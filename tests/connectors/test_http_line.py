"""The line over reqwest, against servers that do what they like: real sockets, and requests counted where they arrive."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import ipaddress
import json
import logging
import multiprocessing
import random
import re
import socket
import ssl
import struct
import threading
import time
import traceback
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyreqwest.client import ClientBuilder

from connectors.errors import AmbiguousWriteError, RateLimitedError, RejectedError, TransientError, VendorError
from connectors.http import VendorHttp
from connectors.limits import Unlimited
from connectors.tokens import KeyAuth, TokenAuth, TokenStore
from models.errors import SettingsError
from models.section import Secret

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
METHODS = ("POST", "PUT", "PATCH", "DELETE")
DEADLINE_S = 0.4
MAIL = "robin" + "@example.com"  # in two, for a traceback quotes the lines of the code


@pytest.fixture(autouse=True)
def _straight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUCKROLL_HTTP")
    monkeypatch.setattr("connectors.http.CONNECT_TIMEOUT_S", DEADLINE_S / 2)


def client(address: str, *, read_timeout_s: float = DEADLINE_S / 2, key: str = "key-1234") -> VendorHttp:
    return VendorHttp("V", address, auth=KeyAuth(Secret(key)), limiter=Unlimited(), read_timeout_s=read_timeout_s)


async def write(http: VendorHttp, method: str = "POST", path: str = "/n", body: Any = None) -> Any:
    return await http.send(method, path, http.call("adding", is_write=True), body={"a": 1} if body is None else body)


async def read(http: VendorHttp, **query: str | int | bool) -> Any:
    return await http.send("GET", "/n", http.call("reading", is_write=False), query=query)


class Peer:
    """What a server has of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: list[str]) -> None:
        self.reader = reader
        self.writer = writer
        self.seen = seen

    async def take(self) -> None:
        """Take one whole request."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        found = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        self.seen.append(head + (await self.reader.readexactly(int(found.group(1)) if found else 0)).decode())

    async def say(self, answer: bytes) -> None:
        self.writer.write(answer)
        await self.writer.drain()

    def reset(self) -> None:
        reset(self.writer.get_extra_info("socket"))
        self.writer.transport.abort()


def reset(connection: socket.socket) -> None:
    """Make closing it a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Script = Callable[[Peer], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that plays the script on each connection, and the whole requests it took."""
    seen: list[str] = []
    playing: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        playing.add(asyncio.current_task())
        with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            await script(Peer(reader, writer, seen))
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}", seen
        for task in playing - {None}:
            task.cancel()  # type: ignore[union-attr]


def always(answer: bytes) -> Script:
    async def script(peer: Peer) -> None:
        while True:
            await peer.take()
            await peer.say(answer)

    return script


polite = always(OK)


def answering(*answers: bytes) -> Script:
    """Take a request and say this, part by part; then wait until the other side is gone."""

    async def script(peer: Peer) -> None:
        await peer.take()
        for part in answers:
            await peer.say(part)
            await asyncio.sleep(0.02)
        await peer.reader.read()

    return script


async def hangs_up(peer: Peer) -> None:
    await peer.take()


async def resets(peer: Peer) -> None:
    await peer.take()
    peer.reset()


async def ends_in_the_body(peer: Peer) -> None:
    await peer.take()
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{")


async def resets_half_way(peer: Peer) -> None:
    await peer.reader.readexactly(10)
    peer.reset()


async def says_408_before_it_reads(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("path", ["/n", "/read-timeout/connection-refused"], ids=["", "words of errors in the address"])
@pytest.mark.parametrize(
    ("script", "whole_requests"),
    [
        pytest.param(hangs_up, 1, id="hangs up"),
        pytest.param(resets, 1, id="resets"),
        pytest.param(ends_in_the_body, 1, id="ends in the body"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nX: " + 600_000 * b"x"), 1, id="a head too large"),
        pytest.param(resets_half_way, 0, id="resets half way"),
        pytest.param(says_408_before_it_reads, 0, id="408 on a fresh connection"),
    ],
)
async def test_a_write_whose_first_byte_may_have_left_is_open_and_came_once(
    script: Script, whole_requests: int, path: str
) -> None:
    """PL-60. pyreqwest sorts failures by words, and the address has words too: it may say "timeout"."""
    for method in METHODS:
        async with server(script) as (address, seen), client(address) as http:
            with pytest.raises(AmbiguousWriteError):
                await write(http, method, path)
            assert len(seen) == whole_requests


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(answering(), id="never answers"),
        pytest.param(answering(*(b"HTTP/1.1 200 OK\r\nX: %d\r\n" % n for n in range(99))), id="bit by bit"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), id="stalls in the body"),
    ],
)
async def test_a_write_ends_at_the_deadline(script: Script) -> None:
    async with server(script) as (address, seen), client(address) as http:
        started = time.monotonic()
        with pytest.raises(AmbiguousWriteError):
            await write(http)
        assert DEADLINE_S * 0.9 < time.monotonic() - started < DEADLINE_S + 1
        assert len(seen) == 1


async def test_a_network_that_is_gone_in_the_middle_of_a_write_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own "timed out" comes after half a minute, before our deadline; here after 0.1 s."""
    monkeypatch.setattr(
        "connectors.http.ClientBuilder", lambda: ClientBuilder().tcp_user_timeout(timedelta(seconds=0.1))
    )
    with socket.create_server(("127.0.0.1", 0)) as never_reads:
        async with client(f"http://127.0.0.1:{never_reads.getsockname()[1]}", read_timeout_s=8) as http:
            with pytest.raises(AmbiguousWriteError, match="os error 110"):
                await write(http, body={"a": "x" * 8_000_000})


@contextlib.contextmanager
def server_that_ends_idle_connections(how: str) -> Iterator[tuple[str, Counter[str]]]:
    """Answers one request per connection and ends it within 2 ms, in threads of its own; counts bodies."""
    seen: Counter[str] = Counter()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            taken = b""
            for more in iter(lambda: connection.recv(65536), b""):
                taken += more
                if taken.endswith(b"}"):
                    seen[json.loads(taken.partition(b"\r\n\r\n")[2])["a"]] += 1
                    connection.sendall(OK)
                    break
            time.sleep(random.uniform(0, 0.002))
            if how == "408":
                connection.sendall(b"HTTP/1.1 408 Late\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            if how == "reset":
                reset(connection)
                return
            if how != "close":
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(0.2)
                taken = b"".join(iter(lambda: connection.recv(65536), b""))
                if taken.endswith(b"}"):
                    seen[json.loads(taken.partition(b"\r\n\r\n")[2])["a"]] += 1

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", seen
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["half close", "close", "reset", "408"])
async def test_a_write_into_a_connection_that_is_being_closed_never_comes_twice(how: str) -> None:
    """PL-60. It comes once or is open, and what "was never sent" never came."""
    with server_that_ends_idle_connections(how) as (address, seen):
        outcomes: dict[str, str] = {}
        async with client(address, read_timeout_s=3) as http:
            for number in range(80):
                name = f"{number}"
                try:
                    await write(http, METHODS[number % 4], body={"a": name})
                    outcomes[name] = "done"
                except (AmbiguousWriteError, TransientError) as error:
                    outcomes[name] = type(error).__name__
                if number % 2:
                    await asyncio.sleep(random.uniform(0, 0.003))
        await asyncio.sleep(0.3)
    assert max(seen.values()) == 1
    assert all(seen[name] == 1 for name, outcome in outcomes.items() if outcome == "done")
    assert all(seen[name] == 0 for name, outcome in outcomes.items() if outcome == "TransientError")
    assert "done" in outcomes.values()


@pytest.mark.parametrize(
    "answer",
    [OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), OK.replace(b"1.1", b"1.0")],
    ids=["Connection: close", "HTTP/1.0"],
)
async def test_a_connection_that_was_given_up_politely_is_not_used_again(answer: bytes) -> None:
    async with server(answering(answer)) as (address, seen), client(address) as http:
        for _ in range(3):
            await write(http)
        assert len(seen) == 3


async def test_a_write_that_found_no_connection_free_was_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.http.MOST_CONNECTIONS", 1)
    monkeypatch.setattr("connectors.http.POOL_TIMEOUT_S", 0.1)
    async with server(answering()) as (address, seen), client(address) as http:
        first = asyncio.create_task(write(http))
        await asyncio.sleep(0.05)
        with pytest.raises(TransientError, match="nothing was sent"):
            await write(http)
        with pytest.raises(AmbiguousWriteError):
            await first
        assert len(seen) == 1


async def test_after_a_cancelled_write_has_ended_nothing_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """PL-60. reqwest goes on with a call that is given up: who takes over and looks must not look before it came."""
    monkeypatch.setattr("connectors.http.MOST_CONNECTIONS", 1)
    answers = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.take()
            await answers.wait()
            await peer.say(OK)

    async with server(script) as (address, seen), client(address, read_timeout_s=5) as http:
        first = asyncio.create_task(write(http))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(write(http))  # waits for the only connection
        await asyncio.sleep(0.05)
        second.cancel()
        asyncio.get_running_loop().call_later(0.05, answers.set)
        await asyncio.wait([second])
        assert second.cancelled()
        came = len(seen)
        await first
        await asyncio.sleep(0.1)
        assert len(seen) == came


async def test_a_write_cancelled_twice_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """Who stops a process does not wait for a vendor that is silent; and nothing is logged of it."""
    async with server(answering()) as (address, _), client(address, read_timeout_s=5) as http:
        task = asyncio.create_task(write(http))
        for _ in range(2):
            await asyncio.sleep(0.05)
            task.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 1
        await http.aclose()
        await asyncio.sleep(0.05)
    del task
    gc.collect()
    assert not caplog.records


async def test_redirects_are_not_followed_and_cookies_not_kept() -> None:
    async with server(polite) as (elsewhere, there):
        away = f"HTTP/1.1 307 Go\r\nLocation: {elsewhere}\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n".encode()
        async with server(always(away)) as (address, seen), client(address) as http:
            for _ in range(2):
                with pytest.raises(RejectedError, match="307"):
                    await write(http)
    assert (len(seen), len(there)) == (2, 0)
    assert "cookie" not in seen[1].lower()


LARGE = b'{"rows":[' + b'"\\u00e9",' * 600_000 + b"1]}"
SMALL = b'{"a":1}'
ENCODED = {
    "gzip": gzip.compress(LARGE),
    "deflate": zlib.compress(LARGE),
    "br": ((len(SMALL) - 1) << 4 | 1 << 20).to_bytes(3, "little") + SMALL + b"\x03",  # RFC 7932, uncompressed block
    "zstd": b"\x28\xb5\x2f\xfd\x20" + bytes([len(SMALL), len(SMALL) << 3 | 1, 0, 0]) + SMALL,  # RFC 8878, raw block
    "identity": LARGE,
}


@pytest.mark.parametrize("coding", ENCODED)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
async def test_a_body_is_read_however_it_is_packed(coding: str, is_chunked: bool) -> None:
    packed = ENCODED[coding]
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding.encode() + b"\r\n"
    parts = [packed[at : at + 3_000_000] for at in range(0, len(packed), 3_000_000)]
    if is_chunked:
        parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]
        head += b"Transfer-Encoding: chunked\r\n"
    else:
        head += b"Content-Length: %d\r\n" % len(packed)
    async with server(answering(head + b"\r\n", *parts)) as (address, _), client(address, read_timeout_s=8) as http:
        assert await read(http) == json.loads(SMALL if coding in {"br", "zstd"} else LARGE)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["204", "empty 200", "100 before it"],
)
async def test_an_answer_without_a_body_is_none(answer: bytes) -> None:
    async with server(answering(answer)) as (address, _), client(address) as http:
        assert await write(http) is None


async def test_a_304_to_a_question_nobody_asked_is_a_refusal_and_does_not_hang() -> None:
    answer = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n"
    async with server(answering(answer)) as (address, _), client(address) as http:
        with pytest.raises(RejectedError, match="304"):
            await read(http)


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        pytest.param(b"rETRY-aFTER: 700\r\n", 700, id="odd case"),
        pytest.param(b"Retry-After: 700\r\nretry-after: 900\r\n", 700, id="twice: the first"),
        pytest.param(b"X-Name: Zo\xeb\r\nRetry-After: 700\r\n", 700, id="letters in another header"),
        pytest.param(b"Retry-After: \xff\r\n", None, id="letters where the seconds are"),
        pytest.param(b"Retry-After: Mon, 01 Jan 99999999999999999999 00:00:00 GMT\r\n", None, id="no date"),
    ],
)
async def test_the_pause_a_vendor_asks_for_is_understood(headers: bytes, pause_s: float | None) -> None:
    answer = b"HTTP/1.1 429 Slow down\r\n" + headers + b"Content-Length: 0\r\n\r\n"
    async with server(answering(answer)) as (address, _), client(address) as http:
        with pytest.raises(RateLimitedError) as caught:
            await http.send("GET", "/n", http.call("reading", is_write=False), turn=await http.take_turn())
    assert caught.value.retry_after_s == pause_s


async def test_a_token_endpoint_with_letters_in_a_header_is_an_error_of_ours() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Name: Zo\xeb\r\nContent-Length: 0\r\n\r\n"
    async with server(answering(answer)) as (address, _):
        ways = [lambda: httpx.Request("POST", f"{address}/token")]
        auth = TokenAuth("V", address, Secret("id"), Secret("secret"), ways, store=TokenStore())
        async with VendorHttp("V", address, auth=auth, limiter=Unlimited(), read_timeout_s=1) as http:
            with pytest.raises(TransientError, match="fetching an access token"):
                await write(http)


@pytest.mark.parametrize(
    "script",
    [
        hangs_up,
        resets,
        answering(),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]"),
        answering(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
        None,
    ],
    ids=["hangs up", "resets", "silent", "stalls", "not gzip", "not JSON", "500", "refused"],
)
async def test_no_address_key_or_body_is_in_an_error_its_traceback_or_the_log(
    caplog: pytest.LogCaptureFixture, script: Script | None
) -> None:
    """Prefect logs tracebacks, and reqwest's errors quote the whole address."""
    caplog.set_level(logging.DEBUG)
    async with server(script or polite) as (address, _):
        for is_write in (False, True):
            http = client("http://127.0.0.1:1" if script is None else address)
            call, turn = http.call("calling", is_write=is_write), await http.take_turn()
            with pytest.raises(VendorError) as caught:
                await http.send("PUT", "/n", call, query={"email": MAIL}, body={"email": MAIL}, turn=turn)
            await http.aclose()
            told = f"{caught.value!r} {''.join(traceback.format_exception(caught.value))} {caplog.text}"
            assert "robin" not in told
            assert "key-1234" not in told


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("http://127.0.0.1:99999", "key-1234"),
        ("http://exa mple.com", "key-1234"),
        ("http://127.0.0.1:1", "key-1234\nx"),
    ],
    ids=["no port", "no host", "a line break in the key"],
)
async def test_what_cannot_be_sent_as_it_is_written_is_said_without_it(address: str, key: str) -> None:
    async with client(address, key=key) as http:
        with pytest.raises(SettingsError) as caught:
            await write(http)
    assert "key-1234" not in "".join(traceback.format_exception(caught.value))


async def test_a_closed_client_says_so_and_sends_nothing() -> None:
    async with server(polite) as (address, seen):
        http = client(address)
        await write(http)
        await http.aclose()
        await http.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await write(http)
        await asyncio.sleep(0.05)
        assert len(seen) == 1


async def test_a_write_under_way_when_its_client_is_closed_is_open() -> None:
    async with server(answering()) as (address, _):
        http = client(address, read_timeout_s=5)
        task = asyncio.create_task(write(http))
        await asyncio.sleep(0.05)
        await http.aclose()
        with pytest.raises(AmbiguousWriteError):
            await asyncio.wait_for(task, 1)


async def test_two_threads_with_loops_of_their_own_share_a_client() -> None:
    async with server(polite) as (address, seen):
        http = client(address, read_timeout_s=5)

        def many() -> int:
            async def all_of_them() -> int:
                return len(await asyncio.gather(*(write(http) for _ in range(30))))

            return asyncio.run(all_of_them())

        with ThreadPoolExecutor(2) as threads:
            loop = asyncio.get_running_loop()
            assert await asyncio.gather(*(loop.run_in_executor(threads, many) for _ in range(2))) == [30, 30]
        assert len(seen) == 60
        await http.aclose()


def _write_from_a_process(address: str) -> None:
    async def one() -> None:
        async with client(address, read_timeout_s=5) as http:
            await write(http)

    asyncio.run(asyncio.wait_for(one(), 20))


@pytest.mark.parametrize("how", ["spawn", "fork"])
async def test_a_process_of_its_own_calls_too(how: str) -> None:
    """Also one forked off a process that has called: reqwest's threads do not come along."""
    async with server(polite) as (address, seen):
        async with client(address) as http:
            await write(http)
        child = multiprocessing.get_context(how).Process(target=_write_from_a_process, args=(address,))  # type: ignore[attr-defined]
        child.start()
        await asyncio.to_thread(child.join, 30)
        assert (child.exitcode, len(seen)) == (0, 2)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A company's own authority, and a server it has certified."""
    folder = tmp_path_factory.mktemp("tls")
    now = datetime.now(UTC)

    def certified(name: str, by: x509.Name, with_key: ec.EllipticCurvePrivateKey, key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName]) -> bytes:  # fmt: skip
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        begun = x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key.public_key())
        dated = begun.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        builder = dated.not_valid_after(now + timedelta(days=1))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        return builder.sign(with_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    ours, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    office = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Office CA")])
    (folder / "ca.pem").write_bytes(certified("Office CA", office, ours, ours, []))
    host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    written = theirs.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(certified("vendor", office, ours, theirs, [host]) + written)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", tls


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake takes what it takes on a busy machine."""
    monkeypatch.setattr("connectors.http.CONNECT_TIMEOUT_S", 10)


@pytest.mark.usefixtures("unhurried")
async def test_a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent(
    authority: tuple[Path, ssl.SSLContext],
) -> None:
    async with server(polite, authority[1]) as (address, seen), client(address) as http:
        with pytest.raises(TransientError, match=r"certificate.*nothing was sent"):
            await write(http)
        assert not seen


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("are_others_there", [True, False], ids=["", "and no others are there"])
async def test_a_companys_own_authority_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
    authority: tuple[Path, ssl.SSLContext],
    are_others_there: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    if not are_others_there:
        monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    async with server(polite, authority[1]) as (address, seen), client(address) as http:
        await write(http)
        assert len(seen) == 1


@pytest.mark.usefixtures("unhurried")
async def test_a_machine_without_certificates_trusts_those_that_httpx_brings(
    monkeypatch: pytest.MonkeyPatch, authority: tuple[Path, ssl.SSLContext]
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    async with server(polite, authority[1]) as (address, seen):
        async with client(address) as http:
            with pytest.raises(TransientError, match="nothing was sent"):
                await write(http)
        monkeypatch.setattr("connectors.http.certifi.where", lambda: str(authority[0]))
        async with client(address) as http:
            await write(http)
        assert len(seen) == 1


@pytest.mark.parametrize("is_https", [False, True], ids=["a port that is silent", "a plain server asked for TLS"])
async def test_a_handshake_that_fails_sent_nothing(is_https: bool) -> None:
    async def silent(peer: Peer) -> None:
        await peer.reader.read()

    async with server(polite if is_https else silent) as (address, seen):
        async with client(address.replace("http://", "https://")) as http:
            with pytest.raises(TransientError, match="nothing was sent"):
                await write(http)
        assert not seen


async def test_what_stands_on_the_wire() -> None:
    async with server(polite) as (address, seen), client(address) as http:
        await write(http)
        await read(http, email=MAIL)
    host = address.removeprefix("http://")
    head, _, body = seen[0].partition("\r\n\r\n")
    assert sorted(head.split("\r\n")) == [
        "Accept-Encoding: zstd,gzip,deflate,br",
        "Accept: application/json",
        "Authorization: Bearer key-1234",
        "Content-Length: 7",
        "Content-Type: application/json",
        f"Host: {host}",
        "POST /n HTTP/1.1",
        "User-Agent: truckroll",
    ]
    assert body == '{"a":1}'
    assert "content-" not in seen[1].lower()
    assert seen[1].startswith("GET /n?email=robin%40example.com HTTP/1.1")
