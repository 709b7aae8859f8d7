"""Trying what a shop file says, and connecting with the proof in hand (RF-9 to RF-12, RF-20 to RF-25).

A trial only reads, and needs no gate: the house is one of `open_for_trial`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.errors import NotFoundError, RejectedError
from connectors.servicetitan.client import ServiceTitan
from decisions.connections import (
    TENANT_ID_IS_AT,
    Refused,
    Rival,
    connect_at_once,
    missing_values,
    refuse_rivals,
)
from decisions.words import listed
from models.base import utc_now
from models.connection import NAMES, Connection, Moved, Proof, Vendor
from models.errors import SettingsError
from models.referral_settings import ReferralFactorySettings
from models.section import Secret
from models.settings import HouseSettings
from models.shop import Shop, load_shop, shop_names
from tasks.connections import is_connected, need_section, steps_of
from tasks.house import House, forget_overruns

_MOST_NAMED = 10


async def connect(
    house: House, vendor: Vendor, by: str, *, before_steps: Callable[[], None] = lambda: None
) -> tuple[Proof, Sequence[Moved]]:
    """Try what the shop file says, then take every step that is left; return what was seen and done (RF-25).

    The house is one for trials: `open_for_trial`. `before_steps` is called between the trial and the first step.
    Raises what the trial raised, and SettingsError for what is missing or refused; then nothing changes.
    """
    shop, books = house.shop, house.books
    need_section(shop, vendor)
    if vendor == "referral_factory":
        # Somebody is here, and has seen to it: else a pause of a day would refuse the trial too.
        await forget_overruns(books, shop)
    refused = await rivalry(house) if vendor in {"referral_factory", "servicetitan"} else None
    if refused is None:
        # Asked before the trial already: another tenant is not even called.
        kept = await books.connections.get(shop.name, vendor)
        tried = connect_at_once(vendor, kept, Proof(tenant_id=_tenant(shop), seen=("not yet",)), at=utc_now(), by=by)
        refused = tried if isinstance(tried, Refused) else None
    if refused is not None:
        raise SettingsError(refused.why, refused.fix)
    proof = await verify(house, vendor)
    before_steps()

    def decide(kept: Connection | None) -> Sequence[Moved]:
        steps = connect_at_once(vendor, kept, proof, at=utc_now(), by=by)
        return steps_of(steps) if isinstance(steps, Refused) else steps

    return proof, await books.connections.change(shop.name, vendor, decide, by=by)


async def rivalry(house: House) -> Refused | None:
    """Say which other shop of this house has the same Referral Factory account and another tenant (RF-12)."""
    return refuse_rivals(_tenant(house.shop), await _rivals(house))


async def verify(house: House, vendor: Vendor) -> Proof:
    """Look at the vendor with the shop's credentials: what was seen, or why they cannot be used (RF-9, RF-20, RF-25).

    Raises: SettingsError for what is missing or is not there; UnauthorizedError, and what else the readings raise.
    """
    match vendor:
        case "servicetitan":
            return await _verify_servicetitan(house)
        case "referral_factory":
            return await _verify_referral_factory(house)
        case "contractor_commerce" | "marcone":
            await check_access(house, vendor)
            return Proof(seen=(f"{NAMES[vendor]} answers with our credentials",))


async def check_access(house: House, vendor: Vendor) -> None:
    """Make one small reading with our credentials. Raises SettingsError and what the reading raised."""
    match vendor:
        case "contractor_commerce":
            await house.store.check_access()
        case "referral_factory":
            await house.referral_factory.check_access()
        case "servicetitan":
            await house.servicetitan.list_business_units()
        case "marcone":
            await house.distributor.check_access()


async def _verify_servicetitan(house: House) -> Proof:
    settings = house.shop.need_servicetitan()
    provider = settings.booking_provider
    missing = missing_values(
        client_id=settings.client_id.reveal(),
        client_secret=settings.client_secret.reveal(),
        booking_provider=provider,
        needs_provider=house.shop.referral_factory is not None,
    )
    if missing:
        raise SettingsError(
            f"To finalise, shop {house.shop.name} lacks {listed(missing, 'and')}.",
            "Write them in [servicetitan] of the shop file, the first two as ${NAME}; or `--booking-provider ID`.",
        )
    tenant = house.servicetitan
    try:
        units = await tenant.list_business_units()
    except RejectedError as error:
        raise RejectedError(
            f"Tenant {settings.tenant_id} cannot be reached with these credentials: {error.message}",
            f"Check the tenant id, and that the app is connected in that tenant. {TENANT_ID_IS_AT}",
            error.vendor,
            error.operation,
            error.words,
            error.status,
        ) from error
    seen = [f"client id and secret are taken, tenant {settings.tenant_id} answers ({len(units)} business units)"]
    if provider is not None:
        seen.append(await _see_provider(tenant, provider))
    return Proof(tenant_id=settings.tenant_id, booking_provider=provider, seen=tuple(seen))


async def _see_provider(tenant: ServiceTitan, provider: int) -> str:
    """Say which booking provider tag it is. Raises SettingsError when the tenant has no such active tag (RF-S6)."""
    try:
        tags = await tenant.list_booking_provider_tags()
    except RejectedError:
        return await _see_its_bookings(tenant, provider)
    found = next((tag for tag in tags if tag.id == provider and tag.active), None)
    if found is not None:
        return f'booking provider {provider} is the tag "{found.name}"'
    there = [f'{tag.id} "{tag.name}"' for tag in tags if tag.active][:_MOST_NAMED]
    raise SettingsError(
        f"The tenant has no booking provider tag {provider}.",
        f"It has {listed(there, 'and')}."
        if there
        else "Make one under Settings > Integrations > Booking Provider Tags.",
    )


async def _see_its_bookings(tenant: ServiceTitan, provider: int) -> str:
    """Where the app may not read the tags: whether it may read the provider's bookings. Raises SettingsError."""
    try:
        async for _ in tenant.list_bookings(provider, utc_now()):
            break
    except (NotFoundError, RejectedError) as error:
        raise SettingsError(
            f"Booking provider {provider} cannot be used: {error.message}",
            "Use the id of the tag that was picked when the app was connected: Edit beside the app shows it.",
        ) from error
    return f"the bookings of provider {provider} can be read"


