"""Referral Factory on the page: campaigns with their mails, the latest people with their links."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from sandbox.referral_factory.records import LEAD, Campaign, User
from sandbox.referral_factory.state import Program

PEOPLE_SHOWN = 50


@dataclass
class CampaignRow:
    """One campaign as the page shows it."""

    name: str
    number: int
    status: str
    url: str
    referrers: int
    leads: int
    mails_on: str
    mails_off: str


@dataclass
class PersonRow:
    """One person as the page shows it."""

    name: str
    email: str
    campaign: str
    kind: str
    source: str
    url: str
    standing: str


def referral_content(program: Program) -> dict[str, Any]:
    """Return what the page shows of the account."""
    program.tick()
    latest = list(islice(reversed(program.users.values()), PEOPLE_SHOWN))
    earned = program.rewards.values()
    return {
        "referral_campaigns": [_campaign_row(one) for one in program.campaigns.values()],
        "referral_people": [_person_row(program, one) for one in latest],
        "referral_count": len(program.users),
        "rewards_due": sum(one.issued_at is None for one in earned),
        "rewards_issued": sum(one.issued_at is not None for one in earned),
        "referral_hooks": len(program.courier.hooks),
        "referral_gate": program.gate.shown(),
        "referral_switches": program.switches.model_dump(exclude_defaults=True),
    }


def _campaign_row(campaign: Campaign) -> CampaignRow:
    leads = sum(one.kind == LEAD for one in campaign.members.values())
    words = {name: name.replace("_", " ") for name in campaign.mails}
    return CampaignRow(
        name=campaign.name,
        number=campaign.id,
        status=campaign.status,
        url=campaign.url,
        referrers=len(campaign.members) - leads,
        leads=leads,
        mails_on=", ".join(words[name] for name in words if campaign.sends(name)),
        mails_off=", ".join(words[name] for name in words if not campaign.sends(name)),
    )


def _person_row(program: Program, user: User) -> PersonRow:
    friend = program.users.get(user.referrer_id or 0)
    standing = f"qualified {user.qualified_at}" if user.qualified_at else "pending"
    return PersonRow(
        name=user.first_name,
        email=user.email,
        campaign=program.campaigns[user.campaign_id].name,
        kind=f"lead of {friend.first_name}" if friend else "lead" if user.kind == LEAD else "referrer",
        source=user.source,
        url=user.url,
        standing=standing if user.kind == LEAD else "",
    )
