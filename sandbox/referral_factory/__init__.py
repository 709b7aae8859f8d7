"""Stand-in for Referral Factory's API v2. Source: referral_factory/FACTS.md and openapi.yaml (reconstructed)."""

PREFIX = "/referral-factory"
API = PREFIX + "/api/v2"
TOKEN = "sandbox-rf-token"  # noqa: S105 - the invented key of an invented account
WEBHOOK_TOKEN = "sandbox-rf-webhook"  # noqa: S105 - as above; it stands in the inbound webhook's address
