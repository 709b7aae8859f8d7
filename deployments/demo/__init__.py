"""The demo: a sandbox, a shop, three diagnosed parts, and the whole loop running before one's eyes."""
