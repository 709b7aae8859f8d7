"""Making the booking of a person who signed up: recognise the e-mail, fill the campaign's map, book once.

Source: contracts/referral_factory/CHECKLIST.md RF-41, RF-46, RF-52 to RF-57, RF-59, RF-62; Q1, Q2, Q5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from connectors.servicetitan.bookings_schemas import Booking, NewBooking
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.crm_schemas import NewAddress, NewContact
from decisions.booking_map import (
    ListField,
    TenantOptions,
    draft_booking,
    job_fields_named,
    lists_named,
    setting_notices,
)
from decisions.contact_keys import email_index_keys, location_email_keys
from decisions.people import email_key
from decisions.sign_ups import with_kind
from decisions.words import as_sentence
from models.booking import BookingDraft, CannotBook, Party, ReferralStage
from models.errors import ContractError, HeldError, NotFoundError, RejectedError
from models.referral import Campaign, ReferralUser, UserKind
from models.referral_settings import CampaignSettings, SignUpSettings
from models.tables import ReferredRow
from models.tenant import Offered
from store.effects import ID
from store.referred import person_of
from tasks.contact_sync import campaign_settings, get_campaign
from tasks.house import House, open_house
from tasks.referral_follow import keep_booking
from tasks.referred_people import booking_provider, sign_up_settings
from tasks.step import step

PROVIDER = "booking provider"
"""How the whole provider is called on the held list."""

_DELETED = "Deleted in Referral Factory before a booking was made."

_OF_ALL = {403, 404, 405}
"""Statuses of a refused create that cannot be about the person: nothing in its address is."""

_SAME = {
    "source",
    "name",
    "summary",
    "is_first_time_client",
    "external_id",
    "campaign_id",
    "business_unit_id",
    "job_type_id",
}
_ADDRESS = {"street", "unit", "city", "state", "zip", "country"}
"""What ServiceTitan's booking, and its address, call as the draft does."""


@dataclass(frozen=True)
class Made:
    """What became of one person."""

    stage: ReferralStage
    booking: int | None = None
    why: str = ""
    notices: tuple[str, ...] = ()


