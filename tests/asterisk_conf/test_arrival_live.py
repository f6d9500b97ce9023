"""Who comes in: called numbers, strangers, full trunks, forged caller ids; a real Asterisk and no Python process of the product."""

import asyncio

import pytest

from tests.asterisk_conf.scene import PORTS, carrier, cdrs_of, desk, run
from tests.asterisk_conf.switch import Switch
from tests.product import eventually
from tests.world import Answering, Citizen, Phone
from tests.world.messages import Message, new_tag
from tests.world.sip import UserAgent

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    ("trunk", "called", "hotline"),
    [
        ("vnpt", "1022", "binhphuoc"),
        ("viettel", "1022", "binhduong"),
        ("vnpt", "02711022", "binhphuoc"),
        ("viettel", "0271.1022", "binhphuoc"),
        ("viettel", "842711022", "binhphuoc"),
        ("viettel", "+842711022", "binhphuoc"),
        ("vnpt", "+842741022", "binhduong"),
        ("vnpt", "0274.1022", "binhduong"),
        ("viettel", "0999999999", "binhduong"),
        ("vnpt", "hotline", "binhphuoc"),
    ],
)
def test_a_called_number_reaches_its_hotline(switch: Switch, trunk: str, called: str, hotline: str) -> None:
    caller = f"091{abs(hash((trunk, called))) % 10**7:07d}"

    async def scene() -> None:
        async with carrier(switch, trunk) as line:
            leg = await Citizen(line, caller).call(called)
            leg.hang_up()
            await leg.until_ended()

    run(scene())
    [line, *_] = cdrs_of(switch, caller)
    assert (line["hotline"], line["trunk"]) == (hotline, trunk)


# %22 and %7C are a quote and a bar, which end a text and begin another value in one of Asterisk's expressions.
INJECTED = "55%22%7C%22" + "a" * 36 + "%3Fto-trunk,0912345678,1%3A"


@pytest.mark.parametrize("called", [INJECTED, "s", "7", "_1022"], ids=["expression", "s", "digit", "pattern"])
def test_a_called_number_no_table_knows_is_a_call_to_the_trunks_hotline_and_never_a_way_out(
    switch: Switch, called: str
) -> None:
    caller = f"0916{len(called):02d}{ord(called[0]):04d}"

    async def scene() -> int:
        async with carrier(switch) as line:
            way_out = line.route("0912345678", Answering.answers(0.2))
            leg = Citizen(line, caller).dial(called)
            await asyncio.sleep(1.0)
            leg.hang_up()
            await leg.until_ended()
            return len(way_out.legs)

    assert run(scene()) == 0
    assert cdrs_of(switch, caller)[0]["hotline"] == "binhphuoc"


def test_a_stranger_meets_a_challenge_and_nothing_else(switch: Switch) -> None:
    async def scene() -> list[tuple[str, int, str]]:
        stranger = await UserAgent.open("127.0.0.9", 0)
        met = []
        for user in ("1022", "0912345678", "101", "no-such-phone", "trunk-vnpt", "trunk-mobifone"):
            for method in ("INVITE", "OPTIONS", "REGISTER", "MESSAGE"):
                request = Message(
                    method=method,
                    uri=f"sip:1022@{switch.address[0]}:{switch.address[1]}",
                    headers=(
                        stranger.via(),
                        ("Max-Forwards", "70"),
                        ("From", f"<sip:{user}@127.0.0.9>;tag={new_tag()}"),
                        ("To", f"<sip:{user}@127.0.0.1>"),
                        ("Call-ID", f"{new_tag()}@127.0.0.9"),
                        ("CSeq", f"1 {method}"),
                        stranger.contact(user),
                    ),
                )
                reply = await stranger.ask(request, switch.address)
                challenge = reply.header("www-authenticate")
                met.append((method, reply.status, challenge.partition("realm=")[2].partition(",")[0]))
        await stranger.finish()
        return met

    met = run(scene())
    assert {(status, realm) for _, status, realm in met} == {(401, '"asterisk"')}
    assert "0 active channels" in switch.console("core show channels")
    security = switch.log.read_text(errors="replace")
    assert 'RemoteAddress="IPV4/UDP/127.0.0.9' in security


