"""Where a shop's connections stand, and the steps that call nobody: asked for, approved, disconnected (RF-14 to RF-19).

What was disconnected stays so until somebody connects it (`tasks/connecting.py`). Nothing is deleted on either side
(RF-68).
"""

from __future__ import annotations

from collections.abc import Sequence

from decisions.connections import (
    Already,
    Move,
    Refused,
    approve,
    ask_access,
    how_to_open,
    pending_words,
)
from decisions.connections import disconnect as shut_down
from models.base import utc_now
from models.connection import VENDORS, Connection, ConnectionState, Moved, Standing, Vendor
from models.errors import SettingsError
from models.shop import Shop
from store import Books
from tasks.gate import shut


async def is_connected(books: Books, shop: Shop, vendor: Vendor) -> bool:
    """Tell whether data may move: the shop file has the section, and no step of a connection says otherwise (OI-1)."""
    if getattr(shop, vendor) is None:
        return False
    return not shut(shop, vendor, await books.connections.get(shop.name, vendor))


async def standings(books: Books, shop: Shop) -> list[Standing]:
    """Return where each connection of the shop stands, as people are shown it."""
    kept = await books.connections.of(shop.name)
    return [
        _standing(shop, vendor, kept.get(vendor))
        for vendor in VENDORS
        if getattr(shop, vendor) is not None or vendor in kept
    ]


def _standing(shop: Shop, vendor: Vendor, kept: Connection | None) -> Standing:
    if kept is None:
        by_file = ("By the shop file; `truckroll connect` tries the credentials.",)
        return Standing(vendor=vendor, state=ConnectionState.CONNECTED, moves=True, words=by_file)
    why = shut(shop, vendor, kept)
    waits = pending_words(shop.name, kept, utc_now())
    has_section = getattr(shop, vendor) is not None
    words = waits or ((why, how_to_open(vendor, shop.name)) if why else ())
    if not has_section and not waits:
        words = (f"The shop file has no [{vendor}] section.",)
    return Standing(vendor=vendor, state=kept.state, connection=kept, moves=not why and has_section, words=words)


async def ask_for_access(books: Books, shop: str, tenant_id: int, by: str) -> str:
    """File the request for a tenant, once (RF-16); return words for the person. Raises SettingsError when refused."""

    def decide(kept: Connection | None) -> Sequence[Moved]:
        return steps_of(ask_access(kept, tenant_id, at=utc_now(), by=by))

    steps = await books.connections.change(shop, "servicetitan", decide, by=by)
    return f"Access for tenant {tenant_id} is asked for." if steps else "Access was asked for before: not asked again."


async def note_approved(books: Books, shop: str, by: str) -> str:
    """Note that ServiceTitan lets our app in (RF-19). Raises SettingsError when nobody asked for access."""

    def decide(kept: Connection | None) -> Sequence[Moved]:
        return steps_of(approve(kept, at=utc_now(), by=by))

    steps = await books.connections.change(shop, "servicetitan", decide, by=by)
    return "Access is approved: it can be finalised." if steps else "That was noted before."


async def disconnect(books: Books, shop: Shop, vendor: Vendor, by: str) -> bool:
    """Stop everything of this vendor, on every machine within a second (RF-67). False: it was disconnected before.

    What is written stays, on both sides (RF-68). Raises SettingsError when there is nothing to disconnect.
    """

    def decide(kept: Connection | None) -> Sequence[Moved]:
        if kept is None:
            need_section(shop, vendor)
        return steps_of(shut_down(kept, at=utc_now(), by=by))

    return bool(await books.connections.change(shop.name, vendor, decide, by=by))


def need_section(shop: Shop, vendor: Vendor) -> None:
    """Raise SettingsError when the shop file does not speak of the vendor."""
    if getattr(shop, vendor) is None:
        raise SettingsError(
            f"Shop {shop.name} has no [{vendor}] section.", f"Add it to {shop.name}.toml, or run `truckroll setup`."
        )


def steps_of(move: Move) -> Sequence[Moved]:
    """Return the step, none when it was taken before. Raises SettingsError when it is refused."""
    match move:
        case Moved():
            return [move]
        case Already():
            return []
        case Refused(why, fix):
            raise SettingsError(why, fix)
