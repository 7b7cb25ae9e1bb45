"""What is far more work than the rest is named before it starts and can be bounded by rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.split import Fold
from evenhand.models import DEFAULTS
from evenhand.models.fit_work import above_row_limit, fit_work
from evenhand.problem import (
    DETECTORS,
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
from evenhand.strategies import CannotResample, resample
from evenhand.strategies.expected_rows import above_search_limit, expected_rows
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.presets import preset_candidates
from evenhand.training.workload import heaviest_first, workload_notes
from tasks.data.problems import load_problem

NONE, OVER = SimpleStrategy(kind="none"), SimpleStrategy(kind="random_over")
LIGHTGBM = ModelSpec(kind="lightgbm")
HOMICIDES = np.array([55000, 960, 1000, 400, 170, 5200, 37000, 1950, 263000, 80000, 380, 20000, 26000, 6500, 3000])


@pytest.mark.parametrize("spec", [ModelSpec(kind=kind) for kind in DEFAULTS if " " not in kind] + list(FULL_MODELS))
def test_more_rows_and_more_rounds_are_never_less_work(spec):
    few, many = (fit_work(spec, n, 5) for n in (10_000, 40_000))
    assert 0 < few <= many
    rounds = set() if spec.kind in DETECTORS else {"n_estimators", "max_iter"} & set(DEFAULTS[spec.kind])
    for name in rounds:
        more = spec.model_copy(update={"params": {**spec.params, name: 2 * DEFAULTS[spec.kind][name]}})
        assert fit_work(more, 10_000, 5) == pytest.approx(2 * few)
    bounded = spec.model_copy(update={"max_rows": 2_000})
    assert fit_work(bounded, 40_000, 5) == fit_work(bounded, 4_000, 5)


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
    estimate = expected_rows(strategy, counts)
    if strategy.kind in ("tomek", "enn", "smote_tomek", "smote_enn", "adasyn", "borderline_smote"):
        assert made <= estimate
    elif strategy.kind == "near_miss":
        assert made <= max(estimate, len(y))
    else:
        assert made == pytest.approx(estimate, abs=len(counts))


def test_the_heaviest_fits_run_first_and_fits_that_share_rows_together():
    few = SimpleStrategy(kind="random_under")
    forest = ModelSpec(kind="random_forest")
    enriched = Candidate(LIGHTGBM, few, "enriched")
    asked = [Candidate(model, strategy) for strategy in (few, NONE, OVER) for model in (LIGHTGBM, forest)]
    ordered = heaviest_first([*asked, enriched], HOMICIDES)
    assert ordered[0] == enriched
    assert [one.strategy for one in ordered[1:]] == [OVER, OVER, NONE, NONE, few, few]
    assert {one.model.name for one in ordered[1:3]} == {"lightgbm", "random_forest"}
    assert sorted(one.fit_name for one in ordered) == sorted(one.fit_name for one in (*asked, enriched))


def test_a_note_names_what_is_far_more_work_and_how_to_bound_it():
    weights = SimpleStrategy(kind="class_weight")
    notes = workload_notes([Candidate(LIGHTGBM, strategy) for strategy in (NONE, OVER, weights)], HOMICIDES)
    assert notes == [
        "lightgbm / random_over: 8 times the work (rows x trees) of the median fit; max_rows or skip_above_rows of its "
        "model bounds it"
    ]
    searching = [Candidate(LIGHTGBM, SmoteEnnStrategy(kind="smote_enn"))]
    assert workload_notes(searching, HOMICIDES)[0].startswith("smote_enn: searches neighbours among 500,560 rows")


def test_a_small_training_has_no_notes():
    assert workload_notes([Candidate(LIGHTGBM, s) for s in FULL], np.array([3000, 500, 200])) == []
    assert workload_notes([], np.array([3000, 500, 200])) == []


def test_a_strategy_is_skipped_above_its_rows():
    y = np.repeat([0, 1], [300, 60])
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    strategy = SmoteStrategy(kind="smote", skip_above_rows=359)
    with pytest.raises(
        CannotResample, match=r"^smote: 360 rows to search for neighbours, and skip_above_rows is 359; max_rows: 20000"
    ):
        resample(strategy, X, y, ["a", "b"], 0)
    assert len(resample(strategy.model_copy(update={"skip_above_rows": 360}), X, y, ["a", "b"], 0).y) == 600
    sampled = strategy.model_copy(update={"max_rows": 100})
    assert len(resample(sampled, X, y, ["a", "b"], 0).y) > 100


@pytest.mark.parametrize("name", ["toronto", "west_yorkshire", "us_homicides_synthetic"])
@pytest.mark.parametrize("preset", ["standard", "full"])
def test_no_shipped_problem_is_above_a_limit(name, preset):
    for candidate in preset_candidates(load_problem(name), preset):
        assert above_search_limit(candidate.strategy, 640_000) is None
        assert above_row_limit(candidate.model, 10**9) is None


@pytest.mark.parametrize("spec", [LIGHTGBM, ModelSpec(kind="rusboost", max_rows=2_000)])
def test_a_fit_is_skipped_above_its_models_rows(spec):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [200, 100])
    frame = pd.DataFrame({"x": rng.normal(y)})
    folds = [Fold(0, np.arange(0, 300, 2), np.arange(1, 300, 2))]
    experiment = Experiment(frame, y, ["a", "b"], folds, {"base": FeatureSet.model_validate({"numeric": ["x"]})}, 0)
    skipped = experiment.run(Candidate(spec.model_copy(update={"skip_above_rows": 149}), NONE), 0)
    assert skipped.probabilities is None
    assert skipped.skipped == f"{spec.name}: 150 rows to fit, and skip_above_rows is 149"
    assert experiment.run(Candidate(spec.model_copy(update={"skip_above_rows": 150}), NONE), 0).skipped is None


def test_every_bound_of_the_catalogue_leaves_20_000_rows():
    bounds = [s.max_rows for s in FULL if isinstance(s, NeighbourStrategy)]
    assert min(bounds) >= 20_000
    assert NearMissStrategy(kind="near_miss").skip_above_rows == 1_500_000
