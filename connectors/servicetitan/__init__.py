"""ServiceTitan, API V2."""
