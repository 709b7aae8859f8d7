"""The names in the shop file, resolved against the tenant's own lists: an id each, or why not and what to do.

Source: contracts/contractor_commerce/CHECKLIST.md OI-22 to OI-25, OI-31, OI-51, OI-53, and the table of settings in
FACTS.md there; contracts/servicetitan/FACTS.md 2.5. Names compare without case and outer blanks.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final, Literal, TypeVar, get_args

from decisions.words import listed
from models.shop import ContractorCommerceSettings, ProductOrders, ServiceOrders
from models.tenant import (
    Gone,
    MissingChoice,
    Offered,
    OfferedAccount,
    OfferedJobType,
    OrderChoices,
    PartChoices,
    TenantLists,
)

Kind = Literal["product", "service"]
Priority = Literal["Low", "Normal", "High", "Urgent"]
Entry = TypeVar("Entry", bound=Offered)

SECTION: Final = "contractor_commerce"
SHARED: Final = ("payment_type", "cancel_reason")
"""Settings of both kinds of orders; they stand in [contractor_commerce] itself."""

_THEN = "then retry what is held"
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class DropDown:
    """One list of the tenant: where `TenantLists` keeps it, and what people call an entry."""

    field: str
    said: str


DROP_DOWNS: Final[Mapping[str, DropDown]] = {
    "campaign": DropDown("campaigns", "campaign"),
    "business_unit": DropDown("business_units", "business unit"),
    "job_type": DropDown("job_types", "job type"),
    "technician": DropDown("technicians", "technician"),
    "tag_one_time": DropDown("tag_types", "tag"),
    "tag_subscription": DropDown("tag_types", "tag"),
    "tag_completed": DropDown("tag_types", "tag"),
    "account": DropDown("accounts", "account"),
    "cost_of_sale_account": DropDown("accounts", "account"),
    "asset_account": DropDown("accounts", "account"),
    "payment_type": DropDown("payment_types", "payment type"),
    "cancel_reason": DropDown("cancel_reasons", "job cancel reason"),
}
"""The drop-down behind each setting, in the order of the vendor's page."""

_ACCOUNTS = ("account", "cost_of_sale_account", "asset_account")
_REQUIRED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "product": ("campaign", "business_unit", "job_type", "payment_type"),
    "service": ("campaign", "business_unit", "job_type"),
}
"""A service order builds no invoice of its own, so it needs no payment type (CHECKLIST, "Unclear")."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One setting of the shop file, and what became of its name."""

    path: str
    name: str
    id: int | None = None
    missing: MissingChoice | None = None


def choices_for(
    settings: ContractorCommerceSettings,
    lists: TenantLists,
    before: TenantLists | None = None,
    *,
    zone: tzinfo = UTC,
) -> OrderChoices:
    """Resolve every chosen name of both kinds of orders, also of one that is switched off.

    `before` is an earlier reading of the lists, so that a name which was there is told apart from one which never was;
    `zone` is the shop's, for the date of that reading.
    """
    known = remembering(lists, before)
    products, services = (_part(kind, settings, known, zone) for kind in get_args(Kind))
    return OrderChoices(
        products=products,
        services=services,
        currency=_currency(lists),
        version=_version(settings, products, services),
    )


def remembering(lists: TenantLists, before: TenantLists | None) -> TenantLists:
    """Return the lists with what an earlier reading had and this one has not: deleted since, or renamed."""
    if before is None:
        return lists
    fields = dict.fromkeys(drop_down.field for drop_down in DROP_DOWNS.values())
    earlier = [*before.gone]
    for field in fields:
        earlier += [Gone(kind=field, id=one.id, name=one.name, seen_at=before.read_at) for one in _list(before, field)]
    present = {(field, one.id, _folded(one.name)) for field in fields for one in _list(lists, field)}
    latest = {(one.kind, one.id, _folded(one.name)): one for one in earlier}
    return lists.model_copy(update={"gone": tuple(one for key, one in latest.items() if key not in present)})


