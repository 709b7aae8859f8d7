"""The people's side of Referral Factory: the account's dashboard, and those who sign up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from sandbox.courier import check_here
from sandbox.errors import RefusedError
from sandbox.referral_factory.door import TheProgram
from sandbox.referral_factory.hooks import Event, Hook
from sandbox.referral_factory.joining import issue, qualify, sign_up
from sandbox.referral_factory.new_user import EMAIL, NOT_AN_EMAIL
from sandbox.referral_factory.records import LEAD, REFERRER, Campaign, Kind, Metric, Rule, Toggle, User
from sandbox.referral_factory.records import Field as FormField
from sandbox.referral_factory.rewards import due_reward
from sandbox.referral_factory.seed import standard_fields
from sandbox.referral_factory.state import Program, code_of
from sandbox.referral_factory.switches import Switches
from sandbox.strict import PeopleBody, read_body

router = APIRouter(prefix="/_sandbox/referral-factory")


class FieldBody(PeopleBody):
    """One extra field of the campaign's forms."""

    label: str
    required: bool = False
    type: Literal["input", "select"] = "input"


class RewardBody(PeopleBody):
    """A reward the campaign gives."""

    metric: Metric = "amount"
    recipient: Literal["referrer", "lead"] = "referrer"
    on: Literal["qualified", "new_referral"] = "qualified"
    total: Decimal = Field(Decimal(25), ge=0)
    coupon: str = ""
    auto_issue: bool = False


class MailsBody(PeopleBody):
    """The campaign's mails; what is left out stays."""

    welcome: Literal["on", "off"] | None = None
    welcome_api: Toggle | None = None
    reminder: Literal["on", "off"] | None = None
    lead_welcome: Literal["on", "off"] | None = None
    referrer_new_lead: Literal["on", "off"] | None = None
    lead_qualified: Literal["on", "off"] | None = None
    referrer_qualified: Literal["on", "off"] | None = None
    reminder_days: int | None = Field(None, ge=1)


class CampaignBody(PeopleBody):
    """What is built or changed in the campaign builder; what is left out stays."""

    id: int | None = None
    name: str | None = None
    status: Literal["launched", "draft", "paused"] | None = None
    ends_at: str | None = Field(None, pattern=r"^\d{4}-\d\d-\d\d$")
    referrer_fields: list[FieldBody] | None = None
    lead_fields: list[FieldBody] | None = None
    rewards: list[RewardBody] | None = None
    mails: MailsBody | None = None


class SignUpBody(PeopleBody):
    """A form filled in: with a friend's `code` a lead, with a `campaign_id` a referrer."""

    code: str | None = None
    campaign_id: int | None = None
    first_name: str = Field(min_length=1)
    email: str
    meta: dict[str, Any] = Field(default_factory=dict)


class HookBody(PeopleBody):
    """A hook as the operator sets it up. `fields`: ours and what it is called; `referrer.code` and labels work too."""

    name: str = "Hook"
    url: str
    event: Event
    method: Literal["POST", "GET"] = "POST"
    sources: list[str] = Field(default_factory=lambda: ["Referred"])
    headers: dict[str, str] = Field(default_factory=dict, max_length=3)
    fields: dict[str, str] = Field(default_factory=lambda: {"code": "code", "email": "email"})
    constants: dict[str, str] = Field(default_factory=dict)


class QualifyBody(PeopleBody):
    """By hand, in the dashboard."""

    qualified: bool = True


class SpendBody(PeopleBody):
    """The total spend a commission is reckoned from."""

    total: Decimal = Field(ge=0)


class TokenBody(PeopleBody):
    """The new token; none named: a random one."""

    token: str | None = Field(None, min_length=8)


