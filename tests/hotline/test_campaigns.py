"""A profile is laid over the whole installation and taken off again, by a person or by a plan; nothing of it stays behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hotline import campaigns, documents, installation
from hotline.approvals import Approval
from hotline.deadlines import Worker
from hotline.document_kinds import CAMPAIGN, HOTLINE, PROFILE, RULES, in_force
from hotline.documents import House, Refused
from hotline.due_work import HANDLERS
from hotline.events import now
from hotline.installation import Installation, InstallationFaults
from hotline.operators import Operator, Role
from hotline.settings import PROJECT, settings

PATH = PROJECT / "installation" / "demo.toml"


@pytest.fixture(autouse=True)
def demo(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_INSTALLATION", str(PATH))
    settings.cache_clear()


def house(session: Session) -> House:
    return documents.house(session, PATH)


def switch(session: Session, profile: str, note: str = "thử") -> None:
    seen = documents.seen(session, CAMPAIGN, "")
    campaigns.switch(session, house(session), profile, by="quantri", seen=seen, note=note)
    session.commit()


def put(session: Session, kind: documents.Kind, key: str, content: dict[str, Any]) -> None:
    seen = documents.seen(session, kind, key)
    documents.put(session, house(session), kind, key, content, by="quantri", seen=seen)
    session.commit()


def told(session: Session) -> Installation:
    return in_force(house(session))


def test_one_switch_changes_menus_queues_promises_and_approvals_and_back_is_exactly_as_before(
    database: Engine,
) -> None:
    with Session(database) as session:
        before = told(session)
        switch(session, "disaster")
        during = told(session)
        assert (
            during.campaign == "disaster" and during.profile is not None and during.profile.vi == "Thiên tai"
        )
        assert (
            {h.protocol for h in during.hotlines}
            == {"emergency-only"}
            != {h.protocol for h in before.hotlines}
        )
        assert (during.ring_s, during.wrap_up_s, during.reserve_share) == (6, 3, 0.4)
        assert [h.sla.warn_percent for h in during.hotlines] == [50, 50]
        assert during.hotlines[0].sla.budgets == before.hotlines[0].sla.budgets
        assert during.authority["operator"] == {"commune", "district", "province"}
        assert during.hotlines[0].numbers == before.hotlines[0].numbers
        switch(session, "epidemic")
        assert told(session).ring_s == 8 and {h.protocol for h in told(session).hotlines} == {"covid-2021"}
        switch(session, "")
        assert told(session) == before
        documents.undo(
            session, house(session), CAMPAIGN, "", 1, by="quantri", seen=documents.seen(session, CAMPAIGN, "")
        )
        assert told(session) == during


def test_what_is_published_meanwhile_stands_when_the_campaign_is_over(database: Engine) -> None:
    with Session(database) as session:
        switch(session, "disaster")
        put(session, RULES, "", {**house(session).content(RULES, ""), "ring_s": 17, "comfort_every_s": 33})
        assert (told(session).ring_s, told(session).comfort_every_s) == (6, 33)
        switch(session, "")
        assert (told(session).ring_s, told(session).comfort_every_s) == (17, 33)


def test_nothing_is_published_that_a_profile_would_break_and_no_profile_that_would_break_something(
    database: Engine,
) -> None:
    with Session(database) as session:
        broken = {"vi": "Hỏng", "en": "Broken", "rules": {"ring_s": 1}}
        with pytest.raises(Refused) as wrong:
            put(session, PROFILE, "broken", broken)
        assert "[profile.broken]: " in " ".join(str(f) for f in wrong.value.faults)
        session.rollback()
        put(
            session,
            PROFILE,
            "narrow",
            {"vi": "Hẹp", "en": "Narrow", "hotline": {"binhphuoc": {"wait_limit_s": 60}}},
        )
        content = house(session).content(HOTLINE, "binhphuoc")
        put(session, HOTLINE, "binhphuoc", {**content, "wait_limit_s": 700})
        switch(session, "narrow")
        assert [h.wait_limit_s for h in told(session).hotlines] == [60, 600]


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"vi": "A", "en": "A", "rules": {"phones": []}}, "a profile cannot change phones"),
        ({"vi": "A", "en": "A", "hotline": {"nowhere": {}}}, "there is no 'nowhere'"),
        ({"vi": "A", "en": "A", "hotline": {"*": {"numbers": []}}}, "a profile cannot change numbers"),
        ({"en": "A"}, "has no vi"),
        ({"vi": "A", "en": "A", "rules": {"authority": {"king": []}}}, "there is no role 'king'"),
    ],
)
def test_a_profile_says_only_what_a_campaign_may_change(profile: dict[str, Any], said: str) -> None:
    raw = installation.raw(PATH)
    with pytest.raises(InstallationFaults) as wrong:
        installation.judged({**raw, "profile": {"a": profile}}, PATH)
    assert said in str(wrong.value)


def test_a_profile_whose_protocol_nobody_approved_is_not_switched_on(database: Engine) -> None:
    with Session(database) as session:
        put(
            session, PROFILE, "other", {"vi": "Khác", "en": "Other", "hotline": {"*": {"protocol": "second"}}}
        )
        with pytest.raises(Refused, match="second of this profile is not approved"):
            switch(session, "other")
        with pytest.raises(Refused, match="There is no profile 'nothing'"):
            switch(session, "nothing")
        assert told(session).campaign == ""
        officer = Operator(username="canbo", full_name="Cán bộ", role=Role.SUPERVISOR, password_hash="-")
        session.add(officer)
        session.flush()
        session.add(
            Approval(
                name="second",
                version="1",
                digest="-",
                text="",
                edited_by="a",
                approved_by=officer.id,
                approved_at=now(),
            )
        )
        session.commit()
        switch(session, "other")
        assert told(session).protocols >= {"second", "covid-2021", "emergency-only"}


def test_a_plan_begins_and_ends_by_itself_once_and_also_after_everything_was_down(database: Engine) -> None:
    at = now()
    begins, ends = at + timedelta(hours=1), at + timedelta(hours=2)
    with Session(database) as session:
        campaigns.plan(session, house(session), "epidemic", begins, ends, by="lanhdao", note="đợt 4", at=at)
        session.commit()
        assert [(p.profile, p.begins_at, p.ends_at) for p in campaigns.plans(session)] == [
            ("epidemic", begins, ends)
        ]
    assert _at(database, at + timedelta(minutes=59)) == ""
    assert _at(database, begins + timedelta(seconds=1)) == "epidemic"
    assert _at(database, begins + timedelta(seconds=2)) == "epidemic"
    assert _at(database, ends + timedelta(hours=3)) == ""
    with Session(database) as session:
        assert [v.published_by for v in documents.history(session, CAMPAIGN, "")] == ["lanhdao", "lanhdao"]
        campaigns.plan(session, house(session), "disaster", ends + timedelta(hours=4), ends + timedelta(hours=5),
                       by="lanhdao", note="bão", at=at)  # fmt: skip
        session.commit()
    # Down the whole time: both are due, the beginning first, and nothing stays on.
    assert _at(database, ends + timedelta(hours=9)) == ""


def _at(database: Engine, at: datetime) -> str:
    """Which profile is on after the worker has looked at that moment."""
    Worker(database, HANDLERS, "n1", clock=lambda: at).look()
    with Session(database) as session:
        return told(session).campaign


def test_a_plans_end_does_not_take_away_what_somebody_switched_on_since(database: Engine) -> None:
    at = now()
    with Session(database) as session:
        campaigns.plan(session, house(session), "epidemic", at + timedelta(hours=1), at + timedelta(hours=2),
                       by="lanhdao", note="đợt 4", at=at)  # fmt: skip
        session.commit()
    assert _at(database, at + timedelta(hours=1)) == "epidemic"
    with Session(database) as session:
        switch(session, "disaster")
    assert _at(database, at + timedelta(hours=3)) == "disaster"


def test_a_plan_in_the_past_is_refused_and_a_cancelled_one_never_comes(database: Engine) -> None:
    at = now()
    with Session(database) as session:
        for begins, ends, said in (
            (at - timedelta(minutes=1), None, "The beginning has passed"),
            (at + timedelta(hours=2), at + timedelta(hours=1), "The end must be after"),
            (at + timedelta(days=500), None, "one year ahead"),
        ):
            with pytest.raises(Refused, match=said):
                campaigns.plan(session, house(session), "epidemic", begins, ends, by="a", note="", at=at)
        assert campaigns.plans(session) == []
        plan = campaigns.plan(
            session, house(session), "epidemic", at + timedelta(hours=1), None, by="a", note="", at=at
        )
        assert campaigns.cancel(session, plan) and not campaigns.cancel(session, plan)
        session.commit()
    assert _at(database, at + timedelta(hours=2)) == ""