async def _verify_referral_factory(house: House) -> Proof:
    """Any campaign will do, a draft too (RF-9)."""
    campaigns = await house.referral_factory.list_campaigns()
    if not campaigns:
        raise SettingsError(
            "The Referral Factory account has no campaign.",
            "Make one there first; a draft will do. Then connect again.",
        )
    named = [f"{one.id} {one.name} ({one.status or 'status not shown'})" for one in campaigns[:_MOST_NAMED]]
    more = f" and {len(campaigns) - _MOST_NAMED} more" if len(campaigns) > _MOST_NAMED else ""
    return Proof(seen=("the token is taken", f"campaigns: {', '.join(named)}{more}"))


async def _rivals(house: House) -> list[Rival]:
    """Return the other shops of this house that are connected to the same Referral Factory account."""
    ours = house.shop.referral_factory
    if ours is None:
        return []
    folder, rivals = HouseSettings().shops, list[Rival]()
    for name in shop_names(folder):
        if name == house.shop.name:
            continue
        try:
            other = load_shop(name, folder)
        except SettingsError:
            continue  # a file that cannot be read moves nothing
        theirs, tenant = other.referral_factory, _tenant(other)
        if theirs is None or tenant is None or not _is_same_account(ours, theirs):
            continue
        if all([await is_connected(house.books, other, one) for one in ("referral_factory", "servicetitan")]):
            rivals.append(Rival(name, tenant))
    return rivals


def _is_same_account(ours: ReferralFactorySettings, theirs: ReferralFactorySettings) -> bool:
    return ours.api_url.rstrip("/") == theirs.api_url.rstrip("/") and _value(ours.api_token) == _value(theirs.api_token)


def _value(secret: Secret) -> str:
    """Return what tells two tokens apart; of one whose variable is not set, its name."""
    try:
        return secret.reveal()
    except SettingsError:
        return repr(secret)


def _tenant(shop: Shop) -> int | None:
    return shop.servicetitan.tenant_id if shop.servicetitan else None
