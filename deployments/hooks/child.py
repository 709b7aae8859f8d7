"""The receiver of store events as a process of `truckroll up`, and what to give to the store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from rich.markup import escape

from connectors.contractor_commerce.webhooks import is_taking_events
from deployments import children
from deployments.home import Home, client_environment
from deployments.supervisor import Child
from models.errors import SettingsError
from models.settings import HouseSettings
from models.shop import ContractorCommerceSettings, Secret, Shop

PORT = 8720
_UNSET = Secret("")

NOT_RECEIVED = "[bold]Store events[/] are not received: " + escape(
    "no shop file sets [contractor_commerce] webhook_secret or webhook_path_token."
)


@dataclass(frozen=True)
class HooksProcess:
    """The process, and what the person who starts it is told."""

    child: Child
    words: tuple[str, ...]
    """Where it is, and per shop the address to give to Contractor Commerce. Carries rich markup, and no secret."""


def hooks_process(home: Home, api_url: str, shops: Sequence[Shop], *, port: int | None = None) -> HooksProcess | None:
    """Return the receiver's process for the shops that know the store by a secret; None when none does.

    It listens on its usual port, or on a free one; a port asked for is taken as it is.
    Raises: SettingsError when TRUCKROLL_HOOKS_URL is no address.
    """
    taking = [(shop.name, store) for shop in shops if (store := shop.contractor_commerce) and is_taking_events(store)]
    if not taking:
        return None
    chosen = port or children.free_port(PORT)
    local = f"http://127.0.0.1:{chosen}"
    public = events_address(HouseSettings().hooks_url)
    named = [part for shop, _ in taking for part in ("--shop", shop)]
    child = Child(
        "the receiver of store events",
        [sys.executable, "-m", "deployments.hooks", "--host", "127.0.0.1", "--port", str(chosen), *named],
        home.logs / "hooks.log",
        env=client_environment(home, api_url),
        patience_s=8,
    )
    lines = [words for shop, store in taking for words in _shop_words(public or local, shop, store)]
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
            "Write where the online store reaches it, such as https://events.example.com.",
        )
    return address


def _where(local: str, public: str) -> str:
    if not public:
        return f"[bold]Store events[/] {local} (on this machine only; set TRUCKROLL_HOOKS_URL to its public address)"
    return f"[bold]Store events[/] {escape(public)}, which must lead to {local}"


def _shop_words(base: str, shop: str, store: ContractorCommerceSettings) -> list[str]:
    address = f"{base}/contractor-commerce/{shop}"
    lines = [f"  {shop}: give Contractor Commerce {escape(address)}"]
    if store.webhook_path_token != _UNSET:
        lines = [f"{lines[0]}/<token>, where <token> is {_value_of(store.webhook_path_token)}"]
    for secret in (store.webhook_path_token, store.webhook_secret):
        lines += _missing(shop, secret)
    return lines


def _value_of(secret: Secret) -> str:
    return f"the value of {secret.variable}" if secret.variable else "webhook_path_token in the shop file"


def _missing(shop: str, secret: Secret) -> list[str]:
    """Say which variable is not set: until it is, the store is told to come again."""
    try:
        secret.reveal()
    except SettingsError as error:
        return [f"  [bold red]{shop}: nothing is received.[/] {escape(str(error))}"]
    return []
