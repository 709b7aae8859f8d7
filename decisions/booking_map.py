"""What a booking says about a person who signed up, by the campaign's map; and who cannot be booked.

Values are looked up (`lead.email`), written out (`Referral`), or both (`Referred by {referrer.first_name}`). A default
is used where the map gives nothing. Text from people is data: it is put in as it is, and never looked up again.
Source: contracts/referral_factory/CHECKLIST.md RF-52 to RF-57, RF-62, RF-S4, RF-S5, RF-S12, Q1, Q2.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from decisions.contact_map import clean
from decisions.people import email_key
from decisions.words import listed
from models.booking import BookingDraft, CannotBook, Party
from models.referral import Campaign, ReferralUser
from models.referral_settings import DYNAMIC, JOB_FIELD, META_VALUE, OWN_FIELDS, SignUpSettings
from models.tenant import Offered

ListField = Literal["campaign", "business_unit", "job_type"]
LIST_FIELDS: Final[Mapping[ListField, str]] = {
    "campaign": "campaign",
    "business_unit": "business unit",
    "job_type": "job type",
}
"""Fields that name an entry of a list of the tenant, and what people call it (RF-52)."""

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "priority": ("Low", "Normal", "High", "Urgent"),
    "customer_type": ("Residential", "Commercial"),
}
"""Source: crm-v2 `Priority`, `CustomerType` [spec]."""

_LAST_NAMES = frozenset({"lastname", "surname", "familyname"})
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class TenantOptions:
    """The tenant's lists that the map names, as they are now. A list it does not name is not read."""

    lists: Mapping[ListField, Sequence[Offered]] = field(default_factory=dict)
    job_fields: Sequence[str] | None = None
    """The job's custom fields; None: the map names none."""


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking to be made, and what of the map could not be followed: told, and no reason to hold it (RF-57)."""

    draft: BookingDraft
    notices: tuple[str, ...] = ()


def lists_named(settings: SignUpSettings) -> frozenset[ListField]:
    """Return which of the tenant's lists these settings choose from."""
    return frozenset(name for name in LIST_FIELDS if _written(settings, name))


def job_fields_named(settings: SignUpSettings) -> tuple[str, ...]:
    """Return the job's custom fields that the map fills."""
    return tuple(
        name.removeprefix(JOB_FIELD)
        for name in _fields(settings)
        if name.startswith(JOB_FIELD) and _written(settings, name)
    )


def draft_booking(
    settings: SignUpSettings, party: Party, options: TenantOptions, *, existing: Sequence[int] = ()
) -> Booked | CannotBook:
    """Return the booking of one person. `existing`: the customers that have this e-mail already (RF-46)."""
    look = _looker(settings, party)
    values = {name: _value(settings, name, look) for name in _fields(settings)}
    for name in ("source", "name", "email", "summary", "external_id"):
        if not values.get(name):
            return _lacks(name, settings)
    if not email_key(values["email"]):
        return CannotBook(
            "The person's e-mail is none.",
            "Correct it in Referral Factory, then retry.",
            f"map.email: {_from(settings, 'email')}",
        )
    notices: list[str] = []
    said = {name: _told(settings, name, value) for name, value in values.items()}
    chosen = {name: _choose(name, values.get(name, ""), options, notices, said) for name in LIST_FIELDS}
    words = {name: _allowed(name, values.get(name, ""), notices, said) for name in _CHOICES}
    address = {name: values.get(name, "") for name in ("street", "unit", "city", "state", "zip", "country")}
    draft = BookingDraft(
        source=values["source"],
        name=values["name"],
        email=values["email"],
        phone=values.get("phone", ""),
        summary=_summary(values["summary"], existing),
        external_id=values["external_id"],
        is_first_time_client=_is_first_time(settings, existing),
        campaign_id=chosen["campaign"],
        business_unit_id=chosen["business_unit"],
        job_type_id=chosen["job_type"],
        job_fields=_job_fields(values, options, notices),
        **words,
        **address,
    )
    if any(address.values()) and not draft.has_address:
        notices.append("The address is left out: ServiceTitan wants street, city, state, ZIP and country together.")
    return Booked(draft, tuple(notices))


def setting_notices(settings: SignUpSettings, options: TenantOptions) -> tuple[str, ...]:
    """Say which entries and fields that the settings name in so many words the tenant does not have (RF-52, RF-57)."""
    notices: list[str] = []
    for chosen in LIST_FIELDS:
        for written in filter(_is_fixed, _written(settings, chosen)):
            _choose(chosen, written, options, notices, {})
    for name in _CHOICES:
        for written in filter(_is_fixed, _written(settings, name)):
            _allowed(name, written, notices, {})
    notices += filter(None, (_missing_field(name, options) for name in job_fields_named(settings)))
    return tuple(dict.fromkeys(notices))


def full_name(user: ReferralUser) -> str:
    """Return a person's name: the first name, and the last name where the campaign's form asks for one."""
    return clean(f"{user.first_name} {last_name(user)}")


def last_name(user: ReferralUser) -> str:
    """Return what the person wrote under the form's label for last names, whatever its exact wording."""
    for label, value in user.meta:
        if re.sub(r"[^a-z]", "", label.casefold()) in _LAST_NAMES:
            return clean(value)
    return ""


def _fields(settings: SignUpSettings) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*settings.map, *settings.defaults)))


