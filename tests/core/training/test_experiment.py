"""No resampled row meets evaluation: shuffled labels stay at chance, and a planted leak is caught by the same check."""

import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE

from evenhand.data.split import Fold, make_folds
from evenhand.errors import ProblemError
from evenhand.features.column_cells import NumberCells
from evenhand.metrics.scores import score
from evenhand.models.fit_rows import fit_rows
from evenhand.models.forest import BLOCK
from evenhand.problem import (
    CappedStrategy,
    FeatureSet,
    ModelSpec,
    SimpleDecision,
    SimpleStrategy,
    SmoteStrategy,
    StratifiedFolds,
)
from evenhand.problem.models import FULL_MODELS
from evenhand.training.candidates import Candidate, candidates, fits
from evenhand.training.experiment import Experiment
from evenhand.training.fold_cache import OnceCache
from tests.core.models.growing import trees_alive

FEATURES = {"base": FeatureSet(categorical=["place"], numeric=["x", "z"])}
CLASSES = ["common", "middle", "rare"]
STRATEGIES = [
    *(SimpleStrategy(kind=kind) for kind in ("none", "class_weight", "random_over", "random_under")),
    SmoteStrategy(kind="smote"),
    SmoteStrategy(kind="smotenc"),
    CappedStrategy(kind="capped", cap=250),
]
SMALL = {
    "random_forest": {"n_estimators": 20},
    "gradient_boosting": {"max_iter": 20},
    "lightgbm": {"n_estimators": 20},
}
MODELS = [ModelSpec(kind=kind, params=params) for kind, params in SMALL.items()]


def made(n=1500, signal=False, seed=0):
    generator = np.random.default_rng(seed)
    y = generator.choice(3, n, p=[0.7, 0.2, 0.1])
    shift = y if signal else np.zeros(n)
    frame = pd.DataFrame(
        {
            "place": generator.choice(list("abcde"), n),
            "x": generator.normal(size=n) + shift,
            "z": generator.normal(size=n),
        }
    )
    folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=3), seed)
    return Experiment(frame, y, CLASSES, folds, FEATURES, seed)


def out_of_fold(experiment, candidate):
    outcomes = [experiment.run(candidate, number) for number in experiment.folds]
    assert all(outcome.skipped is None for outcome in outcomes)
    y = np.concatenate([experiment.y[fold.valid] for fold in experiment.folds.values()])
    return score(y, np.concatenate([o.probabilities for o in outcomes]), CLASSES)


def looks_better_than_chance(scores):
    """Average precision of a model that knows nothing is the class's share; macro-F1 is at most a third plus noise."""
    return scores.metrics["average_precision"] > 1 / 3 + 0.05 or scores.metrics["macro_f1"] > 1 / 3 + 0.06


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_shuffled_labels_stay_at_chance(model, strategy):
    assert not looks_better_than_chance(out_of_fold(made(), Candidate(model, strategy)))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_a_signal_is_found(model):
    assert looks_better_than_chance(out_of_fold(made(signal=True), Candidate(model, STRATEGIES[0])))


def test_smote_before_the_split_is_caught():
    clean = made()
    X = clean.frame[["x", "z"]].to_numpy()
    grown_X, grown_y = SMOTE(random_state=0).fit_resample(X, clean.y)
    frame = pd.DataFrame(grown_X, columns=["x", "z"]).assign(place="a")
    folds = make_folds(frame, grown_y, StratifiedFolds(kind="stratified", n=3), 0)
    leaking = Experiment(frame, grown_y, CLASSES, folds, FEATURES, 0)
    assert looks_better_than_chance(out_of_fold(leaking, Candidate(MODELS[0], STRATEGIES[0])))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_twice_the_same_seed_gives_the_same_digits(model):
    first, again = (out_of_fold(made(signal=True), Candidate(model, STRATEGIES[4])) for _ in range(2))
    assert first.metrics == again.metrics


