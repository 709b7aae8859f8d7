"""How fast one pass of order-to-invoice writes: bounded by the vendor's limit, or by us? And does memory stay flat?

Against the sandbox over real HTTP, with Prefect's own server, in two fresh homes:

    python -m benchmarks.order_to_invoice [--few 50] [--many 500]

New buyers with one filter each, taxed; then the same buyers again (known customer, known SKU). What matters are ratios:
vendor calls a second over the shop's limit (close to 1: the limit bounds the pass), our CPU per order over the time the
limit allows an order (below 1: we could go faster than we may), and the peak memory of the long pass over the short
one's (flat: close to 1). Rates count from the first call to ServiceTitan to the last one; our CPU is that of the whole
process, from its start on.

The sandbox and Prefect's server share the machine, where production has the vendor elsewhere: their CPU is shown too.
What other processes take makes rates lower and leaves CPU as it is; look at the load before you believe a rate.
"""

from __future__ import annotations

import argparse
import os
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
    server_cpu_s: float
    sandbox_cpu_s: float
    peak_mb: float
    limit: float
    load: float
    """Of the machine, over the last minute of the pass."""

    @property
    def calls_per_second(self) -> float:
        return self.calls / self.seconds

    @property
    def share(self) -> float:
        """Of the limit."""
        return self.calls_per_second / self.limit

    @property
    def allowed_ms(self) -> float:
        """The time the limit leaves an order."""
        return 1000 * self.calls / self.orders / self.limit

    def each_ms(self, seconds: float) -> float:
        """Per order."""
        return 1000 * seconds / self.orders


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
    server_s, sandbox_s = house.cpu_s()
    reply = house.run("run", "order-to-invoice", "--shop", "demo", "--json")
    load = os.getloadavg()[0]
    used = house.cpu_s()
    report = reply["report"]
    assert report["done"] >= count, report
    calls = [
        call for call in house.calls()[before:] if "/servicetitan/" in call["path"] and "connect" not in call["path"]
    ]
    moments = sorted(datetime.fromisoformat(call["at"]) for call in calls)
    seconds = max((moments[-1] - moments[0]) / timedelta(seconds=1), 0.001)
    return Measured(
        what,
        count,
        len(calls),
        seconds,
        reply["cpu_s"],
        used[0] - server_s,
        used[1] - sandbox_s,
        reply["peak_mb"],
        limit,
        load,
    )


def main() -> None:
    options = argparse.ArgumentParser(description="How fast one pass of order-to-invoice writes.")
    options.add_argument("--few", type=int, default=50)
    options.add_argument("--many", type=int, default=500)
    chosen = options.parse_args()
    rows = []
    for count in (chosen.few, chosen.many):
        with stage() as house:
            house.run("run", "reconcile", "--shop", "demo", "--json")  # Prefect's server is up before anything counts
            sell(house, count, tax_rate="0.1")
            rows.append(measure(house, "new buyers, taxed", count))
            sell(house, count, tax_rate="0")
            rows.append(measure(house, "known buyers, untaxed", count))
    print(
        f"{'':>22} {'orders':>7} {'calls':>6} {'seconds':>8} {'orders/s':>9} {'calls/s':>8} {'of limit':>9} "
        f"{'CPU ms/order':>13} {'allowed':>8} {'server':>7} {'sandbox':>8} {'peak MB':>8} {'load':>5}"
    )
    for row in rows:
        print(
            f"{row.what:>22} {row.orders:>7} {row.calls:>6} {row.seconds:>8.0f} {row.orders / row.seconds:>9.2f} "
            f"{row.calls_per_second:>8.1f} {row.share:>9.2f} {row.each_ms(row.cpu_s):>13.0f} {row.allowed_ms:>8.0f} "
            f"{row.each_ms(row.server_cpu_s):>7.0f} {row.each_ms(row.sandbox_cpu_s):>8.0f} {row.peak_mb:>8.0f} "
            f"{row.load:>5.1f}"
        )
    for few, many in zip(rows[:2], rows[2:], strict=True):
        more = many.orders - few.orders
        print(
            f"{few.what}, many over few: memory {many.peak_mb / few.peak_mb:.2f}; each further order costs "
            f"{1000 * (many.cpu_s - few.cpu_s) / more:.0f} ms of our CPU and "
            f"{1024 * (many.peak_mb - few.peak_mb) / more:.0f} KB"
        )


if __name__ == "__main__":
    main()
