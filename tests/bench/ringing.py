"""The whole product under load: from the caller's last key to the INVITE at an operator's phone.

Every process of `./run up` runs under its supervisor in a folder of its own, with 60 desk phones signed in. Callers press
2 2 3 (ORANGE: one desk rings at a time), are answered after 0.1 s and talk 0.5 s, so that a desk is always free and what is
measured is the product's own time: the rest of the AGI script, the ticket, Stasis, the line's choice, the leg's dialling.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from front_door import demo_data, places, preparation, processes, supervision
from hotline import database
from hotline.commands import DeskCommand, ask
from hotline.operators import Operator, Role
from hotline.secrets import secret
from hotline.settings import Settings, settings
from tests.bench import processor
from tests.bench.exchange import RTP_FIRST, RTP_LAST, WITNESS_HOST, WITNESS_RTP
from tests.bench.report import Ringing, percentile
from tests.world import Answering, Carrier, Phone
from tests.world.leg import Leg, NotInTime
from tests.world.rtp import Ports, Sound
from tests.world.transactions import Address

SIP_PORT, AMI_PORT, PANEL_PORT, LIVE_PORT, TRUNK_PORT, SECOND_TRUNK_PORT = 5401, 5402, 5403, 5404, 5412, 5413
AGI_PORT, ARI_PORT, FRONT_PORT, PLAIN_PORT = 4803, 8400, 5405, 5406
PHONES = 60
KEYS = "223"
CALLED = "02711022"
TALK_S = 0.5
KEY_END = 0x80


@dataclass(frozen=True)
class _Timed:
    """One caller's last key and the ringing it led to, `time.monotonic()` seconds."""

    key_s: float
    rang_s: float


def measure(rate: float, for_s: float, sound: bool = True) -> Ringing:
    """Start the product, load it, end it; without `sound` callers and phones send nothing but keys."""
    with tempfile.TemporaryDirectory(prefix="bench-1022-") as name, product(Path(name)) as (given, pids):
        return asyncio.run(_load(given, pids, rate, for_s, Sound.SEND if sound else Sound.NONE))


@contextmanager
def product(folder: Path) -> Iterator[tuple[Settings, dict[str, int]]]:
    before = dict(os.environ)
    os.environ.update(_environment(folder))
    _forget()
    try:
        given = preparation.read_settings()
        with supervision.installation(given):
            preparation.all_of(given)
            demo_data.lay(given, 1)
            demo_data.approve(given)
            with database.transaction() as session:
                session.add_all(_operators())
            found = processes.all_of(given)
            with supervision.running(given, found) as supervisor:
                supervisor.wait_until_ready()
                yield given, {process.name: supervisor.pid(process.name) for process in found}
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget()


def _forget() -> None:
    """Settings and the engine are made once a process; this product has its own."""
    settings.cache_clear()
    database.engine.cache_clear()


def _environment(folder: Path) -> dict[str, str]:
    names = ("SIP", "AMI", "PANEL", "LIVE", "AGI", "ARI", "FRONT", "PLAIN")
    ports = (SIP_PORT, AMI_PORT, PANEL_PORT, LIVE_PORT, AGI_PORT, ARI_PORT, FRONT_PORT, PLAIN_PORT)
    return {
        "HOTLINE_VAR": str(folder / "var"),
        "HOTLINE_RECORDINGS": str(folder / "recordings"),
        "HOTLINE_INSTALLATION": str(_installation(folder)),
        "HOTLINE_SIP_HOST": "127.0.0.1",
        "HOTLINE_FRONT_HOST": "127.0.0.1",
        "HOTLINE_GTTS": "false",
        "HOTLINE_RTP_FIRST": str(RTP_FIRST),
        "HOTLINE_RTP_LAST": str(RTP_LAST),
        **{f"HOTLINE_{name}_PORT": str(port) for name, port in zip(names, ports, strict=True)},
    }


def _installation(folder: Path) -> Path:
    """The demo's, with more phones and channels and no pause between calls."""
    text = (places.HOUSE / "installation/demo.toml").read_text(encoding="utf-8")
    phones = ", ".join(f'"{name}"' for name in _phones())
    changed = {
        "phones": f"[{phones}]",
        "units": "[]",
        "stations": "[]",
        "agencies": "[]",
        "articles": f'["{places.HOUSE}/installation/articles"]',
        "wrap_up_s": "0",
        "channels": "500",
        "port = 5160": str(TRUNK_PORT),
        "port = 5161": str(SECOND_TRUNK_PORT),
    }
    lines = []
    for line in text.splitlines():
        name = line.partition(" = ")[0]
        value = changed.get(line, changed.get(name))
        lines.append(line if value is None else f"{name} = {value}")
    path = folder / "installation.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _phones() -> list[str]:
    return [str(101 + n) for n in range(PHONES)]


def _operators() -> list[Operator]:
    return [
        Operator(username=f"desk{phone}", full_name=f"Bàn {phone}", role=Role.OPERATOR, password_hash="-")
        for phone in _phones()
    ]


