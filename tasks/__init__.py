"""One step each: read, decide by a rule, do one effect. Retryable; Prefect lives here and above."""
