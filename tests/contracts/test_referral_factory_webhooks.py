"""What the contract asks operators to tick is read under the default names, and each is a delivery of the contract."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.referral_factory.webhooks import ReferralEvent, read_event
from models.referral_settings import ReferralFactorySettings
from tests.connectors.doubles import RF
from tests.contracts.specs import spec_schema_validator

PERSON = {
    "id": 70412,
    "code": "Ab3dE6gH",
    "first_name": "Kit",
    "email": "kit.sample@example.com",
    "url": "https://referrals.example.com/Ab3dE6gH",
    "source": "Referred",
    "type": "person_invited",
    "campaign_id": 1001,
    "referrer": {"id": 70411, "code": "Zz9yX8wV", "email": "dana.sample@example.com"},
    "qualified_at": None,
}
REWARD = {"reward_id": 31, "recipient_id": 70411, "email": "dana.sample@example.com", "code": "Zz9yX8wV"}


@pytest.mark.parametrize(
    ("schema", "sent", "record", "campaign"),
    [
        pytest.param("OutboundUserEvent", PERSON, "code/Ab3dE6gH", 1001, id="a person"),
        pytest.param("OutboundRewardEvent", REWARD, "code/Zz9yX8wV", None, id="a reward"),
    ],
)
def test_every_delivery_of_the_contract_is_read(
    schema: str, sent: dict[str, Any], record: str, campaign: int | None
) -> None:
    spec_schema_validator("referral_factory/openapi", schema).validate(sent)
    shop = ReferralFactorySettings.model_validate(
        {
            "api_url": RF,
            "api_token": "x",
            "webhook_secret": "s",
            "campaigns": [
                {
                    "id": 1001,
                    "leads": {
                        "enabled": True,
                        "map": {
                            "source": "Referral",
                            "name": "lead.full_name",
                            "email": "lead.email",
                            "summary": "Referral",
                            "external_id": "lead.code",
                        },
                        "defaults": {"is_first_time_client": "yes"},
                    },
                }
            ],
        }
    )
    found = read_event({shop.webhook_secret_header: "s"}, json.dumps(sent).encode(), shop)
    assert isinstance(found, ReferralEvent)
    assert (found.record, found.campaign_id, found.has_email) == (record, campaign, True)
    assert "Sample" not in repr(found)
    assert "example.com" not in repr(found)
