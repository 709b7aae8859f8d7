"""Links written into ServiceTitan: a step of the contact sync, where the campaign names a field."""

from __future__ import annotations

from uuid import UUID

from decisions.words import customers
from flows.access import AWAY, note_away
from flows.showing import artifact_key, show_progress
from models.errors import AmbiguousWriteError, BusyError, DisconnectedError, HeldError, VendorError
from models.referral_settings import CampaignSettings
from models.report import RunReport
from tasks.contact_sync import PROCESS, Pace
from tasks.house import House
from tasks.link_write_back import LinksWritten, find_link_field, write_links

MOST_COUNTED = 1_000
"""Customers whose link could not be written that the held list counts."""


async def write_links_back(house: House, campaign: CampaignSettings, report: RunReport) -> None:
    """Write the campaign's links into their custom field, and tell what came of it.

    Whatever is wrong here is told here: links and the other campaigns do not wait for it. Raises: DisconnectedError.
    """
    name, shop, record = campaign.contact_sync.write_link_to.strip(), house.shop.name, _record(campaign)
    if not name:
        return
    try:
        # One campaign at a time: each write carries a customer's whole list of fields, the other's link in it.
        async with house.books.leases.hold(f"{shop}/contact-sync/write-back"):
            done = await _pages(house, campaign)
    except BusyError:
        report.add(record, "skipped", "Another run is writing links.")
    except DisconnectedError:
        raise  # it ends the pass, and is nobody's fault
    except (*AWAY, AmbiguousWriteError) as error:
        await note_away(house, error)
        report.add(record, "failed", str(error))
    except (HeldError, VendorError) as error:
        field = error.field if isinstance(error, HeldError) else ""
        await house.books.held.hold(shop, PROCESS, record, reason=error.message, fix=error.fix, field=field)
        report.add(record, "held", str(error))
    else:
        await _tell(house, campaign, report, done)


async def _pages(house: House, campaign: CampaignSettings) -> list[LinksWritten]:
    shop = house.shop.name
    field = await find_link_field(shop, campaign.id)
    pace = Pace(await house.books.referrals.count_to_write(shop, campaign.id))
    done: list[LinksWritten] = []
    artifact: UUID | None = None
    # Disconnecting either side stops it with the next call, which raises DisconnectedError (RF-67).
    while not done or not done[-1].is_last:
        page = await write_links(shop, campaign.id, field, done[-1].last if done else 0, len(done) + 1)
        done.append(page)
        pace.add(page.customers)
        if page.customers:
            words = f"Links of campaign {campaign.id} into ServiceTitan: {pace.in_words()}"
            key = artifact_key("link-write-back", str(campaign.id))
            artifact = await show_progress(key, words, pace.percent, artifact)
    return done


async def _tell(house: House, campaign: CampaignSettings, report: RunReport, done: list[LinksWritten]) -> None:
    shop, record = house.shop.name, _record(campaign)
    wrote, there, failed, unknown = (
        sum(getattr(page, name) for page in done) for name in ("wrote", "there", "failed", "unknown")
    )
    left = len(await house.books.referrals.unwritten(shop, campaign.id, limit=MOST_COUNTED))
    if left:
        some = customers(left) if left < MOST_COUNTED else f"{customers(left)} or more"
        await house.books.held.hold(
            shop,
            PROCESS,
            record,
            reason=f"The links of {some} could not be written into ServiceTitan.",
            fix=f"`truckroll report links --shop {shop} --campaign {campaign.id}` says why of each. "
            "When it is mended, retry what is held.",
        )
    else:
        await house.books.held.release(shop, PROCESS, record)
    field = campaign.contact_sync.write_link_to.strip()
    words = f'{wrote:,} links written into "{field}", {there:,} were there, {failed:,} could not be written'
    if unknown:
        report.add(record, "failed", f"{words}; {unknown:,} answers are missing, and the next pass looks for them")
    elif failed:
        report.add(record, "held", words)
    else:
        report.add(record, "written" if wrote or there else "unchanged", words)


def _record(campaign: CampaignSettings) -> str:
    return f"campaign {campaign.id} write-back"
