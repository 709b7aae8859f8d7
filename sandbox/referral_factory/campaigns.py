"""Campaigns: read only. Source: openapi.yaml."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import JSONResponse

from sandbox.referral_factory.door import TheProgram, api
from sandbox.referral_factory.pages import CampaignPageQuery, WithCampaign, no_query, page_of
from sandbox.referral_factory.records import LEAD, Campaign, Json
from sandbox.referral_factory.searching import Fields, fits, read_search
from sandbox.referral_factory.state import Program
from sandbox.strict import read_query

router = api()

FIELDS: Fields = {name: attrgetter(name) for name in ("id", "name", "code", "status")}


@router.get("/campaigns")
async def list_campaigns(request: Request, program: TheProgram) -> JSONResponse:
    """List campaigns."""
    query = read_query(CampaignPageQuery, request)
    rows = list(program.campaigns.values())
    return page_of(request, query, rows, _shower(program, query.with_), newest_first=False)


@router.post("/campaigns/search")
async def search_campaigns(request: Request, program: TheProgram) -> JSONResponse:
    """Find campaigns."""
    no_query(request)
    filters = await read_search(request, FIELDS)
    rows = [one for one in program.campaigns.values() if fits(filters, FIELDS, one)]
    return page_of(request, CampaignPageQuery(per_page=250), rows, _shower(program, None), newest_first=False)


@router.get("/campaigns/{identifier}")
async def get_campaign(
    request: Request, program: TheProgram, identifier: Annotated[str, Path(alias="identifier")]
) -> JSONResponse:
    """Read one campaign by id or code."""
    query = read_query(WithCampaign, request)
    return JSONResponse({"data": _shower(program, query.with_)(program.campaign(identifier))})


def _shower(program: Program, wanted: str | None) -> Callable[[Campaign], Json]:
    def shown(campaign: Campaign) -> Json:
        answer = campaign.wire(program.reach(campaign.id, 0))
        if wanted is not None:
            leads = [one for one in campaign.members.values() if one.kind == LEAD]
            answer["analytics"] = {
                "reach": 0,
                "users": len(campaign.members),
                "referrals": len(leads),
                "qualified_referrals": sum(one.qualified_at is not None for one in leads),
            }
        return answer

    return shown
