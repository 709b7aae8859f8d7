"""The token and the rate: 600 calls in any minute, more than three overruns and the address is blocked for days."""

from __future__ import annotations

import secrets
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import as_wire
from sandbox.errors import RefusedError
from sandbox.referral_factory import TOKEN
from sandbox.referral_factory.switches import Switches

MINUTE_S = 60.0
BLOCKED_FOR = timedelta(days=7)


class Gate:
    """Counts the calls of the one living token."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.overruns = 0
        self.blocked_until: datetime | None = None
        self.asked = 0
        self._calls: deque[float] = deque()

    def admit(self, token: str, now: datetime, switches: Switches) -> None:
        """Let a call in.

        Raises: RefusedError 403 (blocked), 401 (not the living token), 429 (too many in a minute).
        """
        if self.blocked_until is not None:
            if now < self.blocked_until:
                raise RefusedError(403, "Your IP address is temporarily blocked: too many requests.")
            self.unblock()
        if token != self.token:
            raise RefusedError(401, "Unauthenticated.")
        limit = switches.calls_per_minute
        if limit is None:
            return
        moment, calls = now.timestamp(), self._calls
        while calls and calls[0] <= moment - MINUTE_S:
            calls.popleft()
        if len(calls) >= limit:
            self._overrun(now, calls[0] + MINUTE_S - moment, switches)
        calls.append(moment)

    def _overrun(self, now: datetime, wait_s: float, switches: Switches) -> None:
        self.overruns += 1
        if self.overruns > switches.overruns_allowed:
            self.blocked_until = now + BLOCKED_FOR
        told = {"retry_after": [str(int(wait_s) + 1)]} if switches.retry_after else {}
        raise RefusedError(429, "Too Many Attempts.", told)

    def is_slow(self, switches: Switches) -> bool:
        """Count the call; tell whether its answer is one of the late ones."""
        self.asked += 1
        return switches.slow_every is not None and self.asked % switches.slow_every == 0

    def unblock(self) -> None:
        """Forget the overruns and the calls, as the vendor's support would."""
        self.overruns, self.blocked_until = 0, None
        self._calls.clear()

    def regenerate(self, token: str | None) -> str:
        """Make a new token; the old one is dead at once."""
        self.token = token or secrets.token_urlsafe(24)
        self._calls.clear()
        return self.token

    def shown(self) -> dict[str, Any]:
        """Return what people may see; never the token."""
        return {
            "overruns": self.overruns,
            "blocked_until": as_wire(self.blocked_until) if self.blocked_until else None,
            "calls_in_the_last_minute_at_most": len(self._calls),
        }
