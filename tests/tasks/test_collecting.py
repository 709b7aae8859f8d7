"""The search for garbage is held back while a pass runs, and is as it was when the last one ends."""

from __future__ import annotations

import gc

from tasks.collecting import SELDOM, few_collections


def test_the_search_is_held_back_until_the_last_pass_ends() -> None:
    before = gc.get_threshold()
    with few_collections():
        assert gc.get_threshold() == SELDOM
        assert gc.get_freeze_count() > 0
        with few_collections():
            pass
        assert gc.get_threshold() == SELDOM
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
