"""Rates contain no label of their own row or of an evaluated one; an encoder fitted on all rows is caught."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from sklearn.model_selection import StratifiedKFold

from evenhand.data.split import make_folds
from evenhand.errors import ProblemError
from evenhand.features.class_rates import UNSEEN, RateCategories, rate_name
from evenhand.features.encoder import build_encoder
from evenhand.metrics.scores import score
from evenhand.problem import FeatureSet, ModelSpec, Rate, SimpleStrategy, StratifiedFolds, parse_problem
from evenhand.scoring.model import FittedCandidate
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.registry.trusted_types import TRUSTED_TYPES

CLASSES = ["common", "middle", "rare"]
PRIOR = [0.7, 0.2, 0.1]
FINE = {"latitude": "lat", "longitude": "lon", "cell": 200}
FEATURES = FeatureSet.model_validate(
    {
        "categorical": ["kind"],
        "rates": [
            "street",
            ["street", "hour"],
            FINE,
            {**FINE, "columns": ["kind"], "smooth": "auto"},
            {"time": {"column": "when", "parts": ["dayofweek", "hour"]}, "columns": ["kind"]},
        ],
    }
)
LIGHTGBM = ModelSpec(kind="lightgbm", params={"n_estimators": 20})
PLAIN = Candidate(LIGHTGBM, SimpleStrategy(kind="none"), features="enriched")


def rows_of(n=1_800, seed=0, signal=False):
    """Streets and cells of about three rows each; labels random or by street."""
    generator = np.random.default_rng(seed)
    street = generator.integers(0, 40 if signal else n // 3, n)
    y = generator.choice(3, n, p=PRIOR)
    if signal:
        y = np.where(generator.random(n) < 0.5, street % 3, y)
    when = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(generator.integers(0, 10_000, n), unit="h")
    frame = pd.DataFrame(
        {
            "kind": generator.choice(["bar", "house"], n),
            "street": np.char.add("s", street.astype(str)),
            "hour": generator.integers(0, 24, n).astype(float),
            "lat": generator.uniform(43.60, 43.65, n),
            "lon": generator.uniform(-79.40, -79.35, n),
            "when": pd.Series(when),
        }
    )
    frame["street"] = frame["street"].astype("str")
    return frame, y


def names_of(y):
    return np.asarray(CLASSES, dtype=object)[y]


def fitted(features=FEATURES, seed=0, signal=True):
    frame, y = rows_of(600, seed, signal)
    encoder = build_encoder(features)
    return encoder, encoder.fit_transform(frame[list(features.columns)], names_of(y)), frame, y


def encode(rates, train, y, new):
    encoder = build_encoder(FeatureSet.model_validate({"rates": rates}))
    encoder.fit_transform(pd.DataFrame(train), np.asarray(y, dtype=object))
    return encoder.transform(pd.DataFrame(new))


# --- nothing leaks -----------------------------------------------------------------------------------------------


def out_of_fold(frame, y, encode_fold):
    """Average precision of a model on rows it has not seen."""
    given = np.zeros((len(y), 3))
    for train, scored in StratifiedKFold(3, shuffle=True, random_state=1).split(frame, y):
        X_train, X_judged = encode_fold(frame, y, train, scored)
        model = LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1, random_state=0).fit(X_train, y[train])
        given[scored] = model.predict_proba(X_judged)
    return score(y, given, CLASSES).metrics["average_precision"]


def in_the_fold(frame, y, train, scored):
    encoder = build_encoder(FEATURES)
    return encoder.fit_transform(frame.iloc[train], names_of(y[train])), encoder.transform(frame.iloc[scored])


def on_all_rows(frame, y, train, scored):
    encoded = build_encoder(FEATURES).fit(frame, names_of(y)).transform(frame)
    return encoded[train], encoded[scored]


def better_than_chance(average_precision):
    return average_precision > 1 / 3 + 0.03


@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_labels_stay_at_chance_on_categories_of_three_rows(seed):
    assert not better_than_chance(out_of_fold(*rows_of(seed=seed), in_the_fold))


def test_an_encoder_fitted_on_all_rows_is_caught():
    assert better_than_chance(out_of_fold(*rows_of(), on_all_rows))


def test_rates_that_are_not_cross_fitted_are_worse_than_those_that_are():
    """A training row's rates must not contain its own label, either: the model would rely on them."""

    def not_cross_fitted(frame, y, train, scored):
        encoder = build_encoder(FEATURES).fit(frame.iloc[train], names_of(y[train]))
        return encoder.transform(frame.iloc[train]), encoder.transform(frame.iloc[scored])

    frame, y = rows_of(signal=True)
    assert out_of_fold(frame, y, in_the_fold) > out_of_fold(frame, y, not_cross_fitted) + 0.02


