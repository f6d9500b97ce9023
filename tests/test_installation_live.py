"""A new installation that nobody has signed a protocol for: what its callers hear, and what its desks see."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import logging
import math
import re
import time
import urllib.request
import wave
from array import array
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, FormData
from sqlalchemy import func

from front_door import demo_data, supervision
from front_door.story import STEPS, Story
from hotline import campaigns, documents
from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.document_kinds import CAMPAIGN, HOTLINE
from hotline.events import now
from hotline.installation import read as read_installation
from hotline.operators import OperatorPresence, Presence
from hotline.recordings import Recording
from hotline.tickets import Ticket
from ivr.speech import sentences
from softphone_panel import live_state
from tests.product import Product, eventually, running_product
from tests.world import Answering, Carrier, Citizen, Phone
from tests.world.leg import Leg
from tests.world.scenario import World

pytestmark = [pytest.mark.live]
log = logging.getLogger(__name__)
"""Measured numbers: pytest -o log_cli=true --log-cli-level=INFO."""
OPERATOR_HZ = 620
NOTICE_S = (4.0, 12.0)
"""The notice with "emergency, press 1" in Vietnamese and the offer of English."""
PLAYABLE_WITHIN_S = 6.0


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("new"), desks=1, approved=False, wrap_up_s="1") as found:
        yield found


async def _one_call(on: Product, number: str, key: str) -> tuple[float, float]:
    """Seconds of the first prompt's sound, and from its end (or the key) to the operator's voice."""
    plan = on.plan()
    trunk, desk = plan.trunks[0], plan.desks[0]
    async with (
        Carrier(plan.product, trunk.host, trunk.port) as carrier,
        Phone(
            desk.user, desk.password, plan.product, tone_hz=OPERATOR_HZ, answering=Answering.answers(0.5)
        ) as phone,
    ):
        await asyncio.to_thread(on.sign_in, 1)
        leg = await Citizen(carrier, number, tone_hz=1600).call("02711022")
        began_s = await leg.until_sound()
        if key:
            await asyncio.sleep(1.0)
            await leg.press(key)
        ended_s = time.monotonic() if key else await leg.until_quiet(1.2, within_s=20) - 1.2
        heard_s = await leg.until_hears(OPERATOR_HZ)
        await _hear_each_other(leg, phone)
        leg.hang_up()
        await asyncio.sleep(0.2)
    return ended_s - began_s, heard_s - ended_s


async def _hear_each_other(leg: Leg, phone: Phone) -> None:
    assert phone.leg is not None
    await asyncio.gather(leg.goes_on_hearing(OPERATOR_HZ, 1.0), phone.leg.goes_on_hearing(1600, 1.0))


def test_without_an_approved_protocol_the_product_is_ready_and_says_what_is_missing(on: Product) -> None:
    ready, said = supervision.readiness(on.given)
    assert ready
    assert list(said) == ["protocols"]
    with urllib.request.urlopen(f"http://127.0.0.1:{on.given.panel_port}/ready", timeout=5) as answer:
        assert json.load(answer)["degraded"] == ["protocols"]


def test_a_silent_caller_hears_the_notice_and_meets_a_human_at_orange(on: Product) -> None:
    prompt_s, human_s = asyncio.run(_one_call(on, "0912000101", ""))
    log.info("unapproved silent: notice_s %.1f human_after_s %.1f", prompt_s, human_s)
    assert NOTICE_S[0] < prompt_s < NOTICE_S[1]
    (ticket,) = on.rows(Ticket, Ticket.caller_number == "+84912000101")
    assert (ticket.acuity, ticket.protocol_id) == ("ORANGE", "vn1022-emergency-only")


def test_key_1_is_red_and_its_recording_is_playable_within_seconds(on: Product) -> None:
    _, human_s = asyncio.run(_one_call(on, "0912000102", "1"))
    ended = time.monotonic()
    call = on.call_of("0912000102")
    assert call is not None
    eventually(lambda: on.rows(Recording, Recording.call_id == call.id), PLAYABLE_WITHIN_S, "a recording")
    log.info("unapproved key 1: human_after_s %.1f recording_after_s %.1f", human_s, time.monotonic() - ended)
    assert on.rows(Call, Call.id == call.id)[0].acuity == "RED"


def test_the_live_page_has_a_banner_until_somebody_approves_and_then_the_questions_are_asked(
    on: Product,
) -> None:
    from hotline import installation

    province = installation.read(on.given.installation)

    def unapproved() -> tuple[str, ...]:
        with reading() as session:
            return live_state.unapproved(session, province)

    assert unapproved() == ("Tổng đài 1022 Bình Phước", "Tổng đài 1022 Bình Dương")
    demo_data.approve(on.given)
    assert unapproved() == ()
    eventually(lambda: supervision.readiness(on.given) == (True, {}), 30.0, "ready without a word")

    async def asked() -> None:
        plan = on.plan()
        trunk = plan.trunks[0]
        async with Carrier(plan.product, trunk.host, trunk.port) as carrier:
            leg = await Citizen(carrier, "0912000103").call("02711022")
            await leg.until_sound()
            await leg.press("2")
            await asyncio.sleep(1.0)
            leg.hang_up()
            await leg.until_ended()

    time.sleep(4.0)  # the machine looks for an approval every two seconds
    asyncio.run(asked())
    ticket = eventually(
        lambda: on.rows(Ticket, Ticket.caller_number == "+84912000103", func.length(Ticket.branch) > 0),
        30.0,
        "a triaged ticket",
    )[0]
    assert (ticket.protocol_id, [step["key"] for step in ticket.path]) == ("vn1022-covid-ivr", ["2"])


NEW_NUMBER = "02743999"
FOLLOWED_WITHIN_S = 5.0


def _hotline_of_a_call(on: Product, caller: str) -> str:
    """Which hotline answers somebody who calls NEW_NUMBER on Bình Phước's trunk."""

    async def call() -> None:
        plan = on.plan()
        trunk = plan.trunks[0]
        async with Carrier(plan.product, trunk.host, trunk.port) as carrier:
            leg = await Citizen(carrier, caller).call(NEW_NUMBER)
            await leg.until_sound()
            leg.hang_up()
            await leg.until_ended()

    asyncio.run(call())
    found = eventually(lambda: on.call_of(caller), 30.0, "the call's row")
    return str(found.hotline)


