"""The monitor on a registry: what it reads and keeps, when it alarms, and what an alarm asks for."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from evenhand.errors import GateError, ProblemError
from tasks.monitoring.watched import read_state, watched_champion
from tasks.registry.causes import answering, open_cause
from tasks.scoring.score_file import ScoreRequest, score
from tasks.settings import ROOT, settings
from tests.edges.monitoring.watched_registry import PROBLEM, dated, declare, run, watched_model
from tests.edges.tiny_registry import MODEL, registry  # noqa: F401


@pytest.fixture
def champion(registry, home, tmp_path):  # noqa: F811
    """A champion that is watched; no test promotes another."""
    found = registry.champion(logged=watched_model(tmp_path))
    declare()
    return found


def state():
    return read_state(watched_champion(PROBLEM))


def test_rows_like_the_reference_raise_nothing(champion, home):
    result = run(home, dated("2025-01-06", 12, 3), as_of="2025-03-31")
    assert (result.periods, result.cohorts, result.alarms, result.asks) == (12, 12, (), False)
    page = Path(result.page).read_text()
    assert "As promised" in page
    assert "Timeline" in page
    kept = json.loads((Path(result.page).parent / "monitor.json").read_text())
    assert len(kept["state"]["inputs"]) == 12
    prom = (settings().home / "metrics" / f"{MODEL}.prom").read_text()
    assert f'evenhand_monitor_training_asked{{model="{MODEL}",version="{champion.version}"}} 0' in prom


def test_the_same_file_twice_changes_nothing(champion, home):
    rows = dated("2025-01-06", 6, 3)
    run(home, rows)
    before = state()
    again = run(home, rows)
    assert (again.periods, again.cohorts, again.alarms) == (0, 0, ())
    assert "was read before" in again.notes[0]
    assert state().model_dump_json() == before.model_dump_json()


def test_rows_that_come_twice_in_other_files_count_once(champion, home):
    rows = dated("2025-01-06", 4, 3)
    run(home, rows[:300], as_of="2025-01-07")
    run(home, rows, name="all", as_of="2025-02-03")
    assert sum(one.rows for one in state().inputs) == len(rows)


def test_a_run_that_was_killed_before_its_state_was_kept_is_made_up_for(champion, home, monkeypatch):
    rows = dated("2025-01-06", 4, 3)
    with monkeypatch.context() as patch:
        patch.setattr("tasks.monitoring.run_monitor.write_state", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(home, rows, as_of="2025-02-03")
    run(home, rows, as_of="2025-02-03")
    assert sum(one.rows for one in state().inputs) == len(rows)


def test_late_labels_find_the_rows_that_were_scored_before(champion, home):
    rows = dated("2025-01-06", 4, 3)
    first = run(home, rows.drop(columns="kind"), as_of="2025-02-03")
    assert (first.periods, first.cohorts, first.waiting) == (4, 0, 4)
    labels = rows[["faint", "clear", "place", "kind"]]
    late = run(home, labels=labels)
    assert (late.periods, late.cohorts, late.waiting) == (0, 4, 0)
    assert sum(one.labelled for one in state().labels) == len(rows)


def test_labels_find_the_predictions_that_make_score_has_kept(champion, home):
    rows = dated("2025-01-06", 4, 3)
    path = home / "scored.parquet"
    rows.drop(columns="kind").to_parquet(path)
    score.fn(ScoreRequest(problem="tiny", data=str(path)))
    late = run(home, labels=rows[["faint", "clear", "place", "kind"]], as_of="2025-02-03")
    assert (late.periods, late.cohorts) == (0, 4)
    kept = list((settings().home / "store" / "predictions").rglob("*.parquet"))
    assert kept
    assert {oct(one.stat().st_mode)[-3:] for one in kept} == {"600"}


def test_labels_wait_for_their_delay_and_for_enough_of_them(champion, home):
    slow = PROBLEM.monitor.model_copy(update={"label_delay": "14 days"})
    declare(PROBLEM.model_copy(update={"monitor": slow}))
    rows = dated("2025-01-06", 4, 3)
    run(home, rows.drop(columns="kind"), as_of="2025-02-03")
    some = rows[["faint", "clear", "place", "kind"]]
    assert run(home, labels=some[::2], name="half").cohorts == 0
    assert run(home, labels=some[1::2], name="rest").cohorts == 2
    assert run(home, labels=some[:1], name="later", as_of="2025-02-17").cohorts == 2


def test_a_broken_column_alarms_at_its_first_period_and_asks_for_no_training(champion, home):
    rows = dated("2025-01-06", 3, 3)
    rows.loc[rows["day"] >= "2025-01-13", "place"] = None
    result = run(home, rows, as_of="2025-01-27")
    assert [(a.kind, a.subject, a.period) for a in result.alarms] == [("broken column", "place", "2025-01-13")]
    assert not result.asks
    assert "Mend the source" in Path(result.page).read_text()


def test_a_worse_error_asks_for_one_training_which_the_ledger_records(champion, registry, home):  # noqa: F811
    result = run(home, dated("2025-01-06", 10, 3, clear=1.8), as_of="2025-03-17")
    assert result.asks
    assert {a.action for a in result.alarms} >= {"train"}
    (alarm,) = registry.records("alarm")
    assert (alarm.version, alarm.hash) == (champion.version, result.cause)
    more = run(home, dated("2025-03-17", 10, 4, clear=1.8), name="more", as_of="2025-05-26")
    assert more.cause == result.cause
    assert len(registry.records("alarm")) == 1

    with answering(MODEL, result.cause) as outcome:
        with pytest.raises(GateError, match="answers alarm"), answering(MODEL, result.cause):
            pass
        outcome |= {"version": "9", "verdict": "reject"}
    assert [r.kind for r in registry.records("training", "outcome")] == ["training", "outcome"]
    assert registry.records("outcome")[0].reason == "reject"
    with pytest.raises(GateError, match="has been answered"), answering(MODEL, result.cause):
        pass
    assert open_cause(MODEL, champion.version) == ""
    after = run(home, dated("2025-05-26", 10, 5, clear=1.8), name="after", as_of="2025-08-04")
    assert not after.asks


def test_a_training_that_failed_may_be_started_again(champion, registry, home):  # noqa: F811
    cause = run(home, dated("2025-01-06", 10, 3, clear=1.8), as_of="2025-03-17").cause
    with pytest.raises(ZeroDivisionError), answering(MODEL, cause):
        raise ZeroDivisionError
    assert registry.records("outcome")[0].reason == "failed"
    assert open_cause(MODEL, champion.version) == cause
    with answering(MODEL, cause) as outcome:
        outcome |= {"version": "2", "verdict": "promote"}
    assert open_cause(MODEL, champion.version) == ""


def test_a_champion_without_a_reference_says_what_to_do(registry, home, tmp_path):  # noqa: F811
    registry.champion(logged=watched_model(tmp_path, with_reference=False))
    declare()
    with pytest.raises(GateError, match="Train again"):
        run(home, dated("2025-01-06", 2, 3))


def test_nothing_to_read_is_refused(champion):
    with pytest.raises(ProblemError, match="nothing to read"):
        run(Path())


def test_the_command_ends_with_3_at_an_alarm_and_with_0_without(champion, home):
    rows = dated("2025-01-06", 2, 3)
    for name, frame, code in (("well", rows, 0), ("ill", dated("2025-01-20", 2, 4).assign(clear=1.0), 3)):
        path = home / f"{name}.csv"
        frame.to_csv(path, index=False)
        command = [sys.executable, "-m", "flows.monitor", "--problem=tiny", f"--data={path}", "--as-of=2025-02-03"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
    assert "clear: all cells are" in done.stdout
    assert pd.read_csv(path)["clear"].eq(1.0).all()
