"""Bearer tokens: fetched once however many calls wait for one, renewed before they end, and once after a 401.

Tokens are kept per credential for the whole process, because token endpoints are throttled too
(ServiceTitan FACTS 1.1) and each step of a process opens its own client.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import httpx
from pydantic import Field
from pyreqwest.exceptions import PyreqwestError

from connectors.errors import Call, UnauthorizedError, VendorError, from_answer, from_exception
from connectors.wire import VendorModel, decode, parse
from models.errors import SettingsError
from models.section import Secret

REFRESH_EARLY_S = 60.0
"""Renew this long before the end; of short lives, at 80% of them."""

ASSUMED_LIFE_S = 600
"""When the vendor does not say how long a token lives."""

SHORTEST_SECRET = 6
"""Characters. A shorter one would be found in the middle of ordinary words."""


class _TokenAnswer(VendorModel):
    access_token: str = Field(alias="access_token")
    expires_in: int = Field(default=ASSUMED_LIFE_S, alias="expires_in")


@dataclass(frozen=True)
class Token:
    """A token and the moment, on `clock`, from which it is renewed."""

    value: str = field(repr=False)
    renew_at: float


class TokenStore:
    """Tokens by credential. One process needs one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self.clock = clock
        self._tokens: dict[str, Token] = {}
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()

    def lock(self, key: str) -> asyncio.Lock:
        """Return the lock under which this credential's token is fetched."""
        return self._locks.setdefault(asyncio.get_running_loop(), {}).setdefault(key, asyncio.Lock())

    def fresh(self, key: str) -> Token | None:
        """Return a token that need not be renewed yet."""
        token = self._tokens.get(key)
        return token if token is not None and self.clock() < token.renew_at else None

    def put(self, key: str, value: str, life_s: float) -> Token:
        """Keep a token for its life."""
        token = Token(value, self.clock() + max(life_s - REFRESH_EARLY_S, life_s * 0.8))
        self._tokens[key] = token
        return token

    def drop(self, key: str, value: str) -> None:
        """Forget this token, unless it was renewed meanwhile."""
        token = self._tokens.get(key)
        if token is not None and token.value == value:
            del self._tokens[key]


PROCESS_TOKENS = TokenStore()


class TokenAuth:
    """OAuth2 client credentials.

    `ways` build the token request, best first; the next is tried when one is refused with 400 or 401.
    `headers` are secrets that go with every call beside the token. Errors raised here are VendorErrors.
    """

    def __init__(
        self,
        vendor: str,
        url: str,
        client_id: Secret,
        client_secret: Secret,
        ways: Sequence[Callable[[], httpx.Request]],
        headers: Mapping[str, Secret] | None = None,
        store: TokenStore | None = None,
    ) -> None:
        self._vendor = vendor
        self._client_secret = client_secret
        self._client_id = client_id
        self._ways = ways
        self._headers = dict(headers or {})
        self._store = PROCESS_TOKENS if store is None else store
        self._client: httpx.AsyncClient | None = None
        shown = f"{vendor}\n{url}\n{client_id.reveal()}\n{client_secret.reveal()}"
        self._key = hashlib.sha256(shown.encode()).hexdigest()

    def attach(self, client: httpx.AsyncClient) -> None:
        """Say which client fetches the tokens."""
        self._client = client

    async def headers(self) -> dict[str, str]:
        """Return what a call is dressed with. Raises a VendorError when no token can be had."""
        token = await self._token()
        return {
            **{header: secret.reveal() for header, secret in self._headers.items()},
            "Authorization": f"Bearer {token.value}",
        }

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget the token of these headers, which got a 401. True: ask for headers again and repeat the call once."""
        self._store.drop(self._key, refused["Authorization"].removeprefix("Bearer "))
        return True

    async def _token(self) -> Token:
        token = self._store.fresh(self._key)
        if token is None:
            async with self._store.lock(self._key):
                token = self._store.fresh(self._key) or await self._fetch()
        return token

    async def _fetch(self) -> Token:
        if self._client is None:
            raise RuntimeError("TokenAuth.attach was not called.")
        private = secret_values((self._client_id, self._client_secret, *self._headers.values()))
        call = Call(self._vendor, "fetching an access token", is_write=False, private=private)
        refusal: VendorError | None = None
        for way in self._ways:
            try:
                response = await self._client.send(way(), auth=None)
            except (httpx.HTTPError, PyreqwestError, OSError, ValueError) as error:  # ValueError: an odd header
                raise from_exception(call, error) from None
            try:
                body = decode(response.content)
            except ValueError:
                body = None
            failure = from_answer(call, response.status_code, response.headers, body)
            if failure is None:
                answer = parse(_TokenAnswer, body, call)
                return self._store.put(self._key, answer.access_token, answer.expires_in)
            if response.status_code not in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
                raise failure
            refusal = self._refused(response.status_code, failure.words)
        if refusal is None:
            raise RuntimeError("There is no way to ask for a token.")
        raise refusal

    def _refused(self, status: int, words: str) -> UnauthorizedError:
        return UnauthorizedError(
            f"{self._vendor} refused our client id and secret" + (f' ("{words}").' if words else "."),
            f"Check {named(self._client_secret)} for stray spaces or dashes, then {named(self._client_id)}; "
            "credentials of the other environment fail the same way.",
            self._vendor,
            "fetching an access token",
            words,
            status,
        )


class KeyAuth:
    """A fixed key as the bearer token: nothing is fetched and nothing renewed, so a 401 is final."""

    def __init__(self, key: Secret) -> None:
        """Raises SettingsError when the variable with the key is not set, rather than in the middle of a call."""
        self._headers = {"Authorization": f"Bearer {key.reveal()}"}

    def attach(self, client: httpx.AsyncClient) -> None:
        """Need no client: nothing is fetched."""

    async def headers(self) -> dict[str, str]:
        """Return what a call is dressed with."""
        return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002 - a key has no successor
        """There is nothing to renew."""
        return False


def secret_values(secrets: Iterable[Secret]) -> tuple[str, ...]:
    """Return what may not be quoted when a vendor repeats it: the secrets that are set, longest first."""
    values = set[str]()
    for secret in secrets:
        with suppress(SettingsError):
            values.add(secret.reveal().strip())
    return tuple(sorted((one for one in values if len(one) >= SHORTEST_SECRET), key=len, reverse=True))


def named(secret: Secret) -> str:
    """Name a secret for a person: its environment variable, else the setting."""
    if secret.variable:
        return secret.variable
    return f"the setting {secret.where}" if secret.where else "the secret in the shop file"
