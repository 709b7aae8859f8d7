"""Taking in who signed up in a campaign: by the program's deliveries, and by a reading behind them that finds all.

Source: contracts/referral_factory/CHECKLIST.md RF-41, RF-58, RF-D1; FACTS sections 2, 7, 9.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.orm import Session

from decisions.people import email_key
from decisions.sign_ups import Tail, has_moved, is_all_known, is_since, next_tail, settings_for, with_kind
from models.base import utc_now
from models.booking import ReferralStage
from models.errors import ContractError, HeldError, RejectedError, SettingsError, TruckrollError
from models.referral import ReferralUser, UnreadableUser, UserKind, UserPage
from models.referral_settings import CampaignSettings, SignUpSettings
from models.tables import ReferredRow
from tasks.contact_sync import campaign_settings
from tasks.house import House, open_house
from tasks.step import step

PROCESS = "booking-to-reward"
VENDOR = "referral_factory"

MOST_NAMED = 200
"""Deliveries looked at together."""

UNREADABLE = "person"
"""The field under which a person is held whom the program shows in a form we cannot read."""


_PERSON = "person"


def record_of(user_id: int) -> str:
    """Return how a person is called on the held list and in the audit log: by the program's id, never by name.

    It may be a lead, or a referrer who signed up by itself.
    """
    return f"{_PERSON} {user_id}"


def person_in(record: str) -> int | None:
    """Return the id of the person a record is, as `record_of` has it; None for a record that is no person.

    Older entries say "lead": taken for nobody, these people would be off the list and forgotten.
    """
    word, _, number = record.partition(" ")
    return int(number) if word in {_PERSON, "lead"} and number.isdecimal() else None


def campaign_record(campaign_id: int) -> str:
    """Return how a campaign is called on the held list."""
    return f"campaign {campaign_id}"


def sign_up_settings(settings: CampaignSettings, kind: str) -> SignUpSettings:
    """Return the settings for a kind of people; leads and referrers have their own (RF-47, RF-60)."""
    return settings.leads if kind == UserKind.LEAD else settings.referrers


def kinds_on(settings: CampaignSettings) -> list[UserKind]:
    """Return the kinds of people that a campaign books."""
    return [kind for kind in (UserKind.LEAD, UserKind.REFERRER) if sign_up_settings(settings, kind).enabled]


def booking_provider(house: House) -> int:
    """Return the booking provider. Raises SettingsError when the shop file has none (RF-22)."""
    provider = house.shop.need_servicetitan().booking_provider
    if provider is None:
        raise SettingsError(
            f"Shop {house.shop.name}: [servicetitan] has no booking_provider, so nobody can be booked.",
            "Write the id of the booking provider tag that was picked when the app was connected.",
        )
    return provider


async def hold_person(house: House, row: ReferredRow, error: TruckrollError, stage: ReferralStage) -> None:
    """Put a person on the held list and into this stage, in one: the stage alone would be looked at by nobody."""
    where = error.field if isinstance(error, HeldError) else ""

    def write(session: Session) -> None:
        house.books.held.hold_in(
            session, row.shop, PROCESS, record_of(row.user_id), reason=error.message, fix=error.fix, field=where
        )
        house.books.referred.update_in(session, row.shop, row.user_id, stage=stage, why=error.message)

    await house.books.store.run(write)


@dataclass
class Reading:
    """What came of reading a campaign's list."""

    new: int = 0
    unreadable: list[UnreadableUser] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    """Everybody on the pages that were read."""


@step("take in the sign-ups of campaign {campaign_id}")
async def take_in_campaign(shop: str, campaign_id: int) -> Reading:
    """Take in who signed up since the last pass; return how many are new, and who could not be read.

    The program filters by no date, so the list goes on at the page that was its last, and once a day from its first:
    what shifted meanwhile is found then. Everybody is known by id: one who comes twice is one.
    Raises: TransientError; UnauthorizedError; RejectedError.
    """
    async with open_house(shop) as house:
        settings = campaign_settings(house, campaign_id)
        before = {one.record for one in await house.books.held.list(shop, process=PROCESS) if one.field == UNREADABLE}
        tail = await _tail(house, campaign_id)
        today = utc_now().date().isoformat()
        is_whole = await house.books.cursors.get(shop, _whole(campaign_id)) != today
        taken, after = await _read(house, settings, Tail(1, tail.top) if is_whole else tail, is_whole=is_whole)
        if after is None:
            taken, after = await _read(house, settings, Tail(1, tail.top), is_whole=True)
            is_whole = True
        await house.books.cursors.set(shop, _cursor(campaign_id), (after or Tail()).text())
        if is_whole:
            await house.books.cursors.set(shop, _whole(campaign_id), today)
        for record in before & {record_of(user_id) for user_id in taken.read}:
            await house.books.held.release(shop, PROCESS, record)
        return taken


