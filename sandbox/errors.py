"""Refusals: raised anywhere, worded by the vendor whose address was called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi.responses import JSONResponse


@dataclass
class RefusedError(Exception):
    """The request is refused with this HTTP status. `errors` names the fields at fault."""

    status: int
    title: str
    errors: Mapping[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.title}"


Wording = Callable[[RefusedError], JSONResponse]
"""How one vendor puts a refusal into its own JSON."""


def in_people_words(refusal: RefusedError) -> JSONResponse:
    """Word a refusal of the people's side (`/_sandbox`)."""
    return JSONResponse({"error": refusal.title, "errors": dict(refusal.errors)}, refusal.status)
