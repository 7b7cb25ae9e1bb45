"""Families that balance inside themselves, focal loss and continued boosting."""

import warnings
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from imblearn.ensemble import BalancedBaggingClassifier, EasyEnsembleClassifier, RUSBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.tree import DecisionTreeClassifier

from evenhand.data.split import make_folds
from evenhand.data.stratified_sample import balanced_rows, stratified_rows
from evenhand.errors import ProblemError
from evenhand.metrics.scores import score
from evenhand.models import DEFAULTS, CannotFit, build_model, check_models, importances
from evenhand.models.bag_smote import BagSmote
from evenhand.models.balanced_ensembles import MeanOfModels, kept
from evenhand.models.families import FAMILIES, FILLED
from evenhand.models.focal import FocalLightGBM, _Objective, best_constant, focal_gradient, focal_loss
from evenhand.models.prepared import Prepared
from evenhand.models.transfer.first_rows import FEWEST
from evenhand.problem import (
    DETECTORS,
    FULL_MODELS,
    SELF_BALANCING,
    FeatureSet,
    ModelSpec,
    SimpleStrategy,
    StratifiedFolds,
    parse_problem,
)
from evenhand.training.candidates import Candidate, candidates
from evenhand.training.experiment import Experiment
from tasks.data.problems import load_problem
from tasks.settings import ROOT

FEW = {
    "balanced_bagging": {"n_estimators": 5},
    "balanced_random_forest": {"n_estimators": 10},
    "easy_ensemble": {"n_estimators": 3, "rounds": 4},
    "rusboost": {"n_estimators": 5},
    "adaboost": {"n_estimators": 5},
    "smote_bagging": {"n_estimators": 3, "rows_per_class": 60},
    "lightgbm_focal": {"n_estimators": 10},
    "lightgbm_continued": {"n_estimators": 10, "first_rounds": 5},
}
SPECS = [
    spec.model_copy(update={"params": {**spec.params, **FEW[spec.kind]}})
    for spec in FULL_MODELS
    if spec.kind not in DETECTORS  # they have tests of their own
]
NONE = SimpleStrategy(kind="none")
by_name = pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)


def small(n_classes, n=400, seed=0, rare=2):
    """Rows whose last class has two rows, with a missing number and a column without any."""
    generator = np.random.default_rng(seed)
    y = generator.choice(n_classes - 1, n, p=[1.0] if n_classes == 2 else [0.6, 0.2, 0.15, 0.05])
    y[:rare] = n_classes - 1
    X = np.column_stack([generator.normal(size=(n, 3)) + y[:, None], np.full(n, np.nan)])
    X[4, 1] = np.nan
    return X, y


def fitted(spec, X, y, seed=0, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return build_model(spec, seed, len(y)).fit(X, y, sample_weight=given.get("weight"))


@by_name
@pytest.mark.parametrize("n_classes", [2, 5])
def test_every_family_takes_missing_numbers_and_a_class_of_two_rows(spec, n_classes):
    X, y = small(n_classes)
    model = fitted(spec, X, y)
    assert list(model.classes_) == list(range(n_classes))
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (len(y), n_classes)
    assert np.isfinite(probabilities).all()
    assert probabilities.min() >= 0
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(model.predict(X), model.classes_[probabilities.argmax(axis=1)])
    assert np.array_equal(fitted(spec, X, y).predict_proba(X), probabilities), "the same seed gives the same digits"
    own = importances(model)
    assert own is None or (own.shape == (4,) and own.min() >= 0)


@by_name
def test_labels_need_not_be_consecutive(spec):
    X, y = small(5)
    labels = np.array([0, 2, 3, 5, 7])
    model = fitted(spec, X, labels[y])
    assert list(model.classes_) == list(labels)
    assert np.array_equal(model.predict_proba(X), fitted(spec, X, y).predict_proba(X))


@by_name
def test_a_signal_is_found(spec):
    X, y = small(5, n=500, rare=40)
    unseen, truth = small(5, n=500, rare=40, seed=1)
    probabilities = fitted(spec, X, y).predict_proba(unseen)
    assert score(truth, probabilities, list("abcde")).metrics["average_precision"] > 0.4  # chance is 0.2


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.kind != "lightgbm_focal"], ids=lambda s: s.name)
def test_another_seed_gives_another_ensemble(spec):
    X, y = small(5, rare=30)
    assert not np.array_equal(fitted(spec, X, y).predict_proba(X), fitted(spec, X, y, seed=1).predict_proba(X))


