"""Transformers of single raw columns to numbers: text, numbers, times, cyclic values and coordinates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from evenhand.data.number_range import within_range
from evenhand.data.schema import ColumnType, parse_columns
from evenhand.data.times import as_format
from evenhand.features.class_rates import part_of_time
from evenhand.text.cell_text import canonical_text

MISSING = "(missing)"


class TextCells(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Text columns stripped; an empty cell is the category ``(missing)``."""

    def fit(self, X: pd.DataFrame, y: object = None) -> TextCells:
        """Remember the columns; nothing is learned."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return an object array of shape (n_rows, n_columns)."""
        cells = np.empty(X.shape, dtype=object)
        for i, name in enumerate(X.columns):  # one at a time: all columns as stripped text take much memory
            text, _ = parse_columns(X[[name]], {name: ColumnType("text")})
            cells[:, i] = _shared_cells(text[name])
        return cells


def _shared_cells(column: pd.Series) -> np.ndarray:
    """Convert text to objects that equal cells share: an object per cell would take 60 bytes each."""
    codes, categories = pd.factorize(column)
    return np.append(np.asarray(categories, dtype=object), MISSING)[codes]  # a missing cell's code is -1, the last


class NumberCells(TransformerMixin, BaseEstimator):
    """Numbers without codes for missing values, with outliers clipped or flagged.

    Parameters
    ----------
    parts : list of dict
        One :class:`~evenhand.problem.Numeric` per column, as plain data.

    Attributes
    ----------
    bounds_ : list of (float, float)
        Range of each column: declared, or quantiles of the training rows.
    """

    def __init__(self, parts: Sequence[dict]) -> None:
        self.parts = parts

    def fit(self, X: pd.DataFrame, y: object = None) -> NumberCells:
        """Learn the quantiles of columns that are clipped or flagged by quantiles."""
        numbers = self._known(self._typed(X))
        self.bounds_ = [self._bounds(part, numbers[:, i]) for i, part in enumerate(self.parts)]
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return a float array of shape (n_rows, n_columns + n_flags)."""
        return self.of_numbers(self._typed(X))

    def of_numbers(self, numbers: np.ndarray) -> np.ndarray:
        """Transform columns that are numbers already, shape (n_rows, n_columns)."""
        numbers = self._known(numbers.copy())
        flags = []
        for i, (part, (low, high)) in enumerate(zip(self.parts, self.bounds_, strict=True)):
            action = (part["outliers"] or {}).get("action")
            if action == "clip":
                numbers[:, i] = np.clip(numbers[:, i], low, high)
            elif action == "flag":
                flags.append(((numbers[:, i] < low) | (numbers[:, i] > high)).astype(float))
        return np.column_stack([numbers, *flags])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the columns' names, flags last."""
        flagged = [p["column"] for p in self.parts if (p["outliers"] or {}).get("action") == "flag"]
        return np.asarray([p["column"] for p in self.parts] + [f"{c} outlier" for c in flagged], dtype=object)

    @staticmethod
    def _typed(X: pd.DataFrame) -> np.ndarray:
        typed, _ = parse_columns(X, dict.fromkeys(X.columns, ColumnType("number")))
        return typed.to_numpy(dtype=float, copy=True)

    def _known(self, numbers: np.ndarray) -> np.ndarray:
        """Set codes for missing, and numbers that no model can hold, to NaN; ``numbers`` is changed."""
        for i, part in enumerate(self.parts):
            numbers[np.isin(numbers[:, i], part["missing"]), i] = np.nan
        return within_range(numbers)

    @staticmethod
    def _bounds(part: dict, numbers: np.ndarray) -> tuple[float, float]:
        outliers = part["outliers"] or {}
        if outliers.get("quantiles") is not None and not np.isnan(numbers).all():
            low, high = np.nanquantile(numbers, outliers["quantiles"])
            return float(low), float(high)
        low, high = outliers.get("low"), outliers.get("high")
        return -np.inf if low is None else float(low), np.inf if high is None else float(high)


