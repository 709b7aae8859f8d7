"""PL-10 to PL-16 and PL-24: which answers count, and exactly what they allow."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.answers import judge_answer, same_name
from decisions.part_numbers import same_part_number
from models.approval import Accepted, Answer, ApprovalStatus, Offer, OrderTerms, Refused
from models.part import BranchStock
from tests.unit.parts import BIRMINGHAM, HOME, NOW, NOWHERE, ST_LOUIS, candidate, offer_of

PLAIN = offer_of(candidate())
TWO_MAKES = offer_of(candidate(make="WPL"), candidate(make="GEH"))
TWO_PARTS = offer_of(candidate("8194001"), candidate("WP8524474"), asked="8270018")
BACKORDERED = offer_of(candidate(stock=NOWHERE))
FROM_MAKER = offer_of(candidate(is_drop_ship_only=True, stock=()))
NO_BRANCH = offer_of(candidate(stock=()))
LAST_ONES = offer_of(candidate(is_discontinued=True, stock=(BIRMINGHAM,)), quantity=9)
REPLACED = offer_of(candidate("EDR1RXD1"), asked="W10295370A")
TWINS = offer_of(candidate(stock=(BIRMINGHAM, BIRMINGHAM.model_copy(update={"branch": "602"}))))


def judge(offer: Offer, answer: Answer, **changes: object) -> Accepted | Refused:
    facts: dict[str, object] = {
        "status": ApprovalStatus.REQUESTED,
        "now": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "approvers": (),
        "tolerance": Decimal("0.05"),
        "max_quantity": 20,
        **changes,
    }
    return judge_answer(offer, answer, **facts)  # type: ignore[arg-type]


def yes(**changes: object) -> Answer:
    return Answer(**{"decision": "approve", "by": "Tess Tester", **changes})


def approved(verdict: Accepted | Refused) -> OrderTerms:
    assert isinstance(verdict, Accepted), verdict
    assert verdict.terms is not None
    return verdict.terms


def test_a_plain_yes_approves_exactly_what_was_suggested() -> None:
    assert approved(judge(PLAIN, yes())) == OrderTerms(
        make="WPL",
        part_number="WPW10348269",
        quantity=1,
        unit_price=Decimal("41.20"),
        price_ceiling=Decimal("43.26"),
        branch="601",
        ship_to=HOME,
        ship_method="FedEx Ground",
        accepts_backorder=False,
    )


def test_a_no_orders_nothing() -> None:
    assert judge(TWO_MAKES, Answer(decision="reject", by="Tess Tester")) == Accepted(terms=None)


@pytest.mark.parametrize(
    ("price", "ceiling"),
    [("41.20", "43.26"), ("0.10", "0.11"), ("10.10", "10.61"), ("0.05", "0.05")],
    ids=["exact cents", "half a cent rounds up", "half a cent rounds up again", "less than half rounds down"],
)
def test_the_ceiling_is_the_price_and_tolerance_rounded_half_up(price: str, ceiling: str) -> None:
    terms = approved(judge(offer_of(candidate(unit_price=Decimal(price))), yes()))
    assert terms.price_ceiling == Decimal(ceiling)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param(ApprovalStatus.APPROVED, "already answered by Al Other: approved", id="PL-14 approved before"),
        pytest.param(ApprovalStatus.REJECTED, "already answered by Al Other: rejected", id="rejected before"),
        pytest.param(ApprovalStatus.CONSUMED, "already ordered", id="ordered before"),
        pytest.param(ApprovalStatus.VOID, "withdrawn", id="an older question"),
        pytest.param(ApprovalStatus.EXPIRED, "expired on 2026-09-30 16:00 UTC", id="PL-15 expired"),
    ],
)
def test_a_closed_question_takes_no_answer(status: ApprovalStatus, said: str) -> None:
    verdict = judge(PLAIN, yes(), status=status, decided_by="Al Other")
    assert isinstance(verdict, Refused)
    assert said in verdict.why
    assert verdict.fix


def test_an_open_question_past_its_time_is_expired_to_the_second() -> None:
    verdict = judge(PLAIN, yes(), now=NOW + timedelta(hours=1))
    assert isinstance(verdict, Refused)
    assert "expired on 2026-09-30 16:00 UTC" in verdict.why
    approved(judge(PLAIN, yes(), now=NOW + timedelta(hours=1) - timedelta(seconds=1)))


@pytest.mark.parametrize(
    "by",
    [
        pytest.param("José Núñez", id="as assigned"),
        pytest.param("jose  nunez ", id="case, spacing and accents do not count"),
        pytest.param("JOSE\u0301 NUN\u0303EZ", id="accents written apart"),
    ],
)
def test_the_assigned_technician_may_answer_however_spelt(by: str) -> None:
    approved(judge(PLAIN, yes(by=by), approvers=["Tess Tester", "José Núñez"]))


@pytest.mark.parametrize(
    ("by", "approvers", "said"),
    [
        pytest.param("", (), "names nobody", id="nobody"),
        pytest.param(" \t", (), "names nobody", id="spaces"),
        pytest.param("\u200b", (), "names nobody", id="an invisible name"),
        pytest.param("Al Other", ("Tess Tester", "Bo Sample"), "Al Other may not", id="somebody else"),
        pytest.param("Tess", ("Tess Tester",), "Tess may not", id="half a name"),
        pytest.param("Tess Tester", ("",), "Nobody may answer", id="an empty list of names allows nobody"),
    ],
)
def test_others_may_not_answer(by: str, approvers: tuple[str, ...], said: str) -> None:
    for decision in ("approve", "reject"):
        verdict = judge(PLAIN, yes(by=by, decision=decision), approvers=approvers)
        assert isinstance(verdict, Refused)
        assert said in verdict.why
        assert verdict.fix


def test_a_refusal_lists_who_may_answer() -> None:
    verdict = judge(PLAIN, yes(by="Al Other"), approvers=["Tess Tester", "Bo Sample"])
    assert isinstance(verdict, Refused)
    assert verdict.fix == "It waits for Tess Tester or Bo Sample."


def test_names() -> None:
    assert same_name("O\u2019Brien", "o'brien")
    assert not same_name("", "")
    assert not same_name("Tess Tester", "Tess Toster")


@pytest.mark.parametrize(
    ("offer", "answer", "part"),
    [
        pytest.param(TWO_PARTS, yes(part_number="wp-8524474"), "WP8524474 (WPL)", id="by number, however written"),
        pytest.param(TWO_MAKES, yes(part_number="WPW10348269", make="geh"), "WPW10348269 (GEH)", id="number and make"),
        pytest.param(TWO_MAKES, yes(make="GEH"), "WPW10348269 (GEH)", id="the make alone, when it decides"),
        pytest.param(PLAIN, yes(part_number="WPW10348269"), "WPW10348269 (WPL)", id="the suggestion named again"),
    ],
)
def test_a_choice_that_names_one_offered_part_counts(offer: Offer, answer: Answer, part: str) -> None:
    terms = approved(judge(offer, answer))
    assert f"{terms.part_number} ({terms.make})" == part


@pytest.mark.parametrize(
    ("offer", "answer", "why", "fix"),
    [
        pytest.param(
            TWO_PARTS, yes(), "a choice to make", "8194001 (WPL) or WP8524474 (WPL)", id="PL-16 no choice made"
        ),
        pytest.param(TWO_MAKES, yes(part_number="WPW10348269"), "several", "number and make", id="PL-20 make missing"),
        pytest.param(TWO_PARTS, yes(make="WPL"), "several", "8194001", id="a make that does not decide"),
        pytest.param(PLAIN, yes(part_number="279838"), "279838 is not on offer", "WPW10348269", id="another part"),
        pytest.param(PLAIN, yes(make="GEH"), "GEH is not on offer", "WPW10348269 (WPL)", id="another make"),
        pytest.param(
            REPLACED, yes(part_number="W10295370A"), "was replaced by EDR1RXD1", "EDR1", id="PL-13 the old one"
        ),
    ],
)
def test_other_choices_are_refused_with_the_list(offer: Offer, answer: Answer, why: str, fix: str) -> None:
    verdict = judge(offer, answer)
    assert isinstance(verdict, Refused)
    assert why in verdict.why
    assert fix in verdict.fix


@pytest.mark.parametrize("quantity", [0, -1, 21])
def test_an_absurd_quantity_is_refused(quantity: int) -> None:
    verdict = judge(PLAIN, yes(quantity=quantity))
    assert isinstance(verdict, Refused)
    assert "1 to 20" in verdict.fix


@pytest.mark.parametrize(
    ("offer", "answer", "branch", "waits"),
    [
        pytest.param(PLAIN, yes(branch="901"), "901", False, id="by number"),
        pytest.param(PLAIN, yes(branch=" st. LOUIS"), "901", False, id="by name"),
        pytest.param(PLAIN, yes(branch="901 St. Louis"), "901", False, id="by number and name"),
        pytest.param(PLAIN, yes(quantity=5, branch="901"), "901", False, id="a larger quantity where there is one"),
        pytest.param(BACKORDERED, yes(), "601", True, id="a backorder that was shown may be accepted"),
        pytest.param(BACKORDERED, yes(branch="901"), "901", True, id="also at another branch"),
        pytest.param(FROM_MAKER, yes(), "", False, id="the maker has no branch"),
        pytest.param(LAST_ONES, yes(quantity=4), "601", False, id="what is left of a discontinued part"),
        pytest.param(TWINS, yes(branch="602"), "602", False, id="the number tells twins apart"),
    ],
)
def test_a_branch_that_was_shown_counts(offer: Offer, answer: Answer, branch: str, waits: bool) -> None:
    terms = approved(judge(offer, answer))
    assert (terms.branch, terms.accepts_backorder) == (branch, waits)


@pytest.mark.parametrize(
    ("offer", "answer", "why"),
    [
        pytest.param(PLAIN, yes(branch="777"), "777 is no branch", id="PL-24 a branch that was not shown"),
        pytest.param(PLAIN, yes(quantity=5), "601 Birmingham has fewer than 5", id="the suggested branch is short"),
        pytest.param(PLAIN, yes(quantity=5, branch="601"), "601 Birmingham has 4, not 5", id="the chosen one is short"),
        pytest.param(PLAIN, yes(quantity=15), "No branch has 15", id="nobody has so many, and that was not shown"),
        pytest.param(LAST_ONES, yes(), "No branch has 9", id="a discontinued part cannot be waited for"),
        pytest.param(FROM_MAKER, yes(branch="601"), "ships from the maker", id="a branch for the maker's part"),
        pytest.param(NO_BRANCH, yes(), "No branch lists", id="no branch to order from"),
        pytest.param(TWINS, yes(branch="Birmingham"), "several branches", id="a name two branches share"),
    ],
)
def test_other_branches_are_refused(offer: Offer, answer: Answer, why: str) -> None:
    verdict = judge(offer, answer)
    assert isinstance(verdict, Refused)
    assert why in verdict.why
    assert verdict.fix


OFFERS = [PLAIN, TWO_MAKES, TWO_PARTS, BACKORDERED, FROM_MAKER, NO_BRANCH, LAST_ONES, REPLACED, TWINS]
answers = st.builds(
    Answer,
    decision=st.sampled_from(["approve", "reject"]),
    by=st.sampled_from(["Tess Tester", "", "Al Other"]),
    part_number=st.sampled_from(["", "WPW10348269", "8194001", "wp8524474", "W10295370A", "EDR1RXD1", "279838"]),
    make=st.sampled_from(["", "WPL", "geh", "SAM"]),
    quantity=st.one_of(st.none(), st.integers(-2, 30)),
    branch=st.sampled_from(["", "601", "602", "901", "Birmingham", "st. louis", "777"]),
)


@given(
    st.sampled_from(OFFERS),
    answers,
    st.sampled_from(ApprovalStatus),
    st.sampled_from([(), ("Tess Tester",)]),
    st.integers(-2, 2),
)
def test_no_answer_ever_approves_what_the_question_did_not_offer(
    offer: Offer, answer: Answer, status: ApprovalStatus, approvers: tuple[str, ...], hours_late: int
) -> None:
    verdict = judge(offer, answer, status=status, approvers=approvers, now=NOW + timedelta(hours=hours_late))
    if isinstance(verdict, Refused):
        assert verdict.why
        assert verdict.fix
        return
    assert status is ApprovalStatus.REQUESTED
    assert hours_late < 1
    assert answer.by == "Tess Tester" or (answer.by and not approvers)
    terms = verdict.terms
    assert (terms is None) == (answer.decision == "reject")
    if terms is None:
        return
    [part] = [each for each in offer.parts if (each.part.number, each.part.make) == (terms.part_number, terms.make)]
    assert answer.part_number or answer.make or not offer.must_choose
    assert not answer.part_number or same_part_number(answer.part_number, terms.part_number)
    assert terms.unit_price == part.unit_price <= terms.price_ceiling
    assert (terms.ship_to, terms.ship_method) == (offer.ship_to, offer.ship_method)
    assert terms.quantity == (offer.quantity if answer.quantity is None else answer.quantity)
    assert 1 <= terms.quantity <= 20
    shown = {row.branch: row for row in part.branches}
    row: BranchStock | None = shown.get(terms.branch)
    assert row is not None or not shown
    if row is not None:
        assert terms.accepts_backorder == (row.available < terms.quantity)
        assert part.is_backordered or not terms.accepts_backorder


def test_the_suggestion_is_the_best_branch_of_the_best_part() -> None:
    offer = offer_of(candidate(stock=(ST_LOUIS, BIRMINGHAM)))
    assert approved(judge(offer, yes())).branch == "601"
