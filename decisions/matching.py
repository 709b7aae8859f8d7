"""Whose order is this? E-mail first, then phone, then name with address; what is not clear is a question, not a guess.

Source: contracts/contractor_commerce/CHECKLIST.md OI-8 to OI-18 and the answers at its end. Reasons and warnings name
records by id and never repeat what a buyer typed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from decisions.people import PlaceKey, email_key, email_keys, name_key, phone_keys, place_key, postal_key
from decisions.words import listed
from models.address import Address
from models.person import KnownCustomer
from models.store_order import Buyer, PlaceTyped


class Key(StrEnum):
    """What a buyer is recognised by, in order of precedence (OI-11)."""

    EMAIL = "email"
    PHONE = "phone"
    NAME_ADDRESS = "name_address"


_SAID = {Key.EMAIL: "e-mail", Key.PHONE: "phone", Key.NAME_ADDRESS: "name with address"}


@dataclass(frozen=True, slots=True)
class Matched:
    """The order belongs to this customer; nothing on the customer is changed (answers, "new e-mail or phone")."""

    customer: str
    by: Key
    location: str | None
    """The location at the order's address; None: a further location is added to the customer (OI-14)."""
    warnings: tuple[str, ...] = ()
    tie_break: Key | None = None
    """The later key that chose among several with the deciding key (OI-15)."""


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """Nobody has any of the keys: a customer with one location is created (OI-13)."""

    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """A person decides (OI-15, OI-18). `candidates` are ids, sorted; empty when the order itself is the trouble."""

    candidates: tuple[str, ...]
    why: str
    fix: str
    by: Key | None = None


Match = Matched | NewCustomer | NeedsReview


@dataclass(frozen=True, slots=True)
class BuyerKeys:
    """What an order can be recognised by. Empty sets and None are missing keys, and are skipped (OI-18)."""

    emails: frozenset[str]
    phones: frozenset[str]
    names: frozenset[str]
    place: PlaceKey | None

    def has_any(self) -> bool:
        """Tell whether there is anything to look for."""
        return bool(self.emails or self.phones or (self.names and self.place))

    def on(self, customer: KnownCustomer) -> frozenset[Key]:
        """Return the keys this record shares with the buyer."""
        shared = {
            Key.EMAIL: self.emails & email_keys(customer.emails),
            Key.PHONE: self.phones & phone_keys(*customer.phones),
            Key.NAME_ADDRESS: name_key(customer.name) in self.names and self.lives_at(customer),
        }
        return frozenset(key for key, same in shared.items() if same)

    def lives_at(self, customer: KnownCustomer) -> bool:
        """Tell whether the order's address is on this record, as a location's or the customer's own."""
        return self.place is not None and self.place in _places(customer)


@lru_cache(maxsize=1024)
def keys_of(buyer: Buyer, place: PlaceTyped) -> BuyerKeys:
    """Return what the order can be recognised by: the buyer's contacts, and the service address."""
    names = (name_key(f"{buyer.first_name} {buyer.last_name}"), name_key(buyer.company_name))
    return BuyerKeys(
        emails=email_keys([buyer.email]),
        phones=phone_keys(buyer.phone, buyer.phone_alternate),
        names=frozenset(name for name in names if name),
        place=place_key(place.line1, place.line2, place.zip, place.country),
    )


def match_customer(buyer: Buyer, place: PlaceTyped, candidates: Sequence[KnownCustomer]) -> Match:
    """Decide whose order this is.

    The first key that finds a record decides (OI-11); later keys break ties. A merged record stands for the one it was
    merged into, which must be among the candidates. Clashes are reported also when a rule decides (OI-15).
    """
    trouble = order_trouble(buyer, place)
    if trouble:
        return trouble
    keys = keys_of(buyer, place)
    known = {customer.id: customer for customer in sorted(candidates, key=lambda one: one.id)}
    owners = _owners(keys, known)
    for by in Key:
        if owners[by]:
            return _decided(by, owners, keys, known)
    if not keys.names:
        return NeedsReview((), "nobody matches and the order names no buyer", "Enter the buyer's name in the store.")
    return NewCustomer((*_contact_warnings(keys, buyer), *_address_warnings(keys, known)))


def order_trouble(buyer: Buyer, place: PlaceTyped) -> NeedsReview | None:
    """Return why the order can neither be matched nor created, whoever is known (OI-18); None when it can."""
    keys = keys_of(buyer, place)
    if not name_key(place.line1):
        why = "no street" if keys.has_any() else "no usable match key and no street"
        return NeedsReview((), why, "Enter the service address's street in the store.")
    if not postal_key(place.zip, place.country):
        return NeedsReview((), "postal code not valid", "Correct the service address's postal code in the store.")
    return None


def _places(customer: KnownCustomer) -> frozenset[PlaceKey]:
    addresses = [location.address for location in customer.locations]
    if customer.address:
        addresses.append(customer.address)
    return frozenset(key for address in addresses if (key := _key_of(address)))


