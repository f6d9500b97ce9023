"""Who sees which page, and what the live page shows."""

from __future__ import annotations

import pytest
from flask import Flask

from hotline.access import ROUTES, may
from hotline.operators import Role
from tests.softphone_panel.conftest import SignedIn


def test_every_route_of_the_panel_and_the_stream_is_in_the_table_and_nothing_else_is(app: Flask) -> None:
    from softphone_panel import live

    endpoints = {r.endpoint for one in (app, live.create_app()) for r in one.url_map.iter_rules()}
    assert endpoints == set(ROUTES)


def test_a_route_that_is_not_in_the_table_is_refused_to_all() -> None:
    assert not any(may(role, "tickets.new_and_forgotten") for role in Role)


@pytest.mark.parametrize("username", ["lan", "truongca", "quantri"])
def test_every_page_opens_for_whom_the_table_names_and_for_nobody_else(
    signed_in: SignedIn, username: str
) -> None:
    client = signed_in(username)
    role = {"lan": "operator", "truongca": "supervisor", "quantri": "administrator"}[username]
    for path, endpoint in {
        "/desk": "desk.page",
        "/desk/board": "desk.board",
        "/tickets": "tickets.index",
        "/recalls": "recalls.index",
        "/people": "people.index",
    }.items():
        assert client.get(path).status_code == (200 if may(role, endpoint) else 403), path


def test_whoever_signs_in_is_where_they_work(signed_in: SignedIn) -> None:
    for username, page in {"lan": "/my-desk", "truongca": "/desk", "quantri": "/desk"}.items():
        assert signed_in(username).get("/").headers["Location"] == page


def test_a_part_drawn_anew_takes_no_style_from_the_old_one_which_the_policy_would_refuse(
    signed_in: SignedIn,
) -> None:
    assert '"attributesToSettle":["class"]' in signed_in("lan").get("/my-desk").text


def test_nobody_sees_a_page_without_signing_in(app: Flask) -> None:
    answer = app.test_client().get("/tickets?state=open")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=/tickets?state%3Dopen"


def test_the_live_page_shows_the_line_with_the_most_urgent_first(signed_in: SignedIn) -> None:
    page = signed_in("truongca").get("/desk").text
    line = page[page.index("waiting-title") : page.index("operators-title")]
    body = line[line.index("<tbody>") :]
    order = [body.index(word) for word in ("Đỏ", "Cam", "Vàng", "Xanh", "Không y tế")]
    assert order == sorted(order)
    assert "Khó thở, tím tái hoặc đau ngực" in body


def test_the_fragment_that_the_page_already_shows_is_not_sent_again(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    first = client.get("/desk/board")
    assert client.get(f"/desk/board?seen={first.headers['X-Seen']}").status_code == 204