@by_name
def test_a_setting_that_a_family_lacks_is_refused_with_those_it_has(spec):
    with pytest.raises(ProblemError, match=f"{spec.name} has no setting trees; allowed: .*n_estimators"):
        check_models([spec.model_copy(update={"params": {"trees": 5}})])
    for ours in ("random_state", "n_jobs", "sampler", "estimator"):
        with pytest.raises(ProblemError, match="has no setting"):
            check_models([spec.model_copy(update={"params": {ours: 1}})])


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("lightgbm_focal", {"gamma": -1}, "gamma: -1; allowed: a number of 0 or more"),
        ("lightgbm_focal", {"gamma": "two"}, "gamma: 'two'"),
        ("lightgbm_focal", {"alpha": "equal"}, "alpha: 'equal'; allowed: balanced, or"),
        ("lightgbm_focal", {"alpha": (1.0, 0.0)}, "alpha: "),
        ("lightgbm_continued", {"first": "newer"}, "first: 'newer'; allowed: balanced, older, {problem: name} or"),
        ("lightgbm_continued", {"older_share": 1}, "older_share: 1; allowed: a number between 0 and 1"),
        ("lightgbm_continued", {"first_rounds": 0}, "first_rounds: 0; allowed: a whole number of 1 or more"),
        ("smote_bagging", {"rows_per_class": 2.5}, "rows_per_class: 2.5"),
        ("easy_ensemble", {"rounds": True}, "rounds: True"),
    ],
)
def test_an_invalid_value_is_refused_before_any_data_is_read(kind, params, message):
    with pytest.raises(ProblemError, match=f"models: {kind}.{message}"):
        check_models([ModelSpec(kind=kind, params=params)])


@pytest.mark.parametrize("kind", ["balanced_bagging", "easy_ensemble", "smote_bagging"])
def test_weights_are_refused_where_they_would_not_be_used(kind):
    X, y = small(2)
    with pytest.raises(ValueError, match=f"{kind} balances by itself and takes no weights"):
        fitted(ModelSpec(kind=kind), X, y, weight=np.ones(len(y)))


@pytest.mark.parametrize("kind", ["adaboost", "lightgbm_focal", "lightgbm_continued"])
def test_a_weight_counts_as_often_as_the_row(kind):
    X, y = small(5, rare=40)
    weight = np.where(y == 4, 50.0, 1.0)
    spec = ModelSpec(kind=kind, params=FEW[kind])
    plain, weighted = (fitted(spec, X, y, weight=given).predict_proba(X)[:, 4].mean() for given in (None, weight))
    assert weighted > plain


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_weight_multiplies_a_row_of_the_focal_objective(n_classes):
    generator = np.random.default_rng(0)
    y, weight = generator.integers(0, n_classes, 20).astype(float), generator.uniform(0.1, 5, 20)
    scores = generator.normal(size=20 if n_classes == 2 else (20, n_classes))
    objective = _Objective(2.0, np.linspace(1, 2, n_classes))
    for plain, weighted in zip(objective(y, scores, None), objective(y, scores, weight), strict=True):
        assert plain.shape == scores.shape
        assert weighted == pytest.approx((weight * plain.T).T)


