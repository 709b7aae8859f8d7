"""The approval page as a process of `truckroll up` and `truckroll demo`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from deployments import children
from deployments.home import Home, client_environment
from deployments.supervisor import Child
from models.settings import HouseSettings
from tasks.links import public_address

PORT = 8710


@dataclass(frozen=True)
class PageProcess:
    """The process, and where people reach it."""

    child: Child
    local: str
    """Where it listens on this machine."""
    public: str
    """What stands in the mails."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What the runner needs to write the links."""
        return {"TRUCKROLL_PUBLIC_URL": self.public}

    @property
    def words(self) -> str:
        """Where the page is, for the person who starts it."""
        if self.public == self.local:
            only = "on this machine only; set TRUCKROLL_PUBLIC_URL to mail links that work elsewhere"
            return f"[bold]Approval page[/] {self.local} ({only})"
        return f"[bold]Approval page[/] {self.public}, which must lead to {self.local}"


def page_process(home: Home, api_url: str, *, port: int | None = None) -> PageProcess:
    """Return the approval page's process: on its usual port, or on a free one. A port asked for is taken as it is.

    Raises: SettingsError when TRUCKROLL_PUBLIC_URL is no address.
    """
    chosen = port or children.free_port(PORT)
    local = f"http://127.0.0.1:{chosen}"
    public = public_address(HouseSettings().public_url) or local
    child = Child(
        "the approval page",
        [sys.executable, "-m", "deployments.web", "--host", "127.0.0.1", "--port", str(chosen)],
        home.logs / "web.log",
        env={**client_environment(home, api_url), "TRUCKROLL_PUBLIC_URL": public},
        patience_s=5,
    )
    return PageProcess(child, local, public)