def _until_followed(on: Product, publication: int) -> None:
    def taken() -> bool:
        found = on.rows(documents.Follower, documents.Follower.publication == publication)
        assert not [one.fault for one in found if one.fault]
        return bool(found)

    eventually(taken, 30.0, f"publication {publication} in Asterisk")


def _publish(path: Path, key: str, like: str, numbers: Callable[[list[str]], list[str]]) -> int:
    """The hotline `like` under that key, with other numbers; the publication's number."""
    with transaction() as session:
        house = documents.house(session, path)
        content = house.content(HOTLINE, like)
        content = {**content, "numbers": numbers(content["numbers"])}
        seen = documents.seen(session, HOTLINE, key)
        documents.save(session, house, HOTLINE, key, content, by="quantri", seen=seen)
        seen = documents.seen(session, HOTLINE, key)
        version = documents.publish(session, house, HOTLINE, key, by="quantri", seen=seen)
    return version.publication or 0


def test_a_number_published_on_the_page_is_answered_by_its_hotline_and_undone_it_is_not(on: Product) -> None:
    """With no process restarted; a number that is nobody's leads to the trunk's own hotline."""
    path, key = on.given.installation, "binhduong"
    running = {name: on.pid(name) for name in ("asterisk", "calls", "agi", "panel")}
    assert _hotline_of_a_call(on, "0912000201") == "binhphuoc"

    began = time.monotonic()
    _until_followed(on, _publish(path, key, key, lambda numbers: [*numbers, NEW_NUMBER]))
    followed_s = time.monotonic() - began
    assert _hotline_of_a_call(on, "0912000202") == key
    assert followed_s < FOLLOWED_WITHIN_S

    began = time.monotonic()
    with transaction() as session:
        house = documents.house(session, path)
        seen = documents.seen(session, HOTLINE, key)
        undone = documents.undo(session, house, HOTLINE, key, 0, by="quantri", seen=seen)
    _until_followed(on, undone.publication or 0)
    log.info(
        "published number: in Asterisk after %.1f s, undone after %.1f s",
        followed_s,
        time.monotonic() - began,
    )
    assert _hotline_of_a_call(on, "0912000203") == "binhphuoc"
    assert {name: on.pid(name) for name in running} == running


