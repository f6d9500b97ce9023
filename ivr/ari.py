"""Asterisk's REST interface and its events over one WebSocket: typed, reconnecting for ever, deciding nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
import structlog

log = structlog.get_logger(__name__)

REQUEST_WITHIN_S = 3.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
PING_S = 5.0
UNWANTED = ("ChannelVarset", "ChannelDialplan", "ChannelConnectedLine", "ChannelCallerId")
"""More than half of all events, and nothing is decided by them."""

RINGING_TONE = "425/1000|0/4000"
"""Vietnam's: 425 Hz, one second in five."""

ALREADY_GONE = frozenset({400, 404, 409, 412, 422})
"""What Asterisk answers about a channel or bridge that is ending: an outcome, not a fault."""
NOT_THERE, ELSEWHERE = 404, 409
"""No such bridge or channel; a channel that is in the dialplan, not in our application."""
THERE_ALREADY = 409
UNREACHABLE = 0
"""AriError.code when Asterisk did not answer in time or is not there."""


class AriError(Exception):
    """Asterisk refused: `code` is HTTP's, or 0 when it did not answer; `message` its own words."""

    def __init__(self, code: int, message: str, what: str = "") -> None:
        super().__init__(f"{what}: {code} {message}")
        self.code, self.message = code, message

    @property
    def is_gone(self) -> bool:
        return self.code in ALREADY_GONE


class Superseded(Exception):  # noqa: N818 - exceptions are named by the fact
    """Another process has connected as the same application: this one hears nothing any more and must end."""


@dataclass(frozen=True)
class Channel:
    id: str
    name: str = ""
    """E.g. PJSIP/trunk-vnpt-0000002a."""
    state: str = ""
    """Down, Ring, Ringing, Up …"""
    app: str = ""
    """The dialplan application it is in; "Stasis" for ours."""
    app_data: str = ""
    """E.g. hotline,caller,binhphuoc."""
    caller_number: str = ""
    age_s: float = 0.0
    """Since it was created, when this was read."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Those of ari.conf's channelvars."""


@dataclass(frozen=True)
class Bridge:
    id: str
    channels: frozenset[str]


@dataclass(frozen=True)
class Sound:
    """Asterisk's own names: rx is what came from the far end, tx what went there, but for jitter the other way round."""

    rxcount: float = 0
    """Packets."""
    rxploss: float = 0
    txcount: float = 0
    txploss: float = 0
    """Packets that the far end says it missed."""
    txjitter: float = 0
    """Of what came from the far end, seconds."""
    rxjitter: float = 0
    """Of what went there, as the far end says, seconds."""
    rtt: float = 0
    """Seconds there and back, when the far end tells."""

    def quality(self) -> dict[str, float]:
        """As `events.LegEnded.quality`."""
        return {
            "jitter_ms": round(1000 * self.txjitter, 1),
            "heard_jitter_ms": round(1000 * self.rxjitter, 1),
            "loss_percent": _percent(self.rxploss, self.rxcount + self.rxploss),
            "heard_loss_percent": _percent(self.txploss, self.txcount),
            "round_trip_ms": round(1000 * self.rtt, 1),
        }


def _percent(part: float, whole: float) -> float:
    return round(min(100.0, 100 * part / whole), 2) if whole > 0 and part > 0 else 0.0


@dataclass(frozen=True)
class AriEvent:
    kind: str
    channel: Channel | None = None
    args: tuple[str, ...] = ()
    digit: str = ""
    playback: str = ""
    """Id of the playback that started or finished."""
    cause: int = 0
    """Q.850, on ChannelDestroyed and ChannelHangupRequest."""
    tech_cause: int = 0
    """The SIP status, when the far end gave one."""
    endpoint: str = ""
    """E.g. 101, on EndpointStateChange."""
    online: bool = False


