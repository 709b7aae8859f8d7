"""How one eta_watch run follows many open orders: calls per minute against Marcone's courtesy limit, and memory.

Two runs in one go, with few and with many open orders, against the sandbox over real HTTP:

    python benchmarks/eta_watch.py [--few 50] [--many 200]

What matters are ratios: the most calls in any 60 seconds over the setting (must stay below 1), and the peak memory of
the long run over the short one's (flat means close to 1). With the default limit 200 orders take about four minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks._stage import SECRETS, stage
from connectors.marcone.client import Marcone
from connectors.marcone.distributor import MarconeDistributor
from decisions.messages import told_digest
from models.address import Address
from models.approval import Approval, OrderTerms
from models.base import ApprovalId, JobRef, RequestId, utc_now
from models.job import DiagnosedPart
from models.order import PurchaseOrder
from models.part import Eta, EtaBasis, LineState
from models.request import Stage
from models.shop import load_shop
from store import Books

PART = "WPW10348269"


def terms_for(number: int) -> OrderTerms:
    return OrderTerms(
        make="WPL",
        part_number=PART,
        quantity=1,
        unit_price="38.41",
        price_ceiling="40.33",
        branch="601",
        ship_to=Address(name="Bench", street=f"{number} Oak St", city="Birmingham", state="AL", zip="35209"),
        ship_method="FedEx Ground",
    )


async def place_orders(home: Path, shops: Path, count: int) -> None:
    """Place orders at the sandbox's Marcone without a limit, and follow each in the store."""
    books = Books.open(f"sqlite:///{home / 'truckroll.db'}")
    settings = load_shop("demo", shops).need_marcone()

    class Free:
        async def acquire(self) -> None:
            return None

    now = utc_now()
    eta = Eta(on=None, basis=EtaBasis.NONE)
    async with Marcone.from_settings(settings, limiter=Free()) as client:
        distributor = MarconeDistributor(client, settings)
        for number in range(count):
            terms = terms_for(number)
            po_number = f"B{number}-1"
            approval = Approval(
                approval_id=ApprovalId(po_number),
                request_id=RequestId(po_number),
                revision=1,
                terms=terms,
                digest=terms.digest(),
                po_number=po_number,
                decided_by="Bench",
                decided_at=now,
            )
            order = PurchaseOrder(po_number=po_number, reference=po_number, terms=terms, approval=approval)
            placement = await distributor.place(order)
            diagnosed = DiagnosedPart(
                job=JobRef(f"B{number}"), source_key=f"bench/{number}", source_words="bench", numbers=(PART,)
            )
            request, _ = await books.requests.register("demo", diagnosed, now)
            await books.orders.add(
                request.id,
                shop="demo",
                po_number=po_number,
                order_numbers=placement.order_numbers,
                next_look_at=now,
                branch="601",
                ordered_on=now.date(),
            )
            await books.requests.update(
                request.id,
                stage=Stage.ORDERED.value,
                part_number=PART,
                make="WPL",
                line_state=LineState.ACCEPTED.value,
                told=told_digest(LineState.ACCEPTED, eta),
            )
    books.close()


def most_in_a_minute(moments: list[datetime]) -> int:
    """Return the most calls in any window of 60 seconds."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= timedelta(seconds=60):
            first += 1
        most = max(most, last - first + 1)
    return most


def measure(count: int) -> dict[str, Any]:
    """Follow `count` open orders in one run of a fresh home; return what was measured."""
    os.environ.update(SECRETS)
    with stage() as house:
        house.http.post(f"/_sandbox/marcone/parts/{PART}", json={"stock": {"601": 10_000}}).raise_for_status()
        asyncio.run(place_orders(house.home, house.shops, count))
        before = len(house.calls())
        began = time.monotonic()
        reply = house.run("run", "eta-watch", "--shop", "demo", "--json")
        seconds = time.monotonic() - began
        calls = house.calls()[before:]
    marcone = [datetime.fromisoformat(call["at"]) for call in calls if call["path"].startswith("/marcone/orders")]
    return {
        "orders": count,
        "done": reply["report"]["done"],
        "seconds": seconds,
        "calls": len(marcone),
        "most_in_60_s": most_in_a_minute(sorted(marcone)),
        "peak_mb": reply["peak_mb"],
    }


def main() -> None:
    options = argparse.ArgumentParser(description="How one eta_watch run follows many open orders.")
    options.add_argument("--few", type=int, default=50)
    options.add_argument("--many", type=int, default=200)
    chosen = options.parse_args()
    limit = 55
    rows = [measure(chosen.few), measure(chosen.many)]
    print(f"{'orders':>7} {'calls':>6} {'seconds':>8} {'most in 60 s':>13} {'of the limit':>13} {'peak MB':>8}")
    for row in rows:
        share = row["most_in_60_s"] / limit
        print(
            f"{row['orders']:>7} {row['calls']:>6} {row['seconds']:>8.0f} {row['most_in_60_s']:>13} "
            f"{share:>13.2f} {row['peak_mb']:>8.0f}"
        )
    print(f"memory, many over few: {rows[1]['peak_mb'] / rows[0]['peak_mb']:.2f}")
    print(f"this script's own peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
