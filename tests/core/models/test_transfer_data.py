"""Boosting that begins on older rows or another data set: what it learns first, and that none of it is scored."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data.holdout import before_start
from evenhand.data.split import Fold
from evenhand.errors import ProblemError
from evenhand.metrics.scores import score
from evenhand.models import CannotFit, check_models
from evenhand.models.transfer.first_rows import older_first, other_data_first
from evenhand.models.transfer.transfer_data import TransferData, check_same_classes, check_same_columns, without_own
from evenhand.problem import FeatureSet, ModelSpec, SimpleStrategy, parse_problem
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment

NONE = SimpleStrategy(kind="none")
FEATURES = {"base": FeatureSet(numeric=("a", "b"), categorical=("place",))}


def rows_of(n, seed=0, start="2020-01-01"):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.7, 0.2, 0.1])
    frame = pd.DataFrame({"a": y + rng.normal(0, 0.9, n), "b": rng.normal(size=n) - y})
    frame["place"] = np.array(["street", "house", "shop"])[np.where(rng.random(n) < 0.5, y, rng.integers(0, 3, n))]
    when = pd.Series(pd.Timestamp(start, tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, 300, n)), unit="D"))
    return frame, y, when


def experiment(n=400, transfer=None, when=True, **changes):
    frame, y, times = rows_of(n, **changes)
    half = n // 2
    folds = [Fold(0, np.arange(half), np.arange(half, n)), Fold(-1, np.arange(half), np.arange(half, n))]
    return Experiment(frame, y, "abc", folds, FEATURES, 0, times if when else None, transfer=transfer)


def continued(first, **params):
    spec = ModelSpec(kind="lightgbm_continued", params={"n_estimators": 5, "first_rounds": 6, "first": first, **params})
    check_models([spec])
    return Candidate(spec, NONE)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan]), min_size=4, max_size=30), st.floats(0.1, 0.9))
def test_older_rows_come_first_and_rows_of_one_time_stay_together(times, share):
    when, y = np.array(times), np.zeros(len(times), dtype=int)
    X = np.arange(len(times), dtype=float)[:, None]
    known = np.where(np.isnan(when), -1.0, when)
    if len(set(known.tolist())) == 1 or int(share * len(when)) == 0:
        return
    try:
        found = older_first(X, y, None, when, share)
    except CannotFit as reason:
        assert "the older rows lack 1 of the 1 classes" in str(reason)  # noqa: PT017
        assert np.sum(known == known.min()) > int(share * len(when))
        return
    first = found.X[:, 0].astype(int)
    assert known[first].max() < known[found.rest].min()
    assert sorted([*first, *found.rest]) == list(range(len(when)))
    assert len(first) <= share * len(when)


def test_the_older_half_is_trained_on_first_and_is_recorded():
    rows = experiment()
    outcome = rows.run(continued("older"), -1, keep_model=True)
    model = outcome.fitted.classifier
    assert model.booster_.num_trees() == (6 + 5) * 3
    (note,) = outcome.resampling.adaptations
    older = int(note.split(" rounds saw the ")[1].split()[0])
    assert note == f"the first 6 rounds saw the {older} older of 200 rows, the other rounds the newer ones"
    assert 80 <= older <= 100
    assert outcome.leaks == ()
    reversed_times = experiment()
    reversed_times.when = reversed_times.when.iloc[::-1].reset_index(drop=True)
    assert not np.array_equal(reversed_times.run(continued("older"), 0).probabilities, outcome.probabilities)


def test_rows_of_one_time_are_skipped_with_a_reason_and_rows_without_a_time_refused():
    same = experiment()
    same.when = pd.Series(2020.0, index=range(400))
    outcome = same.run(continued("older"), 0)
    assert outcome.probabilities is None
    assert outcome.skipped == "lightgbm_continued: the older rows lack 3 of the 3 classes"
    with pytest.raises(ProblemError, match="the rows have no time column"):
        experiment(when=False).run(continued("older"), 0)


def test_another_citys_rows_help_where_training_rows_are_few():
    other = TransferData(*rows_of(3000, seed=9, start="2019-01-01"))
    rows = experiment(120, transfer={"york": other})
    first = rows.run(continued({"problem": "york"}, first_rounds=60), 0)
    plain = rows.run(Candidate(ModelSpec(kind="lightgbm", params={"n_estimators": 65}), NONE), 0)
    truth = rows.y[rows.folds[0].valid]
    found, before = (score(truth, o.probabilities, "abc").metrics["average_precision"] for o in (first, plain))
    assert found > before + 0.02
    assert first.probabilities.shape == (60, 3)
    assert first.resampling.adaptations == ("the first 60 rounds saw 3,000 rows of york",)
    assert first.resampling.before == plain.resampling.before
    assert first.leaks == ()


def test_rows_newer_than_a_folds_training_rows_are_not_learned_from():
    frame, y, when = rows_of(600, seed=4)
    newest = experiment().when.iloc[:200].max()
    assert 0 < (when > newest).sum() < 600
    wrong = np.where(when > newest, 2 - y, y)
    outcomes = [
        experiment(transfer={"york": TransferData(frame, labels, when)}).run(continued({"data": "york"}), 0)
        for labels in (y, wrong)
    ]
    assert np.array_equal(outcomes[0].probabilities, outcomes[1].probabilities)
    late = TransferData(frame, y, when + pd.Timedelta(days=4000))
    assert "no row of york is as old" in experiment(transfer={"york": late}).run(continued({"data": "york"}), 0).skipped


def test_classes_that_only_one_data_set_has():
    X, y = np.zeros((6, 1)), np.array([0, 0, 1, 1, 2, 2])
    assert other_data_first(X, y, np.array([0, 1]), "york").y.tolist() == [0, 0, 1, 1]
    with pytest.raises(CannotFit, match="the york rows lack 1 of the 3 classes"):
        other_data_first(X[:4], y[:4], y, "york")
    with pytest.raises(ProblemError, match="york has other classes: it lacks Robbery; also has Fraud"):
        check_same_classes("york", ["Assault", "Fraud"], ["Assault", "Robbery"])
    with pytest.raises(ProblemError, match="the rows of york were not fetched"):
        experiment().run(continued({"problem": "york"}), 0)


def test_rows_of_this_training_are_left_out():
    own = pd.DataFrame({"a": [1.0, 2.0, np.nan], "kind": ["x", "y", "x"]})
    other = pd.DataFrame({"kind": ["x", "x", "y", "z", "y"], "a": [np.nan, 2.0, 2.0, 1.0, 3.0]})
    assert without_own(other, own, ["a", "kind"], "york").index.tolist() == [1, 3, 4]
    with pytest.raises(ProblemError, match="3 of 3 rows of york are also rows of this training: name other data"):
        without_own(own, own, ["a", "kind"], "york")


def test_rows_without_a_time_count_as_held_out_not_as_older():
    years = pd.DataFrame({"year": [2019.0, 2021.0, np.nan]})
    assert before_start(years["year"], 2021).tolist() == [True, False, False]


def test_other_columns_are_refused_before_any_data_is_read():
    def problem(name, **features):
        raw = {"name": name, "title": name, "source": {"kind": "csv", "path": "x.csv"}, "target": {"column": "kind"}}
        split = {"holdout": {"column": "year", "start": 2021}}
        return parse_problem({**raw, "features": {"base": features}, "split": split, "strategies": ["none"]}, "t")

    ours = problem("ours", numeric=["hour"], categorical=["place"])
    check_same_columns(ours, problem("york", numeric=["hour", "more"], categorical=["place"]), "york")
    with pytest.raises(ProblemError, match="york has no column place, which ours reads"):
        check_same_columns(ours, problem("york", numeric=["hour"]), "york")
    with pytest.raises(ProblemError, match=r"york has other types than ours: hour \(text, here number\)"):
        check_same_columns(ours, problem("york", categorical=["hour", "place"]), "york")


def test_max_rows_is_refused_with_it():
    spec = ModelSpec(kind="lightgbm_continued", params={"first": "older"}, max_rows=2000)
    with pytest.raises(ProblemError, match="max_rows does not go with first: older"):
        check_models([spec])
