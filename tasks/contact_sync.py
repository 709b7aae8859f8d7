"""The contact sync, a page of customers at a time: read what changed, decide, call, keep.

A page's intents are kept before its first call and results as they come, so that a sync killed anywhere goes on with
what it knows: a call whose answer nobody kept is looked for, never repeated (DESIGN section 3). Source: CHECKLIST
RF-30, RF-31, RF-40, RF-D3.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from decisions.contact_map import ContactMap, draft_of, plan_mapping, unknown_labels
from decisions.referral_sync import decide_sync
from models.contact_sync import Adopt, ChangedPage, Create, Look, Mark, Update
from models.errors import (
    HeldError,
    NotFoundError,
)
from models.referral import Campaign
from models.referral_settings import CampaignSettings, ReferralFactorySettings
from store import Books
from tasks.house import House, open_house
from tasks.referral_calls import referral_calls
from tasks.step import step

PROCESS = "contact-sync"

LEAST, MOST = 500, 5_000
"""Customers of a page: `page_size`."""


@dataclass(frozen=True)
class PageDone:
    """What became of one page."""

    customers: int
    created: int = 0
    changed: int = 0
    adopted: int = 0
    refused: int = 0
    unknown: int = 0
    """Calls without an answer: looked for by the next sync."""
    is_last: bool = False


@step("look at campaign {campaign_id}")
async def check_campaign(shop: str, campaign_id: int) -> Campaign:
    """Read the campaign the sync is for. Raises: HeldError when it is gone or lacks a field that is mapped."""
    async with open_house(shop) as house:
        return await read_campaign(house, campaign_id)


async def get_campaign(house: House, campaign_id: int) -> Campaign:
    """Read a campaign. Raises HeldError when the program has none of this id."""
    try:
        return await house.referral_factory.get_campaign(campaign_id)
    except NotFoundError:
        raise HeldError(
            f"Referral Factory has no campaign {campaign_id}.",
            "Correct the campaign's id in the shop file, or take the campaign out.",
            "referral_factory.campaigns.id",
        ) from None


async def read_campaign(house: House, campaign_id: int) -> Campaign:
    """Read a campaign, and compare its fields with the shop's map: see `check_campaign`. Raises SettingsError too."""
    mapping = plan_mapping(campaign_settings(house, campaign_id).contact_sync)
    campaign = await get_campaign(house, campaign_id)
    faults = unknown_labels(mapping, campaign.fields)
    if faults:
        raise HeldError(
            f"The map of campaign {campaign_id} does not fit: {' '.join(faults)}",
            "Correct [referral_factory.campaigns.contact_sync.map], or add the field to the campaign.",
            "referral_factory.campaigns.contact_sync.map",
        )
    return campaign


@step("sync page {number} of campaign {campaign_id}")
async def sync_page(shop: str, campaign_id: int, number: int, run: str) -> PageDone:
    """Take the next page of changed customers up. The mark moves past a page when its last call is under way.

    `run` names this sync, unlike any other: what another one left unanswered comes again, and is looked for. The last
    page of a sync waits for every answer.
    Raises: TransientError, UnauthorizedError and RejectedError when the program takes nobody; what was done is kept.
    """
    async with open_house(shop) as house:
        mapping = plan_mapping(campaign_settings(house, campaign_id).contact_sync)
        size = page_size(referral_settings(house).calls_per_minute, number)
        async with referral_calls(house, campaign_id, run) as calls:
            page = await _next_page(house, campaign_id, mapping, size)
            is_full, some_are_open = len(page.customers) == size, calls.is_open
            drafts = [draft_of(customer, mapping) for customer in page.customers]
            decisions = await house.books.referrals.begin(shop, campaign_id, drafts, decide_sync, run=run)
            to_make = [one for one in decisions if isinstance(one, Create | Adopt | Update | Look)]
            await calls.take(to_make)
            if not is_full:
                await calls.drain()
            await _keep_mark(house, campaign_id, mapping, page.mark)
            # Answers may let some come again, to be done now. Whoever waits for a lost one would come again for ever:
            # that is the next sync's.
            has_more = is_full or (
                (to_make or some_are_open) and await house.books.contact_index.waiting(shop, page.mark)
            )
            return PageDone(len(page.customers), is_last=not has_more, **calls.counted())


