"""Who signs up in a referral campaign is booked once, as the campaign's map says; whoever is known is recognised."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flows.running import run_process
from models.errors import SettingsError
from models.shop import Shop
from tests.contracts.specs import spec_validator
from tests.flows.referral_run import LEADS, PROVIDER, REFERRERS, Program, a_campaign, outcomes, referral_shop, run
from tests.tasks.conftest import Counter, counter

__all__ = ["counter"]

BOOKINGS = f"/servicetitan/crm/v2/tenant/1234567/booking-provider/{PROVIDER}/bookings"


async def sent(counter: Counter) -> list[Any]:
    """Return the bodies of all bookings that were asked for, each valid against the vendor's own spec."""
    rows = (await counter.people.get("/_sandbox/requests")).json()["requests"]
    bodies = [row["body"] for row in rows if row["method"] == "POST" and row["path"] == BOOKINGS]
    schema = spec_validator("crm-v2", "POST", "/booking-provider/{booking_provider}/bookings", kind="request")
    for body in bodies:
        schema.validate(body)
    return bodies


async def test_one_sign_up_is_one_booking_however_often_it_is_told(counter: Counter) -> None:
    """RF-41, RF-42, RF-S1: at once after the form; polls, replayed deliveries and two runs at a time make no second."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    for event in ("one", "two", "three"):
        await counter.books.hook_events.keep(
            "demo", "referral_factory", event, kind="user.join", record=f"code/{lead['code']}", campaign_id=1001
        )
    await asyncio.gather(run(), run())
    await counter.books.hook_events.keep(
        "demo", "referral_factory", "four", kind="user.join", record=f"user/{lead['id']}", campaign_id=1001
    )
    await run()
    [booking] = await program.bookings()
    assert await program.made() == 1
    row = await program.row(lead)
    assert (row.booking, row.external_id) == (booking["id"], lead["code"]) == (booking["id"], booking["externalId"])
    assert await counter.books.hook_events.waiting("demo", "referral_factory") == []


async def test_an_answer_that_was_lost_makes_no_second_booking(counter: Counter) -> None:
    """RF-41: the booking was made and its answer lost; it is found by its external id."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    await counter.tell("/faults", match=f"POST {BOOKINGS}", kind="lost_answer")
    await run()
    assert (await program.row(lead)).booking == (await program.booking_of(lead))["id"]
    assert await program.made() == 1


async def test_the_sixth_field_and_the_five_others_are_what_is_sent(counter: Counter) -> None:
    """RF-53, RF-54, RF-55, RF-S4, RF-S5: looked up, written out and both; a default where the map gives nothing."""
    changes = {
        "map": {
            "source": "campaign.name",
            "name": "lead.full_name",
            "email": "lead.email",
            "phone": "lead.meta.Phone",
            "summary": "Referral of {lead.first_name} ({lead.code})",
            "external_id": "lead.code",
            "priority": "high",
        },
        "defaults": {"is_first_time_client": "yes", "phone": "205-555-0199", "customer_type": "Residential"},
    }
    counter.use(referral_shop(a_campaign(leads=changes)))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "Lee.Oak@Example.com", meta={"Last Name": "O{x}ak <b>"})
    await program.lead(friend["code"], "ann@example.com", first_name="Ann", meta={"Phone": "205-555-0123"})
    await run()
    second, first = sorted(await sent(counter), key=lambda one: str(one["name"]))  # both are booked at once
    assert first == {
        "source": "Cahaba Neighbours",
        "name": "Lee O{x}ak <b>",
        "summary": f"Referral of Lee ({lead['code']})",
        "isFirstTimeClient": True,
        "externalId": lead["code"],
        "contacts": [
            {"type": "Email", "value": "Lee.Oak@Example.com"},
            {"type": "Phone", "value": "205-555-0199"},
        ],
        "customerType": "Residential",
        "priority": "High",
        "isSendConfirmationEmail": False,
    }
    assert [one["value"] for one in second["contacts"]] == ["ann@example.com", "205-555-0123"]


