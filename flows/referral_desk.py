"""How one pass of booking-to-reward goes through its people: a page at a time, different people side by side.

What the pass does, and in which order, is flows/booking_to_reward.py's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from decisions.booking_map import TenantOptions
from flows.access import AWAY
from models.base import utc_now
from models.booking import ReferralStage
from models.errors import BusyError, ContractError, HeldError, RejectedError, TruckrollError, UnresolvedError
from models.referral import Campaign
from models.referral_settings import CampaignSettings
from models.report import RunReport
from models.tables import ReferredRow
from tasks.bookings import PROVIDER, ProviderError, book, notices_of, read_campaign_options
from tasks.contact_index import refresh_contact_index, refresh_location_contacts
from tasks.house import House
from tasks.qualify import GoneError, qualify
from tasks.referred_people import PROCESS, campaign_record, hold_person, kinds_on, record_of

AT_ONCE = 8
"""People booked or qualified side by side. The vendors' limits bound their calls."""

MEND_MAP = (
    "Correct the name in the shop file, or make the entry in ServiceTitan; bookings are made without it meanwhile."
)

REFUSED = (RejectedError, ContractError)
"""What keeps one part of a pass from being done, and no other part."""

STOPS_ONE = (HeldError, UnresolvedError, *REFUSED)
"""What keeps one person from being booked or qualified, and nobody else: somebody has to look."""


@dataclass
class Desk:
    """What one pass works with. What a campaign books with is read when the first of its people comes."""

    house: House
    report: RunReport
    campaigns: dict[int, CampaignSettings]
    """Those that book people, by id."""
    options: dict[int, tuple[Campaign, TenantOptions] | TruckrollError] = field(default_factory=dict)
    """What each campaign books with, or why that cannot be read."""
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_provider_refused: bool = False
    """ServiceTitan refuses the booking provider: nobody is booked in this pass."""
    began: datetime = field(default_factory=utc_now)

    @property
    def shop(self) -> str:
        """The shop's name."""
        return self.house.shop.name

    async def read(self, campaign_id: int) -> tuple[Campaign, TenantOptions]:
        """Return what a campaign books with. Raises one of STOPS_ONE, each time the same, when it cannot be read."""
        async with self.opening:
            if campaign_id not in self.options:
                try:
                    self.options[campaign_id] = await self._read(campaign_id)
                except STOPS_ONE as error:
                    self.options[campaign_id] = error
        found = self.options[campaign_id]
        if isinstance(found, TruckrollError):
            raise found
        return found

    async def _read(self, campaign_id: int) -> tuple[Campaign, TenantOptions]:
        settings = self.campaigns[campaign_id]
        kinds = kinds_on(settings)
        campaign, options = await read_campaign_options(self.shop, campaign_id, kinds)
        record, notices = f"map of {campaign_record(campaign_id)}", notices_of(settings, options, kinds)
        if notices:
            await self.hold(record, HeldError(" ".join(notices), MEND_MAP, "map"))
        else:
            await self.release(record)
        return campaign, options

    async def do(self, record: str, work: Awaitable[object]) -> bool:
        """Do a part of the pass. False: a vendor refuses it; that is held under the record, and stops no other part."""
        try:
            await work
        except REFUSED as error:
            await self.hold(record, error)
            return False
        await self.release(record)
        return True

    async def hold(self, record: str, error: TruckrollError) -> None:
        """Put a record on the held list, and tell of it."""
        where = error.field if isinstance(error, HeldError) else ""
        await self.house.books.held.hold(self.shop, PROCESS, record, reason=error.message, fix=error.fix, field=where)
        self.tell_held(record, error)

    async def hold_person(self, row: ReferredRow, error: TruckrollError, stage: ReferralStage) -> None:
        """Put a person on the held list and into this stage, and tell of it."""
        await hold_person(self.house, row, error, stage)
        self.tell_held(record_of(row.user_id), error)

    def tell_held(self, record: str, error: TruckrollError) -> None:
        """Report that a record is held; once, however many people ran into it."""
        if all(item.id != record for item in self.report.items):
            self.report.add(record, "held", str(error))

    async def release(self, *records: str) -> None:
        """Take records off the held list."""
        for record in records:
            await self.house.books.held.release(self.shop, PROCESS, record)


