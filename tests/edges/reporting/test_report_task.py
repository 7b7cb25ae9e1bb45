"""The end of a training: a page that can't be written undoes nothing, and where the time went."""

import re
import time
from types import SimpleNamespace

from tasks.reporting import finish as report
from tasks.training.training import Training, breakdown


def training(folder):
    problem = SimpleNamespace(name="small")
    return Training(
        "t",
        folder,
        problem,
        "standard",
        0,
        "small",
        "run",
        {"start": 4.0, "validate": 2.0, "cross_validate": 30.0, "refit": 10.0, "score": 5.0, "log": 3.0},
    )


def test_a_page_that_cannot_be_written_is_reported_and_undoes_nothing(tmp_path, monkeypatch):
    tags = {}
    monkeypatch.setattr(report, "write_page", lambda *args: 1 / 0)
    monkeypatch.setattr(report.training_runs, "log_training", lambda run, metrics, tags_: tags.update(tags_))
    line = report._write_pages(training(tmp_path), *[SimpleNamespace(parts=None, validated=None)] * 4)
    assert line.startswith("warning: report.html could not be written (ZeroDivisionError: division by zero)")
    assert "Registration, verdict and summary.json stand" in line
    assert tags == {"report": "failed: ZeroDivisionError: division by zero"}


def test_a_page_that_is_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "write_page", lambda *args: None)
    assert str(tmp_path / "report.html") in report._write_pages(
        training(tmp_path), *[SimpleNamespace(parts=None, validated=None)] * 4
    )


def test_the_breakdown_adds_up(tmp_path):
    done = training(tmp_path)
    done.started = time.monotonic() - 60
    steps, whole = breakdown(done)
    assert "cross_validate 30" in steps
    numbers = [int(number) for number in re.findall(r"\d+", whole)]
    assert numbers == [60, 4, 40, 5, 3, 8]
