"""What a person sees to before a campaign's first contact sync: the mails that must be off, and where links are.

The API shows none of these toggles, so nobody but a person can look.
Source: contracts/referral_factory/FACTS.md section 5 [documented]; CHECKLIST RF-31, RF-32, RF-38.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CampaignMail:
    """A mail of a campaign that a silent sync must not set off."""

    name: str
    why: str


MAILS: Final = (
    CampaignMail(
        "Welcome Email",
        "one statement of the vendor says it goes to everybody an integration adds while it is on",
    ),
    CampaignMail(
        "Welcome Email (API)",
        "switch it off, do not delete it: without it the default Welcome Email goes out in its place",
    ),
    CampaignMail(
        "Reminder",
        "it goes out some days after somebody joined, and nothing says that `notify: false` stops it",
    ),
)
"""As the campaign calls them. Every create says `notify: false` besides."""

WHERE_OFF: Final = "Switch it off in the campaign, under its e-mail notifications; it takes effect at once."

NOT_WRITTEN_BACK: Final = (
    "the links are not written into ServiceTitan; they are in Referral Factory's Users tab and in "
    "`truckroll report links`"
)
"""The notice before the start (RF-38)."""


def written_back(field: str) -> str:
    """Say where the links go besides."""
    return f'every link is also written into the customer custom field "{field}" of ServiceTitan'


def notice(write_link_to: str) -> str:
    """Say whether links are written back: the notice before the start (RF-38)."""
    return written_back(write_link_to.strip()) if write_link_to.strip() else NOT_WRITTEN_BACK
