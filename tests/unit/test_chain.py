"""PL-13, PL-16, PL-19 to PL-22: an old number is followed to what can be ordered, and no choice is made for anyone."""

from __future__ import annotations

import csv
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.chain import MAX_HOPS, MAX_LOOKUPS, Lookup, NoLongerAvailable, NotFound, Resolved, Tangled, next_step
from decisions.part_numbers import normalise
from models.part import Candidate, PartRef
from tests.unit.parts import NEAR_AND_FAR, NOWHERE, FakeDistributor, candidate, resolved

REPOSITORY = Path(__file__).parents[2]
CATALOGUE = (
    Path(os.environ.get("TRUCKROLL_CONTRACTS", REPOSITORY.parent / "shared" / "contracts"))
    / "marcone"
    / "parts-catalog.csv"
)


def numbers(found: Resolved) -> list[str]:
    return [choice.candidate.part.number for choice in found.choices]


def gone(number: str, *replaced_by: str | PartRef, make: str = "WPL") -> Candidate:
    return candidate(number, make, is_discontinued=True, stock=NOWHERE, replaced_by=replaced_by)


def test_a_current_number_is_one_lookup_and_no_choice() -> None:
    shop = FakeDistributor(candidate("279838"))
    found = resolved(shop, "279838")
    assert numbers(found) == ["279838"]
    assert found.choices[0].path == ("279838",)
    assert not found.must_choose
    assert shop.asked == [Lookup("279838")]


def test_replacements_of_a_part_that_is_sold_today_are_ignored() -> None:
    shop = FakeDistributor(candidate("279838", replaced_by=["WP279838"]))
    assert numbers(resolved(shop, "279838")) == ["279838"]
    assert shop.asked == [Lookup("279838")]


def test_spellings_are_tried_until_one_is_known() -> None:
    shop = FakeDistributor(candidate("WPW10348269"))
    assert numbers(resolved(shop, "WPW10348269VP", "WPW10348269")) == ["WPW10348269"]


def test_a_number_the_distributor_resolves_itself_shows_the_path() -> None:
    shop = FakeDistributor(also={"W10348269": (candidate("WPW10348269"),)})
    assert resolved(shop, "W10348269").choices[0].path == ("W10348269", "WPW10348269")


def test_bosch_zeros_are_no_replacement() -> None:
    shop = FakeDistributor(candidate("00165314", "BSH"))
    assert resolved(shop, "165314").choices[0].path == ("00165314",)


def test_a_chain_of_several_hops_is_followed_and_its_path_shown() -> None:
    path = ["W10524469", "WPW10524469", "W11425053", "W11498831", "W11768590"]
    old = [gone(number, after) for number, after in pairwise(path)]
    found = resolved(FakeDistributor(*old, candidate(path[-1])), path[0])
    assert [choice.path for choice in found.choices] == [tuple(path)]
    assert not found.must_choose


def test_a_replacement_of_another_make_is_followed_and_said() -> None:
    shop = FakeDistributor(
        gone("WR02X12650", PartRef(make="SAM", number="DA81-01345B"), make="GEH"), candidate("DA81-01345B", "SAM")
    )
    found = resolved(shop, "WR02X12650")
    assert found.choices[0].candidate.part.make == "SAM"
    assert any("Another make" in warning for warning in found.choices[0].warnings)
    assert shop.asked[-1] == Lookup("DA81-01345B", "SAM")


def test_several_replacements_are_a_choice_among_all_of_them() -> None:
    shop = FakeDistributor(gone("8270018", "8194001", "WP8524474"), candidate("8194001"), candidate("WP8524474"))
    found = resolved(shop, "8270018")
    assert numbers(found) == ["8194001", "WP8524474"]
    assert found.must_choose
    assert "8270018 has 2 replacements" in found.because


def test_the_survivor_of_several_replacements_is_still_not_chosen_for_anyone() -> None:
    found = resolved(FakeDistributor(gone("8270018", "8194001", "WP8524474"), candidate("8194001")), "8270018")
    assert numbers(found) == ["8194001"]
    assert found.must_choose
    assert any("WP8524474" in warning for warning in found.warnings)


def test_two_ways_to_one_part_are_one_choice() -> None:
    shop = FakeDistributor(gone("A100", "A200", "A300"), gone("A200", "A300"), candidate("A300"))
    found = resolved(shop, "A100")
    assert numbers(found) == ["A300"]
    assert not found.must_choose


def test_old_stock_stays_a_further_choice_behind_its_replacement() -> None:
    old = candidate("WD28X30219", "GEH", is_discontinued=True, replaced_by=["WD28X35779"])
    found = resolved(FakeDistributor(old, candidate("WD28X35779", "GEH")), "WD28X30219")
    assert numbers(found) == ["WD28X35779", "WD28X30219"]
    assert not found.must_choose
    assert any("Discontinued" in warning for warning in found.choices[1].warnings)


