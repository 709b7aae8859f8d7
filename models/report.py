"""What a whole pass of a process did, record by record. Printed by `truckroll run`, shown as a table artifact."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel, Field

Group = Literal["done", "held", "skipped", "failed"]

GROUP_OF: dict[str, Group] = {
    "held": "held",
    "unresolved": "held",
    "skipped": "skipped",
    "ignored": "skipped",
    "waiting": "skipped",
    "failed": "failed",
}
"""Outcomes that do not count as done. `awaiting_approval` is done: this pass did all it may without a person."""


class RunItem(BaseModel):
    """One record of the pass."""

    id: str
    outcome: str
    """A word for programs: ordered, awaiting_approval, held, unchanged, ..."""
    reason: str = ""
    """The same for people."""
    facts: dict[str, str] = Field(default_factory=dict)
    """More columns of the table artifact, by their heading."""


class RunReport(BaseModel):
    """The pass, in order."""

    process: str
    shop: str
    items: list[RunItem] = []
    seconds: float = 0.0

    def add(self, record: str, outcome: str, reason: str = "") -> None:
        """Note how one record ended."""
        self.items.append(RunItem(id=record, outcome=outcome, reason=reason))

    def counts(self) -> dict[str, int]:
        """Count the records by how they ended."""
        counted = Counter(GROUP_OF.get(item.outcome, "done") for item in self.items)
        return {
            "done": counted["done"],
            "held": counted["held"],
            "skipped": counted["skipped"],
            "failed": counted["failed"],
        }

    def as_json(self) -> dict[str, Any]:
        """Return the object `truckroll run --json` prints last."""
        return {
            "process": self.process,
            "shop": self.shop,
            **self.counts(),
            "seconds": round(self.seconds, 2),
            "items": [item.model_dump() for item in self.items],
        }

    def in_words(self) -> str:
        """Say it in one sentence, such as "3 done, 1 held"."""
        said = [f"{count} {group}" for group, count in self.counts().items() if count]
        return ", ".join(said) or "nothing to do"
