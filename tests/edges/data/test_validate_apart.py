"""Many rows are validated in a process of their own, with what is found and refused as it would be here."""

import pandas as pd
import pytest

import tasks.data.validate_task
from evenhand.errors import ValidationFailed
from evenhand.problem import parse_problem
from tasks.data.validate_task import start_ahead, validate
from tasks.processes.pool import WorkerEnded
from tasks.storage.store import open_store, read_frame, write_frame
from tests.edges import killing_units

PROBLEM = parse_problem(
    {
        "name": "small",
        "title": "Small",
        "source": {"kind": "csv", "path": "unset.csv"},
        "target": {"column": "kind"},
        "duplicates": "drop",
        "features": {"base": {"categorical": ["place"], "numeric": ["hour"]}},
        "models": ["lightgbm"],
        "strategies": ["none"],
        "split": {"holdout": {"column": "hour", "start": 20}, "folds": {"kind": "stratified", "n": 2}},
    },
    "small.yaml",
)


def snapshot(**changes):
    n = 300
    rows = {"place": ["bar", "park"] * 150, "hour": [str(i % 24) for i in range(n)], "kind": ["a", "b", "c"] * 100}
    frame = pd.DataFrame({**rows, "id": [str(i) for i in range(n)], **changes})
    return write_frame(pd.concat([frame, frame[:5]], ignore_index=True), "snapshots/{sha256}/rows.parquet")


@pytest.fixture
def processes(monkeypatch):
    """What validations were done in, apart from this process."""
    begun, of = [], tasks.data.validate_task._process

    def process():
        begun.append(of())
        return begun[-1]

    monkeypatch.setattr("tasks.data.validate_task._process", process)
    return begun


def test_what_is_found_in_it_is_what_is_found_here_and_it_ends(monkeypatch, processes):
    asked = snapshot()
    here = validate.fn(asked, PROBLEM)
    assert (processes, here.dropped_duplicates) == ([], 5)
    rows = read_frame(here.good)
    open_store().delete(here.good.key)
    monkeypatch.setattr("tasks.data.validate_task.ROWS_APART", 305)
    assert validate.fn(asked, PROBLEM) == here
    pd.testing.assert_frame_equal(read_frame(here.good), rows)
    (process,) = processes
    assert process._closed.is_set()


def test_one_that_was_started_ahead_is_used_once(processes):
    start_ahead()
    assert not processes[0]._closed.is_set()
    validate.fn(snapshot(), PROBLEM)
    assert processes[0]._closed.is_set()
    validate.fn(snapshot(), PROBLEM)
    assert len(processes) == 1


def test_what_it_refuses_is_refused_in_its_words(monkeypatch, processes):
    monkeypatch.setattr("tasks.data.validate_task.ROWS_APART", 1)
    with pytest.raises(ValidationFailed, match="hour") as refused:
        validate.fn(snapshot(hour="noon"), PROBLEM)
    assert "Traceback" not in str(refused.value)
    assert processes[0]._closed.is_set()


def test_a_process_that_ends_over_it_twice_is_told_with_what_helps_here(monkeypatch, capsys):
    monkeypatch.setattr("tasks.data.validate_task.ROWS_APART", 1)
    monkeypatch.setattr("tasks.data.validate_task.IMPORTS", ())
    monkeypatch.setattr("tasks.data.validate_task.validated", killing_units.kill_always)
    with pytest.raises(
        WorkerEnded,
        match=r"validation of small: its process ended twice \(SIGKILL\).*give the machine more, or give it fewer rows",
    ):
        validate.fn(snapshot(), PROBLEM)
    assert "it is run again" in capsys.readouterr().out
