"""Saves the callers of a Stasis application that is gone or hung: kills the hung one, hands its waiting callers to the dialplan.

Small on purpose: the standard library, Asterisk on loopback, two files in var/run; neither database nor Redis.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from hotline.secrets import secret
from hotline.settings import Settings, settings
from ivr.leg import bridge_of, consult_of, held_of, sayings_of

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5
STALE_S = 5.0
"""A heartbeat older than this: the application hangs and is killed; the supervisor starts it again."""
STARTS_WITHIN_S = 30.0
"""A process that has not beaten yet is starting, and hangs only after so long; its callers are handed over meanwhile."""
ORPHANED_S = 8.0
"""No heartbeat for so long: whoever waits is handed to the fallback."""
APP = "hotline"
FALLBACK = "fallback"
SWITCH_WITHIN_S = 1.0
"""How long one question to Asterisk may take."""


class SwitchAway(Exception):  # noqa: N818 - exceptions are named by the fact
    """Asterisk does not answer."""


@dataclass(frozen=True)
class Switch:
    """Asterisk's REST interface."""

    address: str
    """http://127.0.0.1:<port>/ari"""
    password: str
    user: str = "hotline"

    def ask(self, method: str, path: str, **query: str) -> tuple[int, Any]:
        """Status and JSON body (None without one); SwitchAway when nothing comes back."""
        address = f"{self.address}/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        request = urllib.request.Request(address, method=method)  # noqa: S310 - our own loopback address
        words = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {words}")
        try:
            with urllib.request.urlopen(request, timeout=SWITCH_WITHIN_S) as answer:  # noqa: S310 - see above
                body = answer.read()
                return answer.status, json.loads(body) if body else None
        except urllib.error.HTTPError as error:
            return error.code, None
        except (OSError, ValueError) as error:
            raise SwitchAway(str(error)) from error

    def value(self, name: str, of: str = "asterisk") -> str:
        """A global variable, or a variable or function of a channel ("channels/<id>"); empty when there is none."""
        status, body = self.ask("GET", f"{of}/variable", variable=name)
        return str(body["value"]) if status == 200 and body else ""


def orphans(channels: Sequence[Mapping[str, Any]], bridges: Sequence[Mapping[str, Any]]) -> list[str]:
    """The callers and the citizens we rang who are in our application and hear nobody: in no bridge, or in one without another party.

    Music and announcements may play to them; whoever talks with somebody is left alone.
    """
    ours = {
        str(channel["id"])
        for channel in channels
        if channel["dialplan"].get("app_name") == "Stasis"
        and _is_citizen(str(channel["dialplan"].get("app_data", "")).split(","), str(channel["state"]))
    }
    return sorted(ours - accompanied(channels, bridges))


def accompanied(channels: Sequence[Mapping[str, Any]], bridges: Sequence[Mapping[str, Any]]) -> set[str]:
    """Every channel that is in a bridge with another party who is up."""
    parties = {str(channel["id"]) for channel in channels if channel["state"] == "Up" and _is_party(channel)}
    present = [[str(member) for member in bridge["channels"]] for bridge in bridges]
    return {member for members in present for member in members if parties & set(members) - {member}}


