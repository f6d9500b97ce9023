"""Call tasks: taken by exactly one operator, dialled from the desk, given back, followed up."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from hotline import claims
from hotline import events as e
from hotline.commands import DeskCommand
from hotline.database import engine, reading, transaction
from hotline.events import now
from hotline.recalls import Recall
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import Client, SignedIn
from tests.softphone_panel.desk_work import entries, finish, hung_up

CLICK = "0123456789abcdef"


def red_recall() -> str:
    with reading() as session:
        return session.scalars(select(Recall.id).where(Recall.acuity == "RED")).one()


def act(client: Client, recall_id: str, what: str, click: str = CLICK) -> tuple[int, str]:
    answer = client.post(f"/my-desk/tasks/{recall_id}", data={"act": what, "click_id": click})
    return answer.status_code, answer.text


def commands() -> list[DeskCommand]:
    with reading() as session:
        return list(session.scalars(select(DeskCommand).order_by(DeskCommand.id)))


def test_the_most_urgent_call_to_make_stands_first_and_its_number_is_masked(signed_in: SignedIn) -> None:
    page = signed_in("lan").get("/my-desk/tasks").text
    assert page.index("Đỏ – cấp cứu") < page.index("Xanh – theo dõi")
    assert "09•••••001" in page
    assert "0934567001" not in page


def test_only_one_operator_gets_a_task_and_the_other_is_told(signed_in: SignedIn) -> None:
    lan, minh, recall_id = signed_in("lan"), signed_in("minh"), red_recall()
    status, page = act(lan, recall_id, "claim")
    assert status == 200
    assert "0934567001" in page  # whose call it is sees the number
    status, page = act(minh, recall_id, "claim")
    assert status == 409
    assert "vừa có người khác nhận" in page
    assert recall_id not in minh.get("/my-desk/tasks").text
    assert act(minh, recall_id, "done")[0] == 409
    assert act(lan, recall_id, "let_go")[0] == 200
    assert recall_id in minh.get("/my-desk/tasks").text


def test_of_many_who_want_a_task_at_once_exactly_one_gets_it(who: dict[str, int]) -> None:
    recall_id, got = red_recall(), []
    ready = threading.Barrier(8)

    def want(operator_id: int) -> None:
        ready.wait()
        with transaction() as session:
            recall = session.get(Recall, recall_id)
            assert recall is not None
            if claims.claim(session, recall, operator_id, now()):
                got.append(operator_id)

    for _ in range(5):
        threads = [threading.Thread(target=want, args=(n,)) for n in range(1, 9)]
        got.clear()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1
        with transaction() as session:
            assert claims.let_go(session, recall_id, got[0], now())
    engine().dispose()


def test_a_claim_that_nothing_came_of_is_free_again_and_a_red_one_soon(who: dict[str, int]) -> None:
    recall_id, at = red_recall(), now()
    with transaction() as session:
        recall = session.get(Recall, recall_id)
        assert recall is not None
        assert claims.claim(session, recall, who["lan"], at)
        session.refresh(recall)
        # The machine dials it when the claim is over, so that a RED caller never waits for somebody who went home.
        assert recall.next_try_at == recall.claimed_until == at + timedelta(minutes=1)
        assert not claims.claim(session, recall, who["minh"], at + timedelta(seconds=59))
        assert claims.claim(session, recall, who["minh"], at + timedelta(seconds=61))


def test_calling_takes_the_task_and_rings_this_very_desk(signed_in: SignedIn) -> None:
    lan, recall_id = signed_in("lan"), red_recall()
    for _ in range(2):
        assert act(lan, recall_id, "call")[0] == 200
    command = commands()[0]
    assert len(commands()) == 1
    expected = {"recall_id": recall_id, "mine": True, "language": "vi"}
    assert (command.kind, command.body) == ("recall_now", expected)


def test_a_task_that_was_done_by_another_way_is_done(signed_in: SignedIn) -> None:
    lan, recall_id = signed_in("lan"), red_recall()
    act(lan, recall_id, "claim")
    assert act(lan, recall_id, "done")[0] == 200
    with reading() as session:
        recall = session.get(Recall, recall_id)
        assert recall is not None
        assert recall.state == "done"
        assert [x.body["what"] for x in entries(recall.ticket_id, "task_taken")] == ["claim", "done"]


def test_a_dropped_caller_is_rung_back_with_one_click(signed_in: SignedIn, who: dict[str, int]) -> None:
    lan, call_id = signed_in("lan"), hung_up(who)
    assert "Gọi lại ngay" in lan.get("/my-desk/wrap-up").text
    for click in (CLICK, CLICK):
        form = {"call_id": call_id, "click_id": click}
        assert lan.post("/my-desk/wrap-up/recall", data=form).status_code == 303
    with reading() as session:
        recall = session.scalars(select(Recall).where(Recall.call_id == call_id)).one()
        assert (recall.why, recall.number, recall.claimed_by) == ("dropped", "+84865432109", who["lan"])
        assert recall.ticket_id == f"t-{call_id}"
    command = commands()[0]
    assert len(commands()) == 1
    assert (command.kind, command.body) == (
        "recall_now",
        {"recall_id": recall.id, "mine": True, "language": "vi"},
    )


def test_a_follow_up_is_its_makers_until_its_time_has_passed(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    lan, call_id = signed_in("lan"), hung_up(who)
    both = finish(lan, call_id, disposition="sent_to_station", follow_up="120", closes="1")
    assert both.status_code == 422
    assert finish(lan, call_id, disposition="sent_to_station", follow_up="120").status_code == 303
    with reading() as session:
        recall = session.scalars(select(Recall).where(Recall.call_id == call_id)).one()
    assert (recall.why, recall.claimed_by) == ("follow_up", who["lan"])
    assert abs((recall.due_at - now()).total_seconds() - 7200) < 60
    assert recall.next_try_at == recall.claimed_until == recall.due_at + timedelta(minutes=15)
    assert recall.id in lan.get("/my-desk/tasks").text
    assert recall.id not in signed_in("minh").get("/my-desk/tasks").text


def test_a_withheld_number_needs_one_before_a_follow_up(signed_in: SignedIn, who: dict[str, int]) -> None:
    lan, call_id = signed_in("lan"), hung_up(who)
    with transaction() as session:
        from hotline.calls import Call

        call = session.get(Call, call_id)
        assert call is not None
        call.caller_number = ""
    refused = finish(lan, call_id, disposition="advised", follow_up="30")
    assert refused.status_code == 422
    assert "Chưa có số gọi lại" in refused.text


def test_a_call_that_another_interrupted_is_still_asked_about(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    lan, call_id = signed_in("lan"), hung_up(who)
    from hotline.events import OperatorChanged
    from hotline.record import apply

    with transaction() as session:
        apply(session, OperatorChanged(operator_id=who["lan"], state="available", phone="101"), "calls")
    page = lan.get("/my-desk/tasks").text
    assert "Cuộc gọi chưa ghi kết quả" in page
    form = {"call_id": call_id, "disposition": "information_given", "click_id": CLICK}
    assert call_id not in lan.post("/my-desk/tasks/unfinished", data=form).text


# --- spoken messages ---------------------------------------------------------------------------------------


def left_message(house: Path, n: int, number: str, minutes_ago: float) -> str:
    """A caller whom the machine asked for a message 30 s after they came, and who spoke; the owed call's id."""
    at = now() - timedelta(minutes=minutes_ago)
    with transaction() as session:
        caller = rows.Caller(session, rows.call_id(at, n), at, number=number).arrives()
        caller.is_triaged("YELLOW", "Gặp tổng đài viên")
        caller.tell(e.MessageStarted, 8.9)
        caller.tell(e.CallEnded, 25, reason="left_message", heard_s=55)
        caller.tell(
            e.RecallDue, 0, hotline="binhphuoc", number=number, acuity="YELLOW", why="message",
            due_at=now() + timedelta(minutes=5), names_person=bool(number),
        )  # fmt: skip
        caller.is_recorded(house / "recordings", 55)
        return f"r-{caller.call_id}"


