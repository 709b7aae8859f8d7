"""The tenant's drop-downs as they are now, kept, and compared with the last reading (OI-22, OI-24, OI-25, OI-51)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from connectors.servicetitan.accounting_schemas import GlAccount
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.reference import ArrivalWindow
from decisions.choices import changed_meanings, choices_for, remembering
from models.errors import RejectedError
from models.shop import Shop
from models.tenant import (
    MissingChoice,
    Offered,
    OfferedAccount,
    OfferedJobType,
    OfferedUnit,
    OfferedWindow,
    OrderChoices,
    TenantLists,
    VisitStart,
)
from store import Books

PROCESS = "settings"
"""Under this name the audit log and the held list speak of settings."""

T = TypeVar("T")

_INVENTORY = "Inventory"
_DAY = timedelta(days=1)


async def keep_lists(books: Books, shop: Shop, lists: TenantLists) -> OrderChoices:
    """Keep the lists, note each setting whose meaning has changed since the last reading, and return the choices."""
    settings = shop.need_contractor_commerce()

    def keep(session: Session) -> OrderChoices:
        before = books.tenant_lists.locked(session, shop.name)
        known = remembering(lists, before)
        if books.tenant_lists.put_in(session, shop.name, known) and before is not None:
            for path, (was, now) in changed_meanings(settings, before, known).items():
                detail = {"was": was, "now": now}
                books.audit.append_in(session, shop.name, PROCESS, path, "setting-changed", detail=detail)
        return choices_for(settings, known, zone=shop.zone)

    return await books.store.run(keep)


async def hold_missing(books: Books, shop: str, missing: Iterable[MissingChoice]) -> None:
    """Put each setting that cannot be used on the held list; what is found again or no longer asked for goes off it."""
    held = {one.setting: one for one in missing}
    for path, one in held.items():
        await books.held.hold(shop, PROCESS, path, reason=one.why, fix=one.fix, field=path)
    for entry in await books.held.list(shop, process=PROCESS):
        if entry.record not in held:
            await books.held.release(shop, PROCESS, entry.record)


async def read_lists(tenant: ServiceTitan, now: datetime) -> TenantLists:
    """Read every drop-down of the guide, all at once. A list that ServiceTitan refuses is empty, and says why.

    Raises: TransientError, UnauthorizedError, ContractError of the first reading that failed.
    """
    try:
        return await _read_all(tenant, now)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _read_all(tenant: ServiceTitan, now: datetime) -> TenantLists:
    refused: dict[str, str] = {}
    async with asyncio.TaskGroup() as group:

        def start(field: str, reading: Coroutine[Any, Any, tuple[T, ...]]) -> asyncio.Task[tuple[T, ...]]:
            return group.create_task(_or_refused(field, reading, refused))

        units = start("business_units", tenant.list_all_business_units())
        job_types = start("job_types", tenant.list_job_types())
        campaigns = start("campaigns", tenant.list_campaigns())
        tags = start("tag_types", tenant.list_tag_types())
        technicians = start("technicians", tenant.list_all_technicians())
        accounts = start("accounts", tenant.list_gl_accounts())
        usable = start("payment_types", tenant.list_payment_types())
        payment_types = start("payment_types", tenant.list_payment_types(also_inactive=True))
        reasons = start("cancel_reasons", tenant.list_cancel_reasons())
        windows = start("arrival_windows", tenant.list_arrival_windows())
        visit_starts_at = group.create_task(_visit_starts_at(tenant))
    active = {one.id for one in usable.result()}
    return TenantLists(
        read_at=now,
        business_units=tuple(
            OfferedUnit(id=one.id, name=one.name, is_active=one.active, currency=one.currency) for one in units.result()
        ),
        job_types=tuple(
            OfferedJobType(
                id=one.id,
                name=one.name,
                is_active=one.active,
                priority=one.priority,
                business_units=one.business_unit_ids,
            )
            for one in job_types.result()
        ),
        campaigns=_offered(campaigns.result()),
        tag_types=_offered(tags.result()),
        technicians=_offered(technicians.result()),
        accounts=tuple(
            OfferedAccount(id=one.id, name=one.name, is_active=one.active, account_class=class_of(one))
            for one in accounts.result()
        ),
        payment_types=tuple(
            Offered(id=one.id, name=one.name, is_active=one.id in active) for one in payment_types.result()
        ),
        cancel_reasons=_offered(reasons.result()),
        arrival_windows=windows_of(windows.result()),
        visit_starts_at=visit_starts_at.result(),
        refused=refused,
    )


async def _or_refused(
    field: str, reading: Coroutine[Any, Any, tuple[T, ...]], refused: dict[str, str]
) -> tuple[T, ...]:
    """A list the app may not read holds the settings that need it, not those that do without."""
    try:
        return await reading
    except RejectedError as error:
        refused[field] = str(error)
        return ()


async def _visit_starts_at(tenant: ServiceTitan) -> VisitStart:
    try:
        return (await tenant.get_arrival_window_configuration()).configuration
    except RejectedError:
        return "StartTimeOfArrivalWindow"


def class_of(account: GlAccount) -> str:
    """Return the class of an account: "Inventory" where any of its three marks says so, else its type (OI-37).

    Which mark ServiceTitan itself goes by is not stated: `defaultAccountType`, `subtype` and `type` can all carry the
    word [inferred].
    """
    marks = (account.default_account_type, account.subtype, account.type)
    if any(mark.strip().casefold() == _INVENTORY.casefold() for mark in marks):
        return _INVENTORY
    return account.type


def windows_of(rows: Iterable[ArrivalWindow]) -> tuple[OfferedWindow, ...]:
    """Return the active arrival windows by their start.

    `duration` is a length by its name and an end time by the vendor's text (FACTS 2.5). Where every window would end
    after it starts and within its day, all are taken as end times; one that would not shows that all are lengths, for
    one tenant means one thing [inferred]. A window of no length, or of more than a day, is left out.
    """
    active = [row for row in rows if row.active and timedelta(0) <= row.start < _DAY]
    are_ends = all(row.start < row.duration <= _DAY for row in active)
    lengths = {row.id: row.duration - row.start if are_ends else row.duration for row in active}
    offered = {
        OfferedWindow(
            starts=_time_of(row.start),
            ends=_time_of(row.start + lengths[row.id]),
            business_units=tuple(sorted(row.business_unit_ids)),
        )
        for row in active
        if timedelta(0) < lengths[row.id] < _DAY
    }
    return tuple(sorted(offered, key=lambda one: (one.starts, one.ends, one.business_units)))


def _time_of(since_midnight: timedelta) -> time:
    minutes, seconds = divmod(int((since_midnight % _DAY).total_seconds()), 60)
    return time(minutes // 60, minutes % 60, seconds)


def _offered(rows: Sequence[Any]) -> tuple[Offered, ...]:
    return tuple(Offered(id=row.id, name=row.name, is_active=row.active) for row in rows)
