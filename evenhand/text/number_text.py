"""Numbers as people write them, with a decimal comma or signs between thousands, in the spelling of programs."""

from __future__ import annotations

import re

import pandas as pd


def plain_number(column: pd.Series, decimal: str, thousands: str) -> pd.Series:
    """Write numbers with a decimal point and no other sign.

    Parameters
    ----------
    column : Series of str, shape (n_rows,)
    decimal, thousands : str
        The signs of the file; no thousands are an empty text. A space stands for each kind of space.

    Returns
    -------
    Series of str, shape (n_rows,)
        What is no number with these signs stays as it is, and so does a number with a decimal point.

    Examples
    --------
    >>> cells = pd.Series(["1.234,5", "-7,25", "52.5", "12 a"], dtype="str")
    >>> plain_number(cells, ",", ".").tolist()
    ['1234.5', '-7.25', '52.5', '12 a']
    """
    point = re.escape(decimal)
    if thousands:
        between = r"[ \u00a0\u202f]" if thousands == " " else re.escape(thousands)
        grouped = column.str.fullmatch(rf"[+-]?\d{{1,3}}(?:{between}\d{{3}})+(?:{point}\d*)?").fillna(False)
        column = column.where(~grouped, column.str.replace(rf"{between}(?=\d{{3}})", "", regex=True))
    if decimal == ".":
        return column
    written = column.str.fullmatch(rf"[+-]?\d*{point}\d+(?:[eE][+-]?\d+)?").fillna(False)
    return column.where(~written, column.str.replace(decimal, ".", regex=False))
