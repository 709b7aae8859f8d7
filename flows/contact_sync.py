"""Contact sync: every customer of ServiceTitan gets a referral link, silently, once or ongoing.

Reads like docs/processes/contact-sync.md. Nobody is notified. A page of customers is the unit of work: memory is flat,
and a sync that was stopped goes on where it was.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State

from decisions.campaign_mails import MAILS, WHERE_OFF, notice
from decisions.contact_map import plan_mapping
from decisions.referral_sync import how_to_go_on
from decisions.words import customers
from flows.access import AWAY, REFERRALS, how_it_ended, may_move, note_away, note_back
from flows.link_write_back import write_links_back
from flows.running import finish
from flows.showing import artifact_key, show_progress
from models.contact_sync import SkipReason, SyncCounts
from models.errors import BusyError, ContractError, HeldError, RejectedError
from models.referral_settings import CampaignSettings
from models.report import RunReport
from tasks.contact_index import refresh_contact_index
from tasks.contact_sync import PROCESS, Pace, PageDone, check_campaign, has_begun, once_cursor, read_mark, sync_page
from tasks.house import House, open_house
from tasks.interpreter import for_a_busy_pass
from tasks.referral_calls import referral_calls

VENDORS = ("Referral Factory", "ServiceTitan")

MOST_SHOWN = 500
"""Links and skipped customers of the table in Prefect; `truckroll report links` has them all."""


@flow(name="contact-sync", flow_run_name="contact sync - {shop}")
async def contact_sync(shop: str) -> State[Any]:
    """Give every new or changed customer its link in each campaign whose sync is on.

    Args:
        shop: The shop's name: the name of its file in the shops folder, without .toml.

    """
    report = RunReport(process=PROCESS, shop=shop)
    async with open_house(shop, moves_between=REFERRALS) as house:
        campaigns = [one for one in house.shop.need_referral_factory().campaigns if one.contact_sync.enabled]
        if await _may_run(house, report, campaigns):
            try:
                with for_a_busy_pass():
                    # 1. What changed at customers and their contacts since the last pass.
                    await refresh_contact_index(shop, with_locations=False)
                    for campaign in campaigns:
                        await _sync(house, campaign, report)
            except AWAY as error:
                await note_away(house, error)
                report.add(error.vendor or "vendor", how_it_ended(error), str(error))
            await note_back(house, report, VENDORS)
    return await finish(report, for_people=("failed", "held"))


async def _may_run(house: House, report: RunReport, campaigns: list[CampaignSettings]) -> bool:
    """Nothing moves before both sides are connected and a campaign is configured (RF-26, RF-67)."""
    house.shop.need_servicetitan()
    if not await may_move(house, report, *REFERRALS):
        return False
    if not campaigns:
        report.add(PROCESS, "skipped", "The contact sync is on in no campaign of the shop file.")
    return bool(campaigns)


async def _sync(house: House, campaign: CampaignSettings, report: RunReport) -> None:
    """Sync one campaign; what is wrong with it does not stop the others."""
    record = f"campaign {campaign.id}"
    try:
        async with house.books.leases.hold(f"{house.shop.name}/contact-sync/{campaign.id}"):
            try:
                await _make_links(house, campaign, report)
                await house.books.held.release(house.shop.name, PROCESS, record)
            except (HeldError, RejectedError, ContractError) as error:
                field = error.field if isinstance(error, HeldError) else ""
                fix = how_to_go_on(error.status, error.fix) if isinstance(error, RejectedError) else error.fix
                await house.books.held.hold(
                    house.shop.name, PROCESS, record, reason=error.message, fix=fix, field=field
                )
                report.add(record, "held", f"{error.message} {fix}")
            # 5. The links there are into a custom field of ServiceTitan, where the campaign names one.
            await write_links_back(house, campaign, report)
    except BusyError:
        report.add(record, "skipped", "Another run is syncing it.")


async def _make_links(house: House, campaign: CampaignSettings, report: RunReport) -> None:
    if await _is_over(house, campaign):
        report.add(
            f"campaign {campaign.id}", "unchanged", "It was to be synced once, and is. Set ongoing = true to go on."
        )
        return
    # 2. The campaign is there, and has the fields that are mapped.
    await check_campaign(house.shop.name, campaign.id)
    await _show_before_first(house, campaign)
    # 3. Page by page.
    done = await _pages(house, campaign)
    # 4. Links and skipped customers, to be read.
    if await _show(house, campaign, report, done) and done[-1:] and done[-1].is_last:
        await _note_over(house, campaign)


async def _pages(house: House, campaign: CampaignSettings) -> list[PageDone]:
    shop = house.shop.name
    mapping = plan_mapping(campaign.contact_sync)
    pace = Pace(await house.books.contact_index.waiting(shop, await read_mark(house, campaign.id, mapping)))
    run, done = uuid4().hex, list[PageDone]()
    artifact: UUID | None = None
    # Disconnecting stops a sync that is under way: its next call raises DisconnectedError (RF-67).
    async with referral_calls(house, campaign.id, run):
        while not done or not done[-1].is_last:
            page = await sync_page(shop, campaign.id, len(done) + 1, run)
            done.append(page)
            pace.add(page.customers)
            if page.customers:
                words = f"Campaign {campaign.id}: {pace.in_words()}"
                artifact = await show_progress(
                    artifact_key("contact-sync", str(campaign.id)), words, pace.percent, artifact
                )
    return done


async def _show_before_first(house: House, campaign: CampaignSettings) -> None:
    """Say before a campaign's first sync what a person sees to: the API shows none of it (RF-31, RF-38)."""
    shop, sync = house.shop.name, campaign.contact_sync
    if await has_begun(house, campaign.id):
        return
    log = get_run_logger()
    log.warning("First sync of campaign %s: its mails must be off in Referral Factory: %s.", campaign.id, _mail_names())
    log.info("First sync of campaign %s: %s.", campaign.id, notice(sync.write_link_to))
    await acreate_table_artifact(
        key=artifact_key("before-first-sync", shop, str(campaign.id)),
        table=[{"mail": mail.name, "must be": "off", "because": mail.why, "what to do": WHERE_OFF} for mail in MAILS],
        description=f"Campaign {campaign.id}, before its first sync: these mails must be off. "
        f"And {notice(sync.write_link_to)}.",
    )


