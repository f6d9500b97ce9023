"""Live, ready, and the numbers for Prometheus."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete

from hotline import deadlines, documents
from hotline.approvals import Approval
from hotline.database import transaction
from hotline.events import now
from hotline.secrets import secret
from hotline.settings import settings
from softphone_panel import health


def test_ready_names_each_part_that_is_not(app: Flask, who: dict[str, int]) -> None:
    answer = app.test_client().get("/ready")
    assert answer.status_code == 503
    parts = answer.get_json()["parts"]
    assert (parts["database"], parts["protocols"]) == ("ok", "ok")
    assert "Redis does not answer" in parts["redis"]
    assert "never reached Asterisk" in parts["asterisk"]


def test_an_installation_without_an_approved_protocol_is_ready_and_says_so(
    app: Flask, who: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(health.PARTS, "redis", lambda: health.OK)
    monkeypatch.setitem(health.PARTS, "asterisk", lambda: health.OK)
    assert app.test_client().get("/ready").get_json()["degraded"] == []
    with transaction() as session:
        session.execute(delete(Approval))
    answer = app.test_client().get("/ready")
    assert (answer.status_code, answer.get_json()["degraded"]) == (200, ["protocols"])
    assert "no approved protocol: Tổng đài 1022 Bình Phước" in answer.get_json()["parts"]["protocols"]


def test_settings_that_asterisk_did_not_take_are_named_and_calls_are_answered_all_the_same(
    app: Flask, who: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(health.PARTS, "redis", lambda: health.OK)
    monkeypatch.setitem(health.PARTS, "asterisk", lambda: health.OK)
    with transaction() as session:
        documents.note_followed(session, "calls@n1", 3, "the disk is full")
    answer = app.test_client().get("/ready")
    assert (answer.status_code, answer.get_json()["degraded"]) == (200, ["settings"])
    assert "the disk is full" in answer.get_json()["parts"]["settings"]


def test_clocks_that_lag_are_degraded_and_measured(
    app: Flask, who: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(health.PARTS, "redis", lambda: health.OK)
    monkeypatch.setitem(health.PARTS, "asterisk", lambda: health.OK)
    with transaction() as session:
        deadlines.set(session, "test", "x", now() - timedelta(seconds=100))
    answer = app.test_client().get("/ready")
    assert (answer.status_code, answer.get_json()["degraded"]) == (200, ["clocks"])
    assert "the oldest for 100 s" in answer.get_json()["parts"]["clocks"]
    lines = app.test_client().get("/metrics").text.splitlines()
    assert any(line.startswith("hotline_deadlines_lag_seconds 100.") for line in lines)


def test_a_fresh_beat_is_an_asterisk_that_answers(app: Flask, house: Path) -> None:
    (house / "var" / "run").mkdir(parents=True)
    (house / "var" / "run" / "calls.beat").touch()
    assert app.test_client().get("/ready").get_json()["parts"]["asterisk"] == "ok"


def test_the_measures_count_the_rows(app: Flask, who: dict[str, int]) -> None:
    text = app.test_client().get("/metrics").text
    samples = {
        (s.name, *sorted(s.labels.values())): s.value
        for f in text_string_to_metric_families(text)
        for s in f.samples
    }
    assert samples["hotline_calls", "ORANGE", "binhphuoc", "waiting"] == 1
    assert samples["hotline_calls", "RED", "binhphuoc", "ringing"] == 1
    assert samples["hotline_calls", "YELLOW", "binhduong", "talking"] == 1
    assert samples["hotline_operators", "talking"] == 2
    assert samples["hotline_recalls_late", "RED", "binhphuoc"] == 1
    assert samples["hotline_waiting_seconds_max", "YELLOW", "binhphuoc"] > 200


def test_strangers_get_no_measures(app: Flask, who: dict[str, int]) -> None:
    client = app.test_client()
    stranger = {"REMOTE_ADDR": "10.1.2.3"}
    assert client.get("/metrics", environ_overrides=stranger).status_code == 403
    token = {"Authorization": f"Bearer {secret(settings().var, 'metrics')}"}
    assert client.get("/metrics", environ_overrides=stranger, headers=token).status_code == 200
