"""A crowd of invented customers, as a shop of many years has them: most of them plain, some of them trouble.

Everybody has at most one trait, so that what a contact sync must skip can be counted exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any, Literal

from sandbox.errors import RefusedError
from sandbox.servicetitan.people_customers import merge_customers
from sandbox.servicetitan.records import (
    OWNER,
    Address,
    Contact,
    ContactPreferences,
    Customer,
    Location,
    PhoneSettings,
)
from sandbox.servicetitan.state import Titan

SHARES: dict[str, float] = {
    "no_email": 0.04,
    "shared_email": 0.03,
    "malformed_email": 0.01,
    "refused_domain": 0.01,
    "several_emails": 0.03,
    "inactive": 0.03,
    "merged": 0.02,
    "do_not_mail": 0.02,
    "company": 0.06,
    "odd_name": 0.01,
}
"""How many of a hundredfold have each trait; the others have one e-mail of their own and one phone."""

FIRST = (
    "Ada", "Amos", "Bertha", "Clyde", "Della", "Ezra", "Fern", "Grady", "Hattie", "Ike", "Josie", "Kermit", "Lula",
    "Mabel", "Ned", "Opal", "Percy", "Quincy", "Rosa", "Silas", "Tilda", "Ulys", "Vera", "Wade", "Xenia", "Yancy",
    "Zola",
)  # fmt: skip
LAST = (
    "Abernathy", "Birdsong", "Crenshaw", "Dunlap", "Eubanks", "Fennimore", "Goodloe", "Haverty", "Inman", "Jernigan",
    "Kilgore", "Lattimore", "Merriweather", "Nunnelley", "Oglesby", "Pettigrew", "Quarles", "Rutledge", "Satterfield",
    "Tillery", "Upchurch", "Vandiver", "Whisenant", "Yarbrough",
)  # fmt: skip
ODD = ("🔧 Otis Flagg", "אורית שמעוני", "李小梅", "Zoë O'Farrell-Núñez", "نور الهدى")
COMPANIES = ("Plumbing LLC", "Property Group", "Dental PC", "Bakery", "Church of the Valley", "Apartments")
MALFORMED = ("none", "call first", "@example.com", "kay.example.com", "two words@example.com", "dot..dot@example.com")
STREETS = ("Cahaba Trace", "Linden Court", "Old Mill Circle", "Ruffner Road", "Shades Crest Lane", "Vulcan Terrace")
CITIES = (("Birmingham", "35209"), ("Hoover", "35226"), ("Irondale", "35210"), ("Homewood", "35209"))

SAME_INSTANT = 37
"""So many records in a row carry one and the same date, as after an import."""
SINCE = timedelta(days=400)
PAUSE_AFTER = 2_000

Change = Literal["name", "email", "phone", "do_not_mail", "deactivate", "any"]


@dataclass
class Crowd:
    """What was generated: the first and last customer's id, and who has which trait."""

    customers: int = 0
    first_id: int = 0
    last_id: int = 0
    traits: dict[str, list[int]] = field(default_factory=dict)

    def note(self, customer_id: int, trait: str) -> None:
        """Write one customer down."""
        self.customers += 1
        self.first_id, self.last_id = self.first_id or customer_id, customer_id
        if trait != "plain":
            self.traits.setdefault(trait, []).append(customer_id)


