"""What goes wrong in booking to reward: it is said once, held with its reason, and stops nobody else."""

from __future__ import annotations

from typing import Any, cast

import httpx
import pytest

from models.booking import ReferralStage
from models.errors import SettingsError
from models.shop import Shop
from sandbox.world import World
from tasks.held import retry
from tests.flows.referral_run import LEADS, PROVIDER, REFERRERS, Program, a_campaign, outcomes, referral_shop, run
from tests.tasks.conftest import Counter, counter

__all__ = ["counter"]

BOOKINGS = f"/servicetitan/crm/v2/tenant/1234567/booking-provider/{PROVIDER}/bookings"
BY_JOB = a_campaign(leads={"qualify_when": "job"})


def world(counter: Counter) -> World:
    """Return the vendors themselves, for what no person can do in them."""
    app = cast("httpx.ASGITransport", counter.people._transport).app
    return cast("World", cast("Any", app).world)


async def retry_all(counter: Counter) -> None:
    for row in await counter.books.held.list("demo"):
        assert row.id is not None
        await retry(counter.books, row.id)


async def test_a_wrong_booking_provider_is_said_once_and_holds_everybody_back(counter: Counter) -> None:
    """RF-S6, RF-22: one entry for any number of leads; corrected, all are booked by themselves, who is deleted not."""
    counter.use(referral_shop(a_campaign(), provider=9999))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    leads = [await program.lead(friend["code"], f"lee{number}@example.com") for number in range(12)]
    for _ in range(2):
        report = await run()
        assert outcomes(report) == {"booking provider": "held"}
        assert list(await program.held()) == ["booking provider"]
    assert "booking provider 9999" in (await program.held())["booking provider"]
    await counter.tell(f"/referral-factory/users/{leads[3]['id']}/delete")
    counter.use(referral_shop(a_campaign()))
    report = await run()
    assert {one["externalId"] for one in await program.bookings()} == {
        lead["code"] for lead in leads if lead is not leads[3]
    }
    assert outcomes(report)[f"person {leads[3]['id']}"] == "ignored"
    assert (await program.row(leads[3])).stage == ReferralStage.GONE
    assert await program.held() == {}


@pytest.mark.parametrize(
    ("status", "has_tag", "is_of_all"),
    [
        pytest.param(400, True, False, id="the provider is there: each is refused for itself"),
        pytest.param(400, False, True, id="no tag is this provider"),
        pytest.param(403, True, True, id="the app may not make bookings"),
        pytest.param(404, True, True, id="the address is not there"),
    ],
)
async def test_a_provider_that_is_refused_only_when_it_is_written_to_is_said_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, status: int, has_tag: bool, is_of_all: bool
) -> None:
    """RF-S6: the list answers, the create does not; a refusal of one person's booking is that person's alone."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    for number in range(3):
        await program.lead(friend["code"], f"lee{number}@example.com")
    await counter.tell("/faults", match=f"POST {BOOKINGS}", kind="status", status=status, times=None)

    async def no_tags() -> tuple[()]:
        return ()

    if not has_tag:
        monkeypatch.setattr(counter.st, "list_booking_provider_tags", no_tags)
    report = await run()
    held = await program.held()
    assert set(outcomes(report).values()) == {"held"}
    assert list(held) == ["booking provider"] if is_of_all else len(held) == 3


async def test_a_provider_that_goes_wrong_later_stops_no_job_from_being_followed(counter: Counter) -> None:
    """RF-43, RF-S6: bookings cannot be listed any more; the jobs they became are followed, and qualify."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    await run()
    number = await program.job_of(lead)
    await run()
    counter.use(referral_shop(a_campaign(), provider=9999))
    await program.status(number, "Completed")
    report = await run()
    assert outcomes(report) == {"changed bookings": "held", f"person {lead['id']}": "qualified"}
    counter.use(referral_shop(a_campaign()))
    await program.lead(friend["code"], "ann@example.com")
    await run()
    assert await program.held() == {}


