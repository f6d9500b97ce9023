"""`./run demo`: the product with demo data, and a simulated outside world that keeps calling it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from front_door import accounting, demo_data, demo_places, preparation, processes, supervision, up
from front_door.accounting import Witnessed
from front_door.faults import Fault, of_os_error
from front_door.supervision import ASKED, Ended
from hotline.settings import Settings

if TYPE_CHECKING:
    from tests.world.scenario import Played, World

SETTLE_WITHIN_S = 60.0
BOOKED_WITHIN_S = 30.0
AT_ONCE = 6
STORY_AFTER_S = 15.0
"""Whoever started the demo has opened a page by then."""
STORY_BEGINS = (
    "  A story begins: a RED call, a station, two orders, a silent team, the answer back.\n"
    f"  Follow it on the live page, on /orders and /command as {demo_data.SUPERVISOR} or {demo_data.LEADER}."
)


def run(calls: int | None, file: Path | None, desks: int, *, story: bool = False) -> int:
    """The exit status: 0 when every call of the carrier's list is accounted for and each step of the story was seen, or after Ctrl-C."""
    began = time.monotonic()
    for name, value in demo_places.DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        given = preparation.read_settings()
        with supervision.installation(given):
            preparation.all_of(given)
            demo_data.lay(given, desks)
            demo_data.approve(given)
            with supervision.running(given, processes.all_of(given)) as supervisor:
                degraded = supervisor.wait_until_ready()
                print(up.where_to_go(given, time.monotonic() - began, degraded), flush=True)
                print(demo_data.who_signs_in(given), flush=True)
                status = asyncio.run(until_ended(_play(given, calls, file, desks, story=story)))
                if status is None:
                    raise Ended
                return status
    except Ended:
        print("1022: ended.", flush=True)
        return 0
    except OSError as error:
        return up.told(of_os_error(error, given.var))
    except Fault as fault:
        return up.told(fault)


async def until_ended(playing: Coroutine[Any, Any, int]) -> int | None:
    """The play's status; None when a signal asked for the end, which comes between two steps of the play and never inside one."""
    loop = asyncio.get_running_loop()
    task, before = loop.create_task(playing), {number: signal.getsignal(number) for number in ASKED}
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True
        task.cancel()

    for number in ASKED:
        loop.add_signal_handler(number, end)
    try:
        return await task
    except asyncio.CancelledError:
        if ended:
            return None
        raise
    finally:
        for number, was in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, was)


async def _play(given: Settings, calls: int | None, file: Path | None, desks: int, *, story: bool) -> int:
    from tests.world.plan import WorldFault
    from tests.world.scenario import World

    try:
        async with World(demo_data.plan(given, desks), at_browser_desks=demo_data.at_browser_desks) as world:
            await asyncio.to_thread(demo_data.sign_in, given, desks)
            began = datetime.now(UTC) - timedelta(seconds=1)
            if story:
                return await play_story(given, world, began, file)
            if calls is None:
                beside = asyncio.create_task(_story_beside(given, world))
                try:
                    await world.run_for_ever(at_once=AT_ONCE, on_result=_show)
                finally:
                    beside.cancel()
            await world.run(calls or 0, at_once=AT_ONCE, on_result=_show)
            await world.settle(SETTLE_WITHIN_S)
            return await asyncio.to_thread(_account, given, world, began, file)
    except WorldFault as fault:
        raise Fault(str(fault)) from None


async def play_story(given: Settings, world: World, began: datetime, file: Path | None) -> int:
    """The story alone, as a check: 0 when each step was seen and every call is accounted for."""
    from front_door.story import Story, table

    since = time.monotonic()
    told = Story(given, world, lambda step: None)
    steps = await told.play()
    took_s = time.monotonic() - since
    await world.settle(SETTLE_WITHIN_S)
    print(f"\n{table(steps)}\n", flush=True)
    faults = told.faults
    if file is not None:
        told_of = json.dumps(
            {"seconds": round(took_s, 1), "faults": faults, "steps": [one.as_dict() for one in steps]},
            ensure_ascii=False, indent=1,
        )  # fmt: skip
        await asyncio.to_thread(file.write_text, told_of + "\n", encoding="utf-8")
    status = await asyncio.to_thread(_account, given, world, began, None)
    said = f"{len(steps)} steps seen from outside" if not faults else f"not seen: {'; '.join(faults)}"
    print(f"The story took {took_s:.0f} s: {said}.")
    return 1 if faults else status


async def _story_beside(given: Settings, world: World) -> None:
    """The story once, among the other callers, so that whoever looks at the pages can follow it."""
    from front_door.story import Story

    await asyncio.sleep(STORY_AFTER_S)
    told = Story(given, world, lambda step: print(step.line(), flush=True))
    print(STORY_BEGINS, flush=True)
    await told.play()
    if told.faults:
        print("  The story ends here: `./run demo --story` plays it alone.", flush=True)


def _show(played: Played) -> None:
    human = (
        f"{played.human} after {played.human_after_s:.1f} s" if played.human_after_s is not None else "nobody"
    )
    who = played.from_number or "withheld"
    print(f"  {who:>13}  {played.hotline:<12} {played.says[:44]:<44} {played.keys:<7} {human}", flush=True)


def _account(given: Settings, world: World, began: datetime, file: Path | None) -> int:
    witnessed = [
        Witnessed(call.from_number, call.to_number, call.started_at, call.talked_s, call.keys)
        for call in world.calls
        if call.direction == "to product" and call.answered_at is not None
    ]
    until = time.monotonic() + BOOKED_WITHIN_S
    while True:
        lines = accounting.account(witnessed, demo_data.calls_since(began))
        faults = [fault for line in lines for fault in line.faults()]
        if not faults or time.monotonic() > until:
            break
        time.sleep(0.5)  # the worker hashes a recording some moments after its call
    print("\n" + accounting.table(lines))
    if file is not None:
        text = json.dumps({"calls": [line.as_dict() for line in lines]}, ensure_ascii=False, indent=1)
        file.write_text(text + "\n", encoding="utf-8")
    faults += demo_data.ledger_faults(given)
    for fault in faults:
        print(f"WRONG  {fault}")
    said = "every one is a call, a ticket and a recording" if not faults else f"{len(faults)} faults"
    print(f"{len(witnessed)} calls in the carrier's list: {said}.")
    return 1 if faults else 0