def experiment_of(frame, y):
    folds = make_folds(frame, y, StratifiedFolds(kind="stratified", n=3), 0)
    return Experiment(frame, y, CLASSES, folds, {"enriched": FEATURES}, 0)


def test_units_stay_at_chance_without_a_signal_and_find_one():
    """Rates of shuffled labels still separate the streets and reach 0.38 to 0.45, so the bound is above that."""
    found = []
    for signal in (False, True):
        experiment = experiment_of(*rows_of(signal=signal))
        y, outcome = experiment.y[experiment.folds[0].valid], experiment.run(PLAIN, 0)
        found.append(score(y, outcome.probabilities, CLASSES).metrics["average_precision"])
    assert not better_than_chance(found[0])
    assert found[1] > 0.5


def test_labels_of_evaluated_rows_change_no_rate():
    frame, y = rows_of(signal=True)
    honest, other = experiment_of(frame, y), experiment_of(frame, y)
    other.y = y.copy()
    other.y[honest.folds[0].valid] = 2
    first, second = (e._encode("enriched", honest.folds[0]) for e in (honest, other))
    np.testing.assert_array_equal(first.train, second.train)
    np.testing.assert_array_equal(first.valid, second.valid)


def test_a_rows_own_label_changes_its_rates_only_through_the_prior():
    """One label changes the prior and the stratified folds of all rows, but no row's rate of its own street."""
    frame, y = rows_of(300)
    frame["street"] = [f"s{i}" for i in range(len(frame))]
    features = FeatureSet.model_validate({"rates": [{"columns": ["street"], "smooth": 0}]})
    rates = build_encoder(features).fit_transform(frame, names_of(y))
    assert np.ptp(rates, axis=0).max() < 0.02


# --- what the numbers are ----------------------------------------------------------------------------------------


def test_rates_are_the_smoothed_shares_of_the_classes():
    train = {"street": ["a"] * 3 + ["b"] * 7}
    y = ["x", "y", "z"] + ["x"] * 4 + ["y"] * 2 + ["z"]
    with pytest.warns(UserWarning, match="least populated"):
        found = encode([{"columns": ["street"], "smooth": 5}], train, y, {"street": ["a", "b"]})
    prior = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(found, [(np.ones(3) + 5 * prior) / 8, (np.array([4, 2, 1]) + 5 * prior) / 12])


def test_an_unseen_category_gives_the_prior_and_a_missing_one_is_a_category():
    train = {"street": ["a", "b", None, ""] * 15, "kind": ["k"] * 60}
    y = ["x", "y", "z", "z", "x", "y", "z", "x"] * 7 + ["x", "y", "z", "z"]
    new = {"street": ["moon", "a", None, "", "a"], "kind": ["k", "mars", "k", "k", None]}
    found = encode([{"columns": ["street", "kind"], "smooth": 0}], train, y, new)
    prior = np.array([22, 15, 23]) / 60
    none = np.array([7, 0, 23]) / 30
    np.testing.assert_allclose(found, [prior, prior, none, none, prior])


def test_missing_and_impossible_coordinates_and_times_are_one_category():
    train = {"lat": [43.6, None] * 30, "lon": [-79.4, None] * 30, "when": ["2020-01-01", None] * 30}
    y = ["x", "y", "x", "z"] * 15
    odd = {"lat": [None, 43.6, 999.0], "lon": [None, None, -79.4], "when": [None, "never", ""]}
    rates = [{**FINE, "smooth": 0}, {"time": {"column": "when", "parts": ["year"]}, "smooth": 0}]
    np.testing.assert_allclose(encode(rates, train, y, odd), [[0, 0.5, 0.5] * 2] * 3)


