"""What a booking says about a person who signed up, by the campaign's map; and who cannot be booked, and why."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from decisions.booking_map import (
    Booked,
    TenantOptions,
    draft_booking,
    full_name,
    job_fields_named,
    last_name,
    lists_named,
    setting_notices,
)
from decisions.contact_map import clean
from models.booking import BookingDraft, CannotBook, Party
from models.referral import Campaign, ReferralUser, UserKind
from models.referral_settings import LeadSettings, ReferrerSettings, SignUpSettings
from models.tenant import Offered

CAMPAIGN = Campaign(id=1001, name="Cahaba Neighbours", code="Nb7TsWx2", url="https://acme.example.com/Nb7TsWx2")
FRIEND = ReferralUser(
    id=7,
    campaign_id=1001,
    code="Qr000007",
    url="https://acme.example.com/Qr000007",
    email="robin@example.com",
    first_name="Robin",
    kind=UserKind.REFERRER,
    meta=(("Last Name", "Sample"),),
)
LEE = ReferralUser(
    id=8,
    campaign_id=1001,
    code="Qr000008",
    url="https://acme.example.com/Qr000008",
    email=" Lee@Example.com ",
    first_name="Lee",
    kind=UserKind.LEAD,
    referrer_id=7,
    signed_up_on=date(2026, 5, 1),
    meta=(("Last Name", "Oak"), ("Phone", "205-555-0101"), ("What do you need?", "A new furnace")),
)
LEAD_MAP = {
    "source": "campaign.name",
    "name": "lead.full_name",
    "email": "lead.email",
    "summary": "Referral",
    "external_id": "lead.code",
}
REFERRER_MAP = {name: value.replace("lead.", "referrer.") for name, value in LEAD_MAP.items()}
YES = {"is_first_time_client": "yes"}
LISTS = TenantOptions(
    {
        "campaign": [Offered(id=1, name="Referrals"), Offered(id=2, name="Old", is_active=False)],
        "business_unit": [Offered(id=3, name="HVAC  Service")],
        "job_type": [Offered(id=4, name="Estimate"), Offered(id=5, name="Cahaba Neighbours")],
    },
    ("Referred by", "Referred by (e-mail)"),
)


def leads(**mapped: str) -> LeadSettings:
    return with_defaults({}, **mapped)


def with_defaults(defaults: dict[str, str], **mapped: str) -> LeadSettings:
    return LeadSettings(enabled=True, map={**LEAD_MAP, **mapped}, defaults={**YES, **defaults})


def party(user: ReferralUser = LEE, referrer: ReferralUser | None = FRIEND) -> Party:
    return Party(user, CAMPAIGN, referrer)


def lee(**changes: Any) -> ReferralUser:
    return LEE.model_copy(update=changes)


def booked(settings: SignUpSettings, who: Party | None = None, **more: Any) -> Booked:
    found = draft_booking(settings, who or party(), LISTS, **more)
    assert isinstance(found, Booked)
    return found


def draft(settings: SignUpSettings, who: Party | None = None, **more: Any) -> BookingDraft:
    found = booked(settings, who, **more)
    assert found.notices == ()
    return found.draft


def refused(settings: SignUpSettings, who: Party) -> CannotBook:
    found = draft_booking(settings, who, LISTS)
    assert isinstance(found, CannotBook)
    return found


def test_the_vendors_own_suggestion_fills_a_booking() -> None:
    """RF-53, RF-55, RF-S4: campaign to source, the name, the e-mail, fixed words, and the code as external id."""
    assert draft(leads()) == BookingDraft(
        source="Cahaba Neighbours",
        name="Lee Oak",
        email="Lee@Example.com",
        summary="Referral",
        external_id="Qr000008",
        is_first_time_client=True,
    )


def test_of_a_referrer_who_signed_up_it_is_the_person_itself() -> None:
    """RF-60, RF-62: there `referrer` is who signed up, and nobody referred them."""
    settings = ReferrerSettings(enabled=True, map=REFERRER_MAP, defaults={"is_first_time_client": "no"})
    made = draft(settings, Party(FRIEND, CAMPAIGN))
    assert (made.name, made.email, made.external_id) == ("Robin Sample", "robin@example.com", "Qr000007")
    assert made.is_first_time_client is False


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        pytest.param("Referral", "Referral", id="a fixed value"),
        pytest.param("lead.first_name", "Lee", id="a first name"),
        pytest.param(" lead.first_name ", "Lee", id="blanks around it do not count"),
        pytest.param("lead.last_name", "Oak", id="a last name, by the form's label"),
        pytest.param("lead.email", "Lee@Example.com", id="an e-mail as typed, without blanks"),
        pytest.param("lead.code", "Qr000008", id="a code"),
        pytest.param("lead.id", "8", id="an id"),
        pytest.param("lead.url", "https://acme.example.com/Qr000008", id="the person's own link"),
        pytest.param("lead.signed_up_on", "2026-05-01", id="a day"),
        pytest.param("lead.meta.What do you need?", "A new furnace", id="a field of the form"),
        pytest.param("lead.meta.what DO you need?", "A new furnace", id="whatever its label's case"),
        pytest.param("referrer.full_name", "Robin Sample", id="who referred them"),
        pytest.param("referrer.email", "robin@example.com", id="and how to reach them"),
        pytest.param("campaign.name", "Cahaba Neighbours", id="the campaign"),
        pytest.param("campaign.id", "1001", id="its id"),
        pytest.param("campaign.code", "Nb7TsWx2", id="its code"),
        pytest.param("campaign.url", "https://acme.example.com/Nb7TsWx2", id="its join link"),
        pytest.param("{lead.first_name} by {referrer.first_name}: {lead.meta.Phone}", "Lee by Robin: 205-555-0101",
                     id="several within a text"),
    ],
)  # fmt: skip
def test_every_value_can_fill_a_field(written: str, filled: str) -> None:
    """RF-56, RF-S4, RF-S5, RF-S12: looked up, fixed, or both."""
    assert draft(leads(summary=written)).summary == filled


@pytest.mark.parametrize(
    ("label", "value", "last"),
    [
        ("Last Name", "Oak", "Oak"),
        ("last name *", " Oak\n ", "Oak"),
        ("LASTNAME", "Oak", "Oak"),
        ("Surname", "Oak", "Oak"),
        ("Family name:", "Oak", "Oak"),
        ("Name of your last plumber", "Oak", ""),
    ],
)
def test_a_last_name_is_known_by_its_label(label: str, value: str, last: str) -> None:
    """RF-53: the program has a field for the first name only."""
    user = lee(meta=((label, value),))
    assert (last_name(user), full_name(user)) == (last, f"Lee {last}".strip())


@pytest.mark.parametrize(
    ("changes", "map_name", "why", "fix"),
    [
        pytest.param({"first_name": " ", "meta": ()}, "name", "The person has no name.",
                     "or give defaults.name in the shop file", id="no name"),
        pytest.param({"email": " "}, "email", "The person has no e-mail.", "Enter it in Referral Factory; then retry.",
                     id="no e-mail"),
        pytest.param({"email": "lee at example"}, "email", "The person's e-mail is none.",
                     "Correct it in Referral Factory", id="an e-mail that is none"),
        pytest.param({"email": "lee@example.com, kim@example.com"}, "email", "The person's e-mail is none.",
                     "Correct it in Referral Factory", id="two of them"),
        pytest.param({"code": ""}, "external_id", "The person has nothing for the booking's external id.",
                     "Enter it in Referral Factory; then retry.", id="no code"),
    ],
)  # fmt: skip
def test_who_lacks_what_is_mandatory_is_not_booked_and_it_is_said_what(
    changes: dict[str, Any], map_name: str, why: str, fix: str
) -> None:
    """RF-53, RF-62: with the reason and the way out, and no word of the person."""
    found = refused(leads(), party(lee(**changes)))
    assert found.why == why
    assert fix in found.fix
    assert found.field == f"map.{map_name}: {LEAD_MAP[map_name]}"
    said = f"{found.why} {found.fix} {found.field}"
    assert not re.search(r"lee@|\bLee\b|Oak", said, re.IGNORECASE)


def test_a_person_for_whom_the_default_has_nothing_either_is_told_of_both() -> None:
    """RF-53, RF-54."""
    settings = with_defaults({"name": "lead.meta.Nickname"}, name="lead.meta.Called")
    assert refused(settings, party()).field == "map.name: lead.meta.Called or lead.meta.Nickname"


def test_a_default_is_used_where_the_map_gives_nothing_and_only_there() -> None:
    """RF-54, RF-63: nothing mapped, or nothing there for this person."""
    defaults = {"name": "A friend", "phone": "205-555-0199", "summary": "Referred by {referrer.first_name}"}
    settings = with_defaults(defaults, phone="lead.meta.Phone", summary="lead.meta.What do you need?")
    made = draft(settings)
    assert (made.name, made.phone, made.summary) == ("Lee Oak", "205-555-0101", "A new furnace")
    made = draft(settings, party(lee(first_name="", meta=())))
    assert (made.name, made.phone, made.summary) == ("A friend", "205-555-0199", "Referred by Robin")
    assert draft(with_defaults({"phone": " lead.meta.Phone "})).phone == "205-555-0101"


@pytest.mark.parametrize(
    ("said", "existing", "sent"),
    [
        ("yes", (), True),
        ("yes", (11,), True),
        ("no", (), False),
        ("no", (11,), False),
        ("derive", (), True),
        ("derive", (11,), False),
        ("derive", (11, 12), False),
    ],
)
def test_first_time_is_what_is_said_or_derived_from_the_email(said: str, existing: tuple[int, ...], sent: bool) -> None:
    """RF-55, RF-62: yes, no, or whether ServiceTitan knows the e-mail."""
    made = draft(with_defaults({"is_first_time_client": said}), existing=existing)
    assert made.is_first_time_client is sent


@pytest.mark.parametrize(
    ("existing", "summary"),
    [
        ((), "Referral"),
        ((11,), "Referral\nExisting customer: ServiceTitan has this e-mail at customer 11."),
        ((11, 12), "Referral\nExisting customer: ServiceTitan has this e-mail at customers 11 and 12."),
        ((11, 12, 13), "Referral\nExisting customer: ServiceTitan has this e-mail at customers 11, 12 and 13."),
    ],
)
def test_the_booking_of_an_existing_customer_says_so(existing: tuple[int, ...], summary: str) -> None:
    """RF-46, RF-59: for whoever answers it."""
    assert draft(leads(), existing=existing).summary == summary


@pytest.mark.parametrize(
    ("name", "written", "field", "sent"),
    [
        pytest.param("campaign", "Referrals", "campaign_id", 1, id="a campaign"),
        pytest.param("campaign", " referrals ", "campaign_id", 1, id="whatever the case"),
        pytest.param("business_unit", "HVAC Service", "business_unit_id", 3, id="however many blanks"),
        pytest.param("job_type", "{campaign.name}", "job_type_id", 5, id="the entry named as the campaign is"),
        pytest.param("job_type", "", "job_type_id", None, id="not mapped"),
        pytest.param("priority", "high", "priority", "High", id="a choice"),
        pytest.param("customer_type", "Commercial", "customer_type", "Commercial", id="another"),
    ],
)
def test_entries_of_the_tenants_lists_are_chosen_by_name(name: str, written: str, field: str, sent: object) -> None:
    """RF-52, RF-61."""
    assert getattr(draft(leads(**{name: written})), field) == sent


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        pytest.param("campaign", "Referals", "no active campaign Referals, so it is left out. Did you mean Referrals?",
                     id="misspelt: the nearest"),
        pytest.param("campaign", "Old", "no active campaign Old, so it is left out. Choose one that is there.",
                     id="switched off in ServiceTitan"),
        pytest.param("business_unit", "Roofing", "no active business unit Roofing", id="not there"),
        pytest.param("job_type", "Repair", "no active job type Repair", id="taken out"),
        pytest.param("priority", "Huge", "no active priority Huge", id="no such choice"),
        pytest.param("customer_type", "Comercial", "customer type Comercial, so it is left out. Did you mean Commerc",
                     id="a choice misspelt"),
        pytest.param("campaign", "campaign.name", "no active campaign Cahaba Neighbours, so", id="as the campaign is"),
    ],
)  # fmt: skip
def test_what_the_tenant_does_not_have_is_told_and_left_out(name: str, written: str, said: str) -> None:
    """RF-52, RF-57, RF-61: a message, and no failed booking."""
    settings = leads(**{name: written})
    made = booked(settings)
    [notice] = made.notices
    assert said in notice
    assert made.draft == draft(leads()), "nothing else is different"
    is_fixed = written != "campaign.name"
    assert setting_notices(settings, LISTS) == ((notice,) if is_fixed else ()), "told at once, for all of them"


@pytest.mark.parametrize("name", ["campaign", "business_unit", "job_type", "priority", "customer_type"])
@pytest.mark.parametrize("written", ["lead.meta.What do you need?", "For {lead.meta.What do you need?}"])
def test_what_people_wrote_is_in_no_notice(name: str, written: str) -> None:
    """RF-52: a notice is shown and kept; a form's text may hold anything."""
    [notice] = booked(leads(**{name: written})).notices
    assert "furnace" not in notice
    assert f"as {written} names it, so it is left out" in notice


