"""Anomaly scores as features: they do not depend on whether a row was learned from, and no evaluated row is."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from lightgbm import LGBMClassifier
from scipy.stats import ks_2samp

from evenhand.data.split import make_folds
from evenhand.errors import ProblemError
from evenhand.features.encoder import build_encoder
from evenhand.metrics.scores import score
from evenhand.problem import DETECTORS, FeatureSet, ModelSpec, SimpleStrategy, StratifiedFolds, parse_problem
from evenhand.problem.problem import check_classes
from evenhand.scoring.model import FittedCandidate
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.registry.trusted_types import TRUSTED_TYPES

CLASSES = ["common", "middle", "rare"]
QUICK = {"isolation_forest": {"n_estimators": 20}, "knn_distance": {"n_neighbors": 3}}
DETECTED = [{"kind": kind, **QUICK.get(kind, {})} for kind in DETECTORS]
BASE = {"categorical": ["place"], "numeric": ["a", "b"]}
FEATURES = FeatureSet.model_validate({**BASE, "rates": ["place"], "anomaly": DETECTED})
PLAIN = Candidate(ModelSpec(kind="lightgbm", params={"n_estimators": 20}), SimpleStrategy(kind="none"), "strange")


def rows_of(n=900, seed=0, far=1.0):
    generator = np.random.default_rng(seed)
    y = generator.choice(3, n, p=[0.7, 0.2, 0.1])
    numbers = generator.normal(size=(n, 2)) * np.where(y == 2, far, 1.0)[:, None]
    places = generator.choice(list("abcde"), n)
    return pd.DataFrame({"place": pd.Series(places, dtype="str"), "a": numbers[:, 0], "b": numbers[:, 1]}), y


def names_of(y):
    return np.asarray(CLASSES, dtype=object)[y]


def experiment_of(features=FEATURES, **rows):
    frame, y = rows_of(**rows)
    folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=3), 0)
    return Experiment(frame, y, CLASSES, folds, {"strange": features}, 0)


def average_precision(experiment):
    outcome = experiment.run(PLAIN, 0)
    assert outcome.leaks == ()
    return score(experiment.y[experiment.folds[0].valid], outcome.probabilities, CLASSES).metrics["average_precision"]


# --- nothing leaks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_labels_stay_at_chance(seed):
    assert average_precision(experiment_of(seed=seed)) < 1 / 3 + 0.05


def nearest_alone(frame, y):
    """With one neighbour, a row that was learned from has distance zero to itself."""
    features = FeatureSet.model_validate({**BASE, "anomaly": [{"kind": "knn_distance", "n_neighbors": 1}]})
    encoder = build_encoder(features)
    return encoder, encoder.fit_transform(frame, names_of(y))[:, -1]


def test_rows_learned_from_score_like_other_rows():
    """The rare class is not unusual here. Without cross-fitting, its rows alone would not have been learned from."""
    frame, y = rows_of(1_500)
    encoder, crossed = nearest_alone(frame, y)
    assert ks_2samp(crossed[y == 2], crossed[y != 2]).pvalue > 0.01
    naive = encoder.transform(frame)[:, -1]
    assert ks_2samp(naive[y == 2], naive[y != 2]).pvalue < 1e-20


def test_scores_of_training_rows_and_of_new_ones_are_alike():
    frame, y = rows_of(1_500)
    encoder = build_encoder(FEATURES)
    crossed = encoder.fit_transform(frame, names_of(y))
    new = encoder.transform(rows_of(1_500, seed=7)[0])
    for column in range(-len(DETECTED), 0):
        assert ks_2samp(crossed[:, column], new[:, column]).statistic < 0.15  # without cross-fitting it is 0.22


def test_labels_of_evaluated_rows_change_no_feature():
    honest, other = experiment_of(), experiment_of()
    other.y = honest.y.copy()
    other.y[honest.folds[0].valid] = 2
    first, second = (e._encode("strange", honest.folds[0]) for e in (honest, other))
    np.testing.assert_array_equal(first.train, second.train)
    np.testing.assert_array_equal(first.valid, second.valid)


# --- what they are ------------------------------------------------------------------------------------------------


def test_scores_come_last_and_have_names():
    frame, y = rows_of()
    named = FEATURES.model_copy(update={"anomaly": (DETECTORS["ecod"](kind="ecod", class_name="middle"),)})
    encoder = build_encoder(named)
    assert encoder.fit_transform(frame, names_of(y)).shape == (900, 7)
    assert list(encoder.get_feature_names_out())[-1] == "anomaly ecod middle"
    assert list(build_encoder(FEATURES).fit(frame, names_of(y)).get_feature_names_out())[-4:] == [
        f"anomaly {kind}" for kind in DETECTORS
    ]


def test_the_class_that_is_named_is_the_one_that_is_not_learned_from():
    frame, y = rows_of(far=6.0)
    found = {}
    for name in ("rare", "common", None):
        features = FeatureSet.model_validate({**BASE, "anomaly": [{"kind": "ecod", "class_name": name}]})
        scores = build_encoder(features).fit_transform(frame, names_of(y))[:, -1]
        found[name] = scores[y == 2].mean() - scores[y != 2].mean()
    assert found["rare"] == found[None], "the rarest class without a name"
    assert found["rare"] > found["common"] + 0.1


def test_more_rows_than_the_bound_are_sampled():
    frame, y = rows_of()
    features = FeatureSet.model_validate({**BASE, "anomaly": [{"kind": "knn_distance", "max_rows": 150}]})
    encoder = build_encoder(features).fit(frame, names_of(y))
    detector = encoder.steps[0][1].named_transformers_["anomaly"][-1].detectors_[0]
    assert detector.model_.search_.n_samples_fit_ == 150


def test_missing_values_and_unseen_categories_have_scores():
    frame, y = rows_of()
    frame.loc[:30, "a"] = np.nan
    encoder = build_encoder(FEATURES).fit(frame, names_of(y))
    odd = pd.DataFrame({"place": ["moon", None, "a"], "a": [None, 1e9, 0.0], "b": [0.0, None, None]})
    scores = encoder.transform(odd)[:, -len(DETECTED) :]
    assert np.isfinite(scores).all()
    normal = encoder.transform(frame)[:, -len(DETECTED) :]
    assert (scores[1] > np.median(normal, axis=0)).all()


def test_the_same_rows_give_the_same_digits():
    first, second = (experiment_of(far=3.0)._encode("strange", experiment_of().folds[0]) for _ in range(2))
    np.testing.assert_array_equal(first.train, second.train)
    np.testing.assert_array_equal(first.valid, second.valid)


def test_a_stored_model_predicts_the_same_probabilities():
    frame, y = rows_of(400)
    encoder = build_encoder(FEATURES)
    model = LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(encoder.fit_transform(frame, names_of(y)), y)
    whole = FittedCandidate(encoder, model, CLASSES)
    new = rows_of(60, seed=9)[0]
    new.iloc[0] = None
    packed = skops.io.dumps(whole)
    assert set(skops.io.get_untrusted_types(data=packed)) <= set(TRUSTED_TYPES)
    again = skops.io.loads(packed, trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(again.predict_proba(new), whole.predict_proba(new))


# --- as declared --------------------------------------------------------------------------------------------------


def problem_with(anomaly):
    return parse_problem(
        {
            "name": "toy",
            "title": "Toy",
            "source": {"kind": "csv", "path": "x.csv"},
            "target": {"column": "class"},
            "features": {"base": BASE, "strange": {"extend": "base", "anomaly": anomaly}},
            "split": {"holdout": {"column": "year", "start": 2020}},
            "strategies": ["none"],
        },
        "toy.yaml",
    )


def test_a_detector_is_written_by_its_kind_or_with_its_settings():
    given = problem_with(["ecod", {"kind": "knn_distance", "class_name": "rare", "n_neighbors": 7, "max_rows": 500}])
    assert [spec.name for spec in given.features["strange"].anomaly] == ["ecod", "knn_distance rare"]
    assert given.features["strange"].columns == ("place", "a", "b")
    check_classes(given, CLASSES)
    with pytest.raises(ProblemError, match=r"features.strange.anomaly: no class 'rare'; classes are common"):
        check_classes(given, ["common"])


@pytest.mark.parametrize(
    ("anomaly", "message"),
    [
        (["forest"], "'isolation_forest'"),
        ([{"kind": "ecod", "nu": 0.1}], "nu: unknown key; allowed: class_name, kind, max_rows"),
        ([{"kind": "one_class_svm", "nu": 0}], "greater than 0"),
        (["ecod", "ecod"], "anomaly: ecod is named twice"),
    ],
)
def test_an_impossible_detector_is_refused(anomaly, message):
    with pytest.raises(ProblemError, match=message):
        problem_with(anomaly)


def test_scores_without_a_column_are_refused():
    with pytest.raises(ProblemError, match="anomaly: needs a column of the set that is no rate and no text"):
        parse_problem(
            {
                **problem_with([]).model_dump(mode="json"),
                "features": {"base": BASE, "strange": {"rates": ["place"], "anomaly": ["ecod"]}},
            },
            "toy.yaml",
        )