TORONTO = yaml.safe_load((ROOT / "problems" / "toronto.yaml").read_text())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ["rusboost", "lightgbm"]}, "models: rusboost balances by itself; name it under balancing_models"),
        ({"balancing_models": ["lightgbm"]}, "models: lightgbm is named twice; give one a label"),
        ({"balancing_models": ["boost"]}, "'balanced_bagging'"),
        ({"balancing_models": [{"kind": "adaboost", "rows": 5}]}, "rows: unknown key"),
        (
            {"balancing_models": [{"kind": "adaboost", "rows": 5}]},
            "allowed: class_name, distributed, exact, kind, label, max_rows, params",
        ),
        ({"balancing_models": [{"kind": "adaboost", "max_rows": 5}]}, "greater than or equal to 2000"),
        ({"balancing_model": ["adaboost"]}, "did you mean balancing_models?"),
    ],
)
def test_a_wrong_list_of_balancing_models_is_refused_with_what_is_allowed(change, message):
    with pytest.raises(ProblemError) as caught:
        parse_problem({**TORONTO, **change}, "my.yaml")
    assert message in str(caught.value)


def test_a_list_of_balancing_models_is_read():
    focal = {"kind": "lightgbm_focal", "params": {"gamma": 1, "alpha": [1, 2, 3, 4, 5.5]}, "label": "mine"}
    problem = parse_problem({**TORONTO, "balancing_models": ["rusboost", focal]}, "my.yaml")
    assert [model.name for model in problem.balancing_models] == ["rusboost", "mine"]
    assert problem.balancing_models[1].params["alpha"] == (1, 2, 3, 4, 5.5)
    check_models(problem.balancing_models)


def test_the_catalogue_holds_every_family_beside_the_plain_ones():
    kinds = set(get_args(ModelSpec.model_fields["kind"].annotation))
    plain = {"random_forest", "extra_trees", "logistic_regression", "gradient_boosting", "lightgbm"}
    assert {spec.kind for spec in FULL_MODELS} == kinds - plain
    assert {spec.kind for spec in FULL_MODELS} > SELF_BALANCING


# Focal loss


def scores_and_classes(n_classes):
    scores = arrays(float, (6, n_classes), elements=st.floats(-4, 4))
    return st.tuples(scores, arrays(int, 6, elements=st.integers(0, n_classes - 1)))


many = st.integers(2, 5).flatmap(scores_and_classes)
STEP = 1e-5


def nudged(scores, column, step):
    moved = scores.copy()
    moved[:, column] += step
    return moved


