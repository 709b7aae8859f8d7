"""What becomes of a booking decides whether its lead is qualified: once, by the campaign's rule, and never otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from models.base import utc_now
from models.booking import ReferralStage
from models.errors import SettingsError
from tasks.qualify import REWARDS_EVERY
from tests.flows.referral_run import REFERRERS, Program, a_campaign, outcomes, referral_shop, run
from tests.tasks.conftest import Counter, counter

__all__ = ["counter"]

JOB = {"qualify_when": "job"}
BY_JOB = a_campaign(leads=JOB)


async def some_leads(program: Program, *names: str) -> dict[str, Any]:
    """Let these people sign up through one friend's link."""
    friend = await program.referrer("robin@example.com")
    return {name: await program.lead(friend["code"], f"{name}@example.com") for name in names}


async def qualified(program: Program, leads: dict[str, Any]) -> list[str]:
    return [name for name, lead in leads.items() if await program.is_qualified(lead)]


async def test_a_booking_that_is_a_job_qualifies_whatever_its_status(counter: Counter) -> None:
    """RF-44, RF-48, RF-49: converted is qualified, dismissed is not; dismissed and booked after all, is."""
    counter.use(referral_shop(BY_JOB))
    program = Program(counter)
    leads = await some_leads(program, "new", "accepted", "dismissed", "regretted", "canceled", "converted")
    await run()
    for name, what in (("accepted", "accept"), ("dismissed", "dismiss"), ("regretted", "dismiss")):
        booking = await program.booking_of(leads[name])
        await counter.tell(f"/servicetitan/bookings/{booking['id']}/{what}")
    await program.job_of(leads["converted"])
    await program.status(await program.job_of(leads["canceled"]), "Canceled")
    await run()
    assert await qualified(program, leads) == ["canceled", "converted"]
    assert (await program.row(leads["dismissed"])).stage == ReferralStage.DISMISSED
    await program.job_of(leads["regretted"])
    await run()
    await run()
    assert await qualified(program, leads) == ["regretted", "canceled", "converted"]
    assert await program.puts() == 3


async def test_only_the_chosen_status_qualifies(counter: Counter) -> None:
    """RF-43, RF-48, RF-50, RF-D7: no job and other statuses are not it; several in a row, and before we looked, are."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    leads = await some_leads(program, "booked", "job", "underway", "canceled", "in-a-row", "at-once")
    await run()
    jobs = {name: await program.job_of(leads[name]) for name in ("job", "underway", "canceled", "in-a-row")}
    await program.status(jobs["underway"], "Dispatched", "InProgress")
    await program.status(jobs["canceled"], "Canceled")
    await run()
    assert await qualified(program, leads) == []
    await program.status(jobs["in-a-row"], "Dispatched", "InProgress", "Hold", "Completed")
    await program.status(await program.job_of(leads["at-once"]), "Completed")
    await run()
    assert await qualified(program, leads) == ["in-a-row", "at-once"]
    assert await program.puts() == 2
    row = await program.row(leads["underway"])
    assert (row.stage, row.jobs[0]["status"]) == (ReferralStage.JOB, "InProgress")


async def test_a_status_between_two_looks_is_found_in_the_history(counter: Counter) -> None:
    """RF-43, RF-50, Q3: reached and passed by between two passes."""
    counter.use(referral_shop(a_campaign(leads={"job_status": "in progress"})))
    program = Program(counter)
    leads = await some_leads(program, "passed", "not-yet")
    await run()
    jobs = {name: await program.job_of(lead) for name, lead in leads.items()}
    await run()
    await program.status(jobs["passed"], "Dispatched", "InProgress", "Hold")
    await program.status(jobs["not-yet"], "Dispatched", "Hold")
    await run()
    assert await qualified(program, leads) == ["passed"]


async def test_completed_and_reopened_stays_qualified_also_before_we_looked(counter: Counter) -> None:
    """RF-D5, RF-D6: reopened after it was sent, nothing is taken back; reopened before, it had been reached."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    leads = await some_leads(program, "after", "before", "again")
    await run()
    jobs = {name: await program.job_of(lead) for name, lead in leads.items()}
    await program.status(jobs["after"], "Completed")
    await program.status(jobs["before"], "Completed", "InProgress")
    await run()
    assert await qualified(program, leads) == ["after", "before"]
    await program.status(jobs["after"], "InProgress")
    await program.status(jobs["again"], "Completed", "Scheduled", "Completed")
    await run()
    await program.status(jobs["after"], "Completed")
    await run()
    assert await qualified(program, leads) == ["after", "before", "again"]
    assert await program.puts() == 3


