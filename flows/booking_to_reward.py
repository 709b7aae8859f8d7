"""Booking to reward: who signs up in a referral campaign gets a booking; the lead of a booking that is won, qualifies.

Reads like docs/processes/booking-to-reward.md. Every write is done once, so a pass that was killed anywhere is simply
run again. No reward is ever issued from here: the program does that, or a person.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prefect import flow
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State

from decisions.booking_map import TenantOptions
from decisions.funnel import in_words, standing_of
from flows.access import AWAY, REFERRALS, how_it_ended, may_move, note_away, note_back
from flows.running import finish
from flows.showing import artifact_key
from models.base import utc_now
from models.booking import ReferralStage
from models.errors import BusyError, ContractError, HeldError, RejectedError, TruckrollError, UnresolvedError
from models.referral import Campaign
from models.referral_settings import CampaignSettings
from models.report import RunReport
from models.tables import HeldRow, ReferredRow
from tasks.bookings import PROVIDER, ProviderError, book, notices_of, read_campaign_options
from tasks.contact_index import refresh_contact_index, refresh_location_contacts
from tasks.house import House, open_house
from tasks.qualify import qualify, read_rewards, rewards_are_due_for_reading
from tasks.referral_follow import (
    ITS_BOOKING,
    follow_bookings,
    follow_held,
    follow_jobs,
    judge_again,
    note_heard,
)
from tasks.referred_people import (
    PROCESS,
    UNREADABLE,
    TakenIn,
    booking_provider,
    kinds_on,
    record_of,
    take_in_campaign,
    take_in_named,
)

VENDORS = ("Referral Factory", "ServiceTitan")

AT_ONCE = 8
"""People booked or qualified side by side. The vendors' limits bound their calls."""

MEND_MAP = (
    "Correct the name in the shop file, or make the entry in ServiceTitan; bookings are made without it meanwhile."
)

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


@dataclass
class Desk:
    """What one pass works with. What a campaign books with is read when the first of its people comes."""

    house: House
    report: RunReport
    campaigns: dict[int, CampaignSettings]
    options: dict[int, tuple[Campaign, TenantOptions] | HeldError] = field(default_factory=dict)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    provider: ProviderError | None = None
    """ServiceTitan refuses the booking provider: nobody is booked in this pass."""
    began: datetime = field(default_factory=utc_now)

    async def read(self, campaign_id: int) -> tuple[Campaign, TenantOptions]:
        """Return what a campaign books with. Raises HeldError, each time the same, when it cannot be read."""
        async with self.opening:
            if campaign_id not in self.options:
                try:
                    self.options[campaign_id] = await self._read(campaign_id)
                except (HeldError, RejectedError, ContractError) as error:
                    self.options[campaign_id] = _as_held(error)
        found = self.options[campaign_id]
        if isinstance(found, HeldError):
            raise found
        return found

    async def _read(self, campaign_id: int) -> tuple[Campaign, TenantOptions]:
        kinds = kinds_on(self.campaigns[campaign_id])
        campaign, options = await read_campaign_options(self.house.shop.name, campaign_id, kinds)
        notices = notices_of(self.campaigns[campaign_id], options, kinds)
        record, held = f"map of campaign {campaign_id}", self.house.books.held
        if notices:
            why = " ".join(notices)
            await held.hold(self.house.shop.name, PROCESS, record, reason=why, fix=MEND_MAP, field="map")
            self.report.add(record, "held", f"{why} {MEND_MAP}")
        else:
            await held.release(self.house.shop.name, PROCESS, record)
        return campaign, options


async def _pass(desk: Desk) -> None:
    shop = desk.house.shop.name
    # 1. Who signed up since the last pass: whom deliveries name, and whom the campaigns' lists have.
    await _note_unreadable(desk, await take_in_named(shop))
    for campaign_id in desk.campaigns:
        await _take_in(desk, campaign_id)
    # 2. Each gets one booking; whoever ServiceTitan knows by e-mail is recognised.
    await _book_due(desk)
    # 3. What became of the bookings, and of the jobs they turned into.
    await _judge_changed_rules(desk)
    await _follow(desk)
    await note_heard(shop, desk.began.isoformat())
    # 4. Leads whose booking was won are qualified, once.
    await _qualify_due(desk)
    # 5. What the program says of their rewards.
    if await rewards_are_due_for_reading(desk.house):
        await _hold_or_release(desk, "rewards", read_rewards(shop))
    # 6. Everybody, and how far they are, to be read.
    await _show(desk)


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