@settings(max_examples=40, deadline=None)
@given(many, st.floats(0, 4), st.floats(0.1, 3))
def test_the_gradient_is_the_slope_of_the_loss(given_rows, gamma, weight):
    scores, y = given_rows
    alpha = np.linspace(weight, 1, scores.shape[1])
    gradient, hessian = focal_gradient(scores, y, gamma, alpha)
    assert (hessian > 0).all()
    for column in range(scores.shape[1]):
        above, below = (focal_loss(nudged(scores, column, d), y, gamma, alpha) for d in (STEP, -STEP))
        assert gradient[:, column] == pytest.approx((above - below) / (2 * STEP), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(many, st.floats(1, 4))
def test_the_curvature_is_exact_where_the_factor_falls(given_rows, gamma):
    scores, y = given_rows
    alpha = np.ones(scores.shape[1])
    _, hessian = focal_gradient(scores, y, gamma, alpha)
    p_y = np.exp(-focal_loss(scores, y, 0, alpha))
    for column in range(scores.shape[1]):
        above, below = (focal_gradient(nudged(scores, column, d), y, gamma, alpha)[0] for d in (STEP, -STEP))
        slope = (above - below)[:, column] / (2 * STEP)
        sure = p_y > np.exp(-2)
        assert hessian[sure, column] == pytest.approx(slope[sure], abs=1e-6)
        assert (hessian[:, column] >= slope - 1e-6).all(), "never flatter than the loss: no step is too large"


@settings(max_examples=40, deadline=None)
@given(many)
def test_without_focus_it_is_cross_entropy(given_rows):
    scores, y = given_rows
    n = scores.shape[1]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    gradient, hessian = focal_gradient(scores, y, 0.0, np.ones(n))
    assert gradient == pytest.approx(p - np.eye(n)[y])
    assert hessian == pytest.approx(p * (1 - p))


@settings(max_examples=40, deadline=None)
@given(many, st.floats(0.5, 4))
def test_focus_never_raises_the_loss_of_a_row(given_rows, gamma):
    scores, y = given_rows
    alpha = np.ones(scores.shape[1])
    assert (focal_loss(scores, y, gamma, alpha) <= focal_loss(scores, y, 0, alpha) + 1e-12).all()


@pytest.mark.parametrize("scores", [[[800.0, -800.0]], [[-800.0, 800.0]]])
def test_scores_far_out_give_finite_numbers(scores):
    for gamma in (0.0, 0.5, 2.0):
        gradient, hessian = focal_gradient(np.array(scores), np.array([0]), gamma, np.ones(2))
        assert np.isfinite(gradient).all()
        assert (hessian > 0).all()


@pytest.mark.parametrize(
    "params", [{}, {"colsample_bytree": 0.5}, {"max_bin": 15, "subsample": 0.5, "subsample_freq": 1}]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_order_of_histograms_changes_no_digit(params, weighted):
    X, y = small(5, n=2_000, rare=60)
    X[::5, 0] = np.nan
    weight = 1.0 + y if weighted else None
    model = build_model(ModelSpec(kind="lightgbm", params={"n_estimators": 15, **params}), 0, len(y))
    chosen = model.fit(X, y, sample_weight=weight).predict_proba(X)
    for order in ("force_row_wise", "force_col_wise"):
        others = {"force_row_wise": None, "force_col_wise": None, order: True}
        either = LGBMClassifier(**{**model.get_params(), **others}).fit(X, y, sample_weight=weight).predict_proba(X)
        np.testing.assert_array_equal(either, chosen)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_without_focus_it_is_lightgbm_itself(n_classes):
    X, y = small(n_classes, rare=40)
    common = {"n_estimators": 15, "verbose": -1, "n_jobs": 1, "deterministic": True, "force_col_wise": True}
    plain = LGBMClassifier(random_state=0, **common).fit(X, y).predict_proba(X)
    ours = FocalLightGBM(0.0, None, {"random_state": 0, **common}).fit(X, y).predict_proba(X)
    assert ours == pytest.approx(plain, abs=1e-3)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [(1.0, 1.0, 1.0), (0.2, 1.0, 30.0)])
def test_no_constant_is_better_than_the_start(gamma, alpha):
    totals, weight = np.array([900.0, 97.0, 3.0]), np.array(alpha)

    def loss(scores):
        return totals / 1000 @ focal_loss(np.tile(scores, (3, 1)), np.arange(3), gamma, weight)

    start = best_constant(totals, gamma, weight)
    around = start + np.random.default_rng(0).normal(scale=0.1, size=(50, 3))
    assert all(loss(start) <= loss(other) + 1e-9 for other in around)


def test_alpha_moves_probability_to_the_rare_class():
    X, y = small(2, rare=20)
    settings_ = {"n_estimators": 5, "verbose": -1, "n_jobs": 1}
    plain, balanced, listed = (
        FocalLightGBM(2.0, alpha, settings_).fit(X, y).predict_proba(X)[:, 1].mean()
        for alpha in (None, "balanced", (1.0, 19.0))
    )
    assert plain < balanced
    assert balanced == pytest.approx(listed, abs=0.02)


def test_alpha_has_a_number_for_each_class():
    X, y = small(5)
    with pytest.raises(ValueError, match="alpha: 2 numbers for 5 classes"):
        fitted(ModelSpec(kind="lightgbm_focal", params={"alpha": (1.0, 2.0)}), X, y)


# Continued boosting


def test_both_parts_are_in_one_booster():
    X, y = small(5, rare=30)
    spec = ModelSpec(kind="lightgbm_continued", params={"n_estimators": 10, "first_rounds": 7})
    model = fitted(spec, X, y)
    assert model.booster_.num_trees() == (10 + 7) * 5
    assert model.adaptations_ == (f"the first 7 rounds saw {len(balanced_rows(y, 0, FEWEST)):,} of 400 rows, balanced",)


def test_the_first_rounds_change_the_predictions():
    X, y = small(2, rare=20)
    params = {"n_estimators": 3}
    plain = fitted(ModelSpec(kind="lightgbm", params=params), X, y)
    continued = fitted(ModelSpec(kind="lightgbm_continued", params={**params, "first_rounds": 20}), X, y)
    assert continued.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(1, 50))
