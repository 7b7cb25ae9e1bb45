"""Which calibration a fit's probabilities get: chosen and fitted out of fold, by log-loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.data.out_of_fold import fitting_rows
from evenhand.metrics.losses import log_losses
from evenhand.metrics.predictions import Predictions
from evenhand.postprocess.calibrators import Calibrator, Chained, PriorCorrection
from evenhand.postprocess.fit_calibrators import CalibratorKind, cross_calibrated, fit_calibrator
from evenhand.problem.postprocessing import CalibrationMethod
from evenhand.strategies import ResamplingRecord

Choice = tuple[bool, CalibratorKind | None]  # whether the prior is corrected first, and the calibrator after it
ROWS = 20_000  # used for a choice and a fit: a calibrator has few parameters
FEWEST = 50  # rows for a calibration to be fitted
TOLERANCE = 0.005  # of the log-loss: the next period differs from random folds by more than what is gained below this
ROWS_AT_ONCE = 100_000  # calibrated


@dataclass(frozen=True, eq=False)
class Shares:
    """Class shares of the rows that a model was fitted on, each of shape (K,)."""

    natural: np.ndarray
    """Before resampling."""
    trained: np.ndarray
    """After resampling, and of weight where rows have weights."""

    @classmethod
    def of(cls, entry: ResamplingRecord) -> Shares:
        """Read a resampling record."""
        natural, trained = (
            np.array(list(counts.values()), dtype=float) for counts in (entry.before, entry.weight or entry.after)
        )
        return cls(natural / natural.sum(), trained / trained.sum())

    @property
    def changed(self) -> bool:
        """Whether the strategy changed them."""
        return not np.allclose(self.natural, self.trained, rtol=1e-6)

    def prior_correction(self) -> PriorCorrection:
        """Return the correction to natural prevalence; a class without rows keeps its probability of 0."""
        absent = self.trained == 0
        return PriorCorrection(np.where(absent, 1.0, self.natural / np.where(absent, 1.0, self.trained)))


def with_natural_proba(predictions: Predictions, shares: Mapping[int, Shares]) -> Predictions:
    """Add probabilities at natural prevalence, where a strategy changed the class shares.

    Parameters
    ----------
    predictions : Predictions
        With folds.
    shares : mapping of fold to Shares
        Of the model that predicted the fold.
    """
    if not any(of_fold.changed for of_fold in shares.values()):
        return predictions
    natural = np.empty(predictions.proba.shape)
    for fold in np.unique(predictions.fold_of_row):
        correction = shares[int(fold)].prior_correction()
        for some in _pieces(np.flatnonzero(predictions.fold_of_row == fold)):
            natural[some] = correction.apply(predictions.proba[some])
    return replace(predictions, natural_proba=natural)


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibration chosen for a fit."""

    prior: bool
    """Whether probabilities are first corrected to natural prevalence."""
    calibrator: Calibrator | None

    @property
    def name(self) -> str:
        """Name in tables: ``none``, ``prior``, ``temperature``, ``prior + isotonic``, ..."""
        kind = [] if self.calibrator is None else [str(self.calibrator.to_record()["kind"])]
        return " + ".join([*(["prior"] if self.prior else []), *kind]) or "none"

    def apply(self, predictions: Predictions, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the calibrated probabilities of out-of-fold rows, all or those at some positions; (n, K)."""
        proba = predictions.prior_corrected(self.prior)[rows]
        return proba if self.calibrator is None else self.calibrator.apply(proba)

    def for_model(self, shares: Shares) -> Calibrator | None:
        """Return the calibrator of a model that was fitted on rows with ``shares``; None where there is none."""
        prior = [shares.prior_correction()] if self.prior else []
        parts: list[Calibrator] = [*prior, *([] if self.calibrator is None else [self.calibrator])]
        if len(parts) > 1:
            return Chained(tuple(parts))
        return parts[0] if parts else None


UNCHANGED = Calibration(prior=False, calibrator=None)


def fit_calibration(methods: Sequence[CalibrationMethod], predictions: Predictions) -> Calibration:
    """Choose a calibration by its cross-fitted log-loss, and fit it on all rows.

    The simplest choice is taken that is within one standard error of the best, or worse by less than 0.5 % of the
    log-loss: none, then the prior correction, then calibrators with more parameters.

    Parameters
    ----------
    methods : sequence of str
        ``prior`` is for fits whose strategy changed the class shares, where the others are tried
        with and without it.
    predictions : Predictions
        Out of fold.

    Returns
    -------
    Calibration
        That named ``none`` with fewer than 50 rows.
    """
    few = predictions.sample(ROWS)
    choices = _choices(methods, predictions.natural_proba is not None) if len(few.y) >= FEWEST else [(False, None)]
    prior, kind = choices[0] if len(choices) == 1 else _best(choices, few)
    return Calibration(prior, None if kind is None else fit_calibrator(kind, few.prior_corrected(prior), few.y))


@dataclass(frozen=True, eq=False)
class CrossFittedCalibration:
    """The calibration of a fit, and those that its out-of-fold rows are evaluated with."""

    by_fold: tuple[Calibration, ...]
    """For each pair of :func:`evenhand.data.out_of_fold.fitting_rows`, fitted on the rows that it does not evaluate."""
    final: Calibration
    """Fitted on all out-of-fold rows: for new rows."""

    @property
    def changes(self) -> bool:
        """Whether any probability is changed."""
        return any(one.name != "none" for one in (*self.by_fold, self.final))

    @property
    def ships(self) -> bool:
        """Whether the model that is registered changes its probabilities."""
        return self.final.name != "none"

    def out_of_fold(self, predictions: Predictions) -> np.ndarray:
        """Return each fold's probabilities as calibrated on the other folds' rows; (n, K)."""
        proba = np.empty(predictions.proba.shape)
        pairs = fitting_rows(predictions.fold_of_row, predictions.y)
        for (_, evaluated), calibration in zip(pairs, self.by_fold, strict=True):
            for some in _pieces(evaluated):
                proba[some] = calibration.apply(predictions, some)
        return proba


def cross_fit_calibration(methods: Sequence[CalibrationMethod], predictions: Predictions) -> CrossFittedCalibration:
    """Choose and fit the calibration of a fit, and again for each fold without that fold's rows.

    The final one is that named ``none`` unless the folds' rows, each calibrated by what was chosen and fitted without
    it, have a lower log-loss than as the model gives them, by more than one standard error of the difference.
    """
    by_fold = tuple(fit_calibration(methods, others) for others in predictions.fitting_samples(ROWS))
    found = CrossFittedCalibration(by_fold, fit_calibration(methods, predictions))
    if not found.ships or _better(found, predictions):
        return found
    return replace(found, final=UNCHANGED)


def _better(found: CrossFittedCalibration, predictions: Predictions) -> bool:
    before = log_losses(predictions.y, predictions.proba)
    gained = before - log_losses(predictions.y, found.out_of_fold(predictions))
    return bool(gained.mean() > gained.std() / np.sqrt(len(gained)))


def _pieces(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Split positions, so that temporary arrays are smaller than all rows."""
    return (rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE))


def _choices(methods: Sequence[CalibrationMethod], changed: bool) -> list[Choice]:
    """List the choices, simplest first. A sigmoid learns a class's ratio itself and needs no prior correction."""
    found: list[Choice] = []
    for kind in (None, "temperature", "sigmoid", "isotonic"):
        if (kind or "none") in methods:
            found.append((False, kind))
            found += [(True, kind)] if changed and "prior" in methods and kind != "sigmoid" else []
    return found


def _best(choices: Sequence[Choice], predictions: Predictions) -> Choice:
    losses = [log_losses(predictions.y, _cross_fitted(choice, predictions)) for choice in choices]
    best = min(losses, key=lambda values: float(values.mean()))
    for choice, values in zip(choices, losses, strict=True):
        worse = values - best
        error = float(worse.std()) / np.sqrt(len(worse))
        if worse.mean() <= max(error, TOLERANCE * best.mean()):
            return choice
    raise AssertionError("unreachable: the best is no worse than itself")


def _cross_fitted(choice: Choice, predictions: Predictions) -> np.ndarray:
    prior, kind = choice
    proba = predictions.prior_corrected(prior)
    return proba if kind is None else cross_calibrated(kind, replace(predictions, proba=proba))
