"""Facts of made-up calls."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hotline import events as e

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def call_id(n: int) -> str:
    return f"n1-{1_700_000_000 + n}.{n}"


def arrived(n: int, **more: Any) -> e.CallArrived:
    values = {"call_id": call_id(n), "hotline": "binhphuoc", "node": "n1", "caller_number": f"+8491{n:07}"}
    return e.CallArrived(**(values | more))


def triaged(n: int, acuity: str = "RED", **more: Any) -> e.CallTriaged:
    path = ({"question": "root", "key": "1", "said": "Khó thở", "at": START.isoformat()},)
    values = {
        "call_id": call_id(n), "hotline": "binhphuoc", "acuity": acuity, "branch": "medical", "reason": "Khó thở",
        "language": "vi", "path": path, "protocol_id": "covid-2021", "protocol_version": "1", "protocol_digest": "d" * 64,
    }  # fmt: skip
    return e.CallTriaged(**(values | more))


def ended(n: int, reason: str = "served", **more: Any) -> e.CallEnded:
    values: dict[str, Any] = {"call_id": call_id(n), "reason": reason, "heard_s": 30.0}
    return e.CallEnded(**(values | more))


def whole_call(n: int) -> list[e.Event]:
    """A call that a human took, in order, without its recording."""
    at = START + timedelta(minutes=n)
    queued = e.CallQueued(
        call_id=call_id(n), hotline="binhphuoc", acuity="RED", at=at + timedelta(seconds=20)
    )
    leg = f"op-{call_id(n)}-1"
    return [
        arrived(n, at=at),
        triaged(n, at=at + timedelta(seconds=19)),
        queued,
        e.LegDialled(call_id=call_id(n), leg_id=leg, node="n1", role="operator", endpoint="PJSIP/101"),
        e.CallAnswered(call_id=call_id(n), leg_id=leg, answered_by="lan"),
        e.LegEnded(call_id=call_id(n), leg_id=leg, outcome="answered"),
        ended(n),
    ]