@router.get("")
async def overview(program: TheProgram) -> JSONResponse:
    """Return counts, without the people."""
    program.tick()
    campaigns = {
        str(one.id): {
            "name": one.name,
            "status": one.status,
            "users": len(one.members),
            "referrers": sum(user.kind == REFERRER for user in one.members.values()),
            "mails": one.mails,
        }
        for one in program.campaigns.values()
    }
    return JSONResponse({"users": len(program.users), "campaigns": campaigns, **program.gate.shown()})


@router.get("/users")
async def everybody(program: TheProgram) -> JSONResponse:
    """Return everybody in short, on one page, oldest first."""
    names = ("id", "campaign_id", "email", "first_name", "code", "url", "kind", "source", "referrer_id", "qualified_at")
    return JSONResponse({"users": [{name: getattr(one, name) for name in names} for one in program.users.values()]})


@router.post("/campaigns")
async def build_campaign(request: Request, program: TheProgram) -> JSONResponse:
    """Build a campaign; answers it."""
    body = await read_body(CampaignBody, request)
    number = body.id or program.new_id()
    if number in program.campaigns:
        raise RefusedError(409, f"There is a campaign {number} already.")
    name = body.name or f"Campaign {number}"
    campaign = Campaign(number, name, code_of(number), program.today(), fields=standard_fields())
    program.campaigns[number] = campaign
    return _changed(program, campaign, body)


@router.post("/campaigns/{campaign_id}")
async def change_campaign(request: Request, program: TheProgram, campaign_id: int) -> JSONResponse:
    """Change a campaign: pause it, rename a field, give other rewards."""
    campaign = program.campaign(str(campaign_id))
    body = await read_body(CampaignBody, request)
    if body.id not in {None, campaign.id}:
        raise RefusedError(400, "A campaign keeps its id.")
    return _changed(program, campaign, body)


@router.post("/campaigns/{campaign_id}/delete")
async def delete_campaign(program: TheProgram, campaign_id: int) -> JSONResponse:
    """Delete a campaign with everybody in it."""
    program.remove_campaign(program.campaign(str(campaign_id)))
    return JSONResponse({"deleted": campaign_id})


@router.post("/campaigns/{campaign_id}/mails")
async def toggle_mails(request: Request, program: TheProgram, campaign_id: int) -> JSONResponse:
    """Switch mails on and off; answers all toggles."""
    campaign = program.campaign(str(campaign_id))
    _toggle(campaign, await read_body(MailsBody, request))
    return JSONResponse(campaign.mails | {"reminder_days": campaign.reminder_days})


@router.post("/campaigns/{campaign_id}/hooks")
async def add_hook(request: Request, program: TheProgram, campaign_id: int) -> JSONResponse:
    """Set up a hook. The real service wants https; here any address on this machine, and no other."""
    campaign = program.campaign(str(campaign_id))
    body = await read_body(HookBody, request)
    check_here(body.url)
    hook = Hook(id=program.courier.new_id(), campaign_id=campaign.id, **body.model_dump())
    program.courier.hooks[hook.id] = hook
    return JSONResponse(hook.shown())


@router.post("/hooks/{hook_id}/remove")
async def remove_hook(program: TheProgram, hook_id: int) -> JSONResponse:
    """Take a hook away."""
    if program.courier.hooks.pop(hook_id, None) is None:
        raise RefusedError(404, f"Hook {hook_id} was not found.")
    return JSONResponse({"removed": hook_id})


@router.post("/sign-up")
async def fill_in_form(request: Request, program: TheProgram) -> JSONResponse:
    """Sign up through a friend's link or the join link; answers the person, and whether they are new."""
    body = await read_body(SignUpBody, request)
    if (body.code is None) == (body.campaign_id is None):
        raise RefusedError(400, "Name a friend's code, or a campaign.")
    if not EMAIL.fullmatch(body.email):
        raise RefusedError(400, NOT_AN_EMAIL, {"email": [NOT_AN_EMAIL]})
    friend = program.user(body.code) if body.code is not None else None
    campaign = program.campaign(str(friend.campaign_id if friend else body.campaign_id))
    user, is_new = sign_up(program, campaign, body.first_name, body.email, body.meta, friend)
    return JSONResponse({"new": is_new, "user": program.shown(user)})