def chosen_settings(
    settings: ContractorCommerceSettings, choices: OrderChoices, *, kinds: Sequence[Kind] | None = None
) -> tuple[Chosen, ...]:
    """Return each setting that names something, or must, and what became of it; of the kinds that are switched on.

    With `kinds`: of these, whether they are on or off. Arrival windows that are asked for count as a setting too
    (OI-31, OI-53).
    """
    wanted = enabled_kinds(settings) if kinds is None else kinds
    found: dict[str, Chosen] = {}
    for kind in wanted:
        section, part = section_of(settings, kind), choices.of(kind)
        for setting in DROP_DOWNS:
            if setting == "payment_type" and setting not in _REQUIRED[kind]:
                continue
            path, name = path_of(kind, setting), _name_of(settings, section, setting)
            if name or setting in part.missing:
                found[path] = Chosen(path, name, part.ids.get(setting), part.missing.get(setting))
        if section.arrival_windows:
            found[path_of(kind, "arrival_windows")] = _windows(kind, part)
    return tuple(found.values())


def changed_meanings(
    settings: ContractorCommerceSettings, before: TenantLists, now: TenantLists
) -> dict[str, tuple[str, str]]:
    """Return each setting whose name no longer means what it meant: what it was, and what it is."""
    was, is_now = (_meanings(settings, choices_for(settings, lists)) for lists in (before, now))
    return {
        path: (was[path][1], said)
        for path, (meaning, said) in is_now.items()
        if path in was and was[path][0] != meaning
    }


def enabled_kinds(settings: ContractorCommerceSettings) -> tuple[Kind, ...]:
    """Return the kinds of orders that are switched on (OI-20, OI-50)."""
    return tuple(kind for kind in get_args(Kind) if section_of(settings, kind).enabled)


def section_of(settings: ContractorCommerceSettings, kind: Kind) -> ProductOrders | ServiceOrders:
    """Return the settings of one kind of orders (OI-19)."""
    return settings.products if kind == "product" else settings.services


def path_of(kind: Kind, setting: str) -> str:
    """Return where a setting stands in the shop file, such as "contractor_commerce.products.campaign"."""
    return f"{SECTION}.{setting}" if setting in SHARED else f"{SECTION}.{kind}s.{setting}"


def nearest_first(name: str, entries: Iterable[Entry]) -> list[Entry]:
    """Return the active entries, those whose names are most like `name` first; without a name, by the alphabet."""
    wanted = _folded(name)

    def unlike(entry: Entry) -> tuple[float, str]:
        own = _folded(entry.name)
        likeness = difflib.SequenceMatcher(None, wanted, own).ratio() + (1 if wanted and wanted in own else 0)
        return (-likeness if wanted else 0, own)

    return sorted((entry for entry in entries if entry.is_active and entry.name.strip()), key=unlike)


def same_name(one: str, other: str) -> bool:
    """Compare names as people do: case and surrounding blanks do not count."""
    return _folded(one) == _folded(other)


def _part(kind: Kind, settings: ContractorCommerceSettings, known: TenantLists, zone: tzinfo) -> PartChoices:
    section = section_of(settings, kind)
    found: dict[str, Offered] = {}
    missing: dict[str, MissingChoice] = {}
    for setting in DROP_DOWNS:
        name = _name_of(settings, section, setting)
        answer = _look_up(path_of(kind, setting), setting, name, known, zone) if name else _unset(kind, setting)
        if isinstance(answer, MissingChoice):
            missing[setting] = answer
        elif answer is not None:
            found[setting] = answer
    mismatch = _mismatch(kind, found.get("job_type"), found.get("business_unit"), known)
    if mismatch is not None:
        missing["job_type"] = mismatch
        del found["job_type"]
    unit = found.get("business_unit")
    return PartChoices(
        kind=kind,
        ids={setting: one.id for setting, one in found.items()},
        missing=missing,
        priority=_priority(section, found.get("job_type")),
        accounts={name: one for name in _ACCOUNTS if isinstance(one := found.get(name), OfferedAccount)},
        windows=tuple(
            one for one in known.arrival_windows if not one.business_units or (unit and unit.id in one.business_units)
        ),
        visit_starts_at=known.visit_starts_at,
    )


