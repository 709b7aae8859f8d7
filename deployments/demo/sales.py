"""The store's side of the demo: orders come in, become customers, jobs and invoices, and change afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from deployments.demo.play import OVER, Play
from deployments.demo.stage import SHOP
from models.approval import Answer, ApprovalStatus
from models.errors import TruckrollError
from models.order_sync import DUE, OrderStage
from models.tables import ApprovalRow, StoreOrderRow

PASS: Final = f"order-to-invoice/{SHOP}"
WINDOW: Final = (time(8), time(12))
"""An arrival window the sandbox's shop has configured, on its own clock."""

OFFICE: Final = "Demo Office"
"""Who answers for the office."""

_PATIENCE_S: Final = 150


@dataclass(frozen=True)
class Sale:
    """Something sold in the online store, and what must come of it."""

    buyer: str
    words: str
    """Who buys what, for the one who watches."""
    order: Mapping[str, Any]
    """What the sandbox is told: sandbox/README.md, `contractor-commerce/orders`."""
    job_types: tuple[str, ...] = ()
    """Of the jobs it becomes, products first; none: the order must be held."""
    total: Decimal | None = None
    """Of the product job's invoice, US dollars, paid in full."""
    tags: frozenset[str] = frozenset()
    """What customer and location must be tagged with."""
    in_window: bool = False
    """The buyer chose an arrival window."""
    membership: str = ""

    @property
    def is_held(self) -> bool:
        """Tell whether the order must wait for a person."""
        return not self.job_types


def _who(name: str, email: str, phone: str, street: str, city: str, postal_code: str) -> dict[str, Any]:
    first, last = name.split(" ")
    place = {"line1": street, "city": city, "state": "AL", "zip": postal_code}
    return {"first_name": first, "last_name": last, "email": email, "phone": phone, **place}


FILTERS = "Filter Order"
SERVICE = "Online Service Order"

COMPLETED = Sale(
    buyer="Lenora Pike",
    words="a buyer nobody knows: two packs of filters, taxed and shipped",
    order={
        "sku": "FLT-16X25X1-M8",
        "quantity": 2,
        "shipping": "7.95",
        **_who("Lenora Pike", "lenora.pike@example.com", "(205) 555-0171", "318 Vulcan Terrace", "Birmingham", "35205"),
    },
    job_types=(FILTERS,),
    total=Decimal("88.03"),
    tags=frozenset({"Store: one-time filters"}),
)
CANCELED = Sale(
    buyer="Harriet Colvin",
    words="a customer known by e-mail: filters by subscription",
    order={
        "sku": "FLT-20X20X1-M11",
        "purchase_type": "subscription",
        **_who("Harriet Colvin", "Harriet.Colvin@example.com", "", "2214 Larkmoor Dr", "Birmingham", "35216"),
    },
    job_types=(FILTERS,),
    total=Decimal("44.35"),
    tags=frozenset({"Store: filter subscription"}),
)
SALES: Final = (
    COMPLETED,
    CANCELED,
    Sale(
        buyer="Amos Guthrie",
        words="a mixed cart: filters, and a tune-up in the morning",
        order={
            "lines": [{"sku": "FLT-14X20X1-M8"}, {"sku": "SVC-COOL-TUNE"}],
            **_who(
                "Amos Guthrie", "amos.guthrie@example.com", "205-555-0172", "4406 Patton Creek Road", "Hoover", "35244"
            ),
        },
        job_types=(FILTERS, SERVICE),
        total=Decimal("52.73"),
        tags=frozenset({"Store: one-time filters", "Store: one-time service"}),
        in_window=True,
    ),
    Sale(
        buyer="Reuben Castellano",
        words="a customer known by phone: a care plan",
        order={
            "sku": "MEM-CAHABA",
            "purchase_type": "subscription",
            **_who("Reuben Castellano", "", "+1 (205) 555-0162", "63 Tannehill Rd", "Hoover", "35244"),
        },
        job_types=(SERVICE,),
        tags=frozenset({"Store: service subscription"}),
        membership="Cahaba care plan",
    ),
    Sale(
        buyer="Inez Baptiste",
        words="an address with a ZIP code that does not exist",
        order={
            "sku": "HUM-PANEL-10",
            **_who("Inez Baptiste", "inez.baptiste@example.com", "", "12 Edgewood Boulevard", "Homewood", "00000"),
        },
    ),
)


