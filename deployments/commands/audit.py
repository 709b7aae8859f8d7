"""`truckroll audit`: every decision and effect, with the rule that fired and who said so."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments import talk
from deployments.commands.common import AsJson, OfShop, iso, known_shop, local, usage, with_books
from models.base import utc_now

if TYPE_CHECKING:
    from models.tables import AuditRow

_SPAN = re.compile(r"^(\d+)\s*([mhd])$")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def audit(
    shop: OfShop = None,
    record: Annotated[str | None, typer.Option(help="Only this record, such as demo-48213-1.")] = None,
    process: Annotated[str | None, typer.Option(help="Only this process.")] = None,
    event: Annotated[str | None, typer.Option(help="Only this event, such as ordered.")] = None,
    since: Annotated[str | None, typer.Option(help='A span back from now ("2h", "7d"), or an ISO time.')] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show what was decided and done, the newest last."""
    known_shop(shop)
    after = _since(since) if since else None
    rows = with_books(
        lambda books: books.audit.list(shop=shop, record=record, process=process, event=event, since=after, limit=limit)
    )
    in_order = list(reversed(rows))
    if as_json:
        talk.print_json({"audit": [as_object(row) for row in in_order]})
        return
    if not in_order:
        talk.out().print("Nothing was noted.")
        return
    shown = talk.table("Audit", "When!", "Shop!", "Process!", "Record!", "Event", "By", "Detail")
    for row in in_order:
        when = local(row.at, row.shop)
        talk.add(shown, when, row.shop, row.process, row.record, row.event, row.actor, _in_words(row.detail))
    talk.out().print(shown)


def _since(written: str) -> datetime:
    span = _SPAN.match(written.strip())
    if span:
        return utc_now() - timedelta(**{_UNITS[span.group(2)]: int(span.group(1))})
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise usage(f'--since {written} is no time: write "2h", "7d", or an ISO time.') from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _in_words(detail: dict[str, Any]) -> str:
    said = []
    for name, value in detail.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if text:
            said.append(f"{name.replace('_', ' ')}: {text}")
    return "; ".join(said)


def as_object(row: AuditRow) -> dict[str, Any]:
    """Return an entry for programs."""
    return {
        "id": row.id,
        "at": iso(row.at),
        "shop": row.shop,
        "process": row.process,
        "record": row.record,
        "event": row.event,
        "actor": row.actor,
        "detail": row.detail,
    }
