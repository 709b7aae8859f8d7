"""Where this installation keeps its things. Read from the environment; every variable starts with TRUCKROLL_."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class HouseSettings(BaseSettings):
    """TRUCKROLL_HOME, TRUCKROLL_DATABASE_URL, TRUCKROLL_SHOPS, and the approval page's. DESIGN section 8."""

    model_config = SettingsConfigDict(env_prefix="TRUCKROLL_", extra="ignore")

    home: Path = Field(default=Path(".truckroll"))
    """State: the database, Prefect's own files, logs."""
    database_url: str = ""
    """Empty: SQLite under `home`. PostgreSQL: `postgresql+psycopg://user@host/name`."""
    shops: Path = Field(default=Path("shops"))
    """The folder of shop files, one `<name>.toml` each."""
    public_url: str = ""
    """Where technicians reach the approval page: `https://approve.example.com`. Empty: no links are mailed."""
    link_secret: SecretStr = SecretStr("")
    """Signs the links of the approval page; the same for all machines of one house. Empty: a file under `home`."""
    hooks_url: str = ""
    """Where the online store reaches the receiver of its events: `https://events.example.com`."""

    settle_s: float = Field(default=1.0, ge=0)
    """Seconds until a write whose answer was lost is first looked for; it is written again after ten times as long."""

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'truckroll.db'}"
