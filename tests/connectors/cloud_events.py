"""Events as ServiceTitan sends them, valid against the specs: tests/contracts/test_servicetitan_webhooks.py."""

from __future__ import annotations

from typing import Any

TENANT = 1234567
AT = "2026-09-01T14:15:00Z"


def cloud_event(kind: str, data: dict[str, Any], occurrence: str = "occurrence-1") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "delivery-1",
        "type": kind,
        "time": AT,
        "source": "https://webhooks.servicetitan.io",
        "userassignedid": occurrence,
        "datacontenttype": "application/json",
        "data": {**data, "tenantId": TENANT, "tenantName": "Sample Heating"},
    }


def booking_updated(number: int, occurrence: str = "occurrence-1", **changes: Any) -> dict[str, Any]:
    booking = {
        "id": number,
        "source": "Referral",
        "createdOn": AT,
        "name": "Robin Sample",
        "start": AT,
        "status": "Converted",
        "jobId": 48213,
        "externalId": "Ab3dE6gH",
        "isFirstTimeClient": True,
        "isSendConfirmationEmail": False,
        "bookingProviderId": 77,
        "modifiedOn": AT,
        "active": True,
        **changes,
    }
    return cloud_event("tn.crm.booking-updated", {"booking": booking}, occurrence)


def job_event(
    what: str, number: int, *, booking: int | None, occurrence: str = "occurrence-1", **changes: Any
) -> dict[str, Any]:
    job = {
        "id": number,
        "jobNumber": str(number),
        "projectId": None,
        "customerId": 11,
        "locationId": 12,
        "jobStatus": "Completed",
        "businessUnitId": 5,
        "jobTypeId": 6,
        "priority": "Normal",
        "campaignId": 7,
        "appointmentCount": 1,
        "firstAppointmentId": 501,
        "lastAppointmentId": 501,
        "noCharge": False,
        "notificationsEnabled": True,
        "createdOn": AT,
        "createdById": 9,
        "modifiedOn": AT,
        "tagTypeIds": [],
        "bookingId": booking,
        "customerPo": "",
        "invoiceId": 600,
        "estimateIds": [],
        **changes,
    }
    more = {"appointmentId": 501, "appointmentNumber": f"{number}-1"} if what == "rescheduled" else {}
    return cloud_event(f"tn.jpm.job-{what}", {"job": job, **more}, occurrence)


def visit_event(job: int, occurrence: str = "occurrence-1") -> dict[str, Any]:
    visit = {
        "id": 501,
        "jobId": job,
        "appointmentNumber": f"{job}-1",
        "start": AT,
        "end": AT,
        "status": "Done",
        "createdOn": AT,
        "modifiedOn": AT,
        "customerId": 11,
        "unused": False,
        "createdById": 9,
        "isConfirmed": True,
        "active": True,
    }
    return cloud_event("tn.jpm.job-appointment-updated", {"appointment": visit}, occurrence)
