"""Units in processes give the digits, the resampling records and the findings of units in this one."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.errors import ProblemError
from evenhand.problem import parse_problem
from evenhand.training.candidates import candidates, fits
from tasks.data.split import split
from tasks.processes.pool import Workers
from tasks.storage.store import read_frame, write_frame
from tasks.training.context import TrainingContext, read_experiment
from tasks.training.fit import fit

SEED = 0
FEW = {"random_forest": {"n_estimators": 8}, "gradient_boosting": {"max_iter": 4}, "lightgbm": {"n_estimators": 5}}


def rows(n=1200):
    rng = np.random.default_rng(0)
    y = rng.choice(3, n, p=[0.55, 0.3, 0.15])
    return pd.DataFrame(
        {
            "when": pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 730, n), unit="D"),
            "hour": np.where(rng.random(n) < 0.05, np.nan, rng.normal(6 + 5 * y, 3)),
            "x": rng.normal(size=n),
            "place": np.array(["a", "b", "c"])[rng.integers(0, 3, n)],
            "kind": np.array(["Assault", "Robbery", "Theft"])[y],
        }
    )


def problem(**changes):
    asked = {
        "name": "small",
        "title": "Small",
        "source": {"kind": "csv", "path": "unset.csv"},
        "target": {"column": "kind"},
        "features": {
            "base": {"categorical": ["place"], "numeric": ["hour", "x"]},
            "enriched": {"extend": "base", "rates": [["place"]]},
        },
        "split": {
            "holdout": {"column": "when", "start": pd.Timestamp("2021-07-01").date()},
            "folds": {"kind": "stratified", "n": 2},
        },
        "models": [{"kind": kind, "params": params} for kind, params in FEW.items()],
        "strategies": ["none", "class_weight", "random_over", "random_under", "smote", {"kind": "capped", "cap": 100}],
        "extra": [{"model": "lightgbm", "features": "enriched", "half_life_days": 200}],
        **changes,
    }
    return parse_problem(asked, "small.yaml")


def test_processes_give_the_digits_of_threads_and_leave_nothing_behind(tmp_path):
    p = problem()
    parts = split.fn(write_frame(rows(), "validated/{sha256}/good.parquet"), p)
    asked = [
        (c, fold)
        for fold in (*TrainingContext(parts, p, SEED, Path()).fold_numbers, HOLDOUT_FOLD)
        for c in fits(candidates(p))
    ]
    here = [fit.fn(TrainingContext(parts, p, SEED, tmp_path / "here"), c, fold) for c, fold in asked]
    shared = tmp_path / "there" / "shared"
    sharing = parts.model_copy(update={"shared": shared})
    with Workers(2, shared, print) as workers, ThreadPoolExecutor(2) as threads:
        there = list(
            threads.map(lambda one: fit.fn(TrainingContext(sharing, p, SEED, tmp_path / "there"), *one, workers), asked)
        )
        assert [path.name for path in shared.glob("*.arrow")] == ["rows.arrow"]
    assert not shared.exists()
    assert len(here) == len(there) == 3 * 19
    for mine, theirs in zip(here, there, strict=True):
        assert mine.leaks == ()
        assert replace(theirs, probabilities=None, fit_seconds=0) == replace(mine, probabilities=None, fit_seconds=0)
        assert theirs.probabilities.read_bytes() == mine.probabilities.read_bytes()


def test_a_process_that_maps_the_raw_rows_has_the_same_ones_and_holds_none_between_units(tmp_path, monkeypatch):
    p = problem()
    parts = split.fn(write_frame(rows(), "validated/{sha256}/good.parquet"), p)
    alone = read_experiment(parts, p, SEED)
    with monkeypatch.context() as patched:
        patched.setattr("tasks.training.context.read_frame", counted := Counted(read_frame))
        shared = read_experiment(parts.model_copy(update={"shared": tmp_path}), p, SEED)
        pd.testing.assert_frame_equal(shared.frame, alone.frame)
        candidate = fits(candidates(p))[0]
        for fold in (0, HOLDOUT_FOLD):
            outcome = shared.run(candidate, fold)
            np.testing.assert_array_equal(outcome.probabilities, alone.run(candidate, fold).probabilities)
    assert counted.calls == 2, "the training rows and the held-out ones, once each"
    frame = weakref.ref(shared.frame)
    gc.collect()
    assert frame() is None


class Counted:
    """A function that knows how often it was called."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


def test_a_reason_to_skip_and_an_error_of_the_settings_come_back_as_they_are(tmp_path):
    capped = {"kind": "capped", "cap": 10, "per_class": {"Assault": 1.5}}
    p = problem(models=[{"kind": "lightgbm", "params": {"num_leaves": "many"}}], strategies=[capped], extra=[])
    parts = split.fn(write_frame(rows(), "validated/{sha256}/good.parquet"), p)
    (candidate,) = fits(candidates(p))
    with Workers(1, tmp_path / "shared", print) as workers:
        with pytest.raises(ProblemError, match=r"lightgbm / capped can't be fitted with its settings"):
            fit.fn(TrainingContext(parts, p, SEED, tmp_path), candidate, 0, workers)
        few = candidate.strategy.model_copy(update={"per_class": {"nowhere": 1.5}})
        unit = fit.fn(TrainingContext(parts, p, SEED, tmp_path), replace(candidate, strategy=few), 1, workers)
    assert "no class nowhere" in unit.skipped