def page_size(calls_per_minute: float, number: int) -> int:
    """Return how many customers a page has: a minute's calls or so. Without a limit they go fast, and pages cost.

    The first pages are smaller: their calls are under way while the next ones are read.
    """
    return int(min(MOST, max(LEAST, calls_per_minute), LEAST * 2 ** (number - 1)))


async def _next_page(house: House, campaign_id: int, mapping: ContactMap, size: int) -> ChangedPage:
    mark = await read_mark(house, campaign_id, mapping)
    return await house.books.contact_index.changed(house.shop.name, mark, limit=size)


def campaign_settings(house: House, campaign_id: int) -> CampaignSettings:
    """Return a campaign's section of the shop file. Raises HeldError when there is none."""
    for campaign in referral_settings(house).campaigns:
        if campaign.id == campaign_id:
            return campaign
    raise HeldError(f"The shop file has no campaign {campaign_id}.", "Add it.", "referral_factory.campaigns.id")


def referral_settings(house: House) -> ReferralFactorySettings:
    """Return [referral_factory]. Raises SettingsError when the shop file has none."""
    return house.shop.need_referral_factory()


async def read_mark(house: House, campaign_id: int, mapping: ContactMap) -> Mark:
    """Return how far the sync is; the beginning when the map is another than it was: then everybody counts."""
    kept = await house.books.cursors.get(house.shop.name, _cursor(campaign_id)) or ""
    fingerprint, _, text = kept.partition(" ")
    return Mark.of(text) if fingerprint == mapping.fingerprint else Mark()


def once_cursor(campaign_id: int) -> str:
    """Name the cursor of a sync that was to run once, and has: it keeps the map's fingerprint (RF-39)."""
    return f"{_cursor(campaign_id)}/once"


async def sync_once_more(books: Books, shop: str, campaign_id: int) -> None:
    """Let a sync that was to run once, and has, run again: somebody asked for it."""
    if await books.cursors.get(shop, once_cursor(campaign_id)):
        await books.cursors.set(shop, once_cursor(campaign_id), "")


def campaign_of(record: str) -> int | None:
    """Return the campaign of an entry of this process on the held list: "campaign 1001", "campaign 1001 customers"."""
    word, _, rest = record.partition(" ")
    number = rest.partition(" ")[0]
    return int(number) if word == "campaign" and number.isdigit() else None


async def has_begun(house: House, campaign_id: int) -> bool:
    """Tell whether a page of the campaign was ever synced."""
    return await house.books.cursors.get(house.shop.name, _cursor(campaign_id)) is not None


async def _keep_mark(house: House, campaign_id: int, mapping: ContactMap, mark: Mark) -> None:
    await house.books.cursors.set(house.shop.name, _cursor(campaign_id), f"{mapping.fingerprint} {mark.text()}")


def _cursor(campaign_id: int) -> str:
    return f"referral_factory/{campaign_id}/contacts"


class Pace:
    """How fast a sync goes, and how long it has to go."""

    def __init__(self, total: int) -> None:
        """`total`: customers that wait at the beginning."""
        self._total = total
        self._began = time.monotonic()
        self.done = 0

    def add(self, customers: int) -> None:
        """Count customers that are done."""
        self.done += customers

    @property
    def percent(self) -> float:
        """Of those that waited at the beginning."""
        return min(100.0, 100 * self.done / self._total) if self._total else 100.0

    def in_words(self) -> str:
        """Say where it stands, such as "1,500 of 10,000 customers, 9.8 a second, 14 min to go"."""
        passed_s = max(time.monotonic() - self._began, 0.001)
        rate = self.done / passed_s
        left = max(self._total - self.done, 0)
        to_go = f", {_span(left / rate)} to go" if rate and left else ""
        return f"{self.done:,} of {self._total:,} customers, {rate:.1f} a second{to_go}"


def _span(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004  a minute and a half is the last that is said in seconds
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004  two hours likewise
