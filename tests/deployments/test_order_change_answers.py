"""A question about a changed store order, where people meet it: on the command line and on the approval page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from html import unescape

import httpx
import pytest

from decisions.order_intake import fingerprints
from deployments.home import Home
from deployments.web.app import build_app
from models.base import utc_now
from models.order_change import Adjustment, ChangeTerms, ConcernedJob, JobToCancel, OrderChange
from models.settings import HouseSettings
from models.tables import ApprovalRow
from store import Books
from tasks.links import Links, page_links
from tests.deployments.conftest import Filled
from tests.deployments.test_commands import APPROVAL_KEYS, read, say
from tests.deployments.test_web import HOST, text_of
from tests.unit.orders import order

ORDER = order(id="100205", number="CC-100205")
CHANGE = OrderChange(
    order="100205",
    number="CC-100205",
    version=2,
    what="cancelled after sync",
    why="The store cancelled the order after it was written.",
    amount=Decimal("56.60"),
    jobs=(
        ConcernedJob(kind="product", job=9, number="4801", status="Scheduled", invoice=7, total=Decimal("56.60")),
        ConcernedJob(kind="service", job=10, number="4802", status="<b>Odd</b>"),
    ),
    remarks=("Look twice & think.",),
    terms=ChangeTerms(
        what="cancelled after sync",
        order_number="CC-100205",
        cancel=(JobToCancel(job=9, number="4801"),),
        adjust=(Adjustment(invoice=7, job_number="4801", amount=Decimal("-56.60")),),
    ),
    refunded=Decimal("56.60"),
)
QUESTION = "demo/order/100205-r1"


async def ask(books: Books, change: OrderChange = CHANGE) -> ApprovalRow:
    await books.store_orders.take_in("demo", [ORDER], fingerprints=fingerprints)
    return await books.store.run(
        lambda session: books.approvals.ask_change_in(
            session,
            "demo/order/100205",
            change=change,
            question="## Store order CC-100205 - cancelled after sync: $56.60",
            expires_after=timedelta(days=365),
            now=utc_now(),
        )
    )


@pytest.fixture
def asked(filled: Filled) -> Filled:
    """Put the question beside a part's."""

    async def put() -> None:
        with Books.open(HouseSettings().database) as books:
            await ask(books)

    asyncio.run(put())
    return filled


def test_it_is_listed_beside_the_parts(asked: Filled) -> None:
    """OI-69, OI-70: the same list, its kind told; what only a part has is empty."""
    by_id = {row["id"]: row for row in read(say("approvals", "list", "--json"))["approvals"]}
    assert by_id[asked.question]["kind"] == "part"
    row = by_id[QUESTION]
    assert set(row) >= APPROVAL_KEYS
    assert (row["kind"], row["order"], row["job"]) == ("order_change", "CC-100205", "4801, 4802")
    assert [row[name] for name in ("part_number", "make", "unit_price", "branch", "ship_to_zip")] == [""] * 5
    assert row["quantity"] is None
    assert row["change"]["cancel"] == ["4801"]
    assert row["change"]["adjust"] == [{"invoice": 7, "job_number": "4801", "amount": "-56.60"}]
    shown = say("approvals", "list").stdout
    assert all(word in shown for word in ("CC-100205:", "cancelled", "$56.60", "waits"))


def test_show_prints_the_question(asked: Filled) -> None:
    shown = say("approvals", "show", QUESTION).stdout
    assert "Store order CC-100205" in shown
    assert "waits for its answer" in shown


def test_it_is_approved_by_name(asked: Filled) -> None:
    """OI-72: who approved is kept; the words say what goes on with it."""
    result = say("approvals", "approve", QUESTION, "--by", "Robin Office", "--json")
    said = read(result)
    assert result.exit_code == 0
    assert (said["status"], said["decided_by"]) == ("approved", "Robin Office")
    assert "order-to-invoice" in said["words"]
    [entry] = [each for each in read(say("audit", "--json"))["audit"] if each["record"] == "CC-100205"]
    assert (entry["process"], entry["event"]) == ("order-to-invoice", "answered: approved")


