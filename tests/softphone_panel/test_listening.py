"""Recordings: A-law WAV in any range, peaks, and a line for every listening."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from hotline.database import reading
from hotline.recordings import Recording, RecordingPlay
from softphone_panel import sounds
from tests.softphone_panel.conftest import Client, SignedIn


def decoded(code: int) -> int:
    """ITU-T G.711's own way back, written from the standard's table: the middle of the code's step."""
    code ^= 0x55
    segment, step = (code & 0x70) >> 4, code & 0x0F
    value = (step << 4) + 8 if segment == 0 else ((step << 4) + 0x108) << (segment - 1)
    return value if code & 0x80 else -value


def test_a_law_is_within_half_a_step_of_every_sample() -> None:
    samples = np.arange(-32768, 32768, dtype="<i2")
    back = np.array([decoded(b) for b in sounds.a_law(samples.tobytes())])
    steps = np.maximum(16, 2 ** np.floor(np.log2(np.maximum(np.abs(samples.astype(int)), 1))) / 16)
    assert (np.abs(back - samples) <= steps / 2 + 1).all()
    assert sounds.a_law(struct.pack("<3h", 0, 1000, -1000)).hex() == "d5fa7a"


@pytest.fixture
def kept(who: dict[str, int]) -> Recording:
    with reading() as session:
        return session.scalars(select(Recording).order_by(Recording.call_id)).first() or pytest.fail("none")


def begun(client: Client, call_id: str) -> str:
    """The address of the sound for one playing."""
    page = client.post(f"/recordings/{call_id}/listen").text
    return page.split('data-sound="')[1].split('"')[0].replace("&amp;", "&")


def test_a_playing_is_written_down_before_its_first_sound(signed_in: SignedIn, kept: Recording) -> None:
    client = signed_in("truongca")
    assert client.get(f"/recordings/{kept.call_id}/sound.wav").status_code == 403
    sound = begun(client, kept.call_id)
    assert client.get(sound).status_code == 200
    with reading() as session:
        assert len(session.scalars(select(RecordingPlay)).all()) == 1
    assert "Trần Văn Trưởng Ca" in client.get(f"/recordings/{kept.call_id}/listeners").text
    assert "Nghe lại ghi âm." in client.get(f"/tickets/{kept.ticket_id}/timeline").text
    other = signed_in("truongca2")
    assert other.get(sound).status_code == 403  # a pass is one person's


def test_an_operator_hears_own_calls_only(signed_in: SignedIn, kept: Recording) -> None:
    # The first kept recording is of a call that Lan answered.
    assert signed_in("lan").post(f"/recordings/{kept.call_id}/listen").status_code == 200
    other = signed_in("tuan")
    assert other.post(f"/recordings/{kept.call_id}/listen").status_code == 403
    page = other.get(f"/tickets/{kept.ticket_id}").text
    assert "người đã nghe máy và trưởng ca nghe lại được" in page
    assert "Nghe ghi âm" not in page


def test_every_range_is_that_part_of_the_whole(signed_in: SignedIn, kept: Recording) -> None:
    client = signed_in("truongca")
    sound = begun(client, kept.call_id)
    whole = client.get(sound)
    assert whole.data[:4] + whole.data[8:12] == b"RIFFWAVE"
    assert struct.unpack("<HHI", whole.data[20:28]) == (6, 2, 8000)
    assert len(whole.data) == 58 + kept.size_bytes // 2 == int(whole.headers["Content-Length"])
    for asked, part in {
        "bytes=0-1": whole.data[:2],
        "bytes=10-99": whole.data[10:100],
        "bytes=57-58": whole.data[57:59],
        "bytes=1001-": whole.data[1001:],
        "bytes=-7": whole.data[-7:],
        "bytes=70000-170000": whole.data[70000:170001],
    }.items():
        answer = client.get(sound, headers={"Range": asked})
        assert answer.status_code == 206
        assert answer.data == part, asked
    assert client.get(sound, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert client.get(sound, headers={"Range": "bytes=9-1"}).status_code == 416


def test_peaks_show_who_spoke_when(house: Path, kept: Recording) -> None:
    caller, heard = sounds.peaks(house / "recordings" / kept.path, 100)
    assert max(caller) == pytest.approx(9000 / 32768, abs=0.01)
    assert max(heard) == pytest.approx(5000 / 32768, abs=0.01)
    assert caller[5] > 0.2 > heard[5]


def test_a_recording_that_is_gone_is_said_in_a_sentence(
    signed_in: SignedIn, house: Path, kept: Recording
) -> None:
    (house / "recordings" / kept.path).unlink()
    answer = signed_in("truongca").post(f"/recordings/{kept.call_id}/listen")
    assert answer.status_code == 404
    assert "không còn trên máy" in answer.text
