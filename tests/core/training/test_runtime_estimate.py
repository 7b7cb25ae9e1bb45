"""What costs far more than the rest is said before it starts, and can be bounded."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.split import Fold
from evenhand.models import DEFAULTS, fit_seconds, too_dear
from evenhand.problem import (
    FULL_MODELS,
    FeatureSet,
    ModelSpec,
    NearMissStrategy,
    NeighbourStrategy,
    SimpleStrategy,
    SmoteEnnStrategy,
    SmoteStrategy,
)
from evenhand.problem.strategies import FULL
from evenhand.strategies import CannotResample, resample, resampled_rows, resampling_seconds
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.runtime_estimate import cost_notes, heaviest_first

NONE, OVER = SimpleStrategy(kind="none"), SimpleStrategy(kind="random_over")
LIGHTGBM = ModelSpec(kind="lightgbm")
HOMICIDES = np.array([55000, 960, 1000, 400, 170, 5200, 37000, 1950, 263000, 80000, 380, 20000, 26000, 6500, 3000])


@pytest.mark.parametrize("spec", [ModelSpec(kind=kind) for kind in DEFAULTS if " " not in kind] + list(FULL_MODELS))
def test_more_rows_and_more_rounds_never_cost_less(spec):
    few, many = (fit_seconds(spec, n, 5) for n in (10_000, 40_000))
    assert 0 < few <= many
    rounds = {"n_estimators", "max_iter"} & set(DEFAULTS.get(spec.kind, {}))
    for name in rounds:
        more = spec.model_copy(update={"params": {**spec.params, name: 2 * DEFAULTS[spec.kind][name]}})
        assert fit_seconds(more, 10_000, 5) == pytest.approx(2 * few)
    bounded = spec.model_copy(update={"max_rows": 2_000})
    assert fit_seconds(bounded, 40_000, 5) == fit_seconds(bounded, 4_000, 5)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(FULL), st.lists(st.integers(12, 60), min_size=2, max_size=4), st.integers(0, 3))
def test_the_rows_that_a_strategy_leaves_are_estimated_from_the_counts(strategy, counts, seed):
    counts = np.array(counts)
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(seed).normal(size=(len(y), 3)) + y[:, None]
    try:
        made = len(resample(strategy, X, y, list("abcd")[: len(counts)], seed).y)
    except CannotResample:
        return
    estimate = resampled_rows(strategy, counts)
    if strategy.kind in ("tomek", "enn", "smote_tomek", "smote_enn", "adasyn", "borderline_smote"):
        assert made <= estimate
    elif strategy.kind == "near_miss":
        assert made <= max(estimate, len(y))
    else:
        assert made == pytest.approx(estimate, abs=len(counts))


def test_what_takes_long_is_fitted_first_and_what_shares_rows_together():
    few = SimpleStrategy(kind="random_under")
    forest = ModelSpec(kind="random_forest")
    enriched = Candidate(LIGHTGBM, few, "enriched")
    asked = [Candidate(model, strategy) for strategy in (few, NONE, OVER) for model in (LIGHTGBM, forest)]
    ordered = heaviest_first([*asked, enriched], HOMICIDES)
    assert ordered[0] == enriched
    assert [one.strategy for one in ordered[1:]] == [OVER, OVER, NONE, NONE, few, few]
    assert {one.model.name for one in ordered[1:3]} == {"lightgbm", "random_forest"}
    assert sorted(one.fit_name for one in ordered) == sorted(one.fit_name for one in (*asked, enriched))


def test_a_note_names_what_takes_minutes_and_how_to_bound_it():
    weights = SimpleStrategy(kind="class_weight")
    notes = cost_notes([Candidate(LIGHTGBM, strategy) for strategy in (NONE, OVER, weights)], HOMICIDES, 6)
    assert len(notes) == 2
    assert notes[0].startswith("lightgbm / random_over: about 6 CPU minutes a fit, and half of the others take ")
    assert notes[0].endswith("max_rows or max_seconds of its model bounds it")
    assert notes[1].startswith("all fits: about ")
    slow = [Candidate(LIGHTGBM, SmoteEnnStrategy(kind="smote_enn"))]
    said = cost_notes(slow, HOMICIDES, 6)[0]
    assert said.startswith("smote_enn: about 8 minutes a fold on 500,560 rows; max_rows: 20000")


def test_a_training_of_seconds_has_nothing_to_say():
    assert cost_notes([Candidate(LIGHTGBM, s) for s in FULL], np.array([3000, 500, 200]), 6) == []
    assert cost_notes([], np.array([3000, 500, 200]), 6) == []


def test_a_strategy_is_skipped_where_the_estimate_is_over_its_max_seconds():
    strategy = SmoteStrategy(kind="smote", max_seconds=0.0001)
    y = np.repeat([0, 1], [300, 60])
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    with pytest.raises(
        CannotResample, match=r"^smote: about 0 CPU seconds a fold by estimate, and max_seconds is 0\.0001$"
    ):
        resample(strategy, X, y, ["a", "b"], 0)
    generous = strategy.model_copy(update={"max_seconds": 10.0})
    assert len(resample(generous, X, y, ["a", "b"], 0).y) == 600


def test_an_hour_is_the_bound_of_a_strategy_that_has_none_and_more_can_be_allowed():
    for most, runs in ((None, False), (100_000.0, True), (10.0, False)):
        strategy = SmoteEnnStrategy(kind="smote_enn", max_seconds=most)
        y = np.repeat([0, 1], [1_900_000, 100_000])
        took = resampling_seconds(strategy, len(y))
        assert (took <= (most or 3600)) == runs


@pytest.mark.parametrize("spec", [LIGHTGBM, ModelSpec(kind="rusboost", max_rows=2_000)])
def test_a_fit_is_skipped_where_the_estimate_is_over_the_models_max_seconds(spec):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [200, 100])
    frame = pd.DataFrame({"x": rng.normal(y)})
    folds = [Fold(0, np.arange(0, 300, 2), np.arange(1, 300, 2))]
    experiment = Experiment(frame, y, ["a", "b"], folds, {"base": FeatureSet.model_validate({"numeric": ["x"]})}, 0)
    dear = experiment.run(Candidate(spec.model_copy(update={"max_seconds": 0.0001}), NONE), 0)
    assert dear.probabilities is None
    assert dear.skipped.startswith(
        f"{spec.name}: about 0 CPU seconds a fit on 150 rows by estimate, and max_seconds is "
    )
    assert experiment.run(Candidate(spec.model_copy(update={"max_seconds": 100}), NONE), 0).skipped is None
    assert too_dear(spec, 10**9, 5) is None


def test_every_bound_of_the_catalogue_leaves_20_000_rows():
    bounds = [s.max_rows for s in FULL if isinstance(s, NeighbourStrategy)]
    assert min(bounds) >= 20_000
    assert NearMissStrategy(kind="near_miss").max_seconds is None
