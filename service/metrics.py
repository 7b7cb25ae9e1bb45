"""What ``/metrics`` shows, in the text format of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from service.answers import Answered
from service.champion import Champion
from service.served import Served

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one service; names begin with ``evenhand_``."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter("evenhand_requests", "requests answered", ["path", "status"], registry=registry)
        self.seconds = Histogram(
            "evenhand_request_seconds", "from the request's head to the answer's end", ["path"], registry=registry,
            buckets=BUCKETS,
        )  # fmt: skip
        self.predicted = Counter(
            "evenhand_predictions", "rows by predicted class", ["version", "class_name"], registry=registry
        )
        self.not_scored = Counter("evenhand_rows_not_scored", "rows with a cell that can't be read", registry=registry)
        self.unknown = Counter(
            "evenhand_unknown_cells",
            "cells the model does not know: categories never seen, missing values where training had none",
            ["column"],
            registry=registry,
        )
        self.champion = Gauge(
            "evenhand_champion", "1 for the version that answers", ["model", "version"], registry=registry
        )
        self.changed = Gauge("evenhand_champion_changed_timestamp_seconds", "when it took over", registry=registry)
        self.read = Gauge("evenhand_ledger_read_timestamp_seconds", "last read of the ledger", registry=registry)
        self.settled = Gauge("evenhand_champion_settled", "0 while ledger and MLflow disagree", registry=registry)

    def count_answer(self, served: Served, answered: Answered) -> None:
        """Count the rows of an answer."""
        for name, rows in answered.classes.items():
            self.predicted.labels(served.version, name).inc(rows)
        if answered.not_scored:
            self.not_scored.inc(answered.not_scored)
        for column, cells in answered.unknown.items():
            self.unknown.labels(column).inc(cells)

    def text(self, champion: Champion) -> bytes:
        """Return all metrics as text."""
        self.champion.clear()
        if (served := champion.serving) is not None:
            self.champion.labels(served.model, served.version).set(1)
        self.changed.set(champion.changed_at or 0)
        self.read.set(champion.read_at or 0)
        self.settled.set(0 if champion.status else 1)
        return generate_latest(self.registry)
