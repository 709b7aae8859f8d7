"""The connectors and the sandbox, each written from the contracts alone, understand each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.errors import NotFoundError
from connectors.limits import Unlimited
from connectors.marcone.client import Marcone
from connectors.marcone.distributor import MarconeDistributor
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.job_platform import ServiceTitanJobs
from connectors.tokens import TokenStore
from models.base import JobRef
from models.job import BoardNote, Hold, JobState
from models.part import LineState
from models.shop import MarconeSettings, PartsSettings, ServiceTitanSettings
from sandbox.app import create_app
from tests.connectors.doubles import GUID, board, purchase_order

HOUSE = "http://127.0.0.1:8700"


@dataclass
class House:
    """A sandbox in this process, and both connectors talking to it."""

    people: httpx.AsyncClient
    st: ServiceTitan
    distributor: MarconeDistributor

    def jobs(self, **parts: Any) -> ServiceTitanJobs:
        return ServiceTitanJobs(self.st, PartsSettings.model_validate(parts), GUID)

    async def tell(self, path: str, **body: Any) -> Any:
        reply = await self.people.post(f"/_sandbox{path}", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def job(self) -> dict[str, Any]:
        state = (await self.people.get("/_sandbox/state")).json()
        return next(one for one in state["servicetitan"]["jobs"] if one["jobNumber"] == "48213")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    network = httpx.ASGITransport(app=create_app())
    titan = ServiceTitanSettings.model_validate(
        {
            "api_url": f"{HOUSE}/servicetitan",
            "auth_url": f"{HOUSE}/servicetitan/connect/token",
            "tenant_id": 1234567,
            "app_key": "sandbox-app-key",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "external_data_guid": GUID,
        }
    )
    account = MarconeSettings.model_validate(
        {
            "api_url": f"{HOUSE}/marcone",
            "client_id": "sandbox-marcone",
            "client_secret": "sandbox-marcone-secret",
            "customer_number": 100200,
        }
    )
    async with (
        httpx.AsyncClient(transport=network, base_url=HOUSE) as people,
        ServiceTitan.from_settings(titan, limiter=Unlimited(), transport=network, tokens=TokenStore()) as st,
        Marcone.from_settings(account, limiter=Unlimited(), transport=network, tokens=TokenStore()) as marcone,
    ):
        yield House(people, st, MarconeDistributor(marcone, account))


def lately() -> datetime:
    return datetime.now(UTC) - timedelta(days=7)


async def test_both_sides_let_us_in(house: House) -> None:
    """PL-46."""
    await house.jobs().check_access()
    await house.distributor.check_access()


@pytest.mark.parametrize("source", ["estimate", "custom_field", "form"])
async def test_a_diagnosis_is_read_wherever_the_technician_puts_it(house: House, source: str) -> None:
    """PL-2, PL-3."""
    await house.tell(
        "/servicetitan/jobs/48213/diagnose",
        **{"part_number": "WPW10348269", "quantity": 2, "as": source, "model": "WDT750SAHZ0"},
    )
    pages = [found async for found in house.jobs(diagnosis_from=source).diagnosed_parts(lately())]
    (part,) = [part for found in pages for part in found.parts]
    assert "WPW10348269" in part.numbers
    assert part.quantity == "2"
    assert part.appliance.model == "WDT750SAHZ0"
    assert pages[-1].watermark is not None
    view = await house.jobs().get_job(part.job)
    assert (view.number, view.state, view.customer_name) == ("48213", JobState.OPEN, "Marian Oakes")
    assert view.address.one_line() == "412 Cahaba Trace, Birmingham, AL 35209"
    assert [one.name for one in view.technicians] == ["Dana Whitfield"]
    assert view.contact.emails == ("marian.oakes@example.com",)


async def test_a_board_is_published_and_its_hold_released(house: House) -> None:
    jobs = house.jobs()
    job = JobRef(str((await house.job())["id"]))
    note = BoardNote(marker="[truckroll r3]", text="Please approve. [truckroll r3]")
    asked = board(job=job, note=note, hold=Hold.PLACE, hold_memo="Waiting for approval", visit_line="Drain pump")
    first = await jobs.publish(asked)
    assert first.not_landed == ()
    assert set(first.landed) == {"Part status", "Part ETA", "note", "hold", "visit"}
    assert (await jobs.get_job(job)).state is JobState.ON_HOLD
    assert (await jobs.publish(asked, look_first=True)).landed == ("unchanged",)
    assert len([one for one in await house.st.list_job_notes(int(job)) if note.marker in one.text]) == 1
    released = await jobs.publish(board(job=job, revision=4, status="ordered", hold=Hold.RELEASE))
    assert released.not_landed == ()
    view = await jobs.get_job(job)
    assert view.state is JobState.OPEN
    assert "Parts: Drain pump" in view.visits[0].special_instructions


async def test_a_part_is_quoted_ordered_and_followed(house: House) -> None:
    """PL-4, PL-6, PL-24, PL-25, PL-61."""
    (found,) = await house.distributor.match("WPW10348269", ship_to_zip="35209")
    assert found.part.make == "WPL"
    assert isinstance(found.unit_price, Decimal)
    assert any(row.available for row in found.stock)
    branch = next(row.branch for row in found.stock if row.available >= 2)
    (method, *_) = await house.distributor.shipping_methods(branch)
    placed = await house.distributor.place(purchase_order(branch=branch, ship_method=method))
    assert placed.is_placed, placed.reason
    (number,) = placed.order_numbers
    status = await house.distributor.order_status(number)
    assert (status.po_number, status.branch) == ("TR-48213-1", branch)
    await house.tell(f"/marcone/orders/{number}/ship")
    shipped = await house.distributor.order_status(number)
    assert shipped.state is LineState.SHIPPED
    assert shipped.tracking
    assert await house.distributor.track(shipped.tracking[0])


async def test_an_unknown_number_and_an_unknown_order_are_clean_misses(house: House) -> None:
    """PL-19."""
    with pytest.raises(NotFoundError):
        await house.distributor.match("NOSUCHPART", ship_to_zip="35209")
    with pytest.raises(NotFoundError):
        await house.distributor.order_status("404404")


async def test_an_old_number_names_its_replacement(house: House) -> None:
    """PL-21."""
    (old,) = await house.distributor.match("W10348269", ship_to_zip="35209")
    assert [one.number for one in old.replaced_by] == ["WPW10348269"]
