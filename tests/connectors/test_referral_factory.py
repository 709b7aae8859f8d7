"""Referral Factory: one outcome for whatever the program may answer, and nobody is ever notified."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx
from msgspec.structs import replace

from connectors.errors import (
    AmbiguousWriteError,
    ContractError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnauthorizedError,
    VendorError,
)
from connectors.limits import CountingLimiter, Unlimited
from connectors.referral_factory.client import ReferralFactory
from connectors.referral_factory.readings import next_path
from models.errors import LimitOverrunError, SettingsError
from models.referral import Created, RefusedUser, RewardMetric, UserChange, UserKind
from models.referral_settings import ReferralFactorySettings
from tests.connectors.doubles import RF, SECRETS
from tests.connectors.referral_users import CAMPAIGN, DANA, DUE, ISSUED, refusal, rows_page, user_row

USERS = f"{RF}/users"
CAMPAIGNS = f"{RF}/campaigns"
SEARCH = f"{USERS}/search"


async def test_a_new_referrer_has_a_link_and_is_not_notified(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """RF-2, RF-31: the create carries `notify: false`, and its answer has id, code and link."""
    route = vendors.post(USERS).respond(201, json={"data": user_row()})
    created = await rf.create_referrer(DANA)
    assert isinstance(created, Created)
    assert (created.was_there, created.differs) == (False, ())
    assert (created.user.id, created.user.code) == (90211, "Qr090211")
    assert created.user.url == "https://acme.example.com/Qr090211"
    (call,) = route.calls
    assert json.loads(call.request.content) == {
        "campaign_id": 1001,
        "first_name": "Dana",
        "email": "dana@example.com",
        "notify": False,
        "meta": [{"field": "Last Name", "value": "Sample"}, {"field": "Phone", "value": "555-0100"}],
    }
    assert call.request.headers["authorization"] == f"Bearer {SECRETS['RF_TOKEN']}"
    assert call.request.headers["accept"] == "application/json"
    assert call.request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Zoë 🏠", "Zoë 🏠"),
        ("שרה", "שרה"),
        ("Acme Heating & Cooling LLC", "Acme Heating & Cooling LLC"),
        ("x" * 600, "x" * 600),
        ("=SUM(A1)<b>", "=SUM(A1)<b>"),
        ("half \ud83d", "half \ufffd"),
    ],
    ids=["emoji", "right to left", "a company", "600 characters", "a formula", "half an emoji"],
)
async def test_names_travel_as_typed(rf: ReferralFactory, vendors: respx.MockRouter, name: str, sent: str) -> None:
    route = vendors.post(USERS).respond(201, json={"data": user_row(first_name=sent)})
    created = await rf.create_referrer(replace(DANA, first_name=name))
    assert isinstance(created, Created)
    assert created.user.first_name == sent
    assert json.loads(route.calls[0].request.content)["first_name"] == sent


TAKEN = refusal(email="The email has already been taken.")
FOUND = httpx.Response(200, json=rows_page(user_row(7)))
NOBODY = httpx.Response(200, json=rows_page())


@pytest.mark.parametrize(
    ("reply", "was_there", "differs"),
    [
        pytest.param(httpx.Response(201, json={"data": user_row(7)}), False, (), id="201: made"),
        pytest.param(httpx.Response(200, json={"data": user_row(7)}), True, (), id="200: the user that was there"),
        pytest.param(httpx.Response(202, json={"data": user_row(7)}), False, (), id="any other 2xx: made"),
        pytest.param(
            httpx.Response(201, json={"data": user_row(7, type="person_invited", referrer_id=3)}),
            True,
            ("type", "referrer_id"),
            id="201 with a lead: was there, and somebody has the credit",
        ),
        pytest.param(
            httpx.Response(200, json={"data": user_row(7, referrer_id=3)}), True, ("referrer_id",), id="200 with credit"
        ),
        pytest.param(
            httpx.Response(201, json={"data": user_row(7, email="Dana@Example.com ")}), False, (), id="another case"
        ),
        pytest.param(httpx.Response(422, json=TAKEN), True, (), id="422: looked up and adopted"),
        pytest.param(httpx.Response(409, json={"message": "Conflict"}), True, (), id="409: looked up and adopted"),
        pytest.param(httpx.Response(400, json=TAKEN), True, (), id="400 with the same words"),
        pytest.param(
            httpx.Response(422, json=refusal("This user already exists in the campaign.")), True, (), id="words alone"
        ),
        pytest.param(
            httpx.Response(422, json=refusal(email=["The email has already been taken."])), True, (), id="plain texts"
        ),
        pytest.param(
            httpx.Response(422, json=refusal(email="Cet e-mail est pris.")), True, (), id="words we do not know"
        ),
        pytest.param(httpx.Response(422), True, (), id="no words at all"),
    ],
)
async def test_every_way_to_have_a_user_is_one_outcome(
    rf: ReferralFactory, vendors: respx.MockRouter, reply: httpx.Response, was_there: bool, differs: tuple[str, ...]
) -> None:
    """RF-D3, RF-40: whichever way the program treats an e-mail it has, the same user comes out."""
    posted = vendors.post(USERS).mock(side_effect=[reply])
    search = vendors.post(SEARCH).mock(side_effect=[FOUND])
    created = await rf.create_referrer(DANA)
    assert isinstance(created, Created)
    assert created.user.id == 7
    assert (created.was_there, created.differs) == (was_there, differs)
    assert posted.call_count == 1
    assert search.call_count == (reply.status_code >= 400)


@pytest.mark.parametrize(
    ("status", "body", "field", "is_taken", "looks"),
    [
        pytest.param(422, refusal(email="The email must be a valid email address."), "email", False, 0, id="no MX"),
        pytest.param(422, refusal(email="The email field is required."), "email", False, 0, id="no e-mail"),
        pytest.param(422, refusal("The email must be a valid email address"), "", False, 0, id="words alone"),
        pytest.param(422, refusal(first_name="The first name is required."), "first_name", False, 0, id="no name"),
        pytest.param(422, refusal(**{"meta.0.value": "Too long."}), "meta.0.value", False, 0, id="a further field"),
        pytest.param(422, TAKEN, "email", True, 1, id="taken, and yet nobody has it"),
        pytest.param(422, refusal(email="No."), "email", False, 1, id="words we do not know"),
        pytest.param(400, refusal(email="Disposable address."), "email", False, 1, id="400"),
        pytest.param(422, None, "", False, 1, id="no words at all"),
    ],
)
async def test_a_person_the_program_will_never_take_is_told_and_not_raised(
    rf: ReferralFactory,
    vendors: respx.MockRouter,
    status: int,
    body: Any,
    field: str,
    is_taken: bool,
    looks: int,
) -> None:
    """RF-30: a refused contact has a reason, and the rest goes on."""
    posted = vendors.post(USERS).mock(side_effect=[httpx.Response(status, json=body)])
    search = vendors.post(SEARCH).mock(side_effect=[NOBODY])
    refused = await rf.create_referrer(DANA)
    assert isinstance(refused, RefusedUser)
    assert (refused.field, refused.is_taken) == (field, is_taken)
    assert refused.why
    assert (posted.call_count, search.call_count) == (1, looks)


async def test_a_reason_does_not_quote_the_person(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    vendors.post(USERS).respond(422, json=refusal(email="dana@example.com of Dana is not a valid email address."))
    refused = await rf.create_referrer(DANA)
    assert isinstance(refused, RefusedUser)
    assert "dana@" not in refused.why
    assert "not a valid email address" in refused.why


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        pytest.param(httpx.Response(401, json={"message": "Unauthenticated."}), UnauthorizedError, id="token renewed"),
        pytest.param(httpx.Response(402, json={"message": "Payment required"}), RejectedError, id="unpaid"),
        pytest.param(httpx.Response(403, json={"message": "User limit reached"}), RejectedError, id="plan cap, 403"),
        pytest.param(
            httpx.Response(422, json=refusal("You have reached the number of users of your plan.")),
            RejectedError,
            id="plan cap, 422",
        ),
        pytest.param(httpx.Response(404, json={"message": "Not found"}), NotFoundError, id="campaign deleted, 404"),
        pytest.param(
            httpx.Response(422, json=refusal(campaign_id="The selected campaign id is invalid.")),
            RejectedError,
            id="campaign deleted, 422",
        ),
        pytest.param(httpx.Response(422, json=refusal("The campaign is paused.")), RejectedError, id="campaign paused"),
        pytest.param(httpx.Response(410), RejectedError, id="gone"),
        pytest.param(httpx.Response(301, headers={"Location": "/x"}), RejectedError, id="another address"),
        pytest.param(httpx.Response(500, json={"message": "Server Error"}), AmbiguousWriteError, id="500"),
        pytest.param(httpx.Response(503, text="<html>Maintenance"), AmbiguousWriteError, id="503"),
        pytest.param(httpx.ReadTimeout(""), AmbiguousWriteError, id="the answer was lost"),
        pytest.param(httpx.RemoteProtocolError(""), AmbiguousWriteError, id="hung up"),
        pytest.param(httpx.ConnectError(""), TransientError, id="nothing was sent"),
        pytest.param(httpx.Response(429, headers={"Retry-After": "999"}), RateLimitedError, id="a long pause"),
        pytest.param(httpx.Response(201, text="<html>"), ContractError, id="not JSON"),
        pytest.param(httpx.Response(201), ContractError, id="nothing"),
        pytest.param(httpx.Response(201, json={"data": []}), ContractError, id="no user"),
        pytest.param(httpx.Response(201, json={"data": user_row(url=None)}), ContractError, id="no link"),
        pytest.param(httpx.Response(201, json={"data": user_row(url="")}), ContractError, id="an empty link"),
        pytest.param(httpx.Response(201, json={"data": user_row(id="x")}), ContractError, id="no id"),
        pytest.param(
            httpx.Response(201, json={"data": user_row(email="robin@example.com")}), ContractError, id="another person"
        ),
        pytest.param(httpx.Response(201, json={"data": user_row(campaign_id=2)}), ContractError, id="another campaign"),
        pytest.param(
            httpx.Response(201, json={"data": user_row(qualified_at="soon")}), ContractError, id="a date that is none"
        ),
    ],
)
async def test_what_is_not_about_the_person_is_raised_and_sent_once(
    rf: ReferralFactory, vendors: respx.MockRouter, reply: Any, meaning: type[VendorError]
) -> None:
    """Every status, timeout or strange body becomes exactly one kind of VendorError; no create is sent twice."""
    posted = vendors.post(USERS).mock(side_effect=[reply])
    with pytest.raises(VendorError) as caught:
        await rf.create_referrer(DANA)
    assert caught.type is meaning
    assert posted.call_count == 1
    assert not any(secret in str(caught.value) for secret in (SECRETS["RF_TOKEN"], "dana@example.com", "robin@"))
    if meaning is UnauthorizedError:
        assert "RF_TOKEN" in str(caught.value), "the variable to look at"


async def test_after_a_lost_answer_the_search_finds_the_user(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """RF-40: one POST, one user: `once` looks by e-mail and campaign before it would write again."""
    vendors.post(USERS).mock(side_effect=[httpx.ReadTimeout("")])
    search = vendors.post(SEARCH).respond(json=rows_page(user_row(7)))
    with pytest.raises(AmbiguousWriteError):
        await rf.create_referrer(DANA)
    found = await rf.find_user(DANA.campaign_id, DANA.email)
    assert found is not None
    assert found.id == 7
    assert json.loads(search.calls[0].request.content) == {
        "filters": {
            "operator": "AND",
            "value": [
                {"field": "email", "value": "dana@example.com", "operator": "="},
                {"field": "campaign_id", "value": 1001, "operator": "="},
            ],
        }
    }


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        pytest.param([], None, id="nobody"),
        pytest.param([user_row(7, email="DANA@example.com")], 7, id="whatever the case"),
        pytest.param([user_row(6, campaign_id=1002), user_row(7)], 7, id="not the one of another campaign"),
        pytest.param([user_row(6, email="dana@example.com.au")], None, id="not one that is only like it"),
    ],
)
async def test_a_search_takes_only_what_was_asked_for(
    rf: ReferralFactory, vendors: respx.MockRouter, rows: list[dict[str, Any]], found: int | None
) -> None:
    vendors.post(SEARCH).respond(json=rows_page(*rows))
    user = await rf.find_user(1001, "dana@example.com")
    assert (user and user.id) == found


async def test_a_search_is_a_read_and_is_repeated(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    search = vendors.post(SEARCH).mock(side_effect=[httpx.ReadTimeout(""), httpx.Response(503), FOUND])
    assert await rf.find_user(1001, "dana@example.com") is not None
    assert search.call_count == 3


async def test_a_hit_that_cannot_be_read_is_not_taken_for_nobody(
    rf: ReferralFactory, vendors: respx.MockRouter
) -> None:
    """Else a second create would follow."""
    vendors.post(SEARCH).respond(json=rows_page(user_row(7, url=None)))
    with pytest.raises(ContractError, match="url"):
        await rf.find_user(1001, "dana@example.com")


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"reach": "17"}, "id", 90211),
        ({"code": 12345678}, "code", "12345678"),
        ({"type": "person_invited", "referrer_id": 3}, "kind", UserKind.LEAD),
        ({"type": "person_watching"}, "kind", UserKind.UNKNOWN),
        ({"type": None}, "kind", UserKind.UNKNOWN),
        ({"first_name": None}, "first_name", ""),
        ({"qualified_at": "2026-05-01"}, "qualified_on", date(2026, 5, 1)),
        ({"qualified_at": "2026-05-01T08:00:00.000000Z"}, "qualified_on", date(2026, 5, 1)),
        ({"qualified_at": "2026-05-01 08:00:00"}, "qualified_on", date(2026, 5, 1)),
        ({"qualified_at": ""}, "qualified_on", None),
        ({"unsubscribed_at": "2026-05-01"}, "unsubscribed_on", date(2026, 5, 1)),
        ({"signed_up_at": "yesterday"}, "signed_up_on", None),
        ({"signed_up_at": 1773446400}, "signed_up_on", None),
        ({"meta": None}, "meta", ()),
        ({"meta": {}}, "meta", ()),
        ({"meta": [{"field": "Fan", "value": True}, {"field": "Floor", "value": 3}]}, "meta", (("Fan", "True"), ("Floor", "3"))),
        ({"meta": [{"field": "Fan", "value": None}, "x"]}, "meta", ()),
        ({"a_field_of_next_year": {"x": 1}}, "id", 90211),
    ],
)  # fmt: skip
async def test_a_user_is_read_however_it_is_written(
    rf: ReferralFactory, vendors: respx.MockRouter, changes: dict[str, Any], field: str, value: Any
) -> None:
    vendors.get(f"{USERS}/90211").respond(json={"data": user_row(**changes)})
    user = await rf.get_user(90211)
    assert getattr(user, field) == value
    assert pickle.loads(pickle.dumps(user)) == user


async def test_a_user_is_read_by_code_and_an_odd_one_stays_one_step(
    rf: ReferralFactory, vendors: respx.MockRouter
) -> None:
    vendors.get(f"{USERS}/Qr090211").respond(json={"data": user_row()})
    assert (await rf.get_user_by_code("Qr090211")).id == 90211
    odd = vendors.route(url__startswith=RF).respond(404)
    with pytest.raises(NotFoundError):
        await rf.get_user_by_code("../campaigns?x=1")
    assert odd.calls[0].request.url.raw_path.decode().endswith("/users/..%2Fcampaigns%3Fx%3D1")


async def test_another_users_answer_is_refused(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    vendors.get(url__startswith=f"{USERS}/").respond(json={"data": user_row(8)})
    with pytest.raises(ContractError, match=r"data\.id"):
        await rf.get_user(7)
    with pytest.raises(ContractError, match=r"data\.code"):
        await rf.get_user_by_code("Qr000007")
    vendors.put(f"{USERS}/7").respond(json={"data": user_row(8)})
    with pytest.raises(ContractError, match=r"data\.id"):
        await rf.update_user(7, UserChange(first_name="D"))


async def campaigns(rf: ReferralFactory) -> list[int]:
    return [campaign.id for campaign in await rf.list_campaigns()]


def campaigns_page(*ids: int, following: str | None = None) -> dict[str, Any]:
    return rows_page(*({**CAMPAIGN, "id": number} for number in ids), following=following)


async def test_pages_follow_the_programs_own_links(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """The link is opaque: as it comes, and never built."""
    route = vendors.get(CAMPAIGNS).mock(
        side_effect=[
            httpx.Response(200, json=campaigns_page(1, 2, following=f"{CAMPAIGNS}?cursor=a%2Bb==&x[]=1")),
            httpx.Response(200, json=campaigns_page(3, following="https" + CAMPAIGNS[4:] + "?p=3")),
            httpx.Response(200, json={"data": [{**CAMPAIGN, "id": 4}]}),
        ]
    )
    assert await campaigns(rf) == [1, 2, 3, 4]
    asked = [call.request.url for call in route.calls]
    assert dict(asked[0].params) == {"per_page": "250"}
    assert asked[1].params.multi_items() == [("cursor", "a+b=="), ("x[]", "1")]
    assert (asked[2].scheme, dict(asked[2].params)) == ("http", {"p": "3"}), "by the scheme of the shop file"


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("https://api.example.com/api/v2/users?page=2", "/users?page=2"),
        ("http://api.example.com/api/v2/users?page=2", "/users?page=2"),
        ("https://API.example.com/api/v2/users", "/users"),
        ("/api/v2/users?page=2", "/users?page=2"),
        ("https://evil.example.com/api/v2/users?page=2", None),
        ("https://api.example.com:8443/api/v2/users", None),
        ("https://api.example.com@evil.example.com/api/v2/users", None),
        ("//evil.example.com/api/v2/users", None),
        ("https://api.example.com/api/v1/users", None),
        ("https://api.example.com/api/v2/../v1/users", None),
        ("?page=2", None),
        ("users", None),
    ],
)
def test_the_token_goes_nowhere_else(link: str, path: str | None) -> None:
    assert next_path(link, "https://api.example.com/api/v2") == path


@pytest.mark.parametrize(
    "link", ["https://evil.example.com/campaigns?page=2", f"{CAMPAIGNS}?page=2"], ids=["away", "a circle"]
)
async def test_a_link_that_leads_astray_ends_the_reading(
    rf: ReferralFactory, vendors: respx.MockRouter, link: str
) -> None:
    route = vendors.get(url__startswith=RF).respond(json=campaigns_page(1, following=link))
    with pytest.raises(ContractError, match=r"links\.next"):
        await campaigns(rf)
    assert route.call_count <= 2


async def found_in(rf: ReferralFactory, campaign: int = 1001, **more: int) -> list[tuple[list[int], list[int | None]]]:
    return [
        ([user.id for user in page.users], [one.id for one in page.unreadable])
        async for page in rf.search_users(campaign, **more)
    ]


async def test_a_campaigns_people_are_read_page_by_page(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """RF-41: the program is asked for one campaign, and its own link is followed as it comes, with the same question."""
    route = vendors.post(SEARCH).mock(
        side_effect=[
            httpx.Response(200, json=rows_page(user_row(1), user_row(2), following=f"{SEARCH}?cursor=a%2Bb==&x[]=1")),
            httpx.Response(200, json=rows_page(user_row(2), user_row(3), following="https" + SEARCH[4:] + "?page=9")),
            httpx.Response(200, json={"data": [user_row(4)]}),
        ]
    )
    assert await found_in(rf) == [([1, 2], []), ([2, 3], []), ([4], [])]
    asked = [call.request for call in route.calls]
    assert dict(asked[0].url.params) == {"per_page": "250", "page": "1"}
    assert asked[1].url.params.multi_items() == [("cursor", "a+b=="), ("x[]", "1")]
    assert (asked[2].url.scheme, dict(asked[2].url.params)) == ("http", {"page": "9"}), "by the scheme of the shop file"
    question = {"operator": "AND", "value": [{"field": "campaign_id", "value": 1001, "operator": "="}]}
    assert [json.loads(one.content) for one in asked] == [{"filters": question}] * 3


async def test_reading_goes_on_at_a_later_page(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """RF-41: a pass need not read everybody again; a page that is not there any more is an empty one."""
    route = vendors.post(SEARCH).respond(json=rows_page())
    assert await found_in(rf, first_page=41) == [([], [])]
    assert dict(route.calls[0].request.url.params) == {"per_page": "250", "page": "41"}


async def test_no_other_campaigns_people_come_of_a_search(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """RF-27, RF-41: whatever the program filters; one bad row does not hide the others."""
    rows = [user_row(1), user_row(2, campaign_id=1002), user_row(3, url=None), user_row(4, qualified_at="x"), "odd"]
    vendors.post(SEARCH).respond(json=rows_page(*rows))
    assert await found_in(rf) == [([1], [3, 4, None])]


@pytest.mark.parametrize(
    "link",
    ["https://evil.example.com/users/search?page=2", f"{SEARCH}?page=2", "//evil.example.com/users/search", "?page=2"],
    ids=["another host", "a circle", "no scheme", "no path"],
)
async def test_a_search_follows_no_link_that_leads_astray(
    rf: ReferralFactory, vendors: respx.MockRouter, link: str
) -> None:
    """RF-41: neither the token nor the question goes to another host, and the reading ends."""
    away = vendors.route(host="evil.example.com").respond(json=rows_page(user_row(666)))
    route = vendors.post(url__startswith=SEARCH).respond(json=rows_page(user_row(1), following=link))
    with pytest.raises(ContractError, match=r"links\.next"):
        await found_in(rf)
    assert route.call_count <= 2
    assert away.call_count == 0


async def test_a_search_that_goes_round_in_a_circle_of_pages_ends(
    rf: ReferralFactory, vendors: respx.MockRouter
) -> None:
    """RF-41: each link is another than the one before, and still nothing new comes."""
    pages = [
        rows_page(user_row(n), following=f"{SEARCH}?page={following}") for n, following in ((1, 2), (2, 3), (3, 2))
    ]
    search = vendors.post(SEARCH).mock(side_effect=[httpx.Response(200, json=one) for one in [*pages, *pages]])
    with pytest.raises(ContractError, match=r"links\.next \(the same again\)"):
        await found_in(rf)
    assert search.call_count == 3


async def test_a_page_of_a_search_is_asked_for_again(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """RF-41: it only reads, though it is a POST; what comes after a lost answer is the same page."""
    search = vendors.post(SEARCH).mock(
        side_effect=[
            httpx.Response(200, json=rows_page(user_row(1), following=f"{SEARCH}?page=2")),
            httpx.ReadTimeout(""),
            httpx.Response(503),
            httpx.Response(200, json=rows_page(user_row(2))),
        ]
    )
    assert await found_in(rf) == [([1], []), ([2], [])]
    assert [call.request.url.params["page"] for call in search.calls] == ["1", "2", "2", "2"]


async def test_a_changed_email_keeps_the_link(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """RF-S11: the same id by PUT, only what changes in the body."""
    route = vendors.put(f"{USERS}/90211").respond(json={"data": user_row(email="new@example.com")})
    user = await rf.update_user(90211, UserChange(email="new@example.com"))
    assert not isinstance(user, RefusedUser)
    assert user.email == "new@example.com"
    assert json.loads(route.calls[0].request.content) == {"email": "new@example.com"}
    with pytest.raises(ValueError, match="nothing"):
        await rf.update_user(90211, UserChange())


@pytest.mark.parametrize(
    ("body", "is_taken"), [(TAKEN, True), (refusal(email="The email must be valid."), False)], ids=["taken", "invalid"]
)
async def test_a_refused_change_says_whether_somebody_has_the_email(
    rf: ReferralFactory, vendors: respx.MockRouter, body: Any, is_taken: bool
) -> None:
    vendors.put(f"{USERS}/7").respond(422, json=body)
    refused = await rf.update_user(7, UserChange(email="new@example.com", meta=(("Last Name", "S"),)))
    assert isinstance(refused, RefusedUser)
    assert (refused.field, refused.is_taken) == ("email", is_taken)


@pytest.mark.parametrize("is_qualified", [True, False])
async def test_a_lead_is_qualified_by_its_id(
    rf: ReferralFactory, vendors: respx.MockRouter, is_qualified: bool
) -> None:
    route = vendors.put(f"{USERS}/qualification").respond(
        json={"data": user_row(7, qualified_at="2026-05-01" if is_qualified else None)}
    )
    user = await rf.qualify(7, is_qualified=is_qualified)
    assert user is not None
    assert bool(user.qualified_on) == is_qualified
    assert json.loads(route.calls[0].request.content) == {"id": 7, "qualified": is_qualified}


@pytest.mark.parametrize("reply", [httpx.Response(200), httpx.Response(200, json={"message": "Done"})])
async def test_a_200_is_enough_to_be_qualified(
    rf: ReferralFactory, vendors: respx.MockRouter, reply: httpx.Response
) -> None:
    vendors.put(f"{USERS}/qualification").mock(side_effect=[reply])
    assert await rf.qualify(7) is None


WRITES: dict[str, Callable[[ReferralFactory], Awaitable[Any]]] = {
    "create": lambda rf: rf.create_referrer(DANA),
    "change": lambda rf: rf.update_user(7, UserChange(first_name="D")),
    "qualify": lambda rf: rf.qualify(7),
}
READS: dict[str, Callable[[ReferralFactory], Awaitable[Any]]] = {
    "a search": lambda rf: rf.find_user(1001, "dana@example.com"),
    "a campaign's users": found_in,
    "a user": lambda rf: rf.get_user(7),
    "a user by code": lambda rf: rf.get_user_by_code("Qr000007"),
    "campaigns": lambda rf: rf.list_campaigns(),
    "a campaign": lambda rf: rf.get_campaign(1001),
    "access": lambda rf: rf.check_access(),
    "due rewards": lambda rf: drain(rf.list_due_rewards(RewardMetric.AMOUNT)),
    "issued rewards": lambda rf: drain(rf.list_issued_rewards(RewardMetric.COUPON)),
}


async def drain(listing: Any) -> list[Any]:
    return [row async for rows in listing for row in rows]


@pytest.mark.parametrize("reply", [httpx.ReadTimeout(""), httpx.Response(500), httpx.Response(504)], ids=str)
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_without_answer_is_open_and_was_sent_once(
    rf: ReferralFactory, vendors: respx.MockRouter, write: str, reply: Any
) -> None:
    anywhere = vendors.route(url__startswith=RF).mock(side_effect=[reply])
    with pytest.raises(AmbiguousWriteError):
        await WRITES[write](rf)
    assert anywhere.call_count == 1


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(401, UnauthorizedError), (403, RejectedError), (404, NotFoundError), (500, TransientError)],
)
@pytest.mark.parametrize("read", READS)
async def test_a_failing_read_says_what_to_do(
    rf: ReferralFactory, vendors: respx.MockRouter, read: str, status: int, meaning: type[VendorError]
) -> None:
    vendors.route(url__startswith=RF).respond(status, json={"message": "No"})
    with pytest.raises(VendorError) as caught:
        await READS[read](rf)
    assert caught.type is meaning


@pytest.mark.parametrize("body", [None, [], {"data": None}, {"data": {"id": 1}}], ids=["null", "list", "none", "bare"])
@pytest.mark.parametrize("read", READS)
async def test_an_answer_that_is_not_what_was_asked_for_is_refused(
    rf: ReferralFactory, vendors: respx.MockRouter, read: str, body: Any
) -> None:
    vendors.route(url__startswith=RF).respond(json=body)
    with pytest.raises(ContractError):
        await READS[read](rf)


async def test_campaigns_have_the_labels_of_their_fields(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """RF-9, RF-27: a draft counts as much; an empty object may come as an empty list."""
    draft = {**CAMPAIGN, "id": 1002, "status": "draft", "fields": []}
    vendors.get(f"{RF}/campaigns").mock(
        side_effect=[
            httpx.Response(200, json=rows_page(CAMPAIGN, following=f"{RF}/campaigns?page=2")),
            httpx.Response(200, json=rows_page(draft)),
        ]
    )
    vendors.get(f"{RF}/campaigns/1001").respond(json={"data": CAMPAIGN})
    first, second = await rf.list_campaigns()
    assert (first.fields, first.lead_fields) == (("Last Name",), ("Phone",))
    assert (second.status, second.fields) == ("draft", ())
    assert await rf.get_campaign(1001) == first


async def test_rewards_are_read_and_never_issued(rf: ReferralFactory, vendors: respx.MockRouter) -> None:
    """RF-45: no method of the client issues one."""
    vendors.get(f"{RF}/rewards/due/amount").respond(json=rows_page(DUE))
    vendors.get(f"{RF}/rewards/issued/coupon").respond(json=rows_page(ISSUED))
    (due,) = await drain(rf.list_due_rewards(RewardMetric.AMOUNT))
    assert (due.id, due.recipient_id, due.can_be_issued, due.total) == (6120, 90211, True, Decimal("25.5"))
    (issued,) = await drain(rf.list_issued_rewards(RewardMetric.COUPON))
    assert (issued.coupon, issued.status, issued.issued_on) == ("SAVE10", "sent", date(2026, 5, 1))
    assert not [name for name in dir(rf) if "issue" in name and name != "list_issued_rewards"]


class _Counting(Unlimited):
    """Lets every call go, and ends it at the second overrun."""

    def __init__(self) -> None:
        self.asked: list[float | None] = []

    async def overrun(self, asked: RateLimitedError) -> None:
        self.asked.append(asked.retry_after_s)
        if len(self.asked) > 1:
            raise LimitOverrunError("twice")


async def test_a_429_is_told_to_the_limiter_and_the_second_ends_it(
    rf_settings: ReferralFactorySettings, vendors: respx.MockRouter, pauses: list[float]
) -> None:
    """The program blocks an address that goes over more than three times (FACTS section 8)."""
    limiter = _Counting()
    assert isinstance(limiter, CountingLimiter)
    route = vendors.post(USERS).mock(
        side_effect=[
            httpx.Response(429, headers={"Retry-After": "7"}),
            httpx.Response(201, json={"data": user_row()}),
            httpx.Response(429),
        ]
    )
    async with ReferralFactory.from_settings(rf_settings, limiter=limiter) as client:
        assert isinstance(await client.create_referrer(DANA), Created)
        with pytest.raises(LimitOverrunError):
            await client.create_referrer(DANA)
    assert limiter.asked == [7, None]
    assert route.call_count == 3
    assert pauses == [], "the limiter waits, for every process"


async def test_no_secret_or_person_is_in_a_log(
    rf: ReferralFactory, vendors: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendors.post(USERS).respond(422, json=refusal(email="dana@example.com is taken"))
    vendors.post(SEARCH).respond(json=rows_page())
    vendors.get(CAMPAIGNS).mock(
        side_effect=[
            httpx.Response(200, json=rows_page(following=f"{CAMPAIGNS}?cursor=s3cret")),
            httpx.Response(200, json=rows_page()),
        ]
    )
    await rf.create_referrer(DANA)
    await campaigns(rf)
    for private in (SECRETS["RF_TOKEN"], "dana@example.com", "Dana", "s3cret", "555-0100"):
        assert private not in caplog.text


async def test_a_token_that_is_not_set_is_said_before_the_first_call(
    rf_settings: ReferralFactorySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RF_TOKEN")
    with pytest.raises(SettingsError, match="RF_TOKEN"):
        ReferralFactory.from_settings(rf_settings, limiter=Unlimited())
