"""`truckroll connect` and `disconnect`: the steps of the vendor's guide, one by one or all at once (RF-10 to RF-25)."""

from __future__ import annotations

import asyncio
import getpass
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import uuid4

import typer
from rich.markup import escape

from decisions.connections import ANOTHER_CRM, TENANT_ID_IS_AT, VALUES_ARE_AT, read_booking_provider, read_tenant_id
from deployments import asking, shop_file, talk
from deployments.commands.common import usage, with_books
from models.connection import NAMES, VENDORS, Connection, ConnectionState, Vendor
from models.errors import SettingsError, TruckrollError
from models.settings import HouseSettings
from models.shop import Shop, load_shop, parse_shop

if TYPE_CHECKING:
    from models.connection import Moved, Proof

_SECTION: Final = "servicetitan"
_ADDRESSES = {"api_url": "https://api.servicetitan.io", "auth_url": "https://auth.servicetitan.io/connect/token"}
_SECRETS = {"app_key": "App key", "client_id": "Client ID", "client_secret": "Client Secret"}
_NO_VALUE = (
    "To finalise, the shop file needs a [servicetitan] section with Client ID, Client Secret and Booking Provider."
)
_DONE_WORDS = {
    "access-requested": "Access asked for",
    "access-approved": "Access approved, ready to finalise",
    "connected": "Connected",
    "credentials-renewed": "Connected, with the values as they are now",
}


def connect(
    shop: Annotated[str, typer.Argument(help="The shop, by the name of its file.")],
    vendor: Annotated[str, typer.Argument(help="contractor_commerce, marcone, referral_factory or servicetitan.")],
    tenant_id: Annotated[
        str | None, typer.Option(help=f"Of ServiceTitan; what the shop file says when left out. {TENANT_ID_IS_AT}")
    ] = None,
    booking_provider: Annotated[
        str | None, typer.Option(help="Of ServiceTitan: the id of the booking provider tag picked for the app.")
    ] = None,
    request_only: Annotated[
        bool, typer.Option("--request-only", help="Only ask for access with the tenant id; finalise later.")
    ] = False,
    approved: Annotated[
        bool, typer.Option("--approved", help="ServiceTitan offers the app now: note it, and go on to finalise.")
    ] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for every value again, those in the shop file too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is missing is refused.")] = False,
    by: Annotated[str, typer.Option(help="Who connects it; kept in the audit log.")] = "",
) -> None:
    """Connect a shop to a vendor: its credentials are tried first; ServiceTitan is asked for access before that."""
    known = known_vendor(vendor)
    if known != _SECTION and (tenant_id is not None or booking_provider is not None or request_only or approved or ask):
        raise usage("--tenant-id, --booking-provider, --request-only, --approved and --ask are for servicetitan.")
    path = HouseSettings().shops / f"{shop}.toml"
    file = load_shop(shop, HouseSettings().shops)
    talker = _Steps(file, path, is_quiet=yes, by=by or _login())
    if known == _SECTION:
        talker.servicetitan(
            _checked(tenant_id, read_tenant_id),
            _checked(booking_provider, read_booking_provider),
            request_only=request_only,
            approved=approved,
            ask=ask,
        )
    else:
        talker.other(known)