@pytest.mark.parametrize("name", ["source", "name", "email", "summary", "external_id"])
async def test_a_half_made_map_is_no_shop_file(counter: Counter, name: str) -> None:
    """RF-53, RF-62, RF-S2: without one of the five it cannot be saved, for leads or for referrers."""
    for section, settings in (("leads", LEADS), ("referrers", REFERRERS)):
        given: Any = settings["map"]
        less = {**settings, "map": {key: value for key, value in given.items() if key != name}}
        with pytest.raises(SettingsError, match=f"map.{name} is mandatory"):
            referral_shop({"id": 1001, section: less})


@pytest.mark.parametrize(("said", "known", "new"), [("derive", False, True), ("yes", True, True), ("no", False, False)])
async def test_first_time_is_yes_no_or_what_the_email_says(counter: Counter, said: str, known: bool, new: bool) -> None:
    """RF-55, RF-62, Q2: a boolean, always; it may be derived from whether ServiceTitan knows the e-mail."""
    counter.use(referral_shop(a_campaign(leads={"defaults": {"is_first_time_client": said}})))
    program = Program(counter)
    await program.customer("known@example.com")
    friend = await program.referrer("robin@example.com")
    leads = [await program.lead(friend["code"], f"{name}@example.com") for name in ("known", "new")]
    await run()
    by_id = {body["externalId"]: body["isFirstTimeClient"] for body in await sent(counter)}
    assert [by_id[lead["code"]] for lead in leads] == [known, new]


