"""`truckroll setup`: a shop file by asking."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_args
from uuid import UUID, uuid4

import typer
from rich.markup import escape

from decisions.choices import DROP_DOWNS, SHARED, Kind, path_of
from decisions.order_setup import OWN_ITEMS, QUICKBOOKS, WITHOUT, uses_quickbooks
from deployments import asking, shop_file, talk
from deployments.commands.common import with_books
from models.errors import SettingsError, TruckrollError
from models.settings import HouseSettings
from models.shop import (
    ContractorCommerceSettings,
    ProductOrders,
    ServiceOrders,
    ServiceTitanSettings,
    Shop,
    parse_shop,
)
from models.tenant import Offered, TenantLists

_SERVICETITAN = {"api_url": "https://api.servicetitan.io", "auth_url": "https://auth.servicetitan.io/connect/token"}
_STORE_URL = "https://api.contractorcommerce.com/api/v1"
_MARCONE_URL = "https://api.msupply.com"
_HINTS = {
    "campaign": "Contractor Commerce",
    "payment_type": "Contractor Commerce",
    "account": "Deferred Revenue",
    "cost_of_sale_account": "Cost of Goods Sold: Material",
    "asset_account": "Inventory",
    "business_unit": "Online Store",
    "job_type": "Online Order",
    "technician": "Store Dispatch",
    "tag_one_time": "Store: one-time",
    "tag_subscription": "Store: subscription",
    "tag_completed": "Store order completed",
    "cancel_reason": "Canceled in the online store",
}
"""The names of the guide: what is like them is offered first."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass
class _Talk:
    """One conversation about one shop file: what stood in it, what was answered, what the tenant offers."""

    name: str
    before: Mapping[str, Any]
    answers: dict[str, Any] = field(default_factory=dict)
    lists: TenantLists | None = None
    confirmed_by: str = ""

    def was(self, *path: str) -> Any:
        """Return what stood in the file at this place; nothing when nothing did."""
        found: Any = self.before
        for step in path:
            found = found.get(step, "") if isinstance(found, Mapping) else ""
        return found

    def secret(self, section: str, setting: str, said: str, *, suffix: str, optional: bool = False) -> str:
        """Ask for the variable of a secret; a value that stands in the file is not shown, but asked for anew."""
        found = re.fullmatch(r"\$\{(\w+)\}", str(self.was(section, setting)))
        own = f"{self.name.upper().replace('-', '_')}_{suffix}"
        default = found[1] if found else "" if optional else own
        return asking.variable(said, default, optional=optional)

    def offered(self, setting: str) -> tuple[Offered, ...]:
        """Return the entries of a setting's drop-down."""
        return getattr(self.lists, DROP_DOWNS[setting].field, ())


def setup(
    shop: Annotated[str | None, typer.Argument(help="The shop's name: lowercase letters, digits, dashes.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Change a shop file that is there.")] = False,
) -> None:
    """Write a shop file by asking. The tenant's own lists are offered; secrets are named, never typed in or shown."""
    name = shop or asking.text("The shop's name", check=_as_name)
    path = HouseSettings().shops / f"{_checked(name)}.toml"
    if path.exists() and not force:
        raise SettingsError(f"There is a shop file {path} already.", "To change it: `truckroll setup` with --force.")
    at = _Talk(name, _read(path) if path.exists() else {})
    at.answers["name"] = name
    at.answers["timezone"] = asking.text("Time zone", at.was("timezone") or "America/Chicago", check=asking.time_zone)
    _ask_servicetitan(at)
    if asking.yes("\nDoes this shop sell online through Contractor Commerce?", default=_has(at, "contractor_commerce")):
        _ask_store(at)
    if asking.yes("\nDoes it order parts at Marcone?", default=_has(at, "marcone")):
        _ask_marcone(at)
    _write(at, path)


def _ask_servicetitan(at: _Talk) -> None:
    """Ask for what the connection takes, each once, and try it (OI-64)."""
    talk.say("\n[bold]ServiceTitan[/]")
    section = "servicetitan"
    found: dict[str, Any] = {
        setting: asking.text(f"{setting}", at.was(section, setting) or usual, check=asking.address)
        for setting, usual in _SERVICETITAN.items()
    }
    found["tenant_id"] = int(asking.text("Tenant id", str(at.was(section, "tenant_id")), check=asking.whole_number))
    found["app_key"] = at.secret(section, "app_key", "App key", suffix="ST_APP_KEY")
    found["client_id"] = at.secret(section, "client_id", "Client id", suffix="ST_CLIENT_ID")
    found["client_secret"] = at.secret(section, "client_secret", "Client secret", suffix="ST_CLIENT_SECRET")
    found["external_data_guid"] = asking.text(
        "GUID of our own marks in ServiceTitan (Enter: as shown; never change it later)",
        at.was(section, "external_data_guid") or str(uuid4()),
        check=_as_guid,
    )
    provider = asking.text(
        "Id of the booking provider tag (0: none)",
        str(at.was(section, "booking_provider")),
        check=asking.number_or_none,
    )
    if provider:
        found["booking_provider"] = int(provider)
    kept = {name: one for name, one in _mapping(at.was(section)).items() if name != "booking_provider"}
    at.answers[section] = kept | found
    at.lists = _try_servicetitan(found)


