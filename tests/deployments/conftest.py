"""A home of its own for every test, with the demo's shop file, and a ledger with one of everything in it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from deployments.demo.stage import shop_text
from deployments.home import Home
from models.address import Address
from models.approval import Offer, OfferedPart
from models.base import JobRef, utc_now
from models.job import DiagnosedPart
from models.part import BranchStock, PartRef
from models.request import Stage
from store import Books
from tests.questions import ask

ASKED = datetime(2026, 9, 1, 14, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Home]:
    """Give a fresh home and a shop file; whatever a command sets in the environment is undone."""
    before = dict(os.environ)
    for name in ("PREFECT_API_URL", "PREFECT_HOME", "TRUCKROLL_DATABASE_URL"):
        os.environ.pop(name, None)
    shops = tmp_path / "shops"
    shops.mkdir()
    (shops / "demo.toml").write_text(shop_text("http://127.0.0.1:9", 9), encoding="utf-8")
    os.environ["TRUCKROLL_HOME"], os.environ["TRUCKROLL_SHOPS"] = str(tmp_path / "home"), str(shops)
    yield Home.current()
    os.environ.clear()
    os.environ.update(before)


@dataclass(frozen=True)
class Filled:
    """What the ledger holds."""

    request: str
    question: str
    held: int


@pytest.fixture
def filled(home: Home) -> Filled:
    """Fill the ledger: an open question, an ordered request, a held record, an audit entry."""
    return asyncio.run(_fill(f"sqlite:///{home.root / 'truckroll.db'}"))


def an_offer() -> Offer:
    return Offer(
        quantity=1,
        parts=(
            OfferedPart(
                part=PartRef(make="WPL", number="WPW10348269", description="PUMP, DISHWASHER DRAIN"),
                unit_price=Decimal("41.20"),
                path=("WPW10348269",),
                branches=(
                    BranchStock(branch="601", name="Birmingham", available=6, transit_days=1),
                    BranchStock(branch="602", name="Atlanta", available=9, transit_days=2),
                ),
            ),
        ),
        ship_to=Address(street="412 Cahaba Trace", city="Birmingham", state="AL", zip="35209"),
        ship_method="FedEx Ground",
        quoted_at=ASKED,
    )


async def _fill(url: str) -> Filled:
    with Books.open(url) as books:
        request, _ = await books.requests.register("demo", _part("48213", "WPW10348269"), ASKED)
        asked = await ask(
            books,
            request.id,
            offer=an_offer(),
            question="# Order 1 x WPW10348269?",
            approvers=["Dana Whitfield"],
            expires_after=timedelta(hours=72),
            now=utc_now(),
        )
        await books.requests.update(request.id, stage=Stage.AWAITING_APPROVAL)
        other, _ = await books.requests.register("demo", _part("48214", "EDR1RXD1"), ASKED)
        await books.requests.update(other.id, stage=Stage.ORDERED, part_number="EDR1RXD1", quantity=1)
        held = await books.held.hold(
            "demo", "diagnosis-watch", "job 48216", reason="The part number is empty.", fix="Write it on the estimate."
        )
        await books.audit.append("demo", "parts-loop", request.id, "asked", actor="rule", detail={"price": "41.20"})
        assert held.id is not None
        return Filled(request.id, asked.id, held.id)


def _part(job: str, number: str) -> DiagnosedPart:
    return DiagnosedPart(
        job=JobRef(job), job_number=job, source_key=f"estimate/{job}", source_words="estimate 1", numbers=(number,)
    )
