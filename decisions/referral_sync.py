"""What a contact sync does with one customer: create, change, share, leave alone, or put it to a person.

Source: contracts/referral_factory/CHECKLIST.md RF-30, RF-D3, RF-S11; FACTS sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from models.contact_sync import (
    Adopt,
    Conflict,
    Create,
    Decision,
    Draft,
    KnownLink,
    KnownUser,
    Later,
    Look,
    Share,
    Skip,
    SkipReason,
    Unchanged,
    Update,
    UserState,
)

TAKEN_WHY: Final = "Its new e-mail belongs to another person of the campaign, so it keeps the link of its old one."
TAKEN_FIX: Final = (
    "Merge the two customers in ServiceTitan or correct one's e-mail; or delete the person in Referral Factory that "
    "is not needed, which ends that person's link. Then retry what is held."
)
REFUSED_FIX: Final = "Correct the e-mail or the name in ServiceTitan."
FULL_FIX: Final = (
    "Look in Referral Factory whether the campaign is paused or over, and whether the plan's users are used up: then "
    "take a bigger plan, or leave customers out. The next pass goes on where this one stopped, and who has a link "
    "keeps it."
)
CLOSED_FIX: Final = (
    "Look at the campaign in Referral Factory: is it paused, or over? The next pass goes on where this one stopped."
)
_FULL: Final = frozenset({402, 403})
_CLOSED: Final = frozenset({400, 409, 422})


def decide_sync(draft: Draft | Skip, link: KnownLink | None, users: Mapping[str, KnownUser]) -> Decision:
    """Decide what becomes of one customer.

    `link` is what an earlier sync decided of it; `users` are the campaign's persons by folded e-mail, at least those
    of the draft's e-mails and of the link. Several customers with one e-mail go by one person, under the name of the
    one with the lowest id. A customer whose e-mail changed takes its person along, with link and history, unless
    others go by it too: then they keep it, and the customer gets a new one.
    """
    if isinstance(draft, Skip):
        return draft
    if link is not None:
        draft = draft.keeping(link.key)
    mine = _own_person(draft, link, users)
    if mine is not None and mine.is_in_flight:
        return Later(draft)
    if mine is not None and mine.state is UserState.PENDING and mine.user_id is None:
        return Look(draft, mine.key, mine.email)
    known = users.get(draft.key)
    if known is None or (known.state is UserState.REFUSED and _is_news(draft, known)):
        return _begin(draft, mine)
    if known.state is UserState.REFUSED:
        return Skip(draft.customer, SkipReason.REFUSED, known.why, REFUSED_FIX, key="" if mine else known.key)
    if mine is None or mine.user_id is None:
        return _go_by(draft, known)
    if known.user_id != mine.user_id:
        if known.is_in_flight:  # it may be on its way to another e-mail
            return Later(draft)
        return Conflict(draft, mine.user_id, TAKEN_WHY, TAKEN_FIX)
    return Update(draft, mine.user_id, moved_from=mine.key)


def how_to_go_on(status: int | None, fix: str) -> str:
    """Return what a person does about a program that takes nobody; `fix` is what the refusal itself suggests.

    How a full plan is told is not known (FACTS section 3) [inferred].
    """
    return FULL_FIX if status in _FULL else CLOSED_FIX if status in _CLOSED else fix


def _own_person(draft: Draft, link: KnownLink | None, users: Mapping[str, KnownUser]) -> KnownUser | None:
    """Return the person of the customer's old e-mail, when it goes by a new one and nobody else by the old."""
    if link is None or link.key == draft.key or link.is_shared:
        return None
    person = users.get(link.key)
    return person if person is not None and person.state is not UserState.REFUSED else None


def _begin(draft: Draft, mine: KnownUser | None) -> Create | Update:
    if mine is None or mine.user_id is None:
        return Create(draft)
    return Update(draft, mine.user_id, moved_from=mine.key)


def _go_by(draft: Draft, known: KnownUser) -> Decision:
    if known.is_in_flight:
        return Share(draft)
    if known.state is UserState.PENDING:
        return Adopt(draft) if known.user_id is None else Update(draft, known.user_id)
    if known.user_id is not None and _is_news(draft, known):
        return Update(draft, known.user_id)
    return Unchanged(draft, owns=_owns(draft, known))


def _is_news(draft: Draft, known: KnownUser) -> bool:
    """Tell whether something else would be sent than last time, by the customer that names the person."""
    return _owns(draft, known) and known.digest != draft.digest()


def _owns(draft: Draft, known: KnownUser) -> bool:
    return known.owner is None or draft.customer <= known.owner