def _mail_names() -> str:
    return ", ".join(mail.name for mail in MAILS)


async def _show(house: House, campaign: CampaignSettings, report: RunReport, done: list[PageDone]) -> bool:
    """Show where the campaign stands. False: answers are missing, and the next pass looks for them."""
    shop, books = house.shop.name, house.books
    counts = await books.referrals.counts(shop, campaign.id)
    skipped = await books.referrals.skipped(shop, campaign.id, limit=MOST_SHOWN)
    links = await books.referrals.links(shop, campaign.id, limit=MOST_SHOWN)
    left_out = sum(counts.skipped.values())
    words = (
        f"{counts.linked:,} customers have a link, {left_out:,} have none, {counts.waiting:,} wait; this pass: "
        f"{sum(page.created for page in done):,} made, {sum(page.changed for page in done):,} changed, "
        f"{sum(page.refused for page in done):,} refused"
    )
    await acreate_table_artifact(
        key=artifact_key("referral-links", shop, str(campaign.id)),
        table=[
            *({"customer": str(one.customer), "link": one.url, "why none": ""} for one in links),
            *({"customer": str(one.customer), "link": "", "why none": one.why} for one in skipped),
        ],
        description=f"Referral links of campaign {campaign.id}: {words}. All of them: `truckroll report links`.",
    )
    await _hold_customers(house, campaign, counts)
    is_whole = not counts.waiting and not any(page.unknown for page in done)
    ending = "" if is_whole else "; answers are missing, and the next pass looks for them"
    report.add(f"campaign {campaign.id}", "synced" if is_whole else "failed", f"{words}{ending}")
    return is_whole


async def _hold_customers(house: House, campaign: CampaignSettings, counts: SyncCounts) -> None:
    """Keep one entry on the held list for the customers that wait for a person, and none where nobody does."""
    shop, record = house.shop.name, f"campaign {campaign.id} customers"
    refused, taken = (counts.skipped.get(reason, 0) for reason in (SkipReason.REFUSED, SkipReason.EMAIL_TAKEN))
    if not refused and not taken:
        await house.books.held.release(shop, PROCESS, record)
        return
    said = [
        *([f"Referral Factory refused {customers(refused)}."] if refused else []),
        *([f"An old link stays with {customers(taken)} whose new e-mail is another person's."] if taken else []),
    ]
    await house.books.held.hold(
        shop,
        PROCESS,
        record,
        reason=" ".join(said),
        fix=f"`truckroll report links --shop {shop} --campaign {campaign.id} --skipped` says why of each. What is "
        "corrected in ServiceTitan goes through by itself; retrying this sends all of them once more.",
    )


async def _is_over(house: House, campaign: CampaignSettings) -> bool:
    """Tell whether a sync that was to run once has run, with this same map (RF-39)."""
    if campaign.contact_sync.ongoing:
        return False
    kept = await house.books.cursors.get(house.shop.name, once_cursor(campaign.id))
    return kept == plan_mapping(campaign.contact_sync).fingerprint


async def _note_over(house: House, campaign: CampaignSettings) -> None:
    fingerprint = plan_mapping(campaign.contact_sync).fingerprint
    await house.books.cursors.set(house.shop.name, once_cursor(campaign.id), fingerprint)