async def test_any_job_of_a_booking_qualifies_its_lead_once(counter: Counter) -> None:
    """Q4, RF-42, RF-D6: three jobs of one booking; the last is completed, then all of them: one call."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    leads = await some_leads(program, "lee")
    await run()
    booking = await program.booking_of(leads["lee"])
    made = await program.convert(booking["id"], jobs=2)
    await run()
    later = await program.job_of(leads["lee"])
    await run()
    assert len((await program.row(leads["lee"])).jobs) == 3
    assert await qualified(program, leads) == []
    await program.status(later, "Completed")
    await run()
    assert await qualified(program, leads) == ["lee"]
    for job in made["jobs"]:
        await program.status(job["job_number"], "Completed")
    await run()
    assert await program.puts() == 1


async def test_never_means_by_hand(counter: Counter) -> None:
    """RF-S3: the third choice qualifies nobody; the booking is followed all the same."""
    counter.use(referral_shop(a_campaign(leads={"qualify_when": "never"})))
    program = Program(counter)
    leads = await some_leads(program, "lee")
    await run()
    await program.status(await program.job_of(leads["lee"]), "Completed")
    await run()
    assert await program.puts() == 0
    row = await program.row(leads["lee"])
    assert (row.stage, row.jobs[0]["status"], row.why) == ("job", "Completed", "The campaign qualifies by hand only.")


async def test_a_changed_rule_judges_everybody_anew(counter: Counter) -> None:
    """RF-64, RF-48, RF-29: from the next pass on, without another change in ServiceTitan; one method at a time."""
    counter.use(referral_shop(a_campaign(leads={"qualify_when": "never"})))
    program = Program(counter)
    leads = await some_leads(program, "done", "reopened", "job", "booked")
    await run()
    jobs = {name: await program.job_of(leads[name]) for name in ("done", "reopened", "job")}
    await program.status(jobs["done"], "Completed")
    await program.status(jobs["reopened"], "Completed", "Hold")
    await run()
    await run()
    assert await program.puts() == 0
    counter.use(referral_shop(a_campaign()))
    await run()
    assert await qualified(program, leads) == ["done", "reopened"]
    counter.use(referral_shop(BY_JOB))
    await run()
    assert await qualified(program, leads) == ["done", "reopened", "job"]
    counter.use(referral_shop(a_campaign(leads={"qualify_when": "never"})))
    await run()
    assert await program.puts() == 3


async def test_a_rule_taken_back_before_it_was_carried_out_qualifies_nobody(counter: Counter) -> None:
    """RF-64: the lead was won, the program refused; then the campaign was set to "by hand": nothing is sent any more."""
    counter.use(referral_shop(BY_JOB))
    program = Program(counter)
    leads = await some_leads(program, "lee")
    await run()
    await program.job_of(leads["lee"])
    put = "PUT /referral-factory/api/v2/users/qualification"
    await counter.tell("/faults", match=put, kind="status", status=422, times=1)
    report = await run()
    record = f"person {leads['lee']['id']}"
    assert outcomes(report)[record] == "held"
    counter.use(referral_shop(a_campaign(leads={"qualify_when": "never"})))
    await run()
    assert (await program.puts(), await qualified(program, leads)) == (1, [])
    counter.use(referral_shop(BY_JOB))
    await run()
    assert await qualified(program, leads) == ["lee"]
    assert await program.held() == {}


async def test_a_status_that_is_none_is_no_shop_file(counter: Counter) -> None:
    """RF-51: method (b) without a status, or with one that jobs do not have, cannot be saved."""
    with pytest.raises(SettingsError, match="job_status is mandatory"):
        referral_shop(a_campaign(leads={"job_status": " "}))
    with pytest.raises(SettingsError, match="did you mean Completed"):
        referral_shop(a_campaign(leads={"job_status": "Complete"}))
    with pytest.raises(SettingsError, match="qualify_when"):
        referral_shop(a_campaign(leads={"qualify_when": "job_and_status"}))


async def test_referrers_are_never_qualified(counter: Counter) -> None:
    """RF-65: booked, a job, completed; nobody is qualified, and nothing is asked of the program."""
    counter.use(referral_shop(a_campaign(leads=JOB, referrers=REFERRERS)))
    program = Program(counter)
    fan = await program.referrer("fan@example.com")
    await run()
    await program.status(await program.job_of(fan), "Completed")
    await run()
    assert await program.puts() == 0
    row = await program.row(fan)
    assert (row.stage, row.why) == ("job", "Referrers who signed up by themselves are not qualified.")


async def test_only_our_own_bookings_qualify(counter: Counter) -> None:
    """RF-D4: another channel's booking and a job by hand, both with the lead's e-mail, are nobody's referral."""
    counter.use(referral_shop(BY_JOB))
    program = Program(counter)
    leads = await some_leads(program, "lee")
    await run()
    other = await counter.tell("/servicetitan/bookings", provider=5102, email="lee@example.com", name="Lee")
    same_key = await counter.tell(
        "/servicetitan/bookings", provider=5102, external_ids=[leads["lee"]["code"]], email="lee@example.com"
    )
    for number in (*other["booking_ids"], *same_key["booking_ids"]):
        await program.convert(number)
    await counter.tell(
        "/servicetitan/jobs", customer="Lee Oak", email="lee@example.com", zip="35209", technician="Dana Whitfield"
    )
    await run()
    assert await qualified(program, leads) == []
    assert await program.puts() == 0


