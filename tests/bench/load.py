"""SIPp's part: many silent callers who press three keys by SIP INFO and wait for a good-bye with cause 16."""

import asyncio
import csv
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import programs
from tests.bench.dialogue import KEYS, fresh_caller
from tests.bench.exchange import LOAD_HOST, LOAD_PORT, SINK_PORT, SIP

PAUSE_MS = (300, 500)
"""From a prompt's start to the key, spread evenly, so that callers do not march in step."""
BYE_WITHIN_MS = 4000

_BEGIN = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="three questions">
<send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]b[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:load@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=load 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio {sink} RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send>
<recv response="100" optional="true"/>
<recv response="200" rrs="true" timeout="5000"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]b[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
"""
_KEY = """<pause distribution="uniform" min="{least}" max="{most}"/>
<send retrans="500"><![CDATA[
INFO [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]b[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: {cseq} INFO
Max-Forwards: 70
Content-Type: application/dtmf-relay
Content-Length: [len]

Signal={key}
Duration=100
]]></send>
<recv response="200" timeout="{within}"/>
"""
_END = """<recv request="BYE" timeout="{within}">
<action><ereg regexp="cause=16" search_in="hdr" header="Reason:" check_it="true" assign_to="1"/></action>
</recv>
<Reference variables="1"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""


@dataclass(frozen=True)
class Load:
    """What became of SIPp's calls."""

    good: int
    lost: int
    """Refused, a key not taken, or no good-bye in time."""


def write_scenario(path: Path) -> Path:
    """SIPp's scenario file."""
    keys = [
        _KEY.format(least=PAUSE_MS[0], most=PAUSE_MS[1], cseq=n, key=key, within=BYE_WITHIN_MS)
        for n, key in enumerate(KEYS, start=2)
    ]
    # The good-bye may overtake the last key's 200.
    keys[-1] = keys[-1].replace('<recv response="200"', '<recv response="200" optional="true"')
    keys[-1] = keys[-1].replace(f' timeout="{BYE_WITHIN_MS}"', "")
    path.write_text(_BEGIN.format(sink=SINK_PORT) + "".join(keys) + _END.format(within=BYE_WITHIN_MS))
    return path


@contextmanager
def sink() -> Iterator[None]:
    """Takes the prompts of all SIPp's callers and drops them, so that no port is closed to Asterisk."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        taken.bind((LOAD_HOST, SINK_PORT))
        yield


async def run(scenario: Path, number: str, rate: float, for_s: float) -> Load:
    """`rate` calls a second to `number` for so long, and the end of the last of them."""
    count = max(round(rate * for_s), 1)
    stats, callers = scenario.with_suffix(".csv"), scenario.with_suffix(".callers")
    stats.unlink(missing_ok=True)
    callers.write_text("SEQUENTIAL\n" + "".join(f"{fresh_caller()};\n" for _ in range(count)))
    words = [*programs.sipp(), f"{SIP[0]}:{SIP[1]}", "-sf", str(scenario), "-s", number, "-nostdin"]
    words += ["-inf", str(callers)]
    words += ["-i", LOAD_HOST, "-p", str(LOAD_PORT), "-r", f"{rate:g}", "-m", str(count), "-l", "20000"]
    words += ["-trace_stat", "-stf", str(stats), "-fd", "1", "-timeout", f"{for_s + 20:g}s"]
    with scenario.with_suffix(".log").open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *words, stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL, cwd=scenario.parent
        )
    try:
        await asyncio.wait_for(process.wait(), for_s + 40)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return counted(stats.read_text(), count)


def counted(statistics: str, placed: int) -> Load:
    """What SIPp's statistics (its last line counts all) say of so many calls; none was good when it wrote no line."""
    rows = list(csv.DictReader(statistics.splitlines(), delimiter=";"))
    good = int(rows[-1]["SuccessfulCall(C)"]) if rows else 0
    return Load(good, placed - good)
