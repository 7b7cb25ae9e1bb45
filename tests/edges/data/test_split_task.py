"""Split and balance: the newest rows apart, a sample that keeps every class, a capped set cached by content."""

import numpy as np
import pandas as pd
import pytest

from evenhand.errors import ProblemError
from evenhand.problem import Problem
from tasks.data.balance import balance
from tasks.data.split import FEWEST, split
from tasks.storage.store import open_store, read_frame, write_frame


def problem(**changes):
    return Problem.model_validate(
        {
            "name": "p",
            "title": "P",
            "source": {"kind": "csv", "path": "x.csv"},
            "target": {"column": "kind", "drop": ["unknown"]},
            "features": {"base": {"numeric": ["x"]}},
            "split": {"holdout": {"column": "year", "start": 2021}},
            "strategies": ["none", {"kind": "capped", "cap": 50}],
            **changes,
        }
    )


def good(n=2000, rare=30):
    kind = np.array(["common"] * (n - rare - 5) + ["rare"] * rare + ["unknown"] * 5)
    kind = np.random.default_rng(0).permutation(kind)
    year = np.where(np.arange(n) < 0.8 * n, 2020.0, 2021.0)
    return write_frame(pd.DataFrame({"x": np.arange(float(n)), "kind": kind, "year": year}), "good/{sha256}.parquet")


def test_the_newest_rows_are_held_out_and_dropped_values_are_gone():
    parts = split.fn(good(), problem())
    train, holdout = read_frame(parts.train), read_frame(parts.holdout)
    assert set(train.year) == {2020.0}
    assert set(holdout.year) == {2021.0}
    assert set(train.kind) | set(holdout.kind) == {"common", "rare"}
    assert len(train) + len(holdout) == 1995
    assert parts.share == 1.0
    assert parts.trained_before == "2021"


def test_a_sample_keeps_every_class_and_repeats_itself():
    rows = good()
    first, again = (split.fn(rows, problem(), sample=200, seed=3) for _ in range(2))
    assert first == again
    counts = read_frame(first.train).kind.value_counts()
    assert counts["rare"] >= FEWEST
    assert 180 <= counts["common"] <= 220
    assert first.holdout == split.fn(rows, problem()).holdout


def test_a_capped_class_that_is_not_there_is_named():
    strategies = [{"kind": "capped", "cap": 50, "per_class": {"Normal": 1.5}}]
    with pytest.raises(ProblemError, match="no class 'Normal'; classes are common, rare"):
        split.fn(good(), problem(strategies=strategies))


def test_the_capped_set_is_made_once_until_something_changes():
    parts = split.fn(good(), problem())
    first, again = (balance.fn(parts, problem())[0] for _ in range(2))
    assert (first.cached, again.cached) == (False, True)
    assert first.after["common"] == 50
    assert again.rows == first.rows
    assert read_frame(first.rows).kind.value_counts().to_dict() == first.after
    assert balance.fn(parts, problem(), clear_cache=True)[0].cached is False
    changed = problem(strategies=[{"kind": "capped", "cap": 60}])
    assert balance.fn(parts, changed)[0].after["common"] == 60
    open_store().delete(first.rows.key)
    assert balance.fn(parts, problem())[0].cached is False
    assert read_frame(first.rows).kind.value_counts().to_dict() == first.after


def test_rows_of_the_same_time_and_place_are_a_warning_unless_blocks_are_declared():
    n = 400
    when = pd.Timestamp("2020-12-01", tz="UTC") + pd.to_timedelta(np.arange(n) // 4, unit="D")
    frame = pd.DataFrame(
        {
            "when": when,
            "lat": 50.0 + np.arange(n) // 4,
            "lon": 7.0 + np.arange(n) // 4,
            "kind": np.where(np.arange(n) % 3, "a", "b"),
        }
    )
    rows = write_frame(frame, "good/{sha256}.parquet")
    features = {"base": {"coordinates": [{"latitude": "lat", "longitude": "lon"}]}}
    holdout = {"holdout": {"column": "when", "start": "2021-01-01"}}
    (warning,) = split.fn(rows, problem(features=features, split=holdout)).warnings
    assert "100.0% of the held-out rows are in groups of rows with the same when, lat, lon, up to 4" in warning
    declared = {**holdout, "blocks": {"column": "when", "period": "day"}}
    assert split.fn(rows, problem(features=features, split=declared)).warnings == ()


def test_what_a_fold_can_not_use_is_a_warning():
    months = np.repeat([f"2020-{month:02d}-01" for month in range(1, 9)], 20)
    rows = pd.DataFrame({"when": pd.to_datetime(months, utc=True), "x": np.arange(160.0), "same": 7.0})
    rows["late"] = np.where(np.arange(160) < 100, np.nan, 1.0)
    rows["kind"] = np.where((np.arange(160) >= 90) & (np.arange(160) % 2 == 0), "b", "a")
    parts = split.fn(
        write_frame(rows, "good/{sha256}.parquet"),
        problem(
            target={"column": "kind"},
            features={"base": {"numeric": ["x", "same", "late"]}},
            split={
                "holdout": {"column": "when", "start": "2020-08-01"},
                "folds": {"kind": "forward", "column": "when", "n": 5, "period": "month"},
            },
        ),
    )
    assert parts.warnings == (
        "the same value in every training row, so no model can learn from it: 'same'",
        "fold 1, fold 2, fold 3 left out: the training rows hold one class only",
        "column 'late' has no value in the training rows of fold 4",
    )
