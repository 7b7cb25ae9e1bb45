"""Cells of text to numbers."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data.schema import ColumnType, parse_columns

ODD = [
    "",
    "  ",
    "+5",
    "-.5",
    "5.",
    "1e5",
    "1E+05",
    "inf",
    "-Infinity",
    "nan",
    "NA",
    "0x10",
    "1_000",
    "1,000",
    "True",
    "٣",
]


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.sampled_from(ODD),
            st.floats().map(repr),
            st.integers().map(str),
            st.decimals(allow_nan=False, allow_infinity=False).map(str),
        ),
        min_size=1,
    )
)
def test_a_cell_is_the_same_number_whatever_stands_beside_it(cells):
    typed, unfit = parse_columns(pd.DataFrame({"n": pd.Series(cells, dtype="str")}), {"n": ColumnType("number")})
    lost = unfit.get("n", np.zeros(len(cells), dtype=bool))
    for cell, number, bad in zip(cells, typed["n"], lost, strict=True):
        try:
            plain = float("nan") if cell is None or "_" in cell or "٣" in cell else float(cell)
        except ValueError:
            plain = float("nan")
        wanted = plain if np.isfinite(plain) else float("nan")
        np.testing.assert_array_equal(number, wanted)
        assert bad == bool(cell and cell.strip() and np.isnan(wanted))
