"""What `up` and `demo` keep running: restarted when it crashes, one per home, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from deployments import supervisor
from deployments.children import Mark, start
from deployments.home import Home
from deployments.supervisor import Child, Supervisor, bring_down, standing
from models.errors import SettingsError, TruckrollError


def sleeper(home: Home, script: str = "import time; time.sleep(60)") -> Child:
    return Child("the sleeper", [sys.executable, "-c", script], home.logs / "sleeper.log")


def keep_until(keeper: Supervisor, so: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    keeper.keep(until=lambda: so() or time.monotonic() > until)
    assert so()


def test_a_crashed_child_is_started_again_and_said(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_BACKOFF_S", 0.1)
    said: list[str] = []
    with Supervisor(home, say=said.append) as keeper:
        child = sleeper(home)
        child.backoff_s = 0.1
        keeper.add(child)
        first = child.mark
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        keep_until(keeper, lambda: (mark := child.mark) is not None and mark.pid != first.pid)
        second = child.mark
        assert second is not None
    assert any("the sleeper ended (code -9)" in words for words in said)
    assert not second.is_alive
    assert standing(home) is None


def test_a_child_that_says_its_settings_are_wrong_is_not_started_again(home: Home) -> None:
    with Supervisor(home, say=lambda _words: None) as keeper:
        keeper.add(sleeper(home, "import sys; print('There is no shop nobody.'); sys.exit(2)"))
        with pytest.raises(SettingsError, match="There is no shop nobody"):
            keep_until(keeper, lambda: False)


def test_a_home_has_one_supervisor(home: Home) -> None:
    with Supervisor(home, say=lambda _words: None):
        found = standing(home)
        assert found is not None
        assert found.pid == os.getpid()
        with pytest.raises(TruckrollError, match="already runs"), Supervisor(home, say=lambda _words: None):
            pass


def test_ctrl_c_ends_the_watch_and_stops_the_children(home: Home) -> None:
    with Supervisor(home, say=lambda _words: None) as keeper:
        child = keeper.add(sleeper(home))
        mark = child.mark
        signal.raise_signal(signal.SIGINT)
        keeper.keep()
        assert keeper.is_told_to_stop
    assert mark is not None
    assert not mark.is_alive


def test_what_a_killed_supervisor_left_is_stopped(home: Home, tmp_path: Path) -> None:
    left = start([sys.executable, "-c", "import time; time.sleep(60)"], env={}, log=tmp_path / "log")
    mark = Mark.of(left.pid)
    gone = {"pid": os.getpid(), "started": 1.0}
    home.make().up_record.write_text(
        json.dumps({"supervisor": gone, "children": {"the runner": asdict(mark)}}), encoding="utf-8"
    )
    said: list[str] = []
    assert bring_down(home, say=said.append) is True
    assert said == ["Stopped the runner."]
    assert not mark.is_alive
    assert bring_down(home, say=said.append) is False