def test_a_default_entry_is_read_checked_and_used_behind_an_empty_map() -> None:
    """RF-52, RF-54: as the mapped one is."""
    settings = with_defaults({"campaign": "Referrals", "job_type": "Repair"}, campaign="", job_type="lead.meta.Type")
    assert lists_named(settings) == {"campaign", "job_type"}
    assert booked(settings).draft.campaign_id == 1
    assert ["no active job type Repair" in notice for notice in setting_notices(settings, LISTS)] == [True]


def test_only_lists_that_are_named_are_read() -> None:
    """RF-52: no calls for what no map speaks of."""
    assert lists_named(leads()) == frozenset()
    assert job_fields_named(leads()) == ()
    assert lists_named(with_defaults({"campaign": " ", "job_type": ""})) == frozenset()
    named = leads(campaign="Referrals", business_unit=" ", **{"job.Referred by": "referrer.full_name", "job.Other": ""})
    assert set(lists_named(named)) == {"campaign"}
    assert job_fields_named(named) == ("Referred by",)


def test_the_referrer_fills_custom_fields_of_the_job() -> None:
    """RF-56, RF-57, RF-S12: kept with the booking until it is a job."""
    settings = leads(**{"job.Referred by": "referrer.full_name", "job.Referred by (e-mail)": "referrer.email"})
    assert draft(settings).job_fields == (
        ("Referred by", "Robin Sample"),
        ("Referred by (e-mail)", "robin@example.com"),
    )
    assert setting_notices(settings, LISTS) == ()