async def test_qualified_by_hand_is_not_sent_and_taken_back_is_not_undone(counter: Counter) -> None:
    """RF-44, RF-D6: no call for whom the office qualified; and no second one when it takes a qualification back."""
    counter.use(referral_shop(BY_JOB))
    program = Program(counter)
    leads = await some_leads(program, "by-hand", "refunded")
    await run()
    await counter.tell(f"/referral-factory/users/{leads['by-hand']['id']}/qualify")
    for lead in leads.values():
        await program.job_of(lead)
    await run()
    assert await program.puts() == 1
    assert (await program.row(leads["by-hand"])).qualified_at is not None
    await counter.tell(f"/referral-factory/users/{leads['refunded']['id']}/qualify", qualified=False)
    await run()
    await run()
    assert (await qualified(program, leads), await program.puts()) == (["by-hand"], 1)


async def test_qualifying_is_sent_once_over_lost_answers_and_two_runs(counter: Counter) -> None:
    """RF-44, RF-D6: the call landed and its answer was lost, while another pass runs: one call, and one mail each."""
    counter.use(referral_shop(BY_JOB))
    await counter.tell("/referral-factory/campaigns/1001/mails", lead_qualified="on", referrer_qualified="on")
    program = Program(counter)
    leads = await some_leads(program, "lee", "ann")
    await run()
    for lead in leads.values():
        await program.job_of(lead)
    put = "PUT /referral-factory/api/v2/users/qualification"
    await counter.tell("/faults", match=put, kind="lost_answer")
    await asyncio.gather(run(), run())
    await run()
    assert await qualified(program, leads) == ["lee", "ann"]
    assert await program.puts() == 2
    mails = (await counter.people.get("/_sandbox/mailbox")).json()["mails"]
    assert sorted(one["kind"] for one in mails if "qualified" in one.get("kind", "")) == [
        "lead_qualified",
        "lead_qualified",
        "referrer_qualified",
        "referrer_qualified",
    ]


async def test_rewards_are_shown_and_never_issued(counter: Counter) -> None:
    """RF-5, RF-45: due for the referrer after the qualification; issued once a person has done it; no call of ours."""
    counter.use(referral_shop(BY_JOB))
    await counter.tell("/referral-factory/campaigns/1001", rewards=[{"metric": "amount", "total": "25"}])
    program = Program(counter)
    leads = await some_leads(program, "lee", "ann")
    await run()
    await program.job_of(leads["lee"])
    await run()
    assert [(await program.row(one)).reward for one in leads.values()] == ["due", ""]
    [due] = (await counter.state())["referral_factory"]["due_rewards"]
    assert due["recipient_id"] == (await program.user(leads["lee"]["id"]))["referrer_id"]

    await counter.tell(f"/referral-factory/rewards/{due['id']}/issue")
    await run()
    assert (await program.row(leads["lee"])).reward == "due", "read again after a while, not with each pass"
    await counter.books.cursors.set_time("demo", "referral_factory/rewards", utc_now() - REWARDS_EVERY, force=True)
    await run()
    assert (await program.row(leads["lee"])).reward == "issued"
    [funnel] = await counter.books.referred.funnels("demo")
    assert (funnel.signed_up, funnel.jobs, funnel.qualified, funnel.rewards_issued) == (2, 1, 1, 1)
    calls = [call for call in await counter.calls() if "/rewards/" in call and not call.startswith("GET")]
    assert calls == []


async def test_a_campaign_that_issues_by_itself_shows_issued_at_once(counter: Counter) -> None:
    """RF-45: with auto-issue the one call sends the money: what `truckroll check` warns of."""
    counter.use(referral_shop(BY_JOB))
    await counter.tell("/referral-factory/campaigns/1001", rewards=[{"metric": "coupon", "auto_issue": True}])
    program = Program(counter)
    leads = await some_leads(program, "lee")
    await run()
    await program.job_of(leads["lee"])
    await run()
    assert (await program.row(leads["lee"])).reward == "issued"


async def test_reading_the_same_again_does_nothing(counter: Counter) -> None:
    """RF-29: only a change fires; a pass without one writes nothing, and adds nothing to the audit log."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    leads = await some_leads(program, "lee", "ann")
    await run()
    await program.status(await program.job_of(leads["lee"]), "InProgress")
    await run()
    before = [row.id for row in await counter.books.audit.list(shop="demo")]
    await counter.calls()
    for _ in range(2):
        assert (await run()).items == []
    assert [row.id for row in await counter.books.audit.list(shop="demo")] == before
    writes = [call for call in await counter.calls() if not call.startswith("GET") and not call.endswith("/search")]
    assert writes == []


async def test_the_calls_of_a_pass_do_not_grow_with_the_bookings_that_are_open(counter: Counter) -> None:
    """RF-43: thirty open bookings cost a pass as many calls as three: the lists of what changed are read."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)

    async def cost() -> int:
        # What was made a moment ago is within the overlap: it is read once more with the first pass after it.
        await run()
        await counter.calls()
        await run()
        return len(await counter.calls())

    leads = await some_leads(program, "a", "b", "c")
    few = await cost()
    friend = await program.referrer("sky@example.com")
    more = [await program.lead(friend["code"], f"lee{number}@example.com") for number in range(27)]
    many = await cost()
    assert len(await program.bookings()) == len(leads) + len(more)
    assert many == few