def test_two_classes_give_one_column():
    frame, y = rows_of(300)
    encoder = build_encoder(FeatureSet.model_validate({"rates": ["kind"]}))
    assert encoder.fit_transform(frame, names_of(np.minimum(y, 1))).shape == (300, 1)
    assert list(encoder.get_feature_names_out()) == ["rate of middle by kind"]


def test_a_class_that_the_rows_lack_has_no_rate():
    frame, y = rows_of(300)
    encoder = build_encoder(FeatureSet.model_validate({"rates": ["kind"]}))
    encoder.fit_transform(frame, names_of(np.zeros_like(y)))
    assert encoder.transform(frame).shape == (300, 1)
    assert list(encoder.get_feature_names_out()) == ["rate of common by kind"]


def test_columns_are_named_after_class_and_crossing():
    encoder, encoded, _, _ = fitted()
    names = list(encoder.get_feature_names_out())
    assert names[:4] == ["kind", *(f"rate of {name} by street" for name in CLASSES)]
    assert "rate of rare by street x hour" in names
    assert "rate of rare by kind x 200 m cell" in names
    assert "rate of rare by kind x when dayofweek x when hour" in names
    assert len(set(names)) == len(names) == encoded.shape[1] == 16


@given(lat=st.floats(-80, 80), lon=st.floats(-179, 179), north=st.floats(-1, 1), east=st.floats(-1, 1))
@settings(max_examples=60, deadline=None)
def test_two_points_share_a_cell_only_within_its_diagonal(lat, lon, north, east):
    metre = 1 / 111_320
    there = [lat + north * 3_000 * metre, lon + east * 3_000 * metre / np.cos(np.radians(lat))]
    frame = pd.DataFrame([[lat, lon], there], columns=["lat", "lon"])
    part = {"columns": [], "time": None, "latitude": "lat", "longitude": "lon", "cell": 1_000}
    first, second = RateCategories([part]).fit(frame).transform(frame)[:, 0]
    apart = 3_000 * np.hypot(north, east)
    assert first > 0
    assert first != second or apart < 1_000 * np.sqrt(2) * 1.001


@pytest.mark.parametrize("latitude", [0.0, 43.6, -60.0])
def test_cells_are_square_at_any_latitude(latitude):
    ten_km = np.linspace(0, 10_000, 2_000) / 111_320
    east = pd.DataFrame({"lat": latitude, "lon": 5 + ten_km / np.cos(np.radians(latitude))})
    north = pd.DataFrame({"lat": latitude + ten_km, "lon": 5.0})
    part = {"columns": [], "time": None, "latitude": "lat", "longitude": "lon", "cell": 500}
    for line in (east, north):
        assert 20 <= len(np.unique(RateCategories([part]).fit(line).transform(line))) <= 22


def test_raw_text_and_typed_columns_have_the_same_categories():
    encoder, _, frame, _ = fitted()
    raw = frame.assign(
        hour=frame["hour"].astype(int).astype(str),
        street=" " + frame["street"] + " ",
        when=frame["when"].dt.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        **{name: frame[name].astype(str) for name in ("lat", "lon")},
    )
    np.testing.assert_array_equal(encoder.transform(raw), encoder.transform(frame))


def test_steps_merge_near_numbers_and_leave_the_plain_column_unchanged():
    stepped = Rate(columns=("hour",), steps={"hour": 3}).model_dump(mode="json")
    plain = Rate(columns=("hour",)).model_dump(mode="json")
    categories = RateCategories([stepped, plain]).fit(pd.DataFrame({"hour": ["0", "2", "3", "23"]}))
    found = categories.transform(pd.DataFrame({"hour": ["0", "2.0", "1", "3", "22", None, "12"]}))
    assert found[0, 0] == found[1, 0] == found[2, 0] != found[3, 0]
    assert found[4, 0] == categories.transform(pd.DataFrame({"hour": ["23"]}))[0, 0]
    assert (found[5, 0], found[6, 0]) == (0, -1)
    assert found[0, 1] != found[1, 1]
    assert found[2, 1] == -1
    assert list(categories.get_feature_names_out()) == ["hour in steps of 3", "hour"]


