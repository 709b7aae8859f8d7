"""What `truckroll check` says, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class CheckLine:
    """One thing that was looked at when a shop was checked. Advice is no fault: the shop runs without it."""

    ok: bool
    what: str
    words: str
    fix: str = ""
    is_advice: bool = False

    @property
    def kind(self) -> Literal["ok", "no", "advice"]:
        """A word for programs."""
        if self.is_advice:
            return "advice"
        return "ok" if self.ok else "no"


def found(what: str, words: str) -> CheckLine:
    """Return a line that says all is well."""
    return CheckLine(ok=True, what=what, words=words)


def wrong(what: str, words: str, fix: str) -> CheckLine:
    """Return a line that says what is wrong, and what to do."""
    return CheckLine(ok=False, what=what, words=words, fix=fix)


def advice(what: str, words: str, fix: str = "") -> CheckLine:
    """Return a line that is worth a look."""
    return CheckLine(ok=True, what=what, words=words, fix=fix, is_advice=True)
