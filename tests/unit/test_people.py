"""How e-mails, phones, names, addresses and postal codes are folded for comparing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.people import (
    email_key,
    email_keys,
    name_key,
    phone_keys,
    place_key,
    postal_key,
    street_key,
    unit_key,
)


@pytest.mark.parametrize("typed", ["Priya.R@Example.ORG", "  priya.r@example.org ", "priya.r@example.org\n"])
def test_one_email_however_it_is_typed(typed: str) -> None:
    """OI-8."""
    assert email_key(typed) == "priya.r@example.org"


@pytest.mark.parametrize("typed", ["", "  ", "none", "n/a", "@example.com", "pat@", "pat@home", "a@b.c d@e.f"])
def test_what_is_no_email_is_no_key(typed: str) -> None:
    """OI-18."""
    assert email_key(typed) == ""
    assert email_keys([typed]) == frozenset()


@pytest.mark.parametrize(
    "typed",
    [
        "6025550111",
        "602-555-0111",
        "(602) 555-0111",
        "602.555.0111",
        "602 555 0111",
        "(602)5550111",
        "+1 602 555 0111",
        "1-602-555-0111",
        "+16025550111",
        "(602) 555\u20130111",
        "602-555-0111 x9",
        "+1 (602) 555-0111 ext. 9",
        "cell: 602-555-0111",
        "".join(chr(0xFF10 + int(digit)) for digit in "6025550111"),
    ],
)
def test_one_phone_in_every_written_form(typed: str) -> None:
    """OI-16."""
    assert phone_keys(typed) == {"+16025550111"}


@pytest.mark.parametrize(
    "typed",
    [
        "+1 (602) 555-0111 ext. 9 / 602-555-0190",
        "602-555-0111, 602-555-0190",
        "602 555 0111 602 555 0190",
        "6025550111;6025550190",
        "home 602.555.0111 or cell 602.555.0190",
    ],
)
def test_several_phones_in_one_field(typed: str) -> None:
    """OI-16."""
    assert phone_keys(typed) == {"+16025550111", "+16025550190"}


@pytest.mark.parametrize(
    "typed", ["", " ", "555-0111", "911", "602555", "0000000000", "000-000-0000", "1111111111", "none"]
)
def test_too_short_or_a_filler_is_no_phone(typed: str) -> None:
    """OI-16 and OI-18."""
    assert phone_keys(typed) == frozenset()


def test_a_number_from_abroad_keeps_its_country() -> None:
    """OI-16."""
    assert phone_keys("+44 20 7946 0958") == {"+442079460958"}
    assert phone_keys("+1 416 555 0120") == phone_keys("4165550120")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Siobhán O\u2019Rourke", "Siobhan O'Rourke"),
        ("José Ñandú-Ibáñez", "Jose Nandu-Ibanez"),
        ("MARCUS  OYELARAN", "Marcus Oyelaran"),
        ("Ánh-Żółtowska", "anh zoltowska"),
        ("Groß", "GROSS"),
    ],
)
def test_one_name_in_two_spellings(one: str, other: str) -> None:
    """OI-17."""
    assert name_key(one) == name_key(other) != ""


def test_other_names_stay_apart() -> None:
    """OI-17: letters that count are kept, also far from ASCII; what holds no letter is no name (OI-18)."""
    assert name_key("Helen Brandt") != name_key("Robert Brandt")
    assert name_key("李小龍") != name_key("李大龍")
    assert name_key(" .-'# ") == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("9020 E Quail Brush Ln", "9020 East Quail Brush Lane"),
        ("77 N Tamarisk Row", "77 N. Tamarisk  ROW"),
        ("2240 E Agave Terrace", "2240 E. Agave Ter."),
        ("640 W Ironwood Pl", "640 West Ironwood Place"),
        ("500 E Palo Brea Pkwy", "500 E PALO BREA PARKWAY"),
    ],
)
def test_one_street_in_two_spellings(one: str, other: str) -> None:
    """OI-17."""
    assert street_key(one) == street_key(other)


@pytest.mark.parametrize(
    "typed", ["Apt 4B", "#4B", "# 4b", "Unit 4-B", "APARTMENT 4 B", "ste. 4b", "No. 4B", "Nº 4B", "4B"]
)
def test_one_unit_in_every_form(typed: str) -> None:
    """OI-17."""
    assert unit_key(typed) == unit_key("apt 4b")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Apt 4B", "Apt 7A"), ("Bldg 1", "Bldg 2"), ("Bldg 4", "Apt 4"), ("Bldg 1 Apt 4", "Apt 14"), ("", "1")],
)
def test_units_that_differ_keep_doors_apart(one: str, other: str) -> None:
    """OI-17."""
    assert unit_key(one) != unit_key(other)
    assert place_key("12 Elm St", one, "85018") != place_key("12 Elm St", other, "85018")


@pytest.mark.parametrize(
    "street", ["77 N Tamarisk Row Apt 4B", "77 N Tamarisk Row #4B", "77 North Tamarisk Row, Unit 4b"]
)
def test_a_unit_behind_the_street_is_a_unit(street: str) -> None:
    """OI-17."""
    assert place_key(street, "", "85281") == place_key("77 N Tamarisk Row", "4B", "85281")
    assert place_key(f"{street} #", "", "85281") == place_key(street, "", "85281")
    assert place_key(street, "apt 4b", "85281") == place_key("77 N Tamarisk Row", "4B", "85281")


def test_a_street_named_like_a_unit_stays_a_street() -> None:
    """OI-17."""
    key = place_key("100 N Space Center Blvd", "", "85281")
    assert key
    assert (key.street, key.unit) == ("100 n space center blvd", "")


@pytest.mark.parametrize(
    ("typed", "country", "key"),
    [
        ("85258-1234", "US", "85258"),
        ("85258\u20131234", "US", "85258"),
        (" 85258 ", "USA", "85258"),
        ("852581234", "", "85258"),
        ("00501", "United States", "00501"),
        ("M4B 1B3", "CA", "M4B1B3"),
        ("m4b1b3", "Canada", "M4B1B3"),
        ("M4B 1B3", "", "M4B1B3"),
        ("SW1A 1AA", "GB", "SW1A1AA"),
    ],
)
def test_postal_codes_fold(typed: str, country: str, key: str) -> None:
    """OI-17: a ZIP compares on five digits."""
    assert postal_key(typed, country) == key


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("85O1", "US"),
        ("", "US"),
        ("8501", ""),
        ("00000", "US"),
        ("99999", ""),
        ("850131", "US"),
        ("M4B 1B3", "US"),
        ("85013", "CA"),
    ],
)
def test_impossible_postal_codes_are_none(typed: str, country: str) -> None:
    """OI-18."""
    assert postal_key(typed, country) == ""
    assert place_key("12 Elm St", "", typed, country) is None


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    """OI-17 and OI-18: whatever is typed, a key is its own key, and nothing typed stops the rule."""
    for fold in (email_key, name_key, street_key, unit_key, postal_key):
        assert fold(fold(text)) == fold(text)
    for key in phone_keys(text):
        assert phone_keys(key) == {key}


@given(
    st.from_regex(r"[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True).filter(lambda number: len(set(number)) > 1),
    st.sampled_from(["{0}{1}{2}", "({0}) {1}-{2}", "+1 {0}.{1}.{2}", "1-{0}-{1}-{2}", "{0} {1} {2} ext 12"]),
)
def test_every_phone_is_found_in_every_form(number: str, form: str) -> None:
    """OI-16."""
    assert phone_keys(form.format(number[:3], number[3:6], number[6:])) == {f"+1{number}"}


@given(st.text(alphabet="apt #unit4BSte-. nºbldg", max_size=20))
def test_folding_a_unit_twice_is_folding_it_once(text: str) -> None:
    """OI-17."""
    assert unit_key(unit_key(text)) == unit_key(text)
