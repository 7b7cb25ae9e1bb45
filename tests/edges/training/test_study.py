"""A study is the same whenever it is made, and goes on after a kill as if nothing had happened."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import tasks.training.tuning.study
from evenhand.data.lineage import RowsSeen
from evenhand.data.split import make_folds
from evenhand.errors import StorageError
from evenhand.problem import FeatureSet, ModelSpec, Setting, SimpleStrategy, StratifiedFolds, Tuning
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.tuned_settings import Chosen
from evenhand.training.tuning import judged_trial
from tasks.training.tuning.study import STARTUP, StudyEnded, run_study, study_fold

TRIALS = 10
SPACE = {
    "num_leaves": Setting(low=2, high=31, log=True),
    "learning_rate": Setting(low=0.001, high=0.5, log=True),
    "colsample_bytree": Setting(choices=(0.5, 1.0)),
}


@pytest.fixture(scope="module")
def inner():
    generator = np.random.default_rng(0)
    y = generator.choice(3, 600, p=[0.6, 0.25, 0.15])
    frame = pd.DataFrame({"x": generator.normal(size=600) + y, "z": generator.normal(size=600) - y})
    folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=3), 0)
    features = {"base": FeatureSet(numeric=["x", "z"])}
    return Experiment(frame, y, ["a", "b", "c"], folds, features, 0, kept_folds=3)


def tuning_of(**changes):
    return Tuning(**{"model": "lightgbm", "trials": TRIALS, "space": SPACE, **changes})


def studied(path, inner, tuning=None, seed=7, report=lambda trials: None):
    tuning = tuning or tuning_of()
    model = ModelSpec(kind="lightgbm", params={"n_estimators": 5}, label="lightgbm tuned")
    candidate = Candidate(model, SimpleStrategy(kind="none"), tuning=tuning)
    found = run_study(path, inner, candidate, seed, report)
    return [replace(trial, seconds=0.0) for trial in found]


@pytest.fixture(scope="module")
def undisturbed(inner, tmp_path_factory):
    return studied(tmp_path_factory.mktemp("studies") / "whole.journal", inner)


def test_the_same_seed_gives_the_same_trials_and_another_one_others(undisturbed, inner, tmp_path):
    counts = []
    assert studied(tmp_path / "again.journal", inner, report=lambda trials: counts.append(len(trials))) == undisturbed
    assert counts == list(range(1, TRIALS + 1))
    assert studied(tmp_path / "other.journal", inner, tuning_of(trials=3), seed=8)[1:] != undisturbed[1:3]
    assert [trial.number for trial in undisturbed] == list(range(TRIALS))
    assert undisturbed[0].params == {}
    assert all(set(trial.params) == set(SPACE) for trial in undisturbed[1:])
    assert {trial.state for trial in undisturbed} == {"complete", "pruned"}


@pytest.mark.parametrize("killed_in", [1, STARTUP + 2])
def test_a_killed_study_goes_on_and_ends_as_if_nothing_had_happened(
    undisturbed, inner, tmp_path, monkeypatch, killed_in
):
    path, fitted = tmp_path / "killed.journal", []

    def dies(inner, candidate, number, params, goes_on):
        if number == killed_in and not fitted.count(killed_in):
            fitted.append(number)
            raise KeyboardInterrupt
        fitted.append(number)
        return judged_trial(inner, candidate, number, params, goes_on)

    monkeypatch.setattr(tasks.training.tuning.study, "judged_trial", dies)
    with pytest.raises(KeyboardInterrupt):
        studied(path, inner)
    with path.open("ab") as file:  # killed while it wrote
        file.write(b'{"op_code":4,"worker_id":"x","study_')
    assert studied(path, inner) == undisturbed
    assert fitted == [*range(killed_in), killed_in, *range(killed_in, TRIALS)]
    assert studied(path, inner) == undisturbed
    assert len(fitted) == TRIALS + 1


def test_a_study_ends_with_its_training_before_the_next_trial(tmp_path, monkeypatch):
    generator, ended = np.random.default_rng(0), threading.Event()
    y = generator.choice(3, 300, p=[0.6, 0.25, 0.15])
    frame = pd.DataFrame({"x": generator.normal(size=300) + y})
    folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=2), 0)
    whole = Experiment(frame, y, ["a", "b", "c"], folds, {"base": FeatureSet(numeric=["x"])}, 0)
    problem = SimpleNamespace(split=SimpleNamespace(folds=StratifiedFolds(kind="stratified", n=2)))
    tuned = Candidate(ModelSpec(kind="lightgbm"), SimpleStrategy(kind="none"), tuning=tuning_of(trials=3))
    context = SimpleNamespace(experiment=whole, problem=problem, seed=7)
    asked = (context, tuned, 0, tmp_path / "ended.journal")
    ended.set()
    with pytest.raises(StudyEnded, match="fold 1: not done, the training is being ended"):
        study_fold(*asked, ended)
    assert len(study_fold(*asked, threading.Event()).trials) == 3


@pytest.mark.parametrize("spoilt", [b"no JSON\n", b'{"op_code": 4}\n', b"[1]\n"])
def test_a_file_that_holds_something_else_is_named_and_left_alone(inner, tmp_path, spoilt):
    path = tmp_path / "spoilt.journal"
    studied(path, inner, tuning_of(trials=2))
    whole = path.read_bytes()
    path.write_bytes(whole + spoilt + whole[whole.index(b"\n") + 1 :])
    with pytest.raises(StorageError, match=r"spoilt\.journal: not the trials of a study"):
        studied(path, inner)
    assert spoilt in path.read_bytes()


def test_a_larger_budget_goes_on_with_what_a_smaller_one_left(undisturbed, inner, tmp_path):
    path = tmp_path / "small.journal"
    assert studied(path, inner, tuning_of(trials=4)) == undisturbed[:4]
    assert studied(path, inner) == undisturbed
    assert studied(path, inner, tuning_of(trials=4)) == undisturbed[:4]


def test_a_budget_in_rounds_ends_it_where_they_are_spent_when_resumed_too(undisturbed, inner, tmp_path):
    path = tmp_path / "rounds.journal"
    spent = np.cumsum([trial.rounds for trial in undisturbed])
    for _ in range(2):
        assert studied(path, inner, tuning_of(rounds=int(spent[3]))) == undisturbed[:4]
        assert studied(path, inner, tuning_of(rounds=1)) == undisturbed[:1]


def test_a_clock_ends_it_before_the_next_trial_and_the_declared_model_is_always_judged(inner, tmp_path, undisturbed):
    assert studied(tmp_path / "clock.journal", inner, tuning_of(max_seconds=1e-9)) == undisturbed[:1]


@pytest.mark.parametrize("pruning", ["none", "halving"])
def test_pruning_is_as_declared_and_as_resumable(inner, tmp_path, pruning):
    path, tuning = tmp_path / "pruning.journal", tuning_of(pruning=pruning)
    studied(path, inner, tuning_of(pruning=pruning, trials=5))
    resumed = studied(path, inner, tuning)
    assert resumed == studied(tmp_path / "at_once.journal", inner, tuning)
    pruned = [trial for trial in resumed if trial.state == "pruned"]
    assert bool(pruned) == (pruning == "halving")
    assert all(len(trial.fold_values) < 3 and trial.value is None for trial in pruned)


def test_a_failed_trial_is_kept_with_its_reason_and_the_study_goes_on(inner, tmp_path):
    space = {"num_leaves": Setting(choices=(-1, 7))}
    found = studied(tmp_path / "failing.journal", inner, tuning_of(space=space, trials=8))
    failed = [trial for trial in found if trial.state == "failed"]
    assert failed
    assert all(trial.params == {"num_leaves": -1} and "can't be fitted" in trial.reason for trial in failed)
    assert Chosen(0, "average_precision", tuple(found), RowsSeen(1, "")).best.params in ({}, {"num_leaves": 7})


def test_a_loss_is_made_small(inner, tmp_path):
    found = studied(tmp_path / "loss.journal", inner, tuning_of(metric="log_loss"))
    complete = [trial for trial in found if trial.state == "complete"]
    assert Chosen(0, "log_loss", tuple(found), RowsSeen(1, "")).best.value == min(trial.value for trial in complete)
    pruned = [trial for trial in found if trial.state == "pruned"]
    assert pruned
    for trial in pruned:
        step = len(trial.fold_values)
        before = [np.mean(one.fold_values[:step]) for one in complete if one.number < trial.number]
        assert np.mean(trial.fold_values) > np.median(before)


def test_two_at_once_make_one_study(inner, tmp_path, undisturbed):
    path, found = tmp_path / "both.journal", []
    threads = [threading.Thread(target=lambda: found.append(studied(path, inner))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [undisturbed, undisturbed]
