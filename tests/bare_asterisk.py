"""A real Asterisk with a page of configuration, for the tests of the outside world itself."""

import os
import subprocess
import time
from pathlib import Path

from tests import ports

PROJECT = Path(__file__).resolve().parent.parent
SIP_PORT = ports.BARE
TRUNK_HOST = "127.0.0.2"
TRUNK_PORT = ports.BARE + 1

MODULES = """
app_dial app_echo app_milliwatt app_read app_stack app_playtones app_verbose app_userevent app_system
bridge_simple bridge_native_rtp bridge_softmix codec_alaw codec_ulaw format_pcm format_wav func_callerid
func_channel func_logic func_strings pbx_config res_clioriginate res_format_attr_h264 res_rtp_asterisk
res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip chan_pjsip res_pjsip_acl
res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_dtmf_info res_pjsip_dlg_options
res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_logger res_pjsip_nat
res_pjsip_outbound_authenticator_digest res_pjsip_outbound_registration res_pjsip_registrar
res_pjsip_rfc3326 res_pjsip_sdp_rtp res_pjsip_session app_playback app_confbridge
res_timing_timerfd res_pjsip_pubsub
"""

PJSIP = """
[global]
type=global
endpoint_identifier_order=username,ip,anonymous
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip_port}
[carrier]
type=endpoint
context=from-trunk
allow=!all,alaw
aors=carrier
direct_media=no
dtmf_mode=rfc4733
[carrier]
type=aor
contact=sip:{trunk_host}:{trunk_port}
[carrier]
type=identify
endpoint=carrier
match={trunk_host}
[registering]
type=registration
outbound_auth=registering
server_uri=sip:{trunk_host}:{trunk_port}
client_uri=sip:province@{trunk_host}:{trunk_port}
retry_interval=2
[registering]
type=auth
auth_type=digest
username=province
password=trunk-secret
"""

DESK = """
[{user}]
type=endpoint
context=from-desk
allow=!all,alaw
auth={user}
aors={user}
direct_media=no
allow_transfer=no
dtmf_mode=rfc4733
[{user}]
type=auth
auth_type=digest
username={user}
password=secret-{user}
[{user}]
type=aor
max_contacts=1
remove_existing=yes
minimum_expiration=1
"""

EXTENSIONS = """
[from-trunk]
exten => echo,1,Answer()
 same => n,Echo()
exten => tone,1,Answer()
 same => n,Playtones(1000/200000)
 same => n,Wait(60)
exten => early,1,Progress()
 same => n,Playtones(1000/200000)
 same => n,Wait(3)
 same => n,Answer()
 same => n,Wait(60)
exten => _desk.,1,Dial(PJSIP/${EXTEN:4},20)
 same => n,GotoIf($["${DIALSTATUS}" = "BUSY"]?busy)
 same => n,Hangup(20)
 same => n(busy),Hangup(17)
exten => read,1,Answer()
 same => n,Read(KEYS,,4,,1,5)
 same => n,System(printf '%s' "${KEYS}" > {folder}/keys)
 same => n,Playtones(${IF($["${KEYS}" = "19*0"]?1200:300)}/200000)
 same => n,Wait(20)
exten => name,1,Set(SEEN=${CALLERID(num)}|${LEN(${CALLERID(name)})})
 same => n,System(printf '%s' "${SEEN}" > {folder}/name)
 same => n,Hangup(16)
exten => bye,1,Answer()
 same => n,Playtones(1000/200000)
 same => n,Wait(2)
 same => n,Hangup(16)
exten => room,1,Answer()
 same => n,ConfBridge(room)
exten => _far.,1,Answer()
 same => n,Dial(PJSIP/${EXTEN:3}@carrier,15)
 same => n,Hangup()
exten => slow,1,Ringing()
 same => n,Wait(30)
exten => 1022,1,Answer()
 same => n,Playtones(1000/200000)
 same => n,Read(KEY,,1,,1,4)
 same => n,StopPlaytones()
 same => n,GotoIf($["${KEY}" = "9"]?message)
 same => n,GotoIf($["${KEY}" = "1"]?duty)
 same => n(desks),Dial(PJSIP/101&PJSIP/102,30,m)
 same => n,GotoIf($["${DIALSTATUS}" = "ANSWER"]?end)
 same => n,Wait(0.5)
 same => n,Goto(desks)
 same => n(end),Hangup()
 same => n(duty),Dial(PJSIP/115@carrier,30,U(announce))
 same => n,Hangup()
 same => n(message),Playtones(1000/200000)
 same => n,Wait(2)
 same => n,Hangup(16)
[announce]
exten => s,1,Playtones(800/200000)
 same => n,Read(TAKEN,,1,,1,10)
 same => n,StopPlaytones()
 same => n,Return()
[from-trunk]
[from-desk]
exten => _X.,1,Dial(PJSIP/${EXTEN}@carrier,15)
 same => n,GotoIf($["${DIALSTATUS}" = "BUSY"]?busy)
 same => n,Hangup(20)
 same => n(busy),Hangup(17)
"""