def test_old_stock_without_replacement_is_orderable_with_a_warning() -> None:
    found = resolved(FakeDistributor(candidate("8186024", is_discontinued=True)), "8186024")
    assert numbers(found) == ["8186024"]
    assert any("Discontinued" in warning for warning in found.choices[0].warnings)


def test_old_stock_whose_replacement_is_unknown_is_orderable_with_both_warnings() -> None:
    found = resolved(FakeDistributor(candidate("8186024", is_discontinued=True, replaced_by=["XY99"])), "8186024")
    assert numbers(found) == ["8186024"]
    assert any("XY99" in warning for warning in found.choices[0].warnings)


def test_discontinued_without_stock_or_replacement_is_a_clear_end() -> None:
    ending = FakeDistributor(gone("8186024")).follow("8186024")
    assert isinstance(ending, NoLongerAvailable)
    assert "8186024" in ending.why
    assert ending.fix


def test_a_chain_that_ends_in_nothing_is_a_clear_end_with_its_path() -> None:
    ending = FakeDistributor(gone("A100", "A200"), gone("A200")).follow("A100")
    assert isinstance(ending, NoLongerAvailable)
    assert ending.path == ("A100", "A200")


def test_a_replacement_nobody_knows_is_dropped_and_named() -> None:
    ending = FakeDistributor(gone("A100", "A200")).follow("A100")
    assert isinstance(ending, NoLongerAvailable)
    assert "A200" in ending.why


def test_out_of_stock_with_a_replacement_is_a_choice_of_both() -> None:
    shop = FakeDistributor(candidate("MJU62070603", "L-G", stock=NOWHERE, replaced_by=["5210JA3004K"]))
    shop.known = (*shop.known, candidate("5210JA3004K", "L-G"))
    found = resolved(shop, "MJU62070603")
    assert numbers(found) == ["MJU62070603", "5210JA3004K"]
    assert found.must_choose


def test_out_of_stock_without_a_usable_replacement_is_a_backorder() -> None:
    found = resolved(FakeDistributor(candidate("WD15X10014", stock=NOWHERE, replaced_by=["GONE1"])), "WD15X10014")
    assert numbers(found) == ["WD15X10014"]
    assert not found.must_choose
    assert any("GONE1" in warning for warning in found.choices[0].warnings)


def test_a_part_from_the_maker_needs_no_stock() -> None:
    shop = FakeDistributor(candidate("WR55X10942", is_drop_ship_only=True, stock=(), replaced_by=["OTHER1"]))
    assert numbers(resolved(shop, "WR55X10942")) == ["WR55X10942"]


def test_one_number_of_several_makes_is_a_choice() -> None:
    found = resolved(FakeDistributor(candidate("279838", "WPL"), candidate("279838", "GEH")), "279838")
    assert [choice.candidate.part.make for choice in found.choices] == ["WPL", "GEH"]
    assert found.must_choose


def test_the_living_one_of_two_makes_is_still_not_chosen_for_anyone() -> None:
    found = resolved(FakeDistributor(candidate("279838", "WPL"), gone("279838", make="GEH")), "279838")
    assert numbers(found) == ["279838"]
    assert found.must_choose
    assert any("discontinued" in warning for warning in found.warnings)


def test_a_number_nobody_knows_is_not_found_and_says_what_was_tried() -> None:
    ending = FakeDistributor().follow("165314", "00165314")
    assert isinstance(ending, NotFound)
    assert ending.tried == ("165314", "00165314")
    assert "165314 or 00165314" in ending.why


def test_no_spelling_at_all_is_not_found() -> None:
    assert isinstance(FakeDistributor().follow(), NotFound)


@pytest.mark.parametrize(
    "circle",
    [
        pytest.param(["A100", "A200"], id="two numbers that replace each other"),
        pytest.param(["A100", "A200", "A300"], id="three in a ring"),
    ],
)
def test_a_circle_ends_and_asks_a_person(circle: list[str]) -> None:
    ring = [gone(number, after) for number, after in zip(circle, [*circle[1:], circle[0]], strict=True)]
    ending = FakeDistributor(*ring).follow(circle[0])
    assert isinstance(ending, Tangled)
    assert ending.path == (*circle, circle[0])


def test_a_number_that_names_itself_has_no_replacement() -> None:
    assert isinstance(FakeDistributor(gone("A100", "a-100")).follow("A100"), NoLongerAvailable)


