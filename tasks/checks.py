"""Can this shop run? Asked by `truckroll check`, before the first run and whenever something seems wrong."""

from __future__ import annotations

from connectors.servicetitan.job_platform import ServiceTitanJobs
from decisions.campaign_mails import MAILS, WHERE_OFF, notice
from decisions.contact_map import unknown_custom_fields
from decisions.link_write_back import choose_field
from models.check import CheckLine, advice, found, wrong
from models.connection import NAMES, ConnectionState
from models.errors import HeldError, TruckrollError
from models.referral_settings import CUSTOM_VALUE, ContactSyncSettings, ReferralFactorySettings
from tasks.booking_checks import check_bookings
from tasks.connecting import rivalry
from tasks.connections import standings
from tasks.contact_sync import read_campaign
from tasks.house import House, open_house
from tasks.link_write_back import read_field_kinds
from tasks.order_checks import check_orders, check_side

_OF_PEOPLE = "must be off; the API does not show whether it is"


async def check_shop(name: str) -> list[CheckLine]:
    """Look at everything the shop's processes need: secrets, access to each side (PL-46), names.

    A shop is asked only for what its file speaks of: [contractor_commerce] for store orders, [marcone] for parts,
    [referral_factory] for links.
    Raises: SettingsError when there is no such shop, or its file cannot be read.
    """
    async with open_house(name) as house:
        lines: list[CheckLine] = await _check_connections(house)
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


async def _check_connections(house: House) -> list[CheckLine]:
    """Say which side is shut: disconnected, or not connected yet. What is open needs no line."""
    lines: list[CheckLine] = []
    for one in await standings(house.books, house.shop):
        if not one.moves and getattr(house.shop, one.vendor) is not None:
            fix = f"`truckroll connect {house.shop.name} {one.vendor}` connects it again."
            is_cut = one.state is ConnectionState.DISCONNECTED
            words = "It was disconnected: nothing is sent." if is_cut else " ".join(one.words)
            lines.append(wrong(f"Connection to {NAMES[one.vendor]}", words, fix))
    rival = await rivalry(house)
    if rival is not None:
        lines.append(wrong("Connection to Referral Factory", rival.why, rival.fix))
    return lines


async def _check_referrals(house: House, settings: ReferralFactorySettings) -> list[CheckLine]:
    """Look at each campaign whose contact sync is on; where none is, nothing is asked of the program."""
    lines = await check_bookings(house, settings)
    campaigns = [campaign for campaign in settings.campaigns if campaign.contact_sync.enabled]
    if not campaigns:
        no_sync = advice("referral_factory.campaigns", "the contact sync is on in no campaign: no links are made")
        return [*lines, no_sync]
    for settled in campaigns:
        what = f"Campaign {settled.id}"
        try:
            campaign = await read_campaign(house, settled.id)
        except TruckrollError as error:
            lines.append(wrong(what, error.message, error.fix))
        else:
            lines.append(found(what, f"{campaign.name}, with every field that is mapped"))
            lines += [advice(what, f"its mail {mail.name} {_OF_PEOPLE}: {mail.why}", WHERE_OFF) for mail in MAILS]
            lines += await _check_custom_fields(house, what, settled.contact_sync)
    return lines


async def _check_custom_fields(house: House, what: str, sync: ContactSyncSettings) -> list[CheckLine]:
    """Look for the customer custom fields that the campaign reads from and writes links to; say where links go."""
    told = [advice(what, notice(sync.write_link_to))]
    field = sync.write_link_to.strip()
    if not field and not any(value.strip().startswith(CUSTOM_VALUE) for value in sync.map.values()):
        return told
    try:
        kinds = await read_field_kinds(house)
    except TruckrollError as error:
        return [*told, wrong(what, error.message, error.fix)]
    read_only = sync.model_copy(update={"write_link_to": ""})
    faults = unknown_custom_fields(read_only, [kind.name for kind in kinds])
    told += [wrong(what, fault, "Correct contact_sync.map in the shop file.") for fault in faults]
    if field:
        try:
            chosen = choose_field(field, kinds)
        except HeldError as error:
            told.append(wrong(what, error.message, error.fix))
        else:
            told.append(found(what, f'"{chosen.name}" takes the links (id {chosen.id})'))
    return told


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
