"""Which lead's reward is due and which was issued: the program names only who receives them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from decisions.rewards import Rewards, reward_state

ROBIN, KIM, LEE, SAM = 1, 2, 11, 12


def states(leads: list[tuple[int, int | None]], due: dict[int, int], issued: dict[int, int]) -> list[str]:
    places = Counter[int]()
    return [reward_state(lead, referrer, Rewards(due, issued), places) for lead, referrer in leads]


@pytest.mark.parametrize(
    ("leads", "due", "issued", "shown"),
    [
        pytest.param([(LEE, ROBIN)], {}, {}, [""], id="no reward"),
        pytest.param([(LEE, ROBIN)], {ROBIN: 1}, {}, ["due"], id="the referrer's is due"),
        pytest.param([(LEE, ROBIN)], {}, {ROBIN: 1}, ["issued"], id="the referrer's was issued"),
        pytest.param([(LEE, ROBIN)], {LEE: 1}, {}, ["due"], id="the lead's own"),
        pytest.param([(LEE, ROBIN)], {LEE: 1}, {ROBIN: 1}, ["due"], id="both get one: what is still due counts"),
        pytest.param([(LEE, ROBIN)], {}, {ROBIN: 1, LEE: 1}, ["issued"], id="both were issued"),
        pytest.param([(LEE, ROBIN)], {KIM: 3}, {SAM: 1}, [""], id="others' rewards are none of theirs"),
        pytest.param([(LEE, None)], {LEE: 1}, {}, ["due"], id="nobody referred them any more"),
        pytest.param([(LEE, ROBIN), (SAM, ROBIN)], {ROBIN: 1}, {ROBIN: 1}, ["issued", "due"], id="the earlier first"),
        pytest.param([(LEE, ROBIN), (SAM, ROBIN)], {ROBIN: 1}, {}, ["due", ""], id="one reward for two leads"),
        pytest.param([(LEE, ROBIN), (SAM, KIM)], {KIM: 1}, {ROBIN: 1}, ["issued", "due"], id="two referrers"),
    ],
)
def test_rewards_are_laid_on_a_recipients_leads(
    leads: list[tuple[int, int | None]], due: dict[int, int], issued: dict[int, int], shown: list[str]
) -> None:
    """RF-45: the right recipient's, issued ones before due ones."""
    assert states(leads, due, issued) == shown


@effort(deadline=None)
@given(
    st.lists(st.sampled_from([ROBIN, KIM, 3]), max_size=12),
    st.dictionaries(st.sampled_from([ROBIN, KIM, 3]), st.integers(0, 5)),
    st.dictionaries(st.sampled_from([ROBIN, KIM, 3]), st.integers(0, 5)),
)
def test_no_reward_is_shown_that_is_not_there_and_none_twice(
    referrers: list[int], due: dict[int, int], issued: dict[int, int]
) -> None:
    """RF-45: of each referrer as many as the program tells, as far as there are leads."""
    leads: list[tuple[int, int | None]] = [(100 + number, one) for number, one in enumerate(referrers)]
    shown = states(leads, due, issued)
    for one in set(referrers):
        own = [state for state, referrer in zip(shown, referrers, strict=True) if referrer == one]
        given = min(len(own), issued.get(one, 0))
        assert own[:given] == ["issued"] * given
        assert own.count("due") == min(len(own) - given, due.get(one, 0))
        assert own == sorted(own, key=["issued", "due", ""].index)