@pytest.mark.parametrize("option", [["--quantity", "1"], ["--branch", "601"], ["--part", "X"], ["--make", "WPL"]])
def test_there_is_no_part_to_choose(asked: Filled, option: list[str]) -> None:
    result = say("approvals", "approve", QUESTION, "--by", "Robin Office", *option, "--json")
    assert result.exit_code == 1
    assert read(result)["refused"] is True
    assert "as it stands" in result.stderr


def test_a_rejection_keeps_its_note(asked: Filled) -> None:
    assert say("approvals", "reject", QUESTION, "--by", "Robin Office", "--note", "buyer called").exit_code == 0
    shown = read(say("approvals", "show", QUESTION, "--json"))
    assert (shown["status"], shown["note"]) == ("rejected", "buyer called")


@dataclass
class Site:
    """The page, and a browser."""

    books: Books
    links: Links
    http: httpx.AsyncClient

    def path(self, row: ApprovalRow) -> str:
        return f"/approve/{self.links.token(row, 'Robin Office')}"

    async def send(self, row: ApprovalRow, **fields: str) -> httpx.Response:
        token = self.path(row).removeprefix("/approve/")
        return await self.http.post(self.path(row), data={"nonce": self.links.form_nonce(token), **fields})


@pytest.fixture
async def site(home: Home) -> AsyncIterator[Site]:
    settings = HouseSettings()
    with Books.open(settings.database) as books:
        transport = httpx.ASGITransport(build_app(books, settings), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as http:
            yield Site(books, page_links(settings), http)


async def test_the_page_shows_what_a_decision_needs(site: Site) -> None:
    """OI-69: what happened, what it concerns, what a yes does, what stays for the office."""
    reply = await site.http.get(site.path(await ask(site.books)))
    assert reply.status_code == 200
    said = text_of(reply)
    for words in [
        "For Robin Office", "CC-100205", "cancelled after sync: $56.60", "Job 4801 Scheduled, its invoice comes to $56.60",
        "Job 4801 is canceled.", "adjustment invoice over -$56.60", "The payment recorded in ServiceTitan stays as it is",
        "Look twice & think.",
    ]:  # fmt: skip
        assert words in said
    assert "<b>Odd</b>" in unescape(reply.text)
    assert "<b>Odd" not in reply.text
    assert "Quantity" not in reply.text


@pytest.mark.parametrize(
    ("decision", "title", "then"),
    [("approve", "approved", "it is carried out"), ("reject", "rejected", "the sale stays as it is")],
)
async def test_the_page_takes_the_answer(site: Site, decision: str, title: str, then: str) -> None:
    """OI-69, OI-72: through the same door as every answer, in the name on the link."""
    row = await ask(site.books)
    said = text_of(await site.send(row, decision=decision, note="as agreed"))
    assert f"Order CC-100205: {title}" in said
    assert then in said
    now = await site.books.approvals.get(row.id)
    assert now is not None
    assert (now.decided_by, now.decided_via, now.note) == ("Robin Office", "approval page", "as agreed")
    late = await site.send(row, decision="approve")
    assert late.status_code == 409


@pytest.mark.parametrize("fields", [{}, {"decision": "maybe"}, {"decision": "approve", "note": "x" * 501}])
async def test_a_form_that_cannot_be_read_changes_nothing(site: Site, fields: dict[str, str]) -> None:
    row = await ask(site.books)
    reply = await site.send(row, **fields)
    assert reply.status_code == 422
    assert "Not taken yet" in text_of(reply)
    now = await site.books.approvals.get(row.id)
    assert now is not None
    assert now.status == "requested"


async def test_a_replaced_question_says_so(site: Site) -> None:
    row = await ask(site.books)
    await ask(site.books, CHANGE.model_copy(update={"amount": Decimal("60.00")}))
    reply = await site.http.get(site.path(row))
    assert reply.status_code == 410
    assert "answer that one" in text_of(reply)