def generate(
    titan: Titan, crowd: Crowd, count: int, random: Random, shares: dict[str, float], *, with_locations: bool
) -> Iterator[None]:
    """Enter customers with their contacts, stopping now and then so that others are answered too."""
    names, weights = [*shares, "plain"], [*shares.values(), max(0.0, 1 - sum(shares.values()))]
    start, step = titan.now() - SINCE, (SINCE - timedelta(hours=2)) / (count // SAME_INSTANT + 1)
    plain: tuple[int, str] | None = None
    made: dict[str, Any] = {}
    for place, drawn in enumerate(random.choices(names, weights, k=count)):
        if place % SAME_INSTANT == 0:
            moment = start + step * (place // SAME_INSTANT)
            made = {"created_on": moment, "modified_on": moment}
        # Nobody is there yet for the very first to share with or be merged into.
        trait = "plain" if plain is None and drawn in {"shared_email", "merged"} else drawn
        customer = _customer(titan, place, trait, random, made)
        emails = _emails(place, trait, customer.name, plain[1] if plain else "")
        if trait == "plain":
            plain = (customer.id, emails[0])
        elif trait == "merged" and plain is not None:
            customer.merged_to_id = plain[0]
        crowd.note(customer.id, trait)
        owner = customer.merged_to_id or customer.id
        for email in emails:
            _contact(titan, owner, "Email", email, made)
        _contact(titan, owner, "MobilePhone", f"{201 + place // 100 % 700}-555-01{place % 100:02d}", made)
        if with_locations:
            _location(titan, owner, customer, made)
        if place % PAUSE_AFTER == PAUSE_AFTER - 1:
            yield


def change_some(titan: Titan, count: int, random: Random, what: Change) -> list[dict[str, Any]]:
    """Change random active customers. An edited contact leaves its customer's dates alone."""
    chosen = {one.id: one for one in random.sample(_active(titan), count)}
    emails: dict[int, Contact] = {}
    phones: dict[int, Contact] = {}
    for contact in titan.contacts.values():
        if contact.customer_id in chosen and contact.active:
            (emails if contact.type == "Email" else phones).setdefault(contact.customer_id, contact)
    reachable: dict[str, dict[int, Contact]] = {"email": emails, "phone": phones}
    told: list[dict[str, Any]] = []
    for customer in chosen.values():
        kind = random.choice(("name", "email", "phone")) if what == "any" else what
        if customer.id not in reachable.get(kind, chosen):
            kind = "name"
        match kind:
            case "email":
                contact = emails[customer.id]
                contact.value = f"moved-{titan.new_id()}@example.com"
                titan.touch(contact)
            case "phone":
                contact = phones[customer.id]
                contact.value = f"205-555-01{random.randrange(100):02d}"
                titan.touch(contact)
            case "name":
                customer.name = f"{random.choice(FIRST)} {random.choice(LAST)}"
            case "do_not_mail":
                customer.do_not_mail = True
            case _:
                customer.active = False
        if kind not in {"email", "phone"}:
            titan.touch(customer)
        told.append({"customer_id": customer.id, "what": kind})
    return told


def merge_some(titan: Titan, count: int, random: Random) -> list[dict[str, int]]:
    """Merge random pairs of active customers."""
    chosen = random.sample(_active(titan), 2 * count)
    pairs = list(pairwise(chosen))[::2]
    for gone, stays in pairs:
        merge_customers(titan, gone, stays)
    return [{"customer_id": gone.id, "into": stays.id} for gone, stays in pairs]


def _active(titan: Titan) -> list[Customer]:
    return [one for one in titan.customers.values() if one.active and one.merged_to_id is None]


def enough(titan: Titan, wanted: int) -> None:
    """Refuse to change more customers than there are: 400."""
    there = len(_active(titan))
    if wanted > there:
        raise RefusedError(400, f"There are {there} active customers, not {wanted}.")


# The records are made without validation and share what nobody changes in place: there may be 200,000 of them.

_CUSTOMER_FIELDS = set(Customer.model_fields)
_CONTACT_FIELDS = set(Contact.model_fields)
_ADDRESS_FIELDS = set(Address.model_fields)
_LOCATION_FIELDS = set(Location.model_fields)
_NO_PHONE = PhoneSettings()
_PREFERENCES = ContactPreferences()
_ZERO = Decimal(0)


def _name(place: int, trait: str, random: Random) -> str:
    if trait == "odd_name":
        return ODD[place % len(ODD)]
    first, last = random.choice(FIRST), random.choice(LAST)
    return f"{last} {random.choice(COMPANIES)}" if trait == "company" else f"{first} {last}"


def _emails(place: int, trait: str, name: str, neighbour: str) -> list[str]:
    words = [word for word in name.lower().split() if word.isascii() and word.isalnum()]
    own = f"{'.'.join([*words[:2], str(place)])}@example.com"
    match trait:
        case "no_email":
            return []
        case "shared_email":
            return [neighbour.upper() if place % 2 else neighbour]
        case "malformed_email":
            return [MALFORMED[place % len(MALFORMED)]]
        case "refused_domain":
            return [f"{place}@no-mx.example"]
        case "several_emails":
            return [own, f"home-{own}"]
        case _:
            return [own]


def _customer(titan: Titan, place: int, trait: str, random: Random, made: dict[str, Any]) -> Customer:
    city, code = CITIES[place % len(CITIES)]
    address = Address.model_construct(
        _ADDRESS_FIELDS,
        street=f"{100 + place // len(STREETS)} {STREETS[place % len(STREETS)]}",
        unit=None,
        city=city,
        state="AL",
        zip=code,
        country="USA",
        latitude=None,
        longitude=None,
    )
    customer = Customer.model_construct(
        _CUSTOMER_FIELDS,
        id=titan.new_id(),
        external={},
        active=trait not in {"inactive", "merged"},
        name=_name(place, trait, random),
        type="Commercial" if trait == "company" else "Residential",
        address=address,
        custom_fields=[],
        balance=_ZERO,
        tax_exempt=False,
        tag_type_ids=[],
        do_not_mail=trait == "do_not_mail",
        do_not_service=False,
        national_account=False,
        created_by_id=OWNER,
        merged_to_id=None,
        payment_term_id=None,
        credit_limit=None,
        credit_limit_balance=None,
        **made,
    )
    titan.customers[customer.id] = customer
    return customer


def _contact(titan: Titan, owner: int, kind: Literal["Email", "MobilePhone"], value: str, made: dict[str, Any]) -> None:
    phone = _NO_PHONE
    if kind != "Email":
        phone = PhoneSettings.model_construct({"phone_number"}, phone_number=value, do_not_text=False)
    contact = Contact.model_construct(
        _CONTACT_FIELDS,
        id=titan.new_id(),
        customer_id=owner,
        type=kind,
        value=value,
        memo=None,
        phone_settings=phone,
        preferences=_PREFERENCES,
        active=True,
        **made,
    )
    titan.contacts[contact.id] = contact


def _location(titan: Titan, owner: int, customer: Customer, made: dict[str, Any]) -> None:
    place = Location.model_construct(
        _LOCATION_FIELDS,
        id=titan.new_id(),
        external={},
        customer_id=owner,
        active=customer.active,
        name=customer.name,
        address=customer.address,
        custom_fields=[],
        created_by_id=OWNER,
        merged_to_id=None,
        zone_id=None,
        tax_exempt=False,
        tag_type_ids=[],
        tax_zone_id=None,
        **made,
    )
    titan.locations[place.id] = place