def _name_of(settings: ContractorCommerceSettings, section: ProductOrders | ServiceOrders, setting: str) -> str:
    name: str = getattr(settings if setting in SHARED else section, setting, "")
    return name.strip()


def _unset(kind: Kind, setting: str) -> MissingChoice | None:
    if setting not in _REQUIRED[kind]:
        return None
    path, said = path_of(kind, setting), DROP_DOWNS[setting].said
    return MissingChoice(
        setting=path,
        why=f"{path} is not set: {kind} orders need a {said}.",
        fix=f"Write the name of an active {said} of ServiceTitan at {path} in the shop file; {_THEN}.",
    )


def _look_up(path: str, setting: str, name: str, known: TenantLists, zone: tzinfo) -> Offered | MissingChoice:
    drop_down = DROP_DOWNS[setting]
    entries = _list(known, drop_down.field)
    if drop_down.field in known.refused:
        return MissingChoice(
            setting=path,
            why=f'The {drop_down.said} "{name}" cannot be looked up. {known.refused[drop_down.field]}',
            fix=f"Give the app the right to read that list, in ServiceTitan under API Application Access; {_THEN}.",
        )
    same = [one for one in entries if same_name(one.name, name)]
    active = [one for one in same if one.is_active]
    if len(active) == 1:
        return active[0]
    if active:
        ids = listed((str(one.id) for one in active), "and")
        return MissingChoice(
            setting=path,
            why=f'ServiceTitan has {len(active)} active entries called {drop_down.said} "{name}": ids {ids}.',
            fix=f"Rename all but one of them in ServiceTitan, or choose another at {path} in the shop file; {_THEN}.",
        )
    gone = _vanished(path, drop_down, name, known, zone)
    if same and gone is None:
        ids = listed((str(one.id) for one in same), "and")
        return MissingChoice(
            setting=path,
            why=f'ServiceTitan\'s {drop_down.said} "{name}" (id {ids}) is switched off.',
            fix=f"Switch it on again in ServiceTitan, or choose another at {path} in the shop file; {_THEN}.",
        )
    return gone or MissingChoice(
        setting=path,
        why=f'ServiceTitan has no {drop_down.said} "{name}". {_nearest(name, entries)}',
        fix=f"Correct {path} in the shop file, or make that {drop_down.said} in ServiceTitan; {_THEN}.",
    )


def _vanished(path: str, drop_down: DropDown, name: str, known: TenantLists, zone: tzinfo) -> MissingChoice | None:
    were = [one for one in known.gone if one.kind == drop_down.field and same_name(one.name, name)]
    if not were:
        return None
    last = max(were, key=lambda one: one.seen_at)
    entries = _list(known, drop_down.field)
    day = last.seen_at.astimezone(zone).date()
    told = f'ServiceTitan\'s {drop_down.said} "{name}" (id {last.id}) was there on {day}'
    renamed = next((one for one in entries if one.id == last.id), None)
    if renamed is not None:
        return MissingChoice(
            setting=path,
            why=f'{told}, and is called "{renamed.name}" now: the id is the same.',
            fix=f'Write "{renamed.name}" at {path} in the shop file, or rename it back in ServiceTitan; {_THEN}.',
        )
    return MissingChoice(
        setting=path,
        why=f"{told}, and is gone. {_nearest(name, entries)}",
        fix=f"Choose another at {path} in the shop file, or make it again in ServiceTitan; {_THEN}.",
    )


