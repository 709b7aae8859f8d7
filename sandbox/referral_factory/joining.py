"""How people come in, change, and qualify, whoever asks: the API, a sign-up form, or the account's own office."""

from __future__ import annotations

from typing import Any, Literal

from sandbox.errors import RefusedError
from sandbox.referral_factory.hooks import Event
from sandbox.referral_factory.new_user import NOT_AN_EMAIL, NewUser, refused
from sandbox.referral_factory.records import LEAD, REFERRER, Campaign, Kind, Reward, Rule, User
from sandbox.referral_factory.state import Program

Outcome = Literal["created", "same", "updated"]


def create_user(program: Program, new: NewUser) -> tuple[User, Outcome]:
    """Do what `POST /users` asks.

    Raises: RefusedError 422 for a person or campaign it does not take, 403 beyond the plan.
    """
    campaign = _open_campaign(program, new.campaign_id)
    kind = REFERRER if new.referrer is None else LEAD
    meta = checked_meta(program, campaign, kind, new.first_name, new.meta)
    check_domain(program, new.email)
    if new.promotion:
        raise refused({"promotion": ["Promotions need a connected Stripe account."]})
    existing = campaign.members.get(new.email.casefold())
    if existing is not None:
        return _again(program, existing, new, meta)
    referrer = _referrer_of(program, campaign, new)
    _check_plan(program)
    source = "Api" if referrer is None else "Referred"
    credit = None if referrer is None else referrer.id
    user = program.add(campaign, kind, new.first_name, new.email, source, referrer_id=credit, meta=meta)
    is_loud = program.switches.notify_default == "sends" if new.notify is None else new.notify
    welcome_people(
        program, campaign, user, "welcome_api" if is_loud or program.switches.notify_ignored else None, referrer
    )
    return user, "created"


def sign_up(
    program: Program, campaign: Campaign, first_name: str, email: str, meta: dict[str, Any], referrer: User | None
) -> tuple[User, bool]:
    """Fill in a campaign's form: through a friend's link a lead, through the join link a referrer.

    Return the person, and whether they are new: a form skips an e-mail the campaign has already [documented].
    Raises: RefusedError 422.
    """
    campaign = _open_campaign(program, campaign.id)
    kind = REFERRER if referrer is None else LEAD
    known = checked_meta(program, campaign, kind, first_name, tuple(meta.items()))
    check_domain(program, email)
    existing = campaign.members.get(email.casefold())
    if existing is not None:
        return existing, False
    _check_plan(program)
    source = "Direct" if referrer is None else "Referred"
    credit = None if referrer is None else referrer.id
    user = program.add(campaign, kind, first_name, email, source, referrer_id=credit, meta=known, ip="203.0.113.7")
    welcome_people(program, campaign, user, "welcome", referrer)
    return user, True


def welcome_people(
    program: Program, campaign: Campaign, user: User, welcome: str | None, referrer: User | None
) -> None:
    """Send what the campaign sends when somebody joins; `welcome` None: the newcomer gets no mail."""
    if user.kind == LEAD:
        if welcome is not None:
            program.postman.send(campaign, "lead_welcome", user)
        if referrer is not None:
            program.postman.send(campaign, "referrer_new_lead", referrer)
            reward(program, campaign, user, "new_referral")
    elif welcome is not None:
        program.postman.send(campaign, welcome, user)
    announce(program, "user.join", user)


def qualify(program: Program, user: User, *, qualified: bool) -> None:
    """Make a lead Qualified, or Pending again; repeating changes nothing.

    Raises: RefusedError 422 or 404 (a switch) for a referrer.
    """
    if user.kind != LEAD:
        raise RefusedError(program.switches.qualify_referrer, "Only an invited user can be qualified.")
    if not qualified:
        user.qualified_at = None
        return
    if user.qualified_at is not None:
        return
    user.qualified_at = program.today()
    campaign = program.campaigns[user.campaign_id]
    program.postman.send(campaign, "lead_qualified", user)
    referrer = program.users.get(user.referrer_id or 0)
    if referrer is not None:
        program.postman.send(campaign, "referrer_qualified", referrer)
    announce(program, "user.qualified", user)
    reward(program, campaign, user, "qualified")


def reward(program: Program, campaign: Campaign, lead: User, occasion: str) -> None:
    """Let the campaign's rules give what they give on this occasion; no lead earns one rule's reward twice."""
    for rule in campaign.rules:
        recipient = lead.id if rule.recipient == "lead" else lead.referrer_id
        given = any(one.rule.id == rule.id and one.lead_id == lead.id for one in program.rewards.values())
        if rule.on != occasion or recipient is None or given:
            continue
        earned = _earned(program, rule, campaign, lead, recipient)
        if rule.auto_issue and earned.has_spend:
            issue(program, earned)


