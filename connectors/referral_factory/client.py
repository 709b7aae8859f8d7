"""The program's operations, in domain types. Source: contracts/referral_factory/openapi.yaml."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from connectors.errors import Call, ContractError, from_answer, unreadable
from connectors.http import Answer, Query, VendorHttp
from connectors.limits import Limiter
from connectors.referral_factory.auth import VENDOR, referral_factory_auth
from connectors.referral_factory.readings import (
    differences,
    find_user,
    foreign_field,
    judge_refusal,
    next_path,
    read_campaign,
    read_due,
    read_issued,
    read_user,
    read_users,
    refused_field,
)
from connectors.referral_factory.schemas import (
    CampaignEnvelope,
    MetaItem,
    Page,
    Qualification,
    UserCreate,
    UserEnvelope,
    UserUpdate,
    WireCampaign,
    WireReward,
)
from connectors.wire import parse
from models.referral import (
    Campaign,
    Created,
    DueReward,
    IssuedReward,
    NewReferrer,
    ReferralUser,
    RefusedUser,
    RewardMetric,
    UserChange,
    UserPage,
)
from models.referral_settings import ReferralFactorySettings

READ_TIMEOUT_S: Final = 60.0
"""Of 40 calls measured, 3 took more than 25 seconds (FACTS section 8)."""
PER_PAGE: Final = 250
"""The most the contract allows."""

_REFUSALS: Final = frozenset({400, 409, 422})
"""Statuses that may be about the person sent. The others of 4xx are about the token, the account or the campaign."""


class ReferralFactory:
    """One account with all its campaigns. Use with `async with`, or close it.

    Every operation may raise TransientError, UnauthorizedError, RejectedError and ContractError; a write that got no
    answer, or 5xx, raises AmbiguousWriteError. Where the limiter keeps count (store/limits.py) a second 429 within a
    day raises LimitOverrunError, before the program blocks our address.
    """

    def __init__(self, http: VendorHttp, base_url: str) -> None:
        """Use `from_settings` to build one from a shop file."""
        self._http = http
        self._base_url = base_url

    @classmethod
    def from_settings(
        cls,
        settings: ReferralFactorySettings,
        *,
        limiter: Limiter,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Open the account of a shop. Raises SettingsError when the token is not set.

        The limit of 600 calls a minute is the token's: every client of the account must share the `limiter`.
        """
        http = VendorHttp(
            VENDOR,
            settings.api_url,
            auth=referral_factory_auth(settings),
            limiter=limiter,
            read_timeout_s=READ_TIMEOUT_S,
            secrets=(settings.api_token,),
            transport=transport,
        )
        return cls(http, settings.api_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def search_users(self, campaign_id: int, *, first_page: int = 1) -> AsyncIterator[UserPage]:
        """Yield the users of one campaign page by page, from a page of `PER_PAGE` on. Memory: one page.

        Rows shift between pages while others write: one may come twice. In which order they come is not stated.
        Source: `POST /users/search` with campaign_id [observed-in-client], `page` [observed-in-client].
        """
        body = _filters(campaign_id=campaign_id)
        query: Query = {"per_page": PER_PAGE, "page": first_page}
        doing = f"reading the users of campaign {campaign_id}"
        async for page in self._pages("/users/search", doing, method="POST", body=body, query=query):
            yield read_users(page, campaign_id)

    async def find_user(self, campaign_id: int, email: str) -> ReferralUser | None:
        """Look a person up by e-mail in one campaign; None when the campaign has nobody of it.

        Source: `POST /users/search` [documented], its body [observed-in-client]. It only reads.
        """
        body = _filters(email=email, campaign_id=campaign_id)
        call = self._http.call(f"looking for a user of campaign {campaign_id}", is_write=False, body=body)
        page = read_users(parse(Page, await self._http.send("POST", "/users/search", call, body=body), call), None)
        if page.unreadable:
            raise unreadable(call, page.unreadable[0].why)
        return find_user(page.users, campaign_id, email)

    async def get_user(self, user_id: int) -> ReferralUser:
        """Read one user. Source: `GET /users/{id}` [documented]. Raises NotFoundError."""
        user, call = await self._get_user(str(user_id), f"reading user {user_id}")
        if user.id != user_id:
            raise unreadable(call, "data.id (another user's)")
        return user

    async def get_user_by_code(self, code: str) -> ReferralUser:
        """Read the user of a referral code. Source: `GET /users/{code}` [documented]. Raises NotFoundError.

        There is no reading by e-mail: the vendor's pages contradict each other about it (FACTS section 2).
        """
        user, call = await self._get_user(code, "reading the user of a code")
        if user.code != code:
            raise unreadable(call, "data.code (another user's)")
        return user

    async def create_referrer(self, person: NewReferrer) -> Created | RefusedUser:
        """Give a person a link, and notify nobody (RF-31).

        A campaign that has the e-mail already answers in one of three ways (FACTS section 4): with that user, with
        that user as if it were new, or with a refusal, upon which it is looked up. Its type and credit are compared
        with what was asked. RefusedUser: this person never, as sent; what stops everybody is raised.

        Source: `POST /users` [documented], statuses [observed-in-client]. Raises: AmbiguousWriteError when the answer
        was lost: `find_user` tells.
        """
        body: UserCreate = {
            "campaign_id": person.campaign_id,
            "first_name": person.first_name,
            "email": person.email,
            "notify": False,
        }
        if person.meta:
            body["meta"] = _meta(person.meta)
        call = self._http.call(f"adding a user to campaign {person.campaign_id}", is_write=True, body=body)
        answer = await self._http.ask("POST", "/users", call, body=body, also=_REFUSALS, into=UserEnvelope)
        if answer.status in _REFUSALS:
            return await self._adopt_or_refuse(person, call, answer)
        user = _read_user(answer.body, call)
        foreign = foreign_field(user, person)
        if foreign:
            raise unreadable(call, f"{foreign} (another person's)")
        others = differences(user)
        return Created(user=user, was_there=answer.status == httpx.codes.OK or bool(others), differs=others)

    async def update_user(self, user_id: int, change: UserChange) -> ReferralUser | RefusedUser:
        """Change a user's name, e-mail or further fields; the id, the link and the history stay.

        Source: `PUT /users/{id}` [documented]; that the link survives a new e-mail is said of the dashboard and
        [inferred] here. Raises: NotFoundError when the user is gone; AmbiguousWriteError, after which `get_user` tells;
        ValueError when nothing is to change.
        """
        body: UserUpdate = {}
        if change.first_name is not None:
            body["first_name"] = change.first_name
        if change.email is not None:
            body["email"] = change.email
        if change.meta is not None:
            body["meta"] = _meta(change.meta)
        if not body:
            raise ValueError("There is nothing to change.")
        call = self._http.call(f"changing user {user_id}", is_write=True, body=body)
        answer = await self._http.ask("PUT", f"/users/{user_id}", call, body=body, also=_REFUSALS)
        if answer.status in _REFUSALS:
            return _refused(call, answer)
        user = _user(answer.body, call)
        if user.id != user_id:
            raise unreadable(call, "data.id (another user's)")
        return user

    async def qualify(self, user_id: int, *, is_qualified: bool = True) -> ReferralUser | None:
        """Move a lead to Qualified, or back to Pending. Money may move: a campaign may issue its reward at once.

        A repeat was measured to change nothing (v1), and the vendor asks for none all the same (FACTS section 6).
        None: it was done, and the answer does not show the user.

        Source: `PUT /users/qualification` [documented]. Raises: NotFoundError; AmbiguousWriteError, after which
        `get_user` tells by `qualified_on`.
        """
        body: Qualification = {"id": user_id, "qualified": is_qualified}
        doing = f"{'qualifying' if is_qualified else 'taking back the qualification of'} user {user_id}"
        call = self._http.call(doing, is_write=True, body=body)
        answer = await self._http.send("PUT", "/users/qualification", call, body=body)
        try:
            return _user(answer, call)
        except ContractError:
            return None  # "A 200 confirms the change"; the body is not documented

    async def list_campaigns(self) -> tuple[Campaign, ...]:
        """Read all campaigns. Source: `GET /campaigns` [documented]."""
        call = self._http.call("reading the campaigns", is_write=False)
        pages = [page async for page in self._pages("/campaigns", call.doing)]
        return tuple(read_campaign(parse(WireCampaign, row, call)) for page in pages for row in page.data)

    async def get_campaign(self, campaign_id: int) -> Campaign:
        """Read one campaign, with the labels of its fields. Source: `GET /campaigns/{id}` [documented].

        Raises NotFoundError.
        """
        call = self._http.call(f"reading campaign {campaign_id}", is_write=False)
        answer = await self._http.send("GET", f"/campaigns/{campaign_id}", call)
        return read_campaign(parse(CampaignEnvelope, answer, call).data)

    async def list_due_rewards(self, metric: RewardMetric) -> AsyncIterator[tuple[DueReward, ...]]:
        """Yield the rewards that are owed, page by page. Source: `GET /rewards/due/{metric}` [documented]."""
        async for rows in self._rewards(f"/rewards/due/{metric}", f"reading the due rewards ({metric})"):
            yield tuple(read_due(row, metric) for row in rows)

    async def list_issued_rewards(self, metric: RewardMetric) -> AsyncIterator[tuple[IssuedReward, ...]]:
        """Yield the rewards that were issued, page by page. Source: `GET /rewards/issued/{metric}` [documented]."""
        async for rows in self._rewards(f"/rewards/issued/{metric}", f"reading the issued rewards ({metric})"):
            yield tuple(read_issued(row, metric) for row in rows)

    async def check_access(self) -> None:
        """Read one campaign at most. Raises what the reading raised."""
        call = self._http.call("checking the connection", is_write=False)
        parse(Page, await self._http.send("GET", "/campaigns", call, query={"per_page": 1}), call)

    async def _adopt_or_refuse(self, person: NewReferrer, call: Call, answer: Answer) -> Created | RefusedUser:
        if judge_refusal(answer.body).may_be_taken:
            user = await self.find_user(person.campaign_id, person.email)
            if user is not None:
                return Created(user=user, was_there=True, differs=differences(user))
        return _refused(call, answer)

    async def _get_user(self, identifier: str, doing: str) -> tuple[ReferralUser, Call]:
        call = self._http.call(doing, is_write=False)
        return _user(await self._http.send("GET", f"/users/{quote(identifier, safe='')}", call), call), call

    async def _rewards(self, path: str, doing: str) -> AsyncIterator[list[WireReward]]:
        call = self._http.call(doing, is_write=False)
        async for page in self._pages(path, doing):
            yield [parse(WireReward, row, call) for row in page.data]

    async def _pages(
        self, path: str, doing: str, *, method: str = "GET", body: Any = None, query: Query | None = None
    ) -> AsyncIterator[Page]:
        """Follow `links.next` as it comes; one that leads to another host, or in a circle, is refused."""
        call = self._http.call(doing, is_write=False, body=body)
        first = {"per_page": PER_PAGE} if query is None else query
        page = parse(Page, await self._http.send(method, path, call, query=first, body=body), call)
        before = set[str]()
        while True:
            yield page
            link = page.links.next if page.links else None
            if not link:
                return
            following = next_path(link, self._base_url)
            if following is None:
                raise unreadable(call, "links.next (another address)")
            if following in before:
                raise unreadable(call, "links.next (the same again)")
            before.add(following)
            page = parse(Page, await self._http.send(method, following, call, body=body), call)


def _filters(**equal: str | int) -> dict[str, Any]:
    conditions = [{"field": name, "value": value, "operator": "="} for name, value in equal.items()]
    return {"filters": {"operator": "AND", "value": conditions}}


def _meta(pairs: tuple[tuple[str, str], ...]) -> list[MetaItem]:
    return [{"field": label, "value": value} for label, value in pairs]


def _user(answer: Any, call: Call) -> ReferralUser:
    return _read_user(parse(UserEnvelope, answer, call), call)


def _read_user(answer: UserEnvelope, call: Call) -> ReferralUser:
    try:
        return read_user(answer.data)
    except ValueError:
        raise unreadable(call, "data.qualified_at or data.unsubscribed_at (no date)") from None


def _refused(call: Call, answer: Answer) -> RefusedUser:
    """Tell why this person is refused. Raises RejectedError when it is not about the person."""
    error = from_answer(call, answer.status, answer.headers, answer.body)
    refusal = judge_refusal(answer.body)
    if error is None or refusal.is_of_all:
        raise error or unreadable(call, f"the status {answer.status}")
    return RefusedUser(
        why=error.words or f"refused without a reason ({answer.status})",
        field=refused_field(answer.body),
        is_taken=refusal.says_taken,
    )