def _nearest(name: str, entries: Sequence[Offered]) -> str:
    names = {_folded(one.name): one.name for one in entries if one.is_active and one.name.strip()}
    near = difflib.get_close_matches(_folded(name), list(names), n=3, cutoff=0.5)
    if near:
        return f"Did you mean {_quoted(names[one] for one in near)}?"
    if not names:
        return "There is none."
    some = sorted(names.values())
    more = f" and {len(some) - _MOST_NAMED} more" if len(some) > _MOST_NAMED else ""
    return f"There are: {', '.join(some[:_MOST_NAMED])}{more}."


def _quoted(names: Iterable[str], last: str = "or") -> str:
    return listed((f'"{name}"' for name in names), last)


def _mismatch(kind: Kind, job_type: Offered | None, unit: Offered | None, known: TenantLists) -> MissingChoice | None:
    """Where a job type names business units, only those may book it (FACTS 2.5)."""
    if not isinstance(job_type, OfferedJobType) or unit is None or not job_type.business_units:
        return None
    if unit.id in job_type.business_units:
        return None
    names = {one.id: one.name for one in known.business_units}
    its = _quoted((names.get(one, f"id {one}") for one in job_type.business_units), "and")
    path = path_of(kind, "job_type")
    return MissingChoice(
        setting=path,
        why=f'ServiceTitan\'s job type "{job_type.name}" is for business unit {its}, not for "{unit.name}".',
        fix=f"Choose a pair that goes together at {path} and {path_of(kind, 'business_unit')} in the shop file, or "
        f"change the job type in ServiceTitan; {_THEN}.",
    )


def _priority(section: ProductOrders | ServiceOrders, job_type: Offered | None) -> Priority:
    its_own = job_type.priority if isinstance(job_type, OfferedJobType) else ""
    for known in get_args(Priority):
        priority: Priority = known
        if same_name(section.priority or its_own, priority):
            return priority
    return "Normal"


def _windows(kind: Kind, part: PartChoices) -> Chosen:
    path = path_of(kind, "arrival_windows")
    if part.windows:
        return Chosen(path, listed((f"{one.starts:%H:%M}-{one.ends:%H:%M}" for one in part.windows), "and"))
    why = "Arrival windows are asked for, and ServiceTitan has none that the chosen business unit may use."
    fix = f"Set them up in ServiceTitan (Settings > Arrival Windows), or write {path} = false; {_THEN}."
    return Chosen(path, "on", missing=MissingChoice(setting=path, why=why, fix=fix))


def _meanings(settings: ContractorCommerceSettings, choices: OrderChoices) -> dict[str, tuple[str, str]]:
    """Return what each setting stands for, and that in words: why a name cannot be used is no part of its meaning."""
    found: dict[str, tuple[str, str]] = {}
    for one in chosen_settings(settings, choices, kinds=get_args(Kind)):
        said = one.name if one.id is None else f"{one.name} (id {one.id})"
        setting = one.path.rpartition(".")[2]
        if setting in choices.products.accounts:
            said += f", class {choices.products.accounts[setting].account_class or 'unknown'}"
        found[one.path] = ("", one.missing.why) if one.missing else (said, said)
    return found


def _currency(lists: TenantLists) -> str:
    named = {one.currency.strip().upper() for one in lists.business_units if one.is_active and one.currency.strip()}
    return named.pop() if len(named) == 1 else "USD"


def _version(settings: ContractorCommerceSettings, products: PartChoices, services: PartChoices) -> str:
    connection = {"api_url", "api_token", "calls_per_minute"}
    events = {name for name in type(settings).model_fields if name.startswith("webhook_")}
    used: dict[str, Any] = {
        "settings": settings.model_dump(mode="json", exclude=connection | events),
        "products": products.model_dump(mode="json", exclude={"missing"}),
        "services": services.model_dump(mode="json", exclude={"missing"}),
    }
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:12]


def _list(lists: TenantLists, field: str) -> tuple[Offered, ...]:
    entries: tuple[Offered, ...] = getattr(lists, field)
    return entries


def _folded(name: str) -> str:
    return name.strip().casefold()