@pytest.mark.parametrize(
    ("hops", "kind"),
    [
        pytest.param(MAX_HOPS, Resolved, id="eight hops are followed"),
        pytest.param(MAX_HOPS + 1, Tangled, id="nine are not"),
    ],
)
def test_a_chain_is_followed_so_far_and_no_further(hops: int, kind: type) -> None:
    path = [f"A{100 + step}" for step in range(hops + 1)]
    old = [gone(number, after) for number, after in pairwise(path)]
    assert isinstance(FakeDistributor(*old, candidate(path[-1])).follow(path[0]), kind)


def test_a_part_with_endless_replacements_is_given_up_on() -> None:
    many = [f"B{100 + step}" for step in range(MAX_LOOKUPS + 5)]
    shop = FakeDistributor(gone("A100", *many), *(candidate(number) for number in many))
    assert isinstance(shop.follow("A100"), Tangled)
    assert len(shop.asked) <= MAX_LOOKUPS


NAMES = [f"N{number}" for number in range(1000, 1006)]


@st.composite
def distributors(draw: st.DrawFn) -> FakeDistributor:
    known = [
        candidate(
            name,
            draw(st.sampled_from(["WPL", "GEH"])),
            is_discontinued=draw(st.booleans()),
            is_drop_ship_only=draw(st.booleans()),
            stock=draw(st.sampled_from([(), NOWHERE, NEAR_AND_FAR])),
            replaced_by=[PartRef(make="", number=each) for each in draw(st.lists(st.sampled_from(NAMES), max_size=3))],
        )
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=8))
    ]
    return FakeDistributor(*known)


@given(distributors(), st.sampled_from(NAMES))
def test_whatever_the_distributor_says_the_search_ends_and_offers_only_what_it_found(
    shop: FakeDistributor, asked: str
) -> None:
    ending = shop.follow(asked)
    if not isinstance(ending, Resolved):
        assert ending.why
        assert ending.fix
        return
    assert ending.choices
    assert len(ending.choices) == 1 or ending.must_choose or ending.choices[-1].candidate.is_discontinued
    for choice in ending.choices:
        assert choice.candidate in shop.known
        assert normalise(choice.path[0]) == asked
        assert normalise(choice.path[-1]) == normalise(choice.candidate.part.number)
        has_stock = any(row.available for row in choice.candidate.stock)
        assert has_stock or not choice.candidate.is_discontinued, "nothing that will never come is offered"


def catalogue() -> list[dict[str, str]]:
    if not CATALOGUE.is_file():
        pytest.skip(f"no parts catalogue at {CATALOGUE}; set TRUCKROLL_CONTRACTS")
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def same(number: str) -> str:
    return normalise(number).lstrip("0")


def test_every_replacement_in_the_catalogue_is_followed_to_a_number_that_is_sold() -> None:
    rows = catalogue()
    sold = {row["part_number"] for row in rows if row["lifecycle"] not in {"superseded", "discontinued", "nla"}}
    after: dict[str, list[str]] = {}
    for row in rows:
        number = row["part_number"]
        if number not in sold:
            after[same(number)] = [each for each in row["superseded_by"].split("|") if each]
    for row in rows:  # old numbers that have no row of their own: whoever says so replaces them
        number = row["part_number"]
        for old in filter(None, row["replaces"].split(";")):
            if same(old) not in {same(each["part_number"]) for each in rows}:
                after.setdefault(same(old), []).append(number)

    shop = FakeDistributor(
        *(candidate(row["part_number"], row["marcone_make"]) for row in rows if row["part_number"] in sold),
        *(gone(old, *(PartRef(make="", number=each) for each in new)) for old, new in after.items()),
    )

    def ends(number: str) -> set[str]:
        if same(number) not in after:
            return {number} & sold
        return {end for each in after[same(number)] for end in ends(each)}

    pairs = [(old, new) for old, new in after.items() if new]
    assert len(pairs) > 100, "the catalogue names many old numbers"
    for old, new in pairs:
        ending = shop.follow(old)
        assert isinstance(ending, Resolved), (old, ending)
        assert set(numbers(ending)) == ends(old), old
        unknown = [each for each in new if each not in sold and same(each) not in after]
        assert ending.must_choose == (len(ends(old)) > 1 or bool(unknown)), old
        for choice in ending.choices:
            assert same(choice.path[0]) == old


def test_the_catalogues_end_of_life_part_ends() -> None:
    rows = [row for row in catalogue() if row["lifecycle"] == "nla"]
    assert rows
    for row in rows:
        number = row["part_number"]
        assert isinstance(FakeDistributor(gone(number)).follow(number), NoLongerAvailable)


def test_the_same_answers_always_give_the_same_step() -> None:
    assert next_step(["279838"], {}) == next_step(["279838"], {}) == Lookup("279838")
