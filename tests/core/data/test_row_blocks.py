"""Rows of the same time and place are found where they could narrow an interval, and declared blocks come first."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.row_blocks import LARGEST_EFFECT, found_groups, row_blocks
from evenhand.errors import ProblemError
from evenhand.problem import parse_problem


def problem(blocks=None, **features):
    base = features or {
        "time": [{"column": "when", "parts": ["month"]}],
        "coordinates": [{"latitude": "lat", "longitude": "lon"}],
    }
    split = {"holdout": {"column": "when", "start": "2021-01-01"}, **({"blocks": blocks} if blocks else {})}
    return parse_problem(
        {
            "name": "tiny",
            "title": "Tiny",
            "source": {"kind": "csv", "path": "tiny.csv"},
            "target": {"column": "kind"},
            "features": {"base": base},
            "split": split,
            "strategies": ["none"],
        },
        "tiny.yaml",
    )


def rows(sizes):
    """Rows of as many incidents as there are sizes, each with a time and a place of its own."""
    incident = np.repeat(np.arange(len(sizes)), sizes)
    when = pd.Timestamp("2021-01-01", tz="UTC") + pd.to_timedelta(incident // 3, unit="D")
    return pd.DataFrame({"when": when, "lat": 50.0 + incident % 3, "lon": 7.0, "n": np.arange(len(incident))})


@given(st.lists(st.integers(1, 6), min_size=1, max_size=60), st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_rows_are_together_exactly_where_time_and_place_agree(sizes, seed):
    frame = rows(sizes).sample(frac=1, random_state=seed)
    found = found_groups(problem(), frame)
    effect = sum(s * s for s in sizes) / sum(sizes)
    assert (found is None) == (effect < LARGEST_EFFECT)
    if found is None:
        return
    assert found.largest_effect == pytest.approx(effect)
    together = frame.groupby(["when", "lat", "lon"]).ngroup().to_numpy()
    assert len(set(zip(found.codes, together, strict=True))) == len(sizes) == len(set(found.codes))


def test_the_order_of_the_rows_changes_no_code():
    frame = rows([3, 1, 4, 2, 5])
    mixed = frame.sample(frac=1, random_state=1)
    again = pd.Series(found_groups(problem(), mixed).codes, index=mixed.index).sort_index()
    assert again.tolist() == found_groups(problem(), frame).codes.tolist()


def test_a_row_without_time_or_place_is_a_block_of_its_own():
    frame = rows([4, 4, 4])
    frame.loc[[0, 1], "lat"] = np.nan
    frame.loc[5, "when"] = pd.NaT
    assert (found_groups(problem(), frame).codes[[0, 1, 5]] == -1).all()


def test_without_a_time_or_without_a_place_nothing_is_found():
    frame = rows([4, 4, 4])
    assert found_groups(problem(numeric=["lat", "lon"]), frame) is None
    assert found_groups(problem(), frame.drop(columns=["lat", "lon"])) is None
    rates = problem(numeric=["n"], rates=[{"latitude": "lat", "longitude": "lon", "cell": 10}])
    assert found_groups(rates, frame) is not None


def test_declared_blocks_come_before_those_that_the_data_show():
    frame = rows([4, 4, 4])
    found = row_blocks(problem({"column": "when", "period": "month"}), frame)
    assert (found.name, found.declared, set(found.codes)) == ("months of when", True, {0})
    assert not row_blocks(problem(), frame).declared
    with pytest.raises(ProblemError, match=r"split\.blocks: the held-out rows lack the column 'when'"):
        row_blocks(problem({"column": "when", "period": "month"}), frame.drop(columns="when"))


def test_what_is_found_is_a_warning_that_names_columns_share_and_remedy():
    warning = row_blocks(problem(), rows([4, 4, 1, 1])).warning
    assert warning.startswith("80.0% of the held-out rows are in groups of rows with the same when, lat, lon, up to 4")
    assert "Declare split.blocks" in warning