def _written(settings: SignUpSettings, name: str) -> tuple[str, ...]:
    """Return what may fill a field: what the map says, and the default behind it."""
    both = (settings.map.get(name, "").strip(), settings.defaults.get(name, "").strip())
    return tuple(filter(None, both))


def _is_fixed(written: str) -> bool:
    return not DYNAMIC.fullmatch(written) and "{" not in written


def _told(settings: SignUpSettings, name: str, value: str) -> str:
    """Return how a value is called in a notice: what people wrote is told to nobody, only where it comes from."""
    mine = [one for one in _written(settings, name) if not _is_fixed(one)]
    is_personal = any(not found.startswith("campaign.") for one in mine for found in _looked_up(one))
    return f"as {' or '.join(mine)} names it" if is_personal else value


def _looked_up(written: str) -> list[str]:
    return [written] if DYNAMIC.fullmatch(written) else _PLACEHOLDER.findall(written)


def _looker(settings: SignUpSettings, party: Party) -> Callable[[str, str], str]:
    own = settings.parties[0]

    def look(whose: str, name: str) -> str:
        if whose == "campaign":
            return _of_campaign(party.campaign, name)
        user = party.user if whose == own else party.referrer
        return _of_person(user, name) if user is not None else ""

    return look


def _value(settings: SignUpSettings, name: str, look: Callable[[str, str], str]) -> str:
    mapped = _fill(settings.map.get(name, "").strip(), look)
    return mapped or _fill(settings.defaults.get(name, "").strip(), look)


def _fill(written: str, look: Callable[[str, str], str]) -> str:
    if found := DYNAMIC.fullmatch(written):
        return look(found[1], found[2])

    def put(placeholder: re.Match[str]) -> str:
        found = DYNAMIC.fullmatch(placeholder[1])
        return look(found[1], found[2]) if found else placeholder[0]

    return _PLACEHOLDER.sub(put, written).strip()


def _of_person(user: ReferralUser, name: str) -> str:
    if name.startswith(META_VALUE):
        wanted = name.removeprefix(META_VALUE).casefold()
        return next((clean(value) for label, value in user.meta if label.casefold() == wanted), "")
    values = {
        "full_name": full_name(user),
        "first_name": clean(user.first_name),
        "last_name": last_name(user),
        "email": user.email.strip(),
        "code": user.code,
        "id": str(user.id),
        "url": user.url,
        "signed_up_on": user.signed_up_on.isoformat() if user.signed_up_on else "",
    }
    return values.get(name, "")


def _of_campaign(campaign: Campaign, name: str) -> str:
    values = {"name": clean(campaign.name), "id": str(campaign.id), "code": campaign.code, "url": campaign.url}
    return values.get(name, "")


def _lacks(name: str, settings: SignUpSettings) -> CannotBook:
    what = {"name": "no name", "email": "no e-mail"}.get(name, f"nothing for the booking's {name.replace('_', ' ')}")
    or_default = "" if name in OWN_FIELDS else f", or give defaults.{name} in the shop file"
    return CannotBook(
        f"The person has {what}.",
        f"Enter it in Referral Factory{or_default}; then retry.",
        f"map.{name}: {_from(settings, name)}",
    )


def _from(settings: SignUpSettings, name: str) -> str:
    return " or ".join(_written(settings, name))


def _summary(written: str, existing: Sequence[int]) -> str:
    """Mark the booking of somebody who is a customer already, for whoever answers it (Q1)."""
    if not existing:
        return written
    who = f"customer{'s' if len(existing) > 1 else ''} {listed((str(one) for one in existing), 'and')}"
    return f"{written}\nExisting customer: ServiceTitan has this e-mail at {who}."


def _is_first_time(settings: SignUpSettings, existing: Sequence[int]) -> bool:
    said = settings.defaults["is_first_time_client"]
    return not existing if said == "derive" else said == "yes"


def _choose(
    name: ListField, written: str, options: TenantOptions, notices: list[str], said: Mapping[str, str]
) -> int | None:
    if not written:
        return None
    offered = [one for one in options.lists.get(name, ()) if one.is_active]
    for one in offered:
        if _folded(one.name) == _folded(written):
            return one.id
    notices.append(_no_entry(LIST_FIELDS[name], said.get(name, written), [one.name for one in offered]))
    return None


def _allowed(name: str, written: str, notices: list[str], said: Mapping[str, str]) -> str:
    known = _CHOICES[name]
    for one in known:
        if one.casefold() == written.casefold():
            return one
    if written:
        notices.append(_no_entry(name.replace("_", " "), said.get(name, written), known))
    return ""


def _job_fields(values: Mapping[str, str], options: TenantOptions, notices: list[str]) -> tuple[tuple[str, str], ...]:
    fields = []
    for name, value in values.items():
        if not name.startswith(JOB_FIELD) or not value:
            continue
        if (missing := _missing_field(name.removeprefix(JOB_FIELD), options)) is not None:
            notices.append(missing)
        else:
            fields.append((name.removeprefix(JOB_FIELD), value))
    return tuple(fields)


def _missing_field(name: str, options: TenantOptions) -> str | None:
    if name in (options.job_fields or ()):
        return None
    hint = "An admin makes it in ServiceTitan, as a Text field of jobs; until then it is left out."
    near = difflib.get_close_matches(name, options.job_fields or (), n=1)
    return f"ServiceTitan has no job custom field {name}. {f'Did you mean {near[0]}?' if near else hint}"


def _no_entry(what: str, said: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(said, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "Choose one that is there."
    return f"ServiceTitan has no active {what} {said}, so it is left out. {hint}"


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
