"""Every setting of one installation's processes: environment name (HOTLINE_…), type, default and unit; all faults are reported at once."""

import ipaddress
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent


class SettingsFault(ValueError):  # noqa: N818 - exceptions are named by the fact
    """One or more settings are wrong; the text names each with what would be right."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HOTLINE_", frozen=True, extra="ignore")

    var: Path = PROJECT / "var"
    """All that a run makes, except recordings: database, logs, sockets, secrets, rendered configuration, prompts."""
    recordings: Path = PROJECT / "recordings"
    """Where Asterisk writes the calls' sound."""
    installation: Path = PROJECT / "installation" / "example.toml"
    """The province's own data: hotlines, trunks, desk phones, chains, units."""
    parts: Path = PROJECT / "var" / "parts" / "root"
    """The folder of privately fetched programs (Asterisk, Redis, espeak-ng, sox)."""

    node: str = Field(default="n1", pattern=r"^[a-z][a-z0-9]{0,7}$")
    """This machine's name on calls and recordings; also Asterisk's systemname, so call ids are unique over nodes."""
    database_url: str = ""
    """SQLAlchemy URL; empty is SQLite in var/."""
    redis_url: str = ""
    """Redis URL; empty is the private server on a unix socket in var/run/."""

    sip_host: str = "0.0.0.0"  # noqa: S104 - trunks and desk phones come from the network
    sip_port: int = 5060
    rtp_first: int = 20000
    rtp_last: int = 20999
    ari_port: int = 8088
    ami_port: int = 5038
    agi_port: int = 4573
    panel_host: str = "127.0.0.1"
    panel_port: int = 8022
    live_port: int = 8023
    front_host: str = "0.0.0.0"  # noqa: S104 - desks come from the network
    front_port: int = 8443
    """Panel, live stream and the browsers' telephones by https."""
    plain_port: int = 8020
    """The same without TLS, for browsers on this machine only."""
    public_url: str = ""
    """Where telephones outside reach the front, for links in messages; empty: https, this machine and front_port."""
    certificate: Path | None = None
    """PEM file of the front's own certificate with its chain; empty: a local authority made at the first run signs one."""
    certificate_key: Path | None = None

    book_within_s: float = Field(default=0.15, gt=0)
    """How long a call may wait for the database before its fact goes to the local journal, seconds."""
    gtts: bool = True
    """Prompts are spoken by gTTS while the internet is there; False keeps to espeak-ng."""
    webhook_networks: str = ""
    """Private networks to which webhooks may go all the same: "10.1.0.0/16, fd00::/8"; empty: public addresses only."""
    webhook_authorities: Path | None = None
    """PEM file of the authorities that webhooks' receivers are signed by, beside the system's."""
    log_level: str = "INFO"
    demo: bool = False
    """Shown on every page when the simulated outside world is calling."""

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        for one in text.split(","):
            if one.strip():
                ipaddress.ip_network(one.strip())
        return text

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.var / 'hotline.db'}"

    @property
    def redis(self) -> str:
        return self.redis_url or f"unix://{self.var / 'run' / 'redis.sock'}"

    @property
    def outside(self) -> str:
        """The beginning of links in messages."""
        host = "127.0.0.1" if self.front_host in ("0.0.0.0", "::") else self.front_host  # noqa: S104 - compared with
        return self.public_url.rstrip("/") or f"https://{host}:{self.front_port}"

    @property
    def prompts(self) -> Path:
        return self.var / "prompts"

    @property
    def recorded(self) -> Path:
        """People's recordings of prompts: the originals by content, and which of them are played."""
        return self.var / "recorded"

    @property
    def asterisk(self) -> Path:
        """Rendered configuration (etc/), spool, sounds and sockets of this installation's Asterisk."""
        return self.var / "asterisk"

    @property
    def tls(self) -> Path:
        """The local authority and the certificate that it signed."""
        return self.var / "tls"

    @property
    def journal(self) -> Path:
        return self.var / "journal"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """This process's settings; SettingsFault names every wrong one."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"HOTLINE_{'.'.join(str(p) for p in e['loc']).upper()}: {e['msg']}" for e in error.errors()]
        raise SettingsFault("; ".join(faults)) from error
