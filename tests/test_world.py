"""The outside world is believable: its parties speak to a real Asterisk and measure what they claim."""

import asyncio
from collections.abc import Coroutine
from math import pi, sin
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar, cast

import numpy as np
import pytest

from tests.world import Carrier, Citizen, Leg, Ports, company
from tests.world.carrier import national
from tests.world.company import Company
from tests.world.kinds import KINDS
from tests.world.messages import (
    Credentials,
    Message,
    NotSip,
    digest_response,
    name_addr,
    read_message,
    reply_to,
    tag_of,
    user_of,
)
from tests.world.plan import Plan, Trunk, WorldFault
from tests.world.rtp import RTP_HEADER, Received
from tests.world.scenario import World
from tests.world.sdp import offer, read_offer
from tests.world.sip import UserAgent
from tests.world.tones import SAMPLES, alaw_of, gaps, is_sound, sample_of, tone_frames
from tests.world.tones import heard as tones_heard

PORTS = Ports(30000, 30999)
T = TypeVar("T")


def run(work: Coroutine[object, object, T], within_s: float = 60.0) -> T:
    """Play a scene in an event loop of its own."""
    return asyncio.run(asyncio.wait_for(work, within_s))


# ---- words and numbers, without a wire ----


def test_a_message_survives_being_written_and_read() -> None:
    sent = Message(
        method="INVITE",
        uri="sip:1022@127.0.0.1",
        headers=(("Via", "SIP/2.0/UDP 127.0.0.2:5160;rport;branch=z9hG4bKabc"), ("CSeq", "7 INVITE")),
        body="v=0\r\n",
    )
    read = read_message(sent.wire())
    assert (read.method, read.branch, read.cseq, read.body) == (
        "INVITE",
        "z9hG4bKabc",
        (7, "INVITE"),
        "v=0\r\n",
    )


def test_short_header_names_and_folded_lines_are_understood() -> None:
    read = read_message(b"SIP/2.0 180 Ringing\r\nf: <sip:a@b>\r\n ;tag=1\r\ni: x@y\r\nl: 0\r\n\r\n")
    assert (read.status, read.from_tag, read.call_id) == (180, "1", "x@y")


def test_garbage_is_no_message() -> None:
    for garbage in (b"\r\n\r\n", b"hello", b"\x00" * 40, b"GET / HTTP/1.1\r\n\r\n"):
        with pytest.raises(NotSip):
            read_message(garbage)


def test_a_tag_inside_the_uri_is_not_the_headers_tag() -> None:
    assert tag_of('"x;tag=no" <sip:a@b;tag=no>;tag=yes') == "yes"
    assert tag_of("<sip:a@b;tag=no>") == ""


def test_quotes_and_line_breaks_in_a_name_cannot_break_the_header() -> None:
    header = name_addr('Ông "Năm"\r\nX-Evil: 1', "sip:0912@h")
    assert "\n" not in header
    assert user_of(header) == "0912"


def test_the_digest_is_that_of_rfc_2617() -> None:
    got = digest_response(
        "Mufasa",
        "Circle Of Life",
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "GET",
        "/dir/index.html",
        "auth",
        "00000001",
        "0a4f113b",
    )
    assert got == "6629fae49393a05397450978507c4ef1"


def test_only_an_md5_challenge_is_answered() -> None:
    request = Message(method="REGISTER", uri="sip:h", headers=(("CSeq", "1 REGISTER"),))
    sha = ("WWW-Authenticate", 'Digest realm="a", nonce="n", algorithm=SHA-256')
    md5 = ("WWW-Authenticate", 'Digest realm="a", nonce="n", algorithm=MD5, qop="auth"')
    account = Credentials("u", "p")
    assert account.authorization(reply_to(request, 401, headers=(sha,)), "REGISTER", "sip:h") is None
    assert account.authorization(reply_to(request, 401, headers=(sha, md5)), "REGISTER", "sip:h") is not None


