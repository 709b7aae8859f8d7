"""The account's one token, sent as a bearer token: making a new one kills it at once (FACTS section 1 [documented])."""

from __future__ import annotations

from connectors.tokens import KeyAuth
from models.referral_settings import ReferralFactorySettings

VENDOR = "Referral Factory"


def referral_factory_auth(settings: ReferralFactorySettings) -> KeyAuth:
    """Return the auth of one account. Raises SettingsError when the variable with the token is not set."""
    return KeyAuth(settings.api_token)
