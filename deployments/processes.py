"""The register of processes: what runs, how often, and what people read about it. One entry each.

`deployments/serve.py` serves them from here; prefect.yaml says the same for `prefect deploy`, and
tests/deployments/test_registry.py keeps the two in step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.shop import Shop


@dataclass(frozen=True)
class Process:
    """One process, as it is deployed for each shop. What people read beside a parameter stands in the flow."""

    name: str
    """The dashed name people type; the flow's name in Prefect."""
    entrypoint: str
    """The flow, as Prefect loads it: module.function."""
    description: str
    cron: str = ""
    """When it runs, in the shop's time zone. Empty: started by another process or by a person."""
    begins: str = ""
    """What starts it, for people, where no schedule does: "when a part is diagnosed"."""
    slug: str = ""
    """The schedule's name, by which Prefect recognises it from one deploy to the next."""
    one_at_a_time: bool = False
    """A pass that comes due while one still runs is left out."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Parameters the deployment fills in beside the shop."""
    needs: tuple[str, ...] = ("servicetitan",)
    """Sections of the shop file without which the process is not served for a shop."""

    @property
    def when(self) -> str:
        """Say when it runs, such as "every 5 minutes"."""
        return self.slug.replace("-", " ") or self.begins

    def suits(self, shop: Shop) -> bool:
        """Tell whether the shop file has what the process needs."""
        return all(getattr(shop, section) is not None for section in self.needs)

    def parameters(self, shop: str) -> dict[str, Any]:
        """Return what the deployment fills in, so that nobody has to type it."""
        return {"shop": shop, **self.settings}

    def tags(self, shop: str) -> list[str]:
        """Return the tags of its runs for a shop."""
        return [f"shop:{shop}", f"process:{self.name}"]


PARTS = ("servicetitan", "marcone")
ORDERS = ("servicetitan", "contractor_commerce")
REFERRALS = ("servicetitan", "referral_factory")

PROCESSES: tuple[Process, ...] = (
    Process(
        "order-to-invoice",
        "flows.order_to_invoice.order_to_invoice",
        "Takes in what the online store sold, and writes customers, jobs, invoices and payments into ServiceTitan.",
        cron="*/3 * * * *",
        slug="every-3-minutes",
        one_at_a_time=True,
        needs=ORDERS,
    ),
    Process(
        "order-change",
        "flows.order_change.order_change",
        "One order that changed in the store after it was written. Waits, suspended, for a person's answer.",
        begins="when an order changed after it was written",
        needs=ORDERS,
    ),
    Process(
        "settings-refresh",
        "flows.settings_refresh.settings_refresh",
        "Reads the lists of ServiceTitan, and looks whether every name in the shop file can still be used.",
        cron="15 5 * * *",
        slug="every-morning",
        one_at_a_time=True,
        needs=ORDERS,
    ),
    Process(
        "contact-sync",
        "flows.contact_sync.contact_sync",
        "Gives every customer of ServiceTitan a referral link, silently, and keeps it up to date.",
        cron="*/15 * * * *",
        slug="every-15-minutes",
        one_at_a_time=True,
        needs=REFERRALS,
    ),
    Process(
        "booking-to-reward",
        "flows.booking_to_reward.booking_to_reward",
        "Books who signs up in a referral campaign, follows the bookings, and qualifies leads whose booking was won.",
        cron="*/5 * * * *",
        slug="every-5-minutes",
        one_at_a_time=True,
        needs=REFERRALS,
    ),
    Process(
        "diagnosis-watch",
        "flows.diagnosis_watch.diagnosis_watch",
        "Looks for parts that technicians diagnosed on jobs, and starts the parts loop for each.",
        cron="*/2 * * * *",
        slug="every-2-minutes",
        one_at_a_time=True,
        needs=PARTS,
    ),
    Process(
        "parts-loop",
        "flows.parts_loop.parts_loop",
        "One diagnosed part, from price and stock to the order. Waits, suspended, for the technician's answer.",
        begins="when a part is diagnosed",
        # No limit here: it would be held, or fought over, while a run waits for days (PREFECT.md section 1.1).
        needs=PARTS,
    ),
    Process(
        "eta-watch",
        "flows.eta_watch.eta_watch",
        "Asks the distributor about all open orders, and tells job and customer when something changed.",
        cron="*/15 * * * *",
        slug="every-15-minutes",
        one_at_a_time=True,
        settings={"only_due": True},
        needs=PARTS,
    ),
    Process(
        "reconcile",
        "flows.reconcile.reconcile",
        "Mends what stopped halfway: answers nobody acted on, questions past their time, runs that are gone.",
        cron="*/5 * * * *",
        slug="every-5-minutes",
        one_at_a_time=True,
    ),
)

NAMES = tuple(process.name for process in PROCESSES)
