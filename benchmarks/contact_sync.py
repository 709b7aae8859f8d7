"""What a first contact sync costs beside a bare asyncio loop that makes the same calls: CPU, throughput, memory.

    python -m benchmarks.contact_sync [--sizes 5000,50000] [--rounds 3] [--huge 200000] [--sandbox]

With the limit lifted. The vendors are a small server of the benchmark's own (`_two_vendors.py`): it has the contract's
shapes and sizes and checks next to nothing, so that the floor is the client's and not the server's. `--sandbox` takes
the strict sandbox instead, whose calls cost more than the client's. In one run, per size: two floors (`_floors.py`:
aiohttp, and httpx over httpx-aiohttp), then `truckroll run contact-sync` in a process of its own with everything on:
Prefect, the ledger, parsing, writing. All of it in so many rounds, one after the other; the medians are shown.

What matters are ratios. CPU is our process's; its share for starting up, measured with a pass that has nothing to do,
is shown beside. Seconds go from the first call to the last answer, as the server saw them. Memory is the peak above
that of the pass with nothing to do. `--huge` adds one size for memory only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks import _stage
from benchmarks._stage import Stage, stage

FOLDER = Path(__file__).resolve().parent
MOST_CPU_MS, LEAST_SHARE, MOST_MB = 1.2, 0.5, 150
"""What is to be kept: CPU per contact, share of the faster floor's throughput, memory above the idle program."""

IN_FLIGHT = 128
"""As the sync has it: tasks/referral_calls.py."""


@dataclass(frozen=True)
class Cost:
    """Of one pass or floor."""

    who: str
    contacts: int
    seconds: float
    cpu_s: float
    peak_mb: float = 0.0
    server_cpu_s: float = 0.0
    """Of Prefect's own server, a process that serves all flows of the home."""

    @property
    def per_second(self) -> float:
        return self.contacts / max(self.seconds, 1e-9)

    def ms(self, start_s: float = 0.0) -> float:
        return 1000 * (self.cpu_s - start_s) / self.contacts


class Vendors:
    """The small server, or the sandbox."""

    def __init__(self, base: str, house: Stage, *, is_sandbox: bool) -> None:
        self.base, self.house, self.is_sandbox = base, house, is_sandbox
        self.http = httpx.Client(base_url=base, timeout=600)

    def begin(self, contacts: int) -> None:
        """Forget everything, and have so many customers."""
        if not self.is_sandbox:
            self.http.get(f"/_bench/customers/{contacts}").raise_for_status()
            return
        for path, body in (
            ("/reset", {"seed": "demo"}),
            ("/requests", {"kept": 0}),
            ("/referral-factory/switches", {"calls_per_minute": None}),
            ("/servicetitan/switches", {"feed_page_size": 5000}),
            ("/servicetitan/generate", {"customers": contacts, "shares": dict.fromkeys(_SHARES, 0)}),
        ):
            if path != "/servicetitan/generate" or contacts:
                self.http.post(f"/_sandbox{path}", json=body).raise_for_status()

    def counts(self) -> dict[str, Any]:
        """Return what the small server saw; the sandbox keeps no seconds."""
        return {} if self.is_sandbox else dict(self.http.get("/_bench/counts").json())


_SHARES = (
    "no_email", "shared_email", "malformed_email", "refused_domain", "several_emails", "inactive", "merged",
    "do_not_mail", "company", "odd_name",
)  # fmt: skip


@contextmanager
def vendors(house: Stage, *, is_sandbox: bool) -> Iterator[Vendors]:
    """Give the shop file its vendors, and lift the limits."""
    shop = house.shops / "demo.toml"
    text = shop.read_text(encoding="utf-8").replace("calls_per_minute = 600", "calls_per_minute = inf")
    base = str(house.http.base_url).rstrip("/")
    if is_sandbox:
        shop.write_text(text, encoding="utf-8")
        yield Vendors(base, house, is_sandbox=True)
        return
    port = _stage.free_port()
    shop.write_text(text.replace(base, f"http://127.0.0.1:{port}"), encoding="utf-8")
    server = subprocess.Popen([sys.executable, str(FOLDER / "_two_vendors.py"), str(port)])
    try:
        made = Vendors(f"http://127.0.0.1:{port}", house, is_sandbox=False)
        for _ in range(100):
            try:
                made.counts()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield made
    finally:
        server.terminate()
        server.wait()


