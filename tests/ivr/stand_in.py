"""A stand-in for `app.py calls`: takes callers, puts them in bridges, beats; started as `app.py calls` so the rescue knows it.

Words: the ARI port, the ARI password, var/run, and what to do with callers: "hold" (alone in a bridge) or "join" (all in one).
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import aiohttp


async def main(port: str, password: str, run: Path, how: str) -> None:
    (run / "calls.pid").write_text(f"{os.getpid()}\n")
    login = aiohttp.encode_basic_auth("hotline", password)
    base = f"http://127.0.0.1:{port}/ari/"
    async with (
        aiohttp.ClientSession(base, headers={"Authorization": login}) as session,
        session.ws_connect("events?app=hotline") as events,
    ):
        beating = asyncio.create_task(beat(session, run))
        async for message in events:
            event = json.loads(message.data)
            if event["type"] != "StasisStart":
                continue
            channel = event["channel"]["id"]
            bridge = "both" if how == "join" else f"call-{channel}"
            await post(session, f"channels/{channel}/variable", variable="TIMEOUT(absolute)", value="0")
            await post(session, f"bridges/{bridge}", type="mixing,dtmf_events")
            await post(session, f"bridges/{bridge}/addChannel", channel=channel)
            if how == "hold":
                await post(session, f"bridges/{bridge}/moh")
        beating.cancel()


async def beat(session: aiohttp.ClientSession, run: Path) -> None:
    while True:
        (run / "calls.beat").write_text(f"{os.getpid()}")
        value = str(int(time.time()))
        await post(session, "asterisk/variable", variable="HOTLINE_BEAT", value=value)
        await asyncio.sleep(1)


async def post(session: aiohttp.ClientSession, path: str, **query: str) -> None:
    async with session.post(path, params=query) as answer:
        await answer.read()


if __name__ == "__main__":
    words = sys.argv[sys.argv.index("calls") + 1 :]
    asyncio.run(main(words[0], words[1], Path(words[2]), words[3]))