def _try_servicetitan(found: Mapping[str, Any]) -> TenantLists | None:
    from tasks.trials import try_servicetitan

    try:
        lists = asyncio.run(try_servicetitan(ServiceTitanSettings.model_validate(found)))
    except TruckrollError as error:
        _go_on_without(error)
        return None
    talk.say(f"  [green]Connected.[/] {len(lists.business_units)} business units, {len(lists.campaigns)} campaigns.")
    return lists


def _go_on_without(error: TruckrollError) -> None:
    talk.explain(error)
    if not asking.yes("  Go on without trying? Names are then typed, and not looked up.", default=False):
        talk.say("Nothing was written.")
        raise typer.Exit(talk.FAILED)


def _ask_store(at: _Talk) -> None:
    """Ask for the store's settings: what stands in the vendor's guide, in its order."""
    talk.say("\n[bold]Contractor Commerce[/]")
    section = "contractor_commerce"
    found: dict[str, Any] = {
        "api_url": asking.text("api_url", at.was(section, "api_url") or _STORE_URL, check=asking.address),
        "api_token": at.secret(section, "api_token", "Store key", suffix="CC_TOKEN"),
        "webhook_secret": at.secret(
            section,
            "webhook_secret",
            "Secret that signs webhooks (Enter: none)",
            suffix="CC_WEBHOOK_SECRET",
            optional=True,
        ),
        "webhook_path_token": "",
    }
    if not found["webhook_secret"]:
        found["webhook_path_token"] = at.secret(
            section,
            "webhook_path_token",
            "Token in the webhook's path (Enter: none)",
            suffix="CC_PATH_TOKEN",
            optional=True,
        )
    _try_store(found)
    since = str(at.was(section, "orders_since") or date.today())  # noqa: DTZ011 - the person's own today
    said = asking.text("Take in orders from which day on (0: all there ever were)", since, check=_as_day)
    for setting in SHARED:
        found[setting] = _choose(at, "product", setting)
    _ask_accounting(at, found)
    for kind in get_args(Kind):
        found[f"{kind}s"] = {**_mapping(at.was(section, f"{kind}s")), **_ask_kind(at, kind)}
    kept = {name: one for name, one in _mapping(at.was(section)).items() if name != "orders_since"}
    at.answers[section] = {**kept, **({"orders_since": date.fromisoformat(said)} if said else {}), **found}


def _try_store(found: Mapping[str, Any]) -> None:
    from tasks.trials import try_store

    try:
        asyncio.run(try_store(ContractorCommerceSettings.model_validate(found)))
    except TruckrollError as error:
        _go_on_without(error)
        return
    talk.say("  [green]Connected.[/]")


def _ask_accounting(at: _Talk, found: dict[str, Any]) -> None:
    """Ask which accounting system is used; any answer but QuickBooks waits for somebody's word (OI-21)."""
    was = str(at.was("contractor_commerce", "accounting_system"))
    found["accounting_system"] = asking.text("\nWhich accounting system does the shop use?", was or QUICKBOOKS)
    if uses_quickbooks(found["accounting_system"]):
        return
    talk.say(f"  The product feature presumes {QUICKBOOKS}: ask your success manager at Contractor Commerce.")
    at.confirmed_by = asking.text("  Who confirms that product orders suit it? (Enter: not confirmed yet)")
    if not at.confirmed_by:
        talk.say("  Product orders are kept back until somebody does: `truckroll check` with --confirm-accounting.")


def _ask_kind(at: _Talk, kind: Kind) -> dict[str, Any]:
    """Ask for the settings of product or service orders; those of a kind that stays off are left as they are."""
    section, model = "contractor_commerce", ProductOrders if kind == "product" else ServiceOrders
    is_on = bool(at.was(section, f"{kind}s", "enabled"))
    if not asking.yes(f"\nUpdate ServiceTitan with new {kind.capitalize()} Orders?", default=is_on):
        return {"enabled": False}
    found: dict[str, Any] = {"enabled": True, "arrival_windows": _ask_windows(at, kind)}
    if kind == "product":
        kinds = [Offered(id=1, name="Material"), Offered(id=2, name="Equipment")]
        was = str(at.was(section, "products", "invoice_item_type") or "Material")
        found["invoice_item_type"] = asking.choice("Type of new invoice items", kinds, current=was) or "Material"
    named = [setting for setting in DROP_DOWNS if setting in model.model_fields]
    return found | {setting: _choose(at, kind, setting) for setting in named}


