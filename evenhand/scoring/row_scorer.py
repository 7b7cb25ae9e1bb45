"""New rows to classes, probabilities and reasons, for a service: the answers of batch scoring, without its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier

from evenhand.data.number_range import LARGEST, beyond_range
from evenhand.data.schema import ColumnType, column_types, parse_columns
from evenhand.postprocess.fit_rules import period_groups
from evenhand.problem import CapacityDecision, Problem
from evenhand.scoring.cells import Cells, as_series, read_column
from evenhand.scoring.encode_rows import RowColumns, RowEncoder
from evenhand.scoring.model import FittedCandidate, full_probabilities

Classify = Callable[[np.ndarray], np.ndarray]


class ScoredRows(NamedTuple):
    """What a model says of rows.

    Attributes
    ----------
    names : ndarray of object, shape (n_rows,)
        Predicted class; None for a row that is not scored.
    proba : ndarray of shape (n_rows, n_classes)
        Calibrated; NaN for such a row.
    raw : ndarray of shape (n_rows, n_classes)
        The classifier's own; NaN for such a row.
    not_scored : ndarray of object, shape (n_rows,)
        Why a row is not scored, else None.
    unknown : dict of str to int
        Cells that the encoder does not know, by raw column.
    """

    names: np.ndarray
    proba: np.ndarray
    raw: np.ndarray
    not_scored: np.ndarray
    unknown: dict[str, int]


class RowScorer:
    """Scores rows by a fitted model as ``make score`` does.

    Parameters
    ----------
    problem : Problem
        Has the types of the columns, and the periods of a capacity.
    fitted : FittedCandidate

    Attributes
    ----------
    columns : tuple of str
        Raw columns that the model reads.
    is_quick : bool
        Whether a few rows take well below a millisecond.
    """

    def __init__(self, problem: Problem, fitted: FittedCandidate) -> None:
        self.problem, self.fitted = problem, fitted
        self.columns = tuple(str(name) for name in fitted.encoder.feature_names_in_)
        self.types = model_types(problem, fitted)
        self.period = capacity_period(problem, fitted)
        self._numbers = [name for name, kind in self.types.items() if kind.kind == "number"]
        self._encoder = RowEncoder(fitted.encoder, self.types)
        self._classify, direct = _classifier(fitted)
        self.is_quick = direct and self._encoder.is_direct

    def score(self, columns: Mapping[str, Cells], n_rows: int) -> ScoredRows:
        """Score rows.

        Parameters
        ----------
        columns : mapping of str to sequence
            Cells by column: those of :attr:`columns`, perhaps more.
        n_rows : int

        Raises
        ------
        ProblemError
            When times have different offsets from UTC and the problem names no zone.
        """
        rows, reasons = self._read(columns, n_rows)
        readable = np.array([reason is None for reason in reasons], dtype=bool)
        if readable.all() and n_rows:
            encoded, unknown = self._encoder.encode(rows)
            raw = self._classify(encoded)
            names, proba = self.fitted.decide(raw, self._groups(columns))
            return ScoredRows(names, proba, raw, reasons, unknown)
        return self._score_readable(columns, readable, reasons)

    def _score_readable(self, columns: Mapping[str, Cells], readable: np.ndarray, reasons: np.ndarray) -> ScoredRows:
        """Score the rows that can be read, and leave the others without a class."""
        shape = (len(readable), len(self.fitted.class_names))
        names, unknown = np.full(len(readable), None, dtype=object), {}
        proba, raw = np.full(shape, np.nan), np.full(shape, np.nan)
        if readable.any():
            kept = {name: as_series(columns[name], name)[readable] for name in columns}
            some = {name: cells if _has_type(columns[name]) else cells.tolist() for name, cells in kept.items()}
            found = self.score(some, int(readable.sum()))
            names[readable], proba[readable], raw[readable] = found.names, found.proba, found.raw
            unknown = found.unknown
        return ScoredRows(names, proba, raw, reasons, unknown)

    def _read(self, columns: Mapping[str, Cells], n_rows: int) -> tuple[RowColumns, np.ndarray]:
        """Type the columns; the reason of a row is that of its last column, as in batch scoring."""
        values: dict[str, Any] = {}
        reasons = np.full(n_rows, None, dtype=object)
        for name, kind in self.types.items():
            values[name], unfit = read_column(columns[name], kind, name)
            if unfit is not None:
                reasons[unfit] = f"{name}: not a {kind.kind}"
        if any((np.abs(values[name]) > LARGEST).any() for name in self._numbers):
            typed = pd.DataFrame({name: values[name] for name in self._numbers})
            for name, beyond in beyond_range(typed, self.problem).items():
                reasons[beyond] = f"{name}: a number too large for a model"
        return RowColumns(columns, values, self.types), reasons

    def _groups(self, columns: Mapping[str, Cells]) -> np.ndarray | None:
        if self.period is None or str(self.period.per) not in columns:
            return None
        per = str(self.period.per)
        return capacity_groups(self.problem, self.period, as_series(columns[per], per).to_frame(per))


def model_types(problem: Problem, fitted: FittedCandidate) -> dict[str, ColumnType]:
    """Return the types of the raw columns that a model reads, in the problem's order."""
    columns = set(fitted.encoder.feature_names_in_)
    return {name: kind for name, kind in column_types(problem).items() if name in columns}


def capacity_period(problem: Problem, fitted: FittedCandidate) -> CapacityDecision | None:
    """Return the capacity of the model's rule that counts by period; None for another rule."""
    rule = getattr(fitted.rule, "name", None)
    for spec in problem.decisions:
        if isinstance(spec, CapacityDecision) and spec.name == rule and spec.per:
            return spec
    return None


def capacity_groups(problem: Problem, spec: CapacityDecision, frame: pd.DataFrame) -> np.ndarray:
    """Return the period codes of rows, by the raw cells of a capacity's ``per`` column."""
    typed, _ = parse_columns(frame[[spec.per]], {str(spec.per): column_types(problem)[str(spec.per)]})
    return period_groups(typed[spec.per], spec)


def _has_type(cells: Cells) -> bool:
    return isinstance(cells, pd.Series)


def _classifier(fitted: FittedCandidate) -> tuple[Classify, bool]:
    """Return the function from encoded rows to probabilities, and whether it is that of LightGBM's trees themselves.

    LightGBM's scikit-learn class checks its input for ten times as long as the trees of one row take.
    """
    model, n_classes = fitted.classifier, len(fitted.class_names)
    plain = type(model) is LGBMClassifier and not callable(model.objective)
    if not plain or list(model.classes_) != list(range(n_classes)):
        return lambda X: full_probabilities(model, X, n_classes), False
    booster, settings = model.booster_, {"num_threads": 1}
    if n_classes > 2:
        return lambda X: np.asarray(booster.predict(X, **settings)), True

    def of_two(X: np.ndarray) -> np.ndarray:
        second = np.asarray(booster.predict(X, **settings))
        return np.vstack((1.0 - second, second)).transpose()

    return of_two, True
