"""Which custom field takes the links, what is written of one customer, and what people are told before the first sync."""

from __future__ import annotations

import pytest

from decisions.campaign_mails import MAILS, notice
from decisions.link_write_back import choose_field, decide_write, judge_answer
from models.contact_sync import KeptLink
from models.errors import HeldError
from models.link_write_back import FieldKind, FieldsOfCustomer, LinkIsThere, NotWritten, WriteDecision, WriteLink

URL = "https://acme.example.com/abcd1234"
OLD = "https://acme.example.com/zzzz9999"
LINK = KeptLink(7, 90001, "abcd1234", URL, "Pat", "pat@example.com", "")
TEXT = FieldKind(5, "Referral link", "Text")
CLUB = FieldKind(6, "Care club", "Dropdown")


def of(*fields: tuple[int, str], is_active: bool = True, merged_into: int | None = None) -> FieldsOfCustomer:
    return FieldsOfCustomer(7, is_active=is_active, merged_into=merged_into, fields=fields)


@pytest.mark.parametrize(
    ("name", "kinds", "chosen"),
    [
        pytest.param("Referral link", [CLUB, TEXT], 5, id="by its name"),
        pytest.param(" referral LINK ", [TEXT], 5, id="case and outer blanks do not count"),
        pytest.param(
            "referral link", [TEXT, FieldKind(8, "referral link", "Text")], 8, id="spelt exactly so: that one"
        ),
        pytest.param(
            "Referral link", [FieldKind(9, "Referral link", "Numeric"), TEXT], 5, id="the one that takes text"
        ),
        pytest.param("Referral link", [FieldKind(5, "Referral link")], 5, id="a tenant that names no type"),
    ],
)
def test_the_field_of_the_name_is_chosen(name: str, kinds: list[FieldKind], chosen: int) -> None:
    assert choose_field(name, kinds).id == chosen


@pytest.mark.parametrize(
    ("name", "kinds", "said"),
    [
        pytest.param("Referal link", [CLUB, TEXT], '"Referal link". Did you mean Referral link?', id="misspelt"),
        pytest.param("Referral link", [], 'no customer custom field "Referral link"', id="none at all"),
        pytest.param("Care club", [CLUB, TEXT], "is of type Dropdown", id="of a type that takes no link"),
        pytest.param("Referral link", [TEXT, FieldKind(8, "Referral link", "Text")], "has 2", id="two of the name"),
    ],
)
def test_a_field_that_takes_no_link_is_said_with_the_fix(name: str, kinds: list[FieldKind], said: str) -> None:
    with pytest.raises(HeldError) as caught:
        choose_field(name, kinds)
    assert said in caught.value.message
    assert "write_link_to" in caught.value.fix
    assert caught.value.field.endswith("contact_sync.write_link_to")


@pytest.mark.parametrize(
    ("found", "decided"),
    [
        pytest.param(of(), WriteLink(7, URL, ((5, URL),)), id="no fields yet"),
        pytest.param(of((6, "Gold"), (4, "9")), WriteLink(7, URL, ((6, "Gold"), (4, "9"), (5, URL))), id="the others stay"),
        pytest.param(of((6, "Gold"), (5, OLD), (4, "9")), WriteLink(7, URL, ((6, "Gold"), (5, URL), (4, "9"))),
                     id="in the place of the old link"),
        pytest.param(of((6, ""), (5, ""), (4, "9")), WriteLink(7, URL, ((5, URL), (4, "9"))), id="an empty one is left out"),
        pytest.param(of((5, OLD), (5, URL)), WriteLink(7, URL, ((5, URL),)), id="two of ours become one"),
        pytest.param(of((6, "Gold"), (5, URL)), LinkIsThere(7, URL), id="there already: nothing is written"),
        pytest.param(None, NotWritten(7, "ServiceTitan does not find the customer.", refused=URL), id="not there any more"),
        pytest.param(of(is_active=False), NotWritten(7, "The customer is inactive."), id="inactive: the next pass looks"),
        pytest.param(of(is_active=False, merged_into=9), NotWritten(7, "It was merged into customer 9, which counts."),
                     id="merged: the other counts"),
    ],
)  # fmt: skip
def test_the_whole_list_is_written_with_the_link_in_it(found: FieldsOfCustomer | None, decided: WriteDecision) -> None:
    assert decide_write(LINK, found, 5) == decided


def test_an_answer_that_does_not_show_the_link_is_told() -> None:
    write = WriteLink(7, URL, ((5, URL),))
    assert judge_answer(write, of((6, "Gold"), (5, URL)), 5) == LinkIsThere(7, URL)
    for shown in (of(), of((5, URL[:20])), of((6, URL))):
        told = judge_answer(write, shown, 5)
        assert isinstance(told, NotWritten)
        assert told.refused == URL, "it is not sent again by itself"
        assert URL not in told.why


def test_the_mails_that_must_be_off_are_named_as_the_campaign_names_them() -> None:
    """RF-31: the default welcome, the one of the API, and the reminder, each with its reason."""
    assert [mail.name for mail in MAILS] == ["Welcome Email", "Welcome Email (API)", "Reminder"]
    assert all(mail.why for mail in MAILS)


def test_the_notice_says_whether_links_are_written_back() -> None:
    """RF-38: by default they are not, and where they are instead."""
    assert "not written into ServiceTitan" in notice("  ")
    assert "report links" in notice("")
    assert '"Referral link" of ServiceTitan' in notice(" Referral link ")
