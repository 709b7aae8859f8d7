"""`truckroll demo`: the whole house on a fresh machine, with a sandbox for the vendors."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from deployments import children, talk
from deployments.home import Home
from models.errors import TruckrollError

if TYPE_CHECKING:
    from deployments.demo.play import Play
    from deployments.demo.referrals import Referring
    from deployments.demo.sales import Selling
    from deployments.demo.stage import Stage
    from deployments.server import Server
    from deployments.supervisor import Supervisor
    from models.tables import ApprovalRow
    from store import Books


def demo(
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Answer the questions as the technicians, and check the end.")
    ] = False,
    leave: Annotated[bool, typer.Option("--exit", help="Stop when it is played, instead of staying up.")] = False,
    port: Annotated[int | None, typer.Option(help="Prefect's port; another is taken when it is in use.")] = None,
    sandbox_port: Annotated[int | None, typer.Option(help="The sandbox's port; likewise.")] = None,
) -> None:
    """Play all processes with a sandbox: three diagnosed parts to approve where you like, five sales, a referral."""
    # The play needs the store and the rules; `truckroll --help` does not.
    from deployments.demo.play import StoppedEarlyError
    from deployments.demo.stage import set_stage
    from deployments.supervisor import Supervisor
    from models.settings import HouseSettings
    from store import Books

    began = time.monotonic()
    stage = set_stage(say=talk.say, sandbox_port=sandbox_port)
    all_well = True
    try:
        with Supervisor(stage.home, say=talk.say) as keeper, Books.open(HouseSettings().database) as books:
            all_well = _play(stage, keeper, books, auto_approve=auto_approve, port=port, began=began)
            if not leave:
                talk.say("Everything stays up. Ctrl-C stops it all.")
                keeper.keep()
    except StoppedEarlyError:
        raise typer.Exit(talk.STOPPED) from None
    except TruckrollError:
        _show_logs(stage.home)
        raise
    if not all_well:
        talk.say(f"The logs are in {stage.home.logs}")
        raise typer.Exit(talk.FAILED)


def _play(
    stage: Stage, keeper: Supervisor, books: Books, *, auto_approve: bool, port: int | None, began: float
) -> bool:
    from deployments.commands.house import runner
    from deployments.demo.play import DIAGNOSES, Play
    from deployments.demo.referrals import Referring
    from deployments.demo.sales import OFFICE, Selling
    from deployments.demo.stage import SHOP
    from deployments.home import client_environment
    from deployments.serve import READY
    from deployments.supervisor import wait_for_http
    from deployments.web.child import page_process

    sandbox = keeper.add(stage.sandbox())
    server = keeper.use_server(port)
    os.environ.update(client_environment(stage.home, server.api_url))
    wait_for_http(f"{stage.sandbox_url}/_sandbox", sandbox, 30)
    play = Play(stage, keeper, books, server.api_url)
    selling, referring = Selling(play), Referring(play)
    play.diagnose()
    selling.sell()
    page = page_process(stage.home, server.api_url)
    os.environ.update(page.environment)
    approvals = keeper.add(page.child)
    serving = keeper.add(runner(stage.home, server.api_url, [SHOP], stage.secrets))
    talk.say(f"[bold]Sandbox[/] {stage.sandbox_url}   [bold]Prefect[/] {server.ui_url}   {page.words}")
    talk.say("Three technicians have diagnosed a part each, and five people have bought in the store; waiting ...")
    play.wait("the runner", 90, lambda: READY in children.tail(serving.log) or None)
    selling.start()
    referring.start_sync()
    questions = play.ask()
    wait_for_http(page.local, approvals, 30)
    for one in DIAGNOSES:
        talk.say(f"  job {one.job}: {one.part_number}, {one.words}")
    _show_sales(stage, server, selling)
    referring.sign_up()
    referring.answer()
    _show_referrals(stage, server, referring)
    if not auto_approve:
        _show_questions(stage, server, [*questions, selling.question()])
        return True
    play.approve(questions)
    talk.say("All three parts are approved; waiting for the orders, and for the question about the canceled one ...")
    change = selling.question()
    selling.approve(change)
    talk.say(f"{_name_of(change)}: {OFFICE} has approved what is to be done.")
    play.wait_until_ordered()
    referring.win()
    selling.wait_until_changed(change)
    talk.say("Ordered. Time passes in the sandbox until the parts have left, and the ETA watch looks ...")
    play.follow()
    return _show_checks(play, selling, referring, questions, began)


def _show_sales(stage: Stage, server: Server, selling: Selling) -> None:
    """Tell what became of the store's orders; then two of them change in the store, and the next pass begins."""
    from deployments.demo.sales import CANCELED, COMPLETED, told

    console = talk.out()
    console.print("[bold]What the store sold[/]")
    for sale, row in selling.finish():
        console.print(f"  {told(sale, row)}", markup=False)
    lines = [
        "Prefect calls the pass failed because one order waits for a person: `truckroll held list` says why.",
        f"  [bold]In ServiceTitan's stand-in[/]: {stage.sandbox_url}/#sales",
        f"  [bold]In Prefect[/]: {server.run_url(selling.run)}",
    ]
    selling.change()
    selling.start()
    lines += [
        f"The store has shipped {selling.numbers[COMPLETED.buyer]}: the next pass tags its job.",
        f"{selling.numbers[CANCELED.buyer]} was canceled after it was written: a person is asked what to do.",
    ]
    console.print("\n".join(lines), overflow="ignore", crop=False)


