"""`truckroll check`, of bookings: the provider, each campaign's map against the tenant, and where money may move."""

from __future__ import annotations

from typing import Any

import pytest

from models.check import CheckLine
from models.shop import Shop
from tasks.booking_checks import REWARDS, check_bookings
from tests.flows.referral_run import LEADS, REFERRERS, a_campaign, referral_shop
from tests.tasks.conftest import Counter

SECRET, KEY = "referral_factory.webhook_secret", "servicetitan.webhook_key"
NO_HOOKS = [("advice", SECRET), ("advice", KEY)]
TAGS = "GET /servicetitan/crm/v2/tenant/1234567/booking-provider/"


async def checked(counter: Counter, *campaigns: dict[str, Any], **shop: Any) -> list[CheckLine]:
    counter.use(referral_shop(*campaigns, **shop))
    await counter.calls()
    return await check_bookings(counter.house, counter.house.shop.need_referral_factory())


def in_short(lines: list[CheckLine]) -> list[tuple[str, str]]:
    return [(line.kind, line.what) for line in lines]


def hooked(**sections: dict[str, Any]) -> Shop:
    """Return a shop that books leads, with these settings in its sections."""
    shop = referral_shop(a_campaign())
    kept = {name: getattr(shop, name) for name in sections}
    changed = {name: type(one).model_validate({**dict(one), **sections[name]}) for name, one in kept.items()}
    return shop.model_copy(update=changed)


async def hook_lines(counter: Counter, shop: Shop) -> dict[str, CheckLine]:
    counter.use(shop)
    lines = await check_bookings(counter.house, shop.need_referral_factory())
    return {line.what: line for line in lines if "webhook" in line.what}


LEADS_MAP: dict[str, str] = dict(LEADS["map"])  # type: ignore[call-overload]


def mapped(base: dict[str, Any] = LEADS, defaults: dict[str, str] | None = None, **changes: str) -> dict[str, Any]:
    """Return settings with changes in their map and defaults."""
    return {**base, "map": {**base["map"], **changes}, "defaults": {**base["defaults"], **(defaults or {})}}


async def test_a_campaign_that_can_book_is_all_well(counter: Counter) -> None:
    """RF-25, RF-45, RF-52: and a warning, because one call can send money."""
    lines = await checked(counter, a_campaign())
    assert in_short(lines) == [
        ("ok", "Booking provider"),
        ("ok", "Campaign 1001: bookings"),
        ("advice", "Campaign 1001: rewards"),
        *NO_HOOKS,
    ]
    assert lines[0].words == "77 takes bookings"
    assert lines[1].words == "Cahaba Neighbours: leads are booked"
    assert lines[2].words == REWARDS
    assert "then qualifying a lead sends money at once" in lines[2].words
    assert "switch auto-issue off" in lines[2].fix
    assert not [call for call in await counter.calls() if not call.startswith("GET ")], "a check changes nothing"


async def test_nothing_is_asked_where_nobody_is_booked(counter: Counter) -> None:
    """RF-26, RF-28."""
    assert await checked(counter) == []
    assert await checked(counter, {"id": 1001}, {"id": 999}, provider=1) == []
    assert await counter.calls() == []


@pytest.mark.parametrize("when", ["job", "job_status"])
async def test_rewards_are_spoken_of_where_leads_are_qualified(counter: Counter, when: str) -> None:
    """RF-45."""
    lines = await checked(counter, a_campaign(leads={"qualify_when": when}))
    assert ("advice", "Campaign 1001: rewards") in in_short(lines)


@pytest.mark.parametrize(
    "campaign",
    [
        pytest.param(a_campaign(leads={"qualify_when": "never"}), id="qualified by hand"),
        pytest.param(a_campaign(leads={"enabled": False}, referrers=REFERRERS), id="referrers only"),
    ],
)
async def test_rewards_are_not_spoken_of_where_nobody_is_qualified(counter: Counter, campaign: dict[str, Any]) -> None:
    """RF-45, RF-65, RF-S3."""
    lines = in_short(await checked(counter, campaign))
    assert lines == [("ok", "Booking provider"), ("ok", "Campaign 1001: bookings"), *NO_HOOKS]


