"""Figures for monitoring, as Prometheus reads them: of one process, and of the database.

Names are a promise to whoever watches: none is ever renamed.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from models import clock
from services.figures import Figures

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

# Seconds an update's transaction takes: from a fast disk to one that is in trouble.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        """Everything at zero."""
        self._registry = CollectorRegistry()
        self._updates = Counter(
            "sentinel_updates",
            "Updates taken in, by kind and by what became of them.",
            ["kind", "outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "sentinel_update_seconds",
            "Time from taking an update in to its commit, waiting for a thread included.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._sent = Counter(
            "sentinel_sent", "Calls of the Bot API that arrived.", registry=self._registry
        )
        self._errors = Counter(
            "sentinel_send_errors",
            "Calls of the Bot API that failed, by error and by what became of the message.",
            ["error", "outcome"],
            registry=self._registry,
        )
        self._forged = Counter(
            "sentinel_forged_presses",
            "Presses of buttons nobody made, or that were not for who pressed them.",
            registry=self._registry,
        )
        self._leader = self._gauge("leader", "1 where this process runs the timetable.")
        self._database = self._gauge("database_up", "1 where the database answered just now.")
        self._depth = self._gauge("outbox_depth", "Messages, by state.", "state")
        self._oldest = self._gauge(
            "outbox_oldest_seconds", "Age of the oldest waiting message, bulk left out."
        )
        self._errands = self._gauge("errands", "Things still to be found out.")
        self._failed = self._gauge("updates_set_aside", "Updates that could not be handled.")
        self._open = self._gauge("reports_open", "Reports without an answer.")
        self._overdue = self._gauge("reports_overdue", "Open reports past their deadline.")
        self._job = self._gauge(
            "job_last_success_timestamp_seconds",
            "When a job of the timetable last succeeded, in any process.",
            # Not `job`: that is a label of Prometheus's own.
            "name",
        )

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"sentinel_{name}", about, labels, registry=self._registry)

    def update(self, kind: str, outcome: str, seconds: float) -> None:
        """Count an update.

        Args:
            kind: Telegram's word, e.g. `message`.
            outcome: what became of it.
            seconds: how long it took.
        """
        self._updates.labels(kind, outcome).inc()
        self._seconds.observe(seconds)

    def sent(self) -> None:
        """Count a call that arrived."""
        self._sent.inc()

    def not_sent(self, error: str, outcome: str) -> None:
        """Count a call that failed.

        Args:
            error: what kind of error.
            outcome: what becomes of the message.
        """
        self._errors.labels(error, outcome).inc()

    def forged_press(self) -> None:
        """Count a press that was forged."""
        self._forged.inc()

    def leads(self, leads: bool) -> None:
        """Whether this process runs the timetable."""
        self._leader.set(leads)

    def write(self, figures: Figures | None) -> bytes:
        """Everything, as Prometheus reads it.

        Args:
            figures: what the database says; None where it cannot be asked: nothing old is shown.
        """
        self._database.set(figures is not None)
        for gauge in (self._depth, self._job):
            gauge.clear()
        if figures is not None:
            self._show(figures)
        return generate_latest(self._registry)

    def _show(self, figures: Figures) -> None:
        _fill(self._depth, figures.outbox)
        now = clock.now()
        oldest = figures.oldest_waiting
        self._oldest.set((now - oldest).total_seconds() if oldest else 0)
        self._errands.set(figures.errands)
        self._failed.set(figures.set_aside)
        self._open.set(figures.open_reports)
        self._overdue.set(figures.overdue_reports)
        _fill(self._job, {name: at.timestamp() for name, at in figures.jobs.items()})


def _fill(gauge: Gauge, values: Mapping[str, float]) -> None:
    for label, value in values.items():
        gauge.labels(label).set(value)
