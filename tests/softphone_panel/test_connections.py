"""The page of agencies' systems: tokens and webhooks are made, shown once, ended; what could not be told is sent again."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from hotline import webhooks
from hotline.agency_tokens import AgencyToken
from hotline.database import reading, transaction
from hotline.events import now
from hotline.webhooks import AgencyWebhook, Told, WebhookDelivery
from tests.softphone_panel.conftest import SignedIn
from tests.softphone_panel.test_command_board import places

__all__ = ["places"]
TEAM = "team-hung-long"


@pytest.fixture
def dead(places: list[str]) -> int:
    """A paused webhook with a telling that nobody took; the telling's id."""
    with transaction() as session:
        hook = webhooks.register(
            session, TEAM, "https://doi.example.vn/1022", list(Told), "quantri", now(), ()
        )
        webhooks.tell(session, TEAM, Told.ORDER_SENT, {"order": "o-n1-1.1"}, now())
        session.flush()
        row = session.scalars(select(WebhookDelivery)).one()
        row.state, row.tries, row.fault = "dead", 8, "HTTP 500"
        hook.failures, hook.paused_at = webhooks.FAILURES_MOST, now()
        return row.id


def test_an_administrator_issues_a_token_that_is_shown_once_and_revokes_it(
    places: list[str], signed_in: SignedIn
) -> None:
    boss = signed_in("quantri")
    made = boss.post(
        "/connections/tokens",
        data={"agency": TEAM, "name": "Phần mềm đội", "scopes": ["orders:read", "tickets:read"]},
    )
    found = re.search(r"<code>([\w-]{32})</code>", made.text)
    assert made.status_code == 200 and found
    token = {"Authorization": f"Bearer {found[1]}"}
    assert boss.get("/api/v1/orders", headers=token).status_code == 200
    page = boss.get("/connections").text
    assert "Phần mềm đội" in page and "xem lệnh" in page and found[1] not in page
    with reading() as session:
        row = session.scalars(select(AgencyToken)).one()
        assert row.made_by == "quantri"
    assert boss.post(f"/connections/tokens/{row.id}").status_code == 303
    assert boss.get("/api/v1/orders", headers=token).status_code == 401
    assert "đã thu hồi" in boss.get("/connections").text
    assert boss.post("/connections/tokens/999").status_code == 404


@pytest.mark.parametrize(
    ("form", "given", "sentence"),
    [
        ("tokens", {"agency": "team-gone", "name": "x", "scopes": ["orders:read"]}, "Không có cơ quan này"),
        ("tokens", {"agency": TEAM, "name": "x"}, "Hãy chọn ít nhất một quyền"),
        ("tokens", {"agency": TEAM, "name": " ", "scopes": ["orders:read"]}, "Hãy đặt tên hệ thống"),
        (
            "webhooks",
            {"agency": TEAM, "url": "http://doi.example.vn", "events": ["order.sent"]},
            "phải bắt đầu bằng https://",
        ),
        (
            "webhooks",
            {"agency": TEAM, "url": "https://192.168.1.5/x", "events": ["order.sent"]},
            "ở mạng nội bộ",
        ),
        (
            "webhooks",
            {"agency": TEAM, "url": "https://doi.example.vn", "events": ["call.ended"]},
            "Hãy chọn ít nhất một sự kiện",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_what_was_typed_stays(
    places: list[str], signed_in: SignedIn, form: str, given: dict[str, str], sentence: str
) -> None:
    answer = signed_in("quantri").post(f"/connections/{form}", data=given)
    assert answer.status_code == 422 and sentence in answer.text and 'role="alert"' in answer.text
    assert f'value="{given["agency"]}"' in answer.text
    with reading() as session:
        assert (
            not session.scalars(select(AgencyToken)).all()
            and not session.scalars(select(AgencyWebhook)).all()
        )


def test_a_webhook_is_added_with_its_secret_once_and_ended(places: list[str], signed_in: SignedIn) -> None:
    boss = signed_in("quantri")
    given = {
        "agency": TEAM,
        "url": "https://doi.example.vn/1022",
        "events": ["order.sent", "ticket.assigned"],
    }
    made = boss.post("/connections/webhooks", data=given)
    found = re.search(r"<code>([0-9a-f]{32})</code>", made.text)
    assert made.status_code == 200 and found
    page = boss.get("/connections").text
    assert "https://doi.example.vn/1022" in page and "có lệnh mới" in page and found[1] not in page
    with reading() as session:
        number = session.scalars(select(AgencyWebhook.id)).one()
    boss.post(f"/connections/webhooks/{number}/end")
    assert "đã bỏ" in boss.get("/connections").text


def test_what_could_not_be_told_stands_first_and_is_sent_again_and_a_paused_webhook_goes_on(
    dead: int, signed_in: SignedIn
) -> None:
    boss = signed_in("quantri")
    page = boss.get("/connections").text
    assert page.index("Không báo được") < page.index("Mã truy cập</h2>")
    assert "o-n1-1.1" in page and "HTTP 500" in page and "dừng từ" in page
    assert boss.post(f"/connections/deliveries/{dead}").status_code == 303
    assert boss.post(f"/connections/deliveries/{dead}").status_code == 409
    with reading() as session:
        assert session.scalars(select(WebhookDelivery)).one().state == "due"
        number = session.scalars(select(AgencyWebhook.id)).one()
    assert "1 tin đang chờ" in boss.get("/connections").text
    boss.post(f"/connections/webhooks/{number}/resume")
    page = boss.get("/connections").text
    assert "dừng từ" not in page and "Không báo được" not in page


def test_only_administrators_see_and_change_connections(dead: int, signed_in: SignedIn) -> None:
    for username in ("truongca", "lan"):
        client = signed_in(username)
        assert client.get("/connections").status_code == 403
        assert client.post(f"/connections/deliveries/{dead}").status_code == 403
        assert "/connections" not in client.get("/tickets").text
