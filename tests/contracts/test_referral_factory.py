"""The referral program's contract (ours, reconstructed): what we send is in it, and its own examples are read."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import respx
from msgspec.structs import replace

from connectors.referral_factory.client import ReferralFactory
from connectors.referral_factory.schemas import WireCampaign, WireReward, WireUser
from models.referral import RewardMetric, UserChange
from tests.connectors.doubles import RF
from tests.connectors.referral_users import CAMPAIGN, DANA, DUE, ISSUED, rows_page, user_row
from tests.contracts.specs import load_spec, spec_path, spec_query_names, spec_query_validator, spec_validator

SPEC = "referral_factory/openapi"
CHANGE = UserChange(first_name="Dana", email="dana@example.com", meta=DANA.meta)


async def drain(listing: Any) -> list[Any]:
    return [rows async for rows in listing]


Operation = tuple[str, str, Any, Callable[[ReferralFactory], Awaitable[Any]]]
CALLS: dict[str, Operation] = {
    "people": ("POST", "/users/search", rows_page(user_row()), lambda rf: drain(rf.search_users(1001))),
    "search": ("POST", "/users/search", rows_page(user_row()), lambda rf: rf.find_user(1001, "dana@example.com")),
    "user by id": ("GET", "/users/{identifier}", {"data": user_row()}, lambda rf: rf.get_user(90211)),
    "user by code": ("GET", "/users/{identifier}", {"data": user_row()}, lambda rf: rf.get_user_by_code("Qr090211")),
    "create": ("POST", "/users", {"data": user_row()}, lambda rf: rf.create_referrer(DANA)),
    "create without further fields": (
        "POST",
        "/users",
        {"data": user_row()},
        lambda rf: rf.create_referrer(replace(DANA, meta=())),
    ),
    "change": ("PUT", "/users/{identifier}", {"data": user_row()}, lambda rf: rf.update_user(90211, CHANGE)),
    "change the e-mail": (
        "PUT",
        "/users/{identifier}",
        {"data": user_row()},
        lambda rf: rf.update_user(90211, UserChange(email="new@example.com")),
    ),
    "qualify": ("PUT", "/users/qualification", {"data": user_row()}, lambda rf: rf.qualify(90211)),
    "campaigns": ("GET", "/campaigns", rows_page(CAMPAIGN), lambda rf: rf.list_campaigns()),
    "access": ("GET", "/campaigns", rows_page(CAMPAIGN), lambda rf: rf.check_access()),
    "campaign": ("GET", "/campaigns/{identifier}", {"data": CAMPAIGN}, lambda rf: rf.get_campaign(1001)),
    "due": (
        "GET",
        "/rewards/due/{metric}",
        rows_page(DUE),
        lambda rf: drain(rf.list_due_rewards(RewardMetric.COMMISSION)),
    ),
    "issued": (
        "GET",
        "/rewards/issued/{metric}",
        rows_page(ISSUED),
        lambda rf: drain(rf.list_issued_rewards(RewardMetric.COUPON)),
    ),
}


@pytest.mark.parametrize("name", CALLS)
async def test_every_call_and_every_answer_is_one_the_contract_knows(
    rf: ReferralFactory, vendors: respx.MockRouter, name: str
) -> None:
    method, path, answer, ask = CALLS[name]
    spec_validator(SPEC, method, path).validate(answer)
    route = vendors.route(method=method, url__startswith=RF).respond(json=answer)
    await ask(rf)
    (call,) = route.calls
    sent = call.request
    assert spec_path(SPEC, method, sent.url.path.removeprefix("/referral-factory/api/v2")) == path
    if method == "GET":
        assert not sent.content
    else:
        spec_validator(SPEC, method, path, kind="request", closed=True).validate(json.loads(sent.content))
    for query, value in sent.url.params.multi_items():
        assert query in spec_query_names(SPEC, method, path)
        spec_query_validator(SPEC, method, path, query).validate(int(value) if value.isdigit() else value)


async def test_the_contracts_own_user_is_read(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    example = load_spec(SPEC)["components"]["schemas"]["User"]["example"]
    vendors.get(f"{RF}/users/{example['id']}").respond(json={"data": example})
    user = await rf.get_user(example["id"])
    assert (user.code, user.url, user.email) == (example["code"], example["url"], example["email"])


def test_every_reward_family_is_known() -> None:
    assert {str(metric) for metric in RewardMetric} == set(
        load_spec(SPEC)["components"]["schemas"]["RewardMetric"]["enum"]
    )


@pytest.mark.parametrize(
    ("schema", "model"),
    [("User", WireUser), ("Campaign", WireCampaign), ("DueReward", WireReward), ("IssuedReward", WireReward)],
)
def test_no_field_is_demanded_that_the_contract_does_not_promise(schema: str, model: Any) -> None:
    """An answer by the contract is never refused. A reward without an id could not be told from another."""
    promised = set(load_spec(SPEC)["components"]["schemas"][schema].get("required", ["id"]))
    assert {name for name, field in model.model_fields.items() if field.is_required()} <= promised
