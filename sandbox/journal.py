"""What the vendors were asked, in order. Never a header, a secret, or the body of a token call."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

KEPT = 20_000
"""Requests kept for reading; the counts go on."""

ID = r"\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|dlv_[0-9a-z]+"
"""A number, a GUID, or a webhook delivery's id."""

CODE = r"(/referral-factory/api/v2/(?:users|campaigns))/(?!search$|qualification$)[^/]+$"
"""A person or a campaign of Referral Factory by code."""

HOOK = r"(/referral-factory/webhook)/[^/]+"
"""An address that is a secret."""


@dataclass
class Entry:
    """One request to a vendor. `status` is None when the connection was cut or is still open."""

    number: int
    at: str
    method: str
    path: str
    query: str
    body: Any
    status: int | None = None
    fault: str | None = None
    did_work: bool = True


class Journal:
    """The list of requests, and how often each operation was called."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._counts: Counter[str] = Counter()
        self._total = 0

    def keep(self, count: int) -> None:
        """Keep only so many requests from now on, the latest; the counts go on."""
        self._entries = deque(self._entries, maxlen=count)

    def note(self, at: str, method: str, path: str, query: str, body: bytes) -> Entry:
        """Write down a request as it arrives; its answer is filled in later."""
        self._counts[f"{method} {template_of(path)}"] += 1
        self._total += 1
        is_kept = self._entries.maxlen != 0
        shown = re.sub(HOOK, r"\1/{token}", path) if "/webhook/" in path else path
        readable = _readable(method, path, body) if is_kept else None
        entry = Entry(self._total, at, method, shown, query, readable)
        self._entries.append(entry)
        return entry

    def counts(self) -> dict[str, int]:
        """Return calls per `METHOD /path-template`, whether or not a fault kept them from being done."""
        return dict(sorted(self._counts.items()))

    def entries(self) -> list[dict[str, Any]]:
        """Return the requests, oldest first."""
        return [asdict(entry) for entry in self._entries]

    def latest(self, count: int) -> list[Entry]:
        """Return the last requests, newest first."""
        return list(self._entries)[: -count - 1 : -1]


@lru_cache(maxsize=512)
def template_of(path: str) -> str:
    """Return the path with its ids named, such as `/servicetitan/jpm/v2/tenant/{tenant}/jobs/{id}`."""
    path = re.sub(HOOK, r"\1/{token}", re.sub(CODE, r"\1/{id}", path))
    return re.sub(rf"/({ID})(?=/|$)", "/{id}", re.sub(r"/tenant/[^/]+", "/tenant/{tenant}", path))


def _readable(method: str, path: str, body: bytes) -> Any:
    if method in {"GET", "HEAD"} or not body:
        return None
    if path.lower().endswith("token"):
        return "(not kept)"
    try:
        sent = json.loads(body)
    except ValueError:
        return body[:2000].decode(errors="replace")
    if isinstance(sent, dict) and "secret" in sent:
        return sent | {"secret": "(not kept)"}
    return sent
