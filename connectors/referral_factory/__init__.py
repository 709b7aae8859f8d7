"""Referral Factory, API v2. Source: contracts/referral_factory/openapi.yaml and FACTS.md; most of it is documented."""
