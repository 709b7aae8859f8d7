"""How far a store order has come on its way into ServiceTitan."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from models.base import DomainModel


class OrderStage(StrEnum):
    """Where a store order stands. The first group is taken up by the next pass; the others wait or are done."""

    NEW = "new"  # this version is not decided yet
    WRITING = "writing"  # begun: what is missing is written by the next pass

    WAITING = "waiting"  # for its payment: the store tells when it comes
    HELD = "held"
    PROPOSED = "change to approve"  # changed in the store after it was written: a person is asked

    SYNCED = "synced"
    IGNORED = "ignored"


DUE = (OrderStage.NEW, OrderStage.WRITING)


class CustomerAccount(DomainModel):
    """The customer and the location an order's jobs belong to."""

    customer: int
    location: int
    customer_tags: tuple[int, ...] = ()
    """As last read; what is here is not written again (OI-47)."""
    location_tags: tuple[int, ...] = ()
    is_new: bool = False
    """Made for this order, with its tags."""

    def has_tags(self, tags: tuple[int, ...]) -> bool:
        """Tell whether customer and location have all of them already (OI-47)."""
        return set(tags) <= set(self.customer_tags) and set(tags) <= set(self.location_tags)


class BookedJob(DomainModel):
    """The job of one part of an order, with its own invoice, which is there at once (FACTS 2.6)."""

    kind: Literal["product", "service"]
    job: int
    number: str
    invoice: int | None
    was_there: bool = False
    """Found, not made: an earlier attempt, or earlier books, made it. What belongs to it may be there as well."""


class MembershipSold(DomainModel):
    """A membership the customer has now, and the invoice its sale made (FACTS 2.9)."""

    membership: int
    invoice: int


class WrittenPart(DomainModel):
    """What one part of an order became. `total` is the invoice's in ServiceTitan, read back; None for services."""

    kind: Literal["product", "service"]
    job: int
    number: str
    invoice: int | None = None
    total: Decimal | None = None
