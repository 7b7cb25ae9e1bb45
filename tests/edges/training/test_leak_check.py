"""A training with a leak stops before anything is registered, and its run says what was found."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.errors import LeakFound
from evenhand.features.encoder import build_encoder
from evenhand.problem import Problem
from evenhand.training.candidates import candidates, fits
from evenhand.training.experiment import Experiment
from evenhand.training.fold_cache import Encoded, OnceCache
from tasks.data.split import split
from tasks.storage.store import read_frame, write_frame
from tasks.training.evaluate import evaluate_all, score_all
from tasks.training.fit import fit, model_path
from tasks.training.leak_check import check_columns, find_leaks
from tasks.training.training import Training, open_training
from tests.edges.tiny_registry import registry

__all__ = ["registry"]

PROBLEM = Problem.model_validate(
    {
        "name": "tiny",
        "title": "Tiny",
        "source": {"kind": "csv", "path": "tiny.csv"},
        "target": {"column": "kind", "groups": {"theft": ["bike", "car"]}, "other": "assault", "drop": ["unknown"]},
        "features": {"base": {"categorical": ["place"], "numeric": ["x"]}},
        "split": {"holdout": {"column": "year", "start": 2021}, "folds": {"kind": "stratified", "n": 2}},
        "models": [{"kind": "lightgbm", "params": {"n_estimators": 3}}],
        "strategies": ["none", "random_over"],
        "decisions": ["argmax", "multipliers"],
    }
)


def good(n=400):
    """Validated rows, some of them alike, some without a value."""
    rng = np.random.default_rng(0)
    kind = rng.choice(["bike", "car", "fist", "knife", "unknown"], n, p=[0.2, 0.1, 0.3, 0.3, 0.1])
    place = pd.Series(rng.choice(["bar", "park"], n), dtype="str").where(rng.random(n) < 0.9)
    frame = pd.DataFrame({"place": place, "x": rng.integers(0, 40, n).astype(float), "kind": kind})
    return write_frame(frame.assign(year=np.where(np.arange(n) < 300, 2020.0, 2021.0)), "good/{sha256}.parquet")


@pytest.fixture
def training(tmp_path):
    return Training("a-training", tmp_path, PROBLEM, "standard", 0, "tiny", "no run")


def trained(training, rows, parts):
    """What a training gives to the sentinel."""
    context = training.context(parts)
    grid, folds = candidates(PROBLEM), context.fold_numbers
    fold_units = {c.fit_name: [fit.fn(context, c, fold) for fold in folds] for c in fits(grid)}
    holdout_units = {c.fit_name: [fit.fn(context, c, HOLDOUT_FOLD)] for c in fits(grid)}
    results = score_all.fn(context, evaluate_all.fn(context, grid, fold_units), holdout_units)
    return training, context, rows, results


def stopped(training, changed=lambda frame: frame, leak=lambda given: given):
    """Train on the validated rows with a leak; what is raised."""
    rows = good()
    leaking = write_frame(changed(read_frame(rows)), "good/{sha256}.parquet")
    given = leak(trained(training, rows, split.fn(leaking, PROBLEM)))
    with pytest.raises(LeakFound) as caught:
        find_leaks.fn(*given)
    return str(caught.value)


def reported(training):
    return json.loads((training.folder / "leak_sentinel.json").read_text())


@pytest.mark.parametrize("sample", [None, 150])
def test_a_clean_training_says_so_with_the_twins_that_the_data_came_with(training, sample):
    rows = good()
    report = find_leaks.fn(*trained(training, rows, split.fn(rows, PROBLEM, sample, 0)))
    assert reported(training) == report.to_record()
    assert (report.leak_sentinel, report.fits, report.rows > 300) == ("clean", 6, sample is None)
    held_out = report.twins["held-out period"]
    assert held_out.judged > held_out.twins > 10


def test_copies_made_between_validation_and_the_folds(training):
    message = stopped(training, lambda frame: pd.concat([frame, frame[frame["kind"] == "car"]]))
    assert re.search(r"before the folds: \d+ rows \([\d, .]+\) copied or made up", message)
    assert reported(training)["leak_sentinel"] == "leak found"


def test_a_row_whose_label_was_changed_is_not_in_the_data(training):
    message = stopped(training, lambda frame: frame.replace({"kind": {"fist": "car"}}))
    assert "copied or made up: the validated data does not have them" in message


def test_an_encoder_fitted_on_all_rows_is_reported_by_candidate_and_fold(training, monkeypatch):
    def leaking(self, features, fold):
        encoder, frame = build_encoder(self.features[features]), self.frame[list(self.features[features].columns)]
        encoder.fit(frame)
        return Encoded(encoder, *(encoder.transform(frame.iloc[rows]) for rows in (fold.train, fold.valid)))

    # Without it the rows that another test encoded would be used again.
    monkeypatch.setattr("tasks.training.context._experiments", OnceCache(size=1))
    monkeypatch.setattr(Experiment, "_encode_now", leaking)
    message = stopped(training)
    assert "lightgbm / none, fold 1: its encoder was fitted on" in message
    assert "and 3 more in" in message
    findings = reported(training)["findings"]
    assert len(findings) == 6
    assert any(finding.startswith("lightgbm / random_over, held-out period: ") for finding in findings)


def test_a_fit_that_nobody_checked_is_no_clean_one(training):
    def unchecked(given):
        *rest, results = given
        lost = tuple(replace(unit, leaks=None) for unit in results[0].units)
        return *rest, [replace(results[0], units=lost)]

    assert "lightgbm / none, held-out period: it was not checked for leaks" in stopped(training, leak=unchecked)


def test_a_rule_fitted_on_the_rows_of_the_held_out_period_stops_the_training_and_its_run_says_so(training, registry):
    rows = good()
    _, context, _, results = trained(training, rows, split.fn(rows, PROBLEM))
    ruled = next(result for result in results if result.candidate.decision.kind == "multipliers")
    holdout_units = [unit for unit in ruled.units if unit.fold == HOLDOUT_FOLD]

    refitted = []

    def train():
        with open_training(PROBLEM, "standard", 0) as begun:
            refitted.append(model_path(begun.context(context.parts), ruled.candidate))
            refitted[0].parent.mkdir(parents=True)
            refitted[0].touch()
            score_all.fn(context, [ruled], {ruled.candidate.fit_name: holdout_units})

    with pytest.raises(LeakFound) as caught:
        train()
    message = str(caught.value)
    assert message.startswith(
        "lightgbm / none / multipliers: calibration and decision rule multipliers, held-out period: "
    )
    experiment = registry.client.get_experiment_by_name("tiny")
    (run,) = registry.client.search_runs([experiment.experiment_id], "tags.leak_sentinel LIKE '%'")
    assert (run.info.status, run.data.tags["leak_sentinel"]) == ("FAILED", message)
    assert not refitted[0].exists(), "no model of a training that leaks stays behind"


def test_a_column_that_gives_the_class_stops_the_training_before_a_fit(training):
    frame = read_frame(good())
    outcome = frame["kind"].map({"bike": "t", "car": "t"}).fillna("a")
    leaking = write_frame(frame.assign(place=outcome), "good/{sha256}.parquet")
    parts = split.fn(leaking, PROBLEM)
    with pytest.raises(LeakFound, match=r"'place' \(macro-F1 1\.000\) alone gives the class 'kind'"):
        check_columns.fn(training, parts)
    assert reported(training)["leak_sentinel"] == "leak found"
    allowed = PROBLEM.model_copy(update={"allow_predictive": ("place",)})
    assert check_columns.fn(replace(training, problem=allowed), parts).alone["place"] == 1.0


def test_the_report_names_what_was_not_checked(training, capsys):
    allowed = replace(training, problem=PROBLEM.model_copy(update={"allow_predictive": ("place",)}))
    rows = good()
    parts = split.fn(rows, PROBLEM)
    columns = check_columns.fn(allowed, parts)
    report = find_leaks.fn(*trained(allowed, rows, parts), columns)
    assert "not checked: whether a column is known before the class" in capsys.readouterr().out
    assert reported(training)["not_checked"][-1] == "columns that `allow_predictive` allows: place"
    assert reported(training)["columns_alone"] == dict(report.columns_alone) == dict(columns.alone)
