"""Can this shop run? Asked by `truckroll check`, before the first run and whenever something seems wrong."""

from __future__ import annotations

from connectors.servicetitan.job_platform import ServiceTitanJobs
from models.check import CheckLine, advice, found, wrong
from models.errors import TruckrollError
from models.shop import ReferralFactorySettings
from tasks.contact_sync import read_campaign
from tasks.house import House, open_house
from tasks.order_checks import check_orders, check_side

_MAILS = "its mails Welcome, Welcome (API) and Reminder must be off: the API does not show whether they are"


async def check_shop(name: str) -> list[CheckLine]:
    """Look at everything the shop's processes need: secrets, access to each side (PL-46), names.

    A shop is asked only for what its file speaks of: [contractor_commerce] for store orders, [marcone] for parts,
    [referral_factory] for links.
    Raises: SettingsError when there is no such shop, or its file cannot be read.
    """
    async with open_house(name) as house:
        lines: list[CheckLine] = []
        if house.shop.marcone is not None:
            lines += await _check_parts(house)
        if house.shop.contractor_commerce is not None:
            lines += await check_orders(house)
        if house.shop.referral_factory is not None:
            lines += await _check_referrals(house, house.shop.referral_factory)
    return lines or [
        wrong(
            "Processes",
            "The shop file has neither [contractor_commerce] nor [marcone] nor [referral_factory]: nothing to run.",
            "Add the section of what the shop uses; docs/shop.example.toml shows every setting.",
        )
    ]


async def _check_referrals(house: House, settings: ReferralFactorySettings) -> list[CheckLine]:
    """Look at each campaign whose contact sync is on; where none is, nothing is asked of the program."""
    campaigns = [campaign.id for campaign in settings.campaigns if campaign.contact_sync.enabled]
    if not campaigns:
        return [advice("referral_factory.campaigns", "the contact sync is on in no campaign: no links are made")]
    lines: list[CheckLine] = []
    for number in campaigns:
        what = f"Campaign {number}"
        try:
            campaign = await read_campaign(house, number)
        except TruckrollError as error:
            lines.append(wrong(what, error.message, error.fix))
        else:
            lines.append(found(what, f"{campaign.name}, with every field that is mapped"))
            lines.append(advice(what, _MAILS, "Switch them off in the campaign before the first sync."))
    return lines


async def _check_parts(house: House) -> list[CheckLine]:
    """Try job platform and distributor each on its own, and look for the names that the board needs."""
    lines: list[CheckLine] = []
    try:
        platform = house.platform
    except TruckrollError as error:
        lines.append(wrong("Job platform", error.message, error.fix))
    else:
        lines.append(await check_side(f"Job platform {platform.name}", platform.check_access))
        if lines[-1].ok and isinstance(platform, ServiceTitanJobs):
            lines += [wrong(missing.what, missing.why, missing.fix) for missing in await platform.missing_names()]
    try:
        distributor = house.distributor
    except TruckrollError as error:
        lines.append(wrong("Distributor", error.message, error.fix))
    else:
        lines.append(await check_side(f"Distributor {distributor.name}", distributor.check_access))
    return lines