async def _take_in(desk: Desk, campaign_id: int) -> None:
    record = f"campaign {campaign_id}"
    try:
        taken = await take_in_campaign(desk.house.shop.name, campaign_id)
    except (RejectedError, ContractError) as error:
        await _hold(desk, record, _as_held(error))
        return
    await desk.house.books.held.release(desk.house.shop.name, PROCESS, record)
    await _note_unreadable(desk, taken)


async def _note_unreadable(desk: Desk, taken: TakenIn) -> None:
    for one in taken.unreadable:
        fix = "Look at the person in Referral Factory; it comes again by itself once it can be read."
        error = HeldError(f"Referral Factory shows this person in a form we cannot read: {one.why}.", fix, UNREADABLE)
        await _hold(desk, record_of(one.id) if one.id else "a person without an id", error)


async def _book_due(desk: Desk) -> None:
    """Book everybody who waits, in the order they signed up; several at a time, and no one stops the others."""
    house, after, is_fresh = desk.house, 0, False
    while page := await house.books.referred.due(house.shop.name, after=after):
        after = page[-1].user_id
        if not is_fresh and not await _refresh_index(desk):
            return
        is_fresh = True
        for some in _by_email(page):
            await _together(_book(desk, row) for row in some)
            if desk.provider is not None:
                return


async def _refresh_index(desk: Desk) -> bool:
    """Take in what changed at contacts; False: they cannot be read, so nobody is booked without being looked for.

    Locations' contacts are left out where the app may not read them, and told.
    """
    shop, held = desk.house.shop.name, desk.house.books.held
    if not await _hold_or_release(desk, "contacts", refresh_contact_index(shop)):
        return False
    try:
        await refresh_location_contacts(shop)
    except RejectedError as error:
        record, fix = "contacts of locations", "Let the app read them in ServiceTitan; people are booked all the same."
        await held.hold(shop, PROCESS, record, reason=error.message, fix=fix)
    else:
        await held.release(shop, PROCESS, "contacts of locations")
    return True


async def _hold_or_release(desk: Desk, record: str, work: Awaitable[object]) -> bool:
    """Do a part of the pass; what refuses it is held under the record, and stops no other part. False: it is held."""
    try:
        await work
    except (RejectedError, ContractError) as error:
        await _hold(desk, record, _as_held(error))
        return False
    await desk.house.books.held.release(desk.house.shop.name, PROCESS, record)
    return True


def _by_email(page: Sequence[ReferredRow]) -> list[list[ReferredRow]]:
    """Cut a page into groups of different people: who signed up twice is decided one after the other."""
    groups: list[list[ReferredRow]] = [[]]
    for row in page:
        is_again = any(other.email_key == row.email_key for other in groups[-1])
        if is_again or len(groups[-1]) >= AT_ONCE:
            groups.append([])
        groups[-1].append(row)
    return groups


async def _book(desk: Desk, row: ReferredRow) -> bool:
    """Book one person; True when that is done. Raises AWAY, and nothing else a person or a vendor does."""
    house, shop, record = desk.house, desk.house.shop.name, record_of(row.user_id)
    if row.campaign_id not in desk.campaigns:
        why = "Bookings are switched off in its campaign."
        await house.books.referred.update(shop, row.user_id, stage=ReferralStage.IGNORED, why=why)
        return False
    try:
        campaign, options = await desk.read(row.campaign_id)
    except HeldError as error:
        await _hold(desk, f"campaign {row.campaign_id}", error)
        return False
    try:
        made = await book(shop, row.user_id, options, campaign, has_waited=row.created_at < desk.began)
    except ProviderError as error:
        desk.provider = error
        await _hold(desk, PROVIDER, error)
        return False
    except BusyError:
        desk.report.add(record, "skipped", "Another run is booking it.")
        return False
    except (HeldError, RejectedError, UnresolvedError, ContractError) as error:
        held = _as_held(error)
        await house.books.referred.update(shop, row.user_id, stage=ReferralStage.HELD, why=held.message)
        await _hold(desk, record, held)
        return False
    except AWAY:
        raise
    except TruckrollError as error:
        desk.report.add(record, "failed", f"{error} The next pass looks for it first.")
        return False
    for one in (record, PROVIDER, f"campaign {row.campaign_id}"):
        await house.books.held.release(shop, PROCESS, one)
    said = f"booking {made.booking}" if made.booking else made.why
    outcome = ReferralStage.IGNORED if made.stage is ReferralStage.GONE else made.stage
    desk.report.add(record, outcome.value, " ".join([said, *made.notices]))
    return True


