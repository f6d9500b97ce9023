"""Messages: once written they go out through a real HTTP gateway, whatever it or a kill does; what cannot go is a dead letter."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from hotline import due_work, gateway_file, text_messages
from hotline.clocks import TOLD
from hotline.database import make_engine, reading, transaction
from hotline.deadlines import Worker
from hotline.events import now
from hotline.gateway_file import MessageFaults
from hotline.message_sender import MessageSender
from hotline.orders import Happening, OrderLink
from hotline.settings import PROJECT
from hotline.text_messages import PAUSES_S, MessageState, TextMessage, pause_s
from hotline.tickets import Ticket, TicketEntry
from tests import migrated
from tests.hotline import message_worker
from tests.hotline.order_scene import Scene
from tests.hotline.sms_provider import Provider, provider

RESULT_TEXT = "da duoc giao hang"


@pytest.fixture
def gateway() -> Iterator[Provider]:
    with provider() as one:
        yield one


@dataclass
class House:
    scene: Scene
    file: Path
    var: Path
    url: str
    sender: MessageSender

    def look(self) -> int:
        return self.sender.look()

    def later(self, **time_: float) -> None:
        """Time goes on for clocks and pauses alike, and what is due is done."""
        self.scene.at += timedelta(**time_)
        Worker(self.scene.engine, due_work.HANDLERS, "n1", clock=lambda: self.scene.at).look()

    def result(self, number: str = "+84912345678") -> None:
        with transaction(self.scene.engine) as session:
            ticket = session.get_one(Ticket, self.scene.ticket_id)
            session.add(
                TextMessage(
                    at=self.scene.at, next_try_at=self.scene.at, hotline=ticket.hotline, kind="result",
                    about=ticket.id, ticket_id=ticket.id, number=number, body={"result": "supplied"},
                )
            )  # fmt: skip

    def messages(self) -> list[TextMessage]:
        with reading(self.scene.engine) as session:
            return list(session.scalars(select(TextMessage).order_by(TextMessage.id)))

    def one(self) -> TextMessage:
        (found,) = self.messages()
        return found

    def entries(self) -> list[str]:
        kinds = (TOLD, text_messages.FAILED_ENTRY, text_messages.AGAIN_ENTRY)
        with reading(self.scene.engine) as session:
            asked = select(TicketEntry.kind).where(TicketEntry.kind.in_(kinds)).order_by(TicketEntry.id)
            return list(session.scalars(asked))


def house_of(engine: Engine, url: str, folder: Path, gateway: Provider, *more: str) -> House:
    """An installation whose messages go to that provider."""
    file = folder / "installation.toml"
    shutil.copytree(PROJECT / "installation", folder, dirs_exist_ok=True)
    shutil.copy(PROJECT / "installation" / "example.toml", file)
    (folder / "messages.toml").write_text(gateway.toml(*more))
    var = folder / "var"
    (var / "gateways").mkdir(parents=True)
    (var / "gateways" / "provider").write_text("geheim\n")
    scene = Scene(engine)
    sender = message_worker.sender(engine, file, var)
    sender.clock = lambda: scene.at
    sender.steady = lambda: scene.at.timestamp()
    sender.chance = lambda: 0.5
    return House(scene, file, var, url, sender)


@pytest.fixture
def house(tmp_path: Path, gateway: Provider) -> Iterator[House]:
    url = migrated.at(tmp_path / "hotline.db")
    engine = make_engine(url, busy_s=5.0)
    yield house_of(engine, url, tmp_path / "installation", gateway)
    engine.dispose()


def test_a_message_goes_to_the_provider_as_its_file_says(house: House, gateway: Provider) -> None:
    house.result()
    assert house.look() == 1
    ((number, text),) = gateway.delivered
    assert number == "+84912345678"
    assert RESULT_TEXT in text
    assert text.isascii()
    assert gateway.authorised == ["Bearer geheim"]
    row = house.one()
    assert (row.state, row.gateway_id, row.tries) == ("sent", "m1", 1)
    assert gateway.asked[0]["ref"] == row.key
    assert house.entries() == ["citizen_told"], "the ticket's clock reads that the citizen was told"


def test_no_transaction_is_open_while_the_gateway_answers(house: House, gateway: Provider) -> None:
    """The database has one writer on SQLite: it must be free while a gateway hangs."""
    house.result()
    gateway.does.append("hang")
    process = multiprocessing.get_context("fork").Process(target=house.look)
    process.start()
    began = time.monotonic()
    while not gateway.asked and time.monotonic() - began < 10:
        time.sleep(0.01)
    fast = make_engine(house.url, busy_s=0.2)
    with transaction(fast) as session:
        session.add(TicketEntry(ticket_id=house.scene.ticket_id, at=house.scene.at, kind="note", actor="lan"))
    fast.dispose()
    process.join(20)


@pytest.mark.parametrize("how", ["500", "503", "busy", "hang", "take and hang", "take and vanish"])
def test_what_fails_for_now_goes_later_and_is_delivered_once(
    house: House, gateway: Provider, how: str
) -> None:
    house.result()
    gateway.does.append(how)
    assert house.look() == 0
    row = house.one()
    assert row.state == MessageState.WAITING
    assert "+8491" not in row.fault
    house.later(seconds=14)
    assert house.look() == 0, "not before its pause is over"
    house.later(seconds=120)
    assert house.look() == 1
    assert len(gateway.delivered) == 1
    assert len({body["ref"] for body in gateway.asked}) == 1
    assert len({body["text"] for body in gateway.asked}) == 1
    assert house.one().doubtful == (how in ("500", "hang", "take and hang", "take and vanish"))


def test_a_gateway_that_heeds_no_keys_may_deliver_twice_and_the_message_says_so(
    house: House, gateway: Provider
) -> None:
    gateway.heeds_keys = False
    house.result()
    gateway.does.append("take and vanish")
    house.look()
    house.later(seconds=60)
    assert house.look() == 1
    assert len(gateway.delivered) == 2, "at least once is what can be promised"
    assert house.one().doubtful


def test_a_refused_message_is_a_dead_letter_that_a_person_sends_again_as_a_new_one(
    house: House, gateway: Provider
) -> None:
    house.result()
    gateway.does.append("400")
    assert house.look() == 0
    row = house.one()
    assert (row.state, row.fault, row.tries) == ("failed", "HTTP 400", 1)
    with reading(house.scene.engine) as session:
        lag = text_messages.lag(session, house.scene.at)
    assert lag.dead == 1
    assert "/messages" in text_messages.said(lag)
    house.later(days=2)
    assert house.look() == 0
    with transaction(house.scene.engine) as session:
        text_messages.send_again(session, session.get_one(TextMessage, row.id), house.scene.at, "truongca")
    assert house.look() == 1
    assert [body["ref"] for body in gateway.asked] == [row.key, f"{row.key}-1"]
    assert house.entries() == ["message_failed", "message_again", "citizen_told"]


def test_pauses_grow_with_jitter_and_a_gateway_s_own_wish_counts() -> None:
    assert [pause_s(tries, 0.5) for tries in range(1, 8)] == list(PAUSES_S)
    assert pause_s(99, 0.0) == pytest.approx(PAUSES_S[-1] * 0.8)
    assert pause_s(1, 1.0) == pytest.approx(PAUSES_S[0] * 1.2)
    assert pause_s(1, 0.5, again_s=90) == 90


def test_a_message_that_nobody_takes_for_a_day_is_given_up(house: House, gateway: Provider) -> None:
    began = house.scene.at
    house.result()
    gateway.does.extend(["408"] * 500)
    while house.one().state != MessageState.FAILED:
        house.look()
        house.later(minutes=30)
    assert timedelta(hours=23) < house.scene.at - began <= timedelta(hours=25)
    assert house.entries() == ["message_failed"]


def test_an_ill_gateway_is_asked_by_one_message_at_a_time_and_the_others_lose_no_try(
    house: House, gateway: Provider
) -> None:
    house.result()
    gateway.does.extend(["503"] * 3)
    house.look()
    for _ in range(10):
        house.result()
    assert house.look() == 0
    assert len(gateway.asked) == 1, "it rests"
    house.later(seconds=6)
    house.look()
    assert len(gateway.asked) == 2
    house.later(seconds=11)
    house.look()
    assert len(gateway.asked) == 3
    house.later(seconds=21)
    assert house.look() == 1, "the one that asks is taken"
    assert house.look() >= 8
    house.later(minutes=10)
    house.look()
    assert {row.state for row in house.messages()} == {"sent"}
    assert sorted(row.tries for row in house.messages())[-3:] == [1, 2, 3], (
        "each fault cost one message one try"
    )


def test_killed_between_the_gateway_s_yes_and_the_commit_it_goes_again_under_the_same_key(
    house: House, gateway: Provider
) -> None:
    house.scene.at = now()  # the process that is killed lives at the real time
    house.result()
    fork = multiprocessing.get_context("spawn")
    process = fork.Process(
        target=message_worker.run_and_die, args=(house.url, str(house.file), str(house.var))
    )
    process.start()
    process.join(60)
    assert process.exitcode == -9
    assert len(gateway.delivered) == 1
    assert house.one().state == MessageState.SENDING
    assert house.look() == 0, "nobody knows yet that its sender is dead"
    house.later(seconds=90)
    assert house.look() == 1
    assert len(gateway.delivered) == 1, "the provider knew the key"
    assert house.one().doubtful
    assert house.entries() == ["citizen_told"]


def test_two_senders_at_once_send_each_message_once(house: House, gateway: Provider) -> None:
    gateway.heeds_keys = False
    for _ in range(12):
        house.result()
    other = make_engine(house.url, busy_s=5.0)
    second = message_worker.sender(other, house.file, house.var)
    second.clock = house.sender.clock
    threads = [threading.Thread(target=one.look) for one in (house.sender, second, house.sender, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.dispose()
    assert len(gateway.delivered) == 12


def test_an_order_s_message_is_the_same_at_every_try_with_one_link(house: House, gateway: Provider) -> None:
    house.scene.issue("xa")
    with transaction(house.scene.engine) as session:
        for extra in session.scalars(select(TextMessage).order_by(TextMessage.id).offset(1)):
            session.delete(extra)
    gateway.does.append("take and vanish")
    house.look()
    house.later(seconds=30)
    assert house.look() == 1
    assert len({body["text"] for body in gateway.asked}) == 1
    with reading(house.scene.engine) as session:
        assert len(session.scalars(select(OrderLink)).all()) == 1


def test_an_order_answered_meanwhile_is_not_sent_and_is_no_dead_letter(
    house: House, gateway: Provider
) -> None:
    order_id = house.scene.issue("xa")
    gateway.does.extend(["503"] * 9)
    house.look()
    house.scene.act(f"{order_id}.1", Happening.ACCEPT)
    house.later(minutes=3)
    house.look()
    assert {row.state for row in house.messages()} == {"dropped"}
    assert gateway.delivered == []


def test_a_landline_gets_no_message(house: House, gateway: Provider) -> None:
    house.result("+842713888888")
    house.look()
    assert gateway.asked == []
    assert (house.one().state, house.one().fault) == ("failed", "no mobile number")


def test_a_provider_that_says_200_to_everything_is_understood_by_its_own_code(
    tmp_path: Path, gateway: Provider
) -> None:
    url = migrated.at(tmp_path / "hotline.db")
    engine = make_engine(url)
    codes = ('result = "CodeResult"', 'taken = ["100"]', 'later = ["99"]')
    house = house_of(engine, url, tmp_path / "installation", gateway, *codes)
    for how in ("code 99", "code 104"):
        gateway.does.append(how)
        house.result()
        house.look()
        house.later(seconds=1)
    assert [row.state for row in house.messages()] == ["waiting", "failed"]
    assert house.messages()[1].fault == "CodeResult 104"
    house.later(minutes=1)
    assert house.look() == 1
    engine.dispose()


def test_a_missing_key_stops_nothing_and_is_said_with_where_to_put_it(
    house: House, gateway: Provider
) -> None:
    (house.var / "gateways" / "provider").unlink()
    house.result()
    assert house.look() == 0
    assert house.one().state == MessageState.DUE
    assert "gateways/provider cannot be read" in gateway_file.fault(house.file, house.var)
    (house.var / "gateways" / "provider").write_text("geheim")
    house.later(minutes=1)
    assert house.look() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[sms]\nurl = "http://sms.example/{number}{text}"', "https://"),
        ('[sms]\nurl = "https://sms.example/"', "{number}"),
        ('[sms]\nurl = "https://sms.example/{number}{text}"\nsecret = "../ari"', "var/gateways"),
        ('[sms]\nurl = "https://sms.example/{number}{text}"\ntimeout = 5', "timeout is unknown"),
        ('[sms]\nurl = "https://sms.example/{number}{text}"\nresult = "code"', "taken must have"),
        ("sms = 5", "must be a table"),
        ("[sms", "messages.toml"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "messages.toml"
    path.write_text(text)
    with pytest.raises(MessageFaults, match=said.replace("{", "\\{").replace("[", "\\[")):
        gateway_file.read(path)
