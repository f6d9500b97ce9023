"""The table of commands; each imports its room only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click

PROCESSES = {
    "agi": ("agi_scripts.server", "The FastAGI server: talks to one caller at a time."),
    "calls": ("ivr.call_control", "The Stasis application: the waiting line, operators, bridges."),
    "worker": ("ivr.worker", "Clocks, callbacks, the outbox, the journal."),
    "rescue": ("ivr.rescue", "Saves the callers of a Stasis application that is gone or hung."),
    "panel": ("front_door.web", "The desks in the browser."),
    "live": ("front_door.web", "The stream of live changes to the browsers."),
}
"""Command → its room, whose `main()` runs until the process is told to end."""
TOOLS = {
    "protocol": ("ivr.officer", "check | draw | table | approve NAME: the officers' triage protocols."),
    "prompts": ("ivr.speech.prompt_set", "Render what callers hear, ahead of their calls."),
    "agency-token": ("hotline.agency_tokens", "make | end | list: tokens of agencies' own systems."),
    "verify": ("hotline.ledger", "Prove that calls = tickets = recordings; name what is missing or changed."),
    "bench": ("tests.bench", "Load beside a bare dialplan; see docs/benchmarks.md."),
}
"""Command → its room, whose `main(words)` returns the exit status."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def app() -> None:
    """1022: a province's public hotline. Begin with ./run up, or ./run demo and its simulated callers."""


@app.command()
def up() -> None:
    """Run the product; HOTLINE_ADMIN_USER and HOTLINE_ADMIN_PASSWORD may name the first administrator."""
    sys.exit(import_module("front_door.up").run())


@app.command()
@click.option("--calls", type=click.IntRange(min=1), help="Make this many calls, print their table, and end.")
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the table there."
)
@click.option("--story", is_flag=True, help="Play one emergency from the call to the answer back, and end.")
@click.option("--desks", type=click.IntRange(1, 4), default=2, show_default=True, help="Simulated operators.")
def demo(calls: int | None, file: Path | None, story: bool, desks: int) -> None:
    """Run the product with demo data and a simulated outside world that keeps calling."""
    sys.exit(import_module("front_door.demo").run(calls, file, desks, story=story))


@app.command()
def doctor() -> None:
    """A line per part: what is wrong and what mends it; status 1 if anything is."""
    import_module("front_door.whose").choose()
    sys.exit(import_module("front_door.doctor").run())


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables."""
    import_module("front_door.whose").choose()
    import_module("hotline.database").migrate()


@app.command()
@click.argument("name")
def phone(name: str) -> None:
    """The SIP password of desk phone NAME, for a softphone or a desk set."""
    from hotline.secrets import secret
    from hotline.settings import settings

    import_module("front_door.whose").choose()
    click.echo(secret(settings().var, f"phone:{name}"))


def _process(name: str, room: str, words: str) -> None:
    @app.command(name, help=words)
    def run() -> None:
        import_module("front_door.processes").note_pid(name)
        import_module("hotline.logs").begin()
        import_module(room).main(*([name] if room == "front_door.web" else []))


def _tool(name: str, room: str, words: str) -> None:
    @app.command(name, help=words, context_settings={"ignore_unknown_options": True, "help_option_names": []})
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def run(words: tuple[str, ...]) -> None:
        if name != "bench":
            import_module("front_door.whose").choose()
        sys.exit(import_module(room).main(list(words)))


for _name, (_room, _words) in PROCESSES.items():
    _process(_name, _room, _words)
for _name, (_room, _words) in TOOLS.items():
    _tool(_name, _room, _words)

if __name__ == "__main__":
    app(prog_name="./run")