def test_without_a_referrer_the_booking_is_made_all_the_same() -> None:
    """RF-56: nobody referred them, or nobody who is still there."""
    settings = leads(**{"summary": "Referred by {referrer.first_name}", "job.Referred by": "referrer.full_name"})
    made = draft(settings, party(referrer=None))
    assert (made.summary, made.job_fields) == ("Referred by", ())


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("Refered by", "Did you mean Referred by?"),
        ("Zzz", "An admin makes it in ServiceTitan, as a Text field of jobs; until then it is left out."),
    ],
)
def test_a_field_that_is_not_there_is_told_and_the_booking_made_without_it(field: str, hint: str) -> None:
    """RF-57: once for all, by the settings, and for each booking."""
    settings = leads(**{f"job.{field}": "referrer.full_name"})
    notice = f"ServiceTitan has no job custom field {field}. {hint}"
    assert booked(settings) == Booked(draft(leads()), (notice,))
    assert setting_notices(settings, LISTS) == (notice,)


WHOLE = {"street": "12 Elm St", "city": "Hoover", "state": "AL", "zip": "35244", "country": "USA"}


def test_an_address_is_sent_whole_or_not_at_all() -> None:
    """RF-57: ServiceTitan refuses a booking with half of one."""
    made = draft(leads(**WHOLE))
    assert (made.has_address, made.street, made.unit, made.zip) == (True, "12 Elm St", "", "35244")
    for name in WHOLE:
        half = booked(leads(**{**WHOLE, name: "lead.meta.Nothing"}))
        assert half.draft.has_address is False
        assert [notice[:23] for notice in half.notices] == ["The address is left out"]
    assert booked(leads(street="lead.meta.Nothing")).notices == (), "no address is nothing to tell"


PLACES = ("{lead.email}", "{campaign.name}", "lead.email", "campaign.name", "{", "}", "{{lead.code}}", "{0}", "%s")


@effort(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PLACES), st.text(max_size=5)), max_size=6).map("".join))
def test_what_people_write_is_never_looked_up(text: str) -> None:
    """RF-S5: whatever a form's field says is put in as it is, with its control characters and blanks taken out."""
    user = lee(meta=(("Note", text),))
    made = draft(leads(summary="<{lead.meta.Note}> {lead.code}"), party(user))
    assert made.summary == f"<{clean(text)}> Qr000008"
    alone = draft(with_defaults({"summary": "Nothing"}, summary="lead.meta.Note"), party(user))
    assert alone.summary == (clean(text) or "Nothing")


@effort(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_a_name_is_never_looked_up(first: str, last: str) -> None:
    """RF-S5."""
    user = lee(first_name=f"{{campaign.name}}{first}", meta=(("Last Name", f"lead.email {last}"),))
    made = draft(leads(summary="{lead.full_name}"), party(user))
    assert made.name == made.summary == full_name(user)
    assert made.name.startswith("{campaign.name}")
    assert "lead.email" in made.name
