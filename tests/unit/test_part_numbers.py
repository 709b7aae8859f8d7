"""PL-17, PL-18 and FACTS 5 and 16: what a technician typed is judged before anything is looked up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.part_numbers import (
    BadQuantity,
    ModelMalformed,
    ModelMissing,
    ModelOk,
    ReadableNumbers,
    UnreadableNumber,
    judge_model,
    judge_number,
    judge_quantity,
    normalise,
    retailer_codes,
    same_part_number,
    spellings_to_try,
)


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(alphabet="0123456789ABCXYZabc- ./", min_size=1))
def test_a_number_equals_itself_in_any_case_and_spacing(text: str) -> None:
    assert same_part_number(text, f" {text.lower()} ") == bool(normalise(text))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("WPW10348269", "wpw-103 48269", True, id="case, dashes and spaces do not count"),
        pytest.param("00165314", "165314", True, id="Bosch: leading zeros do not count"),
        pytest.param("00165314", "0165314", True, id="Bosch: any number of zeros"),
        pytest.param("165314", "1653140", False, id="trailing zeros count"),
        pytest.param("0W10", "W10", False, id="zeros count once there is a letter"),
        pytest.param("W10348269", "WPW10348269", False, id="the WP prefix is another number, never identity"),
        pytest.param("", "", False, id="no number equals no number"),
        pytest.param("---", "???", False, id="signs alone are no number"),
    ],
)
def test_numbers_are_compared_by_letters_and_digits(one: str, other: str, same: bool) -> None:
    assert same_part_number(one, other) is same
    assert same_part_number(other, one) is same


@pytest.mark.parametrize(
    ("typed", "tried"),
    [
        pytest.param([" wpw10348269 "], ("WPW10348269",), id="trimmed and upper case"),
        pytest.param(["DA97 12650 a"], ("DA9712650A",), id="inner spaces go"),
        pytest.param(["DA81-01345B"], ("DA81-01345B",), id="dashes stay: the distributor's spelling may have them"),
        pytest.param(["WPW10348269VP"], ("WPW10348269VP", "WPW10348269"), id="then without the pack suffix"),
        pytest.param(["165314"], ("165314", "00165314"), id="then Bosch's eight digits"),
        pytest.param(["00165314"], ("00165314", "165314"), id="then without Bosch's zeros"),
        pytest.param(["5304517203"], ("5304517203",), id="ten digits have no zeros to add"),
        pytest.param(["279838VP"], ("279838VP", "279838", "00279838"), id="suffix first, then zeros"),
        pytest.param(["279838", "279838 "], ("279838", "00279838"), id="no number twice"),
        pytest.param(["AP6009381", "WPW10348269"], ("WPW10348269",), id="a retailer's AP number is not tried"),
        pytest.param(["PS11753379"], (), id="a retailer's PS number is not tried"),
        pytest.param(["", "  "], (), id="nothing typed, nothing tried"),
        pytest.param(["VP"], ("VP",), id="the suffix alone is not stripped"),
    ],
)
def test_spellings_are_tried_as_typed_first(typed: list[str], tried: tuple[str, ...]) -> None:
    assert spellings_to_try(typed) == tried


@given(st.lists(st.text(max_size=20), max_size=5))
def test_no_spelling_is_tried_twice_and_none_is_empty(numbers: list[str]) -> None:
    tried = spellings_to_try(numbers)
    assert len(set(tried)) == len(tried)
    assert all(tried)


def test_retailers_codes_are_reported_beside_the_readable_number() -> None:
    found = judge_number(["PS11753379", "AP6009381", "WPW10348269"])
    assert found == ReadableNumbers(("WPW10348269",), ("PS11753379", "AP6009381"))
    assert retailer_codes(["ap6009381", "AP60093811"]) == ("ap6009381",)


@pytest.mark.parametrize(
    ("numbers", "because"),
    [
        pytest.param([], "has no part number", id="none given"),
        pytest.param([" "], "has no part number", id="only spaces"),
        pytest.param(["W1"], "too short", id="too short"),
        pytest.param(["W-1-2"], "too short", id="dashes do not make it longer"),
        pytest.param(["W1" * 21], "too long", id="longer than forty"),
        pytest.param(["PUMP"], "has no digit", id="only letters"),
        pytest.param(["TBD"], "holds the place", id="placeholder TBD"),
        pytest.param(["n/a"], "holds the place", id="placeholder N/A"),
        pytest.param(["Unknown"], "holds the place", id="placeholder UNKNOWN"),
        pytest.param(["???"], "holds the place", id="placeholder ???"),
        pytest.param(["pump for the 2019 dishwasher"], "sentence", id="a sentence"),
        pytest.param(["WPW10348269, 279838"], "several", id="two numbers in one field"),
        pytest.param(["WPW10348269 or 279838"], "several", id="either of two numbers"),
        pytest.param(["PS11753379"], "retailer", id="a retailer's code only"),
    ],
)
def test_what_cannot_be_looked_up_is_said_with_its_fix(numbers: list[str], because: str) -> None:
    verdict = judge_number(numbers)
    assert isinstance(verdict, UnreadableNumber)
    assert because in verdict.why
    assert verdict.fix


@given(st.lists(st.text(max_size=60), max_size=4))
def test_every_diagnosis_gets_a_verdict_and_readable_ones_have_something_to_try(numbers: list[str]) -> None:
    verdict = judge_number(numbers)
    match verdict:
        case ReadableNumbers(spellings=spellings):
            assert spellings
        case UnreadableNumber(why=why, fix=fix):
            assert why
            assert fix


@pytest.mark.parametrize(
    ("typed", "quantity"),
    [("1", 1), (" 2 ", 2), ("2.0", 2), ("2.", 2), ("+3", 3), ("007", 7), ("20", 20)],
)
def test_whole_positive_quantities_are_read(typed: str, quantity: int) -> None:
    assert judge_quantity(typed, 20) == quantity


@pytest.mark.parametrize(
    ("typed", "because"),
    [
        pytest.param("", "no quantity", id="empty"),
        pytest.param("0", "zero", id="zero"),
        pytest.param("0.0", "zero", id="zero with a fraction"),
        pytest.param("-1", "negative", id="negative"),
        pytest.param("1.5", "fraction", id="half a part"),
        pytest.param("21", "more than the 20", id="absurd"),
        pytest.param("9" * 5000, "more than the 20", id="thousands of digits"),
        pytest.param("2 ea", "only a number", id="words beside the number"),
        pytest.param("1e1", "only a number", id="no exponent"),
        pytest.param("٣", "only a number", id="digits of another script"),
        pytest.param("two", "only a number", id="in words"),
    ],
)
def test_other_quantities_are_refused_in_clear_words(typed: str, because: str) -> None:
    verdict = judge_quantity(typed, 20)
    assert isinstance(verdict, BadQuantity)
    assert because in verdict.why
    assert "1 to 20" in verdict.fix


@given(st.text(), st.integers(1, 99))
def test_no_quantity_ever_leaves_the_allowed_range(typed: str, most: int) -> None:
    verdict = judge_quantity(typed, most)
    assert isinstance(verdict, BadQuantity) or 1 <= verdict <= most


@pytest.mark.parametrize(
    ("typed", "model"),
    [("wdt780saem1", "WDT780SAEM1"), ("110.23872100", "110.23872100"), (" RF22/XX-1 ", "RF22/XX-1"), ("A1B", "A1B")],
)
def test_model_numbers_in_the_agreed_form_pass(typed: str, model: str) -> None:
    assert judge_model(typed, asked=True) == ModelOk(model)


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("N/A", id="placeholder"),
        pytest.param("unknown", id="placeholder in words"),
        pytest.param("???", id="question marks"),
        pytest.param("A1", id="two characters"),
        pytest.param("WHIRLPOOL", id="no digit"),
        pytest.param("WDT780 SAEM1", id="a space inside"),
        pytest.param("WDT780#1", id="another sign"),
        pytest.param("A1" * 21, id="longer than forty"),
    ],
)
def test_other_model_numbers_stop_the_match(typed: str) -> None:
    assert isinstance(judge_model(typed, asked=False), ModelMalformed)


def test_a_missing_model_matters_only_where_the_shop_asks_for_it() -> None:
    assert isinstance(judge_model(" ", asked=True), ModelMissing)
    assert judge_model("", asked=False) == ModelOk("")