def test_an_offer_is_read_back() -> None:
    got = read_offer(offer("127.0.0.2", 30000, "sendonly"))
    assert got is not None
    assert (got.host, got.port, got.key_payload, got.direction) == ("127.0.0.2", 30000, 101, "sendonly")
    assert read_offer("v=0\r\n") is None


def test_every_alaw_byte_survives_decoding_and_coding() -> None:
    assert [alaw_of(sample_of(byte)) for byte in range(256)] == list(range(256))
    assert max(abs(sample_of(alaw_of(s)) - s) / max(abs(s), 256) for s in range(-32000, 32001, 7)) < 0.035


def test_numbers_with_and_without_the_country_code_are_one() -> None:
    assert {national(n) for n in ("0912345678", "+84912345678", "84912345678")} == {"0912345678"}
    assert national("115") == "115"


def _times(count: int) -> list[float]:
    return [n * 0.02 for n in range(count)]


def test_a_tone_is_found_with_its_share_of_the_time() -> None:
    audio = b"".join(tone_frames(620)[n % 5] for n in range(50))
    assert tones_heard(_times(50), audio, 0.0, 1.0) == {620: 1.0}
    assert tones_heard(_times(50), audio, 0.0, 2.0) == {620: 0.5}


def test_two_tones_at_once_are_both_there() -> None:
    both = bytes(
        alaw_of(round(7000 * sin(2 * pi * 620 * n / 8000) + 5000 * sin(2 * pi * 1500 * n / 8000)))
        for n in range(160 * 50)
    )
    assert tones_heard(_times(50), both, 0.0, 1.0) == {620: 1.0, 1500: 1.0}


def test_noise_and_silence_are_no_tone() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 160 * 100)
    audio = bytes(alaw_of(int(x)) for x in noise)
    assert tones_heard(_times(100), audio, 0.0, 2.0) == {}
    assert tones_heard(_times(50), b"\xd5" * 8000, 0.0, 1.0) == {}
    assert not is_sound(b"\xd5" * 160)


def test_a_gliding_voice_is_no_tone() -> None:
    pitch_hz = 180 + 60 * np.sin(2 * np.pi * 0.7 * np.arange(160 * 200) / 8000)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / 8000
    voice = np.sum([4000 * np.sin(phase * n) / n for n in range(1, 8)], axis=0)
    audio = bytes(alaw_of(int(x)) for x in voice)
    assert max(tones_heard(_times(200), audio, 0.0, 4.0).values()) < 0.2


def test_a_tone_of_odd_frequency_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 10 Hz"):
        tone_frames(621)


def test_gaps_are_told_with_their_edges() -> None:
    assert gaps([1.0, 1.02, 2.0, 2.02], 0.9, 2.1, 0.5) == [(1.02, 2.0)]


def test_a_key_whose_end_comes_three_times_is_one_key() -> None:
    received = Received()
    for n, flags in enumerate((0x0A, 0x8A, 0x8A, 0x8A)):
        received.take(RTP_HEADER.pack(0x80, 101, n, 4000, 1) + bytes([5, flags, 3, 32]), 1.0 + n, 101)
    assert "".join(key for _, key in received.keys) == "5"


def test_lost_packets_are_counted() -> None:
    received = Received()
    for sequence in (1, 2, 5):
        received.take(RTP_HEADER.pack(0x80, 8, sequence, sequence * 160, 1) + b"\xd5" * 160, 1.0, 101)
    assert (received.packet_count, received.lost_count) == (3, 2)


# ---- two agents on the wire, without Asterisk ----


