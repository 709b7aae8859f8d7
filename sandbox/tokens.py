"""Access tokens that live as long as the vendor says, by the sandbox's clock."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime, timedelta
from urllib.parse import unquote_plus

from fastapi import Request


class TokenDesk:
    """Issues and checks the bearer tokens of one vendor."""

    def __init__(self, life_s: int) -> None:
        self.life_s = life_s
        self._until: dict[str, datetime] = {}

    def issue(self, now: datetime) -> str:
        """Return a new token, good for `life_s` seconds."""
        token = secrets.token_urlsafe(24)
        self._until = {old: until for old, until in self._until.items() if until > now}
        self._until[token] = now + timedelta(seconds=self.life_s)
        return token

    def holds(self, token: str, now: datetime) -> bool:
        """Tell whether the token was issued here and has not expired."""
        until = self._until.get(token)
        return until is not None and now < until

    def expire_all(self) -> int:
        """End every token at once; return how many there were."""
        ended = len(self._until)
        self._until.clear()
        return ended


def bearer_of(request: Request) -> str:
    """Return the token of `Authorization: Bearer …`, or an empty text."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def basic_of(request: Request) -> tuple[str, str] | None:
    """Return client id and secret of `Authorization: Basic …`, or None."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return unquote_plus(user), unquote_plus(password)
