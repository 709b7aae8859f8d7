"""`truckroll fit`: three questions, and whether the parts loop is worth setting up. Needs no shop file."""

from __future__ import annotations

from typing import Annotated

import typer

from decisions.fit import Fit, JobSystem, judge_fit
from deployments import asking, talk
from deployments.commands.common import AsJson

_ALL_PCT = 100


def fit(
    calls_per_week: Annotated[
        int | None, typer.Option(min=0, help="Service calls a week; asked when left out.")
    ] = None,
    job_system: Annotated[
        JobSystem | None, typer.Option(help="Where the shop keeps its jobs; asked when left out.")
    ] = None,
    ordered_share: Annotated[
        int | None, typer.Option(min=0, max=_ALL_PCT, help="Of 100 repairs, how many need a part to be ordered.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask what the shop is like, and answer: go, or not yet and why."""
    judged = judge_fit(
        calls_per_week=_number("Service calls a week") if calls_per_week is None else calls_per_week,
        job_system=_job_system() if job_system is None else job_system,
        ordered_share_pct=_number("Of 100 repairs, how many need a part from the distributor", most=_ALL_PCT)
        if ordered_share is None
        else ordered_share,
    )
    if as_json:
        talk.print_json({"go": judged.is_go, "why": list(judged.not_yet)})
    else:
        _show(judged)
    raise typer.Exit(talk.DONE if judged.is_go else talk.FAILED)


def _number(question: str, most: int | None = None) -> int:
    def check(said: str) -> str:
        if not (said.isascii() and said.isdigit()) or (most is not None and int(said) > most):
            raise ValueError("Write a whole number." if most is None else f"Write a whole number from 0 to {most}.")
        return said

    return int(asking.text(question, check=check))


def _job_system() -> JobSystem:
    known = [system.value for system in JobSystem]

    def check(said: str) -> str:
        if said.lower() not in known:
            raise ValueError(f"Write one of {', '.join(known)}.")
        return said.lower()

    return JobSystem(asking.text(f"Job system ({', '.join(known)})", check=check))


def _show(judged: Fit) -> None:
    console = talk.out()
    if judged.is_go:
        console.print("Go: `truckroll setup` writes the shop file, then `truckroll check`.")
        return
    console.print("Not yet:")
    for why in judged.not_yet:
        console.print(f"  {why}")
