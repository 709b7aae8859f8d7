"""Where this installation keeps its things, and the settings of Prefect that belong to it.

Everything lies under TRUCKROLL_HOME; nothing is written to the person's own home folder. Prefect reads its settings
when it is imported, so a process takes `client_environment` into its own before that.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from models.settings import HouseSettings

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_CLI_PROMPT": "false",
}
"""No telemetry, no advertising, no questions: this also runs where nobody sits."""

SERVER_SETTINGS = {
    # One row at a time, the page that shows runs lags a minute behind a busy pass (PREFECT.md section 6).
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    # Leases kept in memory die with the server, and every limited run with them (PREFECT.md section 3).
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
"""What PREFECT.md measured to be right for a server of this size."""


@dataclass(frozen=True)
class Home:
    """The state folder of one installation."""

    root: Path

    @classmethod
    def current(cls) -> Home:
        """Return the home that TRUCKROLL_HOME names."""
        return cls(HouseSettings().home.resolve())

    @property
    def prefect(self) -> Path:
        """Prefect's own files: its database, leases, results."""
        return self.root / "prefect"

    @property
    def logs(self) -> Path:
        """What background processes said."""
        return self.root / "logs"

    @property
    def server_record(self) -> Path:
        """Which Prefect server this home started: address, process."""
        return self.root / "server.json"

    @property
    def up_record(self) -> Path:
        """What `truckroll up` started, so that `down` can stop it."""
        return self.root / "up.json"

    def make(self) -> Home:
        """Create the folders."""
        self.prefect.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        return self


def client_environment(home: Home, api_url: str) -> dict[str, str]:
    """Return what a process that talks to Prefect's server at `api_url` needs in its environment."""
    return {
        **QUIET,
        "PREFECT_API_URL": api_url,
        "PREFECT_HOME": os.environ.get("PREFECT_HOME") or str(home.prefect),
        # A server that is busy or restarting is waited for, not taken for a failure of the run.
        "PREFECT_CLIENT_MAX_RETRIES": "10",
        # A task that completed is seen as a task run; a line in the log for each would be thousands in a long pass.
        "PREFECT_LOGGING_LOGGERS_PREFECT_TASK_RUNS_LEVEL": "WARNING",
    }


def server_environment(home: Home, port: int) -> dict[str, str]:
    """Return the environment of a Prefect server of this home on `port`, beside the caller's own."""
    api_url = f"http://127.0.0.1:{port}/api"
    return {
        **client_environment(home, api_url),
        **{name: os.environ.get(name, value) for name, value in SERVER_SETTINGS.items()},
        "PREFECT_HOME": str(home.prefect),
        # The page asks the server under this address; without it a page on another port asks port 4200.
        "PREFECT_SERVER_UI_API_URL": api_url,
    }
