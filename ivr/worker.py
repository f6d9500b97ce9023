"""The clocks' process: does what is due, publishes what stayed, keeps recordings, tells of the calls that the dialplan served alone."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from functools import partial
from types import FrameType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hotline import bus
from hotline.clocks import Clocks
from hotline.database import make_engine, take_in
from hotline.deadlines import Worker as Deadlines
from hotline.due_work import handlers
from hotline.events import now
from hotline.gateways import Gateways
from hotline.in_force import InForce
from hotline.installation import Installation
from hotline.journal import Journal
from hotline.message_sender import MessageSender
from hotline.recall_alarms import RecallAlarms
from hotline.record import Record
from hotline.settings import Settings, settings
from hotline.ticket_day_keeper import TicketDayKeeper
from hotline.webhook_sender import WebhookSender
from hotline.webhooks import networks
from ivr import quality_files, sampling_draw
from ivr.dialplan_calls import DialplanCalls
from ivr.kept_leg_recordings import KeptLegRecordings
from ivr.kept_recordings import KeptRecordings
from ivr.speech.published_voices import PublishedVoices
from ivr.speech.spoken_settings import SpokenSettings

log = structlog.get_logger(__name__)

WRITES_WITHIN_S = 2.0
"""Nobody waits for the worker: a busy database gets more time than in a call."""


def main() -> None:
    """Run until SIGTERM."""
    given = settings()
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    engine = make_engine(given.database, busy_s=WRITES_WITHIN_S)
    record = Record(engine, Journal(given.journal, "worker"), "worker", WRITES_WITHIN_S)
    dialplan = Record(engine, Journal(given.journal, "dialplan"), "dialplan", WRITES_WITHIN_S)
    scheduler = BlockingScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(6)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    recordings = KeptRecordings(engine, record, given.recordings, given.node)
    legs = KeptLegRecordings(engine, record, given.recordings, given.node)
    in_force = InForce(given, engine)
    calls = _dialplan_calls(given, dialplan, in_force.installation)
    in_force.on_change(lambda now: setattr(calls, "shared", _shared(now)))
    spoken = SpokenSettings(given, in_force.installation)
    in_force.on_change(spoken.follow)
    clocks = Clocks(engine, lambda: in_force.installation)
    in_force.on_change(lambda _: clocks.all_anew())
    gateways = Gateways(given.installation, given.var, given.demo)
    messages = MessageSender(engine, gateways, given.outside, lambda: in_force.installation)
    told = WebhookSender(engine, given.var, networks(given.webhook_networks), given.webhook_authorities)
    for name, work, every_s in (
        ("clocks", clocks.look, 1),
        ("deadlines", Deadlines(engine, handlers(clocks), given.node).look, 1),
        ("sweep", partial(bus.sweep, engine), 1),
        ("database", partial(_take_in, engine), 1),
        ("trim", partial(bus.trim, engine), 3600),
        ("recordings", recordings.look, 1),
        ("recordings of legs", legs.look, 5),
        ("settings", in_force.look, 1),
        ("prompts", spoken.look, 2),
        ("published voices", PublishedVoices(engine, given).look, 2),
        ("recall alarms", RecallAlarms(engine).look, 1),
        ("dialplan calls", calls.look, 1),
        ("messages", messages.look, 1),
        ("webhooks", told.look, 1),
        ("days of tickets", TicketDayKeeper(engine).look, 600),
        ("webhooks of before", told.trim, 3600),
        ("calls to score", partial(_draw, engine, given), 600),
    ):
        scheduler.add_job(_survives, "interval", [name, work], seconds=every_s, id=name)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        scheduler.shutdown(wait=False)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("the worker runs")
    scheduler.start()
    record.close()
    dialplan.close()
    log.info("the worker has stopped")


def _dialplan_calls(given: Settings, record: Record, installation: Installation) -> DialplanCalls:
    from asterisk_conf import CDR_COLUMNS, cdr_path

    place = given.journal / "dialplan-calls.place"
    engine = make_engine(given.database, busy_s=WRITES_WITHIN_S)
    return DialplanCalls(engine, record, cdr_path(given), CDR_COLUMNS, place, _shared(installation))


def _take_in(engine: Engine) -> int:
    take_in(engine)
    return 0  # every second: nothing to tell


def _shared(installation: Installation) -> frozenset[str]:
    return frozenset(number for hotline in installation.hotlines for number in hotline.shared_numbers)


def _draw(engine: Engine, given: Settings) -> int:
    """Choose what last week's rules of quality still lack."""
    sampling = quality_files.files(given.installation).sampling
    if sampling is None:
        return 0  # the page of quality says what is wrong with the file
    at = now()
    return sampling_draw.draw(engine, sampling, sampling_draw.monday_of(at - sampling_draw.WEEK), at)


def _survives(name: str, work: Callable[[], int]) -> None:
    """One run of a job; what fails now is tried again at the next second."""
    try:
        done = work()
    except (SQLAlchemyError, OSError) as error:
        log.warning("a job could not be done now", job=name, error=type(error).__name__)
    except Exception:
        log.exception("a job failed", job=name)
    else:
        if done:
            log.info("a job was done", job=name, count=done)
