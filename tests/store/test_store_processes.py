"""Two real processes, and one that is really killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_stand_ins import Vendor, begin_and_hang, holder, open_store, race, use_allowance

from models.errors import UnresolvedError
from store import Books
from store.owner import Owner, is_dead

SPAWN = multiprocessing.get_context("spawn")


def _together(work: Callable[..., None], url: str, *args: Any) -> None:
    barrier = SPAWN.Barrier(2)
    workers = [SPAWN.Process(target=work, args=(url, barrier, *args)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]


def test_two_processes_write_each_key_once(url: str, tmp_path: Path) -> None:
    written = tmp_path / "written"
    _together(race, url, written, 40)
    lines = written.read_text().splitlines()
    assert sorted(int(line.split()[0]) for line in lines) == list(range(40))
    said = Counter(written.with_suffix(".said").read_text().splitlines())
    assert said == Counter(dict.fromkeys(lines, 2))


async def test_what_a_killed_process_began_is_taken_over_at_once(url: str, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    worker = SPAWN.Process(target=begin_and_hang, args=(url, begun))
    worker.start()
    while not begun.exists():
        assert worker.is_alive()
        await asyncio.sleep(0.02)
    with Books.open(url, settle_s=0) as books:
        worker_of_it = await holder(books, "the job")
        assert worker_of_it is not None
        assert not is_dead(worker_of_it)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        for _ in range(500):  # a zombie, until it is joined, is dead too
            if is_dead(worker_of_it):
                break
            await asyncio.sleep(0.01)
        vendor, since = Vendor(), time.monotonic()
        with pytest.raises(UnresolvedError):
            await books.effects.once("the order", create=vendor.create)
        vendor.records.append("id-found")
        assert await books.effects.once("the order", create=vendor.create, find=vendor.find) == "id-found"
        async with books.leases.hold("the job"):
            pass
        assert time.monotonic() - since < 5
        assert vendor.posts == 0
    worker.join()


def test_two_processes_may_make_the_tables_at_once(new_url: Callable[[bool], str]) -> None:
    url = new_url(False)
    _together(open_store, url)
    Books.open(url).close()


def test_processes_share_one_allowance(url: str, tmp_path: Path) -> None:
    """5 at once, then one every 50 ms (60.5 s / 1200), whoever asks."""
    granted = tmp_path / "granted"
    _together(use_allowance, url, granted, 20)
    times = sorted(float(line) for line in granted.read_text().splitlines())
    assert len(times) == 40
    assert times[-1] - times[0] >= (40 - 5 - 1) * 60.5 / 1200


def test_an_owner_is_dead_only_when_that_is_certain() -> None:
    me = Owner.current()
    assert not is_dead(str(me))
    assert not is_dead(me.claim())
    assert Owner.parse(me.claim()) == me
    assert is_dead(str(Owner(me.host, me.boot, me.pids, me.pid, me.started_s - 60))), "its pid was given out again"
    assert is_dead(str(Owner(me.host, me.boot, me.pids, 2**22 + 1, 1.0))), "its pid is free"
    assert not is_dead(str(Owner("elsewhere", me.boot, me.pids, 2**22 + 1, 1.0)))
    assert not is_dead(str(Owner(me.host, "an earlier boot", me.pids, 2**22 + 1, 1.0)))
    assert not is_dead(str(Owner(me.host, me.boot, "another container", 2**22 + 1, 1.0)))
    assert not is_dead("")
