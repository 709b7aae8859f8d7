"""What of a campaign's settings cannot be saved: for leads and for referrers, each fault in words with its fix."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from models.booking import JOB_STATUSES
from models.errors import SettingsError
from models.referral_settings import (
    MANDATORY_BOOKING_FIELDS,
    CampaignSettings,
    LeadSettings,
    ReferralFactorySettings,
    ReferrerSettings,
    SignUpSettings,
)
from models.shop import parse_shop

LEAD_MAP = {
    "source": "campaign.name",
    "name": "lead.full_name",
    "email": "lead.email",
    "summary": "Referral",
    "external_id": "lead.code",
}
REFERRER_MAP = {
    "source": "campaign.name",
    "name": "referrer.full_name",
    "email": "referrer.email",
    "summary": "New referrer",
    "external_id": "referrer.code",
}
YES = {"is_first_time_client": "yes"}
KINDS: list[tuple[type[SignUpSettings], dict[str, str]]] = [(LeadSettings, LEAD_MAP), (ReferrerSettings, REFERRER_MAP)]
both_kinds = pytest.mark.parametrize(("kind", "usual"), KINDS, ids=["leads", "referrers"])


def settings(kind: type[SignUpSettings] = LeadSettings, **changes: Any) -> SignUpSettings:
    return kind.model_validate({"enabled": True, "map": dict(KINDS)[kind], "defaults": YES, **changes})


def said_of(kind: type[SignUpSettings] = LeadSettings, **changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(kind, **changes)
    [fault] = caught.value.errors()
    return str(fault["msg"]).removeprefix("Value error, ")


def shop_with(*campaigns: dict[str, Any]) -> ReferralFactorySettings:
    section = {"api_url": "https://rf.example.com", "api_token": "${RF_TOKEN}", "campaigns": list(campaigns)}
    return parse_shop({"name": "demo", "referral_factory": section}, "demo.toml").need_referral_factory()


@both_kinds
def test_the_usual_map_can_be_saved(kind: type[SignUpSettings], usual: dict[str, str]) -> None:
    """RF-53, RF-55, RF-62."""
    saved = settings(kind, map=usual)
    assert (saved.map, saved.defaults, saved.faults()) == (usual, YES, ())


@both_kinds
@pytest.mark.parametrize("name", MANDATORY_BOOKING_FIELDS)
@pytest.mark.parametrize("left", ["absent", "empty", "blank"])
def test_without_a_mandatory_field_nothing_can_be_saved(
    kind: type[SignUpSettings], usual: dict[str, str], name: str, left: str
) -> None:
    """RF-53, RF-62: source, name, e-mail, summary and external id, for leads and for referrers."""
    half = {one: value for one, value in usual.items() if one != name}
    said = said_of(kind, map=half if left == "absent" else {**half, name: "" if left == "empty" else "  "})
    assert said.startswith(f"map.{name} is mandatory; map it, such as {name} = ")
    assert ";" not in said.partition("; ")[2], "nothing else is wrong"


@both_kinds
@pytest.mark.parametrize("defaults", [{}, {"is_first_time_client": ""}], ids=["absent", "empty"])
def test_the_sixth_mandatory_field_is_a_default(
    kind: type[SignUpSettings], usual: dict[str, str], defaults: dict[str, str]
) -> None:
    """RF-55, RF-62: whether they are a first-time client is said for all of them."""
    said = said_of(kind, map=usual, defaults=defaults)
    assert said == "defaults.is_first_time_client is mandatory; write yes, no or derive"


@pytest.mark.parametrize("said", ["yes", "no", "derive"])
def test_first_time_is_one_of_three(said: str) -> None:
    """RF-55."""
    assert settings(defaults={"is_first_time_client": said}).defaults["is_first_time_client"] == said


@pytest.mark.parametrize("said", ["Yes", "true", "maybe", "lead.meta.First time"])
def test_another_answer_than_yes_no_or_derive_is_refused(said: str) -> None:
    """RF-55: by name, with what can be written."""
    words = f'defaults.is_first_time_client = "{said}": write yes, no or derive'
    assert said_of(defaults={"is_first_time_client": said}) == words
    assert said_of(enabled=False, defaults={"is_first_time_client": said}) == words


def test_first_time_in_the_map_is_said_to_belong_to_the_defaults() -> None:
    """RF-55: it would have no effect there."""
    said = said_of(map={**LEAD_MAP, "is_first_time_client": "yes"}, defaults={})
    assert "map.is_first_time_client: it is no one person's; write defaults.is_first_time_client" in said
    assert "defaults.is_first_time_client is mandatory" in said


@pytest.mark.parametrize("name", ["source", "name", "summary"])
def test_a_default_stands_for_a_field_that_is_not_mapped(name: str) -> None:
    """RF-54, RF-63."""
    for kind, usual in KINDS:
        rest = {one: value for one, value in usual.items() if one != name}
        assert settings(kind, map=rest, defaults={**YES, name: "Referral"}).faults() == ()


@both_kinds
def test_defaults_other_than_first_time_are_optional(kind: type[SignUpSettings], usual: dict[str, str]) -> None:
    """RF-54, RF-63: and optional fields may stay unmapped, or be left empty."""
    saved = settings(kind, map={**usual, "phone": "", "job.Referred by": " "})
    assert saved.defaults == YES


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("nmae", "x", "map.nmae: a booking has no such field; did you mean name?", id="a misspelt field"),
        pytest.param("Source", "x", "map.Source: a booking has no such field; did you mean source?", id="another case"),
        pytest.param("zzz", "x", "write one of source, name, email, summary, external_id", id="like none: all of them"),
        pytest.param("job.", "x", "map.job.: a booking has no such field", id="a job's field without a name"),
        pytest.param("name", "lead.fullname", "there is no lead.fullname; did you mean lead.full_name?", id="misspelt"),
        pytest.param("name", "lead.full-name", "did you mean lead.full_name?", id="a hyphen makes it no fixed text"),
        pytest.param("name", "lead.full name", "did you mean lead.full_name?", id="nor does a blank"),
        pytest.param("name", "lead.", "there is no lead.; write one of full_name", id="nor is nothing a name"),
        pytest.param("name", "Lead.full_name", "Lead.full_name is nobody here", id="nor do capitals"),
        pytest.param("name", "lead.zzz", "write one of full_name, first_name, last_name, email", id="like no value"),
        pytest.param("source", "campaign.title", "there is no campaign.title", id="a campaign has few values"),
        pytest.param("source", "campaign.meta.Town", "there is no campaign.meta.Town", id="and no further fields"),
        pytest.param("phone", "lead.meta.", "there is no lead.meta.", id="a further field without a label"),
        pytest.param("summary", "By {robin.first_name}", "robin.first_name is nobody here; it can be lead.*, referrer.*"
                     " or campaign.*", id="nobody"),
        pytest.param("summary", "By {}", " is nobody here", id="an empty place"),
        pytest.param("summary", "By {first_name}", "first_name is nobody here", id="whose?"),
        pytest.param("summary", "By {referrer.frist_name}", "did you mean referrer.first_name?", id="within a text"),
        pytest.param("summary", "{lead.code} by {referrer.x}", "there is no referrer.x", id="the second of two"),
        pytest.param("summary", "By {referrer.email", "a brace stands alone; write what is looked up as"
                     " {lead.first_name}", id="an open brace"),
        pytest.param("summary", "By referrer.email}", "a brace stands alone", id="a closing one"),
        pytest.param("summary", "By {{referrer.email}}", "a brace stands alone", id="doubled"),
        pytest.param("email", "office@example.com", "map.email: it must be each person's own, such as lead.email or"
                     " lead.code", id="one e-mail for all"),
        pytest.param("external_id", "Referral", "map.external_id: it must be each person's own", id="one id for all"),
        pytest.param("external_id", "campaign.code", "it must be each person's own", id="the campaign's code for all"),
        pytest.param("external_id", "referrer.code", "it must be each person's own", id="the friend's for all friends"),
        pytest.param("email", "{campaign.id}@example.com", "it must be each person's own", id="made of the campaign"),
    ],
)  # fmt: skip
def test_what_cannot_fill_a_field_is_named_with_the_nearest(name: str, value: str, said: str) -> None:
    """RF-53, RF-S5: also while it is switched off, where nothing is mandatory."""
    assert said in said_of(map={**LEAD_MAP, name: value})
    assert said_of(enabled=False, map={name: value}) in said_of(map={**LEAD_MAP, name: value})


def test_a_default_is_looked_at_as_the_map_is() -> None:
    """RF-54."""
    assert "defaults.campain: a booking has no such field; did you mean campaign?" in said_of(
        defaults={**YES, "campain": "Referrals"}
    )
    assert "defaults.summary: there is no referrer.nmae" in said_of(defaults={**YES, "summary": "{referrer.nmae}"})
    assert "defaults.email: it must be each person's own" in said_of(defaults={**YES, "email": "office@example.com"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("summary", "Referral. Call soon!", id="a sentence"),
        pytest.param("summary", "Lead. Referred by a friend", id="one that begins with a word we know"),
        pytest.param("summary", "A lead.email", id="no value at its beginning"),
        pytest.param("summary", "{lead.first_name} by {referrer.full_name} in {campaign.name}", id="several in a text"),
        pytest.param("external_id", "RF-{lead.id}", id="an id with something before it"),
        pytest.param("phone", "lead.meta.Phone", id="a further field of the form"),
        pytest.param("street", "lead.meta.Street (of the house)", id="a label as it is written"),
        pytest.param("summary", "{lead.meta.What do you need?}", id="one within a text"),
        pytest.param("job.Referred by", "referrer.full_name", id="a custom field of the job"),
        pytest.param("campaign", "Referrals", id="an entry of a list"),
        pytest.param("campaign", "campaign.name", id="the entry of the same name"),
        pytest.param("priority", "High", id="a choice"),
    ],
)
def test_what_can_fill_a_field(name: str, value: str) -> None:
    """RF-52, RF-56, RF-S5: looked up, written out, or both."""
    assert settings(map={**LEAD_MAP, name: value}).map[name] == value


@pytest.mark.parametrize("value", ["lead.email", "{lead.email}"])
def test_where_referrers_are_booked_there_is_no_lead(value: str) -> None:
    """RF-60: whoever signs up by themselves is `referrer`."""
    said = said_of(ReferrerSettings, map={**REFERRER_MAP, "summary": value})
    assert said == "map.summary: lead.email is nobody here; it can be referrer.* or campaign.*"


def test_all_faults_are_told_at_once() -> None:
    """RF-53: half-made, it is not mended one by one."""
    said = said_of(map={"sorce": "x", "name": "lead.nmae"}, defaults={}, qualify_when="job_status")
    for words in (
        "map.source is mandatory",
        "map.email is mandatory",
        "map.summary is mandatory",
        "map.external_id is mandatory",
        "defaults.is_first_time_client is mandatory",
        "map.sorce: a booking has no such field; did you mean source?",
        "map.name: there is no lead.nmae",
        "job_status is mandatory",
    ):
        assert words in said


@pytest.mark.parametrize("when", ["job", "never"])
def test_the_other_ways_of_qualifying_need_no_status(when: str) -> None:
    """RF-48, RF-S3: exactly one of three; nobody is qualified unless somebody chose so."""
    saved = settings(qualify_when=when)
    assert isinstance(saved, LeadSettings)
    assert (saved.qualify_when, saved.job_status) == (when, "")
    assert LeadSettings().qualify_when == "never"


@pytest.mark.parametrize("when", ["both", "", ["job", "job_status"]])
def test_there_is_one_way_of_qualifying_per_campaign(when: Any) -> None:
    """RF-48."""
    with pytest.raises(ValidationError, match="qualify_when"):
        settings(qualify_when=when)


@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param("", "job_status is mandatory with qualify_when = job_status; write Scheduled, Dispatched, "
                     "InProgress, Hold, Completed or Canceled", id="none"),
        pytest.param("  ", "job_status is mandatory with qualify_when = job_status", id="blanks"),
        pytest.param("Complete", "jobs have no such status; did you mean Completed?", id="misspelt"),
        pytest.param("Won", 'job_status = "Won": jobs have no such status; write one of Scheduled', id="like none"),
        pytest.param("Scheduled, Completed", "jobs have no such status", id="two of them"),
    ],
)  # fmt: skip
def test_a_status_that_is_waited_for_is_one_of_the_tenants(status: str, said: str, *, is_on: bool) -> None:
    """RF-48, RF-51: and nobody qualifies by a rule that is half written, on or off."""
    assert said_of(enabled=is_on, qualify_when="job_status", job_status=status).startswith(
        said if said.startswith("job_status") else f'job_status = "{status}": {said}'
    )


@pytest.mark.parametrize(
    ("written", "status"),
    [
        *((status, status) for status in JOB_STATUSES),
        ("in progress", "InProgress"),
        ("In-Progress", "InProgress"),
        ("COMPLETED", "Completed"),
        (" hold ", "Hold"),
    ],
)
def test_a_status_is_known_however_it_is_spelt(written: str, status: str) -> None:
    """RF-51."""
    saved = settings(qualify_when="job_status", job_status=written)
    assert isinstance(saved, LeadSettings)
    assert saved.wanted_status == status


def test_nothing_is_booked_or_qualified_unless_it_is_switched_on() -> None:
    """RF-47, RF-58, RF-60, RF-65: leads and referrers apart; referrers have no rule that qualifies."""
    quiet = CampaignSettings(id=1001)
    assert (quiet.leads.enabled, quiet.referrers.enabled) == (False, False)
    [campaign] = shop_with({"id": 1001, "leads": {"enabled": True, "map": LEAD_MAP, "defaults": YES}}).campaigns
    assert (campaign.leads.enabled, campaign.referrers.enabled) == (True, False)
    assert campaign.referrers.sources == ("Direct",)
    assert not [name for name in ReferrerSettings.model_fields if "qualify" in name or "status" in name]
    with pytest.raises(SettingsError, match=r"unknown setting .*\.referrers\.qualify_when"):
        shop_with({"id": 1001, "referrers": {"qualify_when": "job"}})


def test_campaigns_and_kinds_have_settings_of_their_own() -> None:
    """RF-47, RF-60, RF-64: two campaigns, leads and referrers; none takes over what another says."""
    leads = {"enabled": True, "map": LEAD_MAP, "defaults": YES}
    referrers = {"enabled": True, "map": REFERRER_MAP, "defaults": {"is_first_time_client": "no"}, "look_back": "7d"}
    one, other = shop_with(
        {"id": 1001, "leads": leads, "referrers": referrers},
        {"id": 1002, "leads": {**leads, "map": {**LEAD_MAP, "summary": "Other"}, "existing_contact": "nothing"}},
    ).campaigns
    assert (one.leads.map["summary"], other.leads.map["summary"]) == ("Referral", "Other")
    assert (one.leads.existing_contact, other.leads.existing_contact) == ("booking", "nothing")
    assert (one.referrers.enabled, other.referrers.enabled) == (True, False)
    assert (one.leads.look_back, one.referrers.look_back) == (timedelta(days=30), timedelta(days=7))
    assert (one.leads.defaults, one.referrers.defaults) == (YES, {"is_first_time_client": "no"})


def test_a_fault_says_which_campaign_and_whose_settings() -> None:
    """RF-53, RF-62, RF-64: the file is refused as a whole, so what is half edited has no effect."""
    leads = {"enabled": True, "map": LEAD_MAP, "defaults": YES}
    with pytest.raises(SettingsError) as caught:
        shop_with({"id": 1001, "leads": leads}, {"id": 1002, "referrers": {**leads, "map": {}}})
    assert "setting referral_factory.campaigns.1.referrers: map.source is mandatory" in caught.value.message
    assert "campaigns.0" not in caught.value.message
