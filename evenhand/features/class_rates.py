"""Class rates by place and time: target encoding, smoothed and cross-fitted so that no row's own label is in it.

A category is a feature cross: raw columns (premises x hour), cells of a grid over coordinates, parts of a timestamp.
scikit-learn's ``TargetEncoder`` turns it into one rate per class.

Tried on Toronto and left out, since the gain was within noise (about 0.003 of average precision): class densities of
the nearest neighbours in space, and rates of earlier periods.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import TargetEncoder

from evenhand.data.number_range import LARGEST, within_range
from evenhand.data.schema import ColumnType, parse_columns
from evenhand.data.times import as_format
from evenhand.errors import ProblemError
from evenhand.problem import Rate
from evenhand.text.cell_text import canonical_text

METRES_PER_DEGREE = 111_320.0
UNSEEN = -1
CROSS_FITTING_FOLDS = 5
_MOST = 2**62


class RateCategories(TransformerMixin, BaseEstimator):
    """One column of category codes per crossing.

    A missing value is a category of its own. A value that the training rows lack makes the crossing unseen (-1).

    Parameters
    ----------
    parts : list of dict
        One :class:`~evenhand.problem.Rate` per crossing, as plain data.

    Attributes
    ----------
    values_ : dict of str to list of str
        Sorted values of each raw column in the training rows, rounded to steps where the crossing has them.

    Examples
    --------
    >>> from evenhand.problem import Rate
    >>> crossing = Rate(columns=("place", "hour")).model_dump(mode="json")
    >>> rows = pd.DataFrame({"place": ["bar", "park", "bar"], "hour": ["1", "1", "23"]})
    >>> categories = RateCategories([crossing]).fit(rows)
    >>> categories.transform(rows).ravel().tolist()
    [4, 7, 5]
    >>> categories.transform(pd.DataFrame({"place": ["bar", "moon"], "hour": [1.0, 1.0]})).ravel().tolist()
    [4, -1]
    """

    def __init__(self, parts: Sequence[dict]) -> None:
        self.parts = parts

    def fit(self, X: pd.DataFrame, y: object = None) -> RateCategories:
        """Learn the values of each raw column.

        Raises
        ------
        ProblemError
            When a crossing has more than 2^62 categories.
        """
        named = dict.fromkeys((column, step_of(part, column)) for part in self.parts for column in part["columns"])
        self.values_ = {
            _stepped(column, step): sorted(set(_names(X[column], step)[1]) - {""}) for column, step in named
        }
        self.n_features_in_ = X.shape[1]
        for part in self.parts:
            n = math.prod(size for _, size in self._factors(part, X.iloc[:1]))
            if n > _MOST:
                raise ProblemError(
                    f"rates by {rate_name(part)}: {n:.1g} categories are more than 2^62; cross fewer columns"
                )
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return an int array of shape (n_rows, n_crossings)."""
        crossed = [crossing(self._factors(part, X)) for part in self.parts]
        return np.column_stack(crossed)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the crossings' names."""
        return np.asarray([rate_name(part) for part in self.parts], dtype=object)

    def _factors(self, part: dict, X: pd.DataFrame) -> list[tuple[np.ndarray, int]]:
        """Return the codes of each part of a crossing, 0 for missing, and the number of possible codes."""
        factors = [self._column_codes(X[column], step_of(part, column)) for column in part["columns"]]
        if part["time"]:
            factors += _time_codes(X, part["time"])
        if part["latitude"]:
            factors.append(_cell_codes(X[part["latitude"]], X[part["longitude"]], part["cell"]))
        return factors

    def codes_by_name(self, column: str, step: float | None) -> dict[str, int]:
        """Return the code of every name of a column that the training rows have; that of "", missing, is 0."""
        return {"": 0, **{value: i for i, value in enumerate(self.values_[_stepped(column, step)], start=1)}}

    def _column_codes(self, column: pd.Series, step: float | None) -> tuple[np.ndarray, int]:
        code_of = self.codes_by_name(str(column.name), step)
        codes, names = _names(column, step)
        known = np.asarray([code_of.get(name, UNSEEN) for name in names] + [0], dtype=np.int64)
        return known[codes], len(code_of)


