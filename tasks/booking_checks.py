"""What has to be so before people are booked: the provider is there, and the tenant has what the maps name.

Source: contracts/referral_factory/CHECKLIST.md RF-22, RF-25, RF-45, RF-52, RF-57, RF-S6; FACTS section 6.
"""

from __future__ import annotations

from models.check import CheckLine, advice, found, wrong
from models.errors import RejectedError, SettingsError, TruckrollError
from models.referral_settings import CampaignSettings, ReferralFactorySettings
from tasks.bookings import notices_of, read_options
from tasks.contact_sync import get_campaign
from tasks.house import House
from tasks.referred_people import booking_provider, kinds_on

REWARDS = (
    "the API does not show whether a reward of this campaign is issued by itself: then qualifying a lead sends money "
    'at once. A reward set to "new referrals" even falls due as soon as somebody signs up'
)
WHERE_REWARDS = "Look at the campaign's rewards in Referral Factory: switch auto-issue off, or mean it."


async def check_bookings(house: House, settings: ReferralFactorySettings) -> list[CheckLine]:
    """Look at the booking provider, and at each campaign that books people. None does: nothing is asked."""
    campaigns = [one for one in settings.campaigns if kinds_on(one)]
    if not campaigns:
        return []
    lines = [await _check_provider(house)]
    for campaign in campaigns:
        lines += await _check_campaign(house, campaign)
    return lines


async def _check_provider(house: House) -> CheckLine:
    what = "Booking provider"
    try:
        provider = booking_provider(house)
        await house.servicetitan.list_bookings_by_external_id(provider, "truckroll-check")
    except RejectedError as error:
        fix = "Correct [servicetitan] booking_provider: Settings > Integrations > Booking Provider Tags shows the tags."
        return wrong(what, error.message, fix)
    except (SettingsError, TruckrollError) as error:
        return wrong(what, error.message, error.fix)
    return found(what, f"{provider} takes bookings")


async def _check_campaign(house: House, settings: CampaignSettings) -> list[CheckLine]:
    what = f"Campaign {settings.id}: bookings"
    try:
        campaign = await get_campaign(house, settings.id)
        options = await read_options(house, settings, kinds_on(settings))
    except TruckrollError as error:
        return [wrong(what, error.message, error.fix)]
    kinds = kinds_on(settings)
    whom = {"person_invited": "leads", "person_referring": "referrers who sign up by themselves"}
    lines = [found(what, f"{campaign.name}: {' and '.join(whom[kind] for kind in kinds)} are booked")]
    fix = "Correct the map in the shop file, or make the entry in ServiceTitan; bookings are made without it meanwhile."
    lines += [wrong(what, notice, fix) for notice in notices_of(settings, options, kinds)]
    if settings.leads.enabled and settings.leads.qualify_when != "never":
        lines.append(advice(f"Campaign {settings.id}: rewards", REWARDS, WHERE_REWARDS))
    return lines
