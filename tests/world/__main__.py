"""The simulated outside as a program: `python -m tests.world PLAN --calls 20 --json FILE`, or for ever."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import click

from tests.world.plan import Plan, WorldFault
from tests.world.scenario import Played, World


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--calls", type=click.IntRange(1), help="Số cuộc gọi; bỏ trống: gọi mãi cho đến khi dừng.")
@click.option("--at-once", type=click.IntRange(1), default=6, help="Số người gọi cùng lúc nhiều nhất.")
@click.option("--a-minute", type=float, default=10.0, help="Số cuộc mỗi phút khi gọi mãi.")
@click.option("--seed", type=int, help="Cùng số này thì cùng các cuộc gọi.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Ghi kết quả và sổ của nhà mạng.")
def play(
    plan: Path, calls: int | None, at_once: int, a_minute: float, seed: int | None, json_file: Path | None
) -> None:
    """Mô phỏng người dân, nhà mạng, trạm y tế và máy bàn theo tệp PLAN (TOML hoặc JSON)."""
    try:
        asyncio.run(_play(Plan.read(plan), calls, at_once, a_minute, seed, json_file))
    except WorldFault as fault:
        click.echo(str(fault), err=True)
        sys.exit(2)


async def _play(
    plan: Plan, calls: int | None, at_once: int, a_minute: float, seed: int | None, json_file: Path | None
) -> None:
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    assert me is not None
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            me.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    results: list[Played] = []

    def told(result: Played) -> None:
        if calls is not None:
            results.append(result)
        click.echo(_line(result))

    try:
        async with World(plan, seed) as world:
            click.echo(f"seed {world.seed}")
            try:
                if calls is None:
                    await world.run_for_ever(a_minute, at_once, told)
                else:
                    await world.run(calls, at_once, on_result=told)
                    await world.settle()
            finally:
                if json_file is not None:
                    _write_down(json_file, world, results)
    except asyncio.CancelledError:
        if not stopping:
            raise


def _write_down(json_file: Path, world: World, results: list[Played]) -> None:
    listed = [call.as_dict() for call in world.calls]
    whole = {"results": [r.as_dict() for r in results], "carrier": listed}
    json_file.write_text(json.dumps(whole, ensure_ascii=False, indent=1), encoding="utf-8")


def _line(result: Played) -> str:
    who = result.from_number or "withheld"
    human = f"{result.human} +{result.human_after_s:.1f} s" if result.human_after_s is not None else "-"
    return (
        f"{result.hotline:12} {who:13} {result.kind:34} {result.keys or '-':8} "
        f"{result.expected_acuity or '-':7} {human:14} "
        f"{result.final_status} {result.ended_by:5} {result.note}"
    )


if __name__ == "__main__":
    play()
