"""ServiceTitan's token and application key. Source: FACTS 1.1 [docs:oauth, call]."""

from __future__ import annotations

import httpx

from connectors.tokens import TokenAuth, TokenStore
from models.shop import ServiceTitanSettings

VENDOR = "ServiceTitan"


def servicetitan_auth(settings: ServiceTitanSettings, store: TokenStore | None = None) -> TokenAuth:
    """Return the auth of one tenant: a bearer token and `ST-App-Key` on every call.

    Raises SettingsError when a variable with a secret is not set.
    """
    settings.app_key.reveal()  # said now rather than in the middle of a call

    def by_form() -> httpx.Request:
        return httpx.Request(
            "POST",
            settings.auth_url,
            data={
                "grant_type": "client_credentials",
                "client_id": settings.client_id.reveal(),
                "client_secret": settings.client_secret.reveal(),
            },
        )

    return TokenAuth(
        VENDOR,
        settings.auth_url,
        settings.client_id,
        settings.client_secret,
        [by_form],
        headers={"ST-App-Key": settings.app_key},
        store=store,
    )