class NamedRecord(Protocol):
    """An entry of one of the tenant's lists."""

    @property
    def id(self) -> int:
        """Its id."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def active(self) -> bool:
        """Whether it may be chosen."""


class ProviderError(HeldError):
    """ServiceTitan refuses the booking provider itself: nobody can be booked before a person has mended it."""


@step("book person {user_id}", looks_first=True)
async def book(
    shop: str, user_id: int, options: TenantOptions, campaign: Campaign, *, has_waited: bool = False
) -> Made:
    """Make the booking of one person, once, ever; it is looked for by its external id first (FACTS section 4).

    `has_waited`: the person was taken in by an earlier pass, and is read again: changed or deleted meanwhile counts.
    Raises: HeldError when only a person can help; ProviderError; TransientError; UnauthorizedError.
    """
    async with open_house(shop) as house:
        row = await house.books.referred.get(shop, user_id)
        if row is None or row.stage != ReferralStage.NEW:
            return Made(ReferralStage(row.stage) if row else ReferralStage.GONE)
        is_begun = await house.books.effects.status(_effect_key(row)) is not None
        if has_waited and not is_begun:
            row = await _as_they_are_now(house, row)
            if row is None:
                return Made(ReferralStage.GONE, why=_DELETED)
        return await _book(house, row, options, campaign, is_begun=is_begun)


async def _as_they_are_now(house: House, row: ReferredRow) -> ReferredRow | None:
    """Keep the person as the program tells it now, and return the row; None when it is deleted there."""
    shop, referred = house.shop.name, house.books.referred
    try:
        user = with_kind(await house.referral_factory.get_user(row.user_id))
    except NotFoundError:
        await referred.update(shop, row.user_id, stage=ReferralStage.GONE, why=_DELETED)
        return None
    await referred.take_in(shop, [(user, email_key(user.email))])
    return await referred.get(shop, row.user_id)


async def _book(house: House, row: ReferredRow, options: TenantOptions, campaign: Campaign, *, is_begun: bool) -> Made:
    settings = sign_up_settings(campaign_settings(house, row.campaign_id), row.kind)
    if not settings.enabled:
        return await _leave_out(house, row, "It came in while the campaign's bookings were switched off.")
    await _refuse_rival(house, row)
    # What was found before the first attempt counts: afterwards the booking itself may have made a customer of them.
    existing = tuple(row.customers) if is_begun else await recognise(house, row.email_key)
    if existing and settings.existing_contact == "nothing":
        return await _leave_out(house, row, "ServiceTitan has this e-mail already; the campaign books no such people.")
    user = person_of(row)
    drafted = draft_booking(
        settings, Party(user, campaign, await _referrer(house, user, settings)), options, existing=existing
    )
    if isinstance(drafted, CannotBook):
        raise HeldError(drafted.why, drafted.fix, field=drafted.field)
    draft = drafted.draft
    if is_begun:
        # It goes on under the external id it was begun with, though the map may be another by now.
        draft = draft.model_copy(update={"external_id": row.external_id})
    # Looked for before anything is begun: what the vendor refuses then, is nobody's attempt.
    there = [] if is_begun else await _find(house, row, draft.external_id)
    seen = await _make(house, row, draft, existing, there)
    await keep_booking(house, row.user_id, seen)
    return Made(ReferralStage.BOOKED, seen.id, notices=drafted.notices)


async def _make(
    house: House, row: ReferredRow, draft: BookingDraft, existing: Sequence[int], there: Sequence[Booking]
) -> Booking:
    """Make the booking, or take over the one that is `there` under its external id."""
    provider, books = booking_provider(house), house.books
    fresh = list(there)

    async def create() -> int:
        if there:
            return there[0].id
        fresh.append(await house.servicetitan.create_booking(provider, _new_booking(draft)))
        return fresh[-1].id

    async def find() -> int | None:
        found = await _find(house, row, draft.external_id)
        fresh.extend(found)
        return found[0].id if found else None

    def intend(session: Session) -> None:
        other = books.referred.with_external_id_in(session, row, draft.external_id)
        if other is not None:
            raise _taken(f"Person {other.user_id}")
        books.referred.update_in(
            session,
            house.shop.name,
            row.user_id,
            external_id=draft.external_id,
            is_existing=bool(existing),
            customers=list(existing),
            job_fields=[list(one) for one in draft.job_fields],
        )

    # Not an intent of the ledger: after an attempt that surely wrote nothing, what is so now counts.
    await books.store.run(intend)
    try:
        booking = await books.effects.once(_effect_key(row), create=create, find=find, codec=ID, wait_s=5)
    except RejectedError as refused:
        if await _is_of_all(house, provider, refused):
            raise _provider_error(provider, refused) from None
        raise
    known = [one for one in fresh if one.id == booking]
    # An earlier pass made it, and it may have moved on since.
    return known[-1] if known else await house.servicetitan.get_booking(provider, booking)


async def _find(house: House, row: ReferredRow, external_id: str) -> list[Booking]:
    """Return our booking with this external id. Raises HeldError when it is another person's; ProviderError."""
    provider = booking_provider(house)
    try:
        found = await house.servicetitan.list_bookings_by_external_id(provider, external_id)
    except RejectedError as refused:
        raise _provider_error(provider, refused) from None
    others = await house.books.referred.of_records(house.shop.name, bookings=[one.id for one in found])
    taken = {one.booking for one in others if one.user_id != row.user_id}
    free = sorted((one for one in found if one.id not in taken), key=lambda one: one.id)
    if found and not free:
        raise _taken(f"Booking {found[0].id} of another person")
    return free


def _taken(whose: str) -> HeldError:
    return HeldError(
        f"{whose} has the same external id.",
        "Map external_id to something that each person has alone, such as lead.code; then retry.",
        "map.external_id",
    )


async def _is_of_all(house: House, provider: int, refused: RejectedError) -> bool:
    """Tell whether a booking was refused for a reason that is everybody's: the right, or the provider (RF-S6)."""
    if refused.status in _OF_ALL:
        return True
    try:
        tags = await house.servicetitan.list_booking_provider_tags()
    except RejectedError:
        return False
    return all(tag.id != provider or not tag.active for tag in tags)


def _provider_error(provider: int, refused: RejectedError) -> ProviderError:
    return ProviderError(
        f"ServiceTitan refuses booking provider {provider}: {refused.message}",
        "Correct [servicetitan] booking_provider: the id of the tag picked when the app was connected "
        "(Settings > Integrations > Booking Provider Tags). Nobody is lost: all are booked then.",
        "servicetitan.booking_provider",
    )


