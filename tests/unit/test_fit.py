"""For whom the parts loop is worth setting up."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from decisions.fit import JobSystem, judge_fit
from deployments.cli import app

ST, ANOTHER, NONE = JobSystem


@pytest.mark.parametrize(
    ("calls", "system", "share", "said"),
    [
        pytest.param(15, ST, 20, [], id="just enough of everything"),
        pytest.param(400, ST, 100, [], id="a busy shop that orders everything"),
        pytest.param(14, ST, 60, ["14 service calls"], id="too few calls"),
        pytest.param(0, ST, 60, ["0 service calls"], id="none"),
        pytest.param(40, NONE, 60, ["Without a job system"], id="no job system"),
        pytest.param(40, ANOTHER, 60, ["ServiceTitan only"], id="a job system it does not speak to"),
        pytest.param(40, ST, 19, ["19 of 100 repairs"], id="the trucks carry most parts"),
        pytest.param(3, NONE, 5, ["3 service calls", "Without a job system", "5 of 100"], id="all of it"),
    ],
)
def test_a_shop_is_told_go_or_not_yet_and_why(calls: int, system: JobSystem, share: int, said: list[str]) -> None:
    """PL-43: calls a week, job system, share of parts that are ordered; each reason in words."""
    fit = judge_fit(calls_per_week=calls, job_system=system, ordered_share_pct=share)
    assert fit.is_go == (not said)
    assert len(fit.not_yet) == len(said)
    assert all(words in reason for words, reason in zip(said, fit.not_yet, strict=True))


def test_what_is_not_said_is_asked() -> None:
    """PL-43: it asks, again where the answer is none, and answers."""
    answers = ["many", "40", "jobber 9", "ServiceTitan", "101", "60"]
    result = CliRunner().invoke(app, ["fit"], input="\n".join([*answers, ""]))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("Go: `truckroll setup`")
    assert "Write a whole number." in result.stderr
    assert "Write one of servicetitan, another, none." in result.stderr
    assert "from 0 to 100" in result.stderr


@pytest.mark.parametrize(("calls", "code"), [("40", 0), ("3", 1)], ids=["go", "not yet"])
def test_the_answer_is_an_exit_code_and_an_object(calls: str, code: int) -> None:
    """PL-43: for programs nothing is asked that was said."""
    said = ["fit", "--calls-per-week", calls, "--job-system", "servicetitan", "--ordered-share", "60"]
    result = CliRunner().invoke(app, [*said, "--json"])
    assert result.exit_code == code
    answer = json.loads(result.stdout)
    assert (answer["go"], len(answer["why"])) == (code == 0, code)
    shown = CliRunner().invoke(app, said).stdout
    assert shown.startswith("Go" if code == 0 else "Not yet:")
