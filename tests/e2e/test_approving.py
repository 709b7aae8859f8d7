"""Approving as people do: in Prefect's own pages with a real browser, and on the command line after a bad night."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import RunningDemo, until

pytestmark = pytest.mark.e2e


def photograph(page: Page, demo: RunningDemo, name: str) -> None:
    folder = demo.home / "screenshots"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")


def test_a_technician_approves_in_prefects_own_form(demo: RunningDemo, page: Page) -> None:
    question = demo.question("48214")
    run = question["flow_run_id"]
    page.goto(f"{demo.server['api_url'].removesuffix('/api')}/v2/runs/flow-run/{run}")
    expect(page.get_by_text("job 48214 - EDR1RXD1 - awaiting approval").first).to_be_visible(timeout=30_000)
    photograph(page, demo, "1-suspended")

    page.get_by_role("button", name="Open menu").first.click()
    page.get_by_role("menuitem", name="Resume").click()
    form = page.get_by_role("dialog")
    expect(form.get_by_text("Order 1 x EDR1RXD1")).to_be_visible()
    expect(form.get_by_text("W10295370A → EDR1RXD1").first).to_be_visible()
    photograph(page, demo, "2-question")

    # Without a decision nothing is sent: there is no default that approves.
    form.get_by_role("button", name="Resume", exact=True).click()
    page.wait_for_timeout(1000)
    photograph(page, demo, "3-refused-without-decision")
    assert demo.run_state(run) == "PAUSED"

    form.get_by_label("Select Order it?").click()
    page.get_by_role("option", name="approve").click()
    form.get_by_label("Select Your name").click()
    page.get_by_role("option", name=question["approvers"][0]).click()
    photograph(page, demo, "4-filled")
    form.get_by_role("button", name="Resume", exact=True).click()

    until(lambda: demo.run_state(run) == "COMPLETED", 90, "the resumed run")
    (order,) = demo.orders("EDR1RXD1")
    assert order["warehouse"] == question["branch"]
    assert [(line["part_number"], line["quantity"]) for line in order["lines"]] == [("EDR1RXD1", 1)]
    page.reload()
    expect(page.get_by_text("job 48214 - EDR1RXD1 - ordered").first).to_be_visible(timeout=30_000)
    photograph(page, demo, "5-ordered")
    decided = demo.truckroll("approvals", "show", question["id"])
    assert (decided["status"], decided["decided_by"]) == ("consumed", question["approvers"][0])


def test_one_order_after_server_runner_and_sandbox_were_killed_while_it_waited(demo: RunningDemo) -> None:
    question = demo.question("48213")
    run = question["flow_run_id"]
    assert demo.run_state(run) == "PAUSED"
    before = {int(mark["pid"]) for mark in demo.children.values()} | {int(demo.server["pid"])}
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def is_back() -> bool:
        now = {int(mark["pid"]) for mark in demo.children.values()}
        return len(now - before) == len(now) == 3 and demo.run_state(run) == "PAUSED"

    until(is_back, 120, "everything to come back")
    assert int(demo.server["pid"]) not in before
    demo.truckroll("approvals", "approve", question["id"], "--by", question["approvers"][0])
    until(lambda: demo.run_state(run) == "COMPLETED", 120, "the resumed run")
    assert len(demo.orders("WPW10348269")) == 1
    assert demo.truckroll("approvals", "show", question["id"])["status"] == "consumed"


@pytest.mark.usefixtures("page")  # without a browser there is none
def test_the_screenshots_are_kept(demo: RunningDemo) -> None:
    taken = sorted(picture.stem for picture in (demo.home / "screenshots").glob("*.png"))
    assert taken == ["1-suspended", "2-question", "3-refused-without-decision", "4-filled", "5-ordered"]
