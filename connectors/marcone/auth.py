"""Marcone's token: Basic first [documented], the form where Basic is refused [observed-in-client]. FACTS section 3."""

from __future__ import annotations

import base64

import httpx

from connectors.tokens import TokenAuth, TokenStore
from models.shop import MarconeSettings

VENDOR = "Marcone"


def marcone_auth(settings: MarconeSettings, store: TokenStore | None = None) -> TokenAuth:
    """Return the auth of one account. Raises SettingsError when a variable with a secret is not set."""
    url = f"{settings.api_url.rstrip('/')}/AccessToken"

    def by_basic() -> httpx.Request:
        pair = f"{settings.client_id.reveal()}:{settings.client_secret.reveal()}".encode()
        header = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return httpx.Request("POST", url, data={"grant_type": "client_credentials"}, headers=header)

    def by_form() -> httpx.Request:
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id.reveal(),
            "client_secret": settings.client_secret.reveal(),
        }
        return httpx.Request("POST", url, data=form)

    return TokenAuth(VENDOR, url, settings.client_id, settings.client_secret, [by_basic, by_form], store=store)