@dataclass
class Selling:
    """What happens in the store while the parts are asked about."""

    play: Play
    numbers: dict[str, str] = field(default_factory=dict)
    """Order numbers, by buyer."""
    ids: dict[str, str] = field(default_factory=dict)
    """The store's ids, by buyer."""
    versions: dict[str, int] = field(default_factory=dict)
    """The newest version the store has, by id."""
    run: str = ""
    """The latest pass over the store's orders."""

    def sell(self) -> None:
        """Let everybody buy."""
        for sale in SALES:
            words = {name: value for name, value in sale.order.items() if value != ""}
            if sale.in_window:
                words |= self._window()
            made = self.play.sandbox.sell(words)
            self.numbers[sale.buyer], self.ids[sale.buyer] = str(made["number"]), str(made["id"])
            self.versions[str(made["id"])] = int(made["version"])

    def start(self) -> None:
        """Start a pass over the store's orders, without waiting for it."""
        self.run = self.play.runs.create(PASS)

    def finish(self) -> list[tuple[Sale, StoreOrderRow]]:
        """Wait until the pass has ended and every order is written or waits for a person; return how they stand.

        Raises: TruckrollError when a pass leaves orders undone.
        """

        def look() -> bool | None:
            kind, words = self.play.runs.state(self.run)
            if kind not in OVER:
                return None
            rows, mine = self._rows(), self.ids.values()
            if all(one in rows and self._is_done(rows[one]) for one in mine):
                return True
            if kind == "CRASHED":
                raise TruckrollError(f"The pass over the store's orders ended as {words}.", f"Logs: {self.play.logs}")
            # The schedule's own pass was under way, and may have read before the last sale or change.
            self.start()
            return None

        self.play.wait("the store's orders", _PATIENCE_S, look)
        rows = self._rows()
        return [(sale, rows[self.ids[sale.buyer]]) for sale in SALES]

    def change(self) -> None:
        """Let the store complete the first order, and the buyer of the second cancel it, money back."""
        for sale, happens in ((COMPLETED, self.play.sandbox.complete), (CANCELED, self.play.sandbox.cancel)):
            happens(self.ids[sale.buyer])
            self.versions[self.ids[sale.buyer]] += 1

    def question(self) -> ApprovalRow:
        """Wait until the office is asked about the canceled order, and its run is suspended; return the question."""
        self.finish()

        def look() -> ApprovalRow | None:
            return next((row for row in self._questions() if self.play.is_suspended(row)), None)

        return self.play.wait("the question about the canceled order", _PATIENCE_S, look)

    def approve(self, question: ApprovalRow) -> None:
        """Answer as the office would: carry out what is proposed. Raises TruckrollError."""
        answer = Answer(decision="approve", by=OFFICE, note="Approved in the demo.", via="demo")
        self.play.answer(question, answer)

    def wait_until_changed(self, question: ApprovalRow) -> None:
        """Wait until the proposal is carried out and its run has ended."""

        def look() -> bool | None:
            row = self._rows()[self.ids[CANCELED.buyer]]
            has_ended = self.play.runs.state(question.flow_run_id)[0] in OVER
            if has_ended and row.stage == OrderStage.HELD:
                raise TruckrollError(f"{row.number} is held: {row.stage_words}")
            return (has_ended and row.stage == OrderStage.SYNCED) or None

        self.play.wait("the canceled order's job and invoice", _PATIENCE_S, look)

    def _is_done(self, row: StoreOrderRow) -> bool:
        return row.version == self.versions[row.order_id] and row.stage not in DUE

    def _questions(self) -> list[ApprovalRow]:
        rows = asyncio.run(self.play.books.approvals.open_changes(SHOP))
        return [row for row in rows if row.status == ApprovalStatus.REQUESTED]

    def _rows(self) -> dict[str, StoreOrderRow]:
        rows = asyncio.run(self.play.books.store_orders.list(SHOP))
        return {row.order_id: row for row in rows}

    def _window(self) -> dict[str, str]:
        zone = self.play.stage.shop().zone
        day = datetime.fromisoformat(self.play.sandbox.now()).astimezone(zone).date() + timedelta(days=3)
        start, end = (datetime.combine(day, at, zone).isoformat() for at in WINDOW)
        return {"window_start": start, "window_end": end}


def told(sale: Sale, row: StoreOrderRow) -> str:
    """Say in one line what became of an order."""
    outcome = "held" if row.stage == OrderStage.HELD else "written" if row.stage == OrderStage.SYNCED else row.stage
    return f"{row.number}, {sale.buyer}, {sale.words}: {outcome}. {row.stage_words}"