def test_balanced_rows_are_as_many_of_each_class_without_copies(counts, fewest):
    y = np.repeat(np.arange(len(counts)), counts)
    rows = balanced_rows(y, 0, fewest)
    assert len(np.unique(rows)) == len(rows)
    assert np.bincount(y[rows]).tolist() == [min(n, max(min(counts), fewest)) for n in counts]


# Bags


@pytest.mark.parametrize("kind", ["balanced_bagging", "smote_bagging", "easy_ensemble", "rusboost"])
def test_the_stored_part_predicts_the_same_and_holds_no_sampler(kind):
    X, y = small(5)
    X = np.nan_to_num(X)
    whole = FAMILIES[kind](random_state=0, **{**DEFAULTS[kind], **FEW[kind]}).fit(X, y)
    assert isinstance(whole, BalancedBaggingClassifier | EasyEnsembleClassifier | RUSBoostClassifier)
    small_one = kept(whole)
    assert small_one.predict_proba(X) == pytest.approx(whole.predict_proba(X), abs=1e-12)
    assert not any("sampler" in name or "pipeline" in name for name in vars(small_one))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(1, 40))
def test_smote_in_a_bag_brings_every_class_to_the_same_number(counts, bound):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).normal(size=(len(y), 3)) * [1, 100, 0] + y[:, None]
    new_X, new_y = BagSmote(bound, 5, 0).fit_resample(X, y)
    assert np.bincount(new_y).tolist() == [min(max(counts), bound)] * len(counts)
    for label in range(len(counts)):
        given_rows, made = X[y == label], new_X[new_y == label]
        assert (made >= given_rows.min(axis=0) - 1e-9).all()
        assert (made <= given_rows.max(axis=0) + 1e-9).all()


def test_a_member_that_saw_no_row_of_a_class_gives_it_zero():
    X, y = np.arange(12.0).reshape(-1, 1), np.repeat([0, 1, 2], 4)
    whole, without = (DecisionTreeClassifier().fit(X[rows], y[rows]) for rows in (y >= 0, y != 1))
    probabilities = MeanOfModels([whole, without], np.array([3, 5, 9])).predict_proba(X)
    assert probabilities[y == 1, 1] == pytest.approx(0.5)
    assert probabilities[y == 2].tolist() == [[0, 0, 1]] * 4


@pytest.mark.parametrize("kind", sorted(FILLED))
def test_a_missing_number_is_the_median_of_the_training_rows(kind):
    X, y = small(5, rare=30)
    X[:, :3] += 10
    model = fitted(ModelSpec(kind=kind, params=FEW[kind]), X, y)
    gap, middle = X[:50].copy(), X[:50].copy()
    gap[:, 0], middle[:, 0] = np.nan, np.nanmedian(X[:, 0])
    assert np.array_equal(model.predict_proba(gap), model.predict_proba(middle))


def test_few_neighbours_are_recorded():
    X, y = small(5, rare=3)
    model = fitted(ModelSpec(kind="smote_bagging", params=FEW["smote_bagging"]), X, y)
    assert len(model.adaptations_) == 1
    assert "neighbour" in model.adaptations_[0]
    X, y = small(2, rare=150)
    assert fitted(ModelSpec(kind="smote_bagging", params=FEW["smote_bagging"]), X, y).adaptations_ == ()