def test_crossings_have_distinct_codes():
    values = [str(i) for i in range(12)]
    frame = pd.DataFrame([(a, b, c) for a in values for b in [*values, None] for c in values[:5]], columns=list("abc"))
    part = {"columns": ["a", "b", "c"], "time": None, "latitude": None, "longitude": None, "cell": None}
    codes = RateCategories([part]).fit(frame).transform(frame)[:, 0]
    assert len(np.unique(codes)) == len(frame)
    assert UNSEEN not in codes


def test_more_than_2_to_the_62_categories_are_refused():
    frame = pd.DataFrame({name: [f"{name}{i}" for i in range(300)] for name in "abcdefgh"})
    part = {"columns": list("abcdefgh"), "time": None, "latitude": None, "longitude": None, "cell": None}
    with pytest.raises(ProblemError, match=r"a x b x .* categories are more than"):
        RateCategories([part]).fit(frame)


def test_the_same_rows_give_the_same_digits():
    np.testing.assert_array_equal(fitted()[1], fitted()[1])


def test_a_stored_model_predicts_the_same_probabilities():
    encoder, encoded, frame, y = fitted()
    model = LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(encoded, y)
    whole = FittedCandidate(encoder, model, CLASSES)
    new = pd.concat([rows_of(50, seed=9)[0], frame.head(50)])
    new.iloc[0] = None
    packed = skops.io.dumps(whole)
    assert set(skops.io.get_untrusted_types(data=packed)) <= set(TRUSTED_TYPES)
    again = skops.io.loads(packed, trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(again.predict_proba(new), whole.predict_proba(new))
    assert list(again.encoder.get_feature_names_out()) == list(encoder.get_feature_names_out())


# --- as declared in YAML -----------------------------------------------------------------------------------------


def problem_with(features, leaks=()):
    return parse_problem(
        {
            "name": "toy",
            "title": "Toy",
            "source": {"kind": "csv", "path": "x.csv"},
            "target": {"column": "class"},
            "leaks": list(leaks),
            "features": features,
            "split": {"holdout": {"column": "year", "start": 2020}},
            "strategies": ["none"],
        },
        "toy.yaml",
    )


BASE = {"categorical": ["kind"], "numeric": ["hour"]}


def test_a_set_that_extends_another_has_its_columns_first():
    features = problem_with({"base": BASE, "enriched": {"extend": "base", "rates": ["street"]}}).features
    assert features["enriched"].columns == ("kind", "hour", "street")
    assert features["enriched"].categorical == features["base"].categorical


@pytest.mark.parametrize(
    ("rate", "leak"),
    [
        ("outcome", "outcome"),
        (["street", "class"], "class"),
        ({"time": {"column": "closed", "parts": ["year"]}}, "closed"),
        ({**FINE, "latitude": "court"}, "court"),
    ],
)
def test_a_rate_by_a_leak_is_refused(rate, leak):
    with pytest.raises(ProblemError, match=rf"features\.enriched: column '{leak}' is"):
        problem_with({"base": BASE, "enriched": {"rates": [rate]}}, leaks=("outcome", "closed", "court"))


@pytest.mark.parametrize(
    ("enriched", "message"),
    [
        ({"extend": "bse"}, "no feature set 'bse' before it; there is: base"),
        ({"extend": "enriched"}, "no feature set 'enriched' before it"),
        ({"rates": [{"colums": ["street"]}]}, "did you mean columns"),
        ({"rates": [{"columns": ["street"], "steps": {"hour": 3}}]}, "hour is none of the columns: street"),
        ({"rates": [{"latitude": "lat", "cell": 500}]}, "absent: longitude"),
        ({"rates": [{**FINE, "cell": 0.01}]}, "greater than or equal to 1"),
        ({"rates": [{"smooth": 5}]}, "name what the rate is by"),
        ({"rates": [{"columns": ["street"], "smooth": -1}]}, "greater than or equal to 0"),
    ],
)
def test_an_impossible_rate_is_refused(enriched, message):
    with pytest.raises(ProblemError, match=message):
        problem_with({"base": BASE, "enriched": enriched})


def test_a_name_is_short():
    assert rate_name({"columns": ["a", "b"], "time": None, "latitude": None}) == "a x b"
