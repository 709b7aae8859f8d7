"""What of a customer is sent to a campaign, and who has nothing to send, each with its reason."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from decisions.contact_map import (
    LONGEST_EMAIL,
    draft_of,
    first_name_of,
    last_name_of,
    plan_mapping,
    unknown_custom_fields,
    unknown_labels,
)
from models.contact_sync import Draft, Skip, SkipReason, SourceContact, SourceCustomer
from models.errors import SettingsError
from models.referral_settings import ContactSyncSettings
from models.shop import Shop, parse_shop

USUAL = {"first_name": "customer.first_name", "email": "contact.email"}
PAT = SourceCustomer(7, name="Pat Sample", contacts=(SourceContact(11, email="Pat@Example.com"),))


def settings(**changes: Any) -> ContactSyncSettings:
    return ContactSyncSettings(**{"enabled": True, "map": USUAL, **changes})


def drafted(customer: SourceCustomer, **changes: Any) -> Draft:
    draft = draft_of(customer, plan_mapping(settings(**changes)))
    assert isinstance(draft, Draft)
    return draft


def skipped(customer: SourceCustomer, **changes: Any) -> Skip:
    skip = draft_of(customer, plan_mapping(settings(**changes)))
    assert isinstance(skip, Skip)
    return skip


def with_emails(*typed: str) -> SourceCustomer:
    return replace(PAT, contacts=tuple(SourceContact(number, email=email) for number, email in enumerate(typed, 11)))


def shop_with(contact_sync: dict[str, Any]) -> Shop:
    campaign = {"id": 1001, "contact_sync": contact_sync}
    section = {"api_url": "https://rf.example.com", "api_token": "${RF_TOKEN}", "campaigns": [campaign]}
    return parse_shop({"name": "demo", "referral_factory": section}, "demo.toml")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param({"email": "contact.email"}, "map.first_name is mandatory", id="no first name"),
        pytest.param({"first_name": "customer.first_name"}, "map.email is mandatory", id="no e-mail"),
        pytest.param({**USUAL, "email": " "}, "map.email is mandatory", id="an e-mail left empty"),
        pytest.param({}, "map.email is mandatory", id="nothing mapped"),
        pytest.param(
            {**USUAL, "first_name": "customer.frist_name"}, "did you mean customer.first_name?", id="misspelt: the nearest"
        ),
        pytest.param({**USUAL, "Town": "zzz"}, "write one of customer.first_name", id="like none: all there are"),
        pytest.param({**USUAL, "Town": "Phoenix"}, 'map.Town = "Phoenix": there is no such value', id="a fixed value"),
        pytest.param({**USUAL, "email": "customer.name"}, "that is no e-mail; write contact.email", id="a name as e-mail"),
        pytest.param({**USUAL, "VIP": "customer.custom."}, "write the custom field's name", id="a field without name"),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_used_is_refused_when_the_shop_file_is_read(written: dict[str, str], said: str) -> None:
    """RF-37: first name and e-mail are mandatory; a value nobody knows is named with the nearest."""
    with pytest.raises(SettingsError) as caught:
        shop_with({"enabled": True, "map": written})
    assert said in str(caught.value)
    assert "referral_factory.campaigns.0.contact_sync" in str(caught.value)


def test_a_sync_that_is_off_needs_no_map_but_cannot_be_started_without() -> None:
    """RF-28, RF-37."""
    assert shop_with({"enabled": False, "map": {}}).referral_factory is not None
    with pytest.raises(SettingsError, match=r"first_name is mandatory.*email is mandatory"):
        plan_mapping(settings(enabled=False, map={}))
    with pytest.raises(SettingsError, match="no such value"):
        shop_with({"enabled": False, "map": {"first_name": "zzz"}})


@pytest.mark.parametrize(
    ("name", "kind", "first", "last"),
    [
        pytest.param("Dana Whitfield", "Residential", "Dana", "Whitfield", id="a person: the first word"),
        pytest.param("Whitfield, Dana", "Residential", "Dana", "Whitfield", id="surname first, with a comma"),
        pytest.param("Dana Lee Whitfield", "", "Dana", "Lee Whitfield", id="several names"),
        pytest.param("Dana & Lee Whitfield", "", "Dana", "Whitfield", id="a couple: the first of them"),
        pytest.param("Dr. Dana Whitfield", "", "Dana", "Whitfield", id="a title is no name"),
        pytest.param("Mr. & Mrs. Whitfield", "", "Mr. & Mrs. Whitfield", "Whitfield", id="titles and surname: as it is"),
        pytest.param("Dana Whitfield, Jr.", "", "Dana", "Whitfield Jr.", id="a comma before Jr. is no turned name"),
        pytest.param("Cher", "", "Cher", "", id="one word"),
        pytest.param("Elm Grove LLC", "Residential", "Elm Grove LLC", "", id="a company by its word"),
        pytest.param("Elm Grove, L.L.C.", "", "Elm Grove, L.L.C.", "", id="a company, with dots and comma"),
        pytest.param("Grand Hotel", "Commercial", "Grand Hotel", "", id="a company by its type"),
        pytest.param("The Sample Family", "", "The Sample Family", "", id="a household"),
        pytest.param("Sam Church", "Residential", "Sam", "Church", id="a surname that is also a word"),
        pytest.param("\u0645\u062d\u0645\u062f \u0639\u0644\u064a", "", "\u0645\u062d\u0645\u062f", "\u0639\u0644\u064a",
                     id="right to left"),
        pytest.param("\u5c71\u7530\u592a\u90ce", "", "\u5c71\u7530\u592a\u90ce", "", id="no blank in it"),
        pytest.param("Zo\u00eb\U0001f338 Sample", "", "Zo\u00eb\U0001f338", "Sample", id="emoji as typed"),
        pytest.param("\U0001f338 Zo\u00eb Sample", "", "Zo\u00eb", "Sample", id="emoji before the name"),
        pytest.param("\U0001f338", "", "\U0001f338", "", id="nothing but emoji"),
        pytest.param("12345", "", "12345", "", id="no letter in it"),
        pytest.param(" Dana\n Whitfield\x00 ", "", "Dana", "Whitfield", id="control characters are none"),
        pytest.param("Mr.", "", "Mr.", "", id="a title alone"),
        pytest.param("x" * 600, "", "x" * 600, "", id="600 letters, all of them"),
        pytest.param("  ", "", "", "", id="no name"),
    ],
)  # fmt: skip
def test_first_and_last_names(name: str, kind: str, first: str, last: str) -> None:
    """RF-37: ServiceTitan keeps one name; the program wants a first name, also of a company."""
    customer = replace(PAT, name=name, customer_type=kind)
    assert (first_name_of(customer), last_name_of(customer)) == (first, last)


def test_every_value_can_fill_a_field_under_the_campaigns_own_label() -> None:
    """RF-37: optional fields; the full set is sent, empty ones too."""
    customer = replace(
        PAT,
        customer_type="Residential",
        address={"street": "12 Elm St", "unit": "", "city": "Phoenix", "state": "AZ", "zip": "85018", "country": "USA"},
        custom_fields=(("Club", "Gold"),),
        contacts=(SourceContact(10, phone="602-555-0111"), *PAT.contacts),
    )  # fmt: skip
    labels = {
        "Last Name": "customer.last_name",
        "Name": "customer.name",
        "Kind": "customer.type",
        "Street": "customer.street",
        "Unit": "customer.unit",
        "Town": "customer.city",
        "State": "customer.state",
        "ZIP": "customer.zip",
        "Country": "customer.country",
        "Phone": "contact.phone",
        "Club": "customer.custom.Club",
        "Shoe size": "customer.custom.Shoe size",
        "Nothing": "",
    }
    draft = drafted(customer, map={**USUAL, **labels})
    assert dict(draft.meta) == {
        "Last Name": "Sample",
        "Name": "Pat Sample",
        "Kind": "Residential",
        "Street": "12 Elm St",
        "Unit": "",
        "Town": "Phoenix",
        "State": "AZ",
        "ZIP": "85018",
        "Country": "USA",
        "Phone": "602-555-0111",
        "Club": "Gold",
        "Shoe size": "",
    }
    sent = draft.new_referrer(1001)
    assert (sent.campaign_id, sent.first_name, sent.email, sent.meta) == (1001, "Pat", "Pat@Example.com", draft.meta)


def test_a_mapped_first_name_that_is_empty_falls_back_to_the_customers_name() -> None:
    """RF-37."""
    mapped = {**USUAL, "first_name": "customer.custom.Nickname"}
    assert drafted(PAT, map=mapped).first_name == "Pat"
    assert drafted(replace(PAT, custom_fields=(("Nickname", "Patty"),)), map=mapped).first_name == "Patty"


def test_an_email_can_come_from_a_custom_field() -> None:
    mapped = {**USUAL, "email": "customer.custom.Billing e-mail"}
    billed = replace(PAT, custom_fields=(("Billing e-mail", "bills@example.com"),))
    assert (drafted(billed, map=mapped).email, drafted(billed, map=mapped).emails[0].contact) == (
        "bills@example.com",
        0,
    )
    assert skipped(PAT, map=mapped).reason is SkipReason.NO_EMAIL


def test_of_several_emails_the_first_usable_one_counts_and_it_is_said_which() -> None:
    """RF-30: the others are kept, for a customer that goes by one of them already."""
    draft = drafted(with_emails("pat at example.com", " First@Example.com", "second@example.com", "first@example.com"))
    assert [(one.key, one.typed, one.contact) for one in draft.emails] == [
        ("first@example.com", "First@Example.com", 12),
        ("second@example.com", "second@example.com", 13),
    ]
    assert draft.keeping("second@example.com").key == "second@example.com"
    assert draft.keeping("third@example.com") is draft


@pytest.mark.parametrize(
    "typed",
    [
        "pat",
        "pat at example.com",
        "pat@",
        "@example.com",
        "pat@example",
        "pat@@example.com",
        "pat@example.com, lee@example.com",
        "pat@example.com;lee@example.com",
        "Pat <pat@example.com>",
        "pat smith@example.com",
        "n/a",
        f"{'x' * LONGEST_EMAIL}@example.com",
        "pat\x00@example.com",
    ],
)
def test_what_is_no_single_email_is_malformed(typed: str) -> None:
    """RF-30: two addresses in one field are a question to a person, not a guess."""
    assert skipped(with_emails(typed)).reason is SkipReason.MALFORMED_EMAIL


@pytest.mark.parametrize(
    ("customer", "reason"),
    [
        pytest.param(replace(PAT, contacts=()), SkipReason.NO_EMAIL, id="no contact"),
        pytest.param(replace(PAT, contacts=(SourceContact(1, phone="602-555-0111"),)), SkipReason.NO_EMAIL, id="a phone"),
        pytest.param(with_emails("", "  "), SkipReason.NO_EMAIL, id="blanks"),
        pytest.param(replace(PAT, name=" "), SkipReason.NO_NAME, id="no name"),
        pytest.param(replace(PAT, is_active=False), SkipReason.INACTIVE, id="inactive"),
        pytest.param(replace(PAT, is_active=False, merged_into="9"), SkipReason.MERGED, id="merged: the survivor counts"),
        pytest.param(replace(PAT, do_not_mail=True), SkipReason.DO_NOT_MAIL, id="do not mail"),
        pytest.param(replace(PAT, is_read=False), SkipReason.NOT_READ, id="contacts of nobody, as a booking's are"),
    ],
)  # fmt: skip
def test_who_gets_no_link_is_told_why_and_what_to_do(customer: SourceCustomer, reason: SkipReason) -> None:
    """RF-30, RF-D2: with a sentence, and without personal data."""
    skip = skipped(customer)
    assert (skip.customer, skip.reason) == (7, reason)
    assert skip.why.endswith(".")
    assert "Pat" not in skip.why + skip.fix
    if reason not in {SkipReason.MERGED, SkipReason.NOT_READ}:
        assert skip.fix.endswith(".")


def test_a_shop_says_whose_opt_outs_count() -> None:
    """FACTS section 3: by default the customer's "do not mail" counts, and marketing updates do not."""
    quiet = replace(PAT, contacts=(SourceContact(11, email="quiet@example.com", takes_marketing=False),))
    loud = replace(PAT, contacts=(*quiet.contacts, SourceContact(12, email="loud@example.com")))
    assert drafted(quiet).key == "quiet@example.com"
    assert skipped(quiet, opt_outs="marketing_too").reason is SkipReason.OPTED_OUT
    assert drafted(loud, opt_outs="marketing_too").key == "loud@example.com"
    assert drafted(replace(quiet, do_not_mail=True), opt_outs="none").key == "quiet@example.com"
    assert skipped(replace(loud, do_not_mail=True), opt_outs="marketing_too").reason is SkipReason.DO_NOT_MAIL