async def test_no_provider_is_a_fault_of_the_shop_file(counter: Counter) -> None:
    """RF-22: without a provider nobody is booked, and the run says which setting it lacks."""
    shop = referral_shop(a_campaign())
    bare = shop.need_servicetitan().model_copy(update={"booking_provider": None})
    counter.use(shop.model_copy(update={"servicetitan": bare}))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    await program.lead(friend["code"], "lee@example.com")
    with pytest.raises(SettingsError, match="booking_provider"):
        await run()
    assert await program.bookings() == []


async def test_who_has_no_name_or_email_is_held_and_booked_once_corrected(counter: Counter) -> None:
    """RF-53, RF-54: only this one waits; corrected in the program it goes on by itself; a default stands in too."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    leads = [await program.lead(friend["code"], f"{name}@example.com") for name in ("noname", "noemail", "fine")]
    users = world(counter).program.users
    users[leads[0]["id"]].first_name = " "
    users[leads[1]["id"]].email = "not an e-mail"
    report = await run()
    records = [f"person {lead['id']}" for lead in leads]
    assert [outcomes(report)[record] for record in records] == ["held", "held", "booked"]
    held = await program.held()
    assert (held[records[0]], held[records[1]]) == ("The person has no name.", "The person's e-mail is none.")
    assert (await run()).items == [], "held is held: nothing is tried again by itself"
    users[leads[0]["id"]].first_name = "Noel"
    users[leads[1]["id"]].email = "noemail@example.com"
    await run()
    assert (await program.booking_of(leads[0]))["name"] == "Noel"
    assert len(await program.bookings()) == 3
    assert await program.held() == {}


async def test_a_colliding_external_id_can_be_mended(counter: Counter) -> None:
    """RF-53: a map that gives two people one external id holds the second; another map and a retry book them."""
    shared = {"map": {**LEADS["map"], "external_id": "lead.meta.Phone"}}  # type: ignore[dict-item]
    counter.use(referral_shop(a_campaign(leads=shared)))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    leads = {
        f"person {lead['id']}": lead
        for lead in [
            await program.lead(friend["code"], f"{name}@example.com", meta={"Phone": "205-555-0101"})
            for name in ("lee", "ann")
        ]
    }
    await run()
    [(record, why)] = (await program.held()).items()
    second = leads.pop(record)
    [first] = leads.values()
    assert f"Person {first['id']} has the same external id" in why
    counter.use(referral_shop(a_campaign()))
    await retry_all(counter)
    await run()
    row = await program.row(second)
    assert (row.external_id, (await program.booking_of(second))["id"]) == (second["code"], row.booking)
    assert (await program.row(first)).external_id == "205-555-0101"


async def test_a_lead_deleted_before_its_job_was_won_is_told(counter: Counter) -> None:
    """RF-44: gone from the program between booking and job: held with the reason, and the others go on."""
    counter.use(referral_shop(BY_JOB))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    gone, there = [await program.lead(friend["code"], f"{name}@example.com") for name in ("gone", "there")]
    await run()
    for lead in (gone, there):
        await program.job_of(lead)
    await counter.tell(f"/referral-factory/users/{gone['id']}/delete")
    report = await run()
    assert outcomes(report) == {f"person {gone['id']}": "held", f"person {there['id']}": "qualified"}
    assert "is not in Referral Factory any more" in (await program.held())[f"person {gone['id']}"]
    assert (await run()).items == []
    assert await program.puts() == 1


async def test_one_email_in_two_campaigns_is_booked_once_until_a_person_says_so(counter: Counter) -> None:
    """RF-41, RF-46: the later sign-up waits for a person; "tried again" makes its booking too."""
    await counter.tell("/referral-factory/campaigns/1002", status="launched")
    counter.use(referral_shop(a_campaign(), a_campaign(1002)))
    program = Program(counter)
    friends = [await program.referrer(f"friend.{number}@example.com", campaign=number) for number in (1001, 1002)]
    first = await program.lead(friends[1]["code"], "Same@example.com")
    second = await program.lead(friends[0]["code"], "same@EXAMPLE.com")
    await run()
    assert {one["externalId"] for one in await program.bookings()} == {first["code"]}
    assert "Campaign 1002 has the same e-mail" in (await program.held())[f"person {second['id']}"]
    await retry_all(counter)
    await run()
    assert {one["externalId"] for one in await program.bookings()} == {first["code"], second["code"]}
    assert await program.held() == {}


async def test_a_lead_who_is_booked_as_a_referrer_elsewhere_is_held_and_told_as_what(counter: Counter) -> None:
    """RF-41, RF-58: who signed up by the join link of one campaign, and is a friend's lead in another."""
    await counter.tell("/referral-factory/campaigns/1002", status="launched")
    counter.use(referral_shop(a_campaign(referrers=REFERRERS), a_campaign(1002)))
    program = Program(counter)
    own = await program.referrer("robin@example.com")
    friend = await program.referrer("friend@example.com", campaign=1002)
    lead = await program.lead(friend["code"], "Robin@example.com")
    await run()
    assert {one["externalId"] for one in await program.bookings()} == {own["code"]}
    told = (await program.held())[f"person {lead['id']}"]
    assert f"Campaign 1001 has the same e-mail as referrer {own['id']} (booking " in told