def asterisk_root() -> Path | None:
    """The folder that holds an unpacked Asterisk; None when this machine has none."""
    named = os.environ.get("HOTLINE_ASTERISK_ROOT")
    root = Path(named) if named else PROJECT / "var" / "parts" / "root"
    return root if (root / "usr/sbin/asterisk").exists() else None


class BareAsterisk:
    """Asterisk in a folder of its own; `start`, `stop`, and `cpu_s` for what it has used."""

    def __init__(self, folder: Path, root: Path, desks: tuple[str, ...] = ("101", "102", "103")) -> None:
        self.folder, self.root, self.desks = folder, root, desks
        self.address = ("127.0.0.1", SIP_PORT)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _command(self) -> list[str]:
        libraries = self.root / "usr/lib/x86_64-linux-gnu"
        path = f"{libraries}:{libraries}/asterisk:{self.root}/lib/x86_64-linux-gnu"
        loader = self.root / "usr/lib64/ld-linux-x86-64.so.2"
        return [str(loader), "--library-path", path, str(self.root / "usr/sbin/asterisk")]

    def write(self) -> None:
        """All its configuration."""
        for name in ("run", "log", "spool", "lib", "data"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        share = self.root / "usr/share/asterisk"
        for name in ("documentation", "rest-api"):
            link = self.folder / "data" / name
            if not link.exists() and (share / name).exists():
                link.symlink_to(share / name)
        modules = self.root / "usr/lib/x86_64-linux-gnu/asterisk/modules"
        files = {
            "asterisk.conf": f"""[directories]
astetcdir => {self.folder}
astmoddir => {modules}
astvarlibdir => {self.folder}/lib
astdbdir => {self.folder}/lib
astkeydir => {self.folder}/lib
astdatadir => {self.folder}/data
astagidir => {self.folder}/lib
astspooldir => {self.folder}/spool
astrundir => {self.folder}/run
astlogdir => {self.folder}/log
[options]
verbose = 3
nocolor = yes
""",
            "modules.conf": "[modules]\nautoload=no\n"
            + "".join(f"load = {name}.so\n" for name in MODULES.split()),
            "logger.conf": "[general]\n[logfiles]\nfull => notice,warning,error,verbose\n",
            "rtp.conf": "[general]\nrtpstart={}\nrtpend={}\n".format(*ports.RTP_OURS),
            "pjsip.conf": PJSIP.format(sip_port=SIP_PORT, trunk_host=TRUNK_HOST, trunk_port=TRUNK_PORT)
            + "".join(DESK.format(user=user) for user in self.desks),
            "extensions.conf": EXTENSIONS.replace("{folder}", str(self.folder)),
            "confbridge.conf": "[default_bridge]\ntype=bridge\n[default_user]\ntype=user\nquiet=yes\n",
            "indications.conf": "[general]\ncountry=us\n[us]\ndescription=US\nringcadence=2000,4000\n",
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)

    def start(self) -> None:
        """Run it and wait until it answers; raises RuntimeError with the end of its log."""
        self.write()
        output = (self.folder / "log" / "console").open("wb")
        command = [*self._command, "-f", "-C", str(self.folder / "asterisk.conf")]
        self._process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        output.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if "fully booted" in self.console("core waitfullybooted"):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        self.stop()
        raise RuntimeError((self.folder / "log" / "console").read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def console(self, command: str) -> str:
        """What a console command prints."""
        done = subprocess.run(
            [*self._command, "-C", str(self.folder / "asterisk.conf"), "-rx", command],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return done.stdout + done.stderr

    @property
    def cpu_s(self) -> float:
        """Processor seconds used so far."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
