"""Who of a campaign's people is to be booked, and how its list is read without reading all of it each time.

Source: contracts/referral_factory/CHECKLIST.md RF-41, RF-58, RF-65, RF-D1; FACTS sections 2 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from models.referral import ReferralUser, UserKind
from models.referral_settings import CampaignSettings, SignUpSettings


class Tail(NamedTuple):
    """How far a campaign's list was read: the page the newest people were on, and the highest id."""

    page: int = 1
    top: int = 0

    def text(self) -> str:
        """Return it as a cursor keeps it."""
        return f"{self.page}/{self.top}"

    @classmethod
    def of(cls, text: str | None) -> Tail:
        """Read it from a cursor; nothing kept is the beginning."""
        if not text:
            return cls()
        page, _, top = text.partition("/")
        return cls(int(page), int(top))


def with_kind(user: ReferralUser) -> ReferralUser:
    """Return the person with its kind; where the program names none of the contract's, a referrer makes it a lead."""
    if user.kind is not UserKind.UNKNOWN or user.referrer_id is None:
        return user
    return user.model_copy(update={"kind": UserKind.LEAD})


def settings_for(user: ReferralUser, campaign: CampaignSettings) -> SignUpSettings | None:
    """Return the settings a person falls under; None: nothing is done with this one (RF-28, RF-58).

    Of referrers only those count who signed up by themselves: not whom a contact sync or an import made (RF-D1).
    """
    if user.kind is UserKind.LEAD:
        return campaign.leads if campaign.leads.enabled else None
    sources = {one.casefold() for one in campaign.referrers.sources}
    is_own = user.kind is UserKind.REFERRER and user.source.strip().casefold() in sources
    return campaign.referrers if campaign.referrers.enabled and is_own else None


def is_since(user: ReferralUser, since: date) -> bool:
    """Tell whether the person signed up on that day or later. One without a day counts: none is lost."""
    return user.signed_up_on is None or user.signed_up_on >= since


def has_moved(ids: Sequence[int], tail: Tail) -> bool:
    """Tell whether the page at which reading was to go on does not follow on what was read: rows were taken out.

    Such a page is no place to begin: somebody could stand between.
    """
    return not ids or list(ids) != sorted(ids) or ids[0] > tail.top


def is_all_known(ids: Sequence[int], tail: Tail) -> bool:
    """Tell, of a list with the newest people first, whether nothing new can follow this page."""
    return bool(ids) and list(ids) == sorted(ids, reverse=True) and ids[0] <= tail.top


def next_tail(before: Tail, pages: Sequence[tuple[int, int, int]], *, is_ascending: bool) -> Tail:
    """Return where the next reading begins. `pages`: number, lowest and highest id of each page read with people in it.

    Only where ids grow over all pages are the newest people at the end; else the next reading begins at page 1.
    """
    if not pages:
        return before
    top = max(before.top, *(highest for _, _, highest in pages))
    return Tail(pages[-1][0] if is_ascending else 1, top)
