"""bot/metrics.py, services/figures.py and bot/private_port.py: what watchers get to read."""

from datetime import timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.metrics import Metrics
from bot.private_port import app
from models import FailedUpdate, clock
from models.errands import ErrandKind
from models.outgoing import OutgoingState
from services import errands, figures, jobs, outbox, reports


def samples(written):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(written.decode())
        for sample in family.samples
    }


def look(database):
    with database.transaction() as session:
        return figures.now(session)


def test_an_empty_database_has_nothing_open(database):
    now = look(database)
    assert now.outbox == {"queued": 0, "sending": 0, "dead": 0}
    assert (now.oldest_waiting, now.errands, now.set_aside) == (None, 0, 0)
    assert (now.open_reports, now.overdue_reports, now.jobs) == (0, 0, {})


def test_what_waits_is_counted(database, midday):
    with database.transaction() as session:
        for chat_id in (5, 5, 6):
            outbox.queue(session, chat_id=chat_id, method="sendMessage", payload={})
        errands.ask(session, kind=ErrandKind.PHOTO, payload={})
        session.add(
            FailedUpdate(
                update_id=7,
                tries=3,
                first_at=midday,
                last_at=midday,
                set_aside_at=midday,
                error="",
                payload={},
            )
        )
    with database.transaction() as session:
        one, _ = outbox.claim(session, holder=1, bulk_per_second=25, group_per_minute=0).sendings
        outbox.settle(session, holder=1, outcomes=[outbox.Dead(one.id, "gone")])

    now = look(database)
    assert now.outbox == {"queued": 1, "sending": 1, "dead": 1}
    assert now.oldest_waiting == midday
    assert (now.errands, now.set_aside) == (1, 1)


def test_a_report_is_overdue_by_the_deadline_it_was_made_under(database, scene, midday):
    with database.transaction() as session:
        short, long = scene.report(session), scene.report(session)
        short.deadline_hours, long.deadline_hours = 24, 72
    assert (look(database).open_reports, look(database).overdue_reports) == (2, 0)
    clock.advance(timedelta(hours=25))
    assert look(database).overdue_reports == 1
    clock.advance(timedelta(hours=48))
    assert look(database).overdue_reports == 2

    with database.transaction() as session:
        report = reports.get(session, report_id=short.id)
        report.state = "withdrawn"
    assert (look(database).open_reports, look(database).overdue_reports) == (1, 1)


def test_a_job_is_remembered_by_its_last_success(database, midday):
    for _ in range(2):
        with database.transaction() as session:
            jobs.succeeded(session, name="tidy")
        clock.advance(timedelta(minutes=1))
    assert look(database).jobs == {"tidy": midday + timedelta(minutes=1)}


def test_everything_is_written_as_prometheus_reads_it(database, midday):
    with database.transaction() as session:
        outbox.queue(session, chat_id=5, method="sendMessage", payload={})
        jobs.succeeded(session, name="remind")
    clock.advance(timedelta(seconds=90))
    metrics = Metrics()
    metrics.update("message", "applied", 0.003)
    metrics.update("message", "duplicate", 0.001)
    metrics.sent()
    metrics.not_sent("RetryAfter", "pause")
    metrics.leads(True)

    read = samples(metrics.write(look(database)))
    assert read["sentinel_updates_total", "message", "applied"] == 1
    assert read["sentinel_updates_total", "message", "duplicate"] == 1
    assert read["sentinel_update_seconds_count",] == 2
    assert read["sentinel_sent_total",] == 1
    assert read["sentinel_send_errors_total", "RetryAfter", "pause"] == 1
    assert read["sentinel_leader",] == 1
    assert read["sentinel_database_up",] == 1
    assert read["sentinel_outbox_depth", OutgoingState.QUEUED] == 1
    assert read["sentinel_outbox_oldest_seconds",] == 90
    assert read["sentinel_job_last_success_timestamp_seconds", "remind"] == midday.timestamp()

    gone = samples(metrics.write(None))
    assert gone["sentinel_database_up",] == 0
    assert ("sentinel_outbox_depth", OutgoingState.QUEUED) not in gone
    assert gone["sentinel_updates_total", "message", "applied"] == 1


@pytest.fixture
def hears():
    """Whether updates can reach the process: a list, so that a test may change its mind."""
    return [True]


@pytest.fixture
async def door(database, hears):
    transport = httpx.ASGITransport(app(database, Metrics(), lambda: hears[0]))
    async with httpx.AsyncClient(transport=transport, base_url="http://private") as client:
        yield client


async def test_a_process_that_can_work_is_ready(door):
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await door.get(path)).status_code == 200


async def test_a_process_no_update_can_reach_is_alive_and_not_ready(door, hears):
    hears[0] = False
    assert (await door.get("/healthz")).status_code == 200
    assert (await door.get("/readyz")).status_code == 503


async def test_without_a_database_it_is_alive_not_ready_and_still_tells_what_it_counted(
    door, database
):
    with database.transaction() as session:
        session.connection().exec_driver_sql("ALTER TABLE outgoing RENAME TO elsewhere")
    assert (await door.get("/healthz")).status_code == 200
    assert (await door.get("/readyz")).status_code == 503
    answer = await door.get("/metrics")
    assert answer.status_code == 200
    assert "sentinel_database_up 0.0" in answer.text


def test_forged_presses_are_counted():
    metrics = Metrics()
    assert samples(metrics.write(None))["sentinel_forged_presses_total",] == 0
    metrics.forged_press()
    assert samples(metrics.write(None))["sentinel_forged_presses_total",] == 1