def test_a_lost_invite_is_repeated_and_a_lost_ack_makes_the_answer_come_again() -> None:
    async def scene() -> tuple[int, int]:
        callee = await UserAgent.open("127.0.0.1", 0)
        callee.trace = []
        rung = []

        def lose_the_first(data: bytes, addr: tuple[str, int], seen: list[bytes] = []) -> None:  # noqa: B006 the list is the memory of what was dropped
            kind = data.split(b" ", 1)[0]
            if kind in (b"INVITE", b"ACK") and kind not in seen:
                seen.append(kind)
                return
            UserAgent.datagram_received(callee, data, addr)

        callee.datagram_received = lose_the_first  # type: ignore[method-assign] # the lossy wire of this test

        def pick_up(dialog: object) -> None:
            rung.append(dialog)
            dialog.progress(180)  # type: ignore[attr-defined] # typed loosely: only this test plays callee
            dialog.accept("")  # type: ignore[attr-defined] # as above

        callee.on_invite = pick_up
        async with Carrier(("127.0.0.1", callee.port), host="127.0.0.1", ports=PORTS) as carrier:
            leg = Citizen(carrier).dial("1022")
            await leg.until_answered(3)
            await asyncio.sleep(1.0)
            answers = sum(1 for _, way, text in callee.trace if way == "sent" and " 200 " in text[:14])
            leg.hang_up()
            await asyncio.sleep(0.1)
        callee.close()
        return len(rung), answers

    assert run(scene()) == (1, 2)


def test_nobody_there_ends_with_408_and_a_full_trunk_with_503() -> None:
    async def scene() -> list[tuple[int, str, bool]]:
        async with Carrier(("127.0.0.1", 5199), host="127.0.0.1", ports=PORTS, channel_count=1) as carrier:
            first = Citizen(carrier).dial("1022")
            second = Citizen(carrier, "0912345679").dial("1022")
            await second.until_ended(1)
            first.hang_up()
            await asyncio.sleep(0)
            return [(c.final_status, c.ended_by, c.reached_product) for c in carrier.calls]

    assert run(scene())[1] == (503, "carrier", False)


def test_the_sample_table_is_symmetric() -> None:
    assert float(SAMPLES.sum()) == 0.0


def test_the_carriers_list_can_be_written_down(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Carrier(("127.0.0.1", 5199), host="127.0.0.1", ports=PORTS, channel_count=0) as carrier:
            Citizen(carrier, "0912345678").dial("1022")
            carrier.export(tmp_path / "list.json")

    run(scene())
    assert '"to_number": "1022"' in (tmp_path / "list.json").read_text()


def test_the_same_seed_makes_the_same_calls_and_each_kind_comes_once_first() -> None:
    plan = Plan(("127.0.0.1", 5150), (Trunk("t", ("1022",)),))
    first, again = (World(plan, seed=3)._choose(60) for _ in range(2))
    assert first == again
    assert set(first[: len(KINDS)]) == set(KINDS)


def test_a_citizen_stays_while_a_person_has_them_and_not_much_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "READ_EVERY_S", 0.02)
    monkeypatch.setattr(company, "ALONE_S", 0.3)
    people = ["+84912345678"]

    async def scene() -> tuple[bool, bool]:
        leg = cast(Leg, SimpleNamespace(ended_s=None))
        of = Company(lambda: list(people))
        async with of.kept():
            staying = asyncio.create_task(of.until_alone(leg, "0912345678"))
            await asyncio.sleep(0.9)
            stays = not staying.done()
            people.clear()
            await asyncio.wait_for(staying, 5.0)
            return stays, of.has("0912345678")

    assert run(scene()) == (True, False)


def test_a_plan_is_read_from_toml_and_a_broken_one_is_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(
        'product = ["127.0.0.1", 5060]\nduty_numbers = ["115"]\n'
        '[[trunks]]\nhotline = "binhphuoc"\nnumbers = ["1022"]\nhost = "127.0.0.2"\nport = 5061\n'
        '[[desks]]\nuser = "101"\npassword = "x"\n'
    )
    bad.write_text('product = ["127.0.0.1"]')
    assert Plan.read(good).trunks[0].hotline == "binhphuoc"
    with pytest.raises(WorldFault, match=r"bad\.toml"):
        Plan.read(bad)