def _asked_by(on: Product, caller: str) -> str:
    """Which protocol asks somebody who presses 1 at its first question."""

    async def call() -> None:
        plan = on.plan()
        trunk = plan.trunks[0]
        async with Carrier(plan.product, trunk.host, trunk.port) as carrier:
            leg = await Citizen(carrier, caller).call("02711022")
            await leg.until_sound()
            await leg.press("1")
            await asyncio.sleep(1.0)
            leg.hang_up()
            await leg.until_ended()

    asyncio.run(call())
    asked = (Ticket.caller_number == "+84" + caller[1:], func.length(Ticket.protocol_id) > 0)
    return str(eventually(lambda: on.rows(Ticket, *asked), 30.0, "a triaged ticket")[0].protocol_id)


def test_the_next_call_follows_a_campaigns_switch_and_its_planned_end(on: Product) -> None:
    """Another protocol and another ring time with no process restarted; the worker takes it off at its end."""
    path, by = on.given.installation, "quantri"
    running = {name: on.pid(name) for name in ("asterisk", "calls", "agi", "panel", "worker")}
    demo_data.approve(on.given)
    eventually(
        lambda: _asked_by(on, f"09120004{next(_TRIES):02}") == "vn1022-covid-ivr",
        30.0,
        "the approved protocol",
    )

    began = time.monotonic()
    with transaction() as session:
        house = documents.house(session, path)
        seen = documents.seen(session, CAMPAIGN, "")
        plan = campaigns.plan(
            session, house, "disaster", None, now() + timedelta(seconds=25), by=by, note="bão", at=now()
        )
        made = campaigns.switch(session, house, "disaster", by=by, seen=seen, note="bão", plan=plan)
    _until_followed(on, made.publication or 0)
    followed_s = time.monotonic() - began
    time.sleep(2.0)  # the machine looks at what is published once a second
    assert _asked_by(on, "0912000481") == "vn1022-emergency-only"

    def is_over() -> bool:
        with reading() as session:
            return campaigns.active(documents.house(session, path)) == ""

    eventually(is_over, 60.0, "the campaign's planned end")
    time.sleep(2.0)
    assert _asked_by(on, "0912000482") == "vn1022-covid-ivr"
    log.info("campaign: in Asterisk after %.1f s", followed_s)
    assert {name: on.pid(name) for name in running} == running


_TRIES = itertools.count(10)
RECORDED_HZ = 1000
RECORDED_S = 4.0


