"""Marcone's mSupply REST API."""
