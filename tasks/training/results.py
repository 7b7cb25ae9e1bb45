"""The results of a candidate: its units, and their probabilities put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from evenhand.data.fold_names import HOLDOUT_FOLD, fold_key
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.influence import Influence
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import Scores
from evenhand.postprocess.choose_calibration import CrossFittedCalibration, Shares, with_natural_proba
from evenhand.report.calibration_table import Calibrated
from evenhand.report.candidate_row import Row
from evenhand.strategies import ResamplingRecord
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.racing import Stopped
from tasks.data.partition import Parts
from tasks.settings import cores
from tasks.storage.files import read_array
from tasks.training.units import Unit

PROBABILITIES_AT_ONCE = 4_000_000  # each takes 100 bytes and more while it is sorted, calibrated, scored and drawn
SKIPPED = "skipped: "  # start of a record's adaptation when the strategy could not run


@dataclass(frozen=True)
class Shipped:
    """Scores of a candidate with calibrated probabilities, as a model made of it would give them."""

    calibration: str
    oof: Scores
    test: Scores | None = None


@dataclass(frozen=True)
class Result:
    """A candidate with its units and their scores."""

    candidate: Candidate
    units: tuple[Unit, ...]
    oof: Scores | None
    test: Scores | None
    calibration: CrossFittedCalibration | None = None
    shipped: Shipped | None = None
    oof_codes: np.ndarray | None = field(default=None, repr=False, compare=False)
    """Classes that the decision rule chose, shape (n,); None without a score."""
    test_codes: np.ndarray | None = field(default=None, repr=False, compare=False)
    stopped: Stopped | None = None
    """Why the race stopped its fit: ``oof`` covers the folds done until then, and there is no ``test``."""
    beside: Scores | None = None
    """Scores of its baseline on the same rows, if the race stopped it."""
    influence: Influence | None = field(default=None, repr=False, compare=False)
    """Of the primary metric out of fold, where it is one of probabilities."""

    @property
    def fold_units(self) -> list[Unit]:
        """The units inside the training rows."""
        return [unit for unit in self.units if unit.fold != HOLDOUT_FOLD]

    @property
    def skipped(self) -> str | None:
        """Why there is no out-of-fold score: the reason from the first fold that could not be fitted."""
        return next((unit.skipped for unit in self.fold_units if unit.skipped), None)

    @property
    def folds_done(self) -> int:
        """Folds inside the training rows that were fitted."""
        return sum(unit.skipped is None for unit in self.fold_units)

    @property
    def fit_seconds(self) -> float:
        """CPU seconds of all fits."""
        return round(sum(unit.fit_seconds for unit in self.units), 2)

    @property
    def resampling(self) -> list[ResamplingRecord]:
        """Resampling records, one per fold."""
        return [unit.resampling for unit in self.units if unit.resampling is not None]

    def calibrated(self, on: Literal["oof", "test"]) -> Calibrated | None:
        """Return the row of the calibration table, out of fold or on the held-out period."""
        raw, corrected = getattr(self, on), getattr(self.shipped, on, None)
        if self.shipped is None or raw is None or corrected is None:
            return None
        c = self.candidate
        return Calibrated(c.model.name, c.strategy.name, c.features, self.shipped.calibration, raw, corrected)

    def row(self) -> Row:
        """Return the row of the comparison tables."""
        c = self.candidate
        return Row(
            c.model.name,
            c.strategy.name,
            c.features,
            c.decision.name,
            self.oof,
            self.test,
            self.fit_seconds,
            self.skipped,
            c.variant_of,
            self.folds_done,
            self.stopped.message if self.stopped else None,
            self.beside,
        )


def evaluation_rows(experiment: Experiment, units: Sequence[Unit]) -> EvaluationRows:
    """Return the rows that several folds' models predicted, one fold after the other, without probabilities."""
    sizes = [len(experiment.folds[fold].valid) for fold, _ in _files(units)]
    folds = np.repeat([fold for fold, _ in _files(units)], sizes)
    return EvaluationRows(experiment.y[evaluated_positions(experiment, units)], tuple(experiment.classes), folds)


def evaluated_positions(experiment: Experiment, units: Sequence[Unit]) -> np.ndarray:
    """Return the positions of these rows in the training's frame."""
    return np.concatenate([experiment.folds[fold].valid for fold, _ in _files(units)])


def read_predictions(experiment: Experiment, units: Sequence[Unit]) -> Predictions:
    """Return those rows with their probabilities, which are read from their files."""
    known = evaluation_rows(experiment, units)
    proba, filled = np.empty((len(known.y), len(experiment.classes))), 0
    for fold, path in _files(units):  # one by one: all files together would need as much memory again
        some = proba[filled : filled + len(experiment.folds[fold].valid)]
        some[:] = read_array(path).reshape(some.shape)
        filled += len(some)
    return Predictions(known.y, proba, folds=known.folds)


def _files(units: Sequence[Unit]) -> list[tuple[int, Path]]:
    return sorted((unit.fold, unit.probabilities) for unit in units if unit.probabilities is not None)


def held_out_units(result: Result) -> list[Unit]:
    """Return the unit that predicted the held-out rows, in a list; none where the fit was stopped or skipped."""
    return [unit for unit in result.units if unit.fold == HOLDOUT_FOLD and unit.probabilities is not None]


def oof_predictions(experiment: Experiment, fold_units: Sequence[Unit]) -> Predictions:
    """Return the out-of-fold predictions of a fit, with what a calibration needs: natural and nested probabilities."""
    shares = {unit.fold: shares_of(unit) for unit in fold_units}
    found = with_natural_proba(read_predictions(experiment, fold_units), shares)
    nested = [path for unit in sorted(fold_units, key=lambda unit: unit.fold) for path in unit.nested]
    return replace(found, nested_proba=tuple(read_array(path) for path in nested)) if nested else found


def side_by_side(parts: Parts) -> int:
    """Return how many fits may hold their out-of-fold probabilities at once: one per core, unless they are large."""
    return max(1, min(cores(), PROBABILITIES_AT_ONCE // (parts.train.rows * len(parts.classes))))


def shares_of(unit: Unit) -> Shares:
    """Return the class shares of the rows that a unit's model was fitted on."""
    assert unit.resampling is not None  # noqa: S101 - a unit that was fitted has one
    return Shares.of(unit.resampling)


def resampling_records(results: Sequence[Result]) -> dict[str, list[ResamplingRecord]]:
    """Return each strategy's resampling records: those of its first candidate, which uses the feature set `base`.

    A candidate that was fitted on all training rows comes before one that the race stopped. A strategy that could not
    run on any fold has lines that say why, with the rows as they were.
    """
    found: dict[str, list[ResamplingRecord]] = {}
    for result in sorted(results, key=lambda result: result.stopped is not None):
        if result.resampling and result.candidate.model.kind != "stack":
            found.setdefault(result.candidate.strategy.name, result.resampling)
    before = {entry.fold: entry.before for entries in found.values() for entry in entries}
    for result in results:
        name = result.candidate.strategy.name
        lines = [(fold_key(unit.fold), unit.skipped) for unit in result.units if unit.skipped]
        if lines and not result.resampling and name not in found:
            known = [(fold, why, before[fold]) for fold, why in lines if fold in before]
            found[name] = [ResamplingRecord(name, fold, rows, rows, (f"{SKIPPED}{why}",)) for fold, why, rows in known]
    return {name: entries for name, entries in found.items() if entries}


def was_skipped(entry: ResamplingRecord) -> bool:
    """Whether a record is of a strategy that could not run."""
    return any(note.startswith(SKIPPED) for note in entry.adaptations)
