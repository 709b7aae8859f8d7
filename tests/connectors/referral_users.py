"""Users, campaigns and refusals of the referral program, as its contract shows them."""

from __future__ import annotations

from typing import Any

from models.referral import NewReferrer
from tests.connectors.doubles import RF

DANA = NewReferrer(
    campaign_id=1001, first_name="Dana", email="dana@example.com", meta=(("Last Name", "Sample"), ("Phone", "555-0100"))
)
CAMPAIGN = {
    "id": 1001,
    "name": "Neighbours",
    "code": "Nb7TsWx2",
    "lang": "en",
    "url": "https://acme.example.com/Nb7TsWx2",
    "reach": "12",
    "status": "launched",
    "starts_at": None,
    "ends_at": None,
    "created_at": "2026-01-01",
    "fields": {
        "person_referring": [{"id": "f1", "type": "input", "label": "Last Name", "value": None, "required": False}],
        "person_invited": [{"id": "f2", "type": "input", "label": "Phone", "value": None, "required": True}],
    },
}
DUE = {"id": 6120, "reward_id": 7, "recipient_id": 90211, "can_be_issued": True, "count": 1, "total": 25.5}
ISSUED = {
    "id": 6121,
    "reward_id": 7,
    "recipient_id": 90211,
    "status": "sent",
    "issued_at": "2026-05-01",
    "coupon": "SAVE10",
}


def user_row(number: int = 90211, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "campaign_id": 1001,
        "referrer_id": None,
        "first_name": "Dana",
        "email": "dana@example.com",
        "code": f"Qr{number:06d}",
        "url": f"https://acme.example.com/Qr{number:06d}",
        "reach": 0,
        "source": "Api",
        "type": "person_referring",
        "ip": None,
        "signed_up_at": "2026-03-14",
        "qualified_at": None,
        "unsubscribed_at": None,
        "meta": [{"field": "Last Name", "value": "Sample"}],
        **changes,
    }


def rows_page(*rows: Any, following: str | None = None) -> dict[str, Any]:
    return {
        "data": list(rows),
        "links": {"first": f"{RF}/users?page=1", "last": None, "prev": None, "next": following},
        "meta": {"current_page": 1, "per_page": 250},
    }


def refusal(message: str = "Validation errors in your request", **errors: Any) -> dict[str, Any]:
    """What a 422 says: objects by field as documented, or plain texts as observed."""
    shown = {
        field: [{"field": field, "message": text} if isinstance(text, str) else text[0]]
        for field, text in errors.items()
    }
    return {"code": 422, "message": message, **({"errors": shown} if errors else {})}
