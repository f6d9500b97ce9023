"""All the world knows of the product: addresses, accounts, numbers."""

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from tests.world.transactions import Address


class WorldFault(RuntimeError):  # noqa: N818 exceptions are named for the fact
    """The world cannot start; the text names what is wrong and what mends it."""


@dataclass(frozen=True)
class Trunk:
    """One trunk of the product and the hotline numbers that come in on it."""

    hotline: str
    numbers: tuple[str, ...]
    host: str = "127.0.0.2"
    port: int = 5060
    channel_count: int = 30


@dataclass(frozen=True)
class Desk:
    """One desk phone's account."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """All the world knows of the product: addresses, accounts, numbers."""

    product: Address
    trunks: tuple[Trunk, ...]
    desks: tuple[Desk, ...] = ()
    duty_numbers: tuple[str, ...] = ()
    """Stations, the province's line, the emergency number: they answer and press 1 after the announcement."""
    team_numbers: tuple[str, ...] = ()
    """Teams that are given orders: they answer, press 5 (it is the team) and, once they have heard the order, 1."""
    rtp_first: int = 30000
    rtp_last: int = 30999
    desk_host: str = "127.0.0.1"

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """From a TOML or JSON file with these names; raises WorldFault."""
        try:
            text = path.read_text(encoding="utf-8")
            raw = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
            return cls(
                product=(str(raw["product"][0]), int(raw["product"][1])),
                trunks=tuple(Trunk(**{**t, "numbers": tuple(t["numbers"])}) for t in raw["trunks"]),
                desks=tuple(Desk(**desk) for desk in raw.get("desks", ())),
                duty_numbers=tuple(raw.get("duty_numbers", ())),
                team_numbers=tuple(raw.get("team_numbers", ())),
                **{k: raw[k] for k in ("rtp_first", "rtp_last", "desk_host") if k in raw},
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise WorldFault(
                f"Tệp thế giới mô phỏng {path} không đọc được ({error}): xem tests/world/README.md."
            ) from error
