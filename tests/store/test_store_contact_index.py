"""The index of a tenant's contacts: who a buyer can be, without a call."""

from __future__ import annotations

import asyncio

from models.address import Address
from models.person import IndexEntry
from store import Books

HOME = Address(street="12 Elm St", city="Phoenix", state="AZ", zip="85018")


def customer(number: int, name: str = "Pat Sample", **changes: object) -> IndexEntry:
    return IndexEntry.model_validate(
        {"source": f"customer/{number}", "customer": number, "name": name, "keys": ("place:elm",), **changes}
    )


def contact(number: int, of: int, email: str = "pat@example.com", *, is_active: bool = True) -> IndexEntry:
    return IndexEntry(
        source=f"contact/{number}",
        customer=of,
        email=email,
        keys=(f"email:{email}",) if is_active else (),
        is_active=is_active,
    )


def location(number: int, of: int, key: str = "place:elm") -> IndexEntry:
    return IndexEntry(source=f"location/{number}", customer=of, address=HOME, keys=(key,))


async def found(books: Books, *keys: str, shop: str = "demo") -> list[str]:
    return [one.id for one in await books.contact_index.candidates(shop, keys)]


async def test_a_customer_is_found_by_any_of_its_keys_with_all_it_has(books: Books) -> None:
    """OI-8, OI-9, OI-10: once, however many keys it shares."""
    await books.contact_index.put(
        "demo", [customer(1), contact(11, 1), location(21, 1), contact(12, 1, "b@example.com")]
    )
    (known,) = await books.contact_index.candidates("demo", ["email:pat@example.com", "place:elm", "phone:+1"])
    assert (known.id, known.name) == ("1", "Pat Sample")
    assert known.emails == ("pat@example.com", "b@example.com")
    assert [(one.id, one.address) for one in known.locations] == [("21", HOME)]
    assert await found(books, "email:b@example.com") == ["1"]
    assert await found(books, "email:c@example.com") == await found(books) == []
    assert await found(books, "email:pat@example.com", shop="other") == []


async def test_putting_an_entry_again_changes_nothing_and_a_newer_one_replaces_it(books: Books) -> None:
    """OI-67: feeds tell things twice; of two in one page the later counts, and old keys lead nowhere."""
    page = [customer(1), contact(11, 1), contact(11, 1, "new@example.com")]
    for _ in range(2):
        await books.contact_index.put("demo", page)
        assert await found(books, "email:pat@example.com") == []
        assert await found(books, "email:new@example.com") == ["1"]
    await books.contact_index.put("demo", [contact(11, 2, "new@example.com")])
    assert await found(books, "email:new@example.com") == ["2"]


async def test_a_removed_contact_leads_nowhere_and_is_not_the_customers(books: Books) -> None:
    """OI-8: the feed tells of it as inactive."""
    await books.contact_index.put("demo", [customer(1), contact(11, 1)])
    await books.contact_index.put("demo", [contact(11, 1, is_active=False)])
    assert await found(books, "email:pat@example.com") == []
    (known,) = await books.contact_index.candidates("demo", ["place:elm"])
    assert known.emails == ()


async def test_merged_records_lead_to_where_they_were_merged_over_any_number_of_steps(books: Books) -> None:
    """OI-15: also in a circle, which ends."""
    chain = [
        customer(1, keys=(), merged_into="2", is_active=False),
        customer(2, keys=(), merged_into="3", is_active=False),
        customer(3, keys=(), merged_into="1"),
    ]
    await books.contact_index.put("demo", [*chain, contact(11, 1)])
    known = await books.contact_index.candidates("demo", ["email:pat@example.com"])
    assert [(one.id, one.merged_into, one.is_active) for one in known] == [
        ("1", "2", False),
        ("2", "3", False),
        ("3", "1", True),
    ]


async def test_what_was_read_of_a_customer_replaces_all_that_stood_there(books: Books) -> None:
    """OI-15: others stay; a contact that is now another's is that one's."""
    await books.contact_index.put("demo", [customer(1), contact(11, 1), contact(12, 1, "b@example.com"), customer(2)])
    await books.contact_index.replace("demo", [1], [customer(1, "New Name"), contact(12, 1, "b@example.com")])
    assert await found(books, "email:pat@example.com") == []
    assert [one.name for one in await books.contact_index.candidates("demo", ["place:elm"])] == [
        "New Name",
        "Pat Sample",
    ]
    await books.contact_index.replace("demo", [2], [customer(2), contact(12, 2, "b@example.com")])
    assert await found(books, "email:b@example.com") == ["2"]
    assert await books.contact_index.knows("demo", "contact/12")
    assert not await books.contact_index.knows("demo", "contact/11")


async def test_workers_may_take_in_the_same_pages_at_once(books: Books) -> None:
    """OI-67: two runs of one shop, their pages in another order."""
    page = [contact(number, number, f"pat{number}@example.com") for number in range(1, 300)]
    await asyncio.gather(*(books.contact_index.put("demo", some) for some in (page, page[::-1], page[50:], page[:90])))
    assert await found(books, *(f"email:pat{number}@example.com" for number in (1, 51, 299))) == ["1", "51", "299"]


async def test_a_page_of_thousands_is_taken_in_and_found_again(books: Books) -> None:
    """OI-8: more rows than one statement takes; a key that many share names them all."""
    page = [contact(number, number, "shared@example.com") for number in range(1, 3001)]
    await books.contact_index.put("demo", page)
    await books.contact_index.put("demo", page)
    assert len(await found(books, "email:shared@example.com")) == 3000
    await books.contact_index.replace("demo", range(1, 3001), [])
    assert await found(books, "email:shared@example.com") == []
