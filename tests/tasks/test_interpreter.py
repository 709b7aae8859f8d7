"""What Python does beside the work is set while a pass runs, and is as it was when the last one ends."""

from __future__ import annotations

import gc
import sys

import pytest

from tasks.interpreter import SELDOM, TURN_S, for_a_busy_pass


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
