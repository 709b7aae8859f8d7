"""The example shop's account: one live campaign, one draft. Nobody is in them."""

from __future__ import annotations

from decimal import Decimal

from sandbox.clock import Clock
from sandbox.mailbox import Mailbox
from sandbox.referral_factory.records import LEAD, REFERRER, Campaign, Field, Kind, Rule
from sandbox.referral_factory.state import Program

LABELS: dict[Kind, tuple[str, ...]] = {
    REFERRER: ("Last Name", "Phone", "City", "Customer Number"),
    LEAD: ("Last Name", "Phone", "City", "Notes"),
}
OPENED = "2026-01-05"


def new_program(clock: Clock, mailbox: Mailbox) -> Program:
    """Return the account. In campaign 1001 the reminder is switched off, as a silent contact sync needs it."""
    program = Program(clock, mailbox)
    neighbours = Campaign(1001, "Cahaba Neighbours", "cahaba26", OPENED, fields=standard_fields())
    neighbours.mails["reminder"] = "off"
    neighbours.rules = [Rule(id=501, total=Decimal(50))]
    draft = Campaign(1002, "Landlords", "landlord", OPENED, status="draft", fields=standard_fields())
    program.campaigns = {one.id: one for one in (neighbours, draft)}
    return program


def standard_fields() -> dict[Kind, list[Field]]:
    """Return the extra fields a new campaign starts with."""
    return {
        kind: [Field(f"{kind}-{place}", label) for place, label in enumerate(labels, start=1)]
        for kind, labels in LABELS.items()
    }
