"""`./run up`: prepares, starts every process, waits until all is ready, stays until told to end."""

from __future__ import annotations

import time
from collections.abc import Mapping

from front_door import preparation, processes, supervision
from front_door.faults import Fault, of_os_error
from front_door.supervision import Ended
from hotline.settings import Settings


def run() -> int:
    """The exit status: 0 after Ctrl-C or SIGTERM, 1 when it could not start."""
    began = time.monotonic()
    try:
        given = preparation.read_settings()
        with supervision.installation(given):
            preparation.all_of(given)
            preparation.first_administrator()
            with supervision.running(given, processes.all_of(given)) as supervisor:
                degraded = supervisor.wait_until_ready()
                print(where_to_go(given, time.monotonic() - began, degraded), flush=True)
                supervisor.wait()
                raise Fault(
                    f"The supervisor ended by itself; {given.var / 'log' / 'supervisord.log'} says why."
                )
    except Ended:
        print("1022: ended.", flush=True)
        return 0
    except OSError as error:
        return told(of_os_error(error, given.var))
    except Fault as fault:
        return told(fault)


def told(fault: Fault) -> int:
    print(f"1022: {fault}", flush=True)
    return 1


def where_to_go(given: Settings, took_s: float, degraded: Mapping[str, str]) -> str:
    """What a person does next, and what is not as it should be although calls are answered."""
    sip = f"{given.sip_host}:{given.sip_port}"
    return "\n".join(
        [
            f"1022 answers calls ({took_s:.1f} s).",
            *(f"  ! {said[:1].upper()}{said[1:]}." for said in degraded.values()),
            f"  Desk and live page   http://127.0.0.1:{given.plain_port}/ on this machine, https://THIS-MACHINE:"
            f"{given.front_port}/ from desks",
            f"  SIP trunk, phones    {sip} (UDP)",
            f"  Logs                 {given.var / 'log'}",
            "  Ctrl-C ends it.",
        ]
    )