def _key_of(address: Address) -> PlaceKey | None:
    return place_key(address.street, address.unit, address.zip, address.country)


def _owners(keys: BuyerKeys, known: Mapping[str, KnownCustomer]) -> dict[Key, frozenset[str]]:
    """Return who holds each key, merged records followed. An id that is not in `known` was merged to but not read."""
    shared = {customer.id: keys.on(customer) for customer in known.values()}
    return {key: frozenset(_survivor(one, known) for one, has in shared.items() if key in has) for key in Key}


def _survivor(customer: str, known: Mapping[str, KnownCustomer]) -> str:
    passed = {customer}
    while customer in known and known[customer].merged_into and known[customer].merged_into not in passed:
        customer = known[customer].merged_into
        passed.add(customer)
    return customer


def _is_usable(customer: KnownCustomer) -> bool:
    return customer.is_active and not customer.merged_into


def _decided(
    by: Key, owners: Mapping[Key, frozenset[str]], keys: BuyerKeys, known: Mapping[str, KnownCustomer]
) -> Matched | NeedsReview:
    found = owners[by]
    unread = sorted(found - known.keys())
    if unread:
        return NeedsReview(
            tuple(sorted(found)),
            f"the {_SAID[by]} belongs to a record merged into {listed(unread, 'and')}, which could not be read",
            "Look the customer up in ServiceTitan, then retry the order.",
            by,
        )
    active = frozenset(one for one in found if _is_usable(known[one]))
    if not active:
        everyone = tuple(sorted(frozenset().union(*owners.values())))
        return NeedsReview(
            everyone,
            f"match is an inactive customer ({listed(sorted(found), 'and')}), by {_SAID[by]}",
            "Reactivate that customer in ServiceTitan, or give the order another e-mail and phone; then retry.",
            by,
        )
    pool, tie_break = _tie_broken(active, by, owners)
    if len(pool) > 1:
        return NeedsReview(
            tuple(sorted(pool)),
            f"the {_SAID[by]} belongs to {listed(sorted(pool), 'and')}, and nothing else tells them apart",
            "Merge the records in ServiceTitan, or move the contact to the right one; then retry.",
            by,
        )
    (customer,) = pool
    return _placed(known[customer], by, tie_break, owners, keys, known)


def _tie_broken(
    pool: frozenset[str], by: Key, owners: Mapping[Key, frozenset[str]]
) -> tuple[frozenset[str], Key | None]:
    tie_break: Key | None = None
    for later in list(Key)[list(Key).index(by) + 1 :]:
        fewer = pool & owners[later]
        if fewer and fewer < pool:
            pool, tie_break = fewer, later
    return pool, tie_break


def _placed(
    customer: KnownCustomer,
    by: Key,
    tie_break: Key | None,
    owners: Mapping[Key, frozenset[str]],
    keys: BuyerKeys,
    known: Mapping[str, KnownCustomer],
) -> Matched | NeedsReview:
    here = [location for location in customer.locations if _key_of(location.address) == keys.place]
    active = sorted(location.id for location in here if location.is_active)
    if len(active) > 1:
        return NeedsReview(
            (customer.id,),
            f"customer {customer.id} has the address as locations {listed(active, 'and')}",
            "Deactivate all but one of those locations in ServiceTitan, then retry.",
            by,
        )
    warnings = [
        f"{key.value} belongs to {_ids(owners[key] - {customer.id}, known)}" for key in _clashes(owners, customer)
    ]
    if here and not active:
        warnings.append(f"location {listed(sorted(one.id for one in here), 'and')} is inactive; a new one is added")
    if not active:
        warnings.extend(_address_warnings(keys, known, but=customer.id))
    return Matched(customer.id, by, active[0] if active else None, tuple(warnings), tie_break)


def _clashes(owners: Mapping[Key, frozenset[str]], customer: KnownCustomer) -> list[Key]:
    return [key for key in Key if owners[key] - {customer.id}]


def _ids(customers: Collection[str], known: Mapping[str, KnownCustomer]) -> str:
    """Write ids in the order people count: C5, C6, C10."""
    ordered = sorted(customers, key=lambda one: (len(one), one))
    return ", ".join(f"{one} (inactive)" if one in known and not _is_usable(known[one]) else one for one in ordered)


def _contact_warnings(keys: BuyerKeys, buyer: Buyer) -> list[str]:
    if not keys.emails and not keys.phones:
        return ["no contact data"]
    warnings = []
    if buyer.email.strip() and not email_key(buyer.email):
        warnings.append("the e-mail is not usable")
    if (buyer.phone.strip() or buyer.phone_alternate.strip()) and not keys.phones:
        warnings.append("the phone is not usable")
    return warnings


def _address_warnings(keys: BuyerKeys, known: Mapping[str, KnownCustomer], but: str = "") -> list[str]:
    there = {_survivor(one.id, known) for one in known.values() if keys.lives_at(one)} - {but}
    return [f"address already used by {_ids(there, known)}"] if there else []
