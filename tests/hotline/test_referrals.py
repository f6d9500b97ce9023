"""Questions to agencies: who may say what when, whom it goes on to, what is assembled; on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from hotline import agencies, due_work, referring
from hotline.database import reading, transaction
from hotline.deadlines import Deadline, Worker
from hotline.ledger import LedgerEntry
from hotline.organisation import ALL, Agency, Responsibility
from hotline.record import apply
from hotline.referrals import (
    FOLLOWS,
    WHOLE_FOLLOWS,
    Happening,
    PartState,
    Referral,
    ReferralPart,
    ReferralState,
    Step,
    Why,
    assembled,
)
from hotline.referring import Wanted
from hotline.refusals import RequestRefused
from hotline.text_messages import TextMessage
from hotline.tickets import Ticket, TicketEntry
from tests.hotline.facts import arrived, triaged
from tests.hotline.order_scene import HOTLINE, START, places

H, P, R = Happening, PartState, ReferralState


def agency(key: str, level: str, above: str = "", **more: Any) -> Agency:
    unit = {"commune": "25432", "district": "697", "province": "70"}[level]
    return Agency(
        key, HOTLINE, f"Cơ quan {key}", "agency", level, unit, (f"09130{len(key):05}",), above=above, **more
    )


class Scene:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.at = engine, START
        with transaction(engine) as session:
            places(session)
            those = (
                agency("xa", "commune", "huyen"), agency("huyen", "district", "so"), agency("so", "province", "ubnd"),
                agency("ubnd", "province"), agency("so-khac", "province", "ubnd"),
                agency("cu", "commune", "huyen", valid_to=date(2025, 6, 30)),
            )  # fmt: skip
            near = [
                Responsibility((ALL,), unit, key)
                for unit, key in (("25432", "xa"), ("697", "huyen"), ("70", "so"))
            ]
            agencies.write(session, HOTLINE, those, near)
            apply(session, arrived(1, at=self.at))
            apply(session, triaged(1, at=self.at))
            self.ticket_id = session.scalars(select(Ticket.id)).one()

    def refer(self, *keys: str, **more: Any) -> str:
        values: dict[str, Any] = {
            "ticket_id": self.ticket_id, "question": "Mức hỗ trợ thuê trọ là bao nhiêu?", "category": "policy",
            "agencies": keys or ("xa",), "due_at": self.at + timedelta(hours=4), "unit_code": "25432",
        } | more  # fmt: skip
        with transaction(self.engine) as session:
            return referring.refer(
                session, Wanted(**values), "lan", self.at, agencies.organisation(session), ("policy", "other")
            )

    def say(
        self, part: str, happening: Happening, said: str = "Theo quyết định số 1.", by: str = "cán bộ"
    ) -> PartState:
        with transaction(self.engine) as session:
            return referring.act(
                session, part, happening, by, "panel", self.at, agencies.organisation(session), said
            )

    def later(self, **time: float) -> None:
        self.at += timedelta(**time)
        Worker(self.engine, due_work.HANDLERS, "n1", clock=lambda: self.at).look()

    def whole(self, referral: str) -> Referral:
        with reading(self.engine) as session:
            return session.get_one(Referral, referral)

    def parts(self, referral: str) -> list[tuple[str, str, str]]:
        with reading(self.engine) as session:
            return [(one.agency, one.state, one.why) for one in referring.parts_of(session, referral)]

    def kinds(self) -> list[str]:
        with reading(self.engine) as session:
            asked = (
                select(TicketEntry.kind)
                .where(TicketEntry.ticket_id == self.ticket_id)
                .order_by(TicketEntry.id)
            )
            return [kind for kind in session.scalars(asked) if kind.startswith("referral")]


@pytest.fixture
def scene(database: Engine) -> Scene:
    return Scene(database)


def test_every_state_answers_every_happening() -> None:
    assert all(set(FOLLOWS[state]) == set(Happening) for state in PartState)
    assert all(set(WHOLE_FOLLOWS[state]) == set(Step) for state in ReferralState)


def test_a_question_goes_to_several_agencies_at_once_and_their_answers_become_one_text(scene: Scene) -> None:
    one = scene.refer("xa", "so-khac")
    assert scene.parts(one) == [("xa", "asked", "chosen"), ("so-khac", "asked", "chosen")]
    assert scene.say(f"{one}.1", H.ANSWER, "Được hỗ trợ 1 triệu.") is P.ANSWERED
    assert scene.whole(one).state == R.ASKED
    scene.say(f"{one}.2", H.ANSWER, "Nộp đơn tại xã.")
    assert scene.whole(one).state == R.ANSWERED
    with transaction(scene.engine) as session:
        parts = referring.parts_of(session, one)
        text = assembled(parts)
        assert text == "Cơ quan xa: Được hỗ trợ 1 triệu.\n\nCơ quan so-khac: Nộp đơn tại xã."
        referring.keep(session, one, text, 1, "lan", scene.at)
        assert referring.told(session, one, "lan", scene.at).assembled == text
    assert scene.whole(one).state == R.TOLD
    with reading(scene.engine) as session:
        assert session.scalars(select(Deadline.kind).where(Deadline.kind.like("referral%"))).all() == []
        lines = session.scalars(select(LedgerEntry.kind).where(LedgerEntry.kind.like("referral%"))).all()
        assert sorted(lines) == ["referral_ended", "referral_made", "referral_part", "referral_part"]
        messages = session.execute(select(TextMessage.kind, TextMessage.about)).tuples().all()
        assert sorted(messages) == [("referral", f"{one}.1"), ("referral", f"{one}.2")]


def test_not_ours_goes_on_to_the_next_who_answers_for_it_and_at_last_back_to_the_hotline(
    scene: Scene,
) -> None:
    one = scene.refer("xa")
    for number, following in ((1, "huyen"), (2, "so")):
        scene.say(f"{one}.{number}", H.NOT_OURS, "Không thuộc thẩm quyền.")
        assert scene.parts(one)[-1] == (following, "asked", "next")
        assert scene.whole(one).state == R.ASKED
    scene.say(f"{one}.3", H.NOT_OURS, "Cũng không phải.")
    assert scene.whole(one).state == R.RETURNED
    assert [state for _, state, _ in scene.parts(one)] == ["not_ours"] * 3


def test_two_answers_that_contradict_go_up_and_the_one_above_decides_alone(scene: Scene) -> None:
    one = scene.refer("xa", "so-khac")
    scene.say(f"{one}.1", H.ANSWER, "Được hỗ trợ.")
    scene.say(f"{one}.2", H.ANSWER, "Không được hỗ trợ.")
    with transaction(scene.engine) as session:
        name = referring.contradict(
            session, one, "một bên nói được, một bên không", "lan", scene.at, agencies.organisation(session)
        )
    assert name == "Cơ quan huyen"
    assert scene.whole(one).state == R.DISPUTED
    with pytest.raises(RequestRefused, match="trái nhau"), transaction(scene.engine) as session:
        referring.told(session, one, "lan", scene.at)
    scene.say(f"{one}.3", H.ANSWER, "Được hỗ trợ, theo khoản 2.")
    assert scene.whole(one).state == R.ANSWERED
    with reading(scene.engine) as session:
        assert (
            assembled(referring.parts_of(session, one)) == "Cơ quan huyen trả lời: Được hỗ trợ, theo khoản 2."
        )


def test_an_agency_that_refuses_has_the_level_above_decide(scene: Scene) -> None:
    one = scene.refer("xa")
    scene.say(f"{one}.1", H.REFUSE, "Đã trả lời nhiều lần rồi.")
    assert scene.parts(one)[-1] == ("huyen", "asked", Why.DISPUTED)
    assert scene.whole(one).state == R.DISPUTED
    assert scene.whole(one).why == "Đã trả lời nhiều lần rồi."


def test_silence_warns_at_four_fifths_and_then_asks_the_level_above_while_a_late_answer_counts(
    scene: Scene,
) -> None:
    one = scene.refer("xa")
    scene.later(hours=3)
    assert "referral_warned" not in scene.kinds()
    scene.later(minutes=12)
    assert scene.kinds().count("referral_warned") == 1
    scene.later(minutes=48)
    assert scene.parts(one) == [("xa", "late", "chosen"), ("huyen", "asked", "climbed")]
    scene.later(minutes=1)
    assert scene.kinds().count("referral_part_made") == 1  # nothing climbs twice
    scene.say(f"{one}.1", H.ANSWER, "Xin lỗi trả lời trễ.")
    assert scene.parts(one)[0][1] == "answered"


def test_after_an_hour_down_what_was_due_is_done_once_in_order(scene: Scene) -> None:
    one = scene.refer("xa", due_at=scene.at + timedelta(minutes=10))
    scene.later(hours=1)
    kinds = [kind for kind in scene.kinds() if kind != "referral_made"]
    assert kinds == ["referral_warned", "referral_part_moved", "referral_part_made"]
    assert [agency for agency, _, _ in scene.parts(one)] == ["xa", "huyen"]


def test_recalled_nobody_answers_any_more_and_one_part_alone_can_be_recalled(scene: Scene) -> None:
    one = scene.refer("xa", "so-khac")
    scene.say(f"{one}.1", H.ANSWER)
    with transaction(scene.engine) as session:
        referring.recall_part(session, f"{one}.2", "lan", scene.at)
    assert scene.whole(one).state == R.ANSWERED
    with transaction(scene.engine) as session:
        referring.recall(session, one, "người dân tự hỏi được rồi", "lan", scene.at)
    for number in (1, 2):
        with pytest.raises(RequestRefused):
            scene.say(f"{one}.{number}", H.ANSWER)
    assert scene.whole(one).state == R.RECALLED


def test_an_answer_after_recall_is_refused_in_a_sentence_and_writes_nothing(scene: Scene) -> None:
    one = scene.refer("xa")
    with transaction(scene.engine) as session:
        referring.recall(session, one, "nhầm đơn vị rồi", "lan", scene.at)
    before = scene.kinds()
    with pytest.raises(RequestRefused, match="đã được thu hồi"):
        scene.say(f"{one}.1", H.ANSWER)
    assert scene.kinds() == before


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"unit_code": "25999"}, "Xã Cũ không còn là đơn vị hành chính"), ({"unit_code": "1"}, "không có mã này"),
        ({"agencies": ("cu",)}, "Cơ quan cu không còn nhận việc từ ngày 02/03/2026"), ({"agencies": ("ma",)}, "Không có đơn vị “ma”"),
        ({"agencies": ()}, "ít nhất một đơn vị"), ({"due_at": START - timedelta(hours=1)}, "đã qua"),
        ({"due_at": START + timedelta(days=31)}, "trong vòng 30 ngày"), ({"question": "?"}, "từ 5 đến 2000"),
        ({"category": "x"}, "Lĩnh vực"), ({"ground": "x"}, "Căn cứ"), ({"agencies": tuple(f"a{n}" for n in range(11))}, "Không có đơn vị"),
    ],
)  # fmt: skip
def test_bad_input_is_a_sentence_and_nothing_is_written(
    scene: Scene, wrong: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(RequestRefused, match=sentence):
        scene.refer(**({"agencies": ("xa",)} | wrong))
    with reading(scene.engine) as session:
        assert not session.scalars(select(Referral)).all() and not session.scalars(select(ReferralPart)).all()
        assert session.scalars(select(Deadline).where(Deadline.kind.like("referral%"))).all() == []


def test_of_two_answers_at_once_the_first_stands_and_the_other_is_told(scene: Scene) -> None:
    one = scene.refer("xa")
    begin, told = threading.Barrier(4), []

    def answers(number: int) -> None:
        begin.wait(10)
        for _ in range(50):
            try:
                scene.say(f"{one}.1", H.ANSWER, f"Trả lời số {number}.", f"cán bộ {number}")
                told.append(f"cán bộ {number}")
                return
            except RequestRefused as refused:
                assert "trả lời trước được giữ nguyên" in refused.vi
                told.append("")
                return
            except Exception as error:
                if "locked" not in str(error):
                    raise

    threads = [threading.Thread(target=answers, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(told) == 4 and len([name for name in told if name]) == 1
    with reading(scene.engine) as session:
        (part,) = referring.parts_of(session, one)
        assert part.said_by == next(name for name in told if name)
    assert scene.kinds().count("referral_part_moved") == 1


def test_two_who_edit_the_assembled_text_lose_nothing(scene: Scene) -> None:
    one = scene.refer("xa")
    scene.say(f"{one}.1", H.ANSWER)
    with transaction(scene.engine) as session:
        referring.keep(session, one, "Câu trả lời của Lan.", 1, "lan", scene.at)
    with pytest.raises(RequestRefused, match="lan vừa sửa"), transaction(scene.engine) as session:
        referring.keep(session, one, "Câu trả lời của Minh.", 1, "minh", scene.at)
    assert scene.whole(one).assembled == "Câu trả lời của Lan."
