"""The keys a buyer is looked up by in our index of the tenant's contacts. One spelling for both sides.

A key is folded text with its kind before it, such as "email:pat@example.com". There is none for a name: a name counts
only with its address (OI-10), and the address finds fewer.
Source: contracts/contractor_commerce/CHECKLIST.md OI-8 to OI-18; contracts/referral_factory/CHECKLIST.md RF-46, Q5.
"""

from __future__ import annotations

import hashlib

from decisions.matching import BuyerKeys, keys_of
from decisions.people import PlaceKey, email_keys, phone_keys, place_key
from models.address import Address
from models.store_order import StoreOrder

LONGEST = 300
"""Letters of a key. What a buyer types has no limit, and a database's index has one."""


def email_index_keys(email: str) -> tuple[str, ...]:
    """Return the key of an e-mail; none when it is not usable."""
    return tuple(_key("email", key) for key in email_keys([email]))


def location_email_keys(email: str) -> tuple[str, ...]:
    """Return the key of an e-mail that stands at a location; none when it is not usable.

    Of another kind than a customer's own: who was referred is recognised by it (RF-46, Q5), and no order's buyer is.
    """
    return tuple(_key("location-email", key) for key in email_keys([email]))


def phone_index_keys(phone: str) -> tuple[str, ...]:
    """Return the keys of every number in a phone field."""
    return tuple(_key("phone", key) for key in sorted(phone_keys(phone)))


def place_index_keys(address: Address) -> tuple[str, ...]:
    """Return the key of an address; none when street or postal code is missing."""
    return place_keys_of(address.street, address.unit, address.zip, address.country)


def place_keys_of(street: str, unit: str, postal_code: str, country: str) -> tuple[str, ...]:
    """Return the key of an address by its parts, as `place_index_keys` does."""
    return _place_keys(place_key(street, unit, postal_code, country))


def buyer_index_keys(order: StoreOrder) -> tuple[str, ...]:
    """Return everything an order's buyer can be found by, sorted."""
    keys: BuyerKeys = keys_of(order.buyer, order.service_address)
    emails = (_key("email", key) for key in keys.emails)
    phones = (_key("phone", key) for key in keys.phones)
    return tuple(sorted((*emails, *phones, *_place_keys(keys.place))))


def _place_keys(place: PlaceKey | None) -> tuple[str, ...]:
    return (_key("place", f"{place.street}|{place.unit}|{place.zip}"),) if place else ()


def _key(kind: str, folded: str) -> str:
    """Name the kind. What is too long, or has signs a database refuses, is kept as its digest: equal stays equal."""
    if len(folded) > LONGEST or not folded.isprintable():
        folded = f"sha256 {hashlib.sha256(folded.encode()).hexdigest()}"
    return f"{kind}:{folded}"