async def test_it_is_said_whom_each_campaign_books(counter: Counter) -> None:
    """RF-27, RF-47, RF-60: campaign by campaign; one that is off has no line."""
    await counter.tell("/referral-factory/campaigns", id=1009, name="Door hangers")
    lines = await checked(
        counter,
        a_campaign(referrers=REFERRERS),
        {"id": 1002},
        {"id": 1009, "referrers": REFERRERS},
    )
    said = [line.words for line in lines if line.what.endswith(": bookings")]
    assert said == [
        "Cahaba Neighbours: leads and referrers who sign up by themselves are booked",
        "Door hangers: referrers who sign up by themselves are booked",
    ]


async def test_a_provider_that_is_none_is_told_with_the_way_to_it(counter: Counter) -> None:
    """RF-22, RF-25, RF-S6: before the first booking fails."""
    lines = await checked(counter, a_campaign(), provider=78123)
    assert in_short(lines)[0] == ("no", "Booking provider")
    assert "Correct [servicetitan] booking_provider" in lines[0].fix
    assert "Booking Provider Tags" in lines[0].fix
    assert in_short(lines)[1] == ("ok", "Campaign 1001: bookings"), "the rest is looked at all the same"


async def test_without_a_provider_it_is_said_what_to_write(counter: Counter) -> None:
    """RF-22: a connection without one cannot book."""
    shop = referral_shop(a_campaign())
    bare = shop.need_servicetitan().model_copy(update={"booking_provider": None})
    counter.use(shop.model_copy(update={"servicetitan": bare}))
    [line, *_] = await check_bookings(counter.house, shop.need_referral_factory())
    assert (line.kind, line.what) == ("no", "Booking provider")
    assert "has no booking_provider, so nobody can be booked" in line.words
    assert "the id of the booking provider tag" in line.fix


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_tenant_that_does_not_answer_is_told(counter: Counter, status: int) -> None:
    """RF-25."""
    await counter.tell("/faults", match=f"{TAGS}77/bookings", kind="status", status=status, times=None)
    [line, *_] = await checked(counter, a_campaign())
    assert (line.kind, line.what) == ("no", "Booking provider")
    assert line.words
    assert "Traceback" not in line.words + line.fix


async def test_a_campaign_that_is_not_there_is_told_and_the_others_are_looked_at(counter: Counter) -> None:
    """RF-27."""
    lines = await checked(counter, a_campaign(4711), a_campaign())
    assert in_short(lines)[1:3] == [("no", "Campaign 4711: bookings"), ("ok", "Campaign 1001: bookings")]
    assert "4711" in lines[1].words
    assert lines[1].fix


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        pytest.param(mapped(campaign="Contractr Commerce"), "no active campaign Contractr Commerce, so it is left out. "
                     "Did you mean Contractor Commerce?", id="a campaign, misspelt"),
        pytest.param(mapped(defaults={"business_unit": "Roofing"}), "no active business unit Roofing", id="a default"),
        pytest.param(mapped(priority="Huge"), "no active priority Huge", id="a choice"),
        pytest.param({"map": {**LEADS_MAP, "job.Referred by": "referrer.full_name"}}, "no job custom field Referred by.",
                     id="a job's field"),
    ],
)  # fmt: skip
async def test_what_the_tenant_does_not_have_is_told_before_the_first_booking(
    counter: Counter, leads: dict[str, Any], said: str
) -> None:
    """RF-52, RF-57: by the lists as they are now."""
    lines = await checked(counter, a_campaign(leads=leads))
    [told] = [line for line in lines if line.kind == "no"]
    assert told.what == "Campaign 1001: bookings"
    assert said in told.words
    assert told.fix.startswith("Correct the map in the shop file, or make the entry in ServiceTitan")


async def test_an_entry_that_was_taken_out_is_told_from_then_on(counter: Counter) -> None:
    """RF-52, RF-61: for referrers as for leads, each fault once."""
    settings = {"referrers": mapped(REFERRERS, job_type="Filter Order"), "leads": mapped(job_type="Filter Order")}
    assert not [line for line in await checked(counter, {"id": 1001, **settings}) if line.kind == "no"]
    await counter.tell("/servicetitan/settings", kind="job_type", name="Filter Order", active=False)
    [told] = [line for line in await checked(counter, {"id": 1001, **settings}) if line.kind == "no"]
    assert "no active job type Filter Order" in told.words


