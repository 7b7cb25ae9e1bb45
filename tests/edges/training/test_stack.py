"""The best fits stacked: judged as any candidate is, and what ships is what was judged."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.metrics.scores import score, to_record
from evenhand.postprocess.choose_calibration import Calibration
from evenhand.postprocess.postprocessing import Postprocessing
from evenhand.problem import Problem
from evenhand.problem.models import COMBINATION, Stacking
from evenhand.training.candidates import candidates, fits
from tasks.data.split import split
from tasks.registry.load_model import load_model
from tasks.registry.store_model import log_model
from tasks.settings import settings
from tasks.storage.store import read_frame, write_frame
from tasks.tracking import training_runs
from tasks.training.context import TrainingContext
from tasks.training.evaluate import evaluate_all, score_all, winning_postprocessing
from tasks.training.fit import Winner, fit
from tasks.training.kept.kept_fits import KeptFits
from tasks.training.results import oof_predictions
from tasks.training.stack import choose_winner, refit_stack, stack, stack_holdout

PROBLEM = Problem.model_validate(
    {
        "name": "p",
        "title": "P",
        "source": {"kind": "csv", "path": "x.csv"},
        "target": {"column": "kind"},
        "features": {"base": {"numeric": ["x"]}, "more": {"numeric": ["z"], "categorical": ["place"]}},
        "split": {"holdout": {"column": "year", "start": 2021}, "folds": {"kind": "stratified", "n": 3}},
        "models": [
            {"kind": "random_forest", "params": {"n_estimators": 8, "min_samples_leaf": 10}},
            {"kind": "lightgbm", "params": {"n_estimators": 8}},
        ],
        "strategies": ["none", "class_weight"],
        "extra": [{"model": "lightgbm", "features": "more", "strategy": "class_weight"}],
        "decisions": ["argmax", {"kind": "multipliers", "metric": "macro_f1"}, "prior_correction"],
        "calibration": ["none", "prior", "temperature", "isotonic"],
        "metric": "average_precision",
    }
)


def rows(n=1500):
    """``x`` separates the rarest class, ``z`` and ``place`` the other two: no fit has both."""
    rng = np.random.default_rng(0)
    y = rng.choice(3, n, p=[0.6, 0.25, 0.15])
    return pd.DataFrame(
        {
            "x": rng.normal(2.0 * (y == 2), 1.0),
            "z": rng.normal(2.0 * (y == 1), 1.0),
            "place": np.where((y == 1) ^ (rng.random(n) < 0.3), "b", "a"),
            "kind": np.array(["common", "rare", "rarest"])[y],
            "year": np.where(np.arange(n) < 0.75 * n, 2020.0, 2021.0),
        }
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    patch, home = pytest.MonkeyPatch(), tmp_path_factory.mktemp("stacked")
    patch.setenv("EVENHAND_HOME", str(home))
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings.cache_clear()
    parts = split.fn(write_frame(rows(), "good/{sha256}.parquet"), PROBLEM)
    context = TrainingContext(parts, PROBLEM, 0, home / "training")
    grid = candidates(PROBLEM)
    fold_units = {c.fit_name: [fit.fn(context, c, n) for n in context.fold_numbers] for c in fits(grid)}
    holdout_units = {c.fit_name: [fit.fn(context, c, HOLDOUT_FOLD)] for c in fits(grid)}
    scored = evaluate_all.fn(context, grid, fold_units)
    stacked = stack.fn(context, Stacking(of=2), scored)
    holdout_units[stacked.candidate.fit_name] = [stack_holdout(context, stacked, holdout_units)]
    results = score_all.fn(context, [*scored, *stacked.results], holdout_units)
    yield SimpleNamespace(
        home=home,
        context=context,
        parts=parts,
        scored=scored,
        stacked=stacked,
        results=results,
        holdout_units=holdout_units,
    )
    patch.undo()
    settings.cache_clear()


@pytest.fixture(autouse=True)
def store(world, home, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(world.home))
    settings.cache_clear()


def stacks(world):
    return [result for result in world.results if result.candidate.model.kind == "stack"]


def test_it_is_made_of_the_best_fit_of_each_family_and_beats_them_where_they_know_different_things(world):
    members = world.stacked.candidate.members
    assert [member.fit_name for member in members] == ["lightgbm / class_weight / more", "random_forest / none"]
    assert world.stacked.candidate.name == "stack / lightgbm class_weight more + random_forest none"
    own = {r.candidate.fit_name: r for r in world.results}
    for on in ("oof", "test"):
        made = getattr(stacks(world)[0], on).metrics
        for member in members:
            alone = getattr(own[member.fit_name], on).metrics
            assert made["average_precision"] > alone["average_precision"] + 0.02
            assert made["log_loss"] < alone["log_loss"]


def test_it_has_the_rules_of_fits_without_resampling(world):
    assert [result.candidate.decision.name for result in stacks(world)] == ["argmax", "multipliers macro_f1"]


def test_the_stored_stack_answers_as_it_was_judged(world):
    run_id = training_runs.start_training("toy", "stacked", {"seed": 0}, {})
    holdout = read_frame(world.parts.holdout)
    y = pd.Categorical(holdout.kind, categories=world.parts.classes).codes.astype(int)
    for result in stacks(world):
        ending = winning_postprocessing(world.context, result.candidate, world.stacked.units)
        whole, units = refit_stack.fn(world.context, world.stacked, Winner(world.stacked.candidate, ending, ()))
        assert set(units) == {world.stacked.candidate.fit_name, *(m.fit_name for m in world.stacked.candidate.members)}
        assert sorted(whole.example.columns) == ["place", "x", "z"]
        logged = log_model(run_id, whole.model, whole.example)
        model = load_model(logged.uri, logged.sha256)
        codes = pd.Categorical(model.predict(holdout), categories=world.parts.classes).codes
        answered = score(y, model.predict_proba(holdout), world.parts.classes, codes.astype(int))
        assert to_record(answered) == to_record(result.shipped.test)


def test_a_kept_stack_has_the_same_bytes_and_fits_nothing(world):
    (result, *_), found = stacks(world), []
    ending = winning_postprocessing(world.context, result.candidate, world.stacked.units)
    members = [unit for one in world.scored for unit in one.fold_units if one.candidate in result.candidate.members]
    winner, kept = Winner(world.stacked.candidate, ending, (*world.stacked.units, *members)), KeptFits(print)
    for _ in range(2):
        whole, units = refit_stack.fn(world.context, world.stacked, winner, None, kept)
        found.append((whole.model.path.read_bytes(), whole.model.columns, list(whole.example.columns), sorted(units)))
        assert whole.unit.probabilities.read_bytes() == units[result.candidate.fit_name][0].probabilities.read_bytes()
    assert found[0] == found[1]
    assert kept.counts == (2, 2)


def test_weights_are_stored_too(world):
    context = TrainingContext(world.parts, PROBLEM, 0, world.home / "weights")
    made = stack.fn(context, COMBINATION, world.scored)
    assert {member.strategy.kind for member in made.candidate.members} == {"none"}
    rule = winning_postprocessing(context, made.results[0].candidate, made.units).rule
    uncorrected = Postprocessing(rule, Calibration(prior=False, calibrator=None), "calibrated")
    whole, units = refit_stack.fn(context, made, Winner(made.candidate, uncorrected, tuple(made.units)))
    logged = log_model(training_runs.start_training("toy", "weighted", {"seed": 0}, {}), whole.model, whole.example)
    proba = load_model(logged.uri, logged.sha256).predict_proba(read_frame(world.parts.holdout))
    (unit,) = units[made.candidate.fit_name]
    assert np.allclose(proba, np.load(unit.probabilities))


def test_the_combination_wins_where_it_is_worth_its_members(world):
    winner, choice, bought = choose_winner(world.context, world.results, world.stacked)
    assert bought.combination in [result.candidate.name for result in stacks(world)]
    assert bought.preferred  # its members know different things
    assert winner.name == choice.name == bought.combination
    alone, choice, nothing = choose_winner(world.context, world.scored, None)
    assert alone.name == choice.name == bought.single
    assert nothing is None


def test_no_rule_or_correction_learns_from_the_rows_it_is_judged_on(world):
    """With the truth of one fold changed, nothing that this fold's rows are judged by may change."""
    experiment = world.context.experiment
    known = oof_predictions(experiment, world.stacked.units)
    assert len(known.nested_proba) == 3
    before = list(known.fitting_pairs())
    y, judged = experiment.y.copy(), experiment.folds[1].valid
    experiment.y[judged] = (experiment.y[judged] + 1) % 3
    try:
        again = stack.fn(TrainingContext(world.parts, PROBLEM, 0, world.home / "again"), Stacking(of=2), world.scored)
        after = oof_predictions(experiment, again.units)
        assert again.candidate == world.stacked.candidate
        changed = list(after.fitting_pairs())
        np.testing.assert_array_equal(changed[1][0].proba, before[1][0].proba)
        np.testing.assert_array_equal(changed[1][1].proba, before[1][1].proba)
        assert not np.array_equal(changed[0][0].proba, before[0][0].proba)
    finally:
        experiment.y[:] = y


def test_one_fold_is_judged_by_its_halves(world):
    first = [replace(r, units=tuple(u for u in r.units if u.fold in (0, HOLDOUT_FOLD))) for r in world.scored]
    made = stack.fn(TrainingContext(world.parts, PROBLEM, 0, world.home / "one"), Stacking(of=2, combine="mean"), first)
    known = oof_predictions(world.context.experiment, made.units)
    assert [len(nested) for nested in known.nested_proba] == [len(others.y) for others, _ in known.fitting_pairs()]
    assert len(made.units) == 1
    assert made.combiner is None


def test_one_family_alone_is_not_stacked(world):
    forest = [result for result in world.scored if result.candidate.model.name == "random_forest"]
    assert stack.fn(TrainingContext(world.parts, PROBLEM, 0, world.home / "none"), Stacking(), forest) is None


def test_a_member_that_cannot_be_refitted_leaves_the_stack_without_a_held_out_score(world):
    name = world.stacked.candidate.members[1].fit_name
    holdout_units = {**world.holdout_units, name: [replace(world.holdout_units[name][0], skipped="too few rows")]}
    unit = stack_holdout(world.context, world.stacked, holdout_units)
    assert unit.skipped == "random_forest / none: too few rows"
    assert unit.probabilities is None
