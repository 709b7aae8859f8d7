"""The demo's stage: a home of its own, a shop file, free ports, and the sandbox's secrets for its children only."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock
from filelock import Timeout as LockTimeout

from deployments import children
from deployments.home import Home
from deployments.supervisor import Child, stop_leftovers
from models.errors import TruckrollError
from models.shop import Shop, read_shop

SHOP = "demo"
SANDBOX_PORT = 8700
SMTP_PORT = 8725
REFERENCE = Path(__file__).parents[2] / "docs" / "shop.example.toml"

_NOT_OURS = (
    "TRUCKROLL_DATABASE_URL",
    "TRUCKROLL_LINK_SECRET",
    "TRUCKROLL_PUBLIC_URL",
    "PREFECT_API_URL",
    "PREFECT_HOME",
    "PREFECT_PROFILE",
    "PREFECT_API_KEY",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
)
"""What the caller may have set for a real house: the demo must not touch it."""


@dataclass(frozen=True)
class Stage:
    """Where the demo plays."""

    home: Home
    sandbox_port: int
    smtp_port: int
    secrets: dict[str, str] = field(repr=False)

    @property
    def shops(self) -> Path:
        """The folder of the demo's one shop file."""
        return self.home.root / "shops"

    @property
    def sandbox_url(self) -> str:
        """The sandbox: its page for people, its vendors below."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    def shop(self) -> Shop:
        """Read the demo's shop file."""
        return read_shop(self.shops / f"{SHOP}.toml")

    def for_other_terminals(self) -> str:
        """What another terminal needs in its environment to speak to the demo's house."""
        return f"TRUCKROLL_HOME={self.home.root} TRUCKROLL_SHOPS={self.shops}"

    def sandbox(self) -> Child:
        """Return the sandbox's process."""
        ports = ["--port", str(self.sandbox_port), "--smtp-port", str(self.smtp_port)]
        return Child(
            "the sandbox",
            [sys.executable, "-m", "sandbox", "--host", "127.0.0.1", *ports, "--seed", "demo"],
            self.home.logs / "sandbox.log",
            patience_s=5,
        )


def set_stage(*, say: Callable[[str], None], sandbox_port: int | None = None) -> Stage:
    """Clear what an earlier demo left, choose ports, write the shop file, and turn this process to the demo's house.

    Raises: TruckrollError when a demo runs already.
    """
    home = Home(Home.current().root / "demo")
    _clear(home, say)
    home.make()
    stage = Stage(
        home,
        _port(sandbox_port or SANDBOX_PORT, "sandbox", say),
        _port(SMTP_PORT, "mailbox", say),
        _secrets(),
    )
    stage.shops.mkdir(parents=True, exist_ok=True)
    (stage.shops / f"{SHOP}.toml").write_text(shop_text(stage.sandbox_url, stage.smtp_port), encoding="utf-8")
    for name in _NOT_OURS:
        os.environ.pop(name, None)
    os.environ["TRUCKROLL_HOME"], os.environ["TRUCKROLL_SHOPS"] = str(home.root), str(stage.shops)
    return stage


def shop_text(sandbox_url: str, smtp_port: int) -> str:
    """Return the demo's shop file: the reference, with the sandbox's addresses. Secrets stay references."""
    text = REFERENCE.read_text(encoding="utf-8")
    text = text.replace("http://127.0.0.1:8700", sandbox_url)
    text = re.sub(r"mailto://127\.0\.0\.1:\d+", f"mailto://127.0.0.1:{smtp_port}", text)
    return re.sub(r'^name = "[^"]*"', f'name = "{SHOP}"', text, count=1, flags=re.MULTILINE)


def _secrets() -> dict[str, str]:
    """Return the sandbox's credentials, as the variables the shop file refers to."""
    from sandbox import contractor_commerce, marcone, referral_factory, servicetitan

    return {
        "ST_APP_KEY": servicetitan.APP_KEY,
        "ST_CLIENT_ID": servicetitan.CLIENT_ID,
        "ST_CLIENT_SECRET": servicetitan.CLIENT_SECRET,
        "MARCONE_CLIENT_ID": marcone.CLIENT_ID,
        "MARCONE_CLIENT_SECRET": marcone.CLIENT_SECRET,
        "CC_TOKEN": contractor_commerce.TOKEN,
        "CC_WEBHOOK_SECRET": secrets.token_hex(16),
        "RF_TOKEN": referral_factory.TOKEN,
        "RF_WEBHOOK_SECRET": secrets.token_hex(16),
    }


def _port(wanted: int, what: str, say: Callable[[str], None]) -> int:
    chosen = children.free_port(wanted)
    if chosen != wanted:
        say(f"Port {wanted} is in use: the {what} takes {chosen}.")
    return chosen


def _clear(home: Home, say: Callable[[str], None]) -> None:
    """Begin with a fresh ledger, a fresh Prefect and no processes of an earlier demo; its screenshots stay."""
    if not home.root.exists():
        return
    from deployments.server import stop_server

    try:
        with FileLock(f"{home.up_record}.lock", timeout=0):
            for name in stop_leftovers(home):
                say(f"Stopped {name}, left over from an earlier demo.")
            if stop_server(home):
                say("Stopped Prefect's server, left over from an earlier demo.")
    except LockTimeout as error:
        raise TruckrollError(
            f"A demo already runs in {home.root}.", "Stop it with Ctrl-C, or set another TRUCKROLL_HOME."
        ) from error
    for found in home.root.iterdir():
        if found.is_dir() and found.name != "screenshots":
            shutil.rmtree(found)
        elif found.is_file():
            found.unlink()
