"""What a training logs of its candidates: few requests, whatever the number of classes, and nothing lost."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest

from evenhand.metrics.scores import score
from evenhand.problem import Problem
from evenhand.training.candidates import candidates
from tasks.reporting.candidates import log
from tasks.reporting.parent_run import log_parent
from tasks.settings import settings
from tasks.tracking import training_runs
from tasks.tracking.client import connect
from tasks.training.outcome import Compared, WinnerOutcome
from tasks.training.results import Result
from tasks.training.training import Training
from tests.e2e.small import small_problem

WRITES = ("create_run", "log_batch", "update_run_info", "log_metric", "log_param", "set_tag")


def trained(n_classes, strategies=("none", "random_over", "class_weight")):
    """Return the results of candidates on made-up probabilities."""
    problem = Problem.model_validate(small_problem(strategies=list(strategies)))
    generator, names = np.random.default_rng(0), [f"class {i}" for i in range(n_classes)]
    y = np.concatenate([np.arange(n_classes), generator.integers(0, n_classes, 3_000)])
    proba = generator.dirichlet(np.ones(n_classes), len(y)) + np.eye(n_classes)[y]
    scores = score(y, proba / proba.sum(axis=1, keepdims=True), names)
    return problem, [Result(candidate, (), scores, scores) for candidate in candidates(problem)]


def counted(write, calls):
    """Return a function that notes its name and writes."""

    def noted(*arguments, **more):
        calls.append(write.__name__)
        return write(*arguments, **more)

    return noted


@pytest.fixture
def logged(home, monkeypatch):
    """Return a function that logs candidates and gives the run, the writes to the store, and the seconds."""
    settings().home.mkdir(parents=True)

    def run(n_classes):
        problem, results = trained(n_classes)
        run_id = training_runs.start_training("small", f"t{n_classes}", {}, {})
        folder = settings().runs / f"t{n_classes}"
        folder.mkdir(parents=True)
        training = Training(f"t{n_classes}", folder, problem, "standard", 0, "evenhand-small", run_id)
        evidence = SimpleNamespace(candidates=(), metric="macro_f1")
        leaks = SimpleNamespace(leak_sentinel="clean")
        expected = SimpleNamespace(estimate=0.5, low=0.4, high=float("nan"))
        choice = SimpleNamespace(expected=expected, out_of_fold=0.5, candidates=3)
        compared = Compared(results, evidence, results[1].candidate, choice, leaks)
        calls, store = [], type(connect()._tracking_client.store)
        with monkeypatch.context() as patch:
            for name in WRITES:
                patch.setattr(store, name, counted(getattr(store, name), calls))
            begun = time.process_time()
            log.fn(training, compared)
            seconds = time.process_time() - begun
        return SimpleNamespace(training=training, compared=compared, calls=calls, seconds=seconds)

    return run


def test_requests_grow_with_the_candidates_and_not_with_their_classes(logged):
    few, many = logged(3), logged(120)
    assert few.calls == many.calls == ["create_run", "log_batch", "update_run_info"] * len(few.compared.results)
    assert many.seconds / len(many.compared.results) < 1.5, "CPU seconds per candidate of 120 classes"


def test_runs_can_be_filtered_and_what_they_lack_is_in_the_tables_of_the_training(logged, monkeypatch):
    done = logged(3)
    monkeypatch.setattr("tasks.reporting.parent_run.methods_as_markdown", lambda evidence: "")
    verdict = SimpleNamespace(outcome="reject", reasons=("Recall fell \x1b[2J.",))
    registered = SimpleNamespace(name="evenhand-small", version="1")
    log_parent(done.training, done.compared, WinnerOutcome(registered, verdict, ""))
    client = connect()
    parent = client.get_run(done.training.run_id)
    assert {"test_expected", "test_expected_low"} == {name for name in parent.data.metrics if "expected" in name}
    assert len(parent.data.metrics) == 10
    assert sorted(parent.data.metrics)[:2] == ["oof_average_precision", "oof_macro_f1"]
    assert parent.data.tags["verdict_reasons"] == "Recall fell \\x1b[2J."
    assert parent.data.tags["mlflow.note.content"].startswith("**reject**: lightgbm / random_over. [Candidates in")
    experiment = parent.info.experiment_id
    (winner,) = client.search_runs([experiment], "tags.kind = 'candidate' and tags.role = 'winner'")
    assert winner.info.run_name == "lightgbm / random_over"
    assert {"oof_recall_class_0", "test_recall_class_2", "units_folds_done"} <= set(winner.data.metrics)
    assert client.search_runs([experiment], "tags.state = 'stopped'") == []
    rows = client.load_table(experiment, "tables/classes.json", run_ids=[parent.info.run_id])
    assert len(rows) == len(done.compared.results) * 2 * 3
    assert rows["f1"].notna().all()
    every = client.load_table(experiment, "tables/candidates.json", run_ids=[parent.info.run_id])
    assert {"g_mean, out of fold", "roc_auc, held out", "folds_done", "state"} <= set(every.columns)
    folder = done.training.folder / "candidates"
    assert len(list(folder.glob("*/model_metrics.json"))) == len(done.compared.results)
    stored = json.loads(next(folder.glob("*/model_metrics.json")).read_text())
    assert stored["oof"]["per_class"]["class 1"]["support"] > 0
