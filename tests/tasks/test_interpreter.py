"""What Python does beside the work is set while a pass runs, and is as it was when the last one ends."""

from __future__ import annotations

import gc
import sys

import pytest

from tasks.interpreter import SELDOM, TURN_S, for_a_busy_pass, until_the_end, while_loading


def test_it_is_set_until_the_last_pass_ends() -> None:
    before = gc.get_threshold(), sys.getswitchinterval()
    with for_a_busy_pass():
        assert gc.get_threshold() == SELDOM
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
        assert gc.get_freeze_count() > 0
        with for_a_busy_pass():
            pass
        assert gc.get_threshold() == SELDOM
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
    assert (gc.get_threshold(), sys.getswitchinterval()) == before
    assert gc.get_freeze_count() == 0


def test_a_pass_that_fails_leaves_it_as_it_was() -> None:
    before = gc.get_threshold(), sys.getswitchinterval()
    with pytest.raises(ValueError, match="broken"), for_a_busy_pass():
        raise ValueError("broken")
    assert (gc.get_threshold(), sys.getswitchinterval()) == before


def test_no_garbage_is_searched_for_while_modules_are_loaded() -> None:
    with while_loading():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_at_the_end_of_the_program_nothing_is_looked_through_whatever_ended_it() -> None:
    try:
        with pytest.raises(SystemExit), until_the_end():
            assert gc.get_freeze_count() == 0
            raise SystemExit(2)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