def test_a_trunk_with_no_free_channel_says_503(switch: Switch) -> None:
    async def scene() -> int:
        async with carrier(switch, "viettel") as line, desk(switch, "101", 620, Answering.rings_on()):
            legs = [await Citizen(line, f"091300000{n}").call("1022") for n in range(2)]
            third = Citizen(line, "0913000002").dial("1022")
            await third.until_ended(within_s=15)
            for leg in legs:
                leg.hang_up()
            return third.final_status

    assert run(scene()) == 503
    [line] = cdrs_of(switch, "0913000002")
    assert (line["hotline"], line["trunk"], line["served_by"]) == ("binhduong", "viettel", "full")


@pytest.mark.parametrize(
    ("from_header", "caller"),
    [
        (f'"{"Nguyễn " * 700}" <sip:0914000001@127.0.0.2>', "0914000001"),
        ('"a\\"b, ${CHANNEL(hangup)}; evil" <sip:0914000002@127.0.0.2>', "0914000002"),
        ("<sip:0914000003%0d%0aSET%20VARIABLE%20X%20Y@127.0.0.2>", "0914000003"),
        ('"x" <sip:anonymous@anonymous.invalid>', ""),
        ("<sip:127.0.0.2>", ""),
        ('"101" <sip:101@127.0.0.2>', "101"),
        ("<sip:102@127.0.0.1>", "102"),
        ("<sip:trunk-viettel@127.0.0.2>", ""),
    ],
    ids=[
        "5000 characters",
        "quotes",
        "newline",
        "anonymous",
        "none",
        "a desk phone's name",
        "another phone's",
        "a trunk's",
    ],
)
def test_a_forged_caller_id_is_cut_down_to_its_digits(switch: Switch, from_header: str, caller: str) -> None:
    async def scene() -> None:
        async with carrier(switch) as line, desk(switch, "101", 620):
            leg = Citizen(line, from_header=from_header).dial("02711022")
            await leg.until_hears(620, within_s=15)
            leg.hang_up()
            await leg.until_ended()

    run(scene())
    assert cdrs_of(switch, caller)[-1]["hotline"] == "binhphuoc"
    eventually(lambda: "PJSIP" not in switch.console("core show channels concise"), 5, "no channel is left")


def test_a_desk_phone_dials_its_echo_and_nothing_else(switch: Switch) -> None:
    async def scene() -> tuple[dict[int, float], list[int]]:
        async with Phone("104", switch.password("104"), switch.address, tone_hz=540, ports=PORTS) as phone:
            echo = phone.dial("600")
            await echo.until_hears(540)
            heard = await echo.listen(1.0)
            echo.hang_up()
            await echo.until_ended()
            refused = []
            for number in ("0912345678", "115", "1022", "s", "fallback"):
                leg = phone.dial(number)
                await leg.until_ended(within_s=15)
                refused.append(leg.final_status)
            return heard, refused

    heard, refused = run(scene())
    assert heard[540] > 0.9
    assert set(refused) == {404}


def test_a_trunk_that_asks_for_registration_gets_it_and_then_brings_calls(switch: Switch) -> None:
    async def scene() -> None:
        async with carrier(switch, "mobifone") as line:
            for _ in range(150):  # the retry interval is 10 s
                if "province" in line.registered:
                    break
                await asyncio.sleep(0.1)
            assert "province" in line.registered
            leg = await Citizen(line, "0915000001").call("1022")
            leg.hang_up()
            await leg.until_ended()

    run(scene())
    assert cdrs_of(switch, "0915000001")[0]["hotline"] == "binhduong"


def test_garbage_on_the_wire_disturbs_no_call(switch: Switch) -> None:
    garbage = (b"\x00" * 500, b"INVITE\r\n\r\n", b"INVITE sip:x SIP/2.0\r\nVia: x\r\n\r\n", b"\xff" * 60000)

    async def scene() -> dict[int, float]:
        async with carrier(switch) as line, desk(switch, "101", 620):
            leg = await Citizen(line, "0914000009").call("02711022")
            await leg.until_hears(620, within_s=15)
            stranger = await UserAgent.open("127.0.0.9", 0)
            for _ in range(20):
                for datagram in garbage:
                    stranger.send_raw(datagram, switch.address)
                    line.agent.send_raw(datagram, switch.address)
            heard = await leg.listen(1.5)
            await stranger.finish()
            leg.hang_up()
            await leg.until_ended()
            return heard

    assert run(scene())[620] > 0.9