async def recognise(house: House, email: str) -> tuple[int, ...]:
    """Return the customers that have this folded e-mail, at themselves or at one of their locations (RF-46, Q5).

    Case and blanks do not count, and whoever was merged into another counts as that one. Inactive ones count: they
    were customers.
    """
    keys = [*email_index_keys(email), *location_email_keys(email)]
    known = await house.books.contact_index.candidates(house.shop.name, keys)
    return tuple(sorted({int(one.merged_into or one.id) for one in known}))


async def _refuse_rival(house: House, row: ReferredRow) -> None:
    if row.is_confirmed or not row.email_key:
        return
    rival = await house.books.referred.rival(row)
    if rival is not None:
        what = f"booking {rival.booking}" if rival.booking else "the booking is about to be made"
        who = f"{'lead' if rival.kind == UserKind.LEAD else 'referrer'} {rival.user_id}"
        raise HeldError(
            f"Campaign {rival.campaign_id} has the same e-mail as {who} ({what}).",
            "The same person would be booked, and perhaps rewarded, twice. If that is meant, `truckroll held retry`.",
            "email",
        )


async def _referrer(house: House, user: ReferralUser, settings: SignUpSettings) -> ReferralUser | None:
    """Return who referred the person, where the map speaks of them; nobody when they are not there any more (RF-56)."""
    speaks = any("referrer." in value for value in (*settings.map.values(), *settings.defaults.values()))
    if user.referrer_id is None or not speaks or user.kind is not UserKind.LEAD:
        return None
    try:
        return await house.referral_factory.get_user(user.referrer_id)
    except (RejectedError, ContractError):
        return None  # deleted, or in a form we cannot read


async def _leave_out(house: House, row: ReferredRow, why: str) -> Made:
    await house.books.referred.update(house.shop.name, row.user_id, stage=ReferralStage.IGNORED, why=why)
    return Made(ReferralStage.IGNORED, why=why)


@step("read what campaign {campaign_id} books with")
async def read_campaign_options(shop: str, campaign_id: int, kinds: Sequence[str]) -> tuple[Campaign, TenantOptions]:
    """Read the campaign, and the tenant's lists that its map names, as they are now (RF-52).

    Raises: HeldError when the campaign is gone.
    """
    async with open_house(shop) as house:
        campaign = await get_campaign(house, campaign_id)
        return campaign, await read_options(house, campaign_settings(house, campaign_id), kinds)


async def read_options(house: House, settings: CampaignSettings, kinds: Sequence[str]) -> TenantOptions:
    """Read the tenant's lists that the maps for these kinds of people name; none that they do not."""
    chosen = [sign_up_settings(settings, kind) for kind in kinds]
    names = frozenset[ListField]().union(*(lists_named(one) for one in chosen))
    lists = {name: await _read_list(house.servicetitan, name) for name in sorted(names)}
    fields = None
    if any(job_fields_named(one) for one in chosen):
        fields = [one.name for one in await house.servicetitan.list_job_custom_fields()]
    return TenantOptions(lists, fields)


def notices_of(settings: CampaignSettings, options: TenantOptions, kinds: Sequence[str]) -> tuple[str, ...]:
    """Say what of the campaign's maps the tenant does not have: told, and left out (RF-57)."""
    told = [notice for kind in kinds for notice in setting_notices(sign_up_settings(settings, kind), options)]
    return tuple(dict.fromkeys(as_sentence(notice) for notice in told))


def _effect_key(row: ReferredRow) -> str:
    """Return the key under which the ledger keeps a person's booking."""
    return f"{row.shop}/referral/{row.user_id}/booking"


def _new_booking(draft: BookingDraft) -> NewBooking:
    """Return the booking as ServiceTitan takes it. No confirmation is asked for: the office answers."""
    contacts = [NewContact(type="Email", value=draft.email)]
    if draft.phone:
        contacts.append(NewContact(type="Phone", value=draft.phone))
    return NewBooking.model_validate(
        {
            **draft.model_dump(include=_SAME),
            "address": NewAddress.model_validate(draft.model_dump(include=_ADDRESS)) if draft.has_address else None,
            "contacts": tuple(contacts),
            "customer_type": draft.customer_type or None,
            "priority": draft.priority or None,
            "is_send_confirmation_email": False,
        }
    )


async def _read_list(tenant: ServiceTitan, name: ListField) -> tuple[Offered, ...]:
    rows: Iterable[NamedRecord]
    match name:
        case "campaign":
            rows = await tenant.list_campaigns()
        case "business_unit":
            rows = await tenant.list_all_business_units()
        case "job_type":
            rows = await tenant.list_job_types()
    return tuple(Offered(id=one.id, name=one.name, is_active=one.active) for one in rows)
