"""The training command of a user, in its own process, on a small problem."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from evenhand.errors import ProblemError
from evenhand.report.summary import Summary
from flows.requests import TrainRequest
from flows.train import read_problem
from tasks.registry.champion_alias import settled_records
from tasks.registry.load_model import load_model
from tasks.settings import ROOT, settings
from tests.e2e.conftest import train
from tests.statements import contradictions


def mlflow_runs(experiment):
    from tasks.tracking.client import connect

    client = connect()
    found = client.get_experiment_by_name(experiment)
    return [] if found is None else list(client.search_runs([found.experiment_id]))


def test_a_training_from_data_to_a_pending_review(finished):
    done = finished
    path = Path(done.stdout.splitlines()[-1])
    assert path.name == "summary.json"
    assert path.parent == (settings().runs / "latest").resolve()
    first = Summary.model_validate_json(path.read_text())
    assert [(c.model, c.strategy, c.folds_done) for c in first.candidates] == [
        ("lightgbm", "none", 2),
        ("lightgbm", "random_over", 2),
    ]
    assert first.verdict.outcome == "promote (first)", first.verdict.reasons
    assert first.model.aliases == ("challenger",)
    assert first.data.train_rows + first.data.test_rows == first.data.rows == 1500
    assert not done.stderr.strip(), done.stderr
    assert "Traceback" not in done.stdout
    for name in ("comparison.md", "verdict.json", "resampling_records.json", "quality/quality.html"):
        assert (path.parent / name).stat().st_size > 0
    assert not (path.parent / "units").exists()
    assert contradictions(path.parent) == []
    assert first.expected.candidates == 2
    assert first.expected.low < first.expected.value <= first.expected.out_of_fold

    assert first.leak_sentinel == "clean"
    leaks = json.loads((path.parent / "leak_sentinel.json").read_text())
    assert (leaks["leak_sentinel"], leaks["rows"], leaks["fits"]) == ("clean", 1500, 6)
    conditions = json.loads((path.parent / "verdict.json").read_text())["conditions"]
    assert [c["status"] for c in conditions if c["name"] == "leak sentinel"] == ["pass"]
    runs = mlflow_runs("small")
    assert {r.data.tags.get("leak_sentinel") for r in runs if r.info.run_name == first.id} == {"clean"}
    assert sorted(r.info.run_name for r in runs) == sorted(["lightgbm / none", "lightgbm / random_over", first.id])
    assert {r.info.status for r in runs} == {"FINISHED"}


def test_the_registered_model_predicts_the_same_in_a_new_process(finished):
    code = (
        "import sys, json, pandas as pd\n"
        "from tasks.registry.load_model import load_model\n"
        "m = load_model('models:/evenhand-small/1', sys.argv[2])\n"
        "rows = pd.read_csv(sys.argv[1], dtype=str).drop(columns='kind').head(50)\n"
        "print(json.dumps([m.predict_proba(rows).tolist(), m.predict(rows).tolist()]))\n"
    )
    data = yaml.safe_load(finished.problem.read_text())["source"]["path"]
    (registration,) = (r for r in settled_records("evenhand-small") if r.kind == "registration")
    sha256 = registration.facts["model_sha256"]
    done = subprocess.run(
        [sys.executable, "-c", code, data, sha256], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    model = load_model("models:/evenhand-small/1", sha256)
    rows = pd.read_csv(data, dtype=str).drop(columns="kind").head(50)
    predictions = json.loads(done.stdout)
    assert predictions == [model.predict_proba(rows).tolist(), model.predict(rows).tolist()]
    probabilities, names = np.array(predictions[0]), predictions[1]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert set(names) <= {"Assault", "Robbery", "Theft"}
    assert len(set(names)) > 1


def test_after_a_kill_the_next_training_continues_its_studies_and_the_run_is_failed(small):
    space = {"num_leaves": {"low": 2, "high": 31}, "learning_rate": {"low": 0.01, "high": 0.3, "log": True}}
    problem = small(tuning=[{"model": "lightgbm", "trials": 4, "folds": 2, "space": space}])
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.train", "--problem", str(problem), "--tune"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if "as declared" in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    assert [r.info.status for r in mlflow_runs("small")] == ["RUNNING"]
    journals = {path: path.read_bytes() for path in (settings().home / "tuning").rglob("*.journal")}
    assert journals

    done = train("--problem", problem, "--tune")
    assert done.returncode == 0, done.stderr
    for path, before in journals.items():
        complete_lines = before[: before.rfind(b"\n") + 1]
        assert path.read_bytes().startswith(complete_lines)
    assert len(list((settings().home / "tuning").rglob("*.journal"))) == 3  # two folds, and all training rows
    summary = Summary.model_validate_json(Path(done.stdout.splitlines()[-1]).read_text())
    assert [(s.candidate, s.fold, s.complete + s.pruned) for s in summary.tuning] == [
        ("lightgbm tuned / none", fold, 4) for fold in (0, 1, None)
    ]
    assert summary.leak_sentinel == "clean"
    assert ("lightgbm tuned", "none", 2) in [(c.model, c.strategy, c.folds_done) for c in summary.candidates]
    assert_trials_below_their_candidate(summary)
    page = (settings().runs / "latest" / "report.html").read_text()
    assert "What tuning chose" in page


def assert_trials_below_their_candidate(summary):
    runs = mlflow_runs("small")
    names = {r.info.run_id: r.info.run_name for r in runs}
    trials = [r for r in runs if r.data.tags.get("kind") == "trial"]
    assert sorted(r.info.status for r in runs) == ["FINISHED"] * (4 + 12) + ["KILLED"]
    assert len(trials) == 12
    assert {names[r.data.tags["mlflow.parentRunId"]] for r in trials} == {"lightgbm tuned / none"}
    final = next(s for s in summary.tuning if s.fold is None)
    chosen = [r for r in trials if r.data.tags.get("chosen") and r.data.tags["study"] == "all training rows"]
    assert [r.data.metrics["inner_average_precision"] for r in chosen] == [final.value]
    assert {name: float(value) for name, value in chosen[0].data.params.items()} == final.chosen


def test_an_invalid_problem_is_a_short_error_and_exit_code_1(small):
    done = train("--problem", small(metric="f7"))
    assert done.returncode == 1
    assert "metric: Input should be 'macro_f1'" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not mlflow_runs("small")


def test_bad_data_fails_the_run_and_registers_nothing(small):
    done = train("--problem", small(split={"holdout": {"column": "when", "start": "2050-01-01"}}))
    assert done.returncode == 1
    assert "there is no held-out row" in done.stderr
    assert [r.info.status for r in mlflow_runs("small")] == ["FAILED"]


def test_an_unknown_problem_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ProblemError, match=r"no problem 'torronto': known are .*toronto"):
        read_problem(TrainRequest(problem="torronto"))


def test_help_lists_the_options():
    done = train("--help")
    assert done.returncode == 0
    for option in ("--problem", "--data", "--preset", "--seed", "--tune", "--clear-cache"):
        assert option in done.stdout


def test_a_store_that_fails_after_the_fits_loses_no_report(small, tmp_path):
    problem, unusable = small(), tmp_path / "file"
    unusable.write_text("")
    done = train("--problem", problem, "--seed", 7, EVENHAND_WITNESS=str(unusable))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Run the same command again to register it." in done.stdout
    latest = settings().runs / "latest"
    summary = Summary.model_validate_json((latest / "summary.json").read_text())
    assert (summary.verdict.outcome, summary.model.version) == ("error", "")
    assert len(summary.candidates) == 2
    assert "not registered" in (latest / "report.html").read_text()
    again = train("--problem", problem, "--seed", 7)
    assert again.returncode == 0, again.stderr
    assert "promote (first)" in again.stdout
