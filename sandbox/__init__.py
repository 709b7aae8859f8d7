"""Stand-in vendors over real HTTP, with state: ServiceTitan, Marcone and a mailbox. Knows nothing of the app."""