async def book_due(desk: Desk) -> None:
    """Book everybody who waits, in the order they signed up."""
    after = 0
    while page := await desk.house.books.referred.due(desk.shop, after=after):
        if not after and not await _refresh_index(desk):
            return
        after = page[-1].user_id
        for some in _of_different_emails(page):
            await _side_by_side(_book(desk, row) for row in some)
            if desk.is_provider_refused:
                return


async def qualify_due(desk: Desk) -> None:
    """Qualify every lead that has earned it."""
    after = 0
    while page := await desk.house.books.referred.to_qualify(desk.shop, after=after):
        after = page[-1].user_id
        for start in range(0, len(page), AT_ONCE):
            await _side_by_side(_qualify(desk, row) for row in page[start : start + AT_ONCE])


async def _refresh_index(desk: Desk) -> bool:
    """Take in what changed at contacts; False: they cannot be read, so nobody is booked without being looked for.

    Locations' contacts are left out where the app may not read them, and that is on the held list.
    """
    if not await desk.do("contacts", refresh_contact_index(desk.shop)):
        return False
    record, held = "contacts of locations", desk.house.books.held
    try:
        await refresh_location_contacts(desk.shop)
    except RejectedError as error:
        fix = "Let the app read them in ServiceTitan; people are booked all the same."
        await held.hold(desk.shop, PROCESS, record, reason=error.message, fix=fix)
    else:
        await desk.release(record)
    return True


def _of_different_emails(page: Sequence[ReferredRow]) -> list[list[ReferredRow]]:
    """Cut a page into groups of different people: who signed up twice is decided one after the other."""
    groups: list[list[ReferredRow]] = [[]]
    for row in page:
        is_again = any(other.email_key == row.email_key for other in groups[-1])
        if is_again or len(groups[-1]) >= AT_ONCE:
            groups.append([])
        groups[-1].append(row)
    return groups


async def _side_by_side(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of it to its end, whatever becomes of one; then raise what stopped the first."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if outcome is not None:
            raise outcome


async def _book(desk: Desk, row: ReferredRow) -> None:
    """Book one person. Raises AWAY, and nothing else a person or a vendor does."""
    record, its_campaign = record_of(row.user_id), campaign_record(row.campaign_id)
    if row.campaign_id not in desk.campaigns:
        why = "Bookings are switched off in its campaign."
        await desk.house.books.referred.update(desk.shop, row.user_id, stage=ReferralStage.IGNORED, why=why)
        return
    try:
        campaign, options = await desk.read(row.campaign_id)
    except STOPS_ONE as error:
        await desk.hold(its_campaign, error)
        return
    async with _telling(desk, record, "booking"):
        try:
            made = await book(desk.shop, row.user_id, options, campaign, has_waited=row.created_at < desk.began)
        except ProviderError as error:
            desk.is_provider_refused = True
            await desk.hold(PROVIDER, error)
        except STOPS_ONE as error:
            await desk.hold_person(row, error, ReferralStage.HELD)
        else:
            await desk.release(record, PROVIDER, its_campaign)
            said = f"booking {made.booking}" if made.booking else made.why
            outcome = ReferralStage.IGNORED if made.stage is ReferralStage.GONE else made.stage
            desk.report.add(record, outcome.value, " ".join([said, *made.notices]))


async def _qualify(desk: Desk, row: ReferredRow) -> None:
    """Qualify one lead. Raises AWAY, and nothing else the lead or the program does."""
    record = record_of(row.user_id)
    async with _telling(desk, record, "qualifying"):
        try:
            is_new = await qualify(desk.shop, row.user_id)
        except GoneError as error:
            await desk.hold_person(row, error, ReferralStage.GONE)
        except STOPS_ONE as error:
            await desk.hold(record, error)
        else:
            if is_new:
                desk.report.add(record, "qualified", row.qualified_by)


@asynccontextmanager
async def _telling(desk: Desk, record: str, doing: str) -> AsyncIterator[None]:
    """Report what another run does to the person, or what this one could not do. Raises AWAY."""
    try:
        yield
    except BusyError:
        desk.report.add(record, "skipped", f"Another run is {doing} it.")
    except AWAY:
        raise
    except TruckrollError as error:
        desk.report.add(record, "failed", f"{error} The next pass looks for it first.")
