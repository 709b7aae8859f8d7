"""The page at `/`: what is in every system, at a glance."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()


@router.get("/", response_class=HTMLResponse)
async def show(request: Request) -> HTMLResponse:
    """Show everything."""
    return HTMLResponse("<h1>Sandbox</h1>")