class TimeCells(TransformerMixin, BaseEstimator):
    """Parts of one timestamp column as numbers, and parts of it as sine and cosine."""

    _PERIOD: ClassVar[dict[str, float]] = {"month": 12.0, "dayofweek": 7.0, "dayofyear": 365.25, "hour": 24.0}

    def __init__(
        self, parts: Sequence[str] = (), cyclic: Sequence[str] = (), format: str | list[str] | None = None
    ) -> None:
        self.parts = parts
        self.cyclic = cyclic
        self.format = format

    def fit(self, X: pd.DataFrame, y: object = None) -> TimeCells:
        """Remember the column's name; nothing is learned."""
        self.column_ = str(X.columns[0])
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return a float array of shape (n_rows, n_parts + 2 * n_cyclic)."""
        column = X.columns[0]
        typed, _ = parse_columns(X, {column: ColumnType("time", as_format(self.format))})
        return self.of_parts(partial(part_of_time, typed[column]))

    def of_parts(self, part_of: Callable[[str], np.ndarray]) -> np.ndarray:
        """Transform times by a function that returns their year, month, ... as numbers."""
        plain = [part_of(part) for part in self.parts]
        turns = [part_of(part) / self._PERIOD[part] for part in self.cyclic]
        return np.column_stack([*plain, *(wave(2 * np.pi * t) for t in turns for wave in (np.sin, np.cos))])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the parts' names."""
        waves = [f"{part} {wave}" for part in self.cyclic for wave in ("sin", "cos")]
        return np.asarray([f"{self.column_} {name}" for name in (*self.parts, *waves)], dtype=object)


class CyclicCells(TransformerMixin, BaseEstimator):
    """A cyclic column, such as the name of a month, as sine and cosine."""

    def __init__(self, period: float, values: Sequence[str] = ()) -> None:
        self.period = period
        self.values = values

    def fit(self, X: pd.DataFrame, y: object = None) -> CyclicCells:
        """Remember the column's name; nothing is learned."""
        self.column_ = str(X.columns[0])
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return a float array of shape (n_rows, 2); an unknown name is missing."""
        column = X.columns[0]
        typed, _ = parse_columns(X, {column: ColumnType("text" if self.values else "number")})
        position = typed[column]
        if self.values:
            position = position.map(self.positions)
        return self.of_numbers(position.to_numpy(dtype=float, na_value=np.nan))

    @property
    def positions(self) -> dict[str, int]:
        """The position of each name; empty where the column holds numbers."""
        return {canonical_text(name): i for i, name in enumerate(self.values)}

    def of_numbers(self, positions: np.ndarray) -> np.ndarray:
        """Transform positions, shape (n_rows,)."""
        angle = 2 * np.pi * within_range(positions) / self.period
        return np.column_stack([np.sin(angle), np.cos(angle)])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the two names."""
        return np.asarray([f"{self.column_} sin", f"{self.column_} cos"], dtype=object)


class CoordinateCells(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Latitude and longitude; a point outside the box counts as missing."""

    def __init__(self, box: Sequence[float] | None = None) -> None:
        self.box = box

    def fit(self, X: pd.DataFrame, y: object = None) -> CoordinateCells:
        """Remember the columns; nothing is learned."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return a float array of shape (n_rows, 2)."""
        typed, _ = parse_columns(X, dict.fromkeys(X.columns, ColumnType("number")))
        return self.of_numbers(typed.to_numpy(dtype=float, copy=True))

    def of_numbers(self, points: np.ndarray) -> np.ndarray:
        """Transform points that are numbers already, shape (n_rows, 2)."""
        points = points.copy()
        if self.box is not None:
            south, west, north, east = self.box
            inside = (points >= [south, west]) & (points <= [north, east])
            points[~inside.all(axis=1)] = np.nan
        return within_range(points)
