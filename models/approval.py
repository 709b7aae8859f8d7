"""The question put to a technician, the answer, and the permission that follows from it."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from models.address import Address
from models.base import ApprovalId, DomainModel, RequestId
from models.part import BranchStock, PartRef


class ApprovalStatus(StrEnum):
    """Where a question stands. Only `approved` can become `consumed`, and only once."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"  # overtaken: the offer moved, or the job ended
    CONSUMED = "consumed"


class OfferedPart(DomainModel):
    """One part the technician may choose, priced and with its branches. US dollars per piece."""

    part: PartRef
    unit_price: Decimal
    list_price: Decimal | None = None
    core_charge: Decimal | None = None
    path: tuple[str, ...] = ()
    """The replacement chain, oldest first, ending in this part's number; one entry when nothing was replaced."""
    branches: tuple[BranchStock, ...] = ()
    """Best first: the first is the suggestion."""
    warnings: tuple[str, ...] = ()
    is_backordered: bool = False
    """No branch has the quantity now."""


class Offer(DomainModel):
    """What is put to the technician: everything a decision needs, as it stood at `quoted_at`."""

    quantity: int
    parts: tuple[OfferedPart, ...]
    must_choose: bool = False
    """Several makes or several replacements: no part is suggested (PL-16, PL-20)."""
    ship_to: Address
    ship_method: str
    quoted_at: AwareDatetime
    warnings: tuple[str, ...] = ()


class OrderTerms(DomainModel):
    """Exactly what was approved. Its digest is what an order must match (PL-10, PL-12)."""

    make: str
    part_number: str
    quantity: int
    unit_price: Decimal
    price_ceiling: Decimal
    """US dollars per piece; above it the approval does not hold."""
    branch: str
    """The distributor's branch number; empty only for parts that ship from the maker."""
    ship_to: Address
    ship_method: str
    accepts_backorder: bool = False
    """The branch was short when the question was put, and the question said so."""

    def digest(self) -> str:
        """Return a SHA-256 over every field, in hexadecimal."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Answer(DomainModel):
    """What a person said, before any rule looked at it."""

    decision: Literal["approve", "reject"]
    by: str
    part_number: str = ""
    """Empty: the suggested part. Needed when the question leaves the choice open."""
    make: str = ""
    quantity: int | None = None
    """None: as asked."""
    branch: str = ""
    """Empty: the suggested branch."""
    note: str = ""
    via: str = ""
    """Where the answer came from: "prefect", "command line", "approval page"."""


class Accepted(DomainModel):
    """The answer holds. `terms` is None for a rejection."""

    terms: OrderTerms | None


class Refused(DomainModel):
    """The answer does not count, the question stays open (unless `closes` it); `why` and `fix` go to the person."""

    why: str
    fix: str


class Approval(DomainModel):
    """Permission to place one order on these terms, once. Only the store makes one, when it consumes a row."""

    approval_id: ApprovalId
    request_id: RequestId
    revision: int
    terms: OrderTerms
    digest: str
    po_number: str
    decided_by: str
    decided_at: AwareDatetime

    def covers(self, terms: OrderTerms) -> bool:
        """Tell whether these are the very terms that were approved."""
        return self.digest == terms.digest() == self.terms.digest()
