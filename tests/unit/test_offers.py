"""PL-12, PL-13, PL-23 to PL-26: what is offered, what is warned of, and when an approved offer no longer holds."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.chain import NoLongerAvailable
from decisions.offers import Moved, Unchanged, moved, ships_from_maker
from models.address import Address
from models.approval import Offer, OrderTerms
from models.job import Appliance
from models.part import BranchStock, Candidate
from tests.unit.parts import BIRMINGHAM, HOME, NOW, NOWHERE, ST_LOUIS, FakeDistributor, candidate, offer_of, resolved

TOLERANCE = Decimal("0.05")
UNKNOWN_DAYS = BranchStock(branch="333", name="Memphis", available=50, transit_days=None)
AS_NEAR = BranchStock(branch="700", name="Atlanta", available=7, transit_days=1)


def terms(**changes: object) -> OrderTerms:
    facts: dict[str, object] = {
        "make": "WPL",
        "part_number": "WPW10348269",
        "quantity": 1,
        "unit_price": Decimal("41.20"),
        "price_ceiling": Decimal("43.26"),
        "branch": "601",
        "ship_to": HOME,
        "ship_method": "FedEx Ground",
        **changes,
    }
    return OrderTerms(**facts)


def warnings_of(offer: Offer) -> str:
    return " | ".join([*offer.warnings, *offer.parts[0].warnings])


@pytest.mark.parametrize(
    ("stock", "quantity", "order"),
    [
        pytest.param([ST_LOUIS, BIRMINGHAM], 1, ["601", "901"], id="the near branch first"),
        pytest.param(
            [BIRMINGHAM, ST_LOUIS], 5, ["901", "601"], id="a branch that has the quantity before a nearer one"
        ),
        pytest.param([UNKNOWN_DAYS, ST_LOUIS], 1, ["901", "333"], id="unknown days last"),
        pytest.param([BIRMINGHAM, AS_NEAR], 1, ["700", "601"], id="equally near: the fuller one"),
        pytest.param(
            [BIRMINGHAM.model_copy(update={"branch": "602"}), BIRMINGHAM], 1, ["601", "602"], id="all alike: by number"
        ),
    ],
)
def test_branches_are_shown_best_first(stock: list[BranchStock], quantity: int, order: list[str]) -> None:
    offer = offer_of(candidate(stock=tuple(stock)), quantity=quantity)
    assert [row.branch for row in offer.parts[0].branches] == order


def test_a_branch_that_cannot_ship_as_wanted_comes_after_one_that_can() -> None:
    methods = {"601": ["UPS Ground"], "901": ["fedex  ground"]}
    offer = offer_of(candidate(), methods_by_branch=methods)
    assert [row.branch for row in offer.parts[0].branches] == ["901", "601"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(
            candidate(stock=(BIRMINGHAM.model_copy(update={"available": 0}), ST_LOUIS)),
            "601 Birmingham, 1 day away, has none; suggested 901 St. Louis, 4 days.",
            id="PL-23 the nearest branch has none",
        ),
        pytest.param(candidate(stock=NOWHERE), "No branch has it now", id="PL-26 backordered everywhere"),
        pytest.param(candidate(is_discontinued=True), "Discontinued", id="discontinued"),
        pytest.param(candidate(is_drop_ship_only=True, stock=()), "Ships from the maker", id="drop ship only"),
        pytest.param(candidate(is_hazmat=True), "Hazardous", id="hazardous"),
        pytest.param(candidate(is_oversize=True), "Oversize", id="oversize"),
        pytest.param(candidate(core_charge=Decimal(25)), "Core charge $25.00 each, refunded", id="core charge"),
        pytest.param(candidate(stock=()), "No branch lists", id="no branch at all"),
    ],
)
def test_what_matters_is_said_before_the_approval(found: Candidate, said: str) -> None:
    assert said in warnings_of(offer_of(found))


def test_a_plain_offer_warns_of_nothing() -> None:
    assert warnings_of(offer_of(candidate())) == ""


def test_a_near_branch_that_has_some_is_told_apart_from_one_that_has_none() -> None:
    assert "has 4 of 6" in warnings_of(offer_of(candidate(), quantity=6))


def test_enough_in_all_but_not_at_one_branch_is_a_backorder_and_says_so() -> None:
    offer = offer_of(candidate(), quantity=12)
    assert offer.parts[0].is_backordered
    assert "No branch has 12: the most is 9 at one branch, 13 in all" in warnings_of(offer)


def test_a_discontinued_part_is_never_called_backordered() -> None:
    offer = offer_of(candidate(is_discontinued=True), quantity=12)
    assert not offer.parts[0].is_backordered
    assert "the rest will never come" in warnings_of(offer)


def test_a_job_without_a_model_number_is_pointed_out() -> None:
    assert "no model number" in warnings_of(offer_of(candidate(), appliance=Appliance()))


def test_the_replaced_number_and_its_path_are_shown() -> None:
    offer = offer_of(candidate("WPW10348269"), asked="W10348269")
    assert offer.parts[0].path == ("W10348269", "WPW10348269")
    assert "W10348269 was replaced: W10348269 → WPW10348269." in warnings_of(offer)


def test_a_method_the_suggested_branch_lacks_is_said() -> None:
    offer = offer_of(candidate(stock=(BIRMINGHAM,)), methods_by_branch={"601": ["UPS Ground", "LTL"]})
    assert "601 Birmingham does not ship by FedEx Ground; it offers UPS Ground and LTL." in warnings_of(offer)


def test_parts_from_the_maker_have_no_branch() -> None:
    offer = offer_of(candidate(is_drop_ship_only=True, stock=NOWHERE))
    assert offer.parts[0].branches == ()
    assert ships_from_maker(offer.parts[0])


def test_the_offer_is_as_old_as_its_oldest_quote() -> None:
    older = NOW - timedelta(minutes=5)
    offer = offer_of(candidate(make="WPL"), candidate(make="GEH", quoted_at=older))
    assert offer.must_choose
    assert offer.quoted_at == older
    assert offer.warnings[0].startswith("Choose the part:")


def test_a_fresh_quote_that_says_the_same_changes_nothing() -> None:
    assert moved(terms(), offer_of(candidate()), TOLERANCE, methods=["FedEx Ground"]) == Unchanged()


@pytest.mark.parametrize(
    ("price", "holds"),
    [
        pytest.param("43.26", True, id="up to the ceiling"),
        pytest.param("43.27", False, id="a cent above it"),
        pytest.param("39.14", True, id="down within tolerance"),
        pytest.param("39.13", False, id="down beyond it"),
    ],
)
def test_a_price_holds_within_tolerance_both_ways(price: str, holds: bool) -> None:
    verdict = moved(terms(), offer_of(candidate(unit_price=Decimal(price))), TOLERANCE)
    if holds:
        assert verdict == Unchanged()
    else:
        assert isinstance(verdict, Moved)
        assert f"from $41.20 to ${price}" in verdict.reasons[0]


ELSEWHERE = Address(street="9 Oak Ave", city="Birmingham", state="AL", zip="35203")
FULL = ST_LOUIS.model_copy(update={"branch": "601"})


@pytest.mark.parametrize(
    ("approved", "fresh", "methods", "said"),
    [
        pytest.param(
            terms(), offer_of(candidate("WPW99", stock=(BIRMINGHAM,)), asked="WPW10348269"), None, "WPW99 (WPL)",
            id="the part was replaced meanwhile",
        ),
        pytest.param(
            terms(), offer_of(candidate(make="GEH")), None, "not on offer any more", id="the number is another make's now"
        ),
        pytest.param(
            terms(quantity=5), offer_of(candidate(), quantity=5), None, "now has 4", id="the branch ran short"
        ),
        pytest.param(
            terms(), offer_of(candidate(stock=(ST_LOUIS,))), None, "Branch 601 no longer lists", id="the branch is gone"
        ),
        pytest.param(
            terms(), offer_of(candidate(), ship_to=ELSEWHERE), None, "is now 9 Oak Ave", id="the address changed"
        ),
        pytest.param(
            terms(), offer_of(candidate()), ["UPS Ground"], "no longer ships by FedEx Ground; it offers UPS Ground",
            id="the method is no longer offered",
        ),
        pytest.param(
            terms(), offer_of(candidate(), ship_method="LTL"), None, "is now LTL", id="the shop's method changed"
        ),
        pytest.param(
            terms(branch=""), offer_of(candidate()), None, "no longer ships from the maker", id="maker no longer ships"
        ),
        pytest.param(
            terms(), NoLongerAvailable(("WPW10348269",), "It is gone.", "-"), None, "It is gone", id="gone altogether"
        ),
    ],
)  # fmt: skip
def test_whatever_moved_voids_the_approval_in_words(
    approved: OrderTerms, fresh: Offer | NoLongerAvailable, methods: list[str] | None, said: str
) -> None:
    verdict = moved(approved, fresh, TOLERANCE, methods=methods)
    assert isinstance(verdict, Moved)
    assert said in " ".join(verdict.reasons)


@pytest.mark.parametrize(
    ("approved", "fresh"),
    [
        pytest.param(
            terms(accepts_backorder=True), offer_of(candidate(stock=NOWHERE)), id="an accepted backorder still waits"
        ),
        pytest.param(
            terms(branch=""), offer_of(candidate(is_drop_ship_only=True, stock=())), id="the maker still ships it"
        ),
        pytest.param(
            terms(),
            offer_of(candidate(), ship_to=HOME.model_copy(update={"street": "12  ELM st", "name": "P. Sample"})),
            id="the same door, written otherwise",
        ),
        pytest.param(terms(), offer_of(candidate(stock=(FULL,))), id="more stock than before"),
    ],
)
def test_what_did_not_matter_leaves_the_approval_alone(approved: OrderTerms, fresh: Offer) -> None:
    assert moved(approved, fresh, TOLERANCE) == Unchanged()


def test_old_stock_that_was_approved_still_holds_when_its_replacement_is_suggested() -> None:
    old = candidate("WPW10348269", is_discontinued=True, replaced_by=["WPW99"])
    found = resolved(FakeDistributor(old, candidate("WPW99")), "WPW10348269")
    assert found.choices[0].candidate.part.number == "WPW99"
    assert moved(terms(), offer_of(old), TOLERANCE) == Unchanged()


rows = st.builds(
    BranchStock,
    branch=st.sampled_from(["101", "202", "303", "404"]),
    available=st.integers(-1, 9),
    transit_days=st.one_of(st.none(), st.integers(0, 9)),
)


@given(st.lists(rows, max_size=4, unique_by=lambda row: row.branch), st.integers(1, 9))
def test_a_branch_is_suggested_only_if_none_better_exists(stock: list[BranchStock], quantity: int) -> None:
    part = offer_of(candidate(stock=tuple(stock)), quantity=quantity).parts[0]
    assert sorted(part.branches, key=str) == sorted(stock, key=str)
    enough = [row for row in stock if row.available >= quantity]
    assert part.is_backordered == (not enough)
    if enough:
        first = part.branches[0]
        assert first.available >= quantity
        known = [row.transit_days for row in enough if row.transit_days is not None]
        assert first.transit_days == (min(known) if known else None)