def _sign_in() -> None:
    """Every operator at the phone of the same number. Raises TimeoutError naming who was refused."""
    clicks = {phone: uuid4().hex for phone in _phones()}
    with database.transaction() as session:
        for phone, click in clicks.items():
            one = session.scalars(select(Operator.id).where(Operator.username == f"desk{phone}")).one()
            ask(session, one, "sign_in", click, {"phone": phone})
    until = time.monotonic() + 30
    asked: list[DeskCommand] = []
    while time.monotonic() < until:
        with database.reading() as session:
            asked = list(
                session.scalars(select(DeskCommand).where(DeskCommand.click_id.in_(clicks.values())))
            )
        if all(command.done_at for command in asked):
            return
        time.sleep(0.2)
    refused = {command.refused for command in asked if command.refused}
    raise TimeoutError(f"The operators were not signed in within 30 s: {refused or 'nobody answered'}.")


async def _load(
    given: Settings, pids: dict[str, int], rate: float, for_s: float, sound: Sound = Sound.SEND
) -> Ringing:
    product = ("127.0.0.1", given.sip_port)
    rang: dict[str, float] = {}

    def on_call(leg: Leg) -> None:
        number = leg.caller_name.partition("sip:")[2].partition("@")[0]
        rang.setdefault(number[-9:], leg.dialog.agent.received_s)

    ports = Ports(*WITNESS_RTP)
    phones = [_phone(given, user, product, ports, sound, on_call) for user in _phones()]
    async with Carrier(product, WITNESS_HOST, TRUNK_PORT, channel_count=1000, ports=ports) as carrier:
        try:
            await asyncio.gather(*(phone.plug_in(expires_s=600) for phone in phones))
            await asyncio.to_thread(_sign_in)
            await asyncio.gather(*(_call(carrier, f"0907{n:06}", rang, sound) for n in range(5)))  # warm
            used_s, begin = processor.machine_used_s(), time.monotonic()
            before = {name: processor.used_s([pid]) for name, pid in pids.items()}
            calls = []
            for n in range(round(rate * for_s)):
                await asyncio.sleep(max(begin + n / rate - time.monotonic(), 0))
                calls.append(asyncio.create_task(_call(carrier, f"0908{n:06}", rang, sound)))
            timed = await asyncio.gather(*calls)
            took_s = time.monotonic() - begin
            cost = {name: processor.used_s([pid]) - before[name] for name, pid in pids.items()}
            busy = (processor.machine_used_s() - used_s) / took_s
        finally:
            await asyncio.gather(*(phone.go() for phone in phones))
    latencies = [1000 * (one.rang_s - one.key_s) for one in timed if one is not None]
    return Ringing(
        rate=rate,
        sound=sound is Sound.SEND,
        phones=PHONES,
        talk_s=TALK_S,
        calls=len(calls),
        rang=len(latencies),
        p50_ms=percentile(latencies, 0.5),
        p99_ms=percentile(latencies, 0.99),
        longest_ms=max(latencies, default=float("nan")),
        processors_busy=busy,
        cpu_ms={name: round(1000 * used / len(calls), 1) for name, used in cost.items()},
    )


def _phone(
    given: Settings, user: str, product: Address, ports: Ports, sound: Sound, on_call: object
) -> Phone:
    answering = Answering.answers(0.1, talk_s=TALK_S)
    password = secret(given.var, f"phone:{user}")
    phone = Phone(user, password, product, answering=answering, sound=sound, ports=ports)
    phone.on_call = on_call  # type: ignore[assignment]  # set by name: the constructor is the world's
    return phone


async def _call(carrier: Carrier, number: str, rang: dict[str, float], sound: Sound) -> _Timed | None:
    """One caller; None when no phone rang for them within 10 s of the last key."""
    try:
        leg = carrier.place(number, CALLED, tone_hz=440, sound=sound)
    except OSError:
        return None  # so many calls pile up that no port is left: counted as one that reached nobody
    ends = _key_ends(leg)
    try:
        await leg.until_answered(5.0)
        for key in KEYS:
            await asyncio.sleep(0.5)
            await leg.press(key, key_ms=60, gap_ms=20)
        await leg.until_ended(15.0)
    except NotInTime:
        pass  # counted: nobody rang, or the good-bye is missing
    finally:
        leg.close()
    at = rang.get(number[-9:])
    return _Timed(ends[-1], at) if at is not None and len(ends) == len(KEYS) else None


def _key_ends(leg: Leg) -> list[float]:
    """Filled with the times at which the first end packet of each key leaves: what Asterisk acts on."""
    ends: list[float] = []
    seen: set[int] = set()
    send = leg.stream._send

    def timed(payload: int, timestamp: int, body: bytes) -> None:
        if len(body) == 4 and body[1] & KEY_END and timestamp not in seen:
            seen.add(timestamp)
            ends.append(time.monotonic())
        send(payload, timestamp, body)

    leg.stream._send = timed  # type: ignore[method-assign]  # the only place that knows the moment
    return ends


if __name__ == "__main__":
    import sys

    sys.stdout.write(f"{asdict(measure(float(sys.argv[1]), float(sys.argv[2])))}\n")
