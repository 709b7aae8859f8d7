"""Who of a campaign's people is booked, and where the reading of its list goes on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from decisions.sign_ups import Tail, has_moved, is_all_known, is_since, next_tail, settings_for, with_kind
from models.referral import ReferralUser, UserKind
from models.referral_settings import CampaignSettings, LeadSettings, ReferrerSettings

YES = {"is_first_time_client": "yes"}
LEADS = LeadSettings(
    enabled=True,
    map={"source": "x", "name": "lead.full_name", "email": "lead.email", "summary": "x", "external_id": "lead.code"},
    defaults=YES,
)
REFERRERS = ReferrerSettings(
    enabled=True,
    map={"source": "x", "name": "x", "email": "referrer.email", "summary": "x", "external_id": "referrer.code"},
    defaults=YES,
)
NOBODY = CampaignSettings(id=1001)
ONLY_LEADS = CampaignSettings(id=1001, leads=LEADS)
ONLY_REFERRERS = CampaignSettings(id=1001, referrers=REFERRERS)
BOTH = CampaignSettings(id=1001, leads=LEADS, referrers=REFERRERS)
LEAD, REFERRER, UNKNOWN = UserKind.LEAD, UserKind.REFERRER, UserKind.UNKNOWN


def user(kind: UserKind = LEAD, source: str = "Direct", **changes: Any) -> ReferralUser:
    told = {"id": 8, "campaign_id": 1001, "code": "c", "url": "https://acme.example.com/c", "email": "lee@example.com"}
    return ReferralUser(**{**told, "kind": kind, "source": source, **changes})


@pytest.mark.parametrize(
    ("kind", "referrer", "counts_as"),
    [
        pytest.param(LEAD, 7, LEAD, id="a lead"),
        pytest.param(LEAD, None, LEAD, id="a lead whose referrer is gone"),
        pytest.param(REFERRER, None, REFERRER, id="a referrer"),
        pytest.param(REFERRER, 7, REFERRER, id="a referrer whom somebody referred once"),
        pytest.param(UNKNOWN, 7, LEAD, id="no kind we know, and a referrer: a lead"),
        pytest.param(UNKNOWN, None, UNKNOWN, id="no kind we know, and nobody"),
    ],
)
def test_what_a_person_counts_as(kind: UserKind, referrer: int | None, counts_as: UserKind) -> None:
    """RF-41."""
    known = user(kind, referrer_id=referrer)
    assert with_kind(known) == known.model_copy(update={"kind": counts_as})


@pytest.mark.parametrize(
    ("campaign", "who", "settings"),
    [
        pytest.param(NOBODY, user(), None, id="nothing is switched on"),
        pytest.param(NOBODY, user(REFERRER), None, id="not for referrers either"),
        pytest.param(ONLY_LEADS, user(), LEADS, id="a lead"),
        pytest.param(ONLY_LEADS, user(source="Import"), LEADS, id="a lead, whatever its source"),
        pytest.param(ONLY_LEADS, user(REFERRER), None, id="leads are on, referrers are not"),
        pytest.param(ONLY_REFERRERS, user(), None, id="referrers are on, leads are not"),
        pytest.param(ONLY_REFERRERS, user(REFERRER), REFERRERS, id="a referrer by the join link"),
        pytest.param(BOTH, user(REFERRER, " direct "), REFERRERS, id="whatever the case of the source"),
        pytest.param(BOTH, user(REFERRER, "Api"), None, id="one whom a contact sync made"),
        pytest.param(BOTH, user(REFERRER, "Import"), None, id="one whom an import made"),
        pytest.param(BOTH, user(REFERRER, ""), None, id="one without a source"),
        pytest.param(BOTH, user(UNKNOWN), None, id="no kind we know"),
    ],
)
def test_whose_settings_a_person_falls_under(
    campaign: CampaignSettings, who: ReferralUser, settings: LeadSettings | ReferrerSettings | None
) -> None:
    """RF-47, RF-58, RF-60, RF-65, RF-D1: leads by theirs, self-registered referrers by theirs, others by none."""
    assert settings_for(who, campaign) == settings


def test_a_shop_says_which_sources_are_sign_ups() -> None:
    """RF-58."""
    widget = REFERRERS.model_copy(update={"sources": ("Widget", "Direct")})
    campaign = CampaignSettings(id=1001, referrers=widget)
    assert settings_for(user(REFERRER, "WIDGET"), campaign) == widget
    assert settings_for(user(REFERRER, "Api"), campaign) is None


@pytest.mark.parametrize(
    ("signed_up", "counts"),
    [(date(2026, 4, 30), False), (date(2026, 5, 1), True), (date(2026, 5, 2), True), (None, True)],
    ids=["the day before", "that day", "later", "no day: nobody is lost"],
)
def test_since_when_people_count(signed_up: date | None, *, counts: bool) -> None:
    assert is_since(user(signed_up_on=signed_up), date(2026, 5, 1)) is counts


@pytest.mark.parametrize("text", [None, ""], ids=["nothing", "empty"])
def test_nothing_kept_is_the_beginning(text: str | None) -> None:
    assert Tail.of(text) == Tail() == Tail(page=1, top=0)


@effort(deadline=None)
@given(st.integers(1, 10**6), st.integers(0, 2**63))
def test_a_tail_is_kept_as_text(page: int, top: int) -> None:
    assert Tail.of(Tail(page, top).text()) == (page, top)


@pytest.mark.parametrize(
    ("ids", "moved"),
    [
        pytest.param([7, 9, 12], False, id="known people, then new ones"),
        pytest.param([10], False, id="the last known one alone"),
        pytest.param([11, 12], True, id="only new ones: some may stand before them"),
        pytest.param([], True, id="the page is not there any more"),
        pytest.param([12, 9, 7], True, id="the newest first: another order"),
        pytest.param([9, 7, 12], True, id="in no order"),
    ],
)
def test_where_reading_goes_on_must_follow_on_what_was_read(ids: list[int], *, moved: bool) -> None:
    """RF-41: nobody stands between the pages."""
    assert has_moved(ids, Tail(3, 10)) is moved


@pytest.mark.parametrize(
    ("ids", "known"),
    [
        pytest.param([10, 9, 7], True, id="the newest is known"),
        pytest.param([11, 10, 9], False, id="one is new: the next page too is looked at"),
        pytest.param([7, 9, 10], False, id="the oldest first: new ones may follow"),
        pytest.param([10, 7, 9], False, id="in no order"),
        pytest.param([], False, id="nobody on it"),
    ],
)
def test_when_nothing_new_can_follow(ids: list[int], *, known: bool) -> None:
    """RF-41."""
    assert is_all_known(ids, Tail(1, 10)) is known


@pytest.mark.parametrize(
    ("pages", "is_ascending", "tail"),
    [
        pytest.param([], True, Tail(2, 10), id="nobody was there: as before"),
        pytest.param([(1, 1, 5), (2, 6, 12)], True, Tail(2, 12), id="the newest are at the end"),
        pytest.param([(1, 8, 12), (2, 1, 7)], False, Tail(1, 12), id="the newest come first"),
        pytest.param([(2, 6, 9)], True, Tail(2, 10), id="the highest was deleted: its id never comes again"),
    ],
)
def test_where_the_next_reading_begins(pages: list[tuple[int, int, int]], tail: Tail, *, is_ascending: bool) -> None:
    """RF-41."""
    assert next_tail(Tail(2, 10), pages, is_ascending=is_ascending) == tail
