"""The search of recordings, their marks and comments, and who may hear, share and take them away."""

from __future__ import annotations

import html
import re
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.recordings import Recording
from hotline.tickets import TicketEntry
from softphone_panel import listening
from softphone_panel.faults import InputFault
from softphone_panel.words import VIETNAM
from tests.softphone_panel import judged
from tests.softphone_panel.conftest import Client, SignedIn

LINK = re.compile(r'href="/recordings/(n1-[\d.]+)"')


def found(client: Client, query: str = "") -> list[str]:
    return LINK.findall(client.get(f"/recordings?{query}").text)


def kept() -> dict[str, str]:
    """Level of each kept call → its id (the latest of a level)."""
    with reading() as session:
        rows = session.execute(
            select(Call.acuity, Call.id)
            .join(Recording, Recording.call_id == Call.id)
            .order_by(Call.arrived_at)
        )
        return dict(rows.tuples().all())


def entries(kind: str) -> list[TicketEntry]:
    with reading() as session:
        return list(session.scalars(select(TicketEntry).where(TicketEntry.kind == kind)))


def test_recordings_are_found_by_level_operator_number_hotline_day_and_note(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    client, calls = signed_in("truongca"), kept()
    assert len(found(client)) == 4
    assert found(client, "acuity=ORANGE") == [calls["ORANGE"]]
    assert len(found(client, f"operator={who['lan']}")) == 2
    assert found(client, "text=0388123456") == [calls["ORANGE"]]
    assert found(client, "hotline=binhduong") == []
    assert found(client, "until=2001-01-01") == []
    assert len(found(client, "since=2001-01-01")) == 4
    ticket = f"t-{calls['YELLOW']}"
    client.post(f"/tickets/{ticket}/note", data={"note": "Đã dặn uống nước cam", "click_id": "d" * 32})
    assert found(client, "text=nuoc cam") == [calls["YELLOW"]]
    assert found(client, "text=dau nguc sau tiem") == [calls["ORANGE"]]
    services = found(client, "branch=nonmedical")
    assert calls["NONMED"] in services
    assert calls["ORANGE"] not in services
    comment = {"at": "0:02", "text": "Hỏi mốc dễ thấy rất khéo"}
    client.post(f"/recordings/{calls['NONMED']}/comments", data=comment)
    assert found(client, "text=moc de thay") == [calls["NONMED"]]


def test_recordings_are_found_by_the_hours_of_their_days(signed_in: SignedIn) -> None:
    client, calls = signed_in("truongca"), kept()
    with transaction() as session:
        for hour, call_id in enumerate(calls.values(), 8):
            row = session.get(Call, call_id)
            assert row is not None
            row.arrived_at = datetime(2021, 8, 31, hour, 30, 40, tzinfo=VIETNAM)
    ids, day = list(calls.values()), "since=2021-08-31&until=2021-08-31"
    assert found(client, f"{day}&since_time=08:31&until_time=10:29") == [ids[1]]
    assert found(client, f"{day}&since_time=08:30&until_time=09:30") == [ids[1], ids[0]]
    assert found(client, "since=2021-08-31&since_time=09:31&until=2021-09-01&until_time=00:10")[-1] == ids[2]
    turned = client.get(f"/recordings?{day}&since_time=10:29&until_time=08:31").text
    assert LINK.findall(turned) == [ids[1]]
    assert "đã đổi chỗ hai giờ" in turned
    assert "giờ không có ngày" in client.get("/recordings?since_time=09:00").text
    assert "14:30" in client.get(f"/recordings?{day}&since_time=9h").text


def test_a_link_to_a_second_of_a_recording_begins_there(signed_in: SignedIn) -> None:
    call_id, client = kept()["ORANGE"], signed_in("truongca")
    page = client.get(f"/recordings/{call_id}?at=1.0").text
    begin = re.search(r'action="(/recordings/[^"]+/listen[^"]*)"', page)
    assert begin, "no button to listen"
    assert "Nghe từ 0:01" in page
    assert 'data-start="1.0"' in client.post(html.unescape(begin[1])).text
    for nowhere in ("9999", "x", "-1"):
        assert "data-start" not in client.post(f"/recordings/{call_id}/listen?at={nowhere}").text


def test_a_talk_that_somebody_else_ended_is_found_by_each_who_spoke_in_it(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    call_id, client = kept()["ORANGE"], signed_in("truongca")
    with transaction() as session:
        call = session.get(Call, call_id)
        assert call is not None
        call.operator_id = who["truongca"]
    for person in ("lan", "truongca"):
        assert call_id in found(client, f"operator={who[person]}")


def test_an_operator_finds_their_own_calls_and_what_was_shared_with_them(signed_in: SignedIn) -> None:
    calls, lan, chief = kept(), signed_in("lan"), signed_in("truongca")
    foreign = calls["NONMED"]
    assert len(found(lan)) == 2
    assert lan.get(f"/recordings/{foreign}").status_code == 403
    assert lan.post(f"/recordings/{foreign}/share", data={"with": "lan"}).status_code == 403
    sent = {"with": "lan", "reason": "mẫu cho tập huấn"}
    assert chief.post(f"/recordings/{foreign}/share", data=sent).status_code == 303
    assert foreign in found(lan)
    assert lan.get(f"/recordings/{foreign}").status_code == 200
    assert 'class="player"' in lan.post(f"/recordings/{foreign}/listen").text
    assert foreign not in found(signed_in("tuan"))
    (entry,) = entries("recording_shared")
    assert (entry.actor, entry.text, entry.body["with"]) == ("truongca", "mẫu cho tập huấn", "lan")


def test_a_recording_leaves_the_house_only_with_a_reason_on_the_ticket(signed_in: SignedIn) -> None:
    call_id = kept()["ORANGE"]
    client = signed_in("truongca")
    assert client.post(f"/recordings/{call_id}/export", data={"reason": "x"}).status_code == 422
    assert entries("recording_exported") == []
    answer = client.post(f"/recordings/{call_id}/export", data={"reason": "Công an tỉnh yêu cầu"})
    assert answer.data[:4] == b"RIFF"
    assert len(answer.data) == int(answer.headers["Content-Length"])
    assert call_id in answer.headers["Content-Disposition"]
    (entry,) = entries("recording_exported")
    assert (entry.actor, entry.text, entry.body["call_id"]) == ("truongca", "Công an tỉnh yêu cầu", call_id)
    page = client.get(f"/tickets/t-{call_id}").text
    assert "Tải ghi âm về. Lý do: Công an tỉnh yêu cầu" in page
    assert (
        signed_in("lan").post(f"/recordings/{call_id}/export", data={"reason": "cho vui"}).status_code == 403
    )


def test_marks_stand_at_the_seconds_at_which_things_happened(signed_in: SignedIn) -> None:
    page = signed_in("truongca").get(f"/recordings/{kept()['ORANGE']}").text
    marks = re.findall(r'<li class="(\w+)"><button[^>]*data-seek="([\d.]+)"', page)
    assert [kind for kind, _ in marks if kind == "question"] == ["question"] * 4
    seconds = [float(at) for _, at in marks]
    assert seconds == sorted(seconds)
    assert all(0 <= at <= 12 for at in seconds)


def test_a_comment_is_kept_at_its_second_and_shown_with_its_writer(signed_in: SignedIn) -> None:
    call_id, client = kept()["ORANGE"], signed_in("lan")
    sent = {"at": "0:07", "text": "Nên hỏi SpO2 ở đây"}
    assert client.post(f"/recordings/{call_id}/comments", data=sent).status_code == 303
    page = client.get(f"/recordings/{call_id}").text
    assert re.search(r'data-seek="7.0">0:07</button> <span><b>Lê Thị Lan</b>: Nên hỏi SpO2 ở đây', page)
    assert client.post(f"/recordings/{call_id}/comments", data={"at": "9:99", "text": "x"}).status_code == 422
    assert client.post(f"/recordings/{call_id}/comments", data={"at": "0:01", "text": " "}).status_code == 422


def test_a_comment_sent_while_it_plays_gives_the_comments_alone(signed_in: SignedIn) -> None:
    call_id, client = kept()["ORANGE"], signed_in("lan")
    sent = {"at": "0:07", "text": "Nên hỏi SpO2 ở đây"}
    answer = client.post(f"/recordings/{call_id}/comments", data=sent, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert 'id="comments"' in answer.text
    assert re.search(r'<svg [^>]*hx-swap-oob="true"', answer.text)
    assert "<html" not in answer.text


@pytest.mark.parametrize(("written", "at_s"), [("0:07", 7), ("1:05", 65), ("65", 65), ("2:03.5", 123.5)])
def test_a_second_is_written_as_people_write_it(written: str, at_s: float) -> None:
    assert listening.seconds(written) == at_s


@pytest.mark.parametrize("written", ["", "x", "1:x", "-1:05", "1::", "１：５", "1:05:00:00"])
def test_what_is_no_second_is_refused(written: str) -> None:
    with pytest.raises(InputFault, match="1:05"):
        listening.seconds(written)


def test_a_stations_leg_is_found_by_its_station_heard_on_its_page_and_who_listened_is_known(
    house: Path, signed_in: SignedIn
) -> None:
    calls, client = kept(), signed_in("truongca")
    with transaction() as session:
        leg = judged.hand_over(session, house / "recordings", calls["ORANGE"])
    assert found(client, "station=Tr%E1%BA%A1m+y+t%E1%BA%BF+T%C3%A2n+Ph%C3%BA") == [calls["ORANGE"]]
    assert found(client, "station=Kh%C3%B4ng+c%C3%B3") == []
    assert f'href="/recordings/legs/{leg}"' in client.get("/recordings").text
    assert f'href="/recordings/legs/{leg}"' in client.get(f"/recordings/{calls['ORANGE']}").text
    page = client.get(f"/recordings/legs/{leg}").text
    assert re.findall(r'data-seek="([\d.]+)">[^<]*</button> <span[^>]*>([^<])', page) == [
        ("0.0", "☏"), ("4.0", "☏"), ("4.0", "⇄"),
    ]  # fmt: skip
    player = client.post(f"/recordings/{leg}/listen").text
    assert "Trạm nghe" in player
    sound = client.get(html.unescape(re.search(r'src="([^"]*)"', player)[1]))  # type: ignore[index] # the player has a sound
    assert (sound.status_code, sound.data[:4], len(sound.data)) == (200, b"RIFF", 58 + 9 * 16000)
    assert "Trần Văn Trưởng Ca" in client.get(f"/recordings/{leg}/listeners").text
    assert "Chưa ai nghe" in client.get(f"/recordings/{calls['ORANGE']}/listeners").text
    assert [entry.body.get("leg_id") for entry in entries("recording_played")] == [leg]
    comment = {"at": "0:03", "text": "Tóm tắt chưa nói tuổi"}
    assert client.post(f"/recordings/legs/{leg}/comments", data=comment).status_code == 303
    assert re.search(
        r'data-seek="3.0">0:03</button> <span><b>[^<]*</b>: Tóm tắt',
        client.get(f"/recordings/legs/{leg}").text,
    )
    assert "Tóm tắt chưa" not in client.get(f"/recordings/{calls['ORANGE']}").text
    late = {"at": "9:00", "text": "quá"}
    assert client.post(f"/recordings/legs/{leg}/comments", data=late).status_code == 422
    taken = client.post(f"/recordings/legs/{leg}/export", data={"reason": "Thanh tra Sở Y tế"})
    assert (taken.status_code, taken.data) == (200, sound.data)
    assert "Trần Văn Trưởng Ca tải về: Thanh tra Sở Y tế" in client.get(f"/recordings/{leg}/listeners").text
    assert "tải về" not in client.get(f"/recordings/{calls['ORANGE']}/listeners").text
    stranger = signed_in("tuan")
    assert stranger.post(f"/recordings/legs/{leg}/comments", data=comment).status_code == 403
    assert stranger.post(f"/recordings/legs/{leg}/export", data={"reason": "cho vui"}).status_code == 403
    for path in (f"/recordings/legs/{leg}", f"/recordings/{leg}/listeners"):
        assert stranger.get(path).status_code == 403
    assert stranger.post(f"/recordings/{leg}/listen").status_code == 403
    assert client.get("/recordings/legs/chain-no-1").status_code == 404