def floor(there: Vendors, way: str, contacts: int) -> Cost:
    there.begin(contacts)
    command = [sys.executable, str(FOLDER / "_floors.py"), way, there.base, str(IN_FLIGHT)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert told["links"] >= contacts, told
    return Cost(f"bare loop, {way}", contacts, told["seconds"], told["cpu_s"])


def sync(there: Vendors, contacts: int, scratch: Path) -> Cost:
    there.begin(contacts)
    house = there.house
    house.env["TRUCKROLL_DATABASE_URL"] = f"sqlite:///{scratch / f'{contacts}-{time.monotonic_ns()}.db'}"
    before = _cpu_of_prefect(house)
    told = house.run("run", "contact-sync", "--shop", "demo", "--json")
    (item,) = told["report"]["items"]
    assert item["outcome"] == "synced", item
    seen = there.counts()
    if seen:
        assert (seen["creates"], seen["people"], seen["loud"]) == (contacts, contacts, 0), seen
    seconds = seen.get("seconds") or told["report"]["seconds"]
    after = _cpu_of_prefect(house)
    return Cost("truckroll", contacts, seconds, told["cpu_s"], told["peak_mb"], after - before)


def median(costs: Sequence[Cost]) -> Cost:
    """Return the middle of several measurements, figure by figure; of memory the most."""
    one = costs[0]
    return Cost(
        one.who,
        one.contacts,
        statistics.median(each.seconds for each in costs),
        statistics.median(each.cpu_s for each in costs),
        max(each.peak_mb for each in costs),
        statistics.median(each.server_cpu_s for each in costs),
    )


def _cpu_of_prefect(house: Stage) -> float:
    record = house.home / "server.json"
    if not record.exists():
        return 0.0
    times = psutil.Process(json.loads(record.read_text(encoding="utf-8"))["pid"]).cpu_times()
    return float(times.user + times.system)


def main() -> None:
    options = argparse.ArgumentParser(description="What a first contact sync costs beside a bare loop.")
    options.add_argument("--sizes", default="5000,50000")
    options.add_argument("--rounds", type=int, default=3, help="of which the medians are shown")
    options.add_argument("--huge", type=int, default=0, help="one more size, for memory only")
    options.add_argument("--sandbox", action="store_true", help="against the strict sandbox instead of a small server")
    chosen = options.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    os.environ.setdefault("RF_TOKEN", "sandbox-rf-token")
    os.environ.setdefault("RF_WEBHOOK_SECRET", "benchmark")
    with (
        tempfile.TemporaryDirectory() as folder,
        stage() as house,
        vendors(house, is_sandbox=chosen.sandbox) as there,
    ):
        measure(there, sizes, chosen.rounds, chosen.huge, Path(folder))


def measure(there: Vendors, sizes: list[int], rounds: int, huge: int, scratch: Path) -> None:
    print(f"vendors: {'the sandbox' if there.is_sandbox else 'a small server of the benchmark, which checks little'}")
    sync(there, 0, scratch)  # starts Prefect's server, makes the tables
    idle = sync(there, 0, scratch)
    print(f"a pass with nothing to do: {idle.cpu_s:.1f} s of CPU, {idle.peak_mb:.0f} MB\n")
    print(f"{'':>20} {'contacts':>9} {'seconds':>8} {'a second':>9} {'CPU ms each':>12} {'MB over idle':>13}")
    peaks = []
    for contacts in sizes:
        taken = [
            (floor(there, "aiohttp", contacts), floor(there, "httpx", contacts), sync(there, contacts, scratch))
            for _ in range(rounds)
        ]
        *floors, ours = (median(costs) for costs in zip(*taken, strict=True))
        peaks.append(ours.peak_mb - idle.peak_mb)
        for one in (*floors, ours):
            memory = f"{one.peak_mb - idle.peak_mb:13.0f}" if one is ours else ""
            print(f"{one.who:>20} {contacts:>9} {one.seconds:>8.1f} {one.per_second:>9.0f} {one.ms():>12.2f} {memory}")
        faster = max(floors, key=lambda one: one.per_second)
        print(
            f"  of the faster floor's throughput: {ours.per_second / faster.per_second:.2f} (at least {LEAST_SHARE}); "
            f"CPU each, all in: {ours.ms():.2f} ms (at most {MOST_CPU_MS}), without the start "
            f"{ours.ms(idle.cpu_s):.2f} ms, {ours.ms(idle.cpu_s) / faster.ms():.1f} times the floor's; "
            f"Prefect's server on top {1000 * ours.server_cpu_s / contacts:.2f} ms\n"
        )
    if huge:
        peaks.append(sync(there, huge, scratch).peak_mb - idle.peak_mb)
        print(f"{huge} contacts: {peaks[-1]:.0f} MB over idle")
    print(f"memory over idle: {max(peaks):.0f} MB (at most {MOST_MB}); most over least: {peaks[-1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
