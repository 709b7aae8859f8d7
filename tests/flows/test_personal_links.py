"""Each technician hears of a question alone, with their own link; the shop hears of it without one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flows.reconcile import remind
from models.job import Technician
from models.report import RunReport
from tasks.links import open_links
from tests.flows.conftest import World
from tests.flows.fakes import a_job
from tests.flows.test_parts_loop import asked

DANA = Technician(id="7", name="Dana Whitfield", email="dana@example.com")
NO_MAIL = Technician(id="9", name="Ines Sample")
LUIS = Technician(id="8", name="Luis Ortega", email="luis@example.com")


@pytest.fixture
def mailing(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A shop with a mail server, an ops address, an approval page, and three technicians on the job."""
    monkeypatch.setenv("TRUCKROLL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRUCKROLL_PUBLIC_URL", "https://a.example.com")
    shop = world.house.shop
    mail = {
        "smtp_url": "mailto://127.0.0.1:1",
        "customer_email_from": "parts@shop.example.com",
        "ops": ("json://127.0.0.1:1/ops",),
    }
    parts = {"remind_after": [timedelta(0), timedelta(hours=9)]}
    world.house.shop = shop.model_copy(
        update={
            "messages": shop.messages.model_copy(update=mail),
            "parts": shop.parts.model_copy(update=parts),
        }
    )
    world.jobs.jobs["48213"] = a_job(technicians=(DANA, NO_MAIL, LUIS))
    return world


def check(letters: list[tuple[tuple[str, ...], str, str]], nonce: str) -> None:
    """Three letters: each with one address, each link read back as its receiver's."""
    (to_dana, _, dana), (to_luis, _, luis), (to_ops, _, ops) = letters
    assert [len(each) for each in (to_dana, to_luis, to_ops)] == [1, 1, 1]
    assert "dana%40example.com" in to_dana[0]
    assert "luis%40example.com" in to_luis[0]
    assert to_ops == ("json://127.0.0.1:1/ops",)
    assert "/approve/" not in ops
    for body, name in ((dana, DANA.name), (luis, LUIS.name)):
        [link] = [line for line in body.splitlines() if line.startswith("https://a.example.com/approve/")]
        ticket = open_links().read(link.rpartition("/")[2])
        assert ticket is not None
        assert (ticket.name, ticket.nonce) == (name, nonce)


async def test_the_question_and_its_reminder_carry_each_technicians_own_link(mailing: World) -> None:
    await asked(mailing)
    [question] = await mailing.books.approvals.list("demo")
    check(mailing.letters, question.nonce)
    mailing.letters.clear()
    await remind(mailing.house, RunReport(process="reconcile", shop="demo"))
    check(mailing.letters, question.nonce)
    assert all(title.startswith("Reminder 1: ") for _, title, _ in mailing.letters)
    await remind(mailing.house, RunReport(process="reconcile", shop="demo"))
    assert len(mailing.letters) == 3


async def test_a_job_whose_names_and_addresses_do_not_pair_up_gets_no_link(mailing: World) -> None:
    """A link must never go to another person's address."""
    await asked(mailing)
    [question] = await mailing.books.approvals.list("demo")
    await mailing.books.requests.update(question.request_id, technician_emails=["luis@example.com"])
    mailing.letters.clear()
    await remind(mailing.house, RunReport(process="reconcile", shop="demo"))
    [(to, _, body)] = mailing.letters
    assert to == ("json://127.0.0.1:1/ops",)
    assert "/approve/" not in body