def test_equal_drafts_have_equal_digests_and_the_emails_spelling_does_not_count() -> None:
    """RF-D3."""
    draft = drafted(PAT, map={**USUAL, "Last Name": "customer.last_name"})
    assert (
        draft.digest()
        == drafted(with_emails("PAT@EXAMPLE.COM"), map={**USUAL, "Last Name": "customer.last_name"}).digest()
    )
    others = [replace(draft, first_name="Lee"), replace(draft, meta=(("Last Name", "Other"),)), drafted(PAT)]
    others.append(draft_with(draft, "other@example.com"))
    assert len({one.digest() for one in [draft, *others]}) == 5


def draft_with(draft: Draft, email: str) -> Draft:
    return replace(draft, emails=(replace(draft.emails[0], key=email, typed=email),))


def test_another_map_has_another_fingerprint() -> None:
    """RF-37: then everybody is gone through again."""
    prints = [
        plan_mapping(settings(**changes)).fingerprint
        for changes in ({}, {"map": {**USUAL, "Town": "customer.city"}}, {"opt_outs": "none"}, {"ongoing": False})
    ]
    assert len(set(prints)) == 3
    assert prints[0] == prints[3]


def test_labels_the_campaign_does_not_have_are_named_with_the_nearest() -> None:
    """RF-37: labels are the campaign's own, and can be changed there."""
    mapping = plan_mapping(settings(map={**USUAL, "last name": "customer.last_name", "Town": "customer.city"}))
    near, none = unknown_labels(mapping, ["Last Name", "Phone"])
    assert near == 'The campaign has no field "last name"; did you mean Last Name?'
    assert none == 'The campaign has no field "Town"; it has Last Name, Phone.'
    assert unknown_labels(mapping, ["last name", "Town"]) == ()


def test_custom_fields_the_tenant_does_not_have_are_named_with_the_nearest() -> None:
    """Beyond RF-32: the field that links are written to must be there; no API makes one."""
    with_fields = settings(map={**USUAL, "Club": "customer.custom.Club"}, write_link_to="Referal link")
    near, none = unknown_custom_fields(with_fields, ["Referral link"])[::-1]
    assert near == 'ServiceTitan has no customer custom field "Referal link"; did you mean Referral link?'
    assert none.startswith('ServiceTitan has no customer custom field "Club"; an admin makes one')
    assert unknown_custom_fields(with_fields, ["Club", "Referal link"]) == ()
    assert unknown_custom_fields(settings(), []) == ()