async def test_a_referrer_is_no_lead_on_the_held_list_and_in_the_audit_log(counter: Counter) -> None:
    """RF-58: called by a word that is true of both; tried again under it."""
    counter.use(referral_shop(a_campaign(referrers=REFERRERS)))
    program = Program(counter)
    own = await program.referrer("robin@example.com")
    record, user = f"person {own['id']}", world(counter).program.users[own["id"]]
    user.first_name = " "
    assert outcomes(await run()) == {record: "held"}
    assert list(await program.held()) == [record]
    await retry_all(counter)
    user.first_name = "Robin"
    assert outcomes(await run()) == {record: "booked"}
    audited = await counter.books.audit.list(shop="demo", process="booking-to-reward")
    assert [(entry.record, entry.event) for entry in audited] == [(record, "seen"), (record, "retried")]


async def test_a_campaign_that_is_deleted_in_the_program_stops_no_other(counter: Counter) -> None:
    """RF-9, RF-27: its waiting people are held with it, its won leads are told, the other campaign goes on."""
    await counter.tell("/referral-factory/campaigns/1002", status="launched")
    counter.use(referral_shop(BY_JOB, a_campaign(1002, leads={"qualify_when": "job"}), provider=9999))
    program = Program(counter)
    friends = [await program.referrer(f"friend.{number}@example.com", campaign=number) for number in (1001, 1002)]
    leads = [await program.lead(friend["code"], f"of.{friend['id']}@example.com") for friend in friends]
    await run()
    await counter.tell("/referral-factory/campaigns/1002/delete")
    counter.use(referral_shop(BY_JOB, a_campaign(1002, leads={"qualify_when": "job"})))
    report = await run()
    assert outcomes(report)[f"person {leads[0]['id']}"] == "booked"
    assert {one["externalId"] for one in await program.bookings()} == {leads[0]["code"]}
    assert "Referral Factory has no campaign 1002." in (await program.held())["campaign 1002"]


async def test_a_campaign_taken_out_of_the_shop_file_is_followed_and_qualifies_nobody(counter: Counter) -> None:
    """RF-27, RF-28: the others go on; put back, what happened meanwhile counts."""
    await counter.tell("/referral-factory/campaigns/1002", status="launched")
    both = referral_shop(BY_JOB, a_campaign(1002, leads={"qualify_when": "job"}))
    counter.use(both)
    program = Program(counter)
    friends = [await program.referrer(f"friend.{number}@example.com", campaign=number) for number in (1001, 1002)]
    leads = [await program.lead(friend["code"], f"of.{friend['id']}@example.com") for friend in friends]
    await run()
    counter.use(referral_shop(BY_JOB))
    for lead in leads:
        await program.job_of(lead)
    await run()
    assert [await program.is_qualified(lead) for lead in leads] == [True, False]
    counter.use(both)
    await run()
    assert [await program.is_qualified(lead) for lead in leads] == [True, True]


