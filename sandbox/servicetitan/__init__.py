"""Stand-in for ServiceTitan's API V2, the operations the parts loop needs. Source: servicetitan/FACTS.md and specs."""

TENANT = 1234567
APP_KEY = "sandbox-app-key"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - the invented secret of an invented shop
TOKEN_LIFE_S = 900
