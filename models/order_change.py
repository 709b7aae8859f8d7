"""A store order that changed after it was written: what a person is asked, and what they approved.

Money is in the order's currency, to the cent. Source: contracts/contractor_commerce/CHECKLIST.md OI-69.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, Field

from models.base import ApprovalId, DomainModel
from models.store_order import StoreOrder

KIND = "order_change"
"""`approvals.kind` of these questions."""

What = Literal["cancelled after sync", "refund after sync", "edited after sync"]
"""What happened in the store: the values of decisions.order_intake.Change."""


class ConcernedJob(DomainModel):
    """A job of the order with its invoice, as they stood in ServiceTitan when the question was put."""

    kind: Literal["product", "service"]
    job: int
    number: str
    status: str
    """ServiceTitan's own word, such as Scheduled, Completed or Canceled."""
    invoice: int | None = None
    """None: the invoice is not ours to adjust, or there is none. Only products have one of ours."""
    total: Decimal | None = None
    """Of the invoice, with the adjustments made to it so far."""
    is_over: bool = False
    """Completed or canceled: it is not canceled any more."""


class JobToCancel(DomainModel):
    """A job that is canceled once a person says yes."""

    job: int
    number: str


class Adjustment(DomainModel):
    """An adjustment invoice that is made once a person says yes. `amount` is negative."""

    invoice: int
    job_number: str
    amount: Decimal


class ChangeTerms(DomainModel):
    """Exactly what was approved. Its digest is what is carried out must match."""

    what: What
    order_number: str
    cancel: tuple[JobToCancel, ...] = ()
    adjust: tuple[Adjustment, ...] = ()

    def digest(self) -> str:
        """Return a SHA-256 over every field, in hexadecimal."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class OrderChange(DomainModel):
    """What is put to a person: what happened, what it concerns, and what is done on a yes."""

    order: str
    """StoreOrder.id."""
    number: str
    version: int
    what: What
    why: str
    said: str = ""
    """The reason as it was typed in the store: shown to whoever decides, and to nobody else."""
    amount: Decimal
    """What the change takes off the sale; zero for an edit."""
    jobs: tuple[ConcernedJob, ...] = ()
    edits: tuple[str, ...] = ()
    """What else reads otherwise in the store than it was written, one sentence each."""
    remarks: tuple[str, ...] = ()
    """What the person should look at first."""
    terms: ChangeTerms
    refunded: Decimal = Decimal(0)
    """All the store has given back so far: what people have then been asked about."""
    edited: StoreOrder | None = Field(default=None, repr=False)
    """The order where its cart was edited: once answered, later versions are compared with it."""

    def asks_the_same(self, other: OrderChange) -> bool:
        """Tell whether a newer version of the order leaves the question as it is."""
        same = {"version": self.version, "edited": self.edited, "said": self.said}
        return other.model_copy(update=same) == self


class AcceptedChange(DomainModel):
    """The answer holds. `terms` is None for a rejection."""

    terms: ChangeTerms | None


class ChangeApproval(DomainModel):
    """Permission to carry out one change on these terms. Only the store makes one, when it consumes a row."""

    approval_id: ApprovalId
    terms: ChangeTerms
    digest: str
    decided_by: str
    decided_at: AwareDatetime
