"""The supervisor's floor: clicks become commands, operators see who listens, and nobody else commands anybody."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from hotline import events as e
from hotline.bus import LIVE, Outbox
from hotline.calls import Call
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.events import now
from hotline.ledger import LedgerEntry
from hotline.record import apply
from ivr import desk_commands
from tests.softphone_panel.conftest import SignedIn, hidden


def talk_of(operator: int) -> str:
    with reading() as session:
        return session.scalars(
            select(Call.id).where(Call.operator_id == operator, Call.state == "talking")
        ).one()


def watches(call_id: str, who: dict[str, int], mode: str) -> None:
    told = e.CallWatched(
        call_id=call_id, by="truongca", supervisor_id=who["truongca"], mode=mode, operator_id=who["lan"]
    )
    with transaction() as session:
        apply(session, told, "calls")


def commands() -> list[DeskCommand]:
    with reading() as session:
        return list(session.scalars(select(DeskCommand).order_by(DeskCommand.id)))


def seat(who: dict[str, int]) -> None:
    with transaction() as session:
        change = e.OperatorChanged(operator_id=who["truongca"], state="paused", reason="meeting", phone="104")
        apply(session, change, "calls")


def test_a_click_on_listen_is_one_command_however_often_it_is_clicked(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    seat(who)
    client, call_id = signed_in("truongca"), talk_of(who["lan"])
    page = client.get("/floor").text
    at = page.index(f'id="act-listen-{call_id.replace(".", "-")}"')
    click = hidden(page[page.rindex("<form", 0, at) : at], "click_id")
    sent = {"kind": "listen", "call_id": call_id, "click_id": click}
    for _ in range(2):
        assert client.post("/floor/command", data=sent).status_code == 303
    (command,) = commands()
    assert (command.kind, command.body["call_id"]) == ("listen", call_id)
    assert command.operator_id == who["truongca"]


def test_an_operator_has_no_floor_and_commands_nobody(signed_in: SignedIn, who: dict[str, int]) -> None:
    client = signed_in("lan")
    assert client.get("/floor").status_code == 403
    sent = {"kind": "force_sign_out", "operator_id": str(who["minh"]), "click_id": "a" * 32}
    assert client.post("/floor/command", data=sent).status_code == 403
    assert client.post("/desk/command", data={**sent, "kind": "barge"}).status_code == 422
    assert commands() == []


def test_what_cannot_be_asked_is_refused_in_a_sentence(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    for form, sentence in (
        ({"kind": "listen", "call_id": "n1-9.9"}, "Cuộc gọi này đã kết thúc"),
        ({"kind": "force_pause", "operator_id": "99"}, "Không có tổng đài viên này"),
        ({"kind": "sign_in"}, "Trang điều hành không có lệnh này"),
    ):
        answer = client.post("/floor/command", data={**form, "click_id": "a" * 32})
        assert answer.status_code in (409, 422)
        assert sentence in answer.text
    assert commands() == []


def test_a_caller_is_raised_one_level_with_the_supervisors_reason(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    with reading() as session:
        yellow = session.scalars(
            select(Call.id).where(Call.acuity == "YELLOW", Call.state == "waiting")
        ).first()
    sent = {"kind": "raise_acuity", "call_id": yellow, "why": "nghe rất mệt", "click_id": "b" * 32}
    assert signed_in("truongca").post("/floor/command", data=sent).status_code == 303
    (command,) = commands()
    assert (command.body["acuity"], command.body["why"]) == ("ORANGE", "nghe rất mệt")


def test_the_operator_sees_who_listens_until_they_stop(signed_in: SignedIn, who: dict[str, int]) -> None:
    call_id, client = talk_of(who["lan"]), signed_in("lan")
    assert "☊" not in client.get("/desk/bar").text
    watches(call_id, who, "listen")
    assert "☊ Trần Văn Trưởng Ca: Nghe cùng" in client.get("/desk/bar").text
    watches(call_id, who, "whisper")
    assert "☊ Trần Văn Trưởng Ca: Nhắc riêng" in client.get("/desk/bar").text
    assert "☊" not in signed_in("minh").get("/desk/bar").text
    watches(call_id, who, "end")
    assert "☊" not in client.get("/desk/bar").text


def test_an_installation_may_let_supervisors_listen_unseen(
    app: Flask, signed_in: SignedIn, who: dict[str, int]
) -> None:
    watches(talk_of(who["lan"]), who, "listen")
    app.config["INSTALLATION"] = replace(app.config["INSTALLATION"], operators_see_listening=False)
    assert "☊" not in signed_in("lan").get("/desk/bar").text


def test_each_act_is_on_the_ticket_and_in_the_ledger(signed_in: SignedIn, who: dict[str, int]) -> None:
    call_id = talk_of(who["lan"])
    for mode in ("listen", "barge", "end"):
        watches(call_id, who, mode)
    with transaction() as session:
        apply(session, e.CallMovedToFront(call_id=call_id, by="truongca"), "calls")
    page = signed_in("truongca").get(f"/tickets/t-{call_id}").text
    for sentence in ("Trưởng Ca: Nghe cùng.", "Trưởng Ca: Vào nói chung.", "đưa lên đầu hàng chờ."):
        assert sentence in page
    with reading() as session:
        kinds = [
            (line.kind, line.body.get("mode"))
            for line in session.scalars(
                select(LedgerEntry).where(LedgerEntry.subject == call_id).order_by(LedgerEntry.seq)
            )
        ]
    assert kinds[1:] == [
        ("call_watched", "listen"), ("call_watched", "barge"), ("call_watched", "end"), ("call_moved", None),
    ]  # fmt: skip


def test_what_supervisors_did_is_listed_with_its_result(signed_in: SignedIn, who: dict[str, int]) -> None:
    with transaction() as session:
        session.add(
            DeskCommand(
                asked_at=now() - timedelta(seconds=9), operator_id=who["truongca2"], kind="force_pause",
                body={"operator_id": str(who["lan"])}, click_id="c" * 32, done_at=now(), refused="Người này chưa vào ca.",
            )
        )  # fmt: skip
    page = signed_in("truongca").get("/floor").text
    assert "Bùi Thu Thủy: cho tạm nghỉ (Lê Thị Lan)" in page
    assert "✗ Người này chưa vào ca." in page


def told(kind: str, by: int, **body: str) -> None:
    with transaction() as session:
        click = f"{kind}{by}".replace("_", "").ljust(16, "f")
        session.add(
            DeskCommand(
                asked_at=now(),
                operator_id=by,
                kind=kind,
                body=body,
                click_id=click,
                done_at=now(),
                refused="",
            )
        )


def test_a_pause_that_waits_for_the_talks_end_is_seen_by_both(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    chief, lan = signed_in("truongca"), signed_in("lan")
    told("force_pause", who["truongca"], operator_id=str(who["lan"]))
    assert "Trần Văn Trưởng Ca: cho tạm nghỉ khi xong cuộc này" in lan.get("/desk/bar").text
    floor = chief.get("/floor/board").text
    assert "cho tạm nghỉ khi xong cuộc này" in floor
    assert f'id="act-force_pause-{who["lan"]}"' not in floor
    with transaction() as session:
        change = e.OperatorChanged(operator_id=who["lan"], state="paused", reason="supervisor", phone="101")
        apply(session, change, "calls")
    assert "khi xong cuộc này" not in chief.get("/floor/board").text
    assert "Trần Văn Trưởng Ca: cho tạm nghỉ lúc" in lan.get("/desk/bar").text


def test_who_lost_a_talk_to_the_supervisor_reads_so_and_owes_no_result(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    call_id, lan = talk_of(who["lan"]), signed_in("lan")
    watches(call_id, who, "take_over")
    with transaction() as session:
        answered = e.CallAnswered(
            call_id=call_id, leg_id="l", answered_by="truongca", operator_id=who["truongca"]
        )
        apply(session, answered, "calls")
        change = e.OperatorChanged(operator_id=who["lan"], state="wrap_up", phone="101", call_id=call_id)
        apply(session, change, "calls")
    page = lan.get("/my-desk/wrap-up").text
    assert "Trần Văn Trưởng Ca đã nhận thay cuộc" in page
    assert "Rớt máy" not in page
    assert "wrap-disposition" not in page
    sent = {"kind": "finish_wrap_up", "click_id": hidden(page, "click_id")}
    assert lan.post("/desk/command", data=sent).status_code == 303


def test_a_supervisor_comes_on_duty_only_to_listen(signed_in: SignedIn, who: dict[str, int]) -> None:
    sent = {"kind": "sign_in", "phone": "web", "watches": "1", "click_id": "d" * 32}
    assert signed_in("truongca").post("/desk/command", data=sent).status_code == 303
    signed_in("lan").post("/desk/command", data={**sent, "click_id": "e" * 32})
    chief, operator = commands()
    assert chief.body["pause"] == "watches"
    assert "pause" not in operator.body


def test_an_act_names_its_ticket_and_a_moved_caller_is_marked(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    with reading() as session:
        waiting = session.scalars(select(Call.id).where(Call.state == "waiting")).first()
    told("to_front", who["truongca"], call_id=str(waiting))
    page = signed_in("truongca").get("/floor/board").text
    assert "↑ đã lên đầu" in page
    assert re.search(r"Trần Văn Trưởng Ca: đưa lên đầu hàng B\w-\d+", page)


def test_a_desk_that_was_told_something_is_told_to_look(who: dict[str, int]) -> None:
    told("force_pause", who["truongca"], operator_id=str(who["lan"]))
    desk_commands._done(commands()[-1].id, "")
    with reading() as session:
        bodies = [row.body for row in session.scalars(select(Outbox).where(Outbox.stream == LIVE))]
    assert {"event": "desk_told", "operator_id": who["lan"]} in bodies


def test_a_desk_keeps_its_row_whatever_it_does(signed_in: SignedIn, who: dict[str, int]) -> None:
    client = signed_in("truongca")

    def rows() -> list[str]:
        return re.findall(r'class="who-name">([^<]+) <small>', client.get("/floor/board").text)

    before = rows()
    with transaction() as session:
        change = e.OperatorChanged(operator_id=who["lan"], state="paused", reason="meeting", phone="101")
        apply(session, change, "calls")
    assert len(before) > 1
    assert rows() == before
