"""The receiver of the vendors' events as a process of `truckroll up`, and what to give to each vendor."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from rich.markup import escape

from connectors.contractor_commerce import webhooks as store_hooks
from connectors.referral_factory import webhooks as program_hooks
from connectors.servicetitan import webhooks as tenant_hooks
from connectors.webhooks import UNSET
from deployments import children
from deployments.home import Home, client_environment
from deployments.supervisor import Child
from models.errors import SettingsError
from models.referral_settings import ReferralFactorySettings
from models.section import Secret
from models.settings import HouseSettings
from models.shop import ContractorCommerceSettings, ServiceTitanSettings, Shop

PORT = 8720

NOT_RECEIVED = "[bold]Events[/] are not received: " + escape(
    "no shop file sets [contractor_commerce] webhook_secret or webhook_path_token, [referral_factory] webhook_secret, "
    "or [servicetitan] webhook_key."
)


@dataclass(frozen=True)
class HooksProcess:
    """The process, and what the person who starts it is told."""

    child: Child
    words: tuple[str, ...]
    """Where it is, and per shop the address to give to each vendor. Carries rich markup, and no secret."""


def hooks_process(home: Home, api_url: str, shops: Sequence[Shop], *, port: int | None = None) -> HooksProcess | None:
    """Return the receiver's process for the shops that know a vendor by a secret; None when none does.

    It listens on its usual port, or on a free one; a port asked for is taken as it is.
    Raises: SettingsError when TRUCKROLL_HOOKS_URL is no address.
    """
    taking = [shop for shop in shops if _shop_words("", shop)]
    if not taking:
        return None
    chosen = port or children.free_port(PORT)
    local = f"http://127.0.0.1:{chosen}"
    public = events_address(HouseSettings().hooks_url)
    named = [part for shop in taking for part in ("--shop", shop.name)]
    child = Child(
        "the receiver of events",
        [sys.executable, "-m", "deployments.hooks", "--host", "127.0.0.1", "--port", str(chosen), *named],
        home.logs / "hooks.log",
        env=client_environment(home, api_url),
        patience_s=8,
    )
    lines = [words for shop in taking for words in _shop_words(public or local, shop)]
    return HooksProcess(child, (_where(local, public), *lines))


def events_address(written: str) -> str:
    """Return the public address without its last slash; empty stays empty. Raises SettingsError."""
    address = written.strip().rstrip("/")
    if not address:
        return ""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise SettingsError(
            "TRUCKROLL_HOOKS_URL is not the address of a receiver.",
            "Write where the vendors reach it, such as https://events.example.com.",
        )
    return address


def _where(local: str, public: str) -> str:
    if not public:
        return f"[bold]Events[/] {local} (on this machine only; set TRUCKROLL_HOOKS_URL to its public address)"
    return f"[bold]Events[/] {escape(public)}, which must lead to {local}"


def _shop_words(base: str, shop: Shop) -> list[str]:
    """Say what to give to each vendor whose deliveries the shop takes; nothing when there is none."""
    lines: list[str] = []
    if (store := shop.contractor_commerce) is not None and store_hooks.is_taking_events(store):
        lines += _store_words(base, shop.name, store)
    if (program := shop.referral_factory) is not None and program_hooks.is_taking_events(program):
        lines += _program_words(base, shop.name, program)
    if (tenant := shop.servicetitan) is not None and tenant_hooks.is_taking_events(tenant):
        lines += _tenant_words(base, shop.name, tenant)
    return lines


def _store_words(base: str, shop: str, store: ContractorCommerceSettings) -> list[str]:
    line = f"  {shop}: give Contractor Commerce {escape(f'{base}/contractor-commerce/{shop}')}"
    if store.webhook_path_token != UNSET:
        line += f"/<token>, where <token> is {_value_of(store.webhook_path_token, 'webhook_path_token')}"
    return [line, *_missing(shop, store.webhook_path_token), *_missing(shop, store.webhook_secret)]


def _program_words(base: str, shop: str, program: ReferralFactorySettings) -> list[str]:
    header = escape(program.webhook_secret_header.strip())
    secret = _value_of(program.webhook_secret, "webhook_secret")
    address = escape(f"{base}/referral-factory/{shop}")
    line = f"  {shop}: give Referral Factory {address}, and the header {header} with {secret}"
    return [line, *_missing(shop, program.webhook_secret)]


def _tenant_words(base: str, shop: str, tenant: ServiceTitanSettings) -> list[str]:
    address = escape(f"{base}/servicetitan/{shop}")
    line = f"  {shop}: give ServiceTitan {address}, and as HMAC key {_value_of(tenant.webhook_key, 'webhook_key')}"
    return [line, *_missing(shop, tenant.webhook_key)]


def _value_of(secret: Secret, setting: str) -> str:
    return f"the value of {secret.variable}" if secret.variable else f"{setting} in the shop file"


def _missing(shop: str, secret: Secret) -> list[str]:
    """Say which variable is not set: until it is, the vendor is told to come again."""
    try:
        secret.reveal()
    except SettingsError as error:
        return [f"  [bold red]{shop}: nothing is received there.[/] {escape(str(error))}"]
    return []
