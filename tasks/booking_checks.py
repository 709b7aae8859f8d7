"""What has to be so before people are booked: the provider, what the maps name, and what is needed to be told of them.

Source: contracts/referral_factory/CHECKLIST.md RF-22, RF-25, RF-45, RF-52, RF-57, RF-S6; FACTS section 6.
"""

from __future__ import annotations

from connectors.referral_factory import webhooks as program_hooks
from connectors.servicetitan import webhooks as tenant_hooks
from connectors.webhooks import UNSET
from models.check import CheckLine, advice, found, wrong
from models.errors import RejectedError, TruckrollError
from models.referral import UserKind
from models.referral_settings import CampaignSettings, ReferralFactorySettings
from models.section import Secret
from models.shop import Shop
from tasks.bookings import notices_of, read_options
from tasks.contact_sync import get_campaign
from tasks.house import House
from tasks.order_checks import check_secret
from tasks.referred_people import booking_provider, kinds_on

REWARDS = (
    "the API does not show whether a reward of this campaign is issued by itself: then qualifying a lead sends money "
    'at once. A reward set to "new referrals" even falls due as soon as somebody signs up'
)
WHERE_REWARDS = "Look at the campaign's rewards in Referral Factory: switch auto-issue off, or mean it."
HOW_TO_RECEIVE = (
    "Nothing: each pass finds everything. To have it within seconds: docs/guides/receive-referral-events.md."
)


async def check_bookings(house: House, settings: ReferralFactorySettings) -> list[CheckLine]:
    """Look at the booking provider, each campaign that books people, and the hooks. None books: nothing is asked."""
    campaigns = [one for one in settings.campaigns if kinds_on(one)]
    if not campaigns:
        return []
    lines = [await _check_provider(house)]
    for campaign in campaigns:
        lines += await _check_campaign(house, campaign)
    return [*lines, *_hook_lines(house.shop)]


async def _check_provider(house: House) -> CheckLine:
    what = "Booking provider"
    try:
        provider = booking_provider(house)
        await house.servicetitan.list_bookings_by_external_id(provider, "truckroll-check")
    except RejectedError as error:
        fix = "Correct [servicetitan] booking_provider: Settings > Integrations > Booking Provider Tags shows the tags."
        return wrong(what, error.message, fix)
    except TruckrollError as error:
        return wrong(what, error.message, error.fix)
    return found(what, f"{provider} takes bookings")


async def _check_campaign(house: House, settings: CampaignSettings) -> list[CheckLine]:
    what, kinds = f"Campaign {settings.id}: bookings", kinds_on(settings)
    try:
        campaign = await get_campaign(house, settings.id)
        options = await read_options(house, settings, kinds)
    except TruckrollError as error:
        return [wrong(what, error.message, error.fix)]
    whom = {UserKind.LEAD: "leads", UserKind.REFERRER: "referrers who sign up by themselves"}
    lines = [found(what, f"{campaign.name}: {' and '.join(whom[kind] for kind in kinds)} are booked")]
    fix = "Correct the map in the shop file, or make the entry in ServiceTitan; bookings are made without it meanwhile."
    lines += [wrong(what, notice, fix) for notice in notices_of(settings, options, kinds)]
    if settings.leads.enabled and settings.leads.qualify_when != "never":
        lines.append(advice(f"Campaign {settings.id}: rewards", REWARDS, WHERE_REWARDS))
    return lines


def _hook_lines(shop: Shop) -> list[CheckLine]:
    """Say of each vendor whether it can send word: Referral Factory of sign-ups, ServiceTitan of bookings and jobs."""
    program, tenant = shop.need_referral_factory(), shop.need_servicetitan()
    names = [one.strip() for one in (program.webhook_fields.code, program.webhook_fields.id) if one.strip()]
    return [
        _hook_line(
            "referral_factory.webhook_secret",
            program.webhook_secret,
            "Referral Factory's hooks",
            f"with the header {program.webhook_secret_header.strip()}, and a person in the field {' or '.join(names)}",
            is_taken=program_hooks.is_taking_events(program),
        ),
        _hook_line(
            "servicetitan.webhook_key",
            tenant.webhook_key,
            "ServiceTitan's events",
            f"signed in the header {tenant.webhook_signature_header.strip()} ({tenant.webhook_signature_encoding})",
            is_taken=tenant_hooks.is_taking_events(tenant),
        ),
    ]


def _hook_line(what: str, secret: Secret, whose: str, how: str, *, is_taken: bool) -> CheckLine:
    if not is_taken:
        lacking = "not set" if secret == UNSET else "the name of its header is not set"
        return advice(what, f"{lacking}: {whose} are not received", HOW_TO_RECEIVE)
    return check_secret(what, secret, f"{whose} are received, {how}")