async def test_a_known_email_is_recognised_wherever_it_stands(counter: Counter) -> None:
    """RF-46, Q1, Q5: case, blanks, a second e-mail, a merged customer, a location's contact; flagged, none made by us."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    by_case = await program.customer(" Pat.SAMPLE@Example.COM ")
    second = await program.customer("office@example.com", "second@example.com")
    merged, stays = await program.customer("merged@example.com"), await program.customer("stays@example.com")
    await counter.tell(f"/servicetitan/customers/{merged}/merge", into=stays)
    by_place = await program.customer("landlord@example.com", location="Tenant@Example.com")
    former = await program.customer("former@example.com")
    await counter.tell(f"/servicetitan/customers/{former}/deactivate")
    before = (await counter.state())["servicetitan"]
    friend = await program.referrer("robin@example.com")
    emails = {
        "pat.sample@example.com": by_case,
        "SECOND@example.com": second,
        "merged@example.com": stays,
        "tenant@example.com": by_place,
        "former@example.com": former,
        "nobody@example.com": None,
    }
    leads = {email: await program.lead(friend["code"], email) for email in emails}
    report = await run()
    after = (await counter.state())["servicetitan"]
    assert [len(after[kind]) for kind in ("customers", "contacts")] == [
        len(before[kind]) for kind in ("customers", "contacts")
    ]
    assert set(outcomes(report).values()) == {"booked"}
    for email, customer in emails.items():
        booking, row = await program.booking_of(leads[email]), await program.row(leads[email])
        assert (row.is_existing, row.customers) == (customer is not None, [customer] if customer else []), email
        assert booking["isFirstTimeClient"] is (customer is None), email
        flag = f"\nExisting customer: ServiceTitan has this e-mail at customer {customer}." if customer else ""
        assert booking["summary"] == f"Referral{flag}", email

    # Their jobs are completed: only who was new is qualified.
    for lead in leads.values():
        await program.status(await program.job_of(lead), "Completed")
    await run()
    assert [email for email in emails if await program.is_qualified(leads[email])] == ["nobody@example.com"]

    # The campaign qualifies existing customers too, from now on.
    counter.use(referral_shop(a_campaign(leads={"qualify_existing": True})))
    await run()
    assert all([await program.is_qualified(lead) for lead in leads.values()])
    assert await program.puts() == len(leads)


async def test_a_campaign_may_book_no_existing_customers(counter: Counter) -> None:
    """RF-46, RF-59, Q1: with existing_contact = nothing a known e-mail leads to nothing at all, lead or referrer."""
    nothing = {"existing_contact": "nothing"}
    counter.use(referral_shop(a_campaign(leads=nothing, referrers={**REFERRERS, **nothing})))
    program = Program(counter)
    for email in ("known@example.com", "fan@example.com"):
        await program.customer(email)
    friend = await program.referrer("new.fan@example.com")
    known = [await program.lead(friend["code"], "Known@example.com"), await program.referrer("FAN@example.com")]
    new = [friend, await program.lead(friend["code"], "new@example.com")]
    report = await run()
    assert [outcomes(report)[f"person {one['id']}"] for one in known] == ["ignored", "ignored"]
    assert {one["externalId"] for one in await program.bookings()} == {one["code"] for one in new}
    await run()
    assert await program.made() == 2


async def test_the_referrer_is_told_and_lacking_one_is_no_obstacle(counter: Counter) -> None:
    """RF-56, RF-57, RF-S12: into the summary, and into the job's fields; no referrer any more, and still a booking."""
    changes = {
        "map": {
            **LEADS["map"],  # type: ignore[dict-item]
            "summary": "Referred by {referrer.full_name} {referrer.email}",
            "job.Model number": "referrer.full_name",
            "job.Serial number": "campaign.name",
        }
    }
    counter.use(referral_shop(a_campaign(leads=changes)))
    program = Program(counter)
    friend = await program.referrer("robin@example.com", meta={"Last Name": "Ash"})
    gone = await program.referrer("gone@example.com")
    odd = await program.referrer("odd@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    others = [await program.lead(one["code"], f"of.{one['id']}@example.com") for one in (gone, odd)]
    await counter.tell(f"/referral-factory/users/{gone['id']}/delete")
    await counter.tell(
        "/faults", match=f"GET /referral-factory/api/v2/users/{odd['id']}", kind="status", status=422, times=None
    )
    await run()
    assert (await program.booking_of(lead))["summary"] == "Referred by Robin Ash robin@example.com"
    assert [(await program.booking_of(one))["summary"] for one in others] == ["Referred by", "Referred by"]

    number = await program.job_of(lead)
    await counter.tell(f"/servicetitan/jobs/{number}", custom_fields={"Serial number": "F91430217"})
    await run()
    fields = await job_fields(counter, number)
    assert fields == {"Model number": "Robin Ash", "Serial number": "F91430217"}, "what the office entered stays"
    patches = "PATCH /servicetitan/jpm/v2/tenant/{tenant}/jobs/{id}"
    assert await program.count(patches) == 1
    await program.status(number, "Dispatched", "InProgress")
    await run()
    assert await program.count(patches) == 1


async def job_fields(counter: Counter, number: str) -> dict[str, str]:
    jobs = (await counter.state())["servicetitan"]["jobs"]
    [job] = [one for one in (jobs.values() if isinstance(jobs, dict) else jobs) if one["jobNumber"] == number]
    return {one["name"]: one["value"] for one in job["customFields"]}


async def test_what_the_tenant_does_not_have_is_told_and_left_out(counter: Counter) -> None:
    """RF-52, RF-57, RF-61: live lists; a missing field or an entry taken out is a message, never a failed booking."""
    changes = {
        "map": {**LEADS["map"], "job.Referred by": "referrer.full_name"},  # type: ignore[dict-item]
        "defaults": {"is_first_time_client": "derive", "campaign": "contractor commerce", "job_type": "Filter Order"},
    }
    counter.use(referral_shop(a_campaign(leads=changes)))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    report = await run()
    first = await program.booking_of(lead)
    assert first["campaignId"] is not None
    assert first["jobTypeId"] is not None
    assert outcomes(report)[f"person {lead['id']}"] == "booked"
    assert "ServiceTitan has no job custom field Referred by." in (await program.held())["map of campaign 1001"]

    await counter.tell("/servicetitan/settings", kind="job_type", name="Filter Order", active=False)
    other = await program.lead(friend["code"], "ann@example.com")
    await run()
    second = await program.booking_of(other)
    assert (second["campaignId"], second["jobTypeId"]) == (first["campaignId"], None)
    assert "no active job type Filter Order" in (await program.held())["map of campaign 1001"]

    counter.use(referral_shop(a_campaign()))
    await program.lead(friend["code"], "kim@example.com")
    await run()
    assert await program.held() == {}, "told until it is so no more"


async def test_referrers_are_booked_only_where_they_are_switched_on(counter: Counter) -> None:
    """RF-47, RF-58, RF-60, RF-62, RF-63: off by default, and settings of their own."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    await program.lead(friend["code"], "lee@example.com")
    await run()
    assert len(await program.bookings()) == 1

    own = {**REFERRERS, "defaults": {"is_first_time_client": "no", "priority": "Low"}}
    counter.use(referral_shop(a_campaign(referrers=own)))
    later = await program.referrer("later@example.com")
    await counter.books.cursors.set("demo", "referral_factory/1001/sign-ups/whole", "")
    await run()
    await run()
    assert len(await program.bookings()) == 3
    for one in (friend, later):
        booking = await program.booking_of(one)
        assert (booking["summary"], booking["priority"]) == ("New referrer", "Low")
        assert booking["isFirstTimeClient"] is False


async def test_people_the_contact_sync_made_are_never_booked(counter: Counter) -> None:
    """RF-D1: both processes on one campaign; only who came by the join link is booked, whatever sources count."""
    referrers = {**REFERRERS, "sources": ["Direct", "Api"]}
    sync = {"contact_sync": {"enabled": True, "map": {"first_name": "customer.first_name", "email": "contact.email"}}}
    counter.use(referral_shop({**a_campaign(referrers=referrers), **sync}))
    program = Program(counter)
    own = await program.referrer("robin@example.com")
    await run()
    [item] = (await run_process("contact-sync", "demo")).items
    assert item.outcome == "synced"
    users = (await counter.people.get("/_sandbox/referral-factory/users")).json()["users"]
    assert len(users) > 3
    await counter.books.cursors.set("demo", "referral_factory/1001/sign-ups/whole", "")
    report = await run()
    assert {one["externalId"] for one in await program.bookings()} == {own["code"]}
    assert report.items == []
    # One of them brings a friend: the friend is booked, and has the customer's credit.
    synced = next(one for one in users if one["id"] != own["id"])
    lead = await program.lead(synced["code"], "lee@example.com")
    await run()
    assert (await program.booking_of(lead))["source"] == "Cahaba Neighbours"


async def test_a_lead_is_no_customer_to_the_contact_sync_before_it_is_one(counter: Counter) -> None:
    """RF-D2: a booking's contact is nobody's customer; the sync makes no referrer of a lead."""
    sync = {"contact_sync": {"enabled": True, "map": {"first_name": "customer.first_name", "email": "contact.email"}}}
    counter.use(referral_shop({**a_campaign(), **sync}))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    await run()
    await run_process("contact-sync", "demo")
    users = (await counter.people.get("/_sandbox/referral-factory/users")).json()["users"]
    assert [one["kind"] for one in users if one["email"] == "lee@example.com"] == [lead["type"]]


async def test_campaigns_are_set_up_each_on_its_own(counter: Counter) -> None:
    """RF-27, RF-28, RF-47, RF-64: two maps, two rules; a campaign without settings moves nobody."""
    await counter.tell("/referral-factory/campaigns/1002", status="launched")
    program = Program(counter)
    friends = {
        number: await program.referrer(f"friend.{number}@example.com", campaign=number) for number in (1001, 1002)
    }
    leads = {number: await program.lead(one["code"], f"of.{number}@example.com") for number, one in friends.items()}

    def shop(**second: Any) -> Shop:
        return referral_shop(a_campaign(), a_campaign(1002, leads={"qualify_when": "job", **second}))

    counter.use(shop(enabled=False))
    await run()
    assert {one["externalId"] for one in await program.bookings()} == {leads[1001]["code"]}
    counter.use(shop(map={**LEADS["map"], "summary": "From the second campaign"}))  # type: ignore[dict-item]
    await run()
    assert [one["summary"] for one in await program.bookings()] == ["Referral", "From the second campaign"]
    for lead in leads.values():
        await program.job_of(lead)
    await run()
    assert [await program.is_qualified(leads[number]) for number in (1001, 1002)] == [False, True]