async def _together(work: Iterable[Coroutine[Any, Any, bool]]) -> list[bool]:
    """Do all of it side by side, to its end; then raise what stopped one."""
    done = await asyncio.gather(*work, return_exceptions=True)
    for outcome in done:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in done if isinstance(outcome, bool)]


async def _judge_changed_rules(desk: Desk) -> None:
    """A rule that a person has changed counts for everybody who is followed, from the next pass on (RF-64)."""
    shop, cursors = desk.house.shop.name, desk.house.books.cursors
    for campaign in desk.house.shop.need_referral_factory().campaigns:
        rule = (campaign.leads.qualify_when, campaign.leads.wanted_status, campaign.leads.qualify_existing)
        fingerprint = hashlib.sha256(repr(rule).encode()).hexdigest()[:16]
        name = f"referral_factory/{campaign.id}/rule"
        known = await cursors.get(shop, name)
        if known != fingerprint:
            if known is not None:
                await judge_again(shop, campaign.id)
            await cursors.set(shop, name, fingerprint)


async def _follow(desk: Desk) -> None:
    """Follow bookings, then jobs: what keeps one of the lists from being read does not stop the other."""
    shop = desk.house.shop.name
    # With the booking provider refused, its list is refused too: that is told already.
    if desk.provider is None:
        await _hold_or_release(desk, "changed bookings", follow_bookings(shop))
    await _hold_or_release(desk, "changed jobs", follow_jobs(shop))
    if await _held_looks(desk):
        await follow_held(shop)
        for entry in await _held_looks(desk):
            desk.report.add(entry.record, "held", f"{entry.reason} {entry.fix}")


async def _held_looks(desk: Desk) -> list[HeldRow]:
    entries = await desk.house.books.held.list(desk.house.shop.name, process=PROCESS)
    return [entry for entry in entries if entry.record.endswith(ITS_BOOKING)]


async def _qualify_due(desk: Desk) -> None:
    """Qualify every lead that has earned it, several at a time."""
    house, after = desk.house, 0
    while page := await house.books.referred.to_qualify(house.shop.name, after=after):
        after = page[-1].user_id
        for start in range(0, len(page), AT_ONCE):
            await _together(_qualify(desk, row) for row in page[start : start + AT_ONCE])


async def _qualify(desk: Desk, row: ReferredRow) -> bool:
    """Qualify one lead; True when it was done now. Raises AWAY, and nothing else the lead or the program does."""
    record = record_of(row.user_id)
    try:
        is_new = await qualify(desk.house.shop.name, row.user_id)
    except BusyError:
        desk.report.add(record, "skipped", "Another run is qualifying it.")
        return False
    except (HeldError, RejectedError, UnresolvedError, ContractError) as error:
        await _hold(desk, record, _as_held(error))
        return False
    except AWAY:
        raise
    except TruckrollError as error:
        desk.report.add(record, "failed", f"{error} The next pass looks for it first.")
        return False
    if is_new:
        desk.report.add(record, "qualified", row.qualified_by)
    return is_new


def _as_held(error: TruckrollError) -> HeldError:
    return HeldError(error.message, error.fix, field=error.field if isinstance(error, HeldError) else "")


async def _hold(desk: Desk, record: str, error: HeldError) -> None:
    await desk.house.books.held.hold(
        desk.house.shop.name, PROCESS, record, reason=error.message, fix=error.fix, field=error.field
    )
    if all(item.id != record for item in desk.report.items):
        desk.report.add(record, "held", str(error))


async def _show(desk: Desk) -> None:
    """Show how far everybody came, and each campaign's funnel: when it is news, and once a day."""
    shop, referred, cursors = desk.house.shop.name, desk.house.books.referred, desk.house.books.cursors
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
