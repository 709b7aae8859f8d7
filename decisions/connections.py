"""The steps of a connection: tenant id given, approved, finalised with proof, disconnected. Nothing is skipped.

Source: contracts/referral_factory/CHECKLIST.md RF-9 to RF-26, RF-S6, RF-S7 [documented]; that credentials can be
entered again without disconnecting, and that a tenant id is digits only, is [inferred] there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from decisions.words import listed
from models.connection import NAMES, Connection, ConnectionState, Moved, Proof, Vendor

TENANT_ID_IS_AT: Final = (
    "ServiceTitan shows it at the top right of Settings (the gear) > Integrations > API Application Access."
)
VALUES_ARE_AT: Final = (
    "In ServiceTitan: Settings > Integrations > API Application Access > Connect New App, choose the app, Connect, "
    "review the permissions, pick a booking provider tag, Allow Access. The values are shown then, and at any time "
    "under Edit beside the app."
)
ANOTHER_CRM: Final = (
    "Whether another CRM integration is on in Referral Factory cannot be seen over its API. Look there under "
    "Settings > Integrations and Pixels, and disconnect any other one first."
)
SUPPORT: Final = "support@referral-factory.com"
"""Whom the vendor's guide names for an application that takes too long (RF-18)."""
STATED_WAIT: Final = timedelta(hours=24)
"""RF-17. The vendor's newer pages say 1 to 2 business days (RF-S7)."""

_LARGEST = 2**63 - 1
"""Ids are int64 [spec]."""
_BEGUN = (ConnectionState.PENDING, ConnectionState.READY, ConnectionState.CONNECTED)


@dataclass(frozen=True)
class Already:
    """The step was taken before: nothing is done again."""

    why: str


@dataclass(frozen=True)
class Refused:
    """The step cannot be taken now: nothing changes."""

    why: str
    fix: str


Move = Moved | Already | Refused


@dataclass(frozen=True)
class Rival:
    """Another shop that moves data between the same Referral Factory account and its own tenant."""

    shop: str
    tenant_id: int


def read_tenant_id(said: str) -> int:
    """Read a tenant id: trimmed, digits only (RF-14). Raises ValueError that says where it is found."""
    return _read_id(
        said, f"A tenant id is needed. {TENANT_ID_IS_AT}", f"A tenant id has digits only. {TENANT_ID_IS_AT}"
    )


def read_booking_provider(said: str) -> int:
    """Read a booking provider value: the id of a tag. Raises ValueError."""
    where = "It is the id of the booking provider tag that was picked when the app was connected."
    return _read_id(said, f"A booking provider value is needed. {where}", f"It has digits only. {where}")


def _read_id(said: str, if_empty: str, if_wrong: str) -> int:
    text = said.strip()
    if not text:
        raise ValueError(if_empty)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= _LARGEST):  # noqa: PLR2004
        raise ValueError(if_wrong)
    return int(text)


def missing_values(
    *, client_id: str, client_secret: str, booking_provider: int | None, needs_provider: bool
) -> list[str]:
    """Name what finalising lacks (RF-20)."""
    values = {"Client ID": client_id.strip(), "Client Secret": client_secret.strip()}
    missing = [name for name, value in values.items() if not value]
    return [*missing, *(["Booking Provider value"] if needs_provider and booking_provider is None else [])]


def ask_access(now: Connection | None, tenant_id: int, *, at: datetime, by: str) -> Move:
    """Give the tenant id: access is asked for once (RF-16)."""
    kept = now or Connection()
    if kept.state in _BEGUN and kept.tenant_id not in {None, tenant_id}:
        return _another_tenant(kept, tenant_id)
    if kept.state in _BEGUN:
        return Already(f"Access was asked for before; it is {kept.state.words}.")
    asked = Connection(state=ConnectionState.PENDING, tenant_id=tenant_id, asked_at=at, changed_at=at, by=by)
    return Moved(connection=asked, event="access-requested", detail={"tenant": str(tenant_id)})


def approve(now: Connection | None, *, at: datetime, by: str) -> Move:
    """Note that the vendor let our app in: it can be finalised (RF-19)."""
    kept = now or Connection()
    match kept.state:
        case ConnectionState.PENDING:
            return Moved(connection=_moved(kept, ConnectionState.READY, at, by), event="access-approved")
        case ConnectionState.READY | ConnectionState.CONNECTED:
            return Already(f"It is {kept.state.words}.")
        case _:
            return Refused("Nobody has asked for access yet.", "Give the tenant id first.")


def finalise(now: Connection | None, proof: Proof, *, at: datetime, by: str) -> Move:
    """Connect, with the proof that the values work; connected already: take the new values (RF-24, RF-25)."""
    kept = now or Connection()
    if kept.state in _BEGUN and None not in {kept.tenant_id, proof.tenant_id} and kept.tenant_id != proof.tenant_id:
        return _another_tenant(kept, proof.tenant_id or 0)
    match kept.state:
        case ConnectionState.READY | ConnectionState.CONNECTED:
            return _connected(kept, proof, at, by)
        case ConnectionState.PENDING:
            return Refused(
                "Access is pending: it cannot be finalised yet.", f"Wait for the approval, or ask {SUPPORT}."
            )
        case _:
            return Refused("Nobody has asked for access yet.", "Give the tenant id first.")