class RateEncoder(TargetEncoder):
    """scikit-learn's target encoder (Micci-Barreca 2001) with readable column names.

    ``fit_transform`` gives every row rates from the folds it is not in, ``transform`` rates from all training rows. A
    category that the training rows lack gets the class shares.
    """

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return ``rate of <class> by <cross>``, in the order of the crosses; with two classes, for the second only."""
        classes = self.classes_ if self.target_type_ == "multiclass" else self.classes_[-1:]
        return np.asarray([f"rate of {c} by {name}" for name in np.asarray(input_features) for c in classes], object)


def rate_steps(rates: Sequence[Rate]) -> list[tuple[str, Pipeline, list[str]]]:
    """Return the steps of a ``ColumnTransformer``, one per value of ``smooth``.

    Parameters
    ----------
    rates : sequence of Rate

    Returns
    -------
    list of (name, pipeline, raw columns)
        Unfitted. ``fit_transform(X, y)`` is cross-fitted over stratified folds with a fixed seed.
    """
    steps = []
    for smooth in dict.fromkeys(rate.smooth for rate in rates):
        alike = [rate for rate in rates if rate.smooth == smooth]
        folds = StratifiedKFold(CROSS_FITTING_FOLDS, shuffle=True, random_state=0)
        categories = RateCategories([rate.model_dump(mode="json") for rate in alike])
        columns = list(dict.fromkeys(column for rate in alike for column in rate.read))
        steps.append((f"rates {smooth}", make_pipeline(categories, RateEncoder(smooth=smooth, cv=folds)), columns))
    return steps


def rate_name(part: dict[str, Any]) -> str:
    """Return the name of a crossing: ``premises_type x occurrencehour``."""
    names = [_stepped(column, step_of(part, column)) for column in part["columns"]]
    if part["time"]:
        names += [f"{part['time']['column']} {unit}" for unit in part["time"]["parts"]]
    if part["latitude"]:
        names.append(f"{part['cell']:g} m cell")
    return " x ".join(names)


def crossing(factors: Sequence[tuple[np.ndarray, int]]) -> np.ndarray:
    """Return the code of a crossing from the codes of its parts and their sizes; -1 where a part is unseen."""
    total, unseen = np.zeros_like(factors[0][0]), np.zeros(len(factors[0][0]), dtype=bool)
    for codes, size in factors:
        total = total * size + codes
        unseen |= codes == UNSEEN
    return np.where(unseen, UNSEEN, total)


def step_of(part: dict[str, Any], column: str) -> float | None:
    """Return the width of the steps that a crossing rounds a column to."""
    return part.get("steps", {}).get(column)


def _stepped(column: str, step: float | None) -> str:
    return column if step is None else f"{column} in steps of {step:g}"


def _names(column: pd.Series, step: float | None = None) -> tuple[np.ndarray, list[str]]:
    """Return every cell's position among the column's distinct values, -1 for missing, and the names of those values.

    A value has one name however it is written, so that raw text and typed columns agree: ``5``, ``5.0`` and 5.
    """
    codes, distinct = pd.factorize(column)
    return codes, [name_of(value, step) for value in distinct]


def name_of(value: Any, step: float | None) -> str:
    """Return the name of a value that is not missing; "" where it counts as missing."""
    text = canonical_text(value)
    if step is None:
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return "" if abs(number) > LARGEST else f"{math.floor(number / step)}"  # out of range counts as missing


def part_of_time(times: pd.Series, part: str) -> np.ndarray:
    """Return the year, month, ... of timestamps as numbers, nan where the timestamp is missing."""
    pandas_name = {"dayofweek": "day_of_week", "dayofyear": "day_of_year"}.get(part, part)
    return getattr(times.dt, pandas_name).to_numpy(dtype=float, na_value=np.nan)


def _time_codes(X: pd.DataFrame, time: dict[str, Any]) -> list[tuple[np.ndarray, int]]:
    column = time["column"]
    times = parse_columns(X[[column]], {column: ColumnType("time", as_format(time["format"]))})[0][column]
    return part_codes(time["parts"], partial(part_of_time, times))


def part_codes(parts: Sequence[str], part_of: Callable[[str], np.ndarray]) -> list[tuple[np.ndarray, int]]:
    """Return the code of each part of times, 0 where it is missing, and the number of possible codes."""
    return [(np.nan_to_num(part_of(part) + 1).astype(np.int64), 10_001) for part in parts]


def _cell_codes(latitude: pd.Series, longitude: pd.Series, metres: float) -> tuple[np.ndarray, int]:
    """Return codes of square grid cells: bands of latitude, each divided by the local length of a degree."""
    frame = pd.DataFrame({"lat": latitude, "lon": longitude})
    typed, _ = parse_columns(frame, dict.fromkeys(("lat", "lon"), ColumnType("number")))
    return cell_codes(typed.to_numpy(dtype=float), metres)


def cell_codes(points: np.ndarray, metres: float) -> tuple[np.ndarray, int]:
    """Return the code of each point's cell, 0 where it is missing, and the number of possible codes.

    Parameters
    ----------
    points : ndarray of shape (n_rows, 2)
        Latitude and longitude.
    metres : float
    """
    points = within_range(points)
    inside = (np.abs(points) <= [90, 180]).all(axis=1)
    step = metres / METRES_PER_DEGREE
    band = np.floor((points[:, 0] + 90) / step)
    width = np.cos(np.radians((band + 0.5) * step - 90))
    across = np.floor((points[:, 1] + 180) * np.clip(width, 0, 1) / step)
    columns = int(360 / step) + 2
    codes = np.where(inside, 1 + band * columns + across, 0)
    return codes.astype(np.int64), (int(180 / step) + 2) * columns + 1
