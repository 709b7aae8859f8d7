"""Contacts of locations in the index: they lead to whose the location is now, and change nothing for anybody else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from models.address import Address
from models.contact_sync import Mark
from models.person import IndexEntry
from store import Books

HOME = Address(street="12 Elm St", city="Phoenix", state="AZ", zip="85018")
KEY = "location-email:pat@example.com"


def customer(number: int, **changes: object) -> IndexEntry:
    return IndexEntry.model_validate(
        {"source": f"customer/{number}", "customer": number, "name": "Pat Sample", **changes}
    )


def contact(number: int, of: int, email: str) -> IndexEntry:
    return IndexEntry(source=f"contact/{number}", customer=of, email=email, keys=(f"email:{email}",))


def location(number: int, of: int) -> IndexEntry:
    return IndexEntry(source=f"location/{number}", customer=of, address=HOME, keys=("place:elm",))


def at_location(number: int, of: int, where: int, email: str = "pat@example.com") -> IndexEntry:
    return IndexEntry(
        source=f"location/contact-{number}",
        customer=of,
        location=where,
        email=email,
        keys=(f"location-email:{email}",),
    )


async def put(books: Books, *entries: IndexEntry, gone: Iterable[str] = (), shop: str = "demo") -> None:
    await books.contact_index.put_location_contacts(shop, entries, gone)


async def found(books: Books, *keys: str, shop: str = "demo") -> list[str]:
    return [one.id for one in await books.contact_index.candidates(shop, keys or (KEY,))]


async def test_an_email_of_a_location_leads_to_its_customer(books: Books) -> None:
    """RF-46: by a key of its own; what matching sees of the customer is as before."""
    await books.contact_index.put("demo", [customer(1), location(21, 1), contact(11, 1, "own@example.com")])
    before = await books.contact_index.candidates("demo", ["place:elm"])
    await put(books, at_location(31, 1, 21))
    assert await books.contact_index.candidates("demo", [KEY]) == before
    assert await books.contact_index.candidates("demo", ["place:elm"]) == before
    (known,) = before
    assert (known.name, known.emails, [one.id for one in known.locations]) == (
        "Pat Sample",
        ("own@example.com",),
        ["21"],
    )
    assert await found(books, "email:pat@example.com") == [], "no order's buyer is found by it"
    assert await found(books, shop="other") == []


async def test_a_location_that_changes_hands_takes_its_contacts_along(books: Books) -> None:
    """RF-46: the feed of contacts does not tell of it, the feed of locations does."""
    await books.contact_index.put("demo", [customer(1), customer(2), location(21, 1)])
    await put(books, at_location(31, 1, 21), at_location(32, 1, 21, "other@example.com"))
    await books.contact_index.put("demo", [location(21, 2)])
    assert await found(books) == await found(books, "location-email:other@example.com") == ["2"]
    await put(books, at_location(31, 1, 21))
    assert await found(books) == ["2"], "told again, late"


async def test_a_location_that_is_not_in_the_index_counts_as_whose_it_was_last(books: Books) -> None:
    """RF-46: until its feed tells of it; what is read of a customer anew does not have the contacts of its locations."""
    await books.contact_index.put("demo", [customer(1), location(21, 1)])
    await put(books, at_location(31, 1, 21), at_location(32, 1, 99, "other@example.com"))
    await books.contact_index.replace("demo", [1], [customer(1)])
    assert await found(books) == await found(books, "location-email:other@example.com") == ["1"]
    await books.contact_index.put("demo", [location(21, 2)])
    assert await found(books) == ["2"]


async def test_it_leads_on_to_whom_the_customer_was_merged_into(books: Books) -> None:
    """RF-46: as any contact does."""
    await books.contact_index.put(
        "demo", [customer(1, is_active=False, merged_into="2"), customer(2), location(21, 1), location(22, 2)]
    )
    await put(books, at_location(31, 1, 21))
    assert await found(books) == ["1", "2"]


async def test_several_customers_with_one_email_are_all_returned(books: Books) -> None:
    """RF-46: a landlord's e-mail at two locations, and as a tenant's own."""
    await books.contact_index.put("demo", [location(21, 1), location(22, 2), contact(11, 3, "pat@example.com")])
    await put(books, at_location(31, 1, 21), at_location(32, 2, 22))
    assert await found(books, KEY, "email:pat@example.com") == ["1", "2", "3"]


async def test_a_contact_that_leads_nowhere_any_more_is_forgotten(books: Books) -> None:
    """RF-46: removed, or another e-mail now; telling it twice changes nothing."""
    await books.contact_index.put("demo", [customer(1), location(21, 1), contact(31, 1, "own@example.com")])
    await put(books, at_location(31, 1, 21), at_location(32, 1, 21, "other@example.com"))
    for _ in range(2):
        await put(books, at_location(32, 1, 21, "new@example.com"), gone=["location/contact-31", "location/contact-9"])
        assert await found(books) == await found(books, "location-email:other@example.com") == []
        assert await found(books, "location-email:new@example.com") == ["1"]
        assert not await books.contact_index.knows("demo", "location/contact-31")
    assert await found(books, "email:own@example.com") == ["1"], "a customer's contact of the same number stays"
    await put(books, at_location(31, 1, 21, "back@example.com"))
    assert await found(books) == [], "nothing of it was left"


async def test_no_contact_sync_comes_by_for_a_locations_contact(books: Books) -> None:
    """Neither counted as a change, nor read as an e-mail of the customer."""
    await books.contact_index.put("demo", [customer(1), location(21, 1), contact(11, 1, "own@example.com")])
    page = await books.contact_index.changed("demo", Mark())
    await put(books, at_location(31, 1, 21))
    assert await books.contact_index.changed("demo", Mark()) == page
    await put(books, at_location(31, 1, 21, "new@example.com"))
    await put(books, gone=["location/contact-31"])
    assert await books.contact_index.changed("demo", Mark()) == page


@pytest.mark.parametrize("rows", [0, 3, 1200])
async def test_locations_are_resolved_in_bulk(books: Books, rows: int) -> None:
    """RF-46: more than one statement takes; unknown ones, and other records of the same number, are left out."""
    await books.contact_index.put(
        "demo",
        [*(location(number, number + 5000) for number in range(rows)), customer(9001), contact(9002, 1, "a@b.co")],
    )
    owners = await books.contact_index.owners("demo", [*range(rows), 9001, 9002])
    assert owners == {number: number + 5000 for number in range(rows)}
    assert await books.contact_index.owners("other", range(rows)) == {}


async def test_a_page_of_thousands_is_taken_in_and_found_again(books: Books) -> None:
    """RF-46: a key that many share names them all."""
    await books.contact_index.put("demo", [location(number, number) for number in range(1, 2001)])
    page = [at_location(number, number, number) for number in range(1, 2001)]
    await put(books, *page)
    await put(books, *page)
    assert len(await found(books)) == 2000
    await put(books, gone=[entry.source for entry in page])
    assert await found(books) == []
