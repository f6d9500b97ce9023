"""An Asterisk made of air that speaks real ARI over HTTP and WebSocket: channels, bridges, playbacks; no sound, no SIP."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web


@dataclass
class FakeChannel:
    id: str
    name: str
    state: str = "Up"
    app_data: str = ""
    in_app: bool = True
    channelvars: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        return {
            "id": self.id, "name": self.name, "state": self.state, "caller": {"number": "0912000000"},
            "creationtime": "", "channelvars": self.channelvars,
            "dialplan": {"app_name": "Stasis" if self.in_app else "Queue", "app_data": self.app_data},
        }  # fmt: skip


class FakeAri:
    """Use as `async with`; a test makes callers come, phones ring and answer, and looks at `said`."""

    def __init__(self) -> None:
        self.channels: dict[str, FakeChannel] = {}
        self.bridges: dict[str, set[str]] = {}
        self.music: set[str] = set()
        """Channels that hear music and nothing else."""
        self.ringing_tone: set[str] = set()
        self.said: list[str] = []
        """Every request, as "POST channels/create PJSIP/101"."""
        self.away: set[str] = set()
        """Phones without a contact: creating a leg to them is refused."""
        self.offline_for: dict[str, int] = {}
        """Phone → how often it is still called offline."""
        self.packets: dict[str, int] = {}
        """Channel → packets of sound that have come from its far end."""
        self.sound: dict[str, float] = {}
        """What else Asterisk says of every channel's sound."""
        self.snoops: dict[str, tuple[str, str]] = {}
        """Snoop → the channel it hears, and its whisper: none or out."""
        self.dialled = asyncio.Event()
        self.started = "2026-01-01T00:00:00.000+0000"
        self.slow_channels_s = 0.0
        self.refusals: dict[str, int] = {}
        """What is refused, as the end of "POST channels/n1-1.1/continue", and how often still."""
        self.playback_s = 0.02
        self.recorded: set[str] = set()
        """Names of what was recorded in a bridge."""
        self.played: list[str] = []
        """What each playback played, in order."""
        self.playing: set[str] = set()
        self._sockets: list[web.WebSocketResponse] = []
        self.shut = False
        """Nobody is let in."""
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_route("*", "/ari/{rest:.*}", self._rest)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()
        if self._runner is not None:
            await self._runner.cleanup()

    # -- what a test does --

    async def tell(self, kind: str, **fields: Any) -> None:
        for socket in self._sockets:
            await socket.send_json({"type": kind, "application": "hotline", **fields})

    async def cut(self) -> None:
        """The event stream breaks."""
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            await socket.close()

    async def caller(self, call_id: str, acuity: str, **variables: str) -> None:
        """A caller enters the application."""
        said = {"ACUITY": acuity, "TRIAGE_DONE": "1", "HOTLINE": "binhphuoc", "CALLER": "+84912000000"}
        channel = FakeChannel(
            call_id, f"PJSIP/trunk-vnpt-{len(self.said):08x}", app_data="hotline,caller,binhphuoc"
        )
        channel.channelvars = said | variables
        self.channels[call_id] = channel
        await self.tell("StasisStart", args=["caller", "binhphuoc"], channel=channel.plain())

    async def key(self, channel_id: str, digit: str) -> None:
        await self.tell("ChannelDtmfReceived", digit=digit, channel=self.channels[channel_id].plain())

    async def answer(self, leg_id: str) -> None:
        self.channels[leg_id].state = "Up"
        await self.tell("ChannelStateChange", channel=self.channels[leg_id].plain())

    async def gone(self, channel_id: str, cause: int = 16, tech_cause: int = 0) -> None:
        channel = self.channels.pop(channel_id, None)
        if channel is None:
            return
        for members in self.bridges.values():
            members.discard(channel_id)
        more = {"tech_cause": tech_cause} if tech_cause else {}
        await self.tell("ChannelDestroyed", cause=cause, channel=channel.plain(), **more)

    def legs(self, call_id: str) -> list[str]:
        """Ids of the phones that ring or talk for a call."""
        return [i for i in self.channels if i.startswith((f"op-{call_id}-", f"chain-{call_id}-"))]

    # -- the wire --

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        if self.shut:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        if socket in self._sockets:
            self._sockets.remove(socket)
        return socket

    async def _rest(self, request: web.Request) -> web.Response:
        path, query = request.match_info["rest"], request.query
        detail = query.get("endpoint") or query.get("channel") or query.get("variable") or ""
        self.said.append(f"{request.method} {path} {detail}".strip())
        words = f"{request.method} {path}"
        refused = next((end for end, left in self.refusals.items() if left and words.endswith(end)), None)
        if refused is None:
            status, body = await self._answer(request.method, path.split("/"), dict(query))
        else:
            self.refusals[refused] -= 1
            status, body = 500, {"message": "refused"}
        return web.Response(
            status=status, text="" if body is None else json.dumps(body), content_type="application/json"
        )

    async def _answer(self, method: str, path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        match [method, *path]:
            case ["GET", "asterisk", "info"]:
                return 200, {"status": {"startup_time": self.started}}
            case ["GET", "channels"]:
                await asyncio.sleep(self.slow_channels_s)
                return 200, [c.plain() for c in self.channels.values()]
            case ["GET", "bridges"]:
                return 200, [{"id": i, "channels": sorted(c)} for i, c in self.bridges.items()]
            case ["GET", "endpoints", "PJSIP", phone]:
                left = self.offline_for.get(phone, 0)
                self.offline_for[phone] = left - 1
                return 200, {"state": "offline" if left > 0 else "online"}
            case ["GET", "channels", channel, "rtp_statistics"] if channel in self.channels:
                return 200, {"rxcount": self.packets.get(channel, 0), **self.sound}
            case ["POST", "channels", "create"]:
                return await self._create(query)
            case ["POST", "channels", channel, "snoop", snoop] if channel in self.channels:
                self.channels[snoop] = made = FakeChannel(
                    snoop, f"Snoop/{channel}-0001", app_data="hotline,snoop"
                )
                self.snoops[snoop] = (channel, query["whisper"])
                await self.tell("StasisStart", args=["snoop"], channel=made.plain())
                return 200, made.plain()
            case ["POST", "channels", leg, "dial"] if leg in self.channels:
                self.channels[leg].state = "Ringing"
                await self.tell("ChannelStateChange", channel=self.channels[leg].plain())
                self.dialled.set()
                return 204, None
            case ["DELETE", "channels", channel]:
                known = channel in self.channels
                await self.gone(channel, 26 if query.get("reason") == "answered_elsewhere" else 16)
                return (204, None) if known else (404, {"message": "Channel not found"})
            case ["POST", "channels", channel, "play", playback] if playback == f"ring-{channel}":
                self.ringing_tone.add(channel)
                return 201, {"id": playback}
            case ["POST", "channels", channel, "play", playback] if channel in self.channels:
                fields = {"id": playback, "target_uri": f"channel:{channel}"}
                self.played.append(f"{playback} {query.get('media', '')}")
                self.playing.add(playback)

                async def ended() -> None:
                    self.playing.discard(playback)
                    await self.tell("PlaybackFinished", playback=fields)

                asyncio.get_running_loop().call_later(self.playback_s, lambda: asyncio.ensure_future(ended()))
                return 201, fields
            case ["POST" | "DELETE", "channels", channel, "moh"] if channel in self.channels:
                (self.music.add if method == "POST" else self.music.discard)(channel)
                return 204, None
            case ["DELETE", "playbacks", playback] if playback.startswith("ring-"):
                known = playback.removeprefix("ring-") in self.ringing_tone
                self.ringing_tone.discard(playback.removeprefix("ring-"))
                return (204, None) if known else (404, {"message": "Playback not found"})
            case ["GET" | "DELETE", "playbacks", playback]:
                there = playback in self.playing
                if method == "DELETE":
                    self.playing.discard(playback)
                return (200, {"id": playback}) if there else (404, {"message": "Playback not found"})
            case ["POST", "bridges", bridge, "record"]:
                if bridge not in self.bridges:
                    return 404, {"message": "Bridge not found"}
                self.recorded.add(query["name"])
                return 201, {"name": query["name"]}
            case ["GET" | "DELETE", "recordings", "stored", name]:
                there = name in self.recorded
                if method == "DELETE":
                    self.recorded.discard(name)
                return (200, {"name": name}) if there else (404, {"message": "Recording not found"})
            case ["POST", "channels", channel, "variable"] if channel in self.channels:
                self.channels[channel].channelvars[query["variable"]] = query["value"]
                return 204, None
            case ["POST", "bridges", bridge]:
                if bridge in self.bridges:
                    return 409, {"message": f"Bridge with id '{bridge}' already exists"}
                self.bridges[bridge] = set()
                return 200, {"id": bridge}
            case ["POST", "bridges", bridge, "addChannel"]:
                if bridge not in self.bridges:
                    return 404, {"message": "Bridge not found"}
                if query["channel"] not in self.channels:
                    return 400, {"message": "Channel not found"}
                for members in self.bridges.values():
                    members.discard(query["channel"])
                self.bridges[bridge].add(query["channel"])
                return 204, None
            case ["POST", "bridges", bridge, "removeChannel"] if bridge in self.bridges:
                self.bridges[bridge].discard(query["channel"])
                return 204, None
            case ["DELETE", "bridges", bridge]:
                return (204, None) if self.bridges.pop(bridge, None) is not None else (404, {"message": "x"})
            case ["DELETE" | "POST", "channels", one, *_] if one not in self.channels:
                return 404, {"message": "not found"}
        return 204, None

    async def _create(self, query: dict[str, str]) -> tuple[int, Any]:
        endpoint = query["endpoint"].removeprefix("PJSIP/")
        if endpoint in self.away:
            return 500, {"error": "Allocation failed"}
        channel = FakeChannel(
            query["channelId"], f"PJSIP/{endpoint}-0001", "Down", "hotline," + query["appArgs"]
        )
        self.channels[channel.id] = channel
        await self.tell("StasisStart", args=query["appArgs"].split(","), channel=channel.plain())
        return 200, channel.plain()