def test_boosting_without_a_round_above_chance_is_skipped_with_a_reason():
    X, y = np.zeros((90, 2)), np.repeat([0, 1, 2], [10, 20, 60])  # no signal: always the first class
    with pytest.raises(CannotFit, match="rusboost: the first round is no better than chance"):
        build_model(ModelSpec(kind="rusboost"), 0, 90).fit(X, y)


# A bound on rows


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 3_000), min_size=2, max_size=6), st.integers(2_000, 4_000))
def test_a_sample_has_its_size_and_every_class(counts, n):
    y = np.repeat(np.arange(len(counts)), counts)
    rows = stratified_rows(y, n, 0)
    assert len(np.unique(rows)) == len(rows) == min(n, len(y))
    left = np.bincount(y[rows], minlength=len(counts))
    assert all(after >= min(before, 50) for before, after in zip(counts, left, strict=True))


@pytest.mark.parametrize("kind", ["lightgbm", "random_forest", "adaboost"])
def test_more_rows_than_the_bound_are_sampled_and_recorded(kind):
    X, y = small(5, n=2_500)
    spec = ModelSpec(kind=kind, params={"n_estimators": 3}, max_rows=2_000)
    model = fitted(spec, X, y)
    assert isinstance(model, Prepared)
    assert model.adaptations_[0] == "fitted on 2,000 of 2,500 rows"
    assert list(model.classes_) == list(range(5))
    assert getattr(fitted(spec, X[:1_500], y[:1_500]), "adaptations_", ()) == ()


# In an experiment


def experiment(n=900):
    generator = np.random.default_rng(0)
    y = generator.choice(3, n, p=[0.7, 0.2, 0.1])
    frame = pd.DataFrame({"place": generator.choice(list("abcde"), n), "x": generator.normal(size=n)})
    folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=3), 0)
    return Experiment(frame, y, ["common", "middle", "rare"], folds, {"base": _FEATURES}, 0)


_FEATURES = FeatureSet(categorical=["place"], numeric=["x"])


@by_name
def test_shuffled_labels_stay_at_chance(spec):
    made = experiment()
    outcomes = [made.run(Candidate(spec, NONE), number) for number in made.folds]
    done = [(fold, outcome) for fold, outcome in zip(made.folds.values(), outcomes, strict=True) if not outcome.skipped]
    reasons = [outcome.skipped for outcome in outcomes if outcome.skipped]
    assert not reasons or (spec.kind == "rusboost" and all("no better than chance" in reason for reason in reasons))
    for fold, outcome in done:
        scored = score(made.y[fold.valid], outcome.probabilities, made.classes).metrics
        assert scored["average_precision"] < 1 / 3 + 0.08
        assert scored["macro_f1"] < 1 / 3 + 0.09


def test_a_fold_without_a_signal_for_boosting_is_skipped_with_its_reason():
    made = experiment(90)
    made.y = np.repeat([0, 1, 2], [10, 20, 60])
    made.frame[["place", "x"]] = ["a", 0.0]
    outcome = made.run(Candidate(ModelSpec(kind="rusboost"), NONE), 0)
    assert outcome.probabilities is None
    assert "no better than chance" in outcome.skipped


def test_what_a_family_did_to_its_rows_is_recorded():
    made = experiment()
    record = made.run(Candidate(SPECS[0], NONE), 0).resampling
    assert any("rows per class" in note for note in record.adaptations)
    assert record.after == record.before
    assert made.run(Candidate(ModelSpec(kind="lightgbm"), NONE), 0).resampling.adaptations == ()


def test_candidates_end_with_the_models_that_balance_by_themselves():
    problem = load_problem("toronto")
    grid = candidates(problem)
    more = candidates(problem.model_copy(update={"balancing_models": FULL_MODELS}))
    assert more[: len(grid)] == grid
    assert [candidate.name for candidate in more[len(grid) :]] == [f"{spec.name} / none" for spec in FULL_MODELS]
    assert len({candidate.name for candidate in more}) == len(more)
