"""The one way out to a vendor: auth, pace, waiting out a 429, repeating reads, one error per failure.

One failure, one retrier: this client waits out a 429 and repeats a read; a write is sent once, and the task decides.
Logged at DEBUG: method, path, status, milliseconds, the vendor's trace id. Never bodies, headers or query values.
"""

from __future__ import annotations

import functools
import logging
import os
import random
import ssl
import time
import uuid
from asyncio import sleep
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import httpx
import stamina
from httpx_aiohttp import AiohttpTransport

from connectors.errors import (
    Call,
    RateLimitedError,
    TransientError,
    from_answer,
    from_exception,
    private_values,
    unreadable,
)
from connectors.limits import Limiter, Turn
from connectors.tokens import KeyAuth, TokenAuth, named
from connectors.wire import decode, encode
from models.errors import SettingsError
from models.shop import Secret

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 10.0
POOL_TIMEOUT_S: Final = 60.0
READ_ATTEMPTS: Final = 3
MAX_PAUSES: Final = 6
"""How often one call waits out a 429 before it gives up."""
MAX_PAUSE_S: Final = 120.0
"""A longer wish is not waited out here: the schedule comes again."""
KEEPALIVE_S: Final = 3.0
"""Shorter than servers keep idle connections, so that a write rarely goes into a connection just being closed."""

Query = Mapping[str, str | int | bool]


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
        """`secrets` are named when the vendor refuses them. `transport` replaces the network (tests)."""
        if not base_url.startswith(("http://", "https://")):
            raise SettingsError(
                f'The address of {vendor} is no web address: "{base_url}".', "Write api_url as http(s)://..."
            )
        self.vendor = vendor
        self._auth = auth
        self._limiter = limiter
        self._credentials = " and ".join(named(secret) for secret in secrets)
        self._is_missing = is_missing
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S, pool=POOL_TIMEOUT_S),
            transport=transport or choose_transport(),
            headers={"Accept": "application/json", "User-Agent": "truckroll"},
        )
        auth.attach(self._client)

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
            private_values(body),
            None if is_write else self._is_missing,
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
        once and now, and a 429 or a turn gone stale is a TransientError that sent nothing.
        """
        if turn is not None:
            if not turn.use():
                raise _too_late(call)
            return await self._once(method, path, call, query, body)
        if call.is_write:
            return await self._waiting_out_pauses(method, path, call, query, body)
        async for attempt in stamina.retry_context(
            on=_is_worth_repeating, attempts=READ_ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=10.0
        ):
            with attempt:
                return await self._waiting_out_pauses(method, path, call, query, body)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _waiting_out_pauses(self, method: str, path: str, call: Call, query: Query | None, body: Any) -> Any:
        for pauses in range(MAX_PAUSES):
            await self._limiter.acquire()
            try:
                return await self._once(method, path, call, query, body)
            except RateLimitedError as asked:
                pause_s = 2.0**pauses if asked.retry_after_s is None else asked.retry_after_s
                if pause_s > MAX_PAUSE_S:
                    raise
                log.debug("%s asks for a pause of %.1f s", self.vendor, pause_s)
                await sleep(pause_s + random.uniform(0.0, 0.25 + 0.1 * pause_s))  # noqa: S311 - spreads callers
        await self._limiter.acquire()
        return await self._once(method, path, call, query, body)

    async def _once(self, method: str, path: str, call: Call, query: Query | None, body: Any) -> Any:
        request = self._client.build_request(
            method,
            path,
            params=None if query is None else {name: _written(value) for name, value in query.items()},
            content=None if body is None else encode(body),
            headers=None if body is None else {"Content-Type": "application/json"},
        )
        request_id = uuid.uuid4().hex[:8]
        started = time.perf_counter()
        status: int | str = "no answer"
        answer: Any = None
        try:
            response = await self._client.send(request, auth=self._auth)
            status = response.status_code
            try:
                answer = decode(response.content) if response.content.strip() else None
                is_json = True
            except ValueError:
                is_json = False
                if response.headers.get("content-type", "").startswith("text/plain"):
                    answer = {"message": response.text.strip()[:300]}  # a refusal in plain words is still the vendor's
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
            raise from_exception(call, error) from error
        finally:
            milliseconds = (time.perf_counter() - started) * 1000
            trace = _trace_id(answer)
            log.debug("%s %s %s %s %.0f ms %s", request_id, method, path, status, milliseconds, trace)
        failure = from_answer(call, response.status_code, response.headers, answer)
        if failure is not None:
            raise failure
        if not is_json:
            raise unreadable(call, "the answer is not JSON")
        return answer


def choose_transport() -> httpx.AsyncBaseTransport:
    """Return the network: httpx over aiohttp, or httpx's own where TRUCKROLL_HTTP says `httpx` (tests with respx).

    aiohttp's takes a quarter of the CPU per call (DESIGN section 6).
    """
    if os.environ.get("TRUCKROLL_HTTP", "aiohttp") == "httpx":
        return httpx.AsyncHTTPTransport(verify=_tls())
    return AiohttpTransport(verify=_tls(), client=_session)


def _session() -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=100, keepalive_timeout=KEEPALIVE_S, ssl=_tls()),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=True,  # a shop's proxy
    )
    # aiohttp repeats PUT and DELETE by itself when the server hangs up. A hold would be placed twice: off.
    session._retry_connection = False  # noqa: SLF001
    return session


@functools.cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes longer than a call; every client shares one context.
    return httpx.create_ssl_context()


def _is_worth_repeating(error: Exception) -> bool:
    return isinstance(error, TransientError) and not isinstance(error, RateLimitedError)


def _too_late(call: Call) -> TransientError:
    return TransientError(
        f"This machine was too slow between its turn and {call.doing} at {call.vendor}: nothing was sent.",
        "Truckroll tries again by itself.",
        call.vendor,
        call.doing,
    )


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _trace_id(answer: Any) -> str:
    if isinstance(answer, dict):
        return str(answer.get("traceId") or answer.get("transactionId") or "")
    return ""
