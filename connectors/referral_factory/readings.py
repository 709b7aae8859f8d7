"""What the program's answers mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from connectors.errors import vendors_words
from connectors.referral_factory.schemas import Page, WireCampaign, WireReward, WireUser
from connectors.wire import faulty_fields
from models.referral import (
    Campaign,
    DueReward,
    IssuedReward,
    NewReferrer,
    ReferralUser,
    RewardMetric,
    UnreadableUser,
    UserKind,
    UserPage,
)

_KINDS: Final = {str(kind): kind for kind in UserKind}
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")

_TAKEN: Final = re.compile(r"\b(already|taken|exists?|duplicate|unique|in use)\b", re.IGNORECASE)
_INVALID: Final = re.compile(r"\b(valid|invalid|required|must be|too long|characters|allowed)\b", re.IGNORECASE)
_EMAIL: Final = re.compile(r"\be-?mail\b", re.IGNORECASE)
_OF_ALL: Final = re.compile(
    r"\b(campaigns?|plan|quota|limit|upgrade|subscription|account|token|users)\b", re.IGNORECASE
)
_OF_THE_PERSON: Final = ("email", "first_name", "meta")
"""Fields of a create that tell of the person. Anything else is the campaign's, or ours."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refused create or update is about."""

    is_of_all: bool
    """Not the person: the campaign, the plan or the request. Others would fare the same."""
    may_be_taken: bool
    """The campaign may have the e-mail already: a search tells."""
    says_taken: bool
    """The program says that it does."""


def judge_refusal(body: Any) -> Refusal:
    """Tell what a 400, 409 or 422 to a create or update is about.

    Source: `ValidationError` [documented]; the words are v1's [observed-in-client] or guessed: what is not known to be
    an invalid address costs a search rather than a wrong verdict.
    """
    words, fields = vendors_words(body), _fields(body)
    if any(not name.startswith(_OF_THE_PERSON) for name in fields):
        return Refusal(is_of_all=True, may_be_taken=False, says_taken=False)
    is_of_all = not fields and bool(_OF_ALL.search(words)) and not _EMAIL.search(words)
    is_of_email = not fields or any(name.startswith("email") for name in fields)
    has_word = is_of_email and bool(_TAKEN.search(words))
    return Refusal(
        is_of_all=is_of_all,
        may_be_taken=has_word or (is_of_email and not is_of_all and not _INVALID.search(words)),
        says_taken=has_word and not is_of_all,
    )


def refused_field(body: Any) -> str:
    """Return the first field a refusal names, or nothing."""
    return next(iter(_fields(body)), "")


def _fields(body: Any) -> Mapping[str, Any]:
    errors = body.get("errors") if isinstance(body, dict) else None
    return errors if isinstance(errors, dict) else {}


def read_user(row: WireUser) -> ReferralUser:
    """Return a user in our words. Raises ValueError for a date that says something and is none."""
    return ReferralUser(
        id=row.id,
        campaign_id=row.campaign_id,
        code=row.code,
        url=row.url,
        email=row.email,
        first_name=row.first_name or "",
        kind=_KINDS.get(row.type or "", UserKind.UNKNOWN),
        source=row.source or "",
        referrer_id=row.referrer_id,
        signed_up_on=_day_if_any(row.signed_up_at),
        qualified_on=read_day(row.qualified_at),
        unsubscribed_on=read_day(row.unsubscribed_at),
        meta=_meta(row.meta),
    )


def read_day(written: str | None) -> date | None:
    """Return the day of a bare date or of a time; None for nothing. Raises ValueError for anything else.

    An unreadable day must not pass for none: no `qualified_at` means that a lead is pending.
    """
    if not written:
        return None
    found = _DAY.match(written)
    if found is None:
        raise ValueError("no date")
    return date.fromisoformat(found.group())


def _day_if_any(written: Any) -> date | None:
    # Nothing hangs on the day somebody signed up: a link is not lost for it.
    try:
        return read_day(written) if isinstance(written, str) else None
    except ValueError:
        return None


