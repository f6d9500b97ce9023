"""What must be true before the processes start: tables, people, prompts, Asterisk's configuration."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from front_door import selftest
from front_door.faults import Fault
from hotline.settings import Settings, SettingsFault, settings

SHOWN_FROM_S = 0.3


def read_settings() -> Settings:
    """This installation's settings, its folders made absolute. Raises Fault naming every wrong one."""
    try:
        return settings()
    except SettingsFault as fault:
        raise Fault(f"{fault}.") from None


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Shows what took long enough to be noticed."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    if took >= SHOWN_FROM_S:
        print(f"  {name:<24} {took:.1f} s", flush=True)


def asterisk() -> None:
    """Chooses the Asterisk and proves that it can do what calls need. Raises Fault."""
    with timed("Asterisk self-test"):
        result = selftest.choose()
    if result.faults:
        raise Fault(
            f"{'; '.join(result.faults)} (Asterisk {result.version}); install Asterisk 22.2 or newer."
        )
