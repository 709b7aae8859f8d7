"""Is this delivery from the store, and what does it tell us? Pure: bytes in, one answer out.

Source: contracts/contractor_commerce/FACTS.md, "Events and webhooks", and openapi.yaml, callback `event` [inferred].
Deliveries come at least once and in any order. Firm is only that the vendor is given an address; a public client checks
no signature and keeps a secret token in the path [observed-in-client]. So both ways are here, and whichever of
the two secrets the shop file sets must be right.

The time in a `timestamped` signature is signed, not judged: whether the sender signs anew on a try that comes 12 hours
later is not public, and a delivery sent again by somebody else adds nothing (docs/adr/0013-webhook-receiver.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from connectors.contractor_commerce.readings import read_order
from connectors.contractor_commerce.schemas import Event
from connectors.webhooks import UNSET, Refusal, header_of, is_name, is_same, is_signature
from connectors.wire import decode, faulty_fields
from models.shop import ContractorCommerceSettings
from models.store_order import StoreOrder

ORDER: Final = "order"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order changed. Answer 2xx; ask the store for the order by its id when `order` is missing or unsigned."""

    event_id: str
    """The same on every delivery of one event: the key to drop repeats by."""
    type: str
    order_id: str
    version: int | None
    order: StoreOrder | None
    """The order as sent; None when it cannot be read."""
    is_signed: bool
    """Whether the body itself was vouched for. With only a token in the path, whoever has the address can write it."""


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """An event about something else, such as a lead or a subscription. Answer 2xx: the store would try again."""

    event_id: str
    type: str


def read_event(
    headers: Mapping[str, str], body: bytes, settings: ContractorCommerceSettings, *, path_token: str = ""
) -> OrderEvent | OtherEvent | Refusal:
    """Check a delivery over its raw bytes, then read it.

    `path_token` is the token in the address it came to. Raises SettingsError when a secret's variable is not set.
    """
    refused = refuse_unread(headers, settings, path_token=path_token)
    if refused is not None:
        return refused
    is_signed = settings.webhook_secret != UNSET
    if is_signed:
        signature, secret = _signature(headers, settings), settings.webhook_secret.reveal()
        if not is_signature(signature, body, secret, settings.webhook_signature_encoding):
            header = settings.webhook_signature_header
            return Refusal(401, f"The {header} header does not fit the body, the secret and the encoding.")
    return _read(body, is_signed=is_signed)


def is_taking_events(settings: ContractorCommerceSettings) -> bool:
    """Tell whether the shop file sets a secret to know the store by; without one no delivery is taken."""
    return settings.webhook_secret != UNSET or settings.webhook_path_token != UNSET


def refuse_unread(
    headers: Mapping[str, str], settings: ContractorCommerceSettings, *, path_token: str = ""
) -> Refusal | None:
    """Refuse what can be refused before its body is read; None: read on. `read_event` looks at this too.

    Raises SettingsError when a secret's variable is not set.
    """
    if not is_taking_events(settings):
        return Refusal(403, "The shop file sets neither webhook_secret nor webhook_path_token.")
    token = settings.webhook_path_token
    if token != UNSET and not is_same(path_token, token.reveal()):
        return Refusal(404, "The token in the address is wrong.")
    if settings.webhook_secret != UNSET and not _signature(headers, settings):
        return Refusal(401, f"The delivery has no {settings.webhook_signature_header} header.")
    return None


def _signature(headers: Mapping[str, str], settings: ContractorCommerceSettings) -> str:
    return header_of(headers, settings.webhook_signature_header)


def _read(body: bytes, *, is_signed: bool) -> OrderEvent | OtherEvent | Refusal:
    try:
        written: Any = decode(body)
    except (ValueError, RecursionError):
        return Refusal(400, "The body is not JSON.")
    try:
        event = Event.model_validate(written)
    except ValidationError as error:
        return Refusal(400, f"The body is no event: {faulty_fields(error)}.")
    if not is_name(event.id) or not is_name(event.type):
        return Refusal(400, "The event's id or type is no name.")
    if event.data.object != ORDER and event.data.order is None:
        return OtherEvent(event.id, event.type)
    sent = event.data.order or {}
    found = read_order(sent)
    if not is_name(found.id):
        return Refusal(400, "The event names no order.")
    return OrderEvent(
        event_id=event.id,
        type=event.type,
        order_id=found.id,
        version=found.version,
        order=found if isinstance(found, StoreOrder) else None,
        is_signed=is_signed,
    )
