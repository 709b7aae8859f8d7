"""People: list, search, read, change, qualify, delete. Creating is in the door. Source: openapi.yaml."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sandbox.errors import RefusedError
from sandbox.referral_factory.door import TheProgram, api
from sandbox.referral_factory.joining import check_domain, checked_meta, qualify
from sandbox.referral_factory.new_user import EMAIL, NOT_AN_EMAIL, Errors, read_meta, refused
from sandbox.referral_factory.pages import UserPageQuery, WithUser, no_query, page_of
from sandbox.referral_factory.records import Json, User
from sandbox.referral_factory.searching import Fields, Group, fits, read_search, same
from sandbox.referral_factory.state import Program, is_number
from sandbox.strict import read_body, read_query

router = api()
Identifier = Annotated[str, Path(alias="identifier")]

FIELDS: Fields = {
    "type": attrgetter("kind"),
    **{
        name: attrgetter(name)
        for name in ("id", "code", "email", "campaign_id", "first_name", "source", "referrer_id", "qualified_at")
    },
}


class UsersQuery(UserPageQuery):
    """Source: openapi.yaml `GET /users`. `campaign_id` is taken and ignored [observed]."""

    campaign_id: str | None = None
    filter_field: str | None = Field(None, alias="filters[0][field]")
    filter_value: str | None = Field(None, alias="filters[0][value]")


class UserUpdate(BaseModel):
    """Source: openapi.yaml `UserUpdate`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    first_name: str = Field("", min_length=1)
    email: str = ""
    meta: list[Any] = Field(default_factory=list)


class Qualification(BaseModel):
    """Source: openapi.yaml `QualificationRequest`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: int | None = None
    code: str | None = None
    email: str | None = None
    campaign_id: int | None = None
    qualified: bool


@router.get("/users")
async def list_users(request: Request, program: TheProgram) -> JSONResponse:
    """List everybody of the account, whatever `campaign_id` says."""
    query = read_query(UsersQuery, request)
    rows: Sequence[User] = list(program.users.values())
    if query.filter_field is not None:
        if query.filter_field not in FIELDS:
            raise refused({"filters": [f"Cannot filter by {query.filter_field}."]})
        rows = [one for one in rows if same(FIELDS[query.filter_field](one), query.filter_value)]
    return _page(request, program, query, rows)


@router.post("/users/search")
async def search_users(request: Request, program: TheProgram) -> JSONResponse:
    """Find people; nobody found is an empty list."""
    query = read_query(UserPageQuery, request)
    filters = await read_search(request, FIELDS)
    near = _by_email(program, filters)
    rows = [one for one in (program.users.values() if near is None else near) if fits(filters, FIELDS, one)]
    return _page(request, program, query, rows)


@router.put("/users/qualification")
async def set_qualification(request: Request, program: TheProgram) -> JSONResponse:
    """Qualify a lead, or put it back to Pending."""
    no_query(request)
    body = await read_body(Qualification, request)
    user = _named(program, body)
    qualify(program, user, qualified=body.qualified)
    return JSONResponse({"data": program.shown(user)})


@router.get("/users/{identifier}")
async def get_user(request: Request, program: TheProgram, identifier: Identifier) -> JSONResponse:
    """Read one person by id or code."""
    query = read_query(WithUser, request)
    return JSONResponse({"data": _shower(program, query.with_)(program.user(identifier))})


@router.put("/users/{identifier}")
async def update_user(request: Request, program: TheProgram, identifier: Identifier) -> JSONResponse:
    """Change name, e-mail or extra fields; id, code and link stay."""
    no_query(request)
    user = _by_id(program, identifier)
    body = await read_body(UserUpdate, request)
    sent = body.model_fields_set
    if not sent:
        raise refused({"body": ["Send at least one of first_name, email and meta."]})
    campaign = program.campaigns[user.campaign_id]
    errors: Errors = {}
    meta = read_meta(body.meta, errors)
    if "email" in sent and not EMAIL.fullmatch(body.email):
        errors["email"] = [NOT_AN_EMAIL]
    if "first_name" in sent and not body.first_name.strip():
        errors["first_name"] = ["The first_name field is required."]
    if errors:
        raise refused(errors)
    first_name = body.first_name if "first_name" in sent else user.first_name
    if "meta" in sent:
        if program.switches.meta_update == "merges":
            meta = tuple((dict(user.meta) | dict(meta)).items())
        meta = checked_meta(program, campaign, user.kind, first_name, meta)
    if "email" in sent:
        check_domain(program, body.email)
        holder = campaign.members.get(body.email.casefold())
        if holder is not None and holder is not user:
            raise refused({"email": ["The email has already been taken."]})
        del campaign.members[user.email.casefold()]
        campaign.members[body.email.casefold()], user.email = user, body.email
    user.first_name, user.meta = first_name, meta if "meta" in sent else user.meta
    return JSONResponse({"data": program.shown(user)})


@router.delete("/users/{identifier}")
async def delete_user(request: Request, program: TheProgram, identifier: Identifier) -> Response:
    """Delete a person for good."""
    no_query(request)
    program.remove(_by_id(program, identifier))
    return Response(status_code=204)


def _by_id(program: Program, identifier: str) -> User:
    user = program.users.get(int(identifier)) if is_number(identifier) else None
    if user is None:
        raise RefusedError(404, "User not found.")
    return user


def _named(program: Program, body: Qualification) -> User:
    """Return who is meant by exactly one of id, code, e-mail with campaign."""
    sent = body.model_fields_set - {"qualified"}
    if sent == {"id"} and body.id is not None:
        user = program.users.get(body.id)
    elif sent == {"code"} and body.code is not None:
        user = program.by_code.get(body.code)
    elif sent == {"email", "campaign_id"} and body.email is not None and body.campaign_id is not None:
        campaign = program.campaigns.get(body.campaign_id)
        user = campaign.members.get(body.email.casefold()) if campaign else None
    else:
        raise refused({"id": ["Send exactly one of id, code, or email with campaign_id."]})
    if user is None:
        raise RefusedError(404, "User not found.")
    return user


def _by_email(program: Program, filters: Group | None) -> list[User] | None:
    """Return who can fit at all, when the conditions name an e-mail; None: look at everybody."""
    if filters is None or filters.operator != "AND":
        return None
    emails = [str(one.value).casefold() for one in filters.value if one.field == "email"]
    if not emails:
        return None
    return [one.members[emails[0]] for one in program.campaigns.values() if emails[0] in one.members]


def _page(request: Request, program: Program, query: UserPageQuery, rows: Sequence[User]) -> JSONResponse:
    is_newest_first = program.switches.order == "newest"
    return page_of(request, query, rows, _shower(program, query.with_), newest_first=is_newest_first)


def _shower(program: Program, wanted: str | None) -> Callable[[User], Json]:
    if wanted is None:
        return program.shown
    referrals, qualified = program.analytics()

    def shown(user: User) -> Json:
        counts = {"reach": user.reach, "referrals": referrals[user.id], "qualified_referrals": qualified[user.id]}
        return program.shown(user) | {"analytics": counts}

    return shown