async def test_only_lists_the_maps_name_are_read(counter: Counter) -> None:
    """RF-52."""
    await checked(counter, a_campaign())
    lists = [call for call in await counter.calls() if "/marketing/" in call or "/settings/" in call or "/jpm/" in call]
    assert lists == []
    await checked(counter, a_campaign(leads=mapped(campaign="Contractor Commerce")))
    assert len([call for call in await counter.calls() if "/marketing/" in call]) == 1


async def test_without_hooks_it_is_said_that_the_poll_finds_everything(counter: Counter) -> None:
    """RF-41, RF-42: a note of each side, and no fault."""
    told = await hook_lines(counter, hooked())
    assert [(line.kind, line.what) for line in told.values()] == NO_HOOKS
    assert told[SECRET].words == "not set: Referral Factory's hooks are not received"
    assert told[KEY].words == "not set: ServiceTitan's events are not received"
    assert all("each pass finds everything" in line.fix for line in told.values())


async def test_one_side_may_send_word_and_the_other_not(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """RF-41: which of the two is received, and how it must be set up there."""
    monkeypatch.setenv("RF_HOOKS", "a-secret-of-the-tests")
    fields = {"code": "lead_code", "id": ""}
    told = await hook_lines(
        counter, hooked(referral_factory={"webhook_secret": "${RF_HOOKS}", "webhook_fields": fields})
    )
    assert [line.kind for line in told.values()] == ["ok", "advice"]
    how = "with the header X-Truckroll-Secret, and a person in the field lead_code"
    assert told[SECRET].words == f"Referral Factory's hooks are received, {how}"
    assert "a-secret-of-the-tests" not in str(told)


async def test_both_sides_may_send_word(counter: Counter) -> None:
    """RF-41, RF-42."""
    told = await hook_lines(
        counter, hooked(referral_factory={"webhook_secret": "abc"}, servicetitan={"webhook_key": "def"})
    )
    assert [line.kind for line in told.values()] == ["ok", "ok"]
    assert told[SECRET].words.endswith("a person in the field code or id")
    assert told[KEY].words == "ServiceTitan's events are received, signed in the header x-servicetitan-signature (hex)"


@pytest.mark.parametrize(
    ("sections", "what"),
    [
        pytest.param(
            {"referral_factory": {"webhook_secret": "abc", "webhook_secret_header": " "}}, SECRET, id="the program's"
        ),
        pytest.param({"servicetitan": {"webhook_key": "abc", "webhook_signature_header": ""}}, KEY, id="the tenant's"),
    ],
)
async def test_a_secret_without_its_header_receives_nothing(
    counter: Counter, sections: dict[str, Any], what: str
) -> None:
    """RF-41: as the receiver has it."""
    line = (await hook_lines(counter, hooked(**sections)))[what]
    assert line.kind == "advice"
    assert line.words.startswith("the name of its header is not set: ")


@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
@pytest.mark.parametrize(
    ("sections", "what"),
    [
        pytest.param({"referral_factory": {"webhook_secret": "${NO_HOOKS_HERE}"}}, SECRET, id="the program's"),
        pytest.param({"servicetitan": {"webhook_key": "${NO_HOOKS_HERE}"}}, KEY, id="the tenant's"),
    ],
)
async def test_a_secret_whose_variable_has_no_value_is_a_fault(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, sections: dict[str, Any], what: str, value: str | None
) -> None:
    """RF-41: whoever named it means to be told; the receiver would refuse every delivery."""
    monkeypatch.delenv("NO_HOOKS_HERE", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_HOOKS_HERE", value)
    line = (await hook_lines(counter, hooked(**sections)))[what]
    assert line.kind == "no"
    assert "${NO_HOOKS_HERE}, which is not set" in line.words
    assert line.fix.startswith("Set NO_HOOKS_HERE")
