"""Whose order is this: e-mail, then phone, then name with address; what is not clear is a question."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.matching import Key, Match, Matched, NeedsReview, NewCustomer, keys_of, match_customer
from models.person import KnownCustomer, KnownLocation
from models.store_order import Buyer, PlaceTyped
from tests.unit.orders import ELM, PAT, address_of, customer

OAK = ELM.model_copy(update={"line1": "9 Oak Ave"})
NOBODY = {"name": "Someone Else", "places": (OAK,)}
"""Shares nothing with Pat at 12 Elm St."""


def match(*known: KnownCustomer, place: PlaceTyped = ELM, **buyer: str) -> Match:
    return match_customer(PAT.model_copy(update=buyer), place, known)


@pytest.mark.parametrize("typed", ["pat@example.com", "  Pat@Example.COM "])
def test_the_email_decides_first(typed: str) -> None:
    """OI-8, OI-12: matched by e-mail in any case, and no new customer."""
    found = match(customer("A", emails=("PAT@example.com ",), **NOBODY), customer("B", **NOBODY), email=typed)
    assert found == Matched("A", Key.EMAIL, None, ())


def test_the_phone_decides_when_the_email_finds_nobody() -> None:
    """OI-9, OI-12."""
    household = customer("A", phones=("(602) 555-0101",), **NOBODY)
    assert match(household) == Matched("A", Key.PHONE, None)
    assert match(household, email="") == Matched("A", Key.PHONE, None)
    assert match(household, phone="", phone_alternate="6025550101") == Matched("A", Key.PHONE, None)


def test_name_and_address_must_both_agree() -> None:
    """OI-10: one alone is no match."""
    assert match(customer("A")) == Matched("A", Key.NAME_ADDRESS, "A-L1")
    assert match(customer("A", name="Someone Else")) == NewCustomer(("address already used by A",))
    assert match(customer("A", places=(OAK,))) == NewCustomer()
    company = customer("A", name="Sample Homes LLC")
    assert match(company, company_name="Sample Homes LLC") == Matched("A", Key.NAME_ADDRESS, "A-L1")


def test_the_first_key_that_finds_somebody_decides_and_the_clash_is_told() -> None:
    """OI-11, OI-15: e-mail of A with phone of B and name with address of C goes to A."""
    found = match(
        customer("A", emails=("pat@example.com",), **NOBODY),
        customer("B", phones=("6025550101",), **NOBODY),
        customer("C"),
    )
    assert isinstance(found, Matched)
    assert (found.customer, found.by, found.location) == ("A", Key.EMAIL, None)
    assert found.warnings == ("phone belongs to B", "name_address belongs to C", "address already used by C")


def test_nobody_found_is_a_new_customer() -> None:
    """OI-13."""
    assert match() == NewCustomer()
    assert match(customer("A", **NOBODY)) == NewCustomer()


def test_a_known_address_is_reused_and_a_new_one_added() -> None:
    """OI-14: unless units differ or the location is inactive, which is told."""
    mail = {"emails": ("pat@example.com",)}
    assert match(customer("A", places=(OAK, ELM), **mail)) == Matched("A", Key.EMAIL, "A-L2")
    assert match(customer("A", **mail), place=OAK) == Matched("A", Key.EMAIL, None)
    other_door = ELM.model_copy(update={"line2": "Apt 2"})
    assert match(customer("A", **mail), place=other_door) == Matched("A", Key.EMAIL, None)
    closed = KnownLocation(id="A-L1", address=address_of(ELM), is_active=False)
    assert match(customer("A", locations=(closed,), **mail)) == Matched(
        "A", Key.EMAIL, None, ("location A-L1 is inactive; a new one is added",)
    )


def test_one_address_twice_on_the_customer_is_a_question() -> None:
    """OI-14, OI-15: no silent pick of the newest or first."""
    found = match(customer("A", emails=("pat@example.com",), places=(ELM, ELM)))
    assert isinstance(found, NeedsReview)
    assert found.candidates == ("A",)
    assert "A-L1 and A-L2" in found.why


MAIL, PHONE = {"emails": ("pat@example.com",)}, {"phones": ("6025550101",)}


@pytest.mark.parametrize(
    ("known", "by", "tie_break"),
    [
        pytest.param(
            [customer("A", **NOBODY, **MAIL, **PHONE), customer("B", **NOBODY, **MAIL)],
            Key.EMAIL,
            Key.PHONE,
            id="phone",
        ),
        pytest.param([customer("A", **MAIL), customer("B", **NOBODY, **MAIL)], Key.EMAIL, Key.NAME_ADDRESS, id="name"),
        pytest.param(
            [customer("A", **PHONE), customer("B", name="Kim", **PHONE)], Key.PHONE, Key.NAME_ADDRESS, id="household"
        ),
        pytest.param(
            [customer("A", **MAIL, **PHONE), customer("B", **NOBODY, **MAIL, **PHONE), customer("C", **NOBODY, **MAIL)],
            Key.EMAIL,
            Key.NAME_ADDRESS,
            id="both",
        ),
        pytest.param(
            [customer("A", **MAIL), customer("B", **NOBODY, **MAIL), customer("C", **NOBODY, **PHONE)],
            Key.EMAIL,
            Key.NAME_ADDRESS,
            id="a phone that points elsewhere breaks no tie",
        ),
    ],
)
def test_later_keys_break_ties(known: list[KnownCustomer], by: Key, tie_break: Key) -> None:
    """OI-15: and the others with the key are told."""
    for order in permutations(known):
        found = match(*order)
        assert isinstance(found, Matched)
        assert (found.customer, found.by, found.tie_break) == ("A", by, tie_break)
        assert any(warning.startswith(f"{by.value} belongs to B") for warning in found.warnings)


@pytest.mark.parametrize("key", [MAIL, PHONE, {}])
def test_still_tied_is_a_question_with_all_candidates(key: dict[str, tuple[str, ...]]) -> None:
    """OI-15."""
    found = match(customer("B", **key), customer("A", **key))
    assert isinstance(found, NeedsReview)
    assert found.candidates == ("A", "B")
    assert "A and B" in found.why
    assert found.fix


def test_only_an_inactive_record_is_held() -> None:
    """OI-15, OI-70: also when a later key finds an active one, which is listed."""
    gone = customer("A", is_active=False, **MAIL, **NOBODY)
    found = match(gone, customer("B", **PHONE))
    assert isinstance(found, NeedsReview)
    assert found.candidates == ("A", "B")
    assert found.by is Key.EMAIL
    assert found.why.startswith("match is an inactive customer (A)")


def test_an_inactive_record_beside_an_active_one_is_told() -> None:
    """OI-15: the active one is taken."""
    found = match(customer("A", is_active=False, **MAIL), customer("B", **MAIL))
    assert isinstance(found, Matched)
    assert found.customer == "B"
    assert "email belongs to A (inactive)" in found.warnings


def test_a_merged_record_stands_for_the_one_it_was_merged_into() -> None:
    """OI-15: over several steps; one that was not read, or a ring, is a question."""
    old = customer("A", is_active=False, merged_into="B", **MAIL)
    older = customer("B", is_active=False, merged_into="C")
    assert match(old, older, customer("C", places=(ELM,), name="Kim")) == Matched("C", Key.EMAIL, "C-L1")
    unread = match(old, customer("D", **NOBODY))
    assert isinstance(unread, NeedsReview)
    assert unread.candidates == ("B",)
    ring = match(old, customer("B", is_active=False, merged_into="A"))
    assert isinstance(ring, NeedsReview)
    assert ring.why.startswith("match is an inactive customer")


def test_missing_keys_never_match_each_other() -> None:
    """OI-18: blanks, fillers and numbers too short are no key."""
    blank = customer("A", emails=("", "none"), phones=("", "555-0111", "0000000000"), name="", places=())
    for buyer in (
        {"email": "", "phone": ""},
        {"email": "none", "phone": "555-0111"},
        {"email": " ", "phone": "0000000000"},
    ):
        assert isinstance(match(blank, **buyer), NewCustomer)


def test_a_new_customer_without_contact_data_is_told() -> None:
    """OI-13, OI-18."""
    assert match(email="", phone=" ") == NewCustomer(("no contact data",))
    assert match(email="none") == NewCustomer(("the e-mail is not usable",))
    assert match(phone="0111") == NewCustomer(("the phone is not usable",))


@pytest.mark.parametrize(
    ("buyer", "place", "why"),
    [
        ({"email": "", "phone": ""}, {"line1": ""}, "no usable match key and no street"),
        ({}, {"line1": " - "}, "no street"),
        ({}, {"zip": "85O1"}, "postal code not valid"),
        ({}, {"zip": ""}, "postal code not valid"),
        ({"first_name": "", "last_name": " "}, {}, "nobody matches and the order names no buyer"),
    ],
)
def test_too_little_to_create_is_held(buyer: dict[str, str], place: dict[str, str], why: str) -> None:
    """OI-18: no customer with an empty name or street is ever created."""
    found = match(customer("A", **NOBODY), place=ELM.model_copy(update=place), **buyer)
    assert isinstance(found, NeedsReview)
    assert found.why == why
    assert found.fix
    assert not found.candidates


_EMAILS = st.lists(st.sampled_from(["pat@example.com", "PAT@example.com ", "kim@example.com", "", "none"]), max_size=2)
_PHONES = st.lists(st.sampled_from(["6025550101", "+1 602-555-0101 x2", "480 555 0122", "", "0000000000"]), max_size=2)
_NAMES = st.sampled_from(["Pat Sample", "PAT  SAMPLE", "Kim Sample", ""])
_PLACES = st.builds(
    PlaceTyped,
    line1=st.sampled_from(["12 Elm St", "12 Elm Street", "9 Oak Ave", ""]),
    line2=st.sampled_from(["", "Apt 2", "#2"]),
    zip=st.sampled_from(["85018", "85018-1234", "85O1", ""]),
)


@st.composite
def _directory(draw: st.DrawFn) -> list[KnownCustomer]:
    refs = draw(st.lists(st.sampled_from("ABCDE"), unique=True, max_size=5))
    return [
        customer(
            ref,
            name=draw(_NAMES),
            is_active=draw(st.booleans()),
            merged_into=draw(st.sampled_from(["", "", "", "A", "B", "Z"])),
            emails=tuple(draw(_EMAILS)),
            phones=tuple(draw(_PHONES)),
            places=tuple(draw(st.lists(_PLACES, max_size=2))),
        )
        for ref in refs
    ]


_BUYERS = st.builds(
    Buyer,
    first_name=st.sampled_from(["Pat", "Kim", ""]),
    last_name=st.sampled_from(["Sample", ""]),
    email=st.sampled_from(["pat@example.com", " Pat@Example.com", "", "none"]),
    phone=st.sampled_from(["602-555-0101", "602 555 0101 / 480 555 0122", "", "0000000000"]),
)


def _came_from(ref: str, known: Sequence[KnownCustomer]) -> list[KnownCustomer]:
    """The record itself and those merged into it."""
    into = {ref}
    while more := {one.id for one in known if one.merged_into in into} - into:
        into |= more
    return [one for one in known if one.id in into]


@given(buyer=_BUYERS, place=_PLACES, known=_directory())
def test_nobody_is_matched_who_shares_no_key(buyer: Buyer, place: PlaceTyped, known: list[KnownCustomer]) -> None:
    """OI-10, OI-15, OI-18: the match is active, shares the key it is matched by, and no earlier key finds anybody."""
    keys = keys_of(buyer, place)
    match match_customer(buyer, place, known):
        case Matched() as found:
            (chosen,) = (one for one in known if one.id == found.customer)
            assert chosen.is_active
            assert not chosen.merged_into
            assert any(found.by in keys.on(one) for one in _came_from(found.customer, known))
            earlier = list(Key)[: list(Key).index(found.by)]
            assert not any(key in keys.on(one) for one in known for key in earlier)
            assert found.location is None or found.location in {one.id for one in chosen.locations}
        case NewCustomer():
            assert keys.names
            assert keys.place
            assert not any(keys.on(one) for one in known)
        case NeedsReview() as question:
            assert question.why
            assert question.fix


@given(buyer=_BUYERS, place=_PLACES, known=_directory(), seed=st.randoms())
def test_the_order_of_the_candidates_changes_nothing(
    buyer: Buyer, place: PlaceTyped, known: list[KnownCustomer], seed: st.DataObject
) -> None:
    """OI-15."""
    shuffled = list(known)
    seed.shuffle(shuffled)
    assert match_customer(buyer, place, shuffled) == match_customer(buyer, place, known)
