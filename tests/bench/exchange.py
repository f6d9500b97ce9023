"""The one Asterisk that all variants share: each is an extension of the same dialplan, answered and judged alike."""

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from front_door import parts
from tests.bench import usual_pyst2
from tests.bench.dialogue import ANSWER_WITHIN_MS, CALLED, HOTLINE, KEYS, Prompts

SIP = ("127.0.0.1", 5400)
LOAD_HOST, LOAD_PORT = "127.0.0.4", 5410
WITNESS_HOST, WITNESS_PORT = "127.0.0.2", 5411
RTP_FIRST, RTP_LAST = 33000, 34199
SINK_PORT = 34200
"""Where SIPp's parties take their sound: one socket that nobody reads."""
WITNESS_RTP = (34300, 34998)
AGI_PORTS = {"pyst2": 4800, "panoramisk": 4801, "ours": 4802}

MODULES = """
app_read app_stack app_verbose bridge_simple codec_alaw format_pcm format_wav func_callerid func_channel func_logic
func_strings func_timeout func_global func_uri pbx_config res_speech res_agi res_rtp_asterisk res_format_attr_h264
res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip chan_pjsip res_pjsip_acl
res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_dtmf_info res_pjsip_dlg_options
res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_nat res_pjsip_rfc3326
res_pjsip_sdp_rtp res_pjsip_session res_pjsip_pubsub res_timing_timerfd
"""

ENDPOINT = """
[{name}]
type=endpoint
context=bench
allow=!all,alaw
direct_media=no
dtmf_mode={dtmf_mode}
[{name}]
type=identify
endpoint={name}
match={host}
"""

DIALPLAN = """
[bench]
exten => bare,1,Answer()
{reads}
 same => n,Goto(judged)
exten => pyst2,1,Answer()
 same => n,AGI(agi://127.0.0.1:{pyst2}/ask,{paths})
 same => n,Goto(judged)
exten => usual,1,Answer()
 same => n,AGI({script},{paths})
 same => n,Goto(judged)
exten => panoramisk,1,Answer()
 same => n,AGI(agi://127.0.0.1:{panoramisk}/ask,{paths})
 same => n,Goto(judged)
exten => ours,1,MSet(HOTLINE={hotline},TRUNK=bench,CALLED={called},CALLER=${{CALLERID(num)}},ACUITY=ORANGE)
 same => n,Answer()
 same => n,AGI(agi://127.0.0.1:{ours}/triage_call,${{HOTLINE}},${{TRUNK}},${{CALLED}},${{CALLER}})
 same => n,Set(KEYS=${{IF($["${{TRIAGE_DONE}}${{ACUITY}}" = "1RED"]?{keys}:)}})
 same => n,Goto(judged)
"""
JUDGED = """ same => n(judged),GotoIf($["${{KEYS}}" = "{keys}"]?good)
 same => n,Hangup(41)
 same => n(good),Hangup(16)
"""
"""Cause 16 tells SIPp that every key was taken; any other that the caller was lost."""


@dataclass
class Exchange:
    """Asterisk in `folder`; `start`, `stop`, its process id."""

    folder: Path
    prompts: Prompts
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Run it and wait until it answers; raises RuntimeError with the end of its log."""
        self._write()
        with (self.folder / "console.log").open("wb") as output:
            words = [*parts.asterisk(), "-f", "-C", str(self.folder / "etc/asterisk.conf")]
            self._process = subprocess.Popen(words, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            if "fully booted" in self.console("core waitfullybooted"):
                return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError((self.folder / "console.log").read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def console(self, command: str) -> str:
        """What a console command prints."""
        words = [*parts.asterisk(), "-C", str(self.folder / "etc/asterisk.conf"), "-rx", command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
        return done.stdout + done.stderr

    def until_quiet(self, within_s: float = 15.0) -> None:
        """Until no channel is up; returns anyway after `within_s`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.console("core show channels count").startswith("0 active channels"):
                return
            time.sleep(0.3)

    def _write(self) -> None:
        etc = self.folder / "etc"
        for name in ("etc", "run", "log", "spool", "lib"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        data = parts.lay_data_dir(self.folder / "data")
        for name, text in _files(self.folder, data, self.prompts).items():
            (etc / name).write_text(text)


def _files(folder: Path, data: Path, prompts: Prompts) -> dict[str, str]:
    script = folder / "usual_pyst2.py"
    script.write_text(f"#!{sys.executable}\n{Path(usual_pyst2.__file__).read_text()}")
    script.chmod(0o755)
    paths = [str(path) for path in prompts.questions]
    within_s = ANSWER_WITHIN_MS // 1000
    reads = [f" same => n,Read(K{n},{path},1,,1,{within_s})" for n, path in enumerate(paths)]
    reads.append(" same => n,Set(KEYS=${K0}${K1}${K2})")
    values = {"reads": "\n".join(reads), "paths": ",".join(paths), "script": script, "hotline": HOTLINE}
    dialplan = DIALPLAN.format(**values, called=CALLED, keys=KEYS, **AGI_PORTS)
    dialplan = dialplan.replace(" same => n,Goto(judged)\n", JUDGED.format(keys=KEYS))
    return {
        "asterisk.conf": f"""[directories]
astetcdir => {folder}/etc
astmoddir => {parts.modules_dir()}
astvarlibdir => {folder}/lib
astdbdir => {folder}/lib
astkeydir => {folder}/lib
astdatadir => {data}
astagidir => {folder}/lib
astspooldir => {folder}/spool
astrundir => {folder}/run
astlogdir => {folder}/log
[options]
nocolor = yes
systemname = bench
""",
        "modules.conf": "[modules]\nautoload=no\n"
        + "".join(f"load = {name}.so\n" for name in MODULES.split()),
        "logger.conf": "[general]\n[logfiles]\nfull => warning,error\n",
        "rtp.conf": f"[general]\nrtpstart={RTP_FIRST}\nrtpend={RTP_LAST}\n",
        "extensions.conf": dialplan,
        "pjsip.conf": f"""[global]
type=global
endpoint_identifier_order=ip
[system]
type=system
[udp]
type=transport
protocol=udp
bind={SIP[0]}:{SIP[1]}
"""
        + ENDPOINT.format(name="load", dtmf_mode="info", host=LOAD_HOST)
        + ENDPOINT.format(name="witness", dtmf_mode="auto_info", host=WITNESS_HOST),
    }
