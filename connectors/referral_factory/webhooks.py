"""Is this delivery from the referral program, and whom does it name? Pure: what was sent in, one answer out.

Source: contracts/referral_factory/FACTS.md section 9 [documented]. The operator sets a hook up by hand: nothing is
signed, there is no event id, and the fields are those that were ticked, under names of the operator's own. So the
secret is a header of the hook, the names are settings, and what is said is not believed: a pass reads the person again.

JSON is what the vendor's samples show; a form, and a query where the hook is set to GET, are read as well [inferred].
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from connectors.webhooks import LARGEST_ID, UNSET, Refusal, header_of, is_same
from connectors.wire import decode
from models.referral_settings import ReferralFactorySettings, WebhookFields

JOINED: Final = "user.join"
QUALIFIED: Final = "user.qualified"
REWARDED: Final = "reward_issued"
_KINDS: Final = {
    JOINED: JOINED,
    "new referrer": JOINED,
    "new lead": JOINED,
    QUALIFIED: QUALIFIED,
    "lead qualified": QUALIFIED,
    REWARDED: REWARDED,
    "reward issued": REWARDED,
}
"""What a hook may be for: by the vendor's machine names [observed], and by its menu's words [documented]."""

MOST_FIELDS: Final = 200
_CODE: Final = re.compile(r"[^\s@/?#]{1,100}")
"""A code is the tail of a link, eight letters in the vendor's samples. An e-mail under that name is not kept."""
_NO_CODES: Final = frozenset({"search", "qualification", ".", ".."})
"""`/users/` and one of these is another address of the program, and nobody's [spec: openapi.yaml, paths]."""


@dataclass(frozen=True, slots=True)
class ReferralEvent:
    """Something happened to a person of the program. Answer 2xx, and read the person before anything is done."""

    event_id: str
    """A digest of the rest: the vendor gives no id. What is said twice has the same; it may be news the second time."""
    kind: str
    """One of the vendor's machine names; empty when the hook does not say, or in words of its own."""
    campaign_id: int | None
    """None: the hook does not say. The person's record does."""
    code: str
    user_id: int | None
    """Of code and id at least one is there."""
    has_email: bool

    @property
    def record(self) -> str:
        """Return what to read: models/tables/deliveries.py, HookEventRow.

        By code where it is told, which no other id can be.
        """
        return f"code/{self.code}" if self.code else f"user/{self.user_id}"


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """About people the shop file takes nobody of. Answer 2xx."""

    kind: str


def is_taking_events(settings: ReferralFactorySettings) -> bool:
    """Tell whether the shop file sets the secret and its header; without them no delivery is taken."""
    return settings.webhook_secret != UNSET and bool(settings.webhook_secret_header.strip())


def refuse_unread(headers: Mapping[str, str], settings: ReferralFactorySettings) -> Refusal | None:
    """Refuse who does not know the secret, before a body is read; None: read on. `read_event` looks at this too.

    Raises SettingsError when the secret's variable is not set.
    """
    if not is_taking_events(settings):
        return Refusal(403, "The shop file sets no [referral_factory] webhook_secret with its webhook_secret_header.")
    header = settings.webhook_secret_header.strip()
    if not is_same(header_of(headers, header), settings.webhook_secret.reveal()):
        return Refusal(404, f"The {header} header is not there, or is not webhook_secret.")
    return None


def read_event(
    headers: Mapping[str, str], body: bytes, settings: ReferralFactorySettings, *, query: str = ""
) -> ReferralEvent | OtherEvent | Refusal:
    """Check a delivery, then read whom it names. `query`: what follows the question mark of the address.

    Raises SettingsError when the secret's variable is not set.
    """
    refused = refuse_unread(headers, settings)
    if refused is not None:
        return refused
    told = _told(body, query)
    return told if isinstance(told, Refusal) else _read(told, settings)


def _read(told: Mapping[str, Any], settings: ReferralFactorySettings) -> ReferralEvent | OtherEvent | Refusal:
    names = settings.webhook_fields
    kind = _KINDS.get(_text(told, names.event).lower(), "")
    campaign = _text(told, names.campaign)
    campaign_id = _id(campaign)
    if campaign and campaign_id is None:
        return Refusal(400, f"The field {names.campaign} holds no campaign's id, which is a number.")
    if campaign_id is not None and all(campaign_id != one.id for one in settings.campaigns):
        return Refusal(422, "The delivery names a campaign that the shop file does not have.")
    code, user_id = _text(told, names.code), _id(_text(told, names.id))
    if code and not (_CODE.fullmatch(code) and code.isprintable() and code not in _NO_CODES):
        return Refusal(400, f"The field {names.code} holds no code.")
    if not code and user_id is None:
        return Refusal(400, f"The delivery names nobody: tick the user's code, and call it {_asked_for(names)}.")
    wanted = {one.id for one in settings.campaigns if one.leads.enabled or one.referrers.enabled}
    if not wanted or (campaign_id is not None and campaign_id not in wanted):
        return OtherEvent(kind)
    return ReferralEvent(
        event_id=_digest(kind, campaign_id, code, user_id),
        kind=kind,
        campaign_id=campaign_id,
        code=code,
        user_id=user_id,
        has_email=bool(_text(told, names.email)),
    )


def _asked_for(names: WebhookFields) -> str:
    return names.code.strip() or names.id.strip()


def _told(body: bytes, query: str) -> dict[str, Any] | Refusal:
    """Return the fields of query and body; what the body says goes before."""
    try:
        told: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS))
        written = body.strip()
        if not written:
            return told
        if written[:1] not in {b"{", b"["}:
            text = written.decode()
            return told | dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
        sent: Any = decode(written)
    except (ValueError, RecursionError):
        return Refusal(400, "The body is neither JSON nor a form.")
    return told | sent if isinstance(sent, dict) else Refusal(400, "The body is no JSON object.")


def _text(told: Mapping[str, Any], name: str) -> str:
    """Return the field as text; empty for one that is not sent, and for anything that is neither text nor an id."""
    value = told.get(name.strip()) if name.strip() else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_ID:
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def _id(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID))
    return number if is_number and 0 < (number := int(text)) <= LARGEST_ID else None


def _digest(*told: object) -> str:
    return hashlib.sha256("\n".join("" if one is None else str(one) for one in told).encode()).hexdigest()