def test_a_message_is_in_the_list_of_owed_calls_and_every_operator_of_the_hotline_hears_it(
    signed_in: SignedIn, house: Path, who: dict[str, int]
) -> None:
    recall_id = left_message(house, 77, "+84977000111", 3)
    client = signed_in("minh")  # who never talked with them
    for page in (client.get("/recalls").text, client.get("/my-desk/tasks").text):
        assert "Để lại lời nhắn" in page
        assert (
            "Nghe lời nhắn 0:25" in page
        )  # from when the machine began to ask: its words lie in no folder here
        assert page.index("Đỏ – cấp cứu") < page.index("Để lại lời nhắn")
    player = client.post(f"/recordings/{recall_id.removeprefix('r-')}/listen")
    assert player.status_code == 200
    assert 'data-start="30.0"' in player.text
    assert act(client, recall_id, "call")[0] == 200
    assert act(client, recall_id, "done")[0] == 200


def test_who_is_lost_after_their_message_is_owed_one_call_and_the_message_is_still_there(
    signed_in: SignedIn, house: Path, who: dict[str, int]
) -> None:
    left_message(house, 77, "+84977000111", 10)
    at = now() - timedelta(minutes=2)
    with transaction() as session:
        again = rows.Caller(session, rows.call_id(at, 78), at, number="+84977000111").arrives()
        again.is_triaged("YELLOW", "Gặp tổng đài viên").ends("abandoned", 20)
        again.tell(
            e.RecallDue,
            0,
            hotline="binhphuoc",
            number="+84977000111",
            acuity="YELLOW",
            why="lost",
            due_at=now(),
        )
    page = signed_in("minh").get("/my-desk/tasks").text
    assert page.count("Nghe lời nhắn") == 1
    assert page.count("lỡ thêm 1 lần") == 1


def test_a_message_without_a_number_is_heard_and_seen_to_and_never_dialled(
    signed_in: SignedIn, house: Path, who: dict[str, int]
) -> None:
    recall_id = left_message(house, 77, "", 3)
    lan, supervisor = signed_in("lan"), signed_in("truongca")
    page = lan.get("/my-desk/tasks").text
    assert "không có số" in page
    status, page = act(lan, recall_id, "call")
    assert (status, "hãy nghe lời nhắn" in page) == (409, True)
    assert act(lan, recall_id, "claim")[0] == 200
    assert act(lan, recall_id, "done")[0] == 422
    form = {"kind": "recall_now", "click_id": CLICK}
    assert supervisor.post(f"/recalls/{recall_id}", data=form).status_code == 409
    done = supervisor.post(f"/recalls/{recall_id}", data={"kind": "seen_to", "note": "đã báo trạm y tế xã"})
    assert done.status_code == 303
    with reading() as session:
        recall = session.get(Recall, recall_id)
        assert recall is not None
        assert recall.state == "done"
    assert "không có số" not in supervisor.get("/recalls/list").text
