"""The one way out to a vendor: auth, pace, waiting out a 429, repeating reads, one error per failure.

One failure, one retrier: this client waits out a 429 and repeats a read; a write is sent once, and the task decides.
Logged at DEBUG: method, path, status, milliseconds, the vendor's trace id. Never bodies, headers or query values.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import itertools
import logging
import os
import random
import time
from asyncio import sleep
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar
from urllib.parse import quote, urlencode

import certifi
import httpx
import msgspec
import stamina
from pydantic import BaseModel
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport
from pyreqwest.exceptions import BuilderError, PyreqwestError
from pyreqwest.http import Url
from pyreqwest.request import ConsumedRequest

from connectors.errors import (
    Call,
    RateLimitedError,
    TransientError,
    from_answer,
    from_exception,
    unreadable,
)
from connectors.limits import CountingLimiter, Gated, Limiter, Turn
from connectors.tokens import KeyAuth, TokenAuth, named, secret_values
from connectors.wire import decode, encode, parse_json, parse_rows
from models.errors import SettingsError
from models.section import Secret

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 10.0
POOL_TIMEOUT_S: Final = 60.0
MOST_CONNECTIONS: Final = 150
READ_ATTEMPTS: Final = 3
MAX_PAUSES: Final = 6
"""How often one call waits out a 429 before it gives up."""
MAX_PAUSE_S: Final = 120.0
"""A longer wish is not waited out here: the schedule comes again."""
KEEPALIVE_S: Final = 3.0
"""Shorter than servers keep idle connections, so that a write rarely goes into a connection just being closed."""

Query = Mapping[str, str | int | bool]

_Rows = TypeVar("_Rows", bound=msgspec.Struct)

_PATH_MARKS: Final = "/%:@!$&'()*+,;=~?[]"
"""What may stand in a path as it is; a caller escapes what is an id (and a next page's own address is escaped)."""

_NUMBERS = itertools.count(1)
"""Names the calls of this process in the log."""


class _WithoutQuery(logging.Filter):
    """httpx logs whole addresses at INFO, and what we look for in a query is a customer's phone, name or e-mail."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, without the queries of its addresses."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                each.copy_with(query=None) if isinstance(each, httpx.URL) else each for each in record.args
            )
        return True


logging.getLogger("httpx").addFilter(_WithoutQuery())


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor said to one call."""

    status: int
    body: Any = None
    """Decoded JSON; None when there was no body."""
    headers: Mapping[str, str] = field(default_factory=dict)


class VendorHttp:
    """HTTP to one vendor; used by its typed client, which gives every call its meaning."""

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        auth: TokenAuth | KeyAuth,
        limiter: Limiter,
        read_timeout_s: float,
        secrets: Sequence[Secret] = (),
        is_missing: Callable[[int, Any], bool] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`secrets` are named when the vendor refuses them, and never quoted when it repeats them.

        `transport` replaces the network (tests).
        """
        if not base_url.startswith(("http://", "https://")):
            raise SettingsError(
                f'The address of {vendor} is no web address: "{base_url}".', "Write api_url as http(s)://..."
            )
        self.vendor = vendor
        self._auth = auth
        self._limiter = limiter
        self._gate = limiter.gate if isinstance(limiter, Gated) else None
        self._credentials = " and ".join(named(secret) for secret in secrets)
        self._private = secret_values(secrets)
        self._is_missing = is_missing
        straight = _straight(base_url, read_timeout_s) if transport is None and _goes_straight() else None
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S, pool=POOL_TIMEOUT_S),
            transport=transport if straight is None else straight.transport,
            headers=_ALWAYS,
        )
        auth.attach(self._client)
        self._line: _Line = straight or _OverHttpx(self._client)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def call(self, doing: str, *, is_write: bool, body: Any = None) -> Call:
        """Describe a call, for errors."""
        return Call(
            self.vendor,
            doing,
            is_write,
            self._credentials,
            self._private,
            is_missing=None if is_write else self._is_missing,
            body=body,
        )

    async def take_turn(self) -> Turn:
        """Wait until one call may go, and return the permission for it."""
        await self._limiter.acquire()
        return Turn()

    async def send(
        self,
        method: str,
        path: str,
        call: Call,
        *,
        query: Query | None = None,
        body: Any = None,
        turn: Turn | None = None,
    ) -> Any:
        """Send one call and return its decoded JSON, or None when the answer has no body.

        Raises exactly one VendorError. Reads are repeated up to three times after a TransientError; a 429 is waited
        out for reads and writes alike, since it did nothing. With a `turn` nothing is waited for: the call goes out
        once and now, and a 429 or a turn gone stale is a TransientError that sent nothing. A write that is cancelled
        ends first, at its deadline at the latest.
        """
        sent = _Sent(method, path, call, query, body)
        if turn is not None:
            if not turn.use():
                raise _too_late(call)
            return (await self._once(sent)).body
        return (await self._repeating(sent)).body

    async def read(self, method: str, path: str, call: Call, into: type[_Rows], *, query: Query | None = None) -> _Rows:
        """Send one call as `send` does, and read its answer straight from the bytes: for answers of thousands of rows.

        Raises ContractError too, when the answer does not fit the record.
        """
        answer = await self._repeating(_Sent(method, path, call, query, None, into=partial(parse_rows, into)))
        rows: _Rows = answer.body
        return rows

    async def ask(
        self,
        method: str,
        path: str,
        call: Call,
        *,
        body: Any = None,
        also: frozenset[int] = frozenset(),
        into: type[BaseModel] | None = None,
    ) -> Answer:
        """Send one call as `send` does, and return its answer with the status.

        `also` are refusals that mean something to the caller: they are returned, not raised. `into`: the record that
        the body of a 2xx is read into, as `read` does.
        """
        record = None if into is None else partial(parse_json, into)
        return await self._repeating(_Sent(method, path, call, None, body, also, record))

    async def _repeating(self, sent: _Sent) -> Answer:
        if sent.call.is_write:
            return await self._waiting_out_pauses(sent)
        async for attempt in stamina.retry_context(
            on=_is_worth_repeating, attempts=READ_ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=10.0
        ):
            with attempt:
                return await self._waiting_out_pauses(sent)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _waiting_out_pauses(self, sent: _Sent) -> Answer:
        for pauses in range(MAX_PAUSES):
            await self._limiter.acquire()
            try:
                return await self._once(sent)
            except RateLimitedError as asked:
                if isinstance(self._limiter, CountingLimiter):
                    await self._limiter.overrun(asked)  # pauses everybody, or ends it
                    continue
                pause_s = 2.0**pauses if asked.retry_after_s is None else asked.retry_after_s
                if pause_s > MAX_PAUSE_S:
                    raise
                log.debug("%s asks for a pause of %.1f s", self.vendor, pause_s)
                await sleep(pause_s + random.uniform(0.0, 0.25 + 0.1 * pause_s))  # noqa: S311 - spreads callers
        await self._limiter.acquire()
        return await self._once(sent)

    async def _once(self, sent: _Sent) -> Answer:
        started = time.perf_counter()
        reply: _Reply | None = None
        body: Any = None
        is_json = False
        try:
            reply = await self._exchange(sent)
            if sent.into is not None and httpx.codes.is_success(reply.status):
                return Answer(reply.status, sent.into(reply.content, sent.call), reply.headers)
            body, is_json = _read(reply)
        except (httpx.HTTPError, httpx.InvalidURL, PyreqwestError, OSError) as error:
            raise from_exception(sent.call, error) from None  # its text has the address, and that an e-mail
        finally:
            if log.isEnabledFor(logging.DEBUG):
                _note(sent, reply, body, time.perf_counter() - started)
        if reply.status not in sent.also:
            failure = from_answer(sent.call, reply.status, reply.headers, body)
            if failure is not None:
                raise failure
            if not is_json:
                raise unreadable(sent.call, "the answer is not JSON")
        return Answer(reply.status, body, reply.headers)

    async def _exchange(self, sent: _Sent) -> _Reply:
        """Send it, and once more with a new token after a 401. Raises RuntimeError after `aclose`."""
        if self._client.is_closed:
            raise RuntimeError(f"The client of {self.vendor} was closed.")  # reqwest may send it all the same
        content = None if sent.body is None else encode(sent.body)
        dress = await self._auth.headers()
        await self._ask_gate()
        reply = await self._line.exchange(sent, content, dress)
        if reply.status == httpx.codes.UNAUTHORIZED and self._auth.renew(dress):
            await self._ask_gate()
            dress = await self._auth.headers()
            await self._ask_gate()
            reply = await self._line.exchange(sent, content, dress)
        return reply

    async def _ask_gate(self) -> None:
        """Raise DisconnectedError when nothing may go out any more: a token, or a slow answer, may have taken long."""
        if self._gate is not None:
            await self._gate()


@dataclass(frozen=True, slots=True)
class _Sent:
    """One call on its way."""

    method: str
    path: str
    call: Call
    query: Query | None
    body: Any
    also: frozenset[int] = frozenset()
    into: Callable[[bytes, Call], Any] | None = None
    """Reads the body of a 2xx."""


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes


class _Line(Protocol):
    """One exchange over the network; raises what its library raises."""

    async def exchange(self, sent: _Sent, content: bytes | None, dress: Mapping[str, str]) -> _Reply: ...


class _OverHttpx:
    """Over httpx and whatever transport it has: tests, and TRUCKROLL_HTTP=httpx."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def exchange(self, sent: _Sent, content: bytes | None, dress: Mapping[str, str]) -> _Reply:
        request = self._client.build_request(
            sent.method,
            sent.path,
            params=None if sent.query is None else _written(sent.query),
            content=content,
            headers=dress if content is None else {**dress, **_JSON},
        )
        response = await self._client.send(request, auth=None)
        return _Reply(response.status_code, response.headers, response.content)


class _Straight:
    """Over reqwest itself, under httpx's client: a call through httpx takes three times the CPU."""

    def __init__(self, base_url: str, read_timeout_s: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._client = _network(CONNECT_TIMEOUT_S + read_timeout_s)
        _end_calmly()
        self.transport: Final = HttpxTransport(self._client)
        """For what httpx does itself: fetching tokens."""

    async def exchange(self, sent: _Sent, content: bytes | None, dress: Mapping[str, str]) -> _Reply:
        exchanging = _exchanged(self._request(sent, content, dress))
        return await (_to_its_end(exchanging) if sent.call.is_write else exchanging)

    def _request(self, sent: _Sent, content: bytes | None, dress: Mapping[str, str]) -> ConsumedRequest:
        try:
            address: Url | str = _address(self._base_url, sent.path)
            if sent.query:
                address = f"{address}?{urlencode(_written(sent.query))}"
            request = self._client.request(sent.method, address).headers(dress)
            if content is not None:
                request = request.headers(_JSON).body_bytes(content)
            return request.build()
        except ValueError:  # it quotes the header that it does not take
            raise SettingsError(
                f"The address of {sent.call.vendor}, or a key, cannot be sent as it is written.",
                "Look for a line break or a stray character in the address in the shop file and in "
                f"{sent.call.credentials or 'its credentials'}.",
            ) from None


async def _exchanged(request: ConsumedRequest) -> _Reply:
    response = await request.send()
    headers: dict[str, str] = {}
    for name in _UNDERSTOOD:
        with suppress(ValueError):  # letters that are not ASCII
            value = response.get_header(name)
            if value is not None:
                headers[name] = value
    return _Reply(response.status, headers, bytes(await response.bytes()))


async def _to_its_end(exchanging: Coroutine[Any, Any, _Reply]) -> _Reply:
    """Wait for a write even when we are cancelled: reqwest goes on with it, and it would reach the vendor later.

    Cancelled once more, it is left.
    """
    running = asyncio.get_running_loop().create_task(exchanging)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # else asyncio logs it, whole
        await asyncio.wait([running])
        raise


@functools.lru_cache(maxsize=256)
def _address(base_url: str, path: str) -> Url:
    """Return a path's address; a sync writes to the same one by the ten thousand."""
    return Url(base_url + quote(path, safe=_PATH_MARKS))


_ALWAYS: Final = {"Accept": "application/json", "User-Agent": "truckroll"}
_JSON: Final = {"Content-Type": "application/json"}
_UNDERSTOOD: Final = ("content-type", "retry-after")
"""The headers of an answer that mean something here."""


def _read(reply: _Reply) -> tuple[Any, bool]:
    """Return the body and whether it is JSON; a refusal in plain words is still the vendor's."""
    if not reply.content or reply.content.isspace():
        return None, True
    try:
        return decode(reply.content), True
    except ValueError:
        if reply.headers.get("content-type", "").startswith("text/plain"):
            return {"message": reply.content.decode("utf-8", "replace").strip()[:300]}, False
        return None, False


def _note(sent: _Sent, reply: _Reply | None, body: Any, seconds: float) -> None:
    """Write the call to the log; a next page's own path may hold a query, which stays out."""
    path = sent.path.partition("?")[0]
    status = "no answer" if reply is None else reply.status
    number = f"{next(_NUMBERS):08x}"
    log.debug("%s %s %s %s %.0f ms %s", number, sent.method, path, status, seconds * 1000, _trace_id(body))


def _goes_straight() -> bool:
    """Tell whether calls go over reqwest; TRUCKROLL_HTTP=httpx keeps to httpx's own network (tests with respx)."""
    return os.environ.get("TRUCKROLL_HTTP") != "httpx"


def _straight(base_url: str, read_timeout_s: float) -> _Straight | None:
    """Return the line over reqwest; None in a process forked off one that has used it, whose threads stay behind."""
    try:
        return _Straight(base_url, read_timeout_s)
    except RuntimeError as error:
        if "fork" in str(error):
            return None
        raise


@functools.cache
def _end_calmly() -> None:
    """Leave reqwest's thread a moment when the process ends: one that just handed over an answer would abort it."""
    atexit.register(time.sleep, 0.02)


def _network(deadline_s: float) -> Client:
    """Return reqwest's client: a write is sent once, whatever becomes of it, and a redirect is never followed.

    A proxy and further certificates come from the environment, as everywhere: HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE.
    A machine that has no certificates, as small containers, trusts those that httpx brings.
    """
    try:
        return _prepared(deadline_s).build()
    except BuilderError:
        certificates = Path(certifi.where()).read_bytes()
        return _prepared(deadline_s).add_root_certificate_pem(certificates).build()


def _prepared(deadline_s: float) -> ClientBuilder:
    return (
        ClientBuilder()
        .default_headers(_ALWAYS)
        .follow_redirects(enable=False)
        .connect_timeout(timedelta(seconds=CONNECT_TIMEOUT_S))
        .timeout(timedelta(seconds=deadline_s))
        .max_connections(MOST_CONNECTIONS)
        .pool_timeout(timedelta(seconds=POOL_TIMEOUT_S))
        .pool_idle_timeout(timedelta(seconds=KEEPALIVE_S))
    )


def _is_worth_repeating(error: Exception) -> bool:
    return isinstance(error, TransientError) and not isinstance(error, RateLimitedError)


def _too_late(call: Call) -> TransientError:
    return TransientError(
        f"This machine was too slow between its turn and {call.doing} at {call.vendor}: nothing was sent.",
        "Truckroll tries again by itself.",
        call.vendor,
        call.doing,
    )


def _written(query: Query) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}


def _trace_id(answer: Any) -> str:
    if isinstance(answer, dict):
        return str(answer.get("traceId") or answer.get("transactionId") or "")
    return ""
