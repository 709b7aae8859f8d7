"""The referral program: contract shapes, strict bodies, duplicates, mails, the rate with its block, rewards, hooks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import anyio
import httpx
import pytest

from tests.contracts.specs import load_spec, spec_query_names, spec_validator
from tests.sandbox.conftest import Shop

SPEC = "referral_factory/openapi"
HEADERS = {"Authorization": "Bearer sandbox-rf-token", "Accept": "application/json"}
DANA = {"campaign_id": 1001, "first_name": "Dana", "email": "dana@example.com", "notify": False}
PEOPLE = "/referral-factory"


async def rf(shop: Shop, method: str, path: str, **more: Any) -> httpx.Response:
    headers = HEADERS | more.pop("headers", {})
    return await shop.http.request(method, f"/referral-factory/api/v2{path}", headers=headers, **more)


async def create(shop: Shop, **changes: Any) -> httpx.Response:
    body = {name: value for name, value in (DANA | changes).items() if value is not ...}
    return await rf(shop, "POST", "/users", json=body)


async def created(shop: Shop, **changes: Any) -> Any:
    reply = await create(shop, **changes)
    assert reply.status_code == 201, reply.text
    return reply.json()["data"]


async def switch(shop: Shop, **switches: Any) -> None:
    await shop.people(f"{PEOPLE}/switches", switches)


async def mails(shop: Shop) -> list[tuple[str, str]]:
    kept = (await shop.http.get("/_sandbox/mailbox")).json()["mails"]
    return [(one["kind"], one["to"][0]) for one in kept]


def search(**conditions: Any) -> dict[str, Any]:
    value = [{"field": name, "value": wanted, "operator": "="} for name, wanted in conditions.items()]
    return {"filters": {"operator": "AND", "value": value}}


def valid(reply: httpx.Response, method: str, path: str) -> Any:
    """Hold an answer against the contract, field by field."""
    if str(reply.status_code) in load_spec(SPEC)["paths"][path][method.lower()]["responses"]:
        spec_validator(SPEC, method, path, status=reply.status_code, closed=reply.status_code == 200).validate(
            reply.json()
        )
    return reply.json()


@pytest.fixture
async def busy(shop: Shop) -> AsyncIterator[Shop]:
    """An account with a referrer, a qualified lead, and one reward of each metric due, two of them issued."""
    rewards = [
        {"metric": "amount", "total": 50},
        {"metric": "commission"},
        {"metric": "coupon", "coupon": "CAHABA-10", "recipient": "lead", "auto_issue": True},
        {"metric": "custom", "total": 1, "auto_issue": True},
    ]
    await shop.people(f"{PEOPLE}/campaigns/1001", {"rewards": rewards})
    dana = await created(shop, meta=[{"field": "Last Name", "value": "Whitfield"}])
    lee = await shop.people(
        f"{PEOPLE}/sign-up", {"code": dana["code"], "first_name": "Lee", "email": "lee@example.com"}
    )
    await rf(shop, "PUT", "/users/qualification", json={"code": lee["user"]["code"], "qualified": True})
    yield shop
    shop.app.world.program.courier.stop()


LISTS = [
    "/users",
    "/campaigns",
    *(
        f"/rewards/{shelf}/{metric}"
        for shelf, metrics in {
            "dashboard": ("amount", "commission", "coupon", "custom"),
            "due": ("amount", "commission"),
            "issued": ("coupon", "custom"),
        }.items()
        for metric in metrics
    ),
]


def template(path: str) -> str:
    return path.rsplit("/", 1)[0] + "/{metric}" if path.startswith("/rewards") else path


@pytest.mark.parametrize("path", LISTS)
async def test_every_list_and_search_answers_as_the_contract_says(busy: Shop, path: str) -> None:
    page = valid(await rf(busy, "GET", path), "GET", template(path))
    assert page["data"], "an empty list proves nothing"
    body = search(id=page["data"][0]["id"])
    spec_validator(SPEC, "POST", template(path) + "/search", "request", closed=True).validate(body)
    found = valid(await rf(busy, "POST", path + "/search", json=body), "POST", template(path) + "/search")
    assert [one["id"] for one in found["data"]] == [page["data"][0]["id"]]
    for wrong in (
        search(surprise=1),
        {"filters": {"operator": "AND", "value": []}},
        {"filters": {"operator": "NOT", "value": body["filters"]["value"]}},
        {"filters": {"operator": "AND", "value": [{"field": "id", "value": 1, "operator": ">"}]}},
        {"surprise": 1},
    ):
        assert (await rf(busy, "POST", path + "/search", json=wrong)).status_code == 422
    nobody = await rf(busy, "POST", path + "/search", json=search(id=1))
    assert nobody.json()["data"] == []


@pytest.mark.parametrize("path", LISTS)
async def test_every_query_parameter_of_the_contract_is_known_and_no_other(busy: Shop, path: str) -> None:
    relation = "user.analytics" if path == "/users" else "campaign.analytics"
    samples = {"per_page": "2", "page": "1", "with": relation, "filters[0][field]": "code"}
    for name in spec_query_names(SPEC, "GET", template(path)):
        reply = await rf(busy, "GET", path, params={name: samples.get(name, "text")})
        assert reply.status_code == 200, f"{name}: {reply.text}"
        valid(reply, "GET", template(path))
    for name, value in {"surprise": "1", "per_page": "251", "page": "0"}.items():
        reply = await rf(busy, "GET", path, params={name: value})
        assert (reply.status_code, list(reply.json()["errors"])) == (422, [name])


async def test_one_record_answers_as_the_contract_says_by_id_and_by_code_only(busy: Shop) -> None:
    dana = (await rf(busy, "POST", "/users/search", json=search(email="DANA@example.com"))).json()["data"][0]
    for identifier in (dana["id"], dana["code"]):
        reply = await rf(busy, "GET", f"/users/{identifier}", params={"with": "user.analytics"})
        one = valid(reply, "GET", "/users/{identifier}")["data"]
        assert one == dana | {"analytics": {"reach": 0, "referrals": 1, "qualified_referrals": 1}}
    for path in ("/users/dana@example.com", "/users/12", "/campaigns/12"):
        missing = await rf(busy, "GET", path)
        assert missing.status_code == 404
    for identifier in ("1001", "cahaba26"):
        reply = await rf(busy, "GET", f"/campaigns/{identifier}", params={"with": "campaign.analytics"})
        campaign = valid(reply, "GET", "/campaigns/{identifier}")["data"]
        assert [one["label"] for one in campaign["fields"]["person_referring"]][:1] == ["Last Name"]
    assert dana["signed_up_at"] == (await busy.people("/clock", method="GET"))["now"][:10], "a bare day"


async def test_a_create_answers_as_the_contract_says(shop: Shop) -> None:
    body = DANA | {"meta": [{"field": "Last Name", "value": "Whitfield"}]}
    spec_validator(SPEC, "POST", "/users", "request", closed=True).validate(body)
    reply = await rf(shop, "POST", "/users", json=body)
    assert reply.status_code == 201
    spec_validator(SPEC, "POST", "/users", status=201, closed=True).validate(reply.json())
    dana = reply.json()["data"]
    assert (dana["type"], dana["source"], dana["referrer_id"]) == ("person_referring", "Api", None)
    assert dana["url"].endswith(dana["code"])
    lee = await created(shop, email="lee@example.com", referrer={"field": "code", "value": dana["code"]})
    assert (lee["type"], lee["source"], lee["referrer_id"]) == ("person_invited", "Referred", dana["id"])
    assert {type(one["reach"]) for one in (dana, lee)} == {int, str}


REFUSED_CREATES: list[tuple[dict[str, Any], str]] = [
    ({"surprise": 1}, "surprise"),
    ({"campaign_id": ...}, "campaign_id"),
    ({"campaign_id": "1001"}, "campaign_id"),
    ({"campaign_id": True}, "campaign_id"),
    ({"campaign_id": 77}, "campaign_id"),
    ({"first_name": ...}, "first_name"),
    ({"first_name": " "}, "first_name"),
    ({"first_name": 5}, "first_name"),
    ({"email": ...}, "email"),
    ({"email": ""}, "email"),
    ({"email": None}, "email"),
    *(({"email": text}, "email") for text in (
        "none", "@example.com", "a@b", "a b@example.com", " a@example.com", "a@example..com", "a..b@example.com",
        "a@-example.com", "a@example.com.", "a@no-mx.example", "A@NO-MX.EXAMPLE", "a@b@example.com",
    )),
    ({"notify": "false"}, "notify"),
    ({"notify": 0}, "notify"),
    ({"promotion": True}, "promotion"),
    ({"referrer": "Qr7TsWx2"}, "referrer"),
    ({"referrer": {"field": "code", "value": "Qr7TsWx2"}}, "referrer"),
    ({"referrer": {"field": "name", "value": "Dana"}}, "referrer"),
    ({"meta": {"Last Name": "Whitfield"}}, "meta"),
    ({"meta": [{"field": "Last Name"}]}, "meta"),
    ({"meta": [{"field": "Last Name", "value": ["x"]}]}, "meta"),
    ({"meta": [{"field": "Shoe Size", "value": "9"}]}, "Shoe Size"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "field"), REFUSED_CREATES)
async def test_a_create_that_is_wrong_leaves_no_trace_and_names_the_field(
    shop: Shop, changes: dict[str, Any], field: str
) -> None:
    reply = await create(shop, **changes)
    assert (reply.status_code, list(reply.json()["errors"])) == (422, [field]), reply.text
    spec_validator(SPEC, "POST", "/users", status=422, closed=True).validate(reply.json())
    await switch(shop, error_items="strings")
    again = await create(shop, **changes)
    assert isinstance(again.json()["errors"][field][0], str)
    spec_validator(SPEC, "POST", "/users", status=422).validate(again.json())
    assert (await shop.people(PEOPLE, method="GET"))["users"] == 0
    assert await mails(shop) == []


async def test_a_body_that_is_no_json_or_a_caller_that_wants_none_is_refused(shop: Shop) -> None:
    for more in ({"content": b"{"}, {"content": b"[]"}, {"data": {"email": "a@example.com"}}):
        kind = {} if "data" in more else {"Content-Type": "application/json"}
        assert (await rf(shop, "POST", "/users", headers=kind, **more)).status_code == 422
    assert (await rf(shop, "POST", "/users", json=DANA, params={"notify": "false"})).status_code == 422
    assert (await rf(shop, "GET", "/campaigns", headers={"Accept": "text/html"})).status_code == 406
    bare = await shop.http.get("/referral-factory/api/v2/users")
    assert (bare.status_code, bare.json()) == (401, {"code": 401, "message": "Unauthenticated."})
    assert (await rf(shop, "POST", "/users/5/qualify", json={})).status_code == 404
    assert (await rf(shop, "PATCH", "/users", json={})).status_code == 405


@pytest.mark.parametrize(
    ("how", "status", "name"),
    [("same_200", 200, "Dana"), ("same_201", 201, "Dana"), ("updated_200", 200, "D."), ("refused_422", 422, None)],
)
async def test_an_email_the_campaign_has_gets_no_second_user(shop: Shop, how: str, status: int, name: str) -> None:
    first = await created(shop)
    await switch(shop, duplicate=how)
    reply = await create(shop, email="Dana@Example.com", first_name="D.")
    assert reply.status_code == status
    if name is None:
        assert list(reply.json()["errors"]) == ["email"]
    else:
        assert (reply.json()["data"]["id"], reply.json()["data"]["first_name"]) == (first["id"], name)
    assert (await shop.people(PEOPLE, method="GET"))["users"] == 1
    other = await created(shop, campaign_id=1002)
    assert other["code"] != first["code"], "another campaign is another user"


async def test_pages_are_followed_by_links_and_shift_while_others_write(shop: Shop) -> None:
    for number in range(5):
        await created(shop, email=f"n{number}@example.com", campaign_id=1001 + number % 2)
    page = (await rf(shop, "GET", "/users", params={"per_page": 2, "campaign_id": 1002})).json()
    assert page["meta"]["total"] == 5, "the campaign filter is ignored"
    seen = [one["email"] for one in page["data"]]
    await created(shop, email="late@example.com")
    while page["links"]["next"]:
        page = (await shop.http.get(page["links"]["next"], headers=HEADERS)).json()
        seen += [one["email"] for one in page["data"]]
    assert seen == [f"n{number}@example.com" for number in (4, 3, 3, 2, 1, 0)]
    await switch(shop, order="oldest")
    first = (await rf(shop, "GET", "/users", params={"per_page": 1})).json()
    assert first["data"][0]["email"] == "n0@example.com"
    by_code = {"filters[0][field]": "code", "filters[0][value]": first["data"][0]["code"]}
    assert (await rf(shop, "GET", "/users", params=by_code)).json()["meta"]["total"] == 1


async def test_search_stays_within_the_campaign_it_is_asked_for(shop: Shop) -> None:
    one, two = await created(shop), await created(shop, campaign_id=1002)
    for body, ids in (
        (search(email="DANA@example.com", campaign_id=1002), [two["id"]]),
        (search(email="dana@example.com"), [two["id"], one["id"]]),
        (search(email="nobody@example.com"), []),
        (search(code=one["code"]), [one["id"]]),
        ({}, [two["id"], one["id"]]),
    ):
        found = (await rf(shop, "POST", "/users/search", json=body)).json()["data"]
        assert [user["id"] for user in found] == ids


async def test_an_update_keeps_id_code_and_link(shop: Shop) -> None:
    dana = await created(shop, meta=[{"field": "Last Name", "value": "W."}, {"field": "City", "value": "Hoover"}])
    other = await created(shop, email="other@example.com")
    path = f"/users/{dana['id']}"
    body = {"email": "new@example.com", "meta": [{"field": "Last Name", "value": "Whitfield"}]}
    spec_validator(SPEC, "PUT", "/users/{identifier}", "request", closed=True).validate(body)
    changed = valid(await rf(shop, "PUT", path, json=body), "PUT", "/users/{identifier}")["data"]
    assert changed == dana | body, "what is left out of meta is cleared"
    await switch(shop, meta_update="merges")
    merged = await rf(shop, "PUT", path, json={"meta": [{"field": "City", "value": "Irondale"}]})
    assert [one["value"] for one in merged.json()["data"]["meta"]] == ["Whitfield", "Irondale"]
    for wrong in ({}, {"email": other["email"]}, {"email": "none"}, {"qualified": True}, {"first_name": ""}, {"id": 5}):
        assert (await rf(shop, "PUT", path, json=wrong)).status_code == 422
    assert (await rf(shop, "PUT", f"/users/{dana['code']}", json=body)).status_code == 404
    assert (await create(shop)).status_code == 201, "the old e-mail is free again"
    assert (await create(shop, email="New@example.com")).status_code == 200


async def test_a_deleted_user_is_gone_for_good(shop: Shop) -> None:
    dana = await created(shop)
    lee = await created(shop, email="lee@example.com", referrer={"field": "id", "value": dana["id"]})
    assert (await rf(shop, "DELETE", f"/users/{dana['code']}")).status_code == 404
    assert (await rf(shop, "DELETE", f"/users/{dana['id']}")).status_code == 204
    assert (await rf(shop, "GET", f"/users/{dana['id']}")).status_code == 404
    assert (await rf(shop, "GET", f"/users/{lee['id']}")).json()["data"]["referrer_id"] is None


async def test_a_sync_that_asks_for_silence_mails_nobody_and_one_that_does_not_is_caught(shop: Shop) -> None:
    await created(shop)
    await created(shop, email="b@example.com", notify=...)
    await shop.people("/clock/advance", {"days": 30})
    assert await mails(shop) == []
    await created(shop, email="c@example.com", notify=True)
    assert await mails(shop) == [("welcome_api", "c@example.com")]
    await switch(shop, notify_default="sends")
    await created(shop, email="d@example.com", notify=...)
    await switch(shop, notify_ignored=True)
    await created(shop, email="e@example.com", notify=False)
    assert [to for _, to in await mails(shop)] == ["c@example.com", "d@example.com", "e@example.com"]


async def test_a_mail_toggle_takes_effect_at_once_and_a_deleted_variant_falls_back(shop: Shop) -> None:
    toggles = f"{PEOPLE}/campaigns/1001/mails"
    await shop.people(toggles, {"welcome_api": "off"})
    await created(shop, notify=True)
    assert await mails(shop) == []
    await shop.people(toggles, {"welcome_api": "deleted"})
    await created(shop, email="b@example.com", notify=True)
    assert await mails(shop) == [("welcome", "b@example.com")]
    await shop.people(toggles, {"welcome": "off"})
    await created(shop, email="c@example.com", notify=True)
    assert len(await mails(shop)) == 1


async def test_a_reminder_comes_days_later_even_to_those_synced_in_silence(shop: Shop) -> None:
    await shop.people(f"{PEOPLE}/campaigns/1001/mails", {"reminder": "on", "reminder_days": 3})
    dana = await created(shop)
    opted_out = await created(shop, email="out@example.com")
    await shop.people(f"{PEOPLE}/users/{opted_out['id']}/unsubscribe")
    await shop.people("/clock/advance", {"days": 2})
    assert await mails(shop) == []
    await shop.people("/clock/advance", {"days": 2})
    assert await mails(shop) == [("reminder", dana["email"])]
    await shop.people("/clock/advance", {"days": 20})
    assert len(await mails(shop)) == 1


async def test_people_who_sign_up_are_welcomed_and_their_friend_is_told(shop: Shop) -> None:
    form = {"campaign_id": 1001, "first_name": "Rae", "email": "rae@example.com"}
    rae = (await shop.people(f"{PEOPLE}/sign-up", form))["user"]
    assert (rae["type"], rae["source"]) == ("person_referring", "Direct")
    through = {"code": rae["code"], "first_name": "Lee", "email": "lee@example.com", "meta": {"City": "Hoover"}}
    lee = await shop.people(f"{PEOPLE}/sign-up", through)
    assert (lee["new"], lee["user"]["source"], lee["user"]["referrer_id"]) == (True, "Referred", rae["id"])
    again = await shop.people(f"{PEOPLE}/sign-up", form | {"email": "LEE@example.com"})
    assert (again["new"], again["user"]["id"]) == (False, lee["user"]["id"]), "the first link wins"
    for _ in range(2):
        await rf(shop, "PUT", "/users/qualification", json={"id": lee["user"]["id"], "qualified": True})
    assert await mails(shop) == [
        ("welcome", "rae@example.com"),
        ("lead_welcome", "lee@example.com"),
        ("referrer_new_lead", "rae@example.com"),
        ("lead_qualified", "lee@example.com"),
        ("referrer_qualified", "rae@example.com"),
    ]


async def test_a_lead_is_qualified_by_exactly_one_name_and_put_back(shop: Shop) -> None:
    dana = await created(shop)
    lee = await created(shop, email="lee@example.com", referrer={"field": "email", "value": "dana@example.com"})
    names: list[dict[str, Any]] = [
        {"id": lee["id"]},
        {"code": lee["code"]},
        {"email": "lee@example.com", "campaign_id": 1001},
    ]
    for name in names:
        for qualified in (True, False):
            body = name | {"qualified": qualified}
            spec_validator(SPEC, "PUT", "/users/qualification", "request", closed=True).validate(body)
            reply = await rf(shop, "PUT", "/users/qualification", json=body)
            user = valid(reply, "PUT", "/users/qualification")["data"]
            assert (user["qualified_at"] is not None) == qualified
    for wrong, status in (
        (names[0] | names[1], 422),
        ({"email": "lee@example.com"}, 422),
        ({}, 422),
        ({"id": str(lee["id"])}, 422),
        ({"id": dana["id"]}, 422),
        ({"id": 5}, 404),
        ({"code": "unknown1"}, 404),
    ):
        reply = await rf(shop, "PUT", "/users/qualification", json=wrong | {"qualified": True})
        assert reply.status_code == status, wrong
    due = (await rf(shop, "GET", "/rewards/due/amount")).json()["data"]
    assert len(due) == 1, "qualifying three times earns one reward"


async def test_the_inbound_webhook_qualifies_by_code_or_coupon(busy: Shop) -> None:
    lee = (await rf(busy, "POST", "/users/search", json=search(email="lee@example.com"))).json()["data"][0]
    path = "/referral-factory/webhook/sandbox-rf-webhook/qualify"
    for form in ({"code": lee["code"]}, {"coupon": "CAHABA-10"}):
        await rf(busy, "PUT", "/users/qualification", json={"id": lee["id"], "qualified": False})
        assert (await busy.http.post(path, data=form)).status_code == 200
        assert (await rf(busy, "GET", f"/users/{lee['id']}")).json()["data"]["qualified_at"]
    for wrong in ({"code": "unknown1"}, {"surprise": "1"}, {}):
        assert (await busy.http.post(path, data=wrong)).status_code == 422
    assert (await busy.http.post(path, json={"code": lee["code"]})).status_code == 422
    assert (await busy.http.post(path.replace("sandbox", "other"), data={"code": lee["code"]})).status_code == 404
    counts = (await busy.http.get("/_sandbox/counts")).json()
    assert counts["POST /referral-factory/webhook/{token}/qualify"] == 7
    assert "sandbox-rf-webhook" not in (await busy.http.get("/_sandbox/requests")).text


async def test_a_reward_is_issued_once_and_a_commission_only_with_its_spend(busy: Shop) -> None:
    amount = (await rf(busy, "GET", "/rewards/due/amount")).json()["data"][0]
    assert (amount["can_be_issued"], amount["total"]) == (True, 50.0)
    assert (await rf(busy, "POST", f"/rewards/issue/{amount['id']}")).status_code == 200
    assert (await rf(busy, "POST", f"/rewards/issue/{amount['id']}")).status_code == 404
    assert (await rf(busy, "POST", f"/rewards/cancel/{amount['id']}")).status_code == 404
    share = (await rf(busy, "GET", "/rewards/due/commission")).json()["data"][0]
    assert share["can_be_issued"] is False
    assert (await rf(busy, "POST", f"/rewards/issue/{share['id']}")).status_code == 422
    await busy.people(f"{PEOPLE}/rewards/{share['id']}/spend", {"total": "12.5"})
    assert (await busy.people(f"{PEOPLE}/rewards/{share['id']}/issue"))["status"] == "issued"
    assert (await rf(busy, "GET", "/rewards/due/commission")).json()["data"] == []


async def test_a_reward_on_new_referrals_falls_due_when_the_lead_is_made_and_can_be_cancelled(shop: Shop) -> None:
    await shop.people(f"{PEOPLE}/campaigns/1001", {"rewards": [{"on": "new_referral"}]})
    dana = await created(shop)
    await created(shop, email="lee@example.com", referrer={"field": "id", "value": dana["id"]})
    due = (await rf(shop, "GET", "/rewards/due/amount")).json()["data"]
    assert [one["recipient_id"] for one in due] == [dana["id"]]
    assert (await rf(shop, "POST", f"/rewards/cancel/{due[0]['id']}")).status_code == 200
    assert (await rf(shop, "GET", "/rewards/due/amount")).json()["data"] == []


@pytest.mark.parametrize("says_how_long", [True, False])
async def test_more_than_the_rate_is_429_and_more_than_three_overruns_a_block(shop: Shop, says_how_long: bool) -> None:
    await switch(shop, calls_per_minute=2, retry_after=says_how_long)
    statuses = []
    for _ in range(7):
        reply = await rf(shop, "GET", "/campaigns")
        statuses.append(reply.status_code)
        if reply.status_code == 429:
            assert ("retry-after" in reply.headers) == says_how_long
            assert reply.json()["code"] == 429
    assert statuses == [200, 200, 429, 429, 429, 429, 403]
    await shop.people("/clock/advance", {"days": 6})
    assert (await create(shop)).status_code == 403
    await shop.people(f"{PEOPLE}/unblock")
    assert (await create(shop)).status_code == 201
    for _ in range(5):
        await create(shop)
    assert (await shop.people(PEOPLE, method="GET"))["blocked_until"] is not None
    await shop.people("/clock/advance", {"days": 7})
    assert (await create(shop)).status_code == 200


async def test_the_rate_holds_in_any_sixty_seconds_and_can_be_lifted(shop: Shop) -> None:
    await switch(shop, calls_per_minute=2)
    assert (await create(shop)).status_code == 201
    await shop.people("/clock/advance", {"seconds": 40})
    assert (await create(shop)).status_code == 200
    await shop.people("/clock/advance", {"seconds": 25})
    assert [(await create(shop)).status_code for _ in range(2)] == [200, 429]
    await switch(shop, calls_per_minute=None)
    assert {(await create(shop)).status_code for _ in range(20)} == {200}


async def test_a_regenerated_token_kills_the_old_one_at_once(shop: Shop) -> None:
    token = (await shop.people(f"{PEOPLE}/token"))["token"]
    assert (await create(shop)).status_code == 401
    new = await rf(shop, "POST", "/users", json=DANA, headers={"Authorization": f"Bearer {token}"})
    assert new.status_code == 201
    assert token not in (await shop.http.get("/_sandbox/state")).text


async def test_a_campaign_paused_ended_or_deleted_takes_nobody_and_a_full_plan_neither(shop: Shop) -> None:
    dana = await created(shop)
    base = f"{PEOPLE}/campaigns/1001"
    for change, back in (
        ({"status": "paused"}, {"status": "launched"}),
        ({"ends_at": "2026-01-06"}, {"ends_at": None}),
    ):
        await shop.people(base, change)
        reply = await create(shop, email="new@example.com")
        assert (reply.status_code, list(reply.json()["errors"])) == (422, ["campaign_id"])
        await shop.people(base, back)
    await switch(shop, plan_users=1)
    assert (await create(shop, email="new@example.com")).status_code == 403
    assert (await create(shop)).status_code == 200, "somebody who is there already costs nothing"
    await shop.people(f"{base}/delete")
    assert (await create(shop)).status_code == 422
    assert (await rf(shop, "GET", f"/users/{dana['id']}")).status_code == 404
    assert (await rf(shop, "GET", "/campaigns/1001")).status_code == 404


async def test_a_campaign_built_by_people_has_its_own_fields_and_they_can_be_demanded(shop: Shop) -> None:
    built = await shop.people(
        f"{PEOPLE}/campaigns", {"id": 1007, "name": "Fans", "referrer_fields": [{"label": "Street", "required": True}]}
    )
    assert [one["label"] for one in built["fields"]["person_referring"]] == ["Street"]
    assert (await create(shop, campaign_id=1007)).status_code == 201
    await switch(shop, required_fields=True, max_length=10, unknown_labels="dropped")
    more = {"campaign_id": 1007, "email": "b@example.com"}
    assert list((await create(shop, **more)).json()["errors"]) == ["Street"]
    long = await create(shop, **more, first_name="N" * 11, meta=[{"field": "Street", "value": "S" * 11}])
    assert set(long.json()["errors"]) == {"first_name", "Street"}
    meta = [{"field": "Street", "value": "1 Elm"}, {"field": "Shoe Size", "value": 9}]
    assert (await created(shop, **more, meta=meta))["meta"] == meta[:1]


async def test_the_slow_tail_delays_the_answer_not_the_work(shop: Shop) -> None:
    await switch(shop, slow_every=2, slow_s=0.2)
    start = anyio.current_time()
    await create(shop)
    assert anyio.current_time() - start < 0.2
    with anyio.move_on_after(0.05):
        await create(shop, email="late@example.com")
    assert (await shop.people(PEOPLE, method="GET"))["users"] == 2
    await rf(shop, "GET", "/campaigns")
    start = anyio.current_time()
    await rf(shop, "GET", "/campaigns")
    assert anyio.current_time() - start >= 0.2


async def test_faults_strike_creates_too_and_are_worded_as_the_vendor_does(shop: Shop) -> None:
    await shop.people("/faults", {"match": "POST /referral-factory/*", "kind": "lost_answer"})
    with pytest.raises(ConnectionResetError):
        await create(shop)
    assert (await create(shop)).status_code == 200, "the work was done"
    await shop.people("/faults", {"match": "POST /referral-factory/*", "kind": "rate_limit", "retry_after": 7})
    reply = await create(shop)
    assert (reply.status_code, reply.headers["retry-after"], reply.json()["code"]) == (429, "7", 429)
    await shop.people("/faults", {"match": "GET /referral-factory/*", "kind": "status", "status": 503})
    assert (await rf(shop, "GET", "/users")).json()["code"] == 503


async def test_counts_stay_exact_while_the_journal_is_kept_short(shop: Shop) -> None:
    await shop.people("/requests", {"kept": 3})
    for number in range(5):
        await created(shop, email=f"n{number}@example.com")
    dana = await created(shop)
    for identifier in (dana["id"], dana["code"], "search-me"):
        await rf(shop, "GET", f"/users/{identifier}")
    counts = (await shop.http.get("/_sandbox/counts")).json()
    base = "/referral-factory/api/v2/users"
    assert (counts[f"POST {base}"], counts[f"GET {base}/{{id}}"]) == (6, 3)
    kept = (await shop.http.get("/_sandbox/requests")).json()["requests"]
    assert [one["path"] for one in kept] == [f"{base}/{one}" for one in (dana["id"], dana["code"], "search-me")]
    await shop.people("/requests", {"kept": 0})
    await rf(shop, "GET", "/users")
    assert (await shop.http.get("/_sandbox/requests")).json()["requests"] == []


class Ear(BaseHTTPRequestHandler):
    """Hears hooks."""

    heard: list[dict[str, Any]]

    def _hear(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.heard.append(
            {"path": self.path, "body": json.loads(body) if body else None, "headers": dict(self.headers)}
        )
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        self._hear()

    def do_GET(self) -> None:
        self._hear()

    def log_message(self, *_words: Any) -> None:
        pass


@pytest.fixture
def ear() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    heard: list[dict[str, Any]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("MyEar", (Ear,), {"heard": heard}))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", heard
    server.shutdown()
    server.server_close()


async def until(heard: list[dict[str, Any]], count: int) -> None:
    with anyio.fail_after(5):
        while len(heard) < count:  # noqa: ASYNC110 - the hooks are heard in another thread
            await anyio.sleep(0.01)


async def test_hooks_carry_what_the_operator_named_and_only_for_the_sources_ticked(busy: Shop, ear: Any) -> None:
    url, heard = ear
    fields = {"code": "lead_code", "referrer.email": "friend", "Last Name": "surname"}
    hook = {"url": url, "fields": fields, "constants": {"shop": "cahaba"}, "headers": {"X-Secret": "hush"}}
    base = f"{PEOPLE}/campaigns/1001/hooks"
    for event in ("user.join", "user.qualified", "reward_issued"):
        await busy.people(base, hook | {"event": event})
    await created(busy, email="synced@example.com")
    dana = (await rf(busy, "POST", "/users/search", json=search(email="dana@example.com"))).json()["data"][0]
    form = {"code": dana["code"], "first_name": "Kit", "email": "kit@example.com", "meta": {"Last Name": "Ames"}}
    kit = (await busy.people(f"{PEOPLE}/sign-up", form))["user"]
    await busy.people(f"{PEOPLE}/users/{kit['id']}/qualify")
    await until(heard, 3)
    told = {"lead_code": kit["code"], "friend": "dana@example.com", "surname": "Ames", "shop": "cahaba"}
    assert [one["body"] for one in heard] == [told] * 3, "joined, qualified, and the coupon issued to the lead"
    assert heard[0]["headers"]["X-Secret"] == "hush"
    assert not {"Signature", "X-Signature"} & heard[0]["headers"].keys()
    for wrong in ({"url": "https://hooks.example.com/x"}, {"headers": {str(n): "x" for n in range(4)}}, {"event": "x"}):
        reply = await busy.http.post(f"/_sandbox{base}", json=hook | {"event": "user.join"} | wrong)
        assert reply.status_code == 400
    state = (await busy.state())["referral_factory"]
    assert "hush" not in json.dumps(state)
    assert {one["outcome"] for one in state["hook_deliveries"]} == {"sent"}


async def test_hooks_can_come_twice_late_in_another_order_by_get_or_not_at_all(shop: Shop, ear: Any) -> None:
    url, heard = ear
    hook = {"url": url, "event": "user.join", "sources": ["Direct"], "fields": {"email": "email"}, "method": "GET"}
    made = await shop.people(f"{PEOPLE}/campaigns/1001/hooks", hook)

    async def join(name: str) -> None:
        form = {"campaign_id": 1001, "first_name": name, "email": f"{name}@example.com"}
        await shop.people(f"{PEOPLE}/sign-up", form)

    await switch(shop, hooks_lost=True)
    await join("lost")
    await switch(shop, hooks_lost=False, hooks_twice=True)
    await join("twice")
    await until(heard, 2)
    await switch(shop, hooks_twice=False, hooks_out_of_order=True)
    await join("first")
    await join("second")
    await until(heard, 4)
    await switch(shop, hooks_out_of_order=False, hooks_late_s=3600)
    await join("late")
    await anyio.sleep(0.15)
    assert len(heard) == 4
    await shop.people("/clock/advance", {"hours": 2})
    await until(heard, 5)
    names = [one["path"].partition("email=")[2].partition("%40")[0] for one in heard]
    assert names == ["twice", "twice", "second", "first", "late"]
    await switch(shop, hooks_late_s=0, hooks_times=3)
    await join("thrice")
    await until(heard, 8)
    await shop.people(f"{PEOPLE}/hooks/{made['id']}/remove")
    await join("nobody-told")
    await anyio.sleep(0.1)
    assert len(heard) == 8


async def test_a_person_deleted_in_the_dashboard_is_gone_and_leads_lose_their_friend(busy: Shop) -> None:
    dana = (await rf(busy, "POST", "/users/search", json=search(email="dana@example.com"))).json()["data"][0]
    lee = (await rf(busy, "POST", "/users/search", json=search(email="lee@example.com"))).json()["data"][0]
    await busy.people(f"{PEOPLE}/users/{dana['id']}/delete")
    assert (await rf(busy, "GET", f"/users/{dana['id']}")).status_code == 404
    assert (await rf(busy, "GET", f"/users/{dana['code']}")).status_code == 404
    assert (await rf(busy, "GET", f"/users/{lee['id']}")).json()["data"]["referrer_id"] is None
    assert (await busy.http.post(f"/_sandbox{PEOPLE}/users/{dana['id']}/delete")).status_code == 404


async def feed(shop: Shop, path: str) -> list[Any]:
    rows: list[Any] = []
    token = ""
    while True:
        page = (await shop.st("GET", "crm", f"/export/{path}", params={"from": token} if token else {})).json()
        rows += page["data"]
        token = page["continueFrom"]
        if not page["hasMore"]:
            return rows


async def test_a_crowd_is_the_same_for_a_seed_and_its_trouble_is_counted(shop: Shop) -> None:
    await shop.people("/reset", {"seed": "empty"})
    await shop.log_in()
    told = await shop.people("/servicetitan/generate", {"customers": 600, "seed": 3, "locations": True})
    assert sum(told["counts"].values()) == 600
    assert {"no_email", "shared_email", "malformed_email", "inactive", "merged", "do_not_mail"} <= told["traits"].keys()
    customers, contacts = await feed(shop, "customers"), await feed(shop, "customers/contacts")
    assert len(customers) == len({one["id"] for one in customers}) == 600
    spec_validator("crm-v2", "GET", "/export/customers").validate(
        {"hasMore": False, "continueFrom": "", "data": customers}
    )
    spec_validator("crm-v2", "GET", "/export/customers/contacts").validate(
        {"hasMore": False, "continueFrom": "", "data": contacts}
    )
    emails: dict[int, list[str]] = {}
    for one in contacts:
        if one["type"] == "Email":
            emails.setdefault(one["customerId"], []).append(one["value"])
    by_id = {one["id"]: one for one in customers}
    assert all(number not in emails for number in told["traits"]["no_email"])
    assert all(len(emails[number]) >= 2 for number in told["traits"]["several_emails"])
    assert all(by_id[number]["doNotMail"] for number in told["traits"]["do_not_mail"])
    assert all(by_id[number]["mergedToId"] in by_id for number in told["traits"]["merged"])
    assert (
        max([one["modifiedOn"] for one in customers].count(day) for day in {one["modifiedOn"] for one in customers})
        > 30
    )
    await shop.people("/reset", {"seed": "empty"})
    again = await shop.people("/servicetitan/generate", {"customers": 600, "seed": 3, "locations": True})
    assert (again["counts"], again["traits"]) == (told["counts"], told["traits"])
    wrong = await shop.http.post("/_sandbox/servicetitan/generate", json={"customers": 5, "shares": {"rich": 0.5}})
    assert wrong.status_code == 400


async def test_some_of_a_crowd_change_or_merge_and_only_that_is_in_the_feeds(shop: Shop) -> None:
    await shop.people("/servicetitan/generate", {"customers": 300})
    await shop.people("/servicetitan/switches", {"feed_lag_s": 0})
    ends = {}
    for path in ("customers", "customers/contacts"):
        page: Any = {"hasMore": True, "continueFrom": ""}
        while page["hasMore"]:
            page = (await shop.st("GET", "crm", f"/export/{path}", params={"from": page["continueFrom"]})).json()
        ends[path] = page["continueFrom"]

    async def fresh(path: str) -> list[Any]:
        return list((await shop.st("GET", "crm", f"/export/{path}", params={"from": ends[path]})).json()["data"])

    changed = (await shop.people("/servicetitan/generate/change", {"count": 20, "what": "email"}))["changed"]
    by_kind = {kind: {one["customer_id"] for one in changed if one["what"] == kind} for kind in ("email", "name")}
    assert {one["customerId"] for one in await fresh("customers/contacts")} == by_kind["email"]
    assert {one["id"] for one in await fresh("customers")} == by_kind["name"], (
        "a contact's change is not its customer's"
    )
    merged = (await shop.people("/servicetitan/generate/merge", {"count": 4}))["merged"]
    shown = {one["id"]: one for one in await fresh("customers")}
    assert all(shown[one["customer_id"]]["mergedToId"] == one["into"] for one in merged)
    assert (await shop.http.post("/_sandbox/servicetitan/generate/merge", json={"count": 5000})).status_code == 400


async def test_the_page_shows_campaigns_links_and_mails_and_stays_short(shop: Shop) -> None:
    evil = "<img src=x onerror=alert(1)>"
    for number in range(60):
        await created(shop, email=f"n{number}@example.com", first_name=evil)
    dana = await created(shop, notify=True)
    await shop.people("/servicetitan/generate", {"customers": 100})
    text = (await shop.http.get("/")).text
    for words in (dana["url"], "Cahaba Neighbours", "welcome api", "And 11 more.", "campaign 1001", "more."):
        assert words in text, words
    assert "<img" not in text
