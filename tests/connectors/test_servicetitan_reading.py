"""Where a diagnosis stands, and what a job tells the loop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from connectors.errors import TransientError
from connectors.servicetitan.client import ServiceTitan
from connectors.servicetitan.job_platform import ServiceTitanJobs
from connectors.servicetitan.texts import pieces, plain, quantity_text
from models.base import JobRef
from models.errors import SettingsError
from models.job import DiagnosedPart, JobState
from models.shop import PartsSettings
from tests.connectors.doubles import GUID, NOW, ST, job_row, page, visit_row

SINCE = datetime(2026, 8, 31, 12, tzinfo=UTC)


def sales(path: str) -> str:
    return f"{ST}/sales/v2/tenant/7/{path}"


def estimate(number: int = 8812, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "jobId": 48213,
        "jobNumber": "48213",
        "locationId": 12,
        "status": {"value": 1, "name": "Sold"},
        "active": True,
        "modifiedOn": NOW,
        "items": [item()],
        **changes,
    }


def item(number: int = 55, kind: str = "Material", **changes: Any) -> dict[str, Any]:
    sku = {"id": 900, "name": "PUMP-1", "displayName": "Pump", "type": kind}
    return {"id": number, "sku": sku, "description": "<p>Drain&nbsp;pump</p>", "qty": 1.0, **changes}


def material(**changes: Any) -> dict[str, Any]:
    vendor = {
        "id": 1,
        "vendorName": "Marcone Supply",
        "vendorId": 5,
        "vendorPart": "WPW10348269",
        "cost": 40,
        "active": True,
    }
    return {"id": 900, "code": "W10348269", "primaryVendor": None, "otherVendors": [vendor], **changes}


def equipment_row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "locationId": 12,
        "active": True,
        "model": "WDT780SAEM1",
        "serialNumber": "FX1",
        "manufacturer": "Whirlpool",
        "status": "Installed",
        **changes,
    }


def serve_estimates(
    vendors: respx.MockRouter,
    *rows: dict[str, Any],
    materials: Sequence[dict[str, Any]] = (material(),),
    equipment: Sequence[dict[str, Any]] = (),
    standing: Sequence[dict[str, Any]] = (equipment_row(1),),
) -> None:
    vendors.get(sales("estimates")).respond(json=page(*rows))
    vendors.get(f"{ST}/pricebook/v2/tenant/7/materials", name="materials").respond(json=page(*materials))
    vendors.get(f"{ST}/pricebook/v2/tenant/7/equipment", name="equipment").respond(json=page(*equipment))
    vendors.get(f"{ST}/equipmentsystems/v2/tenant/7/installed-equipment", name="installed").respond(
        json=page(*standing)
    )


def platform(st: ServiceTitan, **diagnosis: Any) -> ServiceTitanJobs:
    return ServiceTitanJobs(st, PartsSettings.model_validate(diagnosis), GUID)


async def read(jobs: ServiceTitanJobs, since: datetime = SINCE) -> list[DiagnosedPart]:
    return [part async for found in jobs.diagnosed_parts(since) for part in found.parts]


async def test_an_item_of_a_sold_estimate_is_a_diagnosed_part(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    """PL-2, PL-3: nothing is retyped."""
    serve_estimates(vendors, estimate())
    (part,) = await read(platform(st))
    assert part.job == "48213"
    assert part.job_number == "48213"
    assert part.source_key == "servicetitan/estimate/8812/item/55"
    assert part.source_words == "estimate 8812, item 55"
    assert part.numbers == ("WPW10348269", "W10348269")
    assert part.description == "Drain pump"
    assert part.quantity == "1"
    assert (part.appliance.model, part.appliance.serial, part.asks_model) == ("WDT780SAEM1", "FX1", False)
    query = vendors.calls[1].request.url.params
    assert query["modifiedOnOrAfter"] == "2026-08-31T12:00:00Z"
    assert query["sort"] == "+ModifiedOn"
    assert "%2BModifiedOn" in str(vendors.calls[1].request.url)
    assert query["pageSize"] == "200"
    assert vendors["materials"].calls[0].request.url.params["ids"] == "900"
    assert vendors["equipment"].call_count == 0


@pytest.mark.parametrize(
    "row",
    [
        estimate(status={"value": 0, "name": "Open"}),
        estimate(status=None),
        estimate(active=False),
        estimate(jobId=None),
        estimate(items=None),
        estimate(items=[item(kind="Service")]),
        estimate(items=[item(kind="PriceModifier")]),
    ],
    ids=["only open", "no status", "inactive", "no job", "no items", "a service", "a discount"],
)
async def test_what_is_no_diagnosed_part_is_left_out_and_read_past(
    st: ServiceTitan, vendors: respx.MockRouter, row: dict[str, Any]
) -> None:
    serve_estimates(vendors, row)
    pages = [one async for one in platform(st).diagnosed_parts(SINCE)]
    assert [one.parts for one in pages] == [()]
    assert pages[0].watermark == datetime(2026, 9, 1, 10, tzinfo=UTC)


async def test_the_setting_decides_which_estimates_count(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    serve_estimates(vendors, estimate(1), estimate(2, status={"value": 0, "name": "OPEN"}))
    jobs = platform(st, diagnosis={"estimate": {"status": "open"}})
    assert [part.source_words for part in await read(jobs)] == ["estimate 2, item 55"]


def vendor(name: str, part: str | None, *, active: bool = True) -> dict[str, Any]:
    return {"id": 1, "vendorName": name, "vendorId": 1, "vendorPart": part, "cost": 1, "active": active}


@pytest.mark.parametrize(
    ("book", "numbers"),
    [
        (material(primaryVendor=vendor("Reliable", "R-1")), ("WPW10348269", "W10348269", "R-1")),
        (material(primaryVendor=vendor("MARCONE", "M-1"), otherVendors=[vendor("Reliable", "R-1")]), ("M-1", "W10348269", "R-1")),
        (material(otherVendors=[vendor("Marcone", "w-10348269")]), ("w-10348269",)),
        (material(otherVendors=[vendor("Marcone", "M-9", active=False)]), ("W10348269",)),
        (material(otherVendors=[vendor("Marcone", None)], code=""), ("PUMP-1",)),
        (material(otherVendors=None, code="W1"), ("W1",)),
        (None, ("PUMP-1",)),
    ],
    ids=["the distributor's before the code before others'", "a primary vendor", "the same number twice", "a vendor no longer used",
         "nothing but the SKU's name", "no vendors", "not in the pricebook"],
)  # fmt: skip
async def test_the_numbers_to_try_come_best_first(
    st: ServiceTitan, vendors: respx.MockRouter, book: dict[str, Any] | None, numbers: tuple[str, ...]
) -> None:
    serve_estimates(vendors, estimate(), materials=[book] if book else [])
    (part,) = await read(platform(st))
    assert part.numbers == numbers


@pytest.mark.parametrize(
    ("standing", "model"),
    [
        ([equipment_row(1)], "WDT780SAEM1"),
        ([equipment_row(1), equipment_row(2, model="WRF535SWHZ")], ""),
        ([equipment_row(1), equipment_row(2, status="Replaced")], "WDT780SAEM1"),
        ([equipment_row(1, locationId=99)], ""),
        ([], ""),
    ],
    ids=["one", "several: nobody guesses", "one left after a replacement", "elsewhere", "none"],
)
async def test_the_model_comes_from_the_only_appliance_at_the_place(
    st: ServiceTitan, vendors: respx.MockRouter, standing: list[dict[str, Any]], model: str
) -> None:
    """PL-18: never a guess."""
    serve_estimates(vendors, estimate(), standing=standing)
    (part,) = await read(platform(st))
    assert part.appliance.model == model


async def test_many_items_are_looked_up_fifty_at_a_time(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    items = [item(n, sku={"id": 1000 + n, "name": f"S{n}", "type": "Material"}) for n in range(120)]
    serve_estimates(vendors, estimate(items=items))
    assert len(await read(platform(st))) == 120
    asked = [call.request.url.params["ids"].split(",") for call in vendors["materials"].calls]
    assert [len(ids) for ids in asked] == [50, 50, 20]


@pytest.mark.parametrize(
    ("written", "text"), [("1.00", "1"), ("0.50", "0.5"), ("10", "10"), ("1E+2", "100"), ("-1", "-1"), ("0", "0")]
)
def test_quantities_are_written_without_trailing_zeros(written: str, text: str) -> None:
    assert quantity_text(Decimal(written)) == text


def test_small_readings() -> None:
    assert plain("<b>Drain</b><br/>pump &amp; hose") == "Drain pump & hose"
    assert pieces("A1, B2;\r\n C3 \n") == ["A1", "B2", "C3"]


def with_fields(**values: str | None) -> list[dict[str, Any]]:
    return [
        {"typeId": n, "name": name.replace("_", " "), "value": value} for n, (name, value) in enumerate(values.items())
    ]


async def test_a_job_custom_field_is_a_diagnosis(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    rows = [
        job_row(
            id=1,
            jobNumber="J1",
            customFields=with_fields(
                PART_NUMBER="WPW10348269", Part_quantity="2", Model_number="WDT780", Serial_number="S1"
            ),
        ),
        job_row(id=2, customFields=with_fields(Part_number="  ")),
        job_row(id=3, customFields=[]),
        job_row(id=4, jobStatus="Canceled", customFields=with_fields(Part_number="A-1, b2;A1", Part_quantity=None)),
        job_row(id=5, customFields=with_fields(Part_number="A1\nB2", Part_quantity="1, 3")),
    ]
    vendors.get(f"{ST}/jpm/v2/tenant/7/jobs").respond(json=page(*rows))
    found = await read(platform(st, diagnosis_from="custom_field"))
    assert [(part.source_key, part.numbers, part.quantity) for part in found] == [
        ("servicetitan/job/1/field/WPW10348269", ("WPW10348269",), "2"),
        ("servicetitan/job/4/field/A1", ("A-1",), "1"),
        ("servicetitan/job/4/field/B2", ("b2",), "1"),
        ("servicetitan/job/5/field/A1", ("A1",), "1"),
        ("servicetitan/job/5/field/B2", ("B2",), "3"),
    ]
    assert found[0].appliance.model == "WDT780"
    assert all(part.asks_model for part in found)


async def test_a_place_is_named_also_when_nothing_is_diagnosed_in_it_any_more(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    """PL-12, PL-13: what is missing there can only be told by who read it."""
    serve_estimates(
        vendors,
        estimate(8812),
        estimate(8813, status={"value": 2, "name": "Dismissed"}),
        estimate(8814, active=False),
    )
    vendors.get(f"{ST}/jpm/v2/tenant/7/jobs").respond(
        json=page(job_row(id=2, jobNumber="J2", customFields=with_fields(Part_number="")))
    )
    [estimates] = [found async for found in platform(st).diagnosed_parts(SINCE)]
    assert len(estimates.parts) == 1
    assert [(place.prefix, place.words) for place in estimates.places] == [
        ("servicetitan/estimate/8812/item/", "estimate 8812 (Sold)"),
        ("servicetitan/estimate/8813/item/", "estimate 8813 (Dismissed)"),
        ("servicetitan/estimate/8814/item/", "estimate 8814 (deleted)"),
    ]
    [fields] = [found async for found in platform(st, diagnosis_from="custom_field").diagnosed_parts(SINCE)]
    assert fields.parts == ()
    assert [(place.prefix, place.words) for place in fields.places] == [
        ("servicetitan/job/2/field/", 'job J2, field "Part number"')
    ]


async def test_without_a_model_field_nobody_is_asked_for_a_model(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    vendors.get(f"{ST}/jpm/v2/tenant/7/jobs").respond(json=page(job_row(customFields=with_fields(Part_number="A1"))))
    jobs = platform(st, diagnosis_from="custom_field", diagnosis={"custom_field": {"model": ""}})
    assert [part.asks_model for part in await read(jobs)] == [False]


async def test_without_a_part_number_field_the_setting_is_named(st: ServiceTitan) -> None:
    with pytest.raises(SettingsError, match="part_number"):
        await read(platform(st, diagnosis_from="custom_field", diagnosis={"custom_field": {"part_number": " "}}))


def unit(name: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "type": "x", "comment": "", "attachments": [], "value": value, **more}


def submission(*units: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": 31,
        "formId": 3,
        "submittedOn": NOW,
        "status": "Completed",
        "owners": [{"type": "Job", "id": 48213}],
        "units": list(units),
        **changes,
    }


def serve_forms(vendors: respx.MockRouter, *rows: dict[str, Any]) -> None:
    vendors.get(f"{ST}/forms/v2/tenant/7/forms", name="forms").respond(
        json=page({"id": 2, "name": "Appliance diagnosis old"}, {"id": 3, "name": "APPLIANCE diagnosis"})
    )
    vendors.get(f"{ST}/forms/v2/tenant/7/submissions", name="submissions").respond(json=page(*rows))


async def test_a_submitted_form_is_a_diagnosis_however_deep_its_sections(
    st: ServiceTitan, vendors: respx.MockRouter
) -> None:
    first = unit("Part 1", units=[unit("Part number", "WPW10348269"), unit("Quantity", 2.0)])
    second = unit(
        "More", units=[unit("Part 2", units=[unit("PART NUMBER", "8193762"), unit("Quantity", "1", options="1;2")])]
    )
    serve_forms(
        vendors,
        submission(unit("Model number", "WDT780SAEM1"), unit("Serial number", None), first, second, unit("Photos")),
    )
    found = await read(platform(st, diagnosis_from="form"))
    assert [(part.source_key, part.numbers, part.quantity, part.appliance.model) for part in found] == [
        ("servicetitan/submission/31/1", ("WPW10348269",), "2", "WDT780SAEM1"),
        ("servicetitan/submission/31/2", ("8193762",), "1", "WDT780SAEM1"),
    ]
    query = vendors["submissions"].calls[0].request.url.params
    assert (query["formIds"], query["status"], query["sort"]) == ("3", "Completed", "+SubmittedOn")
    assert query["submittedOnOrAfter"] == "2026-08-31T12:00:00Z"


@pytest.mark.parametrize(
    ("row", "numbers"),
    [
        (submission(unit("Part number", "A1"), owners=[{"type": "Customer", "id": 1}]), None),
        (submission(unit("Part number", "A1"), owners=None), None),
        (submission(unit("Part number", "A1"), status="Started"), None),
        (submission(unit("Part number", "")), None),
        (submission(unit("Notes", "x")), None),
        (submission(units=None), None),
        (submission(unit("Part number", ""), unit("Quantity", 1)), ()),
        (submission(unit("Part number", values=["A1"])), ("A1",)),
    ],
    ids=[
        "of a customer",
        "of nobody",
        "not completed",
        "nothing diagnosed",
        "another form",
        "empty",
        "a quantity of nothing: ask",
        "ticked",
    ],
)
async def test_which_submissions_hold_a_part(
    st: ServiceTitan, vendors: respx.MockRouter, row: dict[str, Any], numbers: tuple[str, ...] | None
) -> None:
    serve_forms(vendors, row)
    found = await read(platform(st, diagnosis_from="form"))
    assert [part.numbers for part in found] == ([] if numbers is None else [numbers])


async def test_an_unknown_form_is_said_with_the_nearest(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    serve_forms(vendors)
    with pytest.raises(SettingsError, match='Did you mean "APPLIANCE diagnosis"'):
        await read(platform(st, diagnosis_from="form", diagnosis={"form": {"form": "Apliance diagnosis"}}))


async def test_a_record_changed_while_we_read_hides_no_other(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    """Page numbers shift when the first record is changed between two pages; reading on from the last change does not."""
    start = datetime(2026, 9, 1, tzinfo=UTC)
    when = {number: start + timedelta(minutes=number) for number in range(1, 501)}
    asked = 0

    def jobs(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked == 2:
            when[1] = start + timedelta(minutes=900)
        query = request.url.params
        since = datetime.fromisoformat(query["modifiedOnOrAfter"])
        rows = sorted((moment, number) for number, moment in when.items() if moment >= since)
        begin = (int(query["page"]) - 1) * 200
        chosen = [job_row(id=number, modifiedOn=moment.isoformat()) for moment, number in rows[begin : begin + 200]]
        return httpx.Response(200, json=page(*chosen, has_more=begin + 200 < len(rows)))

    vendors.get(f"{ST}/jpm/v2/tenant/7/jobs").mock(side_effect=jobs)
    seen = [job.id async for rows in st.list_jobs(start) for job in rows]
    assert sorted(seen) == sorted([*range(1, 501), 1]), "each once, the changed one once more"


async def test_a_page_of_one_moment_is_read_on_by_number(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    def jobs(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        rows = [job_row(id=(number - 1) * 200 + n) for n in range(200 if number < 3 else 10)]
        return httpx.Response(200, json=page(*rows, has_more=number < 3))

    vendors.get(f"{ST}/jpm/v2/tenant/7/jobs").mock(side_effect=jobs)
    seen = [job.id async for rows in st.list_jobs(datetime.fromisoformat(NOW)) for job in rows]
    assert seen == list(range(410))


# One job with all that belongs to it.


def serve_job(
    vendors: respx.MockRouter, job: dict[str, Any], customer: dict[str, Any], contacts: Sequence[dict[str, Any]]
) -> None:
    crm = f"{ST}/crm/v2/tenant/7"
    vendors.get(f"{ST}/jpm/v2/tenant/7/jobs/48213").respond(json=job)
    vendors.get(f"{crm}/customers/11").respond(
        json={"id": 11, "name": "Robin Sample", "active": True, "doNotMail": False, **customer}
    )
    vendors.get(f"{crm}/customers/21").respond(
        json={"id": 21, "name": "Robin Q. Sample", "active": True, "doNotMail": False}
    )
    vendors.get(url__regex=rf"{crm}/customers/\d+/contacts", name="contacts").respond(json=page(*contacts))
    vendors.get(f"{crm}/locations/12").respond(
        json={
            "id": 12,
            "name": "Home",
            "address": {
                "street": "12 Elm St",
                "unit": None,
                "city": "Birmingham",
                "state": "AL",
                "zip": "35203",
                "country": "USA",
            },
        }
    )
    vendors.get(f"{ST}/dispatch/v2/tenant/7/appointment-assignments").respond(
        json=page(
            {"technicianId": 31, "technicianName": "Sam", "active": True},
            {"technicianId": 32, "technicianName": "Kim", "active": False},
            {"technicianId": 31, "technicianName": "Sam", "active": True},
            {"technicianId": 33, "technicianName": "Left", "active": True},
        )
    )
    vendors.get(f"{ST}/settings/v2/tenant/7/technicians", name="technicians").respond(
        json=page({"id": 31, "name": "Sam Tech", "email": "sam@example.com", "active": True})
    )
    vendors.get(f"{ST}/jpm/v2/tenant/7/appointments").respond(json=page(visit_row(501), visit_row(502, active=False)))


def mail(value: str = "robin@example.com", **preferences: bool) -> dict[str, Any]:
    return {"id": 1, "type": "Email", "value": value, "preferences": preferences or None, "phoneSettings": None}


async def test_a_job_is_seen_with_place_people_and_contact(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    """PL-1."""
    serve_job(vendors, job_row(), {}, [mail(), {"id": 2, "type": "MobilePhone", "value": "555-0101"}])
    view = await platform(st).get_job(JobRef("48213"))
    assert (view.ref, view.number, view.state, view.status_words) == ("48213", "48213", JobState.OPEN, "Scheduled")
    assert view.customer_name == "Robin Sample"
    assert view.address.one_line() == "12 Elm St, Birmingham, AL 35203"
    assert view.address.name == "Robin Sample"
    assert [(one.id, one.name, one.email) for one in view.technicians] == [("31", "Sam Tech", "sam@example.com")]
    assert view.contact.emails == ("robin@example.com",)
    assert view.contact.may_message
    assert [one.id for one in view.visits] == ["501"]
    assert view.url == ""
    assert vendors["technicians"].calls[0].request.url.params["ids"] == "31,33"


@pytest.mark.parametrize(
    ("status", "state"),
    [("Scheduled", JobState.OPEN), ("Dispatched", JobState.OPEN), ("In Progress", JobState.OPEN), ("InProgress", JobState.OPEN),
     ("Hold", JobState.ON_HOLD), ("On Hold", JobState.ON_HOLD), ("Completed", JobState.DONE), ("Canceled", JobState.CANCELED), ("Brand new", JobState.OPEN)],
)  # fmt: skip
async def test_a_jobs_status_in_our_words(
    st: ServiceTitan, vendors: respx.MockRouter, status: str, state: JobState
) -> None:
    serve_job(vendors, job_row(jobStatus=status), {}, [])
    assert (await platform(st).get_job(JobRef("48213"))).state is state


@pytest.mark.parametrize(
    ("job", "customer", "contacts", "why_not"),
    [
        ({"notificationsEnabled": False}, {}, [mail()], "notifications are switched off for this job"),
        ({}, {"doNotMail": True}, [mail()], "customer is marked do-not-mail"),
        ({}, {}, [], "the customer has no e-mail address"),
        ({}, {}, [mail(jobRemindersEnabled=False)], "the customer wants no job reminders by e-mail"),
    ],
    ids=["job silenced", "do not mail", "no address", "opted out"],
)
async def test_a_customer_who_may_not_be_told_has_no_address_here(
    st: ServiceTitan,
    vendors: respx.MockRouter,
    job: dict[str, Any],
    customer: dict[str, Any],
    contacts: list[dict[str, Any]],
    why_not: str,
) -> None:
    serve_job(vendors, job_row(**job), customer, contacts)
    contact = (await platform(st).get_job(JobRef("48213"))).contact
    assert not contact.may_message
    assert contact.emails == ()
    assert contact.why_not == why_not


async def test_only_the_addresses_that_opted_out_are_left_out(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    serve_job(
        vendors,
        job_row(),
        {},
        [mail("a@example.com", jobRemindersEnabled=False), mail("b@example.com"), mail("B@example.com")],
    )
    assert (await platform(st).get_job(JobRef("48213"))).contact.emails == ("B@example.com",)


@pytest.mark.parametrize("do_not_mail", [False, True])
async def test_a_merged_customer_is_followed_once_and_keeps_its_silence(
    st: ServiceTitan, vendors: respx.MockRouter, do_not_mail: bool
) -> None:
    serve_job(vendors, job_row(), {"active": False, "mergedToId": 21, "doNotMail": do_not_mail}, [mail()])
    view = await platform(st).get_job(JobRef("48213"))
    assert view.customer_name == "Robin Q. Sample"
    assert view.state is JobState.OPEN
    assert view.contact.may_message is not do_not_mail
    assert vendors["contacts"].calls[0].request.url.path.endswith("/customers/21/contacts")


async def test_a_job_that_is_gone_has_a_view_of_its_own(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    vendors.get(f"{ST}/jpm/v2/tenant/7/jobs/48213").respond(404)
    view = await platform(st).get_job(JobRef("48213"))
    assert view.state is JobState.GONE
    assert not view.contact.may_message


async def test_a_reading_that_fails_is_raised_as_itself(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    serve_job(vendors, job_row(), {}, [])
    vendors.get(f"{ST}/crm/v2/tenant/7/locations/12").respond(503)
    with pytest.raises(TransientError):
        await platform(st).get_job(JobRef("48213"))


async def test_access_is_checked_by_a_small_reading(st: ServiceTitan, vendors: respx.MockRouter) -> None:
    """PL-46."""
    units = vendors.get(f"{ST}/settings/v2/tenant/7/business-units").respond(json=page({"id": 1, "name": "Service"}))
    await platform(st).check_access()
    assert units.call_count == 1