@step("take in who the program's deliveries name")
async def take_in_named(shop: str) -> int:
    """Read the people that deliveries name, and take them in; return how many are new.

    What else the deliveries say is not believed (FACTS section 9).
    """
    async with open_house(shop) as house:
        new = 0
        campaigns = {one.id: one for one in house.shop.need_referral_factory().campaigns}
        while events := await house.books.hook_events.waiting(shop, VENDOR, limit=MOST_NAMED):
            people = [await _named(house, record) for record in dict.fromkeys(event.record for event in events)]
            for user in filter(None, people):
                campaign = campaigns.get(user.campaign_id)
                if campaign is not None:
                    new += await _take_in(house, campaign, [user])
            await house.books.hook_events.handled(shop, VENDOR, [event.event_id for event in events])
        return new


async def _named(house: House, record: str) -> ReferralUser | None:
    kind, _, name = record.partition("/")
    try:
        if kind == "user" and name.isdecimal():
            return await house.referral_factory.get_user(int(name))
        return await house.referral_factory.get_user_by_code(name) if kind == "code" else None
    except (RejectedError, ContractError):
        # Deleted since, or never there: the address is open to whoever knows the secret. Who is there and cannot be
        # read is told when the campaign's list comes to them.
        return None


async def _read(house: House, settings: CampaignSettings, tail: Tail, *, is_whole: bool) -> tuple[Reading, Tail | None]:
    """Read from the tail's page on. The tail is None when that page does not follow on what was read."""
    taken, pages = Reading(), list[tuple[int, int, int]]()
    number, is_ascending, last = tail.page, True, 0
    async for page in house.referral_factory.search_users(settings.id, first_page=tail.page):
        ids = _ids(page)
        if number == tail.page > 1 and has_moved(ids, tail):
            return taken, None
        taken.new += await _take_in(house, settings, page.users)
        taken.unreadable += page.unreadable
        taken.read |= set(ids)
        if ids:
            is_ascending = is_ascending and ids == sorted(ids) and ids[0] > last
            last = ids[-1]
            pages.append((number, min(ids), max(ids)))
        if not is_whole and is_all_known(ids, tail) and len(ids) > 1:
            break
        number += 1
    return taken, next_tail(tail, pages, is_ascending=is_ascending)


def _ids(page: UserPage) -> list[int]:
    return [user.id for user in page.users]


async def _take_in(house: House, settings: CampaignSettings, users: Iterable[ReferralUser]) -> int:
    """Take in those of a page whom the campaign's settings are about."""
    shop, books = house.shop.name, house.books
    people = [with_kind(user) for user in users]
    since = {kind: await _since(house, settings, kind) for kind in kinds_on(settings)}
    wanted = [user for user in people if settings_for(user, settings) is not None and is_since(user, since[user.kind])]
    ours = await books.referrals.ours(shop, settings.id, [user.id for user in wanted])
    return await books.referred.take_in(
        shop, [(user, email_key(user.email)) for user in wanted if user.id not in ours or user.referrer_id is not None]
    )


async def _since(house: House, settings: CampaignSettings, kind: UserKind) -> date:
    """Return from which day on sign-ups of a kind are taken in: set when it was first switched on, and then kept."""
    name = f"{VENDOR}/{settings.id}/{kind}/since"
    kept = await house.books.cursors.get(house.shop.name, name)
    if kept:
        return date.fromisoformat(kept)
    first = (utc_now() - sign_up_settings(settings, kind).look_back).astimezone(house.shop.zone).date()
    await house.books.cursors.set(house.shop.name, name, first.isoformat())
    return first


async def _tail(house: House, campaign_id: int) -> Tail:
    return Tail.of(await house.books.cursors.get(house.shop.name, _cursor(campaign_id)))


def _cursor(campaign_id: int) -> str:
    return f"{VENDOR}/{campaign_id}/sign-ups"


def _whole(campaign_id: int) -> str:
    return f"{VENDOR}/{campaign_id}/sign-ups/whole"
