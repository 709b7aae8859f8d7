"""What a new customer and a new location look like, and the keys a buyer is looked up by."""

from __future__ import annotations

from typing import Any

import pytest

from decisions.accounts import AccountContact, contacts_of, further_contacts, new_account, new_place
from decisions.contact_keys import LONGEST, buyer_index_keys, email_index_keys, phone_index_keys, place_index_keys
from models.address import Address
from models.errors import HeldError
from models.person import IndexEntry, customers_of
from models.store_order import Buyer, PlaceTyped, StoreOrder
from tests.unit.orders import ELM, address_of, order

MARKUP = '<b>Zoë</b> =SUM(A1) "Ann" 🛠'


def by(place: PlaceTyped = ELM, bill_to: PlaceTyped | None = None, **buyer: Any) -> StoreOrder:
    return order(buyer=Buyer(**buyer), service_address=place, billing_address=bill_to)


@pytest.mark.parametrize(
    ("buyer", "name", "kind"),
    [
        pytest.param({"first_name": " Pat ", "last_name": "Sample"}, "Pat Sample", "Residential", id="a person"),
        pytest.param({"first_name": "Pat"}, "Pat", "Residential", id="a single name"),
        pytest.param({"company_name": "Acme, LLC"}, "Acme, LLC", "Commercial", id="only a company"),
        pytest.param({"first_name": "Pat", "company_name": "Acme"}, "Acme", "Commercial", id="somebody at a company"),
        pytest.param({"first_name": MARKUP, "last_name": "Ł"}, f"{MARKUP} Ł", "Residential", id="unicode and markup"),
    ],
)
def test_a_new_customer_is_called_as_the_buyer_typed(buyer: dict[str, Any], name: str, kind: str) -> None:
    """OI-13, OI-71: nothing is cut, folded or escaped; a company makes it commercial."""
    account = new_account(by(**buyer))
    assert (account.name, account.kind, account.place.name) == (name, kind, name)


@pytest.mark.parametrize(
    ("buyer", "contacts"),
    [
        pytest.param({}, [], id="no contacts"),
        pytest.param({"email": " Pat@Example.com "}, [("email", "Email", "Pat@Example.com")], id="e-mail as typed"),
        pytest.param({"email": "not an e-mail"}, [], id="what is no e-mail is left out"),
        pytest.param(
            {"phone": "+1 (602) 555-0111 ext. 9 / 602-555-0190"},
            [("phone", "Phone", "+1 (602) 555-0111 ext. 9 / 602-555-0190")],
            id="several phones in one field stay one contact",
        ),
        pytest.param({"phone": "555-01"}, [], id="what is no phone is left out"),
        pytest.param(
            {"phone": "602-555-0111", "phone_alternate": "602-555-0112"},
            [("phone", "Phone", "602-555-0111"), ("phone_alternate", "Phone", "602-555-0112")],
            id="two phones",
        ),
        pytest.param(
            {"phone": "602-555-0111", "phone_alternate": "(602) 5550111"},
            [("phone", "Phone", "602-555-0111")],
            id="one phone written twice",
        ),
    ],
)
def test_contacts_are_kept_as_typed(buyer: dict[str, Any], contacts: list[Any]) -> None:
    """OI-13, OI-16, OI-71."""
    assert contacts_of(by(**buyer)) == tuple(AccountContact(*one) for one in contacts)


@pytest.mark.parametrize(
    ("buyer", "fields"),
    [
        pytest.param({"email": "PAT@example.com", "phone": "6025550101"}, [], id="all known"),
        pytest.param({"email": "new@example.com", "phone": "6025550101"}, ["email"], id="a new e-mail"),
        pytest.param({"email": "pat@example.com", "phone": "602-555-0199"}, ["phone"], id="a new phone"),
        pytest.param({"phone": "602-555-0101 / 602-555-0199"}, ["phone"], id="a new phone beside a known one"),
        pytest.param({"email": "nonsense", "phone": "555-01"}, [], id="nothing usable"),
    ],
)
def test_only_new_contacts_are_added_to_a_known_customer(buyer: dict[str, Any], fields: list[str]) -> None:
    """OI-8, OI-16: compared as matching compares."""
    new = further_contacts(by(**buyer), emails=["Pat@Example.com"], phones=["(602) 555-0101"])
    assert [one.field for one in new] == fields