def test_order_and_threads_do_not_change_a_digit():
    grid = [Candidate(model, strategy) for strategy in STRATEGIES[:5] for model in MODELS]
    straight, threaded = made(signal=True), made(signal=True)
    expected = {c.name: straight.run(c, 0).probabilities for c in grid}
    found = {}

    def work(part):
        found.update({candidate.name: threaded.run(candidate, 0).probabilities for candidate in part})

    workers = [threading.Thread(target=work, args=(part,)) for part in (grid[1::2], grid[::2][::-1])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found.keys() == expected.keys()
    for name, probabilities in expected.items():
        np.testing.assert_array_equal(found[name], probabilities)


def test_the_encoder_has_seen_the_training_rows_alone():
    experiment = made()
    experiment.frame.loc[experiment.folds[0].valid, "place"] = "only judged"
    experiment.run(Candidate(MODELS[2], STRATEGIES[0]), 0)
    encoded = experiment._encode("base", experiment.folds[0])
    assert set(encoded.valid[:, 0]) == {-1.0}


def test_a_strategy_that_cannot_run_is_skipped_with_its_reason():
    experiment = made()
    strategy = CappedStrategy(kind="capped", cap=10, per_class={"nowhere": 1.5})
    outcome = experiment.run(Candidate(MODELS[0], strategy), 0)
    assert outcome.probabilities is None
    assert "no class nowhere" in outcome.skipped


def test_a_class_that_a_fold_lacks_gets_probability_zero():
    experiment = made()
    common = np.flatnonzero(experiment.y < 2)
    experiment.folds[0] = Fold(0, common[:500], np.arange(500, 600))
    outcome = experiment.run(Candidate(MODELS[2], STRATEGIES[0]), 0)
    assert outcome.probabilities.shape == (100, 3)
    assert not outcome.probabilities[:, 2].any()
    assert "no training row of rare" in outcome.resampling.adaptations[0]


def test_the_fitted_whole_takes_raw_columns_and_answers_with_names():
    experiment = made(signal=True)
    outcome = experiment.run(Candidate(MODELS[0], STRATEGIES[0]), 0, keep_model=True)
    raw = experiment.frame.iloc[experiment.folds[0].valid].astype("str")
    np.testing.assert_array_equal(outcome.fitted.predict_proba(raw), outcome.probabilities)
    assert set(outcome.fitted.predict(raw)) <= set(CLASSES)


@pytest.mark.parametrize("wrong", ["many", 1.5])
def test_a_share_of_columns_that_is_none_is_reported_by_the_name_of_the_candidate(wrong):
    model = ModelSpec(kind="lightgbm", params={"n_estimators": 2, "colsample_bytree": wrong})
    with pytest.raises(ProblemError, match=r"lightgbm / none can't be fitted with its settings"):
        made().run(Candidate(model, STRATEGIES[0]), 0)


@pytest.mark.parametrize("strategy", STRATEGIES[:3], ids=lambda s: s.name)
@pytest.mark.parametrize("max_rows", [None, 400])
def test_a_forest_that_keeps_no_tree_predicts_as_one_that_does(strategy, max_rows, monkeypatch):
    experiment = made(signal=True)
    experiment.folds[-1] = replace(experiment.folds[0], number=-1)
    candidate = Candidate(MODELS[0].model_copy(update={"max_rows": max_rows}), strategy)
    kept = experiment.run(candidate, -1, keep_model=True)
    alive = trees_alive(monkeypatch)
    gone = experiment.run(candidate, -1)
    assert len(alive) == 20
    assert max(alive) <= 2 * BLOCK
    np.testing.assert_array_equal(gone.probabilities, kept.probabilities)
    np.testing.assert_array_equal(gone.importance, kept.importance)
    raw = experiment.frame.iloc[experiment.folds[-1].valid]
    np.testing.assert_array_equal(gone.probabilities, kept.fitted.predict_proba(raw), "by the trees themselves")


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_importances_of_the_held_out_period_add_up_to_one(model):
    experiment = made(signal=True)
    experiment.folds[-1] = replace(experiment.folds[0], number=-1)
    found = experiment.run(Candidate(model, STRATEGIES[0]), -1).importance
    assert found.shape == (len(experiment.feature_names("base", -1)),)
    assert found.sum() == pytest.approx(1)
    assert found.argmax() == experiment.feature_names("base", -1).index("x")


def test_once_cache_computes_once_for_threads_that_ask_together():
    cache, calls, gate = OnceCache(2), [], threading.Event()

    def slow():
        calls.append(1)
        gate.wait(2)
        return object()

    answers = []
    threads = [threading.Thread(target=lambda: answers.append(cache.get("k", slow))) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len({id(a) for a in answers}) == 1


def test_the_standard_grid_shares_fits_between_decision_rules():
    from tasks.data.problems import load_problem

    grid = candidates(load_problem("toronto"))
    plain = [c for c in grid if c.features == "base" and c.decision.name == "argmax" and c.variant_of is None]
    assert len({c.name for c in grid}) == len(grid)
    assert len(plain) == 18
    assert len(fits(grid)) == 20
    assert {c.decision.name for c in grid if c.strategy.name == "none"} == {"argmax", "multipliers", "prior_power"}
    assert {c.decision.name for c in grid if c.strategy.name == "smote"} == {"argmax"}
    assert {c.fit_name for c in grid} == {c.name for c in fits(grid)}


def test_a_rule_that_undoes_resampling_is_tried_on_resampled_fits_alone():
    from tasks.data.problems import load_problem

    problem = load_problem("toronto")
    undo = problem.model_copy(update={"decisions": (*problem.decisions, SimpleDecision(kind="prior_correction"))})
    tried = {c.strategy.name for c in candidates(undo) if c.decision.name == "prior_correction"}
    assert tried == {"class_weight", "random_over", "random_under", "smote", "capped"}


def test_a_fold_of_one_class_is_skipped_with_its_reason():
    experiment = made()
    one = np.flatnonzero(experiment.y == 0)
    experiment.folds[0] = Fold(0, one[:100], np.arange(1200, 1300))
    outcome = experiment.run(Candidate(MODELS[2], STRATEGIES[0]), 0)
    assert outcome.probabilities is None
    assert "one class only" in outcome.skipped


def test_a_setting_that_a_model_refuses_is_reported():
    model = ModelSpec(kind="random_forest", params={"max_depth": "deep"})
    with pytest.raises(ProblemError, match=r"random_forest / none can't be fitted with its settings: .*max_depth"):
        made().run(Candidate(model, STRATEGIES[0]), 0)


def refusing(column):
    """Return a fit that raises where a column of the encoded rows holds a number above 50."""

    def fit(model, rows, **more):
        if (rows.X[:, column] > 50).any():
            raise ValueError("window shape cannot be larger than input array shape")
        return fit_rows(model, rows, **more)

    return fit


@pytest.mark.parametrize(("cell", "fault"), [(np.inf, "too large: column 'z'"), (99.0, "one value: column 'z'")])
def test_a_fit_that_fails_on_its_rows_names_candidate_fold_and_column(cell, fault, monkeypatch):
    experiment = made()
    encode = experiment._encode_now

    def with_cell(*args):
        encoded = encode(*args)
        encoded.train[:, 2] = cell
        return encoded

    monkeypatch.setattr(experiment, "_encode_now", with_cell)
    monkeypatch.setattr("evenhand.training.experiment.fit_rows", refusing(column=2))
    with pytest.raises(ProblemError) as found:
        experiment.run(Candidate(MODELS[2], STRATEGIES[0]), 1)
    assert str(found.value) == (
        "lightgbm / none can't be fitted on the training rows of fold 2: window shape cannot be larger than input "
        f"array shape; {fault}"
    )


def test_a_column_that_can_not_be_encoded_is_named_with_candidate_and_fold(monkeypatch):
    experiment = made()
    monkeypatch.setattr(NumberCells, "_typed", lambda self, rows: rows["z"].map("{}?".format).astype(float))
    with pytest.raises(ProblemError, match=r"^lightgbm / none, fold 3: columns 'x', 'z' can't be encoded: could not"):
        experiment.run(Candidate(MODELS[2], STRATEGIES[0]), 2)


def test_a_text_column_without_a_term_is_named_with_candidate_and_fold():
    experiment = made()
    experiment.frame["notes"] = "a b"
    experiment.features = {"base": FeatureSet(numeric=["x"], text=["notes"])}
    with pytest.raises(ProblemError, match=r"^lightgbm / none, fold 1: column 'notes' can't be encoded: .*min_count"):
        experiment.run(Candidate(MODELS[2], STRATEGIES[0]), 0)


def test_rows_that_a_strategy_can_not_use_are_named_with_candidate_and_fold(monkeypatch):
    def fails(*args):
        raise ValueError("Input X contains NaN.")

    monkeypatch.setattr("evenhand.training.experiment.resample", fails)
    with pytest.raises(ProblemError, match=r"^lightgbm / smote, fold 1: Input X contains NaN"):
        made().run(Candidate(MODELS[2], STRATEGIES[4]), 0)


@pytest.mark.parametrize("model", [*MODELS, *FULL_MODELS], ids=lambda m: m.name)
@pytest.mark.parametrize("strategy", [STRATEGIES[0], STRATEGIES[4]], ids=lambda s: s.name)
def test_a_column_without_a_value_in_a_fold_stops_no_family(model, strategy):
    experiment = made(n=600)
    fold = experiment.folds[0]
    x = experiment.frame["x"].to_numpy(copy=True)
    x[fold.train] = np.nan
    experiment.frame["x"], experiment.frame["z"] = x, 7.0
    outcome = experiment.run(Candidate(model, strategy), 0)
    assert outcome.skipped is None or "no better than chance" in outcome.skipped
    assert outcome.skipped or np.isfinite(outcome.probabilities).all()


def test_a_failure_is_not_remembered():
    cache = OnceCache(2)
    with pytest.raises(KeyError):
        cache.get("k", {}.popitem)
    assert cache.get("k", lambda: 7) == 7