def _recording() -> bytes:
    """A pure tone as somebody's PC would save it."""
    made = io.BytesIO()
    with wave.open(made, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(44100)
        samples = (
            int(12000 * math.sin(2 * math.pi * RECORDED_HZ * n / 44100))
            for n in range(int(44100 * RECORDED_S))
        )
        out.writeframes(array("h", samples).tobytes())
    return made.getvalue()


class _Page:
    """The page of one sentence, used through the front as a browser does."""

    def __init__(self, on: Product, session: ClientSession, key: str) -> None:
        self._base = f"http://127.0.0.1:{on.given.plain_port}"
        self._session, self._path = session, f"/prompts/{key}"

    async def sign_in(self, username: str, password: str) -> None:
        found = await self._fields("/sign-in")
        await self._post("/sign-in", {**found, "username": username, "password": password})

    async def send(self, content: bytes) -> None:
        form = FormData(await self._fields(self._path))
        form.add_field("recording", content, filename="lời chào.wav", content_type="audio/wav")
        await self._post(f"{self._path}/send", form)

    async def act(self, what: str, **more: str) -> None:
        await self._post(f"{self._path}/{what}", {**await self._fields(self._path), **more})

    async def _fields(self, path: str) -> dict[str, str]:
        async with self._session.get(self._base + path) as answer:
            page = await answer.text()
        return {
            name: found[1]
            for name in ("csrf_token", "seen")
            if (found := re.search(rf'name="{name}" value="([^"]*)"', page))
        }

    async def _post(self, path: str, form: FormData | dict[str, str]) -> None:
        async with self._session.post(self._base + path, data=form) as answer:
            assert answer.status == 200, await answer.text()


async def _tone_of_the_welcome(on: Product, caller: str) -> float:
    """Which share of the first RECORDED_S of a call the caller hears the recorded tone."""
    plan = on.plan()
    trunk = plan.trunks[0]
    async with Carrier(plan.product, trunk.host, trunk.port) as carrier:
        leg = await Citizen(carrier, caller).call("02711022")
        await leg.until_sound()
        heard = await leg.listen(RECORDED_S - 0.5)
        leg.hang_up()
        await leg.until_ended()
    return heard.get(RECORDED_HZ, 0.0)


def test_a_published_recording_is_what_the_next_call_hears_and_undone_it_is_the_machines_voice_again(
    on: Product,
) -> None:
    """A recording of 350 kB goes through the front; no process is restarted."""
    running = {name: on.pid(name) for name in ("asterisk", "calls", "agi", "panel", "worker")}
    demo_data.approve(on.given)
    spoken = sentences.sentences(on.given, read_installation(on.given.installation), "binhphuoc", "vi")
    welcome = next(one.prompt for one in spoken if one.prompt.id.startswith("question-ROOT"))

    async def scene() -> list[float]:
        shares = [await _tone_of_the_welcome(on, "0912000301")]
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
            page = _Page(on, session, welcome.key)
            await page.sign_in(demo_data.SUPERVISOR, demo_data.password(on.given))
            await page.send(_recording())
            shares.append(await _tone_of_the_welcome(on, "0912000302"))
            await page.act("publish", note="thử")
            shares.append(await _tone_of_the_welcome(on, "0912000303"))
            await page.act("back", number="0")
            shares.append(await _tone_of_the_welcome(on, "0912000304"))
        return shares

    before, draft, published, undone = asyncio.run(scene())
    log.info(
        "share of the tone: before %.2f draft %.2f published %.2f undone %.2f",
        before,
        draft,
        published,
        undone,
    )
    assert max(before, draft, undone) < 0.1
    assert published > 0.95
    assert {name: on.pid(name) for name in running} == running


def test_a_hotline_published_on_the_page_answers_its_callers_in_its_own_name_until_it_is_retired(
    on: Product,
) -> None:
    began = time.monotonic()
    _until_followed(on, _publish(on.given.installation, "dongnai", "binhduong", lambda numbers: [NEW_NUMBER]))
    greetings = on.given.prompts / "vi" / "dongnai"
    eventually(lambda: list(greetings.glob("*.alaw")), 60.0, "what is said with the province's name")
    log.info("a new hotline's prompts after %.1f s", time.monotonic() - began)
    time.sleep(2.0)  # the machine looks at what is published once a second
    assert _hotline_of_a_call(on, "0912000204") == "dongnai"
    (ticket,) = on.rows(Ticket, Ticket.caller_number == "+84912000204")
    assert (ticket.hotline, ticket.protocol_id) == ("dongnai", "vn1022-covid-ivr")

    # Retired, its number is the trunk's own again and what it has stays.
    with transaction() as session:
        house = documents.house(session, on.given.installation)
        content = {**house.content(HOTLINE, "dongnai"), "retired": True}
        seen = documents.seen(session, HOTLINE, "dongnai")
        documents.save(session, house, HOTLINE, "dongnai", content, by="quantri", seen=seen)
        seen = documents.seen(session, HOTLINE, "dongnai")
        retired = documents.publish(session, house, HOTLINE, "dongnai", by="quantri", seen=seen)
    _until_followed(on, retired.publication or 0)
    assert _hotline_of_a_call(on, "0912000205") == "binhphuoc"
    assert on.rows(Ticket, Ticket.hotline == "dongnai") != []


@pytest.mark.timeout(300)
def test_the_demos_story_goes_from_the_call_to_the_answer_back_seen_by_phones_pages_and_ledger(
    on: Product,
) -> None:
    demo_data.approve(on.given)

    async def play() -> Story:
        async with World(on.plan()) as world:
            await asyncio.to_thread(on.sign_in, 1)
            # Of an earlier test its operator may still be writing up: a RED call then goes to the duty number.
            free = OperatorPresence.state == Presence.AVAILABLE
            await asyncio.to_thread(eventually, lambda: on.rows(OperatorPresence, free), 60.0, "a free desk")
            story = Story(on.given, world, lambda step: log.info("%s", step.line()))
            await story.play()
            return story

    began = time.monotonic()
    story = asyncio.run(play())
    log.info("the story took %.0f s", time.monotonic() - began)
    assert story.faults == []
    assert [step.means for step in story.steps].count("phone") >= 5
    assert len(story.steps) == STEPS