@pytest.mark.parametrize(
    ("changes", "country"),
    [
        pytest.param({"country": "USA"}, "USA", id="as typed"),
        pytest.param({"country": ""}, "US", id="a ZIP"),
        pytest.param({"country": "", "zip": "M4B 1B3"}, "CA", id="a Canadian code"),
    ],
)
def test_the_country_is_as_typed_or_told_by_the_postal_code(changes: dict[str, str], country: str) -> None:
    """OI-17: ServiceTitan asks for one."""
    assert new_place(by(ELM.model_copy(update=changes), first_name="Pat")).address.country == country


@pytest.mark.parametrize("field", ["city", "state", "zip"])
def test_what_servicetitan_asks_for_is_held_by_its_name(field: str) -> None:
    """OI-18, OI-70: field and fix."""
    with pytest.raises(HeldError) as caught:
        new_account(by(ELM.model_copy(update={field: " "}), first_name="Pat"))
    assert caught.value.field == f"service_address.{field}"
    assert field in caught.value.fix


def test_an_order_that_names_nobody_makes_no_customer() -> None:
    """OI-18."""
    with pytest.raises(HeldError):
        new_account(by(email="pat@example.com"))


def test_bills_go_where_the_buyer_said_and_the_job_where_the_order_is_for() -> None:
    """OI-13, OI-14: a billing address that is not whole is left, and the service address stands for both."""
    tucson = PlaceTyped(line1="9 Foothill Spur", city="Tucson", state="AZ", zip="85701", country="US")
    account = new_account(by(bill_to=tucson, first_name="Pat"))
    assert (account.address.city, account.place.address.city) == ("Tucson", "Phoenix")
    account = new_account(by(bill_to=tucson.model_copy(update={"state": ""}), first_name="Pat"))
    assert account.address == account.place.address == address_of(ELM)


def test_a_location_is_called_as_the_address_is() -> None:
    """OI-14: an address may carry a name of its own."""
    assert new_place(by(ELM.model_copy(update={"name": "Lake house"}), first_name="Pat")).name == "Lake house"


def test_both_sides_spell_their_keys_alike() -> None:
    """OI-8, OI-16, OI-17: what the index keeps of a contact is what an order is looked up by."""
    place = PlaceTyped(line1="77 N. Tamarisk Row", line2="#4B", city="Tempe", state="AZ", zip="85281-1234")
    keys = buyer_index_keys(by(place, first_name="A", email="PAT@example.com", phone="602 555 0101, 602.555.0102"))
    there = Address(street="77 North Tamarisk Row Apt 4b", city="Tempe", state="AZ", zip="85281")
    assert keys == tuple(
        sorted(
            (
                *email_index_keys(" pat@Example.com"),
                *phone_index_keys("+1 602 555 0102 / (602) 555-0101"),
                *place_index_keys(there),
            )
        )
    )
    assert len(keys) == 4


def test_missing_keys_find_nobody() -> None:
    """OI-18: blanks are no key."""
    assert buyer_index_keys(by(PlaceTyped(), first_name="Pat", email=" ", phone="000-000-0000")) == ()
    assert (
        email_index_keys("")
        == phone_index_keys("")
        == place_index_keys(Address(street="", city="", state="", zip="1"))
        == ()
    )


@pytest.mark.parametrize(
    "email",
    [pytest.param("p" * 5000 + "@example.com", id="endless"), pytest.param("p\0at@example.com", id="with a NUL")],
)
def test_whatever_a_buyer_types_makes_a_key_a_database_takes(email: str) -> None:
    """OI-71: the same text makes the same key, and another one another."""
    (key,) = email_index_keys(email)
    assert len(key) < LONGEST
    assert key.isprintable()
    assert email_index_keys(email.upper()) == (key,)
    assert email_index_keys(f"a{email}") != (key,)


def test_customers_are_put_together_from_what_tells_of_them() -> None:
    """OI-8, OI-14, OI-15: a removed contact is left out; an inactive location stays, and says so."""
    home = address_of(ELM)
    known, stub = customers_of(
        [
            IndexEntry(source="location/31", customer=3, address=home, is_active=False),
            IndexEntry(source="contact/21", customer=3, email="pat@example.com"),
            IndexEntry(source="contact/22", customer=3, email="old@example.com", is_active=False),
            IndexEntry(source="contact/23", customer=3, phone="6025550101"),
            IndexEntry(source="contact/24", customer=12, phone="6025550102"),
            IndexEntry(source="customer/3", customer=3, name="Pat Sample", merged_into="12", is_active=False),
        ]
    )
    assert (known.id, known.name, known.is_active, known.merged_into) == ("3", "Pat Sample", False, "12")
    assert (known.emails, known.phones) == (("pat@example.com",), ("6025550101",))
    assert [(one.id, one.is_active) for one in known.locations] == [("31", False)]
    assert (stub.id, stub.name, stub.is_active) == ("12", "", True)
