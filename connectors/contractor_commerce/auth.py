"""The store's key, sent as a bearer token. Source: openapi.yaml `storeKey` [inferred]; not the public plugin key."""

from __future__ import annotations

from connectors.tokens import KeyAuth
from models.shop import ContractorCommerceSettings

VENDOR = "Contractor Commerce"


def contractor_commerce_auth(settings: ContractorCommerceSettings) -> KeyAuth:
    """Return the auth of one store. Raises SettingsError when the variable with the key is not set."""
    return KeyAuth(settings.api_token)