@router.post("/users/{user_id}/qualify")
async def qualify_by_hand(request: Request, program: TheProgram, user_id: int) -> JSONResponse:
    """Qualify a lead in the dashboard, or undo it."""
    body = await read_body(QualifyBody, request) if await request.body() else QualifyBody()
    user = _user(program, user_id)
    qualify(program, user, qualified=body.qualified)
    return JSONResponse(program.shown(user))


@router.post("/users/{user_id}/delete")
async def delete_user(program: TheProgram, user_id: int) -> JSONResponse:
    """Delete a person in the dashboard, for good."""
    program.remove(_user(program, user_id))
    return JSONResponse({"deleted": user_id})


@router.post("/users/{user_id}/unsubscribe")
async def unsubscribe(program: TheProgram, user_id: int) -> JSONResponse:
    """Opt out of mails."""
    user = _user(program, user_id)
    user.unsubscribed_at = program.today()
    return JSONResponse(program.shown(user))


@router.post("/rewards/{reward_id}/spend")
async def set_spend(request: Request, program: TheProgram, reward_id: int) -> JSONResponse:
    """Enter the total spend of a commission, so that it can be issued."""
    earned = due_reward(program, reward_id)
    earned.total, earned.has_spend = (await read_body(SpendBody, request)).total, True
    return JSONResponse(earned.due())


@router.post("/rewards/{reward_id}/issue")
async def issue_by_hand(program: TheProgram, reward_id: int) -> JSONResponse:
    """Issue a due reward in the dashboard."""
    earned = due_reward(program, reward_id)
    issue(program, earned)
    return JSONResponse(earned.issued())


@router.post("/token")
async def regenerate_token(request: Request, program: TheProgram) -> JSONResponse:
    """Make a new token: the old one answers 401 at once."""
    body = await read_body(TokenBody, request) if await request.body() else TokenBody()
    return JSONResponse({"token": program.gate.regenerate(body.token)})


@router.post("/unblock")
async def unblock(program: TheProgram) -> JSONResponse:
    """Lift the block and forget the overruns."""
    program.gate.unblock()
    return JSONResponse(program.gate.shown())


@router.post("/switches")
async def set_switches(request: Request, program: TheProgram) -> JSONResponse:
    """Change some switches; the others stay. Answers all."""
    body = await read_body(Switches, request)
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    program.switches = program.switches.model_copy(update=changes)
    return JSONResponse(program.switches.model_dump())


def _user(program: Program, user_id: int) -> User:
    if user_id not in program.users:
        raise RefusedError(404, f"User {user_id} was not found.")
    return program.users[user_id]


def _changed(program: Program, campaign: Campaign, body: CampaignBody) -> JSONResponse:
    sent = body.model_fields_set
    campaign.name = body.name or campaign.name
    campaign.status = body.status or campaign.status
    campaign.ends_at = body.ends_at if "ends_at" in sent else campaign.ends_at
    forms: tuple[tuple[Kind, list[FieldBody] | None], ...] = (
        (REFERRER, body.referrer_fields),
        (LEAD, body.lead_fields),
    )
    for kind, fields in forms:
        if fields is not None:
            campaign.fields[kind] = [
                FormField(f"{kind}-{place}", one.label, one.type, one.required)
                for place, one in enumerate(fields, start=1)
            ]
    if body.rewards is not None:
        campaign.rules = [Rule(id=program.new_id(), **one.model_dump()) for one in body.rewards]
    if body.mails is not None:
        _toggle(campaign, body.mails)
    return JSONResponse(campaign.wire(0) | {"mails": campaign.mails})


def _toggle(campaign: Campaign, body: MailsBody) -> None:
    changes = body.model_dump(exclude_none=True)
    campaign.reminder_days = changes.pop("reminder_days", campaign.reminder_days)
    campaign.mails |= changes
