"""Agencies' systems are told what happened: signed, at least once, never a private address, and a dead receiver holds up nobody."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import jsonschema_rs
import pytest
from sqlalchemy import Engine, select

from hotline import webhook_sender, webhooks
from hotline.clocks import Clocks
from hotline.database import reading, transaction
from hotline.installation import read
from hotline.orders import Happening
from hotline.refusals import RequestRefused
from hotline.settings import PROJECT
from hotline.tickets import TicketEntry
from hotline.webhook_sender import WebhookSender
from hotline.webhooks import AgencyWebhook, DeliveryState, Told, WebhookDelivery
from softphone_panel import agency_document
from tests.hotline.order_scene import START, Scene
from tests.hotline.webhook_receiver import Receiver, receiver

LOCAL = webhooks.networks("127.0.0.0/8, ::1/128")


REFUSED = (
    "https://127.0.0.1/x", "https://[::1]/", "https://10.0.0.8", "https://169.254.169.254/latest/meta-data", "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a00:1]/", "https://localhost/x", "http://example.vn/x", "https://ten:mat@example.vn", "https://", "file:///etc/passwd",
    "https://example.vn/#x", "https://[fe80::1%25eth0]/", "https://0.0.0.0", "https://224.0.0.1/", "https://exa mple.vn\n/", "https://x:99999/",
)  # fmt: skip


def test_an_address_that_is_no_public_https_one_is_refused_in_a_sentence() -> None:
    for url in REFUSED:
        with pytest.raises(RequestRefused) as refused:
            webhooks.judged_url(url, ())
        assert refused.value.vi.endswith(".") and refused.value.en.endswith("."), url
    assert (
        webhooks.judged_url("https://10.0.0.8/in", webhooks.networks("10.0.0.0/8")) == "https://10.0.0.8/in"
    )
    assert webhooks.judged_url(" https://example.vn:8443/in?x=1 ", ()) == "https://example.vn:8443/in?x=1"


@pytest.fixture
def scene(database: Engine) -> Scene:
    return Scene(database)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Receiver]:
    with receiver(tmp_path) as found:
        yield found


class Post:
    """A sender whose clock the test moves."""

    def __init__(self, engine: Engine, var: Path, system: Receiver) -> None:
        self.at, self.engine, self.var = START, engine, var
        self.sender = WebhookSender(
            engine, var, LOCAL, system.authority, clock=lambda: self.at, chance=lambda: 0.5
        )

    def hears(self, agency: str, url: str, *events: str) -> int:
        with transaction(self.engine) as session:
            return webhooks.register(session, agency, url, events or list(Told), "test", self.at, LOCAL).id

    def told(self, agency: str = "xa", event: Told = Told.ORDER_SENT, **about: str) -> None:
        with transaction(self.engine) as session:
            webhooks.tell(session, agency, event, about, self.at)

    def passes(self, seconds: float) -> int:
        self.at += timedelta(seconds=seconds)
        return self.sender.look()

    def rows(self) -> list[WebhookDelivery]:
        with reading(self.engine) as session:
            return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))

    def webhook(self, agency: str = "xa") -> AgencyWebhook:
        with reading(self.engine) as session:
            return session.scalars(select(AgencyWebhook).where(AgencyWebhook.agency_key == agency)).one()


@pytest.fixture
def post(scene: Scene, tmp_path: Path, system: Receiver) -> Post:
    return Post(scene.engine, tmp_path, system)


def test_an_order_is_told_to_its_teams_system_signed_and_without_a_word_of_any_person(
    scene: Scene, post: Post, system: Receiver
) -> None:
    post.hears("xa", f"{system.url}/in")
    post.hears("xa-ben", f"{system.url}/another")
    order = scene.issue("xa")
    post.at = scene.at
    assert post.passes(0) == 1
    (sent,) = system.events
    assert (sent["event"], sent["agency"], sent["order"], sent["state"]) == (
        "order.sent",
        "xa",
        f"{order}.1",
        "sent",
    )
    assert set(sent) == {"id", "event", "at", "agency", "order", "state"}, (
        "ids and states: nothing of a person"
    )
    header = system.headers[0]
    at, _, told = header["X-1022-Signature"].partition(",v1=")
    key = webhooks.secret_of(post.webhook(), post.var)
    wanted = hmac.new(key.encode(), at.removeprefix("t=").encode() + b"." + system.bodies[0], hashlib.sha256)
    assert told == wanted.hexdigest() and header["X-1022-Delivery"] == sent["id"]
    scene.act(f"{order}.1", Happening.ACCEPT)
    post.at = scene.at
    assert post.passes(0) == 1
    assert [one["state"] for one in system.events] == ["sent", "accepted"]


def test_who_did_not_ask_for_an_event_and_who_was_ended_hear_nothing(post: Post, system: Receiver) -> None:
    number = post.hears("xa", system.url, Told.TICKET_CHANGED)
    post.told(order="o-1.1")
    assert post.rows() == []
    post.told(event=Told.TICKET_CHANGED, ticket="t-1")
    with transaction(post.engine) as session:
        webhooks.end(session, number, "test", post.at)
    post.told(event=Told.TICKET_CHANGED, ticket="t-2")
    assert (post.passes(1), post.rows(), system.bodies) == (0, [], [])


def test_what_is_rolled_back_is_told_to_nobody(scene: Scene, post: Post, system: Receiver) -> None:
    post.hears("xa", system.url)
    with pytest.raises(RuntimeError), transaction(scene.engine) as session:
        webhooks.tell(session, "xa", Told.ORDER_SENT, {"order": "o-1.1"}, post.at)
        session.flush()
        raise RuntimeError
    assert post.rows() == []


def test_a_receiver_that_fails_is_asked_again_at_growing_intervals_with_the_same_id_until_it_is_dead(
    post: Post, system: Receiver
) -> None:
    post.hears("xa", system.url)
    post.told(order="o-1.1")
    system.does += ["500", "404", "503"] + ["500"] * 10
    waited = []
    for _ in range(len(webhooks.PAUSES_S) + 1):
        post.passes(0)
        (row,) = post.rows()
        if row.state == DeliveryState.DUE:
            waited.append((row.next_try_at - post.at).total_seconds())
            post.at = max(row.next_try_at, post.webhook().rests_until or row.next_try_at)
    assert waited == sorted(waited) == list(webhooks.PAUSES_S), (
        "with half the chance it is the middle of each pause"
    )
    assert (row.state, row.tries, row.fault) == ("dead", len(webhooks.PAUSES_S) + 1, "HTTP 500")
    assert len({one["id"] for one in system.events}) == 1
    signed = {header["X-1022-Signature"] for header in system.headers}
    assert len(signed) == len(system.headers), "each try is signed at its own time"
    assert post.passes(86400) == 0
    system.does.clear()
    with transaction(post.engine) as session:
        assert webhooks.again(session, row.id, post.at) is not None
        assert webhooks.again(session, row.id, post.at) is None, "it is due already"
    post.at += timedelta(seconds=60)
    assert post.sender.look() == 1
    assert (post.rows()[0].state, post.rows()[0].tries, post.webhook().failures) == ("sent", 1, 0)


def test_a_redirect_is_a_failure_and_is_not_followed(post: Post, system: Receiver) -> None:
    post.hears("xa", f"{system.url}/in")
    post.told(order="o-1.1")
    system.does += ["302", "200"]
    assert post.passes(0) == 0
    assert (system.paths, post.rows()[0].fault) == (["/in"], "HTTP 302")


def test_a_receiver_that_hangs_costs_its_limit_once_and_the_others_are_told_meanwhile(
    post: Post, system: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "ANSWERS_WITHIN_S", 1.0)
    with receiver(tmp_path) as other:
        post.hears("xa", system.url)
        post.hears("xa-ben", other.url)
        system.does += ["hang"] * 5
        for n in range(5):
            post.told(order=f"o-{n}.1")
            post.told("xa-ben", order=f"o-{n}.2")
        began_s = time.monotonic()
        assert post.passes(0) == 5
        assert time.monotonic() - began_s < 4.0, "one limit, not five"
        assert (len(other.bodies), len(system.bodies)) == (5, 1)
    assert post.rows()[0].fault == "no answer in 1 s"
    assert post.passes(1) == 0 and len(system.bodies) == 1, "it is left alone for a while"


def test_after_many_failures_in_a_row_a_webhook_is_paused_and_goes_on_when_somebody_says_so(
    post: Post, system: Receiver
) -> None:
    number = post.hears("xa", system.url)
    system.does += ["500"] * webhooks.FAILURES_MOST
    for n in range(webhooks.FAILURES_MOST):
        post.told(order=f"o-{n}.1")
    for _ in range(webhooks.FAILURES_MOST * 3):
        if post.webhook().paused_at is not None:
            break
        post.passes(60)
    paused = post.webhook()
    assert paused.paused_at is not None and paused.failures == webhooks.FAILURES_MOST
    asked = len(system.bodies)
    assert post.passes(3600) == 0 and len(system.bodies) == asked, "nothing goes there"
    post.told(order="o-late.1")
    with transaction(post.engine) as session:
        webhooks.resume(session, number)
    assert post.passes(1) == 20 and post.passes(1) == 11, "so many in one look, the oldest first"
    assert "o-late.1" in {one["order"] for one in system.events[asked:]}


def test_who_was_killed_before_the_answer_was_written_sends_it_again_under_the_same_id(
    post: Post, system: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.hears("xa", system.url)
    post.told(order="o-1.1")
    with monkeypatch.context() as killed:
        killed.setattr(WebhookSender, "_write", lambda *_: None)
        post.passes(0)
    assert post.passes(1) == 0, "another one believes it to be on its way"
    assert post.passes(webhook_sender.LEASE.total_seconds()) == 1
    assert len(system.bodies) == 2 and len({one["id"] for one in system.events}) == 1


def test_a_name_that_leads_to_a_private_address_is_not_connected_to(
    post: Post, system: Receiver, tmp_path: Path
) -> None:
    """Also one that was public when it was registered: judged is what is connected to."""
    with transaction(post.engine) as session:
        webhooks.register(session, "xa", "https://example.vn/in", list(Told), "test", post.at, ())
        session.scalars(select(AgencyWebhook)).one().url = system.url
    post.told(order="o-1.1")
    for url in (system.url, system.url.replace("localhost", "127.0.0.1")):
        with transaction(post.engine) as session:
            row = session.scalars(select(WebhookDelivery)).one()
            row.next_try_at, session.scalars(select(AgencyWebhook)).one().url = post.at, url
            session.scalars(select(AgencyWebhook)).one().rests_until = None
        WebhookSender(post.engine, tmp_path, (), system.authority, clock=lambda: post.at).look()
        assert (post.rows()[0].fault, system.bodies) == ("private address", [])


def test_a_receiver_whose_certificate_nobody_vouches_for_is_told_nothing(
    post: Post, system: Receiver
) -> None:
    post.hears("xa", system.url)
    post.told(order="o-1.1")
    post.sender.authorities = None
    assert post.passes(0) == 0
    assert (post.rows()[0].fault, system.bodies) == ("ClientConnectorCertificateError", [])


def test_a_ticket_that_waits_for_an_agency_is_told_to_it_and_so_is_its_close_all_as_the_document_says(
    scene: Scene, post: Post, system: Receiver
) -> None:
    post.hears("xa", system.url)
    clocks = Clocks(
        scene.engine, lambda: read(PROJECT / "installation" / "demo.toml"), clock=lambda: scene.at
    )
    clocks.look()
    with transaction(scene.engine) as session:
        session.add(
            TicketEntry(
                ticket_id=scene.ticket_id,
                at=scene.at,
                kind="assigned",
                actor="lan",
                text="",
                body={"agency": "xa"},
            )
        )
    clocks.look()
    with transaction(scene.engine) as session:
        session.add(
            TicketEntry(
                ticket_id=scene.ticket_id,
                at=scene.at,
                kind="disposition",
                actor="lan",
                text="",
                body={"disposition": "done"},
            )
        )
    clocks.look()
    told = [(row.event, row.body["ticket"], row.body["stage"]) for row in post.rows()]
    assert told[0][:2] == ("ticket.assigned", scene.ticket_id)
    assert told[-1] == ("ticket.changed", scene.ticket_id, "closed")
    order = scene.issue("xa")
    scene.act(f"{order}.1", Happening.ACCEPT)
    post.at = scene.at
    while post.passes(1):
        pass
    assert {one["event"] for one in system.events} == set(Told)
    for body, headers in zip(system.events, system.headers, strict=True):
        does = agency_document.TOLD[body["event"]]["post"]
        schema = does["requestBody"]["content"][headers["Content-Type"]]["schema"]
        jsonschema_rs.validate(schema, body)
        for header in does["parameters"]:
            jsonschema_rs.validate(header["schema"], headers[header["name"]])


def test_what_was_told_is_forgotten_after_a_month_and_what_waited_too_long_is_dead(
    post: Post, system: Receiver
) -> None:
    post.hears("xa", system.url)
    post.told(order="o-1.1")
    post.passes(0)
    with transaction(post.engine) as session:
        session.scalars(select(AgencyWebhook)).one().paused_at = post.at
    post.told(order="o-2.1")
    post.at += webhooks.OLDEST + timedelta(hours=1)
    post.sender.trim()
    assert [row.state for row in post.rows()] == ["sent", "dead"]
    post.at += webhooks.KEPT
    post.sender.trim()
    assert [row.state for row in post.rows()] == ["dead"]
