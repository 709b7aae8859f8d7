"""The inbound webhook: a form post to a secret address qualifies a lead. Source: openapi.yaml, FACTS section 9."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.errors import RefusedError
from sandbox.referral_factory import PREFIX, WEBHOOK_TOKEN
from sandbox.referral_factory.door import TheProgram
from sandbox.referral_factory.joining import qualify
from sandbox.referral_factory.new_user import refused
from sandbox.referral_factory.records import User
from sandbox.referral_factory.state import Program

router = APIRouter(prefix=PREFIX)

FORM = "application/x-www-form-urlencoded"


@router.post("/webhook/{token}/qualify")
async def inbound_qualify(request: Request, program: TheProgram, token: str) -> JSONResponse:
    """Qualify the lead of a code, or of a coupon."""
    if token != WEBHOOK_TOKEN:
        raise RefusedError(404, "Webhook not found.")
    if not request.headers.get("content-type", "").startswith(FORM):
        raise refused({"Content-Type": [f"The body must be sent as {FORM}."]})
    sent = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)
    if len(sent) != 1 or not sent.keys() <= {"code", "coupon"} or len(next(iter(sent.values()))) != 1:
        raise refused({"code": ["Send code or coupon, once."]})
    name, (value,) = next(iter(sent.items()))
    user = program.by_code.get(value) if name == "code" else _holder(program, value)
    if user is None:
        raise refused({name: [f"The selected {name} is invalid."]})
    qualify(program, user, qualified=True)
    return JSONResponse({"message": "OK"})


def _holder(program: Program, coupon: str) -> User | None:
    """Return the lead who holds the coupon."""
    for one in program.rewards.values():
        if one.rule.metric == "coupon" and one.rule.coupon == coupon and one.recipient_id == one.lead_id:
            return program.users.get(one.lead_id)
    return None
