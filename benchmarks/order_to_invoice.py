"""How fast one pass of order-to-invoice writes: bounded by the vendor's limit, or by us? And does memory stay flat?

Against the sandbox over real HTTP, with Prefect's own server, in three passes of fresh homes:

    python benchmarks/order_to_invoice.py [--few 50] [--many 500]

New buyers with one filter each, taxed; then the same buyers again (known customer, known SKU). What matters are ratios:
vendor calls a second over the shop's limit (close to 1: the limit bounds the pass), our CPU per order over the time the
limit allows an order (below 1: we could go faster than we may), and the peak memory of the long pass over the short
one's (flat: close to 1).
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from benchmarks._stage import Stage, stage


@dataclass(frozen=True)
class Measured:
    """One pass."""

    what: str
    orders: int
    calls: int
    seconds: float
    cpu_s: float
    peak_mb: float
    limit: float

    @property
    def calls_per_second(self) -> float:
        return self.calls / self.seconds

    @property
    def share(self) -> float:
        """Of the limit."""
        return self.calls_per_second / self.limit

    @property
    def cpu_share(self) -> float:
        """Our CPU per order over the time the limit allows an order."""
        return (self.cpu_s / self.orders) / (self.calls / self.orders / self.limit)


def sell(house: Stage, count: int, *, tax_rate: str) -> None:
    for number in range(count):
        order: dict[str, Any] = {
            "sku": "FLT-16X25X1-M8",
            "quantity": 1 + number % 7,
            "first_name": "Bench",
            "last_name": f"Buyer {number}",
            "email": f"buyer{number}@example.com",
            "phone": f"205-555-{number:04d}",
            "line1": f"{number + 1} Oak Street",
            "city": "Hoover",
            "state": "AL",
            "zip": "35244",
            "tax_rate": tax_rate,
        }
        house.http.post("/_sandbox/contractor-commerce/orders", json=order).raise_for_status()


def measure(house: Stage, what: str, count: int) -> Measured:
    limit = tomllib.loads((house.shops / "demo.toml").read_text(encoding="utf-8"))["servicetitan"]["calls_per_second"]
    before = len(house.calls())
    reply = house.run("run", "order-to-invoice", "--shop", "demo", "--json")
    report = reply["report"]
    assert report["done"] >= count, report
    calls = [
        call for call in house.calls()[before:] if "/servicetitan/" in call["path"] and "connect" not in call["path"]
    ]
    moments = sorted(datetime.fromisoformat(call["at"]) for call in calls)
    seconds = max((moments[-1] - moments[0]) / timedelta(seconds=1), 0.001)
    return Measured(what, count, len(calls), seconds, reply["cpu_s"], reply["peak_mb"], limit)


def main() -> None:
    options = argparse.ArgumentParser(description="How fast one pass of order-to-invoice writes.")
    options.add_argument("--few", type=int, default=50)
    options.add_argument("--many", type=int, default=500)
    chosen = options.parse_args()
    rows = []
    for count in (chosen.few, chosen.many):
        with stage() as house:
            sell(house, count, tax_rate="0.1")
            rows.append(measure(house, "new buyers, taxed", count))
            sell(house, count, tax_rate="0")
            rows.append(measure(house, "known buyers, untaxed", count))
    print(
        f"{'':>22} {'orders':>7} {'calls':>6} {'seconds':>8} {'orders/s':>9} {'calls/s':>8} {'of limit':>9} "
        f"{'CPU ms/order':>13} {'of allowed':>11} {'peak MB':>8}"
    )
    for row in rows:
        print(
            f"{row.what:>22} {row.orders:>7} {row.calls:>6} {row.seconds:>8.0f} {row.orders / row.seconds:>9.2f} "
            f"{row.calls_per_second:>8.1f} {row.share:>9.2f} {1000 * row.cpu_s / row.orders:>13.0f} "
            f"{row.cpu_share:>11.2f} {row.peak_mb:>8.0f}"
        )
    print(f"memory, many over few: {rows[2].peak_mb / rows[0].peak_mb:.2f}")


if __name__ == "__main__":
    main()