def _ask_windows(at: _Talk, kind: Kind) -> bool:
    """Ask for arrival windows, with the advice that fits the tenant (OI-30 to OI-32)."""
    windows = at.lists.arrival_windows if at.lists else ()
    if windows:
        talk.say("  ServiceTitan has arrival windows: who uses them is advised to include them.")
    elif at.lists:
        talk.say("  ServiceTitan has no arrival windows: switched on, orders are held until some are set up there.")
    was = at.was("contractor_commerce", f"{kind}s", "arrival_windows")
    return asking.yes(f"Include arrival windows in new {kind} orders?", default=bool(windows if was == "" else was))


def _choose(at: _Talk, kind: Kind, setting: str) -> str:
    own = () if setting in SHARED else (f"{kind}s",)
    current = str(at.was("contractor_commerce", *own, setting))
    title = f"{setting.replace('_', ' ').capitalize()}  ({path_of(kind, setting)})"
    hint = _HINTS[setting] if kind == "product" else f"{_HINTS[setting]} service"
    chosen = asking.choice(title, at.offered(setting), hint=hint, current=current, advice=OWN_ITEMS.get(setting, ""))
    if not chosen:
        follows = WITHOUT.get(setting, f"orders are held until a {DROP_DOWNS[setting].said} is chosen")
        talk.say(f"  None: {follows}.")
    return chosen


def _ask_marcone(at: _Talk) -> None:
    talk.say("\n[bold]Marcone[/]")
    section = "marcone"
    at.answers[section] = {
        **_mapping(at.was(section)),
        "api_url": asking.text("api_url", at.was(section, "api_url") or _MARCONE_URL, check=asking.address),
        "client_id": at.secret(section, "client_id", "Client id", suffix="MARCONE_CLIENT_ID"),
        "client_secret": at.secret(section, "client_secret", "Client secret", suffix="MARCONE_CLIENT_SECRET"),
        "customer_number": int(
            asking.text("Customer number", str(at.was(section, "customer_number")), check=asking.whole_number)
        ),
    }


def _write(at: _Talk, path: Path) -> None:
    """Show what was answered, ask once more, and write it; what was not asked about stays as it was."""
    whole = {**at.before, **at.answers}
    shop = parse_shop(whole, path.name)
    talk.say(f"\n[bold]{escape(str(path))}[/]\n{escape(shop_file.render(at.answers))}")
    kept = [name for name in at.before if name not in at.answers]
    if kept:
        talk.say(f"Kept as they are: {', '.join(kept)}.")
    if not asking.yes("Write it?", default=True):
        talk.say("Nothing was written.")
        raise typer.Exit(talk.FAILED)
    old = shop_file.save(path, shop_file.render(whole))
    talk.out().print(f"Written: {path}" + (f" (the old one is kept as {old.name})" if old else ""), markup=False)
    if at.confirmed_by:
        _confirm(shop, at.confirmed_by)
    talk.out().print(f"Next: truckroll check {at.name}", markup=False)


def _confirm(shop: Shop, by: str) -> None:
    from tasks.order_checks import confirm_accounting

    talk.out().print(with_books(lambda books: confirm_accounting(books, shop, by)), markup=False)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not a TOML file: {error}.", "Mend that line, or move the file away.") from error


def _has(at: _Talk, section: str) -> bool:
    return bool(_mapping(at.was(section)))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _checked(name: str) -> str:
    try:
        return _as_name(name)
    except ValueError as error:
        raise SettingsError(f'"{name}" is no name for a shop.', str(error)) from error


def _as_name(said: str) -> str:
    if not _NAME.fullmatch(said):
        raise ValueError("A shop's name has lowercase letters, digits and dashes, such as northside.")
    return said


def _as_guid(said: str) -> str:
    try:
        return str(UUID(said))
    except ValueError as error:
        raise ValueError("Write a GUID such as 6f0c2f0e-9d1b-4c57-8c39-0b8f8a3f7d11, or Enter.") from error


def _as_day(said: str) -> str:
    if said == asking.NONE:
        return ""
    try:
        return date.fromisoformat(said).isoformat()
    except ValueError as error:
        raise ValueError("Write a day such as 2026-10-01, or 0.") from error
