"""The approval page: one person, one question, one answer; and nothing for anybody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import httpx
import pytest

from deployments.home import Home
from deployments.web.app import build_app
from models.approval import Accepted, Answer, Offer, OfferedPart, Refused
from models.base import ApprovalId, RequestId, utc_now
from models.job import Appliance, DiagnosedPart
from models.part import PartRef
from models.settings import HouseSettings
from models.shop import load_shop
from models.tables import ApprovalRow
from store import Books
from tasks.approvals import answer_question
from tasks.links import Links, page_links
from tests.deployments.conftest import _part, an_offer
from tests.questions import ask

DANA, LUIS = "Dana Whitfield", "Luis Ortega"
HOST = "approve.example.com"


@dataclass
class Site:
    """The page over a ledger of its own, and a browser that opens it."""

    books: Books
    links: Links
    http: httpx.AsyncClient

    async def ask(self, offer: Offer | None = None, *, hours: float = 72, customer: str = "Ann Example") -> ApprovalRow:
        diagnosed = _part("48213", "W10348269").model_copy(
            update={
                "description": "pump <b>loud</b>",
                "appliance": Appliance(manufacturer="Whirlpool", model="WDT780SAEM1"),
            }
        )
        return await self.ask_about(diagnosed, offer, hours=hours, customer=customer)

    async def ask_about(
        self, diagnosed: DiagnosedPart, offer: Offer | None, *, hours: float, customer: str
    ) -> ApprovalRow:
        request, _ = await self.books.requests.register("demo", diagnosed, utc_now())
        await self.books.requests.update(request.id, customer_name=customer)
        return await ask(
            self.books,
            request.id,
            offer=offer or an_offer(),
            question="# The question",
            approvers=[DANA, LUIS],
            expires_after=timedelta(hours=hours),
            now=utc_now(),
        )

    def path(self, row: ApprovalRow, name: str = DANA) -> str:
        return f"/approve/{self.links.token(row, name)}"

    async def send(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        nonce = self.links.form_nonce(path.removeprefix("/approve/"))
        return await self.http.post(path, data={"nonce": nonce, **fields}, headers=headers)

    async def now(self, row: ApprovalRow) -> ApprovalRow:
        found = await self.books.approvals.get(ApprovalId(row.id))
        assert found is not None
        return found


@pytest.fixture
async def site(home: Home) -> AsyncIterator[Site]:
    settings = HouseSettings()
    with Books.open(settings.database) as books:
        app = build_app(books, settings)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as http:
            yield Site(books, page_links(settings), http)


def text_of(reply: httpx.Response) -> str:
    """The page as it is read, on one line."""
    bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", reply.text, flags=re.DOTALL)
    return " ".join(unescape(bare).split())


def two_parts(*, must_choose: bool) -> Offer:
    first = an_offer().parts[0]
    other = OfferedPart(
        part=PartRef(make="GEH", number="WPW10348269", description="Harness"),
        unit_price=first.unit_price * 2,
        path=("W10348269", "WPW10348269"),
        branches=first.branches[1:],
        warnings=("Hazardous: ground only.",),
    )
    return an_offer().model_copy(update={"parts": (first, other), "must_choose": must_choose})


# --- reading -------------------------------------------------------------------------------------------------


async def test_the_page_shows_what_a_decision_needs(site: Site) -> None:
    row = await site.ask()
    reply = await site.http.get(site.path(row))
    assert reply.status_code == 200
    said = text_of(reply)
    for words in [
        "For Dana Whitfield", "Order this part?", "Job 48213 , Ann Example", "WPW10348269 (WPL)", "PUMP, DISHWASHER DRAIN",
        "$41.20 each", "$41.20 for 1", "601 Birmingham suggested 6 in stock · 1 day", "602 Atlanta 9 in stock · 2 days",
        "412 Cahaba Trace, Birmingham, AL 35209", "FedEx Ground", "Whirlpool WDT780SAEM1", "W10348269 - pump",
    ]:  # fmt: skip
        assert words in said
    assert re.search(r"Answer until \w+day, \w+ \d+(, \d{4})?, \d\d:\d\d C[SD]T", said)
    assert "<script" not in reply.text


async def test_to_look_changes_nothing(site: Site) -> None:
    """Mail scanners open links, and answer nothing by it."""
    row = await site.ask()
    before = row.model_dump()
    for path in (site.path(row), f"{site.path(row)}?decision=approve"):
        assert (await site.http.get(path)).status_code == 200
        assert (await site.http.head(path)).status_code == 405
    assert (await site.now(row)).model_dump() == before
    assert await site.books.audit.list() == []


async def test_text_of_others_is_shown_as_written(site: Site) -> None:
    row = await site.ask(customer='<script>alert(1)</script> & "Sons"')
    reply = await site.http.get(site.path(row))
    assert '<script>alert(1)</script> & "Sons"' in unescape(reply.text)
    assert "pump <b>loud</b>" in unescape(reply.text)
    assert "<script" not in reply.text
    assert "<b>loud" not in reply.text


async def test_the_address_stays_secret_and_nothing_foreign_loads(site: Site) -> None:
    row = await site.ask()
    for reply in (
        await site.http.get(site.path(row)), await site.http.get("/approve/x"), await site.http.get("/"),
        await site.send(site.path(row), decision="reject"),
    ):  # fmt: skip
        policy = reply.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["referrer-policy"] == "same-origin"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-frame-options"] == "DENY"
        assert "set-cookie" not in reply.headers


async def test_a_question_that_moved_says_what_moved(site: Site) -> None:
    first = await site.ask()
    await site.books.approvals.void(first.id, "The price rose from $41.20 to $52.00.")
    second = await site.ask()
    assert second.revision == 2
    assert "The price rose from $41.20 to $52.00." in text_of(await site.http.get(site.path(second)))


# --- answering -----------------------------------------------------------------------------------------------


async def test_approve(site: Site) -> None:
    row = await site.ask()
    reply = await site.send(
        site.path(row), {"origin": f"https://{HOST}", "sec-fetch-site": "same-origin"},
        decision="approve", branch="602", quantity="2", note="Bring <two>\nplease",
    )  # fmt: skip
    assert reply.status_code == 200
    said = text_of(reply)
    assert "Job 48213: approved" in said
    assert "2 x WPW10348269 (WPL) from 602 Atlanta, $41.20 each, $82.40 in all" in said
    assert "looked up once more" in said
    row = await site.now(row)
    assert (row.status, row.decided_by, row.decided_via, row.note) == (
        "approved", DANA, "approval page", "Bring <two>\nplease",
    )  # fmt: skip
    assert row.terms is not None
    assert (row.terms["branch"], row.terms["quantity"]) == ("602", 2)
    [entry] = await site.books.audit.list()
    assert (entry.event, entry.actor) == ("answered: approved", DANA)


async def test_reject(site: Site) -> None:
    row = await site.ask()
    reply = await site.send(site.path(row), decision="reject", quantity="nonsense", note="Bought a new one.")
    assert reply.status_code == 200
    assert "Nothing is ordered." in text_of(reply)
    row = await site.now(row)
    assert (row.status, row.decided_by, row.note, row.terms) == ("rejected", DANA, "Bought a new one.", None)


async def test_the_page_never_chooses_for_a_person_who_must(site: Site) -> None:
    row = await site.ask(two_parts(must_choose=True))
    path = site.path(row)
    shown = await site.http.get(path)
    assert "Which part should be ordered?" in text_of(shown)
    assert not re.search(r'name="part"[^>]* checked', shown.text)
    refused = await site.send(path, decision="approve", branch="602", note="keep me")
    assert refused.status_code == 422
    assert "Not taken yet: There is a choice to make" in text_of(refused)
    assert re.search(r'name="branch" value="602" checked', refused.text)
    assert ">keep me</textarea>" in refused.text
    assert (await site.now(row)).status == "requested"
    taken = await site.send(path, decision="approve", part="1", branch="")
    assert "1 x WPW10348269 (GEH) from 602 Atlanta, $82.40 each" in text_of(taken)
    assert ((await site.now(row)).terms or {})["make"] == "GEH"


async def test_a_suggested_part_is_chosen_before_and_says_so(site: Site) -> None:
    row = await site.ask(two_parts(must_choose=False))
    shown = await site.http.get(site.path(row))
    assert re.search(r'name="part" value="0" checked', shown.text)
    said = text_of(shown)
    assert "Replaced: W10348269 → WPW10348269" in said
    assert "Hazardous: ground only." in said
    await site.send(site.path(row), decision="approve", part="0", branch="")
    assert ((await site.now(row)).terms or {})["make"] == "WPL"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"quantity": "21"}, "A quantity of 21 cannot be approved.", id="above the shop's limit"),
        pytest.param({"quantity": "7"}, "601 Birmingham has 6, not 7.", id="more than the branch has"),
        pytest.param({"quantity": "0"}, "A quantity of 0 cannot be approved.", id="none"),
        pytest.param({"quantity": "-1"}, "not a whole number", id="less than none"),
        pytest.param({"quantity": "1.5"}, "not a whole number", id="a half"),
        pytest.param({"quantity": "9" * 5000}, "not a whole number", id="endless"),
        pytest.param({"branch": "999"}, "999 is no branch on offer", id="a branch nobody offered"),
        pytest.param({"part": "7"}, "That part is not on offer.", id="a part nobody offered"),
        pytest.param({"note": "x" * 501}, "The note is too long.", id="a novel"),
        pytest.param({"decision": ""}, "without a decision", id="no decision"),
        pytest.param({"decision": "maybe"}, "without a decision", id="a strange decision"),
    ],
)
async def test_what_cannot_be_taken_is_said_and_the_form_stays(site: Site, fields: dict[str, str], why: str) -> None:
    row = await site.ask()
    reply = await site.send(site.path(row), **{"decision": "approve", "branch": "601", **fields})
    assert reply.status_code == 422
    assert why in text_of(reply)
    assert "Approve" in text_of(reply)
    assert (await site.now(row)).status == "requested"


async def test_signs_a_database_cannot_keep_are_left_out_of_the_note(site: Site) -> None:
    row = await site.ask()
    await site.send(site.path(row), decision="reject", note="a\0b\x1b[2J")
    assert (await site.now(row)).note == "ab[2J"


# --- too late ------------------------------------------------------------------------------------------------


async def test_somebody_else_was_first(site: Site) -> None:
    row = await site.ask()
    await site.http.get(site.path(row))
    shop = load_shop("demo", HouseSettings().shops)
    outcome = await answer_question(site.books, shop, row.id, Answer(decision="reject", by=LUIS, via="command line"))
    assert not isinstance(outcome, Refused)
    reply = await site.send(site.path(row), decision="approve")
    assert reply.status_code == 409
    assert "Your answer was not taken" in text_of(reply)
    assert re.search(r"Rejected by Luis Ortega on \w+day, ", text_of(reply))
    looked = await site.http.get(site.path(row))
    assert looked.status_code == 200
    assert "Rejected by Luis Ortega" in text_of(looked)
    assert "<form" not in looked.text
    assert (await site.now(row)).status == "rejected"


async def test_pressed_twice_is_one_answer(site: Site) -> None:
    row = await site.ask()
    first = await site.send(site.path(row), decision="approve")
    second = await site.send(site.path(row), decision="reject")
    assert (first.status_code, second.status_code) == (200, 409)
    assert "Approved by Dana Whitfield" in text_of(second)
    assert (await site.now(row)).decision == "approve"


async def test_an_expired_question_takes_no_answer(site: Site) -> None:
    row = await site.ask(hours=-1)
    for reply in (await site.http.get(site.path(row)), await site.send(site.path(row), decision="approve")):
        assert reply.status_code == 410
        assert "too late to answer" in text_of(reply)
        assert "<form" not in reply.text
    assert (await site.now(row)).status == "requested"


async def test_a_replaced_question_sends_on_to_the_newer_one(site: Site) -> None:
    first = await site.ask()
    await site.books.approvals.answer(ApprovalId(first.id), Accepted(terms=None), by=DANA, via="x", now=utc_now())
    second = await site.ask(two_parts(must_choose=True))
    reply = await site.send(site.path(first), decision="approve")
    assert reply.status_code == 409
    assert "A newer question was asked" in text_of(reply)
    third = await site.ask()
    gone = await site.http.get(site.path(second))
    assert gone.status_code == 410
    assert "withdrawn" in text_of(gone)
    assert (await site.now(third)).status == "requested"


# --- for nobody else -----------------------------------------------------------------------------------------


async def test_a_link_that_is_not_good_shows_one_plain_page(site: Site) -> None:
    row = await site.ask()
    good = site.links.token(row, DANA)
    moved_on = row.model_copy(update={"id": f"{row.request_id}-r2"})
    other_nonce = ApprovalRow(**{**row.model_dump(), "nonce": "n"})
    stranger = Links("", b"some other house's secret")
    pages = []
    for token in (
        good[:-1], good[1:], good.swapcase(), "x", "%00", "ü", good + "A", stranger.token(row, DANA),
        site.links.token(moved_on, DANA), site.links.token(other_nonce, DANA), site.links.token(row, "Eve Elsewhere"),
    ):  # fmt: skip
        for reply in (
            await site.http.get(f"/approve/{token}"),
            await site.http.post(f"/approve/{token}", data={"decision": "approve", "nonce": "x"}),
        ):
            assert reply.status_code == 404
            pages.append(reply.text)
    assert len(set(pages)) == 1
    assert "48213" not in pages[0]
    assert (await site.now(row)).status == "requested"


async def test_nothing_else_is_served(site: Site) -> None:
    for path in ("/", "/approve", "/approve/", "/docs", "/redoc", "/openapi.json", "/favicon.ico", "/health/x"):
        assert (await site.http.get(path)).status_code == 404
    assert (await site.http.get("/health")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "https://evil.example.com"}, id="another origin"),
        pytest.param({"origin": "null"}, id="an origin that hides"),
        pytest.param({"referer": "https://evil.example.com/x"}, id="another referer"),
        pytest.param({"origin": f"https://{HOST}.evil.example.com"}, id="a look-alike"),
        pytest.param({"origin": f"https://{HOST}", "sec-fetch-site": "cross-site"}, id="the browser says cross-site"),
    ],
)
async def test_a_form_from_another_site_is_refused(site: Site, headers: dict[str, str]) -> None:
    row = await site.ask()
    reply = await site.send(site.path(row), headers, decision="approve")
    assert reply.status_code == 403
    assert (await site.now(row)).status == "requested"


async def test_a_post_that_is_not_the_pages_form_is_refused(site: Site) -> None:
    row = await site.ask()
    path = site.path(row)
    of_luis = site.links.form_nonce(site.links.token(row, LUIS))
    for fields in ({}, {"nonce": ""}, {"nonce": of_luis}):
        assert (await site.http.post(path, data={"decision": "approve", **fields})).status_code == 403
    nonce = site.links.form_nonce(path.removeprefix("/approve/"))
    assert (await site.http.post(path, json={"decision": "approve", "nonce": nonce})).status_code == 403
    big = await site.http.post(path, data={"decision": "approve", "nonce": nonce, "note": "x" * 20_000})
    assert big.status_code == 413
    assert (await site.now(row)).status == "requested"


async def test_a_house_at_fault_says_what_to_do(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    row = await site.ask()
    (HouseSettings().shops / "demo.toml").unlink()
    reply = await site.http.get(site.path(row))
    assert reply.status_code == 503
    assert "demo" not in reply.text

    async def broken(_id: RequestId) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(site.books.approvals, "get", broken)
    reply = await site.http.get(site.path(row))
    assert reply.status_code == 500
    assert "secret detail" not in reply.text
    assert "no-store" in reply.headers["cache-control"]