def disconnect(
    shop: Annotated[str, typer.Argument(help="The shop, by the name of its file.")],
    vendor: Annotated[str, typer.Argument(help="contractor_commerce, marcone, referral_factory or servicetitan.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: Annotated[str, typer.Option(help="Who disconnects it; kept in the audit log.")] = "",
) -> None:
    """Stop everything that moves data between a shop and a vendor, at once. What is written stays, on both sides."""
    from tasks.connections import disconnect as note_disconnected

    known = known_vendor(vendor)
    found = load_shop(shop, HouseSettings().shops)
    question = f"Nothing will move between {shop} and {NAMES[known]} any more, what is under way included. Go on?"
    if not yes and not asking.yes(question, default=False):
        talk.out().print("Nothing was changed.")
        return
    is_new = with_books(lambda books: note_disconnected(books, found, known, by or _login()))
    before = "" if is_new else " It was before."
    words = f"{shop} is disconnected from {NAMES[known]}; what is written stays, and nothing is deleted.{before}"
    talk.out().print(words, markup=False)


def known_vendor(named: str) -> Vendor:
    """Return the vendor of this name; dashes and capitals do not matter. Raises what ends the command with code 2."""
    for vendor in VENDORS:
        if vendor == named.strip().lower().replace("-", "_"):
            return vendor
    raise usage(f"{named} is not a vendor that can be connected: {' or '.join(VENDORS)}.")


@dataclass
class _Steps:
    """One `connect` of one shop."""

    shop: Shop
    path: Path
    is_quiet: bool
    """Nobody is asked."""
    by: str

    def other(self, vendor: Vendor) -> None:
        """Try the credentials of the shop file, and connect."""
        if vendor == "referral_factory":
            talk.out().print(ANOTHER_CRM, markup=False)
        self._connect(self.shop, vendor)

    def servicetitan(
        self, tenant_id: int | None, provider: int | None, *, request_only: bool, approved: bool, ask: bool
    ) -> None:
        """Walk the guide: tenant id, pending, ready, the three values, tried, connected (RF-14 to RF-25)."""
        kept = self._kept()
        tenant = tenant_id or self._tenant(kept, ask=ask)
        if request_only or self.shop.servicetitan is None:
            self._ask_for_access(tenant)
            if request_only:
                return
        if approved or self._is_approved_now():
            self._approve()
        if self.shop.servicetitan is None and (self.is_quiet or self._kept_state() is not ConnectionState.READY):
            if self._kept_state() is ConnectionState.READY:
                raise SettingsError(_NO_VALUE, VALUES_ARE_AT)
            return
        changes = {"tenant_id": tenant, **({} if provider is None else {"booking_provider": provider})}
        if ask or self.shop.servicetitan is None:
            changes |= self._ask_values(tenant, provider)
        elif self._needs_provider() and not self.is_quiet and provider is None:
            changes["booking_provider"] = self._ask_provider("")
        self._connect(self._with(changes), _SECTION, changes)

    def _tenant(self, kept: Connection | None, *, ask: bool) -> int:
        """Return the tenant id of the shop file, or of the request that waits; else ask for it (RF-14, RF-15)."""
        section = self.shop.servicetitan
        waiting = kept.tenant_id if kept and kept.state is not ConnectionState.DISCONNECTED else None
        known = section.tenant_id if section else waiting
        if known is not None and not ask:
            return known
        if self.is_quiet:
            raise SettingsError("A tenant id is needed.", f"--tenant-id ID. {TENANT_ID_IS_AT}")
        talk.say(f"[bold]1. Tenant ID[/]  {TENANT_ID_IS_AT}")
        return int(asking.text("  Tenant ID", str(known or ""), check=lambda said: str(read_tenant_id(said))))

    def _ask_for_access(self, tenant: int) -> None:
        from tasks.connections import ask_for_access

        words = with_books(lambda books: ask_for_access(books, self.shop.name, tenant, self.by))
        talk.out().print(words, markup=False)
        self._show()

    def _is_approved_now(self) -> bool:
        """Ask whether ServiceTitan lets the app in by now, where that is what is waited for."""
        if self.shop.servicetitan is not None or self.is_quiet or self._kept_state() is not ConnectionState.PENDING:
            return False
        return asking.yes("2. Does ServiceTitan offer the app under Connect New App?", default=False)

    def _approve(self) -> None:
        from tasks.connections import note_approved

        talk.out().print(with_books(lambda books: note_approved(books, self.shop.name, self.by)), markup=False)

    def _ask_values(self, tenant: int, provider: int | None) -> dict[str, Any]:
        """Ask for what finalising takes (RF-20 to RF-24): secrets by the names of their variables, never the values."""
        talk.say(f"[bold]3. Finalise[/]  {VALUES_ARE_AT}")
        was = _mapping(self._written().get(_SECTION))
        found: dict[str, Any] = {"tenant_id": tenant}
        for setting, usual in _ADDRESSES.items():
            found[setting] = asking.text(f"  {setting}", str(was.get(setting) or usual), check=asking.address)
        for setting, said in _SECRETS.items():
            own = f"{self.shop.name.upper().replace('-', '_')}_ST_{setting.upper()}"
            stands = str(was.get(setting, "")).removeprefix("${").removesuffix("}")
            default = stands if str(was.get(setting, "")).startswith("${") else own
            found[setting] = asking.variable(f"  {said}", default)
        found["external_data_guid"] = str(was.get("external_data_guid") or uuid4())
        found["booking_provider"] = provider or self._ask_provider(str(was.get("booking_provider", "")))
        return found

    def _ask_provider(self, was: str) -> int:
        said = asking.text("  Booking Provider value", was, check=lambda said: str(read_booking_provider(said)))
        return int(said)

    def _needs_provider(self) -> bool:
        section = self.shop.servicetitan
        return self.shop.referral_factory is not None and section is not None and section.booking_provider is None

    def _with(self, changes: Mapping[str, Any]) -> Shop:
        """Return the shop with these values in [servicetitan]. Raises SettingsError."""
        written = self._written()
        return parse_shop({**written, _SECTION: {**_mapping(written.get(_SECTION)), **changes}}, self.path.name)

    def _connect(self, shop: Shop, vendor: Vendor, changes: Mapping[str, Any] | None = None) -> None:
        """Try it; when it works, write down what the shop file lacks, and take the steps that are left."""
        from tasks.connecting import connect as note_connected
        from tasks.house import open_for_trial

        async def go() -> tuple[Proof, Sequence[Moved]]:
            async with open_for_trial(shop) as house:
                return await note_connected(house, vendor, self.by, before_steps=lambda: self._save(changes or {}))

        self._say_what_is_open(shop)
        try:
            proof, steps = asyncio.run(go())
        except TruckrollError:
            self._say_unchanged(vendor)
            raise
        for seen in proof.seen:
            talk.out().print(f"  seen: {seen}", markup=False)
        for step in steps:
            talk.out().print(f"  {_DONE_WORDS.get(step.event, step.event)}.", markup=False)
        talk.out().print(f"{self.shop.name} is connected to {NAMES[vendor]}: its credentials work.", markup=False)
        if vendor == "referral_factory":
            words = "Nothing moves before a campaign is configured in the shop file: [[referral_factory.campaigns]]."
            talk.out().print(words, markup=False)

    def _say_what_is_open(self, shop: Shop) -> None:
        """Advise against a secret that stands in the shop file itself; it is never shown."""
        section = shop.servicetitan
        for name in _SECRETS if section else ():
            if not getattr(section, name).variable:
                talk.say(
                    f"  [yellow]{name} stands in the shop file itself: better name a variable there, as ${{NAME}}.[/]"
                )

    def _save(self, changes: Mapping[str, Any]) -> None:
        """Write the values that are other than in the shop file into it; the file before is kept."""
        written = self._written()
        was = _mapping(written.get(_SECTION))
        if all(was.get(name) == value for name, value in changes.items()):
            return
        old = shop_file.save(self.path, shop_file.render({**written, _SECTION: {**was, **changes}}))
        kept = f" (the old one is kept as {old.name})" if old else ""
        talk.out().print(f"Written: {self.path}{kept}", markup=False)

    def _say_unchanged(self, vendor: Vendor) -> None:
        kept = self._kept(vendor)
        state = kept.state.words if kept else "as the shop file says"
        talk.say(f"Nothing was changed: {NAMES[vendor]} is {state}.")

    def _show(self) -> None:
        """Say where it stands and what a person who waits should know."""
        from tasks.connections import standings

        for one in with_books(lambda books: standings(books, self.shop)):
            if one.vendor == _SECTION:
                talk.out().print(f"{NAMES[_SECTION]}: [bold]{one.state.words}[/]")
                for words in one.words:
                    talk.out().print(f"  {escape(words)}")

    def _kept(self, vendor: Vendor = _SECTION) -> Connection | None:
        return with_books(lambda books: books.connections.get(self.shop.name, vendor))

    def _kept_state(self) -> ConnectionState:
        kept = self._kept()
        return kept.state if kept else ConnectionState.NOT_CONNECTED

    def _written(self) -> dict[str, Any]:
        return tomllib.loads(self.path.read_text(encoding="utf-8"))


def _checked(said: str | None, read: Any) -> int | None:
    if said is None:
        return None
    try:
        return int(read(said))
    except ValueError as error:
        raise SettingsError(f'"{said.strip()}" is refused.', str(error)) from error


def _login() -> str:
    """Return who is logged in here, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