def _meta(written: Any) -> tuple[tuple[str, str], ...]:
    """Return the further fields that have a label and a value; the program types values as "mixed"."""
    if not written or not isinstance(written, list):
        return ()
    pairs = ((one.get("field"), one.get("value")) for one in written if isinstance(one, dict))
    return tuple((str(label), str(value)) for label, value in pairs if label and value is not None)


def read_users(page: Page, campaign_id: int | None) -> UserPage:
    """Read a page, of one campaign only where it is named: the program does not filter (FACTS section 7)."""
    users: list[ReferralUser] = []
    unreadable: list[UnreadableUser] = []
    for row in page.data:
        try:
            users.append(read_user(WireUser.model_validate(row)))
        except ValidationError as error:
            unreadable.append(UnreadableUser(id=_id(row), why=faulty_fields(error)))
        except ValueError:
            unreadable.append(UnreadableUser(id=_id(row), why="qualified_at or unsubscribed_at (no date)"))
    wanted = tuple(user for user in users if campaign_id in {None, user.campaign_id})
    return UserPage(users=wanted, unreadable=tuple(unreadable))


def _id(row: Any) -> int | None:
    number = row.get("id") if isinstance(row, dict) else None
    return number if isinstance(number, int) else None


def is_same_email(one: str, other: str) -> bool:
    """Tell whether two e-mails are one to the program: without case (openapi.yaml [inferred])."""
    return one.strip().casefold() == other.strip().casefold()


def find_user(users: Iterable[ReferralUser], campaign_id: int, email: str) -> ReferralUser | None:
    """Return the user of this campaign and e-mail: a search may find more than was asked for."""
    return next((one for one in users if one.campaign_id == campaign_id and is_same_email(one.email, email)), None)


def differences(user: ReferralUser) -> tuple[str, ...]:
    """Return what a user is otherwise than a referrer of our making, who came in through nobody's link."""
    kind = ("type",) if user.kind is UserKind.LEAD else ()
    return kind if user.referrer_id is None else (*kind, "referrer_id")


def foreign_field(user: ReferralUser, person: NewReferrer) -> str:
    """Return the field that shows an answer to be about another person than the one sent, or nothing."""
    if user.campaign_id != person.campaign_id:
        return "data.campaign_id"
    return "" if is_same_email(user.email, person.email) else "data.email"


def read_campaign(row: WireCampaign) -> Campaign:
    """Return a campaign in our words."""
    fields = row.fields
    return Campaign(
        id=row.id,
        name=row.name,
        code=row.code or "",
        status=row.status or "",
        url=row.url or "",
        fields=_labels(fields and fields.person_referring),
        lead_fields=_labels(fields and fields.person_invited),
    )


def _labels(fields: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(one.label for one in fields or () if one.label)


def read_due(row: WireReward, metric: RewardMetric) -> DueReward:
    """Return a reward that is owed. One that does not say so cannot be issued."""
    return DueReward(can_be_issued=bool(row.can_be_issued), **_reward(row, metric))


def read_issued(row: WireReward, metric: RewardMetric) -> IssuedReward:
    """Return a reward that was given out."""
    return IssuedReward(status=row.status or "", issued_on=_day_if_any(row.issued_at), **_reward(row, metric))


def _reward(row: WireReward, metric: RewardMetric) -> dict[str, Any]:
    return {
        "id": row.id,
        "metric": metric,
        "reward_id": row.reward_id,
        "recipient_id": row.recipient_id,
        "count": row.count,
        "total": row.total,
        "coupon": row.coupon or "",
    }


def next_path(link: str, base_url: str) -> str | None:
    """Return the path and query of the next page below the base address; None when it leads elsewhere.

    The token goes to the host of the shop file and nowhere else, and by the scheme there: behind a proxy the program
    may write its own links with http (openapi.yaml, `Links.next`: "Refuse one that points to another host").
    """
    there, base = urlsplit(link), urlsplit(base_url)
    root = base.path.rstrip("/")
    if there.netloc and there.netloc.lower() != base.netloc.lower():
        return None
    if not there.path.startswith(f"{root}/") or "/../" in there.path:
        return None
    path = there.path.removeprefix(root)
    return f"{path}?{there.query}" if there.query else path
