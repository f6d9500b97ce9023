"""Orders: what may follow what, whose word it takes, who is asked when nobody answers, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from hotline import agencies, order_times, order_tries, ordering
from hotline.acuity import Acuity
from hotline.database import make_engine, reading, transaction
from hotline.installation import read as read_installation
from hotline.ledger import LedgerEntry, verify
from hotline.order_times import TIMES
from hotline.ordering import By, Wanted
from hotline.orders import (
    FOLLOWS,
    LIVE,
    WHO,
    Actor,
    Assignment,
    AssignmentState,
    Happening,
    Means,
    Order,
    OrderApproval,
    OrderStep,
    OrderTry,
    TryState,
    follows,
)
from hotline.record import apply
from hotline.refusals import RequestRefused
from hotline.settings import PROJECT
from hotline.text_messages import TextMessage
from hotline.tickets import TicketEntry
from hotline.toml_table import Fault, Table
from hotline.transfers import Refusal
from tests import migrated
from tests.hotline.order_scene import (
    CATEGORIES,
    DISTRICT_LEADER,
    OPERATOR,
    PROVINCE_LEADER,
    SUPERVISOR,
    Scene,
)

H, A = Happening, AssignmentState


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    engine = make_engine(migrated.at(tmp_path / "hotline.db"))
    yield Scene(engine)
    engine.dispose()


@pytest.fixture
def on_both(database: Engine) -> Scene:
    """On SQLite and on PostgreSQL: what processes compete for."""
    return Scene(database)


# -- the table --


def test_every_state_meets_every_happening_with_a_state_or_a_sentence() -> None:
    for state, happening in product(AssignmentState, Happening):
        to = FOLLOWS[state][happening]
        if isinstance(to, Refusal):
            assert to.vi.endswith(".")
            assert to.en.endswith(".")
        assert WHO[happening]


def test_every_live_assignment_can_be_recalled_and_given_to_another() -> None:
    for state in LIVE:
        assert follows(state, H.RECALL, Actor.ISSUER) is A.RECALLED
        assert follows(state, H.REPLACE, Actor.ISSUER) is A.REPLACED


def test_nobody_but_the_team_says_its_yes_and_no_team_recalls() -> None:
    for actor in (Actor.ISSUER, Actor.CLOCK):
        assert isinstance(follows(A.SENT, H.ACCEPT, actor), Refusal)
    assert isinstance(follows(A.SENT, H.RECALL, Actor.TEAM), Refusal)


# -- one order --


def test_an_order_goes_its_way_with_who_said_what_by_which_means(on_both: Scene) -> None:
    scene = on_both
    order = scene.issue("xa")
    (part,) = scene.parts(order)
    assert (part.state, part.answer_by) == (
        "sent",
        scene.at + timedelta(seconds=TIMES.answer_s[_acuity(scene, order)]),
    )
    for n, (happening, means) in enumerate(
        ((H.ACCEPT, Means.LINK), (H.SET_OUT, Means.LINK), (H.ARRIVE, Means.PANEL), (H.FINISH, Means.PANEL))
    ):
        scene.at += timedelta(minutes=n)
        scene.act(part.id, happening, means=means)
    steps = [(step.state, step.by, step.means) for step in scene.rows(OrderStep)]
    assert steps == [
        ("sent", "lan", "panel"), ("accepted", "đội", "link"), ("en_route", "đội", "link"),
        ("on_site", "đội", "panel"), ("done", "đội", "panel"),
    ]  # fmt: skip
    assert scene.order(order).state == "done"
    assert scene.entries()[-6:] == ["order_issued", *["assignment_moved"] * 4, "order_changed"]
    kinds = [line.kind for line in scene.rows(LedgerEntry)]
    assert kinds[-2:] == ["order_issued", "order_ended"]
    assert scene.later(days=2) == 0, "nothing waits for a time any more"


def test_one_order_to_several_teams_is_done_when_the_last_of_them_is(scene: Scene) -> None:
    order = scene.issue("xa", "xa-ben")
    first, second = scene.parts(order)
    for part in (first, second):
        scene.act(part.id, H.ACCEPT)
    scene.act(first.id, H.FINISH)
    assert scene.order(order).state == "issued"
    scene.act(second.id, H.FINISH)
    assert scene.order(order).state == "done"


def test_no_number_of_a_team_stands_in_the_ticket_s_entries(scene: Scene) -> None:
    scene.issue("xa")
    with reading(scene.engine) as session:
        bodies = str(session.scalars(select(TicketEntry.body)).all())
    for part in scene.rows(Assignment):
        for line in part.plan:
            assert line["number"] not in bodies


# -- nobody answers --


def test_an_order_that_nobody_accepts_climbs_level_by_level_and_stays_open_at_the_top(scene: Scene) -> None:
    order = scene.issue("xa")
    scene.later(minutes=4)
    assert scene.states(order) == {"xa": "unanswered", "huyen": "sent"}
    scene.later(minutes=4)
    assert scene.states(order) == {"xa": "unanswered", "huyen": "unanswered", "tinh": "sent"}
    scene.later(minutes=4)
    assert set(scene.states(order).values()) == {"unanswered"}
    assert scene.order(order).state == "issued", "never lost: it waits for a person, and alarms"


def test_an_hour_without_a_worker_climbs_once(scene: Scene) -> None:
    order = scene.issue("xa")
    scene.later(hours=1)
    assert scene.states(order)["huyen"] == "sent"
    assert scene.order(order).overdue


def test_a_team_that_declines_on_its_page_lets_the_order_climb_at_once(scene: Scene) -> None:
    order = scene.issue("xa")
    scene.act(f"{order}.1", H.DECLINE)
    assert scene.states(order) == {"xa": "declined", "huyen": "sent"}


def test_a_late_yes_counts_while_the_level_above_has_said_none_and_calls_that_one_off(scene: Scene) -> None:
    order = scene.issue("xa")
    scene.later(minutes=4)
    scene.act(f"{order}.1", H.ACCEPT)
    assert scene.states(order) == {"xa": "accepted", "huyen": "recalled"}


def test_a_late_yes_after_the_level_above_s_is_told_so(scene: Scene) -> None:
    order = scene.issue("xa")
    scene.later(minutes=4)
    scene.act(f"{order}.2", H.ACCEPT)
    with pytest.raises(RequestRefused, match="cấp trên"):
        scene.act(f"{order}.1", H.ACCEPT)
    assert scene.states(order) == {"xa": "unanswered", "huyen": "accepted"}


def test_two_who_say_yes_at_once_are_one_yes_and_one_sentence(on_both: Scene) -> None:
    scene = on_both
    order = scene.issue("xa")
    said: list[str] = []
    both = threading.Barrier(2)

    def accept(means: Means) -> None:
        both.wait(10)
        for _ in range(50):
            try:
                scene.act(f"{order}.1", H.ACCEPT, by=means, means=means)
                said.append(f"{means} accepted")
                return
            except RequestRefused as refused:
                said.append(refused.vi)
                return
            except Exception as error:
                if "lock" not in str(error):
                    raise

    threads = [threading.Thread(target=accept, args=(means,)) for means in (Means.TELEPHONE, Means.LINK)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(said) == 2
    (winner,) = [one for one in said if one.endswith("accepted")]
    assert [one for one in said if "được đội nhận trước đó" in one]
    (part,) = scene.parts(order)
    assert part.accepted_means == winner.split()[0]


# -- the telephone's part --


def test_each_number_is_rung_by_one_process_and_after_the_last_the_level_above_is_asked(
    on_both: Scene,
) -> None:
    scene = on_both
    order = scene.issue("xa")
    for place, outcome in enumerate((TryState.NO_ANSWER, TryState.DECLINED)):
        (due,) = _due(scene)
        assert due.place == place
        assert order_tries.begin(due, f"n1-{place}.1", scene.at, on=scene.engine)
        assert not order_tries.begin(due, f"n1-{place}.2", scene.at, on=scene.engine), "rung twice"
        assert _due(scene) == []
        _told(scene, order_tries.tried(due, f"n1-{place}.1", outcome, scene.at))
        scene.later(seconds=10)
    assert [one.state for one in scene.rows(OrderTry)] == ["no_answer", "declined"]
    assert scene.states(order) == {"xa": "unanswered", "huyen": "sent"}


def test_a_call_whose_process_died_is_made_again_with_the_same_number(scene: Scene) -> None:
    scene.issue("xa")
    (due,) = _due(scene)
    assert order_tries.begin(due, "n1-9.1", scene.at, on=scene.engine)
    with reading(scene.engine) as session:
        (left,) = order_tries.left_behind(session, "n1", [], scene.at)
        assert order_tries.left_behind(session, "n1", ["n1-9.1"], scene.at) == []
        assert order_tries.left_behind(session, "n2", [], scene.at) == []
    assert left.id == due.assignment_id
    _told(scene, order_tries.tried(due, "n1-9.1", TryState.INTERRUPTED, scene.at))
    scene.at += timedelta(seconds=6)
    (again,) = _due(scene)
    assert again.number == due.number


def test_no_number_is_rung_for_two_orders_at_once(on_both: Scene) -> None:
    scene = on_both
    scene.issue("xa")
    scene.issue("xa")
    first, second = _due(scene)
    assert order_tries.begin(first, "n1-1.1", scene.at, on=scene.engine)
    assert not order_tries.begin(second, "n1-1.2", scene.at, on=scene.engine)


def test_who_is_on_the_telephone_is_let_finish_before_the_order_climbs(scene: Scene) -> None:
    order = scene.issue("xa")
    scene.at += timedelta(minutes=2, seconds=50)
    (due,) = _due(scene)
    assert order_tries.begin(due, "n1-1.1", scene.at, on=scene.engine)
    scene.later(seconds=20)
    assert scene.states(order) == {"xa": "sent"}
    scene.act(f"{order}.1", H.ACCEPT, means=Means.TELEPHONE)
    scene.later(minutes=10)
    assert scene.states(order) == {"xa": "accepted"}


def test_an_order_keeps_the_times_that_it_was_issued_with_through_every_level(scene: Scene) -> None:
    faults: list[Fault] = []
    table = {"orders": {"again_s": 2, "answer_s": {"RED": 20, "ORANGE": 20, "YELLOW": 20}}}
    times = order_times.read(Table("x.toml", table, faults))
    assert faults == []
    order = scene.issue("xa", by=replace(OPERATOR, times=times))
    scene.later(seconds=21)
    assert scene.states(order) == {"xa": "unanswered", "huyen": "sent"}
    scene.later(seconds=21)
    assert scene.states(order)["tinh"] == "sent"


def test_a_rehearsal_of_an_earlier_year_orders_the_teams_of_that_year(scene: Scene) -> None:
    with transaction(scene.engine) as session:
        then = agencies.organisation(session, date(2025, 6, 30))
        wanted = Wanted(
            scene.ticket_id, "Đưa người bệnh đi", "other", ("cu",), scene.at + timedelta(hours=1), "25999"
        )
        order = ordering.issue(session, wanted, OPERATOR, scene.at, then, CATEGORIES)
    assert scene.states(order) == {"cu": "sent"}


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"answer_s": {"PINK": 20}}, "there is no level 'PINK'"),
        ({"approve_s": {"RED": 0}}, "approve_s.RED must be 5 to"),
        ({"ring_s": 600}, "ring_s must be 5 to 120"),
        ({"answers": 3}, "unknown field answers"),
    ],
)
def test_a_wrong_time_of_orders_is_named(table: dict[str, Any], fault: str) -> None:
    faults: list[Fault] = []
    order_times.read(Table("x.toml", {"orders": table}, faults))
    assert fault in str(faults[0])


# -- approval --


def test_an_order_beyond_ones_authority_waits_for_a_second_person(scene: Scene) -> None:
    order = scene.issue("huyen", reason="xã không đủ xe")
    assert scene.states(order) == {"huyen": "waiting"}
    assert {one.kind for one in scene.rows(TextMessage)} == {"approval"}, "the committee alone is told"
    assert _due(scene) == []
    (asked,) = scene.rows(OrderApproval)
    assert asked.centre == "tinh"
    scene.decide(asked.id, PROVINCE_LEADER)
    assert scene.states(order) == {"huyen": "sent"}
    assert scene.order(order).approved_by == "chutich"


def test_what_is_within_ones_authority_is_sent_at_once(scene: Scene) -> None:
    assert scene.states(scene.issue("huyen", by=SUPERVISOR)) == {"huyen": "sent"}


def test_a_campaign_lets_an_operator_order_what_else_the_committee_is_asked_for(scene: Scene) -> None:
    epidemic = read_installation(PROJECT / "installation" / "demo.toml").profiles[0]
    authority = {role: frozenset(levels) for role, levels in epidemic.rules["authority"].items()}
    assert scene.states(scene.issue("huyen", by=replace(OPERATOR, authority=authority))) == {"huyen": "sent"}


def test_an_unanswered_approval_climbs_and_then_the_lower_committee_is_told(scene: Scene) -> None:
    scene.issue("xa", ask=True, reason="chưa rõ thẩm quyền")
    (asked,) = scene.rows(OrderApproval)
    assert asked.centre == "huyen"
    scene.later(minutes=4)
    states = {one.centre: one.state for one in scene.rows(OrderApproval)}
    assert states == {"huyen": "climbed", "tinh": "asked"}
    with pytest.raises(RequestRefused, match="cấp trên"):
        scene.decide(asked.id, DISTRICT_LEADER)
    scene.later(minutes=30)
    assert {one.centre: one.state for one in scene.rows(OrderApproval)} == states, "at the top it stays open"


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        (By("lan", "leader", "tinh"), "phải là người khác"),
        (OPERATOR, "phải là người khác"),
        (SUPERVISOR, "không thuộc Ban Chỉ đạo"),
        (DISTRICT_LEADER, "không thuộc Ban Chỉ đạo"),
    ],
)
def test_who_may_not_approve_reads_why(scene: Scene, by: By, sentence: str) -> None:
    scene.issue("tinh", reason="cần xe cấp tỉnh")
    (asked,) = scene.rows(OrderApproval)
    # Nobody is above the province, so any leader of the hotline is asked; a district's is not one of the province's.
    if by is DISTRICT_LEADER:
        scene.recall(asked.order_id)
        scene.issue("huyen", reason="cần xe cấp huyện")
        asked = scene.rows(OrderApproval)[-1]
    with pytest.raises(RequestRefused, match=sentence):
        scene.decide(asked.id, by)


def test_an_approval_after_the_recall_is_refused_and_nothing_is_sent(scene: Scene) -> None:
    order = scene.issue("huyen", reason="xã không đủ xe")
    (asked,) = scene.rows(OrderApproval)
    scene.recall(order)
    before = len(scene.entries())
    with pytest.raises(RequestRefused, match="đã được thu hồi"):
        scene.decide(asked.id, PROVINCE_LEADER)
    assert scene.states(order) == {"huyen": "recalled"}
    assert len(scene.entries()) == before


def test_a_refused_order_is_sent_to_nobody(scene: Scene) -> None:
    order = scene.issue("huyen", reason="xã không đủ xe")
    (asked,) = scene.rows(OrderApproval)
    with pytest.raises(RequestRefused, match="Lý do từ chối"):
        scene.decide(asked.id, PROVINCE_LEADER, approves=False)
    scene.decide(asked.id, PROVINCE_LEADER, approves=False, said="dùng xe của xã bên")
    assert (scene.order(order).state, scene.states(order)) == ("refused", {"huyen": "recalled"})


# -- recall, another team --


def test_a_recalled_order_calls_every_team_off_and_says_so_to_who_accepts_then(scene: Scene) -> None:
    order = scene.issue("xa", "xa-ben")
    scene.act(f"{order}.1", H.ACCEPT)
    scene.recall(order)
    assert set(scene.states(order).values()) == {"recalled"}
    for part in (f"{order}.1", f"{order}.2"):
        with pytest.raises(RequestRefused, match="đã được thu hồi"):
            scene.act(part, H.ACCEPT)
    with pytest.raises(RequestRefused, match="đã được thu hồi"):
        scene.recall(order)


def test_another_team_takes_the_place_of_one(scene: Scene) -> None:
    order = scene.issue("xa")
    with transaction(scene.engine) as session:
        organisation = agencies.organisation(session)
        new = ordering.give(
            session, order, "xa-ben", OPERATOR, "đội xã hết xe", scene.at, organisation, f"{order}.1"
        )
    assert scene.states(order) == {"xa": "replaced", "xa-ben": "sent"}
    assert [one.instead_of for one in scene.parts(order) if one.id == new] == [f"{order}.1"]


# -- what cannot be --


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"teams": ("cu",)}, "không còn nhận lệnh"),
        ({"teams": ("khong-co",)}, "Không có đơn vị “khong-co”"),
        ({"teams": ()}, "ít nhất một đội"),
        ({"unit_code": "25999"}, "Xã Cũ không còn là đơn vị hành chính"),
        ({"unit_code": "99999"}, "không có mã này"),
        ({"due_in": timedelta(minutes=-5)}, "đã qua"),
        ({"due_in": timedelta(days=90)}, "trong vòng 30 ngày"),
        ({"what": "đi"}, "từ 5 đến 500"),
        ({"category": "x"}, "Loại việc"),
        ({"teams": ("huyen",)}, "Lý do xin duyệt"),
    ],
)
def test_a_wrong_order_is_one_clear_sentence_and_nothing_half_written(
    scene: Scene, change: dict[str, Any], sentence: str
) -> None:
    entries = scene.entries()
    values = dict(change)
    due_in = values.pop("due_in", None)
    if isinstance(due_in, timedelta):
        values["due_at"] = scene.at + due_in
    teams = values.pop("teams", ("xa",))
    with pytest.raises(RequestRefused, match=sentence) as refused:
        scene.issue(*teams, **values)
    assert refused.value.en
    for kind in (Order, Assignment, OrderApproval, OrderStep, TextMessage):
        assert scene.rows(kind) == []
    assert scene.entries() == entries


def test_the_ledger_stays_whole(scene: Scene) -> None:
    order = scene.issue("xa")
    scene.recall(order)
    with reading(scene.engine) as session:
        faults = list(verify(session, Path("/nowhere"), scene.at))
    assert not [fault for fault in faults if "was changed" in fault or "lacks" in fault]


def _acuity(scene: Scene, order: str) -> Any:
    return Acuity(scene.order(order).acuity)


def _due(scene: Scene) -> list[order_tries.Due]:
    with reading(scene.engine) as session:
        return order_tries.due(session, scene.at, 100)


def _told(scene: Scene, event: Any) -> None:
    with transaction(scene.engine) as session:
        apply(session, event, "calls")
