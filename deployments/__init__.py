"""How it runs: the command line, Prefect's server and runner, schedules, the demo. The top floor."""
