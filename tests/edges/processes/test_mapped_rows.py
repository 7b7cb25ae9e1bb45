"""The raw rows of a training, which its processes map from one file."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evenhand.errors import ProblemError
from tasks.processes.mapped_rows import mapped_rows


def raw_rows():
    return pd.DataFrame(
        {
            "when": pd.to_datetime(["2020-01-01 10:00", None, "2021-02-03 00:00"] * 50).astype("datetime64[us]"),
            "place": pd.Series(["street", None, "ünïcode shop"] * 50, dtype="str"),
            "hour": np.tile([1.0, np.nan, 3.5], 50),
            "year": np.tile([2020.0, 2021.0, 2022.0], 50),
            "n": np.arange(150),
        }
    )


def test_raw_rows_are_read_once_and_are_the_same_rows_mapped(tmp_path):
    calls = []

    def read():
        calls.append(1)
        return raw_rows()

    for _ in range(2):
        mapped = mapped_rows(tmp_path, read)
        pd.testing.assert_frame_equal(mapped, raw_rows())
    assert len(calls) == 1
    before = pa.total_allocated_bytes()
    text = mapped_rows(tmp_path, read)["place"]
    assert pa.total_allocated_bytes() == before, "text is where the file is"
    assert text.iloc[2] == "ünïcode shop"
    pd.testing.assert_frame_equal(mapped_rows(tmp_path, read, ["n", "place"]), raw_rows()[["n", "place"]])


def test_raw_rows_that_a_killed_process_left_half_written_are_read_again(tmp_path):
    mapped_rows(tmp_path, raw_rows)
    whole = tmp_path / "rows.arrow"
    whole.with_suffix(".part").write_bytes(whole.read_bytes()[:100])
    whole.unlink()
    pd.testing.assert_frame_equal(mapped_rows(tmp_path, raw_rows), raw_rows())


def test_a_failure_is_raised_each_time_and_leaves_no_file(tmp_path):
    def fails():
        raise ProblemError("no")

    for _ in range(2):
        with pytest.raises(ProblemError):
            mapped_rows(tmp_path, fails)
    pd.testing.assert_frame_equal(mapped_rows(tmp_path, raw_rows), raw_rows())
