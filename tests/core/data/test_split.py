import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.split import class_labels, comparable_folds, make_folds
from evenhand.errors import ProblemError
from evenhand.problem import ForwardFolds, GroupFolds, StratifiedFolds, Target


def frame(n=60):
    when = pd.date_range("2019-01-15", periods=n, freq="ME", tz="UTC")
    return pd.DataFrame({"when": when, "year": when.year.astype(float), "place": [f"p{i % 7}" for i in range(n)]})


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(0, 5), st.sampled_from(["stratified", "group"]))
def test_folds_judge_every_row_once_and_never_train_on_a_judged_row(n, seed, kind):
    y = np.random.default_rng(seed).integers(0, 3, 60)
    spec = StratifiedFolds(kind=kind, n=n) if kind == "stratified" else GroupFolds(kind=kind, column="place", n=n)
    folds = make_folds(frame(), y, spec, seed)
    assert sorted(np.concatenate([fold.valid for fold in folds])) == list(range(60))
    assert all(not set(fold.train) & set(fold.valid) for fold in folds)
    assert all(len(fold.train) + len(fold.valid) == 60 for fold in folds)


def test_no_group_is_on_both_sides():
    rows = frame()
    for fold in make_folds(rows, np.arange(60) % 2, GroupFolds(kind="group", column="place", n=3), 0):
        assert not set(rows.place[fold.train]) & set(rows.place[fold.valid])


@pytest.mark.parametrize("period", ["month", "year"])
def test_forward_folds_train_on_the_past_alone(period):
    rows = frame()
    folds = make_folds(rows, np.arange(60) % 2, ForwardFolds(kind="forward", column="when", n=3, period=period), 0)
    assert len(folds) == 3
    assert all(rows.when[fold.train].max() < rows.when[fold.valid].min() for fold in folds)
    assert folds[-1].valid[-1] == 59


def test_forward_folds_by_value_follow_numbers():
    rows = frame()
    folds = make_folds(rows, np.arange(60) % 2, ForwardFolds(kind="forward", column="year", n=2), 0)
    assert [sorted(set(rows.year[fold.valid])) for fold in folds] == [[2022.0], [2023.0]]


def test_a_row_without_a_date_is_trained_on_and_never_judged():
    rows = frame()
    rows.loc[5, "when"] = pd.NaT
    folds = make_folds(rows, np.arange(60) % 2, ForwardFolds(kind="forward", column="when", n=2, period="year"), 0)
    assert all(5 in fold.train and 5 not in fold.valid for fold in folds)


def test_too_few_periods_are_an_error():
    with pytest.raises(ProblemError, match="5 folds forward in 'year' need more periods"):
        make_folds(frame(), np.arange(60) % 2, ForwardFolds(kind="forward", column="year", n=5), 0)


def test_a_value_in_no_group_is_refused_unless_other_is_named():
    raw = pd.Series(["Gun", "Knife"], dtype="str")
    with pytest.raises(ProblemError, match="no group names Knife"):
        class_labels(raw, Target(column="w", groups={"Firearm": ("Gun",)}))


def test_folds_forward_in_a_column_of_numbers_written_as_text_follow_the_numbers():
    from evenhand.data.schema import column_types, parse_columns
    from evenhand.problem import Problem

    problem = Problem.model_validate(
        {
            "name": "weeks",
            "title": "Weeks",
            "source": {"kind": "csv", "path": "x.csv"},
            "target": {"column": "y"},
            "features": {"base": {"categorical": ["place"]}},
            "split": {"holdout": {"column": "week", "start": 12}, "folds": {"kind": "forward", "column": "w", "n": 2}},
            "strategies": ["none"],
        }
    )
    raw = pd.DataFrame({"w": [str(i) for i in range(1, 13)], "week": "1", "y": "a", "place": "b"})
    typed, _ = parse_columns(raw, column_types(problem))
    folds = make_folds(typed, np.arange(12) % 2, problem.split.folds, 0)
    assert [fold.valid.tolist() for fold in folds] == [[10], [11]]
    assert folds[0].train.tolist() == list(range(10))


def test_a_group_without_a_name_is_a_group():
    rows = frame()
    rows.loc[:9, "place"] = None
    folds = make_folds(rows, np.arange(60) % 2, GroupFolds(kind="group", column="place", n=3), 0)
    assert sum(len(set(range(10)) & set(fold.valid)) == 10 for fold in folds) == 1


def test_folds_of_one_class_are_left_out_and_without_any_other_the_way_out_is_named():
    rows, spec = frame(24), ForwardFolds(kind="forward", column="when", n=5, period="month")
    late = np.where(np.arange(24) < 20, 0, 1)
    folds = make_folds(rows, late, spec, 0)
    assert [fold.number for fold in comparable_folds(folds, late)] == [2, 3, 4]
    with pytest.raises(ProblemError, match=r"each of the 5 folds hold one class only.*kind stratified"):
        comparable_folds(folds, np.zeros(24, dtype=int))