def connect_at_once(
    vendor: Vendor, now: Connection | None, proof: Proof, *, at: datetime, by: str
) -> Sequence[Moved] | Refused:
    """Take every step that is left, in order, with the proof in hand: that our app is let in is proven by it too.

    Only ServiceTitan has access asked for and approved; the others are connected with the proof alone.
    """
    kept = now or Connection()
    if vendor != "servicetitan":
        return [_connected(kept, proof, at, by)]
    if proof.tenant_id is None:
        return Refused("Nobody has asked for access yet.", "Give the tenant id first.")
    steps: list[Moved] = []
    for move in (_ask(proof.tenant_id, at, by), _approve(at, by), _finalise(proof, at, by)):
        step = move(kept)
        if isinstance(step, Refused):
            return step
        if isinstance(step, Moved):
            steps.append(step)
            kept = step.connection
    return steps


def disconnect(now: Connection | None, *, at: datetime, by: str) -> Move:
    """Stop everything, whatever state it is in; a request that is pending is withdrawn (RF-66, RF-67)."""
    if now is not None and now.state is ConnectionState.DISCONNECTED:
        return Already("It is disconnected.")
    was = now.state.value if now else "connected by the shop file"
    kept = now or Connection()
    return Moved(
        connection=_moved(kept, ConnectionState.DISCONNECTED, at, by), event="disconnected", detail={"was": was}
    )


def why_shut(vendor: Vendor, shop: str, kept: Connection | None, tenant_id: int | None) -> str:
    """Say why nothing may be sent to the vendor; empty: it may. `tenant_id` is the one in the shop file.

    A shop that never ran `connect` is connected by its file.
    """
    if kept is None:
        return ""
    name = NAMES[vendor]
    if kept.state is not ConnectionState.CONNECTED:
        return f"Shop {shop}: {name} is {kept.state.words}, nothing is sent."
    if vendor == "servicetitan" and None not in {kept.tenant_id, tenant_id} and kept.tenant_id != tenant_id:
        return (
            f"Shop {shop}: tenant {kept.tenant_id} is connected, and the shop file names tenant {tenant_id}: "
            "nothing is sent."
        )
    return ""


def how_to_open(vendor: Vendor, shop: str) -> str:
    """Say what opens it again."""
    return f"`truckroll connect {shop} {vendor}` connects it."


def pending_words(shop: str, kept: Connection, now: datetime) -> tuple[str, ...]:
    """Say what a person who waits should know: nothing times out here (RF-16 to RF-18, RF-S7)."""
    if kept.state is ConnectionState.READY:
        return (f"Approved. Finalise it: {how_to_open('servicetitan', shop)} {VALUES_ARE_AT}",)
    if kept.state is not ConnectionState.PENDING:
        return ()
    waited = now - kept.asked_at if kept.asked_at else timedelta()
    late = " That is longer than stated: escalate it." if waited > STATED_WAIT else ""
    asked = (
        f"Access for tenant {kept.tenant_id} was asked for{_ago(waited)}. It takes up to 24 hours by the vendor's "
        f"guide, 1 to 2 business days by its newer pages.{late}"
    )
    then = (
        "Once ServiceTitan offers the app under API Application Access > Connect New App: "
        f"`truckroll connect {shop} servicetitan --approved`."
    )
    return (asked, f"To escalate, write to {SUPPORT}.", then)


def refuse_rivals(tenant_id: int | None, rivals: Iterable[Rival]) -> Refused | None:
    """One ServiceTitan account per Referral Factory account at a time (RF-12)."""
    others = [rival for rival in rivals if tenant_id is not None and rival.tenant_id != tenant_id]
    if not others:
        return None
    named = listed((f"shop {one.shop} (tenant {one.tenant_id})" for one in others), "and")
    return Refused(
        f"This Referral Factory account is connected to another ServiceTitan account: {named}. It takes one at a time.",
        f"`truckroll disconnect {others[0].shop} referral_factory` first.",
    )


def _ask(tenant_id: int, at: datetime, by: str) -> Callable[[Connection], Move]:
    return lambda kept: ask_access(kept, tenant_id, at=at, by=by)


def _approve(at: datetime, by: str) -> Callable[[Connection], Move]:
    return lambda kept: approve(kept, at=at, by=by)


def _finalise(proof: Proof, at: datetime, by: str) -> Callable[[Connection], Move]:
    return lambda kept: finalise(kept, proof, at=at, by=by)


def _another_tenant(kept: Connection, tenant_id: int) -> Refused:
    return Refused(
        f"Tenant {kept.tenant_id} is {kept.state.words}; tenant {tenant_id} is another ServiceTitan account.",
        "One at a time: `truckroll disconnect` first, or correct the tenant id.",
    )


def _connected(kept: Connection, proof: Proof, at: datetime, by: str) -> Moved:
    was_connected = kept.state is ConnectionState.CONNECTED and kept.changed_at is not None
    moved = Connection(
        state=ConnectionState.CONNECTED,
        tenant_id=proof.tenant_id,
        booking_provider=proof.booking_provider,
        asked_at=kept.asked_at,
        changed_at=at,
        by=by,
    )
    event = "credentials-renewed" if was_connected else "connected"
    return Moved(connection=moved, event=event, detail={"seen": "; ".join(proof.seen)})


def _moved(kept: Connection, state: ConnectionState, at: datetime, by: str) -> Connection:
    return kept.model_copy(update={"state": state, "changed_at": at, "by": by})


def _ago(waited: timedelta) -> str:
    hours = int(waited.total_seconds() // 3600)
    if hours < 1:
        return " less than an hour ago"
    return f" {hours} hours ago" if hours > 1 else " an hour ago"
