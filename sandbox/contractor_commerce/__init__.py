"""Stand-in for the Contractor Commerce store. Source: contractor_commerce/FACTS.md and openapi.yaml (reconstructed)."""

PREFIX = "/contractor-commerce"
TOKEN = "sandbox-cc-token"  # noqa: S105 - the invented key of an invented store
STORE_ID = 41