def channel_of(raw: Mapping[str, Any]) -> Channel:
    dialplan = raw.get("dialplan") or {}
    return Channel(
        id=str(raw["id"]),
        name=str(raw.get("name", "")),
        state=str(raw.get("state", "")),
        app=str(dialplan.get("app_name", "")),
        app_data=str(dialplan.get("app_data", "")),
        caller_number=str((raw.get("caller") or {}).get("number", "")),
        age_s=_age_s(str(raw.get("creationtime", ""))),
        variables={k: str(v) for k, v in (raw.get("channelvars") or {}).items() if v},
    )


def event_of(raw: Mapping[str, Any]) -> AriEvent:
    """The event in Asterisk's JSON; a playback's channel is the one it plays to."""
    channel = raw.get("channel") or raw.get("peer")
    playback = raw.get("playback") or {}
    kind, _, target = str(playback.get("target_uri", "")).partition(":")
    if channel is None and kind == "channel":
        channel = {"id": target}
    endpoint = raw.get("endpoint") or {}
    return AriEvent(
        kind=str(raw.get("type", "")),
        channel=channel_of(channel) if channel else None,
        args=tuple(str(a) for a in raw.get("args", ())),
        digit=str(raw.get("digit", "")),
        playback=str(playback.get("id", "")),
        cause=int(raw.get("cause") or 0),
        tech_cause=int(raw.get("tech_cause") or 0),
        endpoint=str(endpoint.get("resource", "")),
        online=endpoint.get("state") == "online",
    )


