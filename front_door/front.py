"""The front: one nginx as the one origin of panel, live stream and SIP over WebSocket."""

from __future__ import annotations

from pathlib import Path

import jinja2

from front_door import certificates, parts, steps
from hotline.settings import Settings

TEMPLATE = Path(__file__).with_name("nginx.conf.j2")


def conf_path(given: Settings) -> Path:
    return given.var / "nginx.conf"


def render(given: Settings) -> Path:
    """Writes nginx's configuration and sees to its certificate; the path. Raises Fault."""
    run = given.var / "run"
    (run / "front").mkdir(parents=True, exist_ok=True)
    template = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 - a configuration file of our own numbers and paths, not a web page
    ).from_string(TEMPLATE.read_text())
    text = template.render(settings=given, run=run, certificate=certificates.provide(given))
    steps.write(conf_path(given), text)
    return conf_path(given)


def words(given: Settings) -> tuple[str, ...]:
    """The words that start it."""
    return (*parts.program("nginx"), "-e", "stderr", "-p", str(given.var), "-c", str(conf_path(given)))
