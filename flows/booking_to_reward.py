"""Booking to reward: who signs up in a referral campaign gets a booking; the lead of a booking that is won, qualifies.

Reads like docs/processes/booking-to-reward.md. Every write is done once, so a pass that was killed anywhere is simply
run again. No reward is ever issued from here: the program does that, or a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from prefect import flow
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State

from decisions.funnel import in_words, standing_of
from flows.access import AWAY, REFERRALS, how_it_ended, may_move, note_away, note_back
from flows.referral_desk import Desk, book_due, qualify_due
from flows.running import finish
from flows.showing import artifact_key
from models.base import utc_now
from models.errors import BusyError, HeldError
from models.referral_settings import CampaignSettings
from models.report import RunReport
from tasks.house import House, open_house
from tasks.qualify import read_rewards, rewards_are_due_for_reading
from tasks.referral_follow import follow_bookings, follow_held, follow_jobs, held_looks, judge_again, note_heard
from tasks.referred_people import (
    PROCESS,
    UNREADABLE,
    booking_provider,
    campaign_record,
    kinds_on,
    record_of,
    take_in_campaign,
    take_in_named,
)

VENDORS = ("Referral Factory", "ServiceTitan")

MOST_SHOWN = 500
"""People of the table in Prefect; `truckroll report referrals` has them all."""


@flow(name="booking-to-reward", flow_run_name="booking to reward - {shop}")
async def booking_to_reward(shop: str) -> State[Any]:
    """Book who signed up, follow the bookings, and qualify the leads whose booking was won.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.

    """
    report = RunReport(process=PROCESS, shop=shop)
    async with open_house(shop, moves_between=REFERRALS) as house:
        campaigns = [one for one in house.shop.need_referral_factory().campaigns if kinds_on(one)]
        if await _may_run(house, report, campaigns):
            try:
                async with house.books.leases.hold(f"{shop}/{PROCESS}"):
                    await _pass(Desk(house, report, {one.id: one for one in campaigns}))
            except BusyError:
                report.add(PROCESS, "skipped", "Another run is at it.")
            except AWAY as error:
                await note_away(house, error)
                report.add(error.vendor or "vendor", how_it_ended(error), str(error))
            await note_back(house, report, VENDORS)
    return await finish(report, for_people=("failed", "held"))


async def _may_run(house: House, report: RunReport, campaigns: Sequence[CampaignSettings]) -> bool:
    """Nothing moves before both sides are connected and a campaign is configured (RF-26, RF-67).

    Raises: SettingsError when the shop file has no booking provider (RF-22).
    """
    house.shop.need_servicetitan()
    if not await may_move(house, report, *REFERRALS):
        return False
    # Who was booked before it was switched off is followed on.
    is_on = bool(campaigns) or await house.books.referred.oldest_followed(house.shop.name) is not None
    if not is_on:
        report.add(PROCESS, "skipped", "Bookings are switched on in no campaign of the shop file.")
        return False
    booking_provider(house)
    return True


async def _pass(desk: Desk) -> None:
    # 1. Who signed up since the last pass: whom deliveries name, and whom the campaigns' lists have.
    await take_in_named(desk.shop)
    for campaign_id in desk.campaigns:
        await desk.do(campaign_record(campaign_id), _take_in(desk, campaign_id))
    # 2. Each gets one booking; whoever ServiceTitan knows by e-mail is recognised.
    await book_due(desk)
    # 3. What became of the bookings, and of the jobs they turned into.
    await _judge_changed_rules(desk)
    await _follow(desk)
    await note_heard(desk.shop, desk.began.isoformat())
    # 4. Leads whose booking was won are qualified, once.
    await qualify_due(desk)
    # 5. What the program says of their rewards.
    if await rewards_are_due_for_reading(desk.house):
        await desk.do("rewards", read_rewards(desk.shop))
    # 6. Everybody, and how far they are, to be read.
    await _show(desk)


async def _take_in(desk: Desk, campaign_id: int) -> None:
    taken = await take_in_campaign(desk.shop, campaign_id)
    for one in taken.unreadable:
        fix = "Look at the person in Referral Factory; it comes again by itself once it can be read."
        error = HeldError(f"Referral Factory shows this person in a form we cannot read: {one.why}.", fix, UNREADABLE)
        await desk.hold(record_of(one.id) if one.id else "a person without an id", error)


async def _judge_changed_rules(desk: Desk) -> None:
    """A rule that a person has changed counts for everybody who is followed, from the next pass on (RF-64)."""
    cursors = desk.house.books.cursors
    for campaign in desk.house.shop.need_referral_factory().campaigns:
        rule = (campaign.leads.qualify_when, campaign.leads.wanted_status, campaign.leads.qualify_existing)
        fingerprint = hashlib.sha256(repr(rule).encode()).hexdigest()[:16]
        name = f"referral_factory/{campaign.id}/rule"
        known = await cursors.get(desk.shop, name)
        if known != fingerprint:
            if known is not None:
                await judge_again(desk.shop, campaign.id)
            await cursors.set(desk.shop, name, fingerprint)


async def _follow(desk: Desk) -> None:
    """Follow bookings, then jobs: what keeps one of the lists from being read does not stop the other."""
    # With the booking provider refused, its list is refused too: that is told already.
    if not desk.is_provider_refused:
        await desk.do("changed bookings", follow_bookings(desk.shop))
    await desk.do("changed jobs", follow_jobs(desk.shop))
    if await held_looks(desk.house):
        await follow_held(desk.shop)
        for entry in await held_looks(desk.house):
            desk.report.add(entry.record, "held", f"{entry.reason} {entry.fix}")


async def _show(desk: Desk) -> None:
    """Show how far everybody came, and each campaign's funnel: when it is news, and once a day."""
    shop, referred, cursors = desk.shop, desk.house.books.referred, desk.house.books.cursors
    funnels = await referred.funnels(shop)
    for campaign_id in desk.campaigns:
        rows = await referred.page(shop, campaign_id=campaign_id, limit=MOST_SHOWN, newest=True)
        mine = [in_words(one) for one in funnels if one.campaign_id == campaign_id]
        table = [{name: str(value) for name, value in standing_of(row).items()} for row in rows]
        name = f"referral_factory/{campaign_id}/shown"
        shown = hashlib.sha256(repr((utc_now().date(), mine, table)).encode()).hexdigest()
        if not rows or shown == await cursors.get(shop, name):
            continue
        key, description = artifact_key(PROCESS, shop, str(campaign_id)), "; ".join([f"Campaign {campaign_id}", *mine])
        await acreate_table_artifact(key=key, table=table, description=description)
        await cursors.set(shop, name, shown)