class Ari:
    """One application's connection. Use as `async with`; `run` listens, every other method is one request."""

    def __init__(self, port: int, user: str, password: str, app: str, host: str = "127.0.0.1") -> None:
        self.app = app
        self._base = f"http://{host}:{port}/ari/"
        self._auth = {"Authorization": aiohttp.encode_basic_auth(user, password)}
        self._session: aiohttp.ClientSession | None = None
        self.connected = False

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._auth, timeout=aiohttp.ClientTimeout(total=REQUEST_WITHIN_S)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Ari is used outside `async with`.")
        return self._session

    # -- events --

    async def run(self, reconcile: Callable[[], Awaitable[None]], heard: Callable[[AriEvent], None]) -> None:
        """Listen for ever. After each connection `reconcile` runs first; events that come meanwhile are kept for after it.

        Raises Superseded when another process took the application over.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with self.session.ws_connect(
                    f"{self._base}events",
                    params={"app": self.app, "subscribeAll": "false"},
                    heartbeat=PING_S,
                    max_msg_size=0,
                ) as socket:
                    log.info("connected to Asterisk", app=self.app)
                    pause_s = FIRST_PAUSE_S
                    await self._listen(socket, reconcile, heard)
            except (aiohttp.ClientError, OSError, TimeoutError, AriError) as error:
                log.warning("Asterisk is away", error=str(error) or type(error).__name__)
            finally:
                self.connected = False
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _listen(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        reconcile: Callable[[], Awaitable[None]],
        heard: Callable[[AriEvent], None],
    ) -> None:
        early: list[AriEvent] = []

        async def begin() -> None:
            await self.filter_events()
            await reconcile()
            self.connected = True
            for event in early:
                heard(event)
            early.clear()

        beginning = asyncio.create_task(begin())
        try:
            while True:
                if self.connected:
                    message = await socket.receive()
                else:
                    reading = asyncio.create_task(socket.receive())
                    await asyncio.wait({reading, beginning}, return_when=asyncio.FIRST_COMPLETED)
                    if beginning.done():
                        beginning.result()  # a failed reconciliation ends this connection, and the next one tries again
                    message = await reading
                if message.type is not aiohttp.WSMsgType.TEXT:
                    log.warning("the event stream ended", kind=message.type.name)
                    return
                event = event_of(json.loads(message.data))
                if event.kind == "ApplicationReplaced":
                    raise Superseded(self.app)
                if self.connected:
                    heard(event)
                else:
                    early.append(event)
        finally:
            beginning.cancel()

    async def filter_events(self) -> None:
        body = {"disallowed": [{"type": kind} for kind in UNWANTED]}
        await self.request("PUT", f"applications/{self.app}/eventFilter", body)

    # -- requests --

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str | int
    ) -> Any:
        """The JSON answer, None when there is none; AriError when refused or not answered within REQUEST_WITHIN_S."""
        params = {key: str(value) for key, value in query.items()}
        try:
            async with self.session.request(method, self._base + path, params=params, json=body) as answer:
                text = await answer.text()
                if answer.status >= 400:
                    raise AriError(answer.status, _message(text), f"{method} {path}")
                return json.loads(text) if text else None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AriError(UNREACHABLE, str(error) or type(error).__name__, f"{method} {path}") from error

    async def channels(self) -> list[Channel]:
        return [channel_of(raw) for raw in await self.request("GET", "channels")]

    async def bridges(self) -> list[Bridge]:
        found = await self.request("GET", "bridges")
        return [Bridge(str(raw["id"]), frozenset(raw.get("channels", ()))) for raw in found]

    async def started_at(self) -> str:
        """When this Asterisk started, in its own words; another text means another Asterisk."""
        return str((await self.request("GET", "asterisk/info", only="status"))["status"]["startup_time"])

    async def endpoint_online(self, phone: str, within_s: float = 0.0) -> bool:
        """Whether a SIP endpoint has a contact now, or soon; False when it does not exist.

        Asterisk calls a phone that has just registered online only when it has answered its first question.
        """
        until_s = time.monotonic() + within_s
        while True:
            try:
                if (await self.request("GET", f"endpoints/PJSIP/{phone}"))["state"] == "online":
                    return True
            except AriError as error:
                if error.code != 404:
                    raise
            if time.monotonic() >= until_s:
                return False
            await asyncio.sleep(0.1)

    async def watch(self, source: str) -> None:
        """Subscribe to `channel:<id>`, `endpoint:PJSIP/<name>`, `bridge:<id>`."""
        await self.request("POST", f"applications/{self.app}/subscription", eventSource=source)

    async def set_global(self, name: str, value: str) -> None:
        await self.request("POST", "asterisk/variable", variable=name, value=value)

    async def global_value(self, name: str) -> str:
        """Empty when Asterisk has no such variable."""
        found = await self.request("GET", "asterisk/variable", variable=name)
        return str((found or {}).get("value", ""))

    async def reload(self, module: str) -> None:
        """The module reads its configuration anew."""
        await self.request("PUT", f"asterisk/modules/{module}.so")

    async def set_variable(self, channel: str, name: str, value: str) -> None:
        await self.request("POST", f"channels/{channel}/variable", variable=name, value=value)

    async def create(
        self, channel: str, endpoint: str, args: str, originator: str, variables: Mapping[str, str]
    ) -> None:
        """A leg that is not dialled yet; it enters the application at once (StasisStart). 500 when the phone has no contact."""
        query = {"endpoint": endpoint, "app": self.app, "appArgs": args, "channelId": channel}
        if originator:
            query["originator"] = originator
        await self.request("POST", "channels/create", {"variables": dict(variables)}, **query)

    async def dial(self, channel: str, timeout_s: int) -> None:
        await self.request("POST", f"channels/{channel}/dial", timeout=timeout_s)

    async def hang_up(self, channel: str, reason: str = "normal") -> None:
        await self.request("DELETE", f"channels/{channel}", reason=reason)

    async def go_on_in_dialplan(self, channel: str, context: str, extension: str) -> None:
        """Asterisk answers 204 even when there is no such place: the caller of this must know there is."""
        await self.request(
            "POST", f"channels/{channel}/continue", context=context, extension=extension, priority=1
        )

    async def play(self, channel: str, playback: str, sounds: list[str]) -> None:
        """Play files (absolute, without extension) and "recording:<name>" one after the other; PlaybackFinished tells the end."""
        media = ",".join(s if s.startswith("recording:") else f"sound:{s}" for s in sounds)
        await self.request("POST", f"channels/{channel}/play/{playback}", media=media)

    async def playing(self, playbacks: Sequence[str]) -> list[str]:
        """Those that have begun or are about to; none when Asterisk does not say."""
        asked = (self.request("GET", f"playbacks/{playback}") for playback in playbacks)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return [p for p, said in zip(playbacks, answers, strict=True) if not isinstance(said, BaseException)]

    async def stop_playing(self, playback: str) -> None:
        await self.request("DELETE", f"playbacks/{playback}")

    async def make_bridge(self, bridge: str) -> None:
        """A bridge in which keys are heard; making it twice is one."""
        try:
            await self.request("POST", f"bridges/{bridge}", type="mixing,dtmf_events")
        except AriError as error:
            if error.code != THERE_ALREADY:
                raise

    async def record_bridge(self, bridge: str, name: str, longest_s: int) -> None:
        """What is spoken in a bridge, kept under that name until `forget_recording`; a recording of that name is replaced."""
        await self.request(
            "POST", f"bridges/{bridge}/record", name=name, format="alaw", maxDurationSeconds=longest_s, ifExists="overwrite",
        )  # fmt: skip

    async def stop_recording(self, name: str) -> None:
        await self.request("POST", f"recordings/live/{name}/stop")

    async def is_recorded(self, name: str) -> bool:
        try:
            await self.request("GET", f"recordings/stored/{name}")
        except AriError:
            return False
        return True

    async def forget_recording(self, name: str) -> None:
        await self.request("DELETE", f"recordings/stored/{name}")

    async def end_bridge(self, bridge: str) -> None:
        await self.request("DELETE", f"bridges/{bridge}")

    async def join(self, bridge: str, channel: str) -> None:
        await self.request(
            "POST", f"bridges/{bridge}/addChannel", channel=channel, inhibitConnectedLineUpdates="true"
        )

    async def set_aside(self, bridge: str, channel: str) -> None:
        """Out of the bridge, and up."""
        await self.request("POST", f"bridges/{bridge}/removeChannel", channel=channel)

    async def snoop(self, channel: str, snoop: str, *, whisper: bool) -> None:
        """A channel that hears what `channel` says and hears, and that speaks to it alone when it whispers."""
        path, way = f"channels/{channel}/snoop/{snoop}", "out" if whisper else "none"
        await self.request("POST", path, app=self.app, appArgs="snoop", spy="both", whisper=way)

    async def sound_of(self, channel: str) -> Sound:
        """What has gone to and come from a channel's far end since it began."""
        raw = await self.request("GET", f"channels/{channel}/rtp_statistics")
        return Sound(**{one.name: float(raw.get(one.name) or 0) for one in fields(Sound)})

    async def mute(self, channel: str) -> None:
        """Nobody hears this channel's party; they hear everybody."""
        await self.request("POST", f"channels/{channel}/mute", direction="in")

    async def unmute(self, channel: str) -> None:
        await self.request("DELETE", f"channels/{channel}/mute", direction="in")

    async def ring(self, channel: str) -> None:
        """A party who is up, alone in a bridge, hears the ringing tone until `stop_ring`.

        A playback, because a ringing indication is not taken back inside a bridge.
        """
        await self.request("POST", f"channels/{channel}/play/ring-{channel}", media=f"tone:{RINGING_TONE}")

    async def stop_ring(self, channel: str) -> None:
        await self.request("DELETE", f"playbacks/ring-{channel}")

    async def start_music(self, channel: str) -> None:
        """Music for one channel; inside a bridge it hears nothing else until `stop_music`."""
        await self.request("POST", f"channels/{channel}/moh")

    async def stop_music(self, channel: str) -> None:
        await self.request("DELETE", f"channels/{channel}/moh")


def _age_s(created: str) -> float:
    try:
        at = datetime.fromisoformat(created)
    except ValueError:
        return 0.0
    return max((datetime.now(UTC) - at).total_seconds(), 0.0)


def _message(text: str) -> str:
    try:
        raw = json.loads(text)
    except ValueError:
        return text[:200]
    return str(raw.get("message") or raw.get("error") or raw) if isinstance(raw, dict) else str(raw)
