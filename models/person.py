"""Customers of the job system, as matching sees them."""

from __future__ import annotations

from models.address import Address
from models.base import DomainModel


class KnownLocation(DomainModel):
    """A place of a known customer."""

    id: str
    address: Address
    is_active: bool = True


class KnownCustomer(DomainModel):
    """A customer record that may be the buyer. Contacts are as typed there; rules normalise both sides."""

    id: str
    name: str
    is_active: bool = True
    merged_into: str = ""
    """The record this one was merged into; empty when it was not."""
    address: Address | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    locations: tuple[KnownLocation, ...] = ()