def issue(program: Program, earned: Reward) -> None:
    """Send a reward out.

    Raises: RefusedError 422 when it cannot be issued yet.
    """
    if not earned.has_spend:
        raise refused({"id": ["A commission needs the total spend first."]})
    earned.issued_at = program.today()
    recipient = program.users[earned.recipient_id]
    extra = {"reward_id": earned.rule.id, "recipient_id": recipient.id, "total": float(earned.total)}
    announce(program, "reward_issued", recipient, extra)


def announce(program: Program, event: Event, user: User, extra: dict[str, Any] | None = None) -> None:
    """Fire the hooks for this."""

    def facts() -> dict[str, Any]:
        shown = program.shown(user)
        known = {name: value for name, value in shown.items() if not isinstance(value, dict | list)}
        referrer = program.users.get(user.referrer_id or 0)
        if referrer is not None:
            names = ("id", "code", "email", "first_name", "url")
            known |= {f"referrer.{name}": getattr(referrer, name) for name in names}
        return known | dict(user.meta) | (extra or {})

    program.courier.announce(event, user.campaign_id, user.source, facts)


def checked_meta(
    program: Program, campaign: Campaign, kind: Kind, first_name: str, meta: tuple[tuple[str, Any], ...]
) -> tuple[tuple[str, Any], ...]:
    """Return the meta values the campaign keeps.

    Raises: RefusedError 422 for an unknown label, a text too long, or a required field that is not there.
    """
    switches = program.switches
    if not meta and not switches.required_fields and switches.max_length is None:
        return ()
    fields = campaign.labels(kind)
    errors: dict[str, list[str]] = {}
    for label, value in meta:
        if label not in fields and switches.unknown_labels == "refused":
            errors[label] = [f"The campaign has no field {label}."]
        if _is_too_long(program, value):
            errors[label] = [f"The {label} may not be greater than {switches.max_length} characters."]
    if _is_too_long(program, first_name):
        errors["first_name"] = [f"The first_name may not be greater than {switches.max_length} characters."]
    given = {label for label, value in meta if value not in {None, ""}}
    for label, one in fields.items() if switches.required_fields else ():
        if one.required and label not in given:
            errors[label] = [f"The {label} field is required."]
    if errors:
        raise refused(errors)
    return tuple((label, value) for label, value in meta if label in fields)


def check_domain(program: Program, email: str) -> None:
    """Refuse a domain that takes no mail: 422."""
    if email.rpartition("@")[2].lower() in program.switches.refused_domains:
        raise refused({"email": [NOT_AN_EMAIL]})


def _is_too_long(program: Program, value: Any) -> bool:
    limit = program.switches.max_length
    return limit is not None and isinstance(value, str) and len(value) > limit


def _open_campaign(program: Program, campaign_id: int) -> Campaign:
    campaign = program.campaigns.get(campaign_id)
    if campaign is None:
        raise refused({"campaign_id": ["The selected campaign_id is invalid."]})
    if campaign.status == "paused":
        raise refused({"campaign_id": ["The campaign is paused."]})
    if campaign.ends_at is not None and campaign.ends_at < program.today():
        raise refused({"campaign_id": ["The campaign has ended."]})
    return campaign


def _check_plan(program: Program) -> None:
    cap = program.switches.plan_users
    if cap is not None and len(program.users) >= cap:
        raise RefusedError(403, f"Your plan's limit of {cap} users is reached.")


def _again(program: Program, existing: User, new: NewUser, meta: tuple[tuple[str, Any], ...]) -> tuple[User, Outcome]:
    """Answer a create of somebody the campaign has: link, type and credit stay as they were."""
    match program.switches.duplicate:
        case "refused_422":
            raise refused({"email": ["The email has already been taken."]})
        case "updated_200":
            existing.first_name, existing.meta = new.first_name, meta or existing.meta
            return existing, "updated"
        case _:
            return existing, "same"


def _referrer_of(program: Program, campaign: Campaign, new: NewUser) -> User | None:
    if new.referrer is None:
        return None
    field, value = new.referrer
    match field:
        case "id":
            found = program.users.get(value) if isinstance(value, int) else None
        case "code":
            found = program.by_code.get(str(value))
        case _:
            found = campaign.members.get(str(value).casefold())
    if found is None or found.campaign_id != campaign.id:
        raise refused({"referrer": ["The selected referrer is invalid."]})
    return found


def _earned(program: Program, rule: Rule, campaign: Campaign, lead: User, recipient: int) -> Reward:
    earned = Reward(
        id=program.new_id(),
        rule=rule,
        campaign_id=campaign.id,
        lead_id=lead.id,
        recipient_id=recipient,
        total=rule.total,
        has_spend=rule.metric != "commission",
    )
    program.rewards[earned.id] = earned
    return earned
