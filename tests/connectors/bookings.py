"""A booking as ServiceTitan answers it."""

from __future__ import annotations

from typing import Any

from tests.connectors.doubles import NOW


def booking_row(**changes: Any) -> dict[str, Any]:
    """Return one with every field crm-v2 `BookingResponse` promises, and the optional ones empty."""
    return {
        "id": 77001,
        "source": "Spring referrals",
        "createdOn": NOW,
        "name": "Robin Sample",
        "address": None,
        "customerType": None,
        "start": NOW,
        "campaignId": None,
        "businessUnitId": None,
        "isFirstTimeClient": True,
        "uploadedImages": None,
        "isSendConfirmationEmail": None,
        "status": "New",
        "dismissingReasonId": None,
        "jobId": None,
        "externalId": "Qr090211",
        "priority": None,
        "jobTypeId": None,
        "bookingProviderId": 5101,
        "modifiedOn": NOW,
        "summary": "Referral",
        **changes,
    }
