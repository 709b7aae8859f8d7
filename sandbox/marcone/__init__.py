"""Stand-in for Marcone's mSupply REST API. Source: contracts/marcone/FACTS.md and marcone-contract.yaml."""

CLIENT_ID = "sandbox-marcone"
CLIENT_SECRET = "sandbox-marcone-secret"  # noqa: S105 - the invented secret of an invented account
ACCOUNT = 100200
HOME_WAREHOUSE = "601"
TOKEN_LIFE_S = 1199
