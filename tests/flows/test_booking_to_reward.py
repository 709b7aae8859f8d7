"""Booking to reward under Prefect, against the sandbox: one lead, one booking, and one qualification when it is won."""

from __future__ import annotations

from tests.flows.referral_run import Program, a_campaign, referral_shop, run
from tests.tasks.conftest import Counter, counter

__all__ = ["counter"]


async def test_a_lead_becomes_a_booking_and_qualifies_when_its_job_is_completed(counter: Counter) -> None:
    """RF-3, RF-4, RF-41, RF-42, RF-44, RF-50: signed up, booked, a job, completed, qualified; each once."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com", meta={"Last Name": "Oak", "Phone": "205-555-0101"})

    await run()
    [booking] = await program.bookings()
    assert (booking["externalId"], booking["name"], booking["source"]) == (lead["code"], "Lee Oak", "Cahaba Neighbours")
    assert booking["isFirstTimeClient"] is True

    made = await program.convert(booking["id"])
    await run()
    assert (await program.user(lead["id"]))["qualified_at"] is None

    await program.status(made["jobs"][0]["job_number"], "Completed")
    report = await run()
    assert (await program.user(lead["id"]))["qualified_at"] is not None
    assert [(item.id, item.outcome) for item in report.items] == [(f"person {lead['id']}", "qualified")]

    await counter.calls()
    await run()
    assert len(await program.bookings()) == 1
    assert not [call for call in await counter.calls() if call.startswith(("PUT", "POST")) and "search" not in call]
