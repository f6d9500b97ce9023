"""panoramisk's FastAGI server as its own example has it.

Run as `python -m tests.bench.panoramisk_fast_agi PORT`. It still runs on Python 3.11: `asyncio.coroutine`, gone
there, is touched only for endpoints that are not coroutines.
"""

import asyncio
import sys
from typing import Any

from panoramisk import fast_agi

from tests.bench.dialogue import ANSWER_WITHIN_MS


async def ask(request: Any) -> None:
    """Three questions, the keys in one variable."""
    keys = ""
    for n in (1, 2, 3):
        prompt = request.headers[f"agi_arg_{n}"]
        reply = await request.send_command(f"GET DATA {prompt} {ANSWER_WITHIN_MS} 1")
        keys += reply["result"][0]
    await request.send_command(f'SET VARIABLE KEYS "{keys}"')


async def serve(port: int) -> None:
    """Until the process is ended."""
    application = fast_agi.Application(loop=asyncio.get_running_loop())
    application.add_route("ask", ask)
    server = await asyncio.start_server(application.handler, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
