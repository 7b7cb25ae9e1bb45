"""Detectors of unusual rows as models: calibrated, independent of other rows, and at chance without a signal."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from evenhand.data.split import make_folds
from evenhand.errors import ProblemError
from evenhand.features.anomaly.detector_input import Points
from evenhand.features.anomaly.detectors import Distances, Tails
from evenhand.metrics.scores import score
from evenhand.models import CannotFit, build_model, check_models
from evenhand.problem import (
    DETECTORS,
    FULL_MODELS,
    FeatureSet,
    ModelSpec,
    SimpleStrategy,
    StratifiedFolds,
    parse_problem,
)
from evenhand.problem.problem import check_classes
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.data.problems import load_problem

KINDS = list(DETECTORS)
CLASSES = ["common", "middle", "rare"]
NONE = SimpleStrategy(kind="none")
by_kind = pytest.mark.parametrize("kind", KINDS)


def rows_of(n=1_200, far=3.0, seed=0):
    """Places as codes and three numbers, some missing; the rare class has ``far`` times the spread."""
    generator = np.random.default_rng(seed)
    y = generator.choice(3, n, p=[0.7, 0.22, 0.08])
    X = np.column_stack([generator.integers(0, 5, n), generator.normal(size=(n, 3))])
    X[y == 2, 1:] *= far
    X[::50, 2] = np.nan
    return X, y


FEW = {"isolation_forest": {"n_estimators": 30}}


def model_of(kind, **spec):
    return build_model(ModelSpec(kind=kind, params=FEW.get(kind, {}), **spec), 0, 1_200, CLASSES, n_categorical=1)


# --- probabilities ------------------------------------------------------------------------------------------------


@by_kind
def test_unusual_rows_are_found_and_probabilities_are_calibrated(kind):
    model = model_of(kind).fit(*rows_of())
    X, y = rows_of(3_000, seed=1)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (3_000, 3)
    assert probabilities.min() >= 0
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert roc_auc_score(y == 2, probabilities[:, 2]) > 0.85
    scored = score(y, probabilities, CLASSES).metrics
    assert probabilities[:, 2].mean() == pytest.approx((y == 2).mean(), abs=0.02)
    assert scored["ece"] < 0.04  # before the training's calibration
    assert set(model.predict(X)) <= {0, 2}


@by_kind
def test_the_other_classes_keep_their_proportions(kind):
    X, y = rows_of()
    probabilities = model_of(kind).fit(X, y).predict_proba(X)
    assert probabilities[:, 1] / probabilities[:, 0] == pytest.approx((y == 1).sum() / (y == 0).sum())


@by_kind
def test_another_class_can_be_named(kind):
    X, y = rows_of()
    y = np.where(y == 2, 0, np.where(y == 0, 2, 1))  # now "common" lies far out
    model = model_of(kind, class_name="common").fit(X, y)
    probabilities = model.predict_proba(X)
    assert roc_auc_score(y == 0, probabilities[:, 0]) > 0.8
    assert model.target_ == 0


@by_kind
def test_a_class_that_is_not_unusual_gets_its_share_of_every_row(kind):
    X, y = rows_of(far=0.2)
    model = model_of(kind).fit(X, y)
    assert model.slope_ == 0
    np.testing.assert_allclose(model.predict_proba(X), np.tile(np.bincount(y) / len(y), (len(y), 1)))
    assert "rows of the rarest class look no stranger than others: every row gets the class shares" in (
        model.adaptations_
    )


@by_kind
def test_predictions_are_repeatable_and_independent_of_other_rows(kind):
    X, y = rows_of()
    model = model_of(kind).fit(X, y)
    probabilities = model.predict_proba(X)
    assert np.array_equal(model_of(kind).fit(X, y).predict_proba(X), probabilities)
    alone = np.vstack([model.predict_proba(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(alone, probabilities[:20], rtol=1e-9)


@by_kind
def test_labels_need_not_be_consecutive(kind):
    X, y = rows_of()
    labels = np.array([0, 4, 7])
    model = model_of(kind).fit(X, labels[y])
    assert list(model.classes_) == [0, 4, 7]
    assert np.array_equal(model.predict_proba(X), model_of(kind).fit(X, y).predict_proba(X))


# --- what they learn from -----------------------------------------------------------------------------------------


@by_kind
def test_a_sample_of_the_rows_is_recorded_and_keeps_the_class_shares(kind):
    X, y = rows_of(3_000)
    model = model_of(kind, max_rows=2_000).fit(X, y)
    assert model.adaptations_[0] == "fitted on 2,000 of 3,000 rows"
    assert model.adaptations_[1].endswith("rows of other classes defined what is normal")
    assert model.predict_proba(X)[:, 2].mean() == pytest.approx((y == 2).mean(), abs=0.01)


def test_every_detector_is_bounded_by_itself_and_at_20_000_rows_in_the_catalogue():
    bounds = {spec.kind: spec.max_rows for spec in FULL_MODELS if spec.kind in DETECTORS}
    assert bounds == dict.fromkeys(KINDS, 20_000)
    assert {spec.model_fields["max_rows"].default for spec in DETECTORS.values()} == {20_000}


@by_kind
def test_too_few_rows_are_skipped_with_a_reason(kind):
    X, y = rows_of()
    few = np.concatenate([np.flatnonzero(y != 2), np.flatnonzero(y == 2)[:2]])
    with pytest.raises(CannotFit, match=f"{kind}: 2 rows of the rarest class; 5 are needed"):
        model_of(kind).fit(X[few], y[few])
    with pytest.raises(CannotFit, match="0 rows of rare; 5 are needed"):
        model_of(kind, class_name="rare").fit(X[y != 2], y[y != 2])
    tail = np.concatenate([np.flatnonzero(y != 2)[:9], np.flatnonzero(y == 2)])
    with pytest.raises(CannotFit, match="9 rows of other classes; 15 are needed"):
        model_of(kind, class_name="rare").fit(X[tail], y[tail])
    with pytest.raises(ValueError, match=f"{kind} balances by itself and takes no weights"):
        model_of(kind).fit(X, y, sample_weight=np.ones(len(y)))


# --- like PyOD -------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(arrays(float, (30, 2), elements=st.integers(-5, 5).map(float)), arrays(float, (6, 2), elements=st.floats(-7, 7)))
def test_ecod_scores_a_row_as_pyod_scores_it_alone(rows, new):
    from pyod.models.ecod import ECOD

    rows = rows + np.array(
        [[0.0, 0.0]] * 29 + [[0.0, 50.0]]
    )  # a second column so skewed that one row can't change the sign
    rows = np.vstack([rows, [[60.0, 0.0]]])
    theirs = ECOD().fit(rows)
    alone = [theirs.decision_function(row[None])[0] for row in new]
    assert -Tails().fit(rows).score_samples(new) == pytest.approx(alone)


def test_pyods_ecod_depends_on_the_other_rows_scored():
    """The reason for our own; if PyOD changes this, theirs can replace it."""
    from pyod.models.ecod import ECOD

    rows = np.random.default_rng(0).normal(size=(200, 2))
    theirs, row = ECOD().fit(rows), np.array([[1.0, 1.0]])
    beside = np.vstack([row, np.full((500, 2), 9.0)])
    assert theirs.decision_function(beside)[0] != pytest.approx(theirs.decision_function(row)[0], rel=0.1)
    ours = Tails().fit(rows)
    assert ours.score_samples(beside)[0] == ours.score_samples(row)[0]


@pytest.mark.parametrize("method", ["largest", "mean", "median"])
def test_distances_are_those_of_pyod(method):
    from pyod.models.knn import KNN

    generator = np.random.default_rng(0)
    rows, new = generator.normal(size=(100, 3)), generator.normal(size=(20, 3))
    theirs = KNN(n_neighbors=4, method=method).fit(rows).decision_function(new)
    assert -Distances(4, method).fit(rows).score_samples(new) == pytest.approx(theirs)


# --- points -------------------------------------------------------------------------------------------------------


def test_a_rare_category_is_far_out_and_an_unseen_one_farther():
    X = np.repeat([0.0, 1.0, 2.0], [80, 18, 2])[:, None]
    common, seldom, rare, unseen, missing = Points(1).fit(X).transform(np.array([[0.0], [1], [2], [-1], [9]]))[:, 0]
    assert common < seldom < rare < unseen == missing


@settings(max_examples=40, deadline=None)
@given(arrays(float, (12, 3), elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan))), st.integers(0, 1))
def test_points_are_standardised_numbers(X, n_categorical):
    X[:, 0] = np.nan_to_num(X[:, 0]).round()
    points = Points(n_categorical).fit(X).transform(X)
    assert np.isfinite(points).all()
    assert points.mean(axis=0) == pytest.approx(0, abs=1e-6)
    assert all(spread == pytest.approx(1) or spread < 1e-6 for spread in points.std(axis=0))


# --- as declared --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"kind": "one_class_svm", "params": {"nu": 2}},
            "one_class_svm.nu: 2; input should be less than or equal to 1",
        ),
        (
            {"kind": "knn_distance", "params": {"method": "least"}},
            "knn_distance.method: 'least'; input should be 'largest'",
        ),
        ({"kind": "isolation_forest", "params": {"trees": 9}}, "has no setting trees; allowed: max_samples, n_est"),
        ({"kind": "ecod", "params": {"max_rows": 9}}, "has no setting max_rows; allowed: "),
    ],
)
def test_a_wrong_setting_is_refused_before_any_data_is_read(spec, message):
    with pytest.raises(ProblemError, match=message):
        check_models([ModelSpec(**spec)])


def test_a_detector_is_named_with_its_class_and_belongs_among_the_balancing_models():
    toronto = load_problem("toronto")
    named = [{"kind": "ecod", "class_name": "Robbery"}, {"kind": "ecod", "class_name": "Theft Over"}, "one_class_svm"]
    raw = {**toronto.model_dump(mode="json"), "balancing_models": named}
    problem = parse_problem(raw, "my.yaml")
    assert [model.name for model in problem.balancing_models] == ["ecod Robbery", "ecod Theft Over", "one_class_svm"]
    check_classes(problem, ["Robbery", "Theft Over"])
    with pytest.raises(
        ProblemError, match=r"balancing_models.ecod Robbery: no class 'Robbery'; classes are Theft Over"
    ):
        check_classes(problem, ["Theft Over"])
    with pytest.raises(ProblemError, match="ecod balances by itself; name it under balancing_models"):
        parse_problem({**raw, "models": ["ecod"], "extra": [], "tuning": []}, "my.yaml")
    with pytest.raises(ProblemError, match=r"`class_name` belongs to one_class_svm, .*; found with lightgbm"):
        parse_problem({**raw, "models": [{"kind": "lightgbm", "class_name": "Robbery"}]}, "my.yaml")


# --- in an experiment ---------------------------------------------------------------------------------------------


def experiment(far):
    X, y = rows_of(far=far)
    frame = pd.DataFrame(X, columns=["place", "a", "b", "c"]).assign(place=lambda rows: rows["place"].astype("str"))
    base = FeatureSet(categorical=["place"], numeric=["a", "b", "c"])
    folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=3), 0)
    return Experiment(frame, y, CLASSES, folds, {"base": base}, 0)


@by_kind
@pytest.mark.parametrize("far", [1.0, 3.0])
def test_a_detector_is_a_candidate_like_any_other(kind, far):
    made = experiment(far)
    outcome = made.run(Candidate(ModelSpec(kind=kind, class_name="rare"), NONE), 0)
    scored = score(made.y[made.folds[0].valid], outcome.probabilities, CLASSES).metrics
    assert outcome.leaks == ()
    assert outcome.resampling.after == outcome.resampling.before
    assert (scored["average_precision"] > 0.45) if far > 1 else (scored["average_precision"] < 1 / 3 + 0.05)
    assert scored["ece"] < 0.06
