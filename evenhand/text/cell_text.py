"""The text of a cell: one spelling for a value, whatever file, type or gap it came through.

Every place where a cell becomes text calls this module: categories, class names, groups and crossings at training, the
same columns at scoring. A column of whole numbers is ``int64`` in one file and, with one gap, ``float64`` in the next;
a CSV made from either has ``111`` or ``111.0``. All of them are the category ``111``.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_FIRST = frozenset("-0123456789TtFf")  # of every text that has another spelling
_BOOLEANS = {"true": "True", "True": "True", "TRUE": "True", "false": "False", "False": "False", "FALSE": "False"}
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
# As programs write a very large or small number; `1E5` may be the code of an offence.
_EXPONENT = re.compile(r"-?[0-9](?:\.[0-9]+)?e[+-][0-9]{2,3}")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:\.([0-9]+))?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


class Spellings(NamedTuple):
    """Two texts of a column that are read as one value."""

    first: str
    second: str
    text: str


def canonical_text(value: Any) -> str:
    """Return the text of one cell that is not missing.

    Numbers are written without exponent and without zeros at the end, so ``111``, ``111.0`` and ``Decimal("111.00")``
    are one text; zeros at the start stay, since ``007`` is a code. Booleans are ``True`` and ``False``. Dates and times
    are ISO 8601 with a space, without a time at midnight, and in UTC where they have an offset. Other text is stripped.

    Examples
    --------
    >>> [canonical_text(value) for value in (111, 111.0, "111.0", Decimal("111.00"), " 111 ", b"111")]
    ['111', '111', '111', '111', '111', '111']
    >>> [canonical_text(value) for value in (True, "true", "007", "1E5", 0.00001, "1e-05")]
    ['True', 'True', '007', '1E5', '0.00001', '0.00001']
    >>> [canonical_text(value) for value in (date(2024, 5, 1), "2024-05-01T00:00:00", "2024-05-01T23:30-05:00")]
    ['2024-05-01', '2024-05-01', '2024-05-02 04:30:00+00:00']
    """
    return _one_spelling(_spelled(value).strip())


def text_of(column: pd.Series) -> pd.Series:
    """Return the text of every cell of a column.

    Parameters
    ----------
    column : Series of shape (n_rows,)
        Of any type.

    Returns
    -------
    Series of str, shape (n_rows,)
        Missing where the cell is missing or blank.

    Examples
    --------
    >>> text_of(pd.Series([111, None, 7.5])).tolist(), text_of(pd.Series([" bar", " "])).tolist()
    (['111', nan, '7.5'], ['bar', nan])
    """
    if pd.api.types.is_object_dtype(column):  # cells of several types: 1 and True are equal, a list has no hash
        gaps = column.isna().to_numpy()
        cells = [None if gap else canonical_text(cell) or None for cell, gap in zip(column, gaps, strict=True)]
        return pd.Series(cells, index=column.index, name=column.name, dtype="str")
    codes, distinct = pd.factorize(column)  # values repeat, and each is spelled once
    texts = pd.array([*(canonical_text(value) or None for value in distinct), None], dtype="str")
    return pd.Series(texts.take(codes), index=column.index, name=column.name)  # a missing cell's code is -1, the last


def two_spellings(column: pd.Series) -> Spellings | None:
    """Find two different texts that are one value, the first such pair; None where there is none.

    Examples
    --------
    >>> two_spellings(pd.Series(["13.1", "12", "13.10"], dtype="str"))
    Spellings(first='13.1', second='13.10', text='13.1')
    """
    if not pd.api.types.is_string_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return None
    seen: dict[str, str] = {}
    for raw in column.dropna().unique():
        written = str(raw).strip()
        text = _one_spelling(written)
        if seen.setdefault(text, written) != written:
            return Spellings(seen[text], written, text)
    return None


def _spelled(value: Any) -> str:
    """Write a value of any type; :func:`_one_spelling` makes one text of all spellings."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, date | time):  # a timestamp is a date, too
        return value.isoformat()
    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"
    if isinstance(value, float | np.floating) and np.isfinite(value):
        return str(np.format_float_positional(value, trim="0"))  # the shortest that is read as this number
    return str(value)


def _one_spelling(text: str) -> str:
    if not text or text[0] not in _FIRST:
        return text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _EXPONENT.fullmatch(text) and np.isfinite(float(text)):
        text = str(np.format_float_positional(float(text), trim="0"))
    if _FRACTION.fullmatch(text):
        text = text.rstrip("0").removesuffix(".")
    if text == "-0":
        return "0"
    moment = _MOMENT.fullmatch(text)
    return text if moment is None else _moment_text(text, moment)


def _moment_text(text: str, moment: re.Match[str]) -> str:
    day, clock, seconds, fraction, offset = moment.groups()
    offset = offset or ""
    try:
        when = datetime.fromisoformat(f"{day} {clock}{seconds or ':00'}{offset}")
    except ValueError:  # the 13th month
        return text
    fraction = (fraction or "").rstrip("0")
    if not offset and not fraction and when.time() == time():
        return day
    when = when.astimezone(UTC) if offset else when
    return when.strftime("%Y-%m-%d %H:%M:%S") + (f".{fraction}" if fraction else "") + ("+00:00" if offset else "")