def company(
    caller: str, channels: Sequence[Mapping[str, Any]], bridges: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Who stands beside a caller who has music: the operator who holds them, operator and station in a private talk."""
    members = {str(bridge["id"]): [str(member) for member in bridge["channels"]] for bridge in bridges}
    if caller not in members.get(bridge_of(caller), []):
        return []
    up = {str(channel["id"]) for channel in channels if channel["state"] == "Up"}
    beside = (*members.get(held_of(caller), []), *members.get(consult_of(caller), []))
    return [one for one in beside if one in up and one.startswith(("op-", "chain-"))]


def _is_citizen(said: Sequence[str], state: str) -> bool:
    """Whether somebody who needs the hotline is behind a channel; whom we ring has not answered before it is up."""
    return said[:2] == [APP, "caller"] or (said[:2] == [APP, "citizen"] and state == "Up")


def _is_party(channel: Mapping[str, Any]) -> bool:
    """Whether a person is behind this channel: announcers, recorders and snoops are Asterisk's own."""
    return str(channel["name"]).partition("/")[0] not in ("Announcer", "Recorder", "Snoop", "CBAnn", "CBRec")


@dataclass
class Watched:
    """A process that writes its pid to var/run/NAME.beat and touches it every second; silent for STALE_S it is killed.

    Its sockets then close, and each caller it was speaking with goes on in the dialplan at once. What has not beaten yet
    (it is still starting) is left alone.
    """

    run: Path
    name: str
    _beat: str = ""
    _fresh_s: float = field(default_factory=time.monotonic)
    _killed: int = 0

    def look(self) -> None:
        now_s = time.monotonic()
        try:
            file = self.run / f"{self.name}.beat"
            who, beat = file.read_text(), str(file.stat().st_mtime_ns)
            pid = int((self.run / f"{self.name}.pid").read_text())
        except (OSError, ValueError):
            return
        if beat != self._beat or who != str(pid):
            self._beat, self._fresh_s = beat, now_s
        elif (
            now_s - self._fresh_s >= STALE_S - LOOK_EVERY_S and pid != self._killed and _kill(pid, self.name)
        ):
            self._killed = pid


@dataclass
class Rescue:
    """What was seen so far; `look` once, every LOOK_EVERY_S."""

    switch: Switch
    run: Path
    """The folder of calls.pid and calls.beat."""
    _beat: tuple[str, int] = ("", 0)
    _alive_s: float = field(default_factory=time.monotonic)
    """When either heartbeat last changed, on our own clock: a change of the wall clock kills nobody."""
    _serves_s: float = field(default_factory=time.monotonic)
    """When the one in Asterisk last changed: an application that has lost Asterisk serves nobody."""
    _pid: int = 0
    _pid_since_s: float = 0.0
    _has_beaten: bool = False
    _killed: int = 0
    _handed: set[str] = field(default_factory=set)
    _away: bool = False

    def look(self) -> None:
        """One look at the heartbeat, and what follows from it."""
        now_s = time.monotonic()
        try:
            beat = (self.switch.value("HOTLINE_BEAT"), self._touched())
        except SwitchAway:
            if not self._away:
                log.warning("asterisk is away; the rescue waits for it")
            self._away = True
            return
        if self._away:
            log.info("asterisk is back")
            # Without Asterisk the application could not beat there either.
            self._away, self._alive_s, self._serves_s = False, now_s, now_s
        pid = self._pid_now()
        if pid != self._pid:
            self._pid, self._pid_since_s, self._has_beaten = pid, now_s, False
        # Only its own pid in the file is a sign of its life: an older process's last beat is not.
        self._has_beaten = self._has_beaten or self._beats_of() == pid
        if beat != self._beat:
            self._alive_s = now_s
        if beat[0] != self._beat[0]:
            self._serves_s = now_s
            self._handed.clear()
        self._beat = beat
        if now_s - self._alive_s >= STALE_S - LOOK_EVERY_S:
            self._kill(now_s)
        if now_s - self._serves_s >= ORPHANED_S - LOOK_EVERY_S:
            self._hand_over()

    def _touched(self) -> int:
        try:
            return (self.run / "calls.beat").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _beats_of(self) -> int:
        """Whose the heartbeat file is."""
        return _number_in(self.run / "calls.beat")

    def _pid_now(self) -> int:
        return _number_in(self.run / "calls.pid")

    def _kill(self, now_s: float) -> None:
        """SIGKILL to the application, once for each process; one just started has its time before its first beat."""
        starting = not self._has_beaten and now_s - self._pid_since_s < STARTS_WITHIN_S
        if self._pid and self._pid != self._killed and not starting and _kill(self._pid, "calls"):
            self._killed = self._pid

    def _hand_over(self) -> None:
        try:
            _, channels = self.switch.ask("GET", "channels")
            _, bridges = self.switch.ask("GET", "bridges")
            left = [one for one in orphans(channels or [], bridges or []) if one not in self._handed]
            for channel in left:
                if self._brought_back(channel, company(channel, channels or [], bridges or [])):
                    continue
                path = f"channels/{urllib.parse.quote(channel, safe='')}"
                if not self._fallback_is_there(path):
                    continue
                self._hush(channel)  # the dialplan would begin after its end
                status, _ = self.switch.ask(
                    "POST", f"{path}/continue", context=FALLBACK, extension="s", priority="1"
                )
                if status < 300:  # refused, or not answered in time: tried again at the next look
                    self._handed.add(channel)
                log.error("an orphaned caller was handed to the fallback", call_id=channel, status=status)
                self._end_legs(channel, channels or [], accompanied(channels or [], bridges or []))
        except SwitchAway:
            log.warning("asterisk is away; the rescue waits for it")

    def _brought_back(self, caller: str, beside: Sequence[str]) -> bool:
        """The operator who has them on hold, or asks a station about them, talks with them again; False when nobody is there."""
        bridge = f"bridges/{urllib.parse.quote(bridge_of(caller), safe='')}/addChannel"
        there = [one for one in beside if self.switch.ask("POST", bridge, channel=one)[0] < 300]
        if not there:
            return False
        self._hush(caller)
        for party in (caller, *there):
            path = urllib.parse.quote(party, safe="")
            self.switch.ask("DELETE", f"channels/{path}/moh")
            self.switch.ask("DELETE", f"playbacks/ring-{path}")
        path = f"channels/{urllib.parse.quote(caller, safe='')}/variable"
        self.switch.ask("POST", path, variable="KEPT_BY", value="")  # or the next process holds them again
        log.error(
            "a caller on hold was brought back to those beside them", call_id=caller, parties=len(there)
        )
        return True

    def _hush(self, caller: str) -> None:
        for saying in sayings_of(caller):
            self.switch.ask("DELETE", f"playbacks/{urllib.parse.quote(saying, safe='')}")

    def _end_legs(self, caller: str, channels: Sequence[Mapping[str, Any]], talking: set[str]) -> None:
        """Desks that rang for this caller stop ringing, so that the fallback's queue can ring them.

        One that was rung for them and talks with another contact meanwhile is left alone.
        """
        for channel in channels:
            rung = str(channel["id"]).startswith((f"op-{caller}-", f"chain-{caller}-"))
            if rung and channel["id"] not in talking:
                self.switch.ask("DELETE", f"channels/{urllib.parse.quote(channel['id'], safe='')}")

    def _fallback_is_there(self, channel: str) -> bool:
        """Continuing into a context that does not exist answers 204 and loses the call: ask first."""
        there = self.switch.value(f"DIALPLAN_EXISTS({FALLBACK},s,1)", channel) == "1"
        if not there:
            log.error("asterisk has no fallback for this caller", channel=channel)
        return there


def _number_in(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _kill(pid: int, name: str) -> bool:
    """SIGKILL to a hung process of ours; False when the pid is no longer that process."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if not _is_ours(words, name):
            return False
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    log.error("a process hung and was killed", process=name, pid=pid)
    return True


def _is_ours(words: Sequence[bytes], name: str) -> bool:
    """Whether a command line is `app.py NAME`."""
    return any(word.endswith(b"app.py") for word in words) and name.encode() in words


def rescue(given: Settings) -> Rescue:
    switch = Switch(f"http://127.0.0.1:{given.ari_port}/ari", secret(given.var, "ari"))
    return Rescue(switch, given.var / "run")


def main() -> None:
    """Run until SIGTERM."""
    ends = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ends.set())
    watch = rescue(settings())
    scripts = Watched(settings().var / "run", "agi")
    log.info("the rescue watches")
    while not ends.wait(LOOK_EVERY_S):
        try:
            scripts.look()
            watch.look()
        except Exception:
            # The last guard must outlive any fault of its own.
            log.exception("the rescue stumbled")