def _show_referrals(stage: Stage, server: Server, referring: Referring) -> None:
    """Tell who was referred, and what the office did with the two bookings."""
    from deployments.demo.referrals import DISMISSED, REFERRER, WON

    job = referring.jobs[WON.first_name]
    lines = [
        "[bold]Referrals[/]",
        "  Every customer with an e-mail has a referral link now, and nobody was written to.",
        f"  {WON.first_name} and {DISMISSED.first_name} used the link of {REFERRER}: each has a booking.",
        f"  The office has done {WON.first_name}'s job {job}, and dismissed {DISMISSED.first_name}'s booking:",
        "  the next pass qualifies the one, and not the other.",
        f"  [bold]In the vendors' stand-ins[/]: {stage.sandbox_url}/#referrals",
        f"  [bold]In Prefect[/]: {server.run_url(referring.run)}",
    ]
    talk.out().print("\n".join(lines), overflow="ignore", crop=False)


def _show_questions(stage: Stage, server: Server, questions: list[ApprovalRow]) -> None:
    from deployments.commands.approvals import questions_table
    from deployments.demo.sales import OFFICE
    from tasks.links import open_links

    console = talk.out()
    console.print(questions_table(questions))
    links = open_links()
    lines = ["[bold]On the approval page[/], as the technician who got the link by mail:"]
    lines += [
        f"  {_name_of(row)}, {escape(name)}: {link}"
        for row in questions
        for name, link in links.for_people(row, row.approvers).items()
    ]
    lines += ["", "[bold]In Prefect[/]: open the run, then the ⋮ menu at the top right, then Resume; fill the form."]
    lines += [f"  {_name_of(row)}: {server.run_url(row.flow_run_id)}" for row in questions]
    first, last = questions[0], questions[-1]
    name = first.approvers[0] if first.approvers else "NAME"
    lines += [
        "",
        "[bold]On the command line[/], in another terminal in this folder:",
        f"  export {escape(stage.for_other_terminals())}",
        f'  .venv/bin/truckroll approvals approve {first.id} --by "{escape(name)}"',
        f'  .venv/bin/truckroll approvals approve {last.id} --by "{OFFICE}"',
        "",
        f"[bold]What the vendors see[/]: {stage.sandbox_url}/",
    ]
    console.print("\n".join(lines), overflow="ignore", crop=False)


def _name_of(row: ApprovalRow) -> str:
    """Say what a question is about."""
    return f"job {row.job_number}" if row.kind == "part" else f"order {row.offer['number']}"


def _show_checks(
    play: Play, selling: Selling, referring: Referring, questions: list[ApprovalRow], began: float
) -> bool:
    from deployments.demo.checks import check_all
    from deployments.demo.sale_checks import check_sales
    from deployments.demo.stage import SHOP

    async def answered() -> list[ApprovalRow]:
        found = [await play.books.approvals.get(row.id) for row in questions]
        return [row for row in found if row is not None]

    state = play.sandbox.state()
    held = [(row.process, row.record) for row in asyncio.run(play.books.held.list(SHOP))]
    checks = check_all(state, asyncio.run(answered()))
    checks += check_sales(state, play.stage.shop(), selling.numbers, held)
    checks += referring.checks(state)
    shown = talk.table("What is in the sandbox now", "Record!", "", "Must be so", "Found")
    for check in checks:
        talk.add(shown, check.record, "ok" if check.ok else "NO", check.what, check.found)
    console = talk.out()
    console.print(shown)
    wrong = [check for check in checks if not check.ok]
    if wrong:
        console.print(f"[bold red]{len(wrong)} of {len(checks)} checks failed.[/]")
        for check in wrong:
            console.print(f"  {check.record}: {check.what}; found: {check.found}", markup=False)
    else:
        console.print(
            f"[bold green]All {len(checks)} checks hold[/], {time.monotonic() - began:.0f} s after the start."
        )
    return not wrong


def _show_logs(home: Home) -> None:
    for log in sorted(home.logs.glob("*.log")):
        last = children.tail(log, 3)
        if last:
            talk.say(f"[dim]{escape(str(log))}, last lines:[/]\n{escape(last)}")