async def test_leads_switched_off_are_followed_to_their_end(counter: Counter) -> None:
    """RF-28: sending leads and qualifying them are two switches: who was booked before still qualifies."""
    counter.use(referral_shop(BY_JOB))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    await run()
    counter.use(referral_shop(a_campaign(leads={"enabled": False, "qualify_when": "job"})))
    later = await program.lead(friend["code"], "later@example.com")
    await program.job_of(lead)
    await run()
    assert await program.is_qualified(lead)
    counter.use(referral_shop(BY_JOB))
    await run()
    assert (await program.booking_of(later))["status"] == "New"


async def test_a_person_the_program_shows_in_a_form_we_cannot_read_is_held_alone(counter: Counter) -> None:
    """RF-41: on the list and in a delivery; the others are booked, and this one once it can be read."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    odd, fine = [await program.lead(friend["code"], f"{name}@example.com") for name in ("odd", "fine")]
    users = world(counter).program.users
    kept, users[odd["id"]].code = users[odd["id"]].code, cast("str", None)
    await counter.books.hook_events.keep(
        "demo", "referral_factory", "one", kind="user.join", record=f"user/{odd['id']}", campaign_id=1001
    )
    report = await run()
    assert outcomes(report) == {f"person {odd['id']}": "held", f"person {fine['id']}": "booked"}
    assert await counter.books.hook_events.waiting("demo", "referral_factory") == []
    users[odd["id"]].code = kept
    report = await run()
    assert outcomes(report) == {f"person {odd['id']}": "booked"}
    assert await program.held() == {}


@pytest.mark.parametrize(
    "record",
    [
        "user/999999",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("code/NoSuch12", "user/not-a-number", "what/ever")),
    ],
)
async def test_a_delivery_about_nobody_is_looked_at_and_done_with(counter: Counter, record: str) -> None:
    """RF-41: a made-up id, a code nobody has, or nonsense: no booking, no error, and not looked at again."""
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    await counter.books.hook_events.keep("demo", "referral_factory", "one", kind="user.join", record=record)
    report = await run()
    assert outcomes(report) == {f"person {lead['id']}": "booked"}
    assert await counter.books.hook_events.waiting("demo", "referral_factory") == []


async def test_a_booking_that_could_not_be_looked_at_is_looked_at_again(counter: Counter) -> None:
    """RF-42, RF-43: its jobs could not be read when it changed, and its change is told only once; nothing is lost."""
    counter.use(referral_shop(BY_JOB))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    leads = [await program.lead(friend["code"], f"{name}@example.com") for name in ("lee", "ann")]
    await run()
    for lead in leads:
        await program.job_of(lead)
    jobs = "/servicetitan/jpm/v2/tenant/1234567/jobs"
    await counter.tell("/faults", match=f"GET {jobs}", kind="status", status=403, times=None)
    report = await run()
    assert {outcomes(report)[f"person {lead['id']}, its booking"] for lead in leads} == {"held"}
    assert "changed jobs" in await program.held()
    await counter.people.delete("/_sandbox/faults")
    for cursor in ("bookings", "jobs"):  # long after: their changes are not within the overlap any more
        name = f"servicetitan/referred-{cursor}"
        await counter.books.cursors.set("demo", name, "2099-01-01T00:00:00+00:00")
    report = await run()
    assert outcomes(report) == {f"person {lead['id']}": "qualified" for lead in leads}
    assert await program.held() == {}


@pytest.mark.parametrize(
    ("call", "record"),
    [
        pytest.param("GET /servicetitan/crm/v2/tenant/1234567/export/customers", "contacts", id="contacts"),
        pytest.param("GET /referral-factory/api/v2/campaigns/1001", "campaign 1001", id="the campaign"),
        pytest.param("GET /servicetitan/jpm/v2/tenant/1234567/job-types", "campaign 1001", id="a list the map names"),
    ],
)
async def test_what_the_app_may_not_read_keeps_new_people_waiting_and_nothing_else(
    counter: Counter, call: str, record: str
) -> None:
    """RF-46, RF-52: nobody is booked unrecognised or half; who is booked is followed and qualified all the same."""
    changes = {"qualify_when": "job", "defaults": {"is_first_time_client": "yes", "job_type": "Filter Order"}}
    counter.use(referral_shop(a_campaign(leads=changes)))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    first = await program.lead(friend["code"], "lee@example.com")
    await run()
    await program.job_of(first)
    second = await program.lead(friend["code"], "ann@example.com")
    await counter.tell("/faults", match=call, kind="status", status=403, times=None)
    report = await run()
    assert outcomes(report) == {record: "held", f"person {first['id']}": "qualified"}
    await counter.people.delete("/_sandbox/faults")
    await run()
    assert (await program.booking_of(second))["status"] == "New"
    assert await program.held() == {}


async def test_rewards_that_cannot_be_read_are_told_and_keep_nobody(counter: Counter) -> None:
    """RF-45: the lead is qualified all the same, and the table is shown."""
    counter.use(referral_shop(BY_JOB))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    lead = await program.lead(friend["code"], "lee@example.com")
    await run()
    await program.job_of(lead)
    due = "GET /referral-factory/api/v2/rewards/due/commission"
    await counter.tell("/faults", match=due, kind="status", status=404, times=1)
    report = await run()
    assert outcomes(report) == {f"person {lead['id']}": "qualified", "rewards": "held"}
    await run()
    assert ((await program.row(lead)).reward, await program.held()) == ("due", {})


@pytest.mark.parametrize("order", ["newest", pytest.param("oldest", marks=pytest.mark.slow)])
async def test_more_people_than_a_page_holds_are_all_found_whatever_the_order(counter: Counter, order: str) -> None:
    """RF-41: 320 people; whoever signs up or is deleted while the list is read shifts the rows: none is left out."""
    await counter.tell("/referral-factory/switches", calls_per_minute=None, order=order)
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    fans = [await program.referrer(f"fan{number}@example.com") for number in range(300)]
    leads = [await program.lead(friend["code"], f"lee{number}@example.com") for number in range(10)]
    await run()
    await counter.calls()
    for fan in fans[:40]:
        await counter.tell(f"/referral-factory/users/{fan['id']}/delete")
    leads += [await program.lead(friend["code"], f"mia{number}@example.com") for number in range(10)]
    await run()
    searched = [call for call in await counter.calls() if call.endswith("/users/search")]
    assert len(searched) <= 4
    await run()
    searched = [call for call in await counter.calls() if call.endswith("/users/search")]
    assert len(searched) == 1, "nothing new: one page is read"
    assert sorted(one["externalId"] for one in await program.bookings()) == sorted(lead["code"] for lead in leads)
    assert await program.made() == len(leads)


async def test_an_id_that_comes_twice_is_one_person(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """RF-41: rows shift while a list is read, so one person stands on two pages, in two versions even."""
    counter.use(referral_shop(a_campaign(referrers=REFERRERS)))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    await program.lead(friend["code"], "lee@example.com")
    read = counter.house.referral_factory.search_users

    async def twice(*args: Any, **more: Any) -> Any:
        async for page in read(*args, **more):
            yield page.model_copy(update={"users": page.users * 2})
            yield page

    monkeypatch.setattr(counter.house.referral_factory, "search_users", twice)
    await run()
    await run()
    assert len(await program.bookings()) == 2
    assert await program.made() == 2


def test_unknown_names_in_the_map_are_no_shop_file() -> None:
    """RF-52, RF-53: a field that bookings do not have, a person who is nobody here, a value there is not."""
    for changes, words in (
        ({"map": {**LEADS["map"], "sumary": "x"}}, "did you mean summary"),  # type: ignore[dict-item]
        ({"map": {**LEADS["map"], "name": "lead.fullname"}}, "did you mean lead.full_name"),  # type: ignore[dict-item]
        ({"map": {**LEADS["map"], "external_id": "Referral"}}, "each person's own"),  # type: ignore[dict-item]
        ({"defaults": {"is_first_time_client": "maybe"}}, "write yes, no or derive"),
        ({"defaults": {}}, "is_first_time_client is mandatory"),
    ):
        with pytest.raises(SettingsError, match=words):
            _shop(changes)


def _shop(changes: Any) -> Shop:
    return referral_shop(a_campaign(leads=changes))
