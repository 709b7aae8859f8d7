"""Where a shop's connection to a vendor stands, and the steps it took. Kept as text in the store.

Source: contracts/referral_factory/CHECKLIST.md RF-14 to RF-25, RF-66 to RF-68.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, get_args

from pydantic import AwareDatetime, Field, ValidationError

from models.base import DomainModel

Vendor = Literal["contractor_commerce", "marcone", "referral_factory", "servicetitan"]
"""A section of the shop file that can be connected and disconnected."""

VENDORS: Final[tuple[Vendor, ...]] = get_args(Vendor)

NAMES: Final[Mapping[Vendor, str]] = {
    "contractor_commerce": "Contractor Commerce",
    "marcone": "Marcone",
    "referral_factory": "Referral Factory",
    "servicetitan": "ServiceTitan",
}
"""What people call them."""


class ConnectionState(StrEnum):
    """The vendor's own four states (RF-19), and the one after disconnecting."""

    NOT_CONNECTED = "not_connected"
    PENDING = "pending"
    """The tenant id was given; the vendor has not let our app in yet."""
    READY = "ready_to_finalise"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"

    @property
    def words(self) -> str:
        """As people read it."""
        return self.value.replace("_", " ")


class Connection(DomainModel):
    """One shop's connection to one vendor."""

    state: ConnectionState = ConnectionState.NOT_CONNECTED
    tenant_id: int | None = None
    """Of ServiceTitan: the tenant that was asked for, or is connected."""
    booking_provider: int | None = None
    asked_at: AwareDatetime | None = None
    """When access was asked for."""
    changed_at: AwareDatetime | None = None
    by: str = ""
    """Who took the last step."""

    @classmethod
    def of(cls, text: str) -> Connection:
        """Read what `text` wrote, or the one word that was kept before there were steps. Unreadable: disconnected."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            word = text.strip()
            is_open = word == ConnectionState.CONNECTED.value
            return cls(state=ConnectionState.CONNECTED if is_open else ConnectionState.DISCONNECTED)

    def text(self) -> str:
        """Write it for the store."""
        return self.model_dump_json(exclude_defaults=True)


class Proof(DomainModel):
    """What was seen at the vendor with our credentials. Nothing becomes connected without one (RF-25)."""

    tenant_id: int | None = None
    booking_provider: int | None = None
    seen: tuple[str, ...] = Field(min_length=1)
    """In words for people, such as "tenant 1234567 answers"."""


class Moved(DomainModel):
    """One step that was taken, and where the connection stands then."""

    connection: Connection
    event: str
    """For the audit log: access-requested, access-approved, connected, credentials-renewed, disconnected."""
    detail: Mapping[str, str] = Field(default_factory=dict)


class Standing(DomainModel):
    """What is shown of a connection."""

    vendor: Vendor
    state: ConnectionState
    connection: Connection | None = None
    """None: nobody ran `truckroll connect`; the shop file alone says what is connected."""
    moves: bool = False
    words: tuple[str, ...] = ()
    """What a person should know: why nothing moves, how long it takes, whom to write to."""
