"""From what is to be said to HTML: escaped, without scripts, and with headers that keep the link where it is."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from importlib.resources import files

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deployments.web.change import ChangePage
from deployments.web.closing import Closing
from deployments.web.view import QuestionPage


class Pages:
    """The templates and their headers."""

    def __init__(self) -> None:
        style = files("deployments.web").joinpath("templates/page.css").read_text(encoding="utf-8")
        self._templates = Environment(
            loader=PackageLoader("deployments.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["style"] = Markup(style)  # noqa: S704 - our own file
        self._headers = _headers(style)

    def question(self, page: QuestionPage | ChangePage) -> HTMLResponse:
        """Return the page of an open question."""
        status = HTTPStatus.UNPROCESSABLE_ENTITY if page.refused else HTTPStatus.OK
        template = "change.html" if isinstance(page, ChangePage) else "question.html"
        return self._render(template, {"page": page}, status, {})

    def words(
        self,
        closing: Closing,
        *,
        is_late: bool = False,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Return a page of words. `is_late`: to somebody whose answer did not count any more."""
        code = status or (HTTPStatus.CONFLICT if is_late and closing.status == HTTPStatus.OK else closing.status)
        return self._render("words.html", {**asdict(closing), "is_late": is_late}, code, headers or {})

    def _render(
        self, template: str, values: dict[str, object], status: int, headers: Mapping[str, str]
    ) -> HTMLResponse:
        html = self._templates.get_template(template).render(values)
        return HTMLResponse(html, status_code=status, headers={**headers, **self._headers})


def _headers(style: str) -> dict[str, str]:
    """Return the headers of every page.

    The address is a secret: no cache keeps it and no other site is told of it. `same-origin` and not `no-referrer`,
    which makes browsers hide where a form comes from even from this page itself.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
