"""PL-11, PL-20 to PL-26: the question reads well, and what came from elsewhere shows as it was written."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from decisions.questions import escape, form_choices, question_markdown
from decisions.words import one_line
from models.approval import Offer
from models.part import BranchStock
from tests.unit.parts import NOW, NOWHERE, candidate, diagnosed, job_view, offer_of

ZONE = ZoneInfo("America/Chicago")
RENDER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OUR_TAGS = {"h2", "p", "strong", "br", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}


class Page(HTMLParser):
    """What a reader sees, and the tags that make it."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.seen: list[str] = []
        self.feed(RENDER.render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.seen.append(data)

    @property
    def text(self) -> str:
        return one_line("".join(self.seen))


def ask(offer: Offer, **changes: object) -> str:
    facts: dict[str, object] = {
        "job": job_view(),
        "diagnosed": diagnosed("W10348269"),
        "expires_at": NOW + timedelta(hours=72),
        "zone": ZONE,
        **changes,
    }
    return question_markdown(offer, **facts)  # type: ignore[arg-type]


def test_the_question_has_everything_a_decision_needs() -> None:
    offer = offer_of(candidate(core_charge=Decimal(10)), quantity=2, asked="W10348269")
    page = Page(ask(offer, approvers=["Tess Tester"]))
    for words in [
        "Job 48213 - Pat Sample",
        "Diagnosed: W10348269 - pump, from estimate 8812, item 55.",
        "Whirlpool WDT780SAEM1",
        "W10348269 was replaced: W10348269 → WPW10348269.",
        "Order 2 of this part?",
        "$41.20",
        "$10.00",
        "$102.40",
        "601 Birmingham (suggested)",
        "901 St. Louis",
        "Ship to: Pat Sample, 12 Elm St, Birmingham, AL 35203",
        "Ship by: FedEx Ground",
        "quoted 2026-09-30 10:00 CDT",
        "No answer until 2026-10-03 10:00 CDT",
        "Only Tess Tester may answer.",
        "Core charge $10.00 each, refunded",
    ]:
        assert words in page.text, words
    assert page.tags == OUR_TAGS


def test_a_choice_names_every_part_and_suggests_none() -> None:
    page = Page(ask(offer_of(candidate(make="WPL"), candidate(make="GEH"))))
    assert "Which part should be ordered?" in page.text
    assert "Branches for WPW10348269 (WPL)" in page.text
    assert "Branches for WPW10348269 (GEH)" in page.text
    assert "WPW10348269 (WPL) (suggested)" not in page.text


def test_a_backorder_says_that_yes_accepts_the_wait() -> None:
    assert "approving it accepts the wait" in ask(offer_of(candidate(stock=NOWHERE)))
    assert "accepts the wait" not in ask(offer_of(candidate()))


def test_a_part_from_the_maker_has_no_table_of_branches() -> None:
    markdown = ask(offer_of(candidate(is_drop_ship_only=True, stock=())))
    assert "ships from the maker" in markdown
    assert "| Branch |" not in markdown


def test_a_question_asked_again_says_what_moved() -> None:
    page = Page(ask(offer_of(candidate()), because=["The price rose from $41.20 to $60.00 each."]))
    assert "The offer changed since it was approved" in page.text
    assert "The price rose from $41.20 to $60.00 each." in page.text


EVIL = [
    pytest.param("a | b | c", id="a table cell"),
    pytest.param("<script>alert(1)</script>", id="a script"),
    pytest.param('<img src=x onerror="alert(1)">', id="an image"),
    pytest.param("`code` ``` fence", id="code"),
    pytest.param("**bold** _it_ ~~gone~~", id="emphasis"),
    pytest.param("[click](javascript:alert(1))", id="a link"),
    pytest.param("![x](http://evil.example.com/x.png)", id="a remote image"),
    pytest.param("<http://evil.example.com>", id="an autolink"),
    pytest.param("&lt;b&gt; &amp; &#124;", id="entities"),
    pytest.param("\\| \\\\| trailing \\", id="backslashes"),
    pytest.param("# heading", id="a heading"),
    pytest.param("- list\n- list", id="a list"),
    pytest.param("1. one\n2) two", id="a numbered list"),
    pytest.param("a\n\n---\n\n| b |\n|---|", id="lines that start a new table"),
    pytest.param("> quote", id="a quote"),
    pytest.param("x\u202egnp.exe", id="text turned around"),
]


@pytest.mark.parametrize("evil", EVIL)
def test_foreign_text_shows_as_it_was_written_wherever_it_stands(evil: str) -> None:
    stock = (BranchStock(branch="601", name=evil, available=4, transit_days=1),)
    offer = offer_of(candidate("WPW10348269", description=evil, stock=stock), ship_method=evil)
    offer = offer.model_copy(update={"warnings": (evil,)})
    page = Page(
        ask(
            offer,
            job=job_view(evil),
            diagnosed=diagnosed(evil, description=evil, source=evil),
            approvers=[evil],
            because=[evil],
        )
    )
    assert page.tags <= OUR_TAGS, page.tags - OUR_TAGS
    assert page.text.count(one_line(evil)) >= 9


def unescaped_pipes(text: str) -> list[str]:
    return re.findall(r"(?<!\\)(?:\\\\)*\|", text)


@given(st.text(max_size=40))
def test_no_foreign_text_ever_adds_a_pipe_a_tag_or_a_line(text: str) -> None:
    escaped = escape(text)
    assert not unescaped_pipes(escaped)
    assert "\n" not in escaped
    assert "<" not in escaped
    page = Page(f"| a |\n| --- |\n| {escaped} |")
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.text == one_line(f"a {one_line(text)}")


@given(st.text(alphabet="ab1 |`*_[]()<>&\\#-+=.)~!:/w@\n", max_size=30))
def test_foreign_text_in_a_list_or_a_heading_stays_text(text: str) -> None:
    page = Page(f"- {escape(text)}\n\n## x {escape(text)}")
    assert page.tags <= {"ul", "li", "h2"}
    assert page.text == one_line(f"{one_line(text)} x {one_line(text)}")


@given(st.text(alphabet="ab|\\`<\n", max_size=12), st.text(alphabet="ab|\\`<\n", max_size=12))
def test_the_table_of_parts_has_five_columns_whatever_the_part_is_called(description: str, name: str) -> None:
    stock = (BranchStock(branch="601", name=name, available=1),)
    markdown = ask(offer_of(candidate(description=description, stock=stock)))
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert [len(unescaped_pipes(row)) for row in rows] == [6, 6, 6, 4, 4, 4]


def test_urls_in_foreign_text_are_not_linked_by_renderers_that_link_bare_ones() -> None:
    assert "http://" not in escape("see http://evil.example.com")
    assert "www." not in escape("see WWW.evil.example.com or www.evil.example.com")
    assert "\\@" in escape("pat@example.com")


def test_form_labels_read_well_and_lead_back() -> None:
    choices = form_choices(offer_of(candidate()))
    assert [each.label for each in choices.parts] == ["WPW10348269 (WPL) - $41.20 - Drain pump"]
    assert [each.label for each in choices.branches] == [
        "601 Birmingham - 4 in stock - 1 day",
        "901 St. Louis - 9 in stock - 4 days",
    ]
    part = choices.part_for(choices.parts[0].label)
    assert part is not None
    assert (part.make, part.number) == ("WPL", "WPW10348269")
    branch = choices.branch_for(choices.branches[1].label)
    assert branch is not None
    assert branch.branch == "901"
    assert choices.part_for("something else") is None
    assert choices.branch_for("") is None


def test_with_several_parts_a_branch_shows_its_stock_of_each() -> None:
    choices = form_choices(offer_of(candidate("8194001"), candidate("WP8524474", stock=NOWHERE), asked="8270018"))
    assert [each.label for each in choices.branches] == [
        "601 Birmingham - 4 x 8194001, 0 x WP8524474 - 1 day",
        "901 St. Louis - 9 x 8194001, 0 x WP8524474 - 4 days",
    ]


@given(
    st.lists(st.sampled_from(["A1234", "a-1234", "B5678"]), min_size=1, max_size=3),
    st.lists(st.sampled_from(["601", "6 01", "602", "60\u200b1"]), min_size=1, max_size=4, unique=True),
)
def test_every_label_is_its_own(numbers: list[str], branches: list[str]) -> None:
    stock = tuple(BranchStock(branch=branch, available=1) for branch in branches)
    offer = offer_of(*(candidate(number, stock=stock) for number in numbers), asked="OLD1")
    choices = form_choices(offer)
    assert len({each.label for each in choices.parts}) == len(offer.parts)
    assert len({each.label for each in choices.branches}) == len(branches)
    for choice in choices.branches:
        assert choices.branch_for(choice.label) == choice
