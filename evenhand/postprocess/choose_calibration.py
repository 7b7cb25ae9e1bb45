"""Which correction a fit's probabilities get: chosen and fitted out of fold, by log-loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.data.out_of_fold import check_disjoint, fitting_rows
from evenhand.metrics.scores import FLOOR
from evenhand.postprocess.calibrators import Calibrator, Chained, PriorCorrection
from evenhand.postprocess.fit_calibrators import CalibratorKind, cross_calibrated, fit_calibrator
from evenhand.problem.postprocessing import CalibrationMethod
from evenhand.strategies import ResamplingRecord

Choice = tuple[bool, CalibratorKind | None]  # whether the prior is corrected first, and what follows
ROWS = 20_000  # that a choice and a fit look at: a calibrator has few numbers to learn
FEWEST = 50  # rows; fewer teach no correction
WORTH = 0.005  # of the log-loss: the next period differs from random folds by more than what is gained below this
ROWS_AT_ONCE = 100_000  # corrected


@dataclass(frozen=True, eq=False)
class Shares:
    """Class shares of the rows that a model was fitted on, each of shape (K,)."""

    natural: np.ndarray
    """As they were."""
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

    def correction(self) -> PriorCorrection:
        """Return the way back to natural prevalence; a class without a row keeps its probability, nought."""
        absent = self.trained == 0
        return PriorCorrection(np.where(absent, 1.0, self.natural / np.where(absent, 1.0, self.trained)))


@dataclass(frozen=True, eq=False)
class Known:
    """Out-of-fold rows of one fit.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    raw : ndarray of shape (n, K)
        Probabilities as the models gave them.
    natural : ndarray of shape (n, K) or None
        Brought back to natural prevalence, each row by the class shares of its own model; None where no strategy
        changed them.
    folds : ndarray of int, shape (n,)
    nested : tuple of ndarray, optional
        Of a stack, which is itself fitted out of fold: for each pair of
        :func:`evenhand.data.out_of_fold.fitting_rows`, the raw probabilities of the rows to fit on, made without
        the rows to judge.
    """

    y: np.ndarray
    raw: np.ndarray
    natural: np.ndarray | None
    folds: np.ndarray
    nested: tuple[np.ndarray, ...] | None = None

    @classmethod
    def of(cls, y: np.ndarray, raw: np.ndarray, folds: np.ndarray, shares: Mapping[int, Shares]) -> Known:
        """Bring the rows of each fold back by the shares of its model."""
        if not any(of_fold.changed for of_fold in shares.values()):
            return cls(y, raw, None, folds)
        natural = np.empty(raw.shape)
        for fold in np.unique(folds):
            back = shares[int(fold)].correction()
            for some in _pieces(np.flatnonzero(folds == fold)):
                natural[some] = back.apply(raw[some])
        return cls(y, raw, natural, folds)

    def take(self, rows: np.ndarray) -> Known:
        """Keep some rows, given as positions."""
        natural = None if self.natural is None else self.natural[rows]
        return Known(self.y[rows], self.raw[rows], natural, self.folds[rows])

    def pairs(self) -> Iterator[tuple[Known, Known]]:
        """Pair the rows to fit on with those to judge, which had no part in the first, as in :func:`fitting_rows`."""
        for i, (fitted, judged) in enumerate(fitting_rows(self.folds, self.y)):
            check_disjoint(fitted, judged, "correction and decision rule, out of fold")
            yield self._others(i, fitted, slice(None)), self.take(judged)

    def some(self, n: int) -> Known:
        """Keep about ``n`` rows: every class and every fold at its share, the same ones each time."""
        return self if len(self.y) <= n else self.take(_spread(self.y, self.folds, n))

    def some_others(self, n: int) -> Iterator[Known]:
        """Keep about ``n`` of the rows to fit on of each of :meth:`pairs`, as :meth:`some` does of all."""
        for i, (fitted, judged) in enumerate(fitting_rows(self.folds, self.y)):
            check_disjoint(fitted, judged, "correction, out of fold")
            few = _spread(self.y[fitted], self.folds[fitted], n) if len(fitted) > n else slice(None)
            yield self._others(i, fitted, few)

    def _others(self, pair: int, fitted: np.ndarray, kept: np.ndarray | slice) -> Known:
        others = self.take(fitted[kept])
        return others if self.nested is None else replace(others, raw=self.nested[pair][kept])

    def proba(self, prior: bool) -> np.ndarray:
        """Return the probabilities, at natural prevalence where ``prior``."""
        return self.natural if prior and self.natural is not None else self.raw


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was chosen for a fit."""

    prior: bool
    """Whether probabilities are first brought back to natural prevalence."""
    calibrator: Calibrator | None

    @property
    def name(self) -> str:
        """Name in tables: ``none``, ``prior``, ``temperature``, ``prior + isotonic``, ..."""
        kind = [] if self.calibrator is None else [str(self.calibrator.to_record()["kind"])]
        return " + ".join([*(["prior"] if self.prior else []), *kind]) or "none"

    def apply(self, known: Known, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Correct out-of-fold rows, all or those at some positions; (n, K)."""
        proba = known.proba(self.prior)[rows]
        return proba if self.calibrator is None else self.calibrator.apply(proba)

    def for_model(self, shares: Shares) -> Calibrator | None:
        """Return the correction of a model by the class shares that it was fitted on; None where there is none."""
        prior = [shares.correction()] if self.prior else []
        parts: list[Calibrator] = [*prior, *([] if self.calibrator is None else [self.calibrator])]
        if len(parts) > 1:
            return Chained(tuple(parts))
        return parts[0] if parts else None


def fit_calibration(methods: Sequence[CalibrationMethod], known: Known) -> Calibration:
    """Choose a correction by its cross-fitted log-loss, and fit it on all rows.

    Of the choices within one standard error of the best, and of those that are worse by less than .5 % of the log-loss,
    the simplest is taken: none, then the prior correction alone, then what has more numbers to learn.

    Parameters
    ----------
    methods : sequence of str
        Of ``CALIBRATIONS``. ``prior`` is for fits whose strategy changed the class shares, and there the others are
        tried with and without it.
    known : Known

    Returns
    -------
    Calibration
        None of them on fewer than 50 rows.
    """
    few = known.some(ROWS)
    choices = _choices(methods, known.natural is not None) if len(few.y) >= FEWEST else [(False, None)]
    prior, kind = choices[0] if len(choices) == 1 else _best(choices, few)
    return Calibration(prior, None if kind is None else fit_calibrator(kind, few.proba(prior), few.y))


@dataclass(frozen=True, eq=False)
class Calibrations:
    """The correction of one fit, and those that its out-of-fold rows are judged with."""

    by_fold: tuple[Calibration, ...]
    """For each pair of :func:`evenhand.data.out_of_fold.fitting_rows`, fitted on the rows that it does not judge."""
    whole: Calibration
    """Fitted on all out-of-fold rows: for rows that no model has seen."""

    @property
    def changes(self) -> bool:
        """Whether any probability is corrected."""
        return any(one.name != "none" for one in (*self.by_fold, self.whole))

    def out_of_fold(self, known: Known) -> np.ndarray:
        """Correct each fold's rows by what the other folds' rows gave; (n, K)."""
        proba = np.empty(known.raw.shape)
        for (_, judged), correction in zip(fitting_rows(known.folds, known.y), self.by_fold, strict=True):
            for some in _pieces(judged):
                proba[some] = correction.apply(known, some)
        return proba


def fit_calibrations(methods: Sequence[CalibrationMethod], known: Known) -> Calibrations:
    """Choose and fit the correction of a fit, and again for each fold without that fold's rows."""
    by_fold = tuple(fit_calibration(methods, others) for others in known.some_others(ROWS))
    return Calibrations(by_fold, fit_calibration(methods, known))


def _pieces(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Cut positions into pieces: what is computed on the way is never as large as all rows."""
    return (rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE))


def _spread(y: np.ndarray, folds: np.ndarray, n: int) -> np.ndarray:
    """Positions of ``n`` rows: every class and every fold at its share."""
    order = np.lexsort((folds, y))
    return np.sort(order[np.linspace(0, len(order) - 1, n).astype(np.int64)])


def _choices(methods: Sequence[CalibrationMethod], changed: bool) -> list[Choice]:
    """Simplest first. A sigmoid learns a class's ratio itself, so it needs no prior correction before it."""
    found: list[Choice] = []
    for kind in (None, "temperature", "sigmoid", "isotonic"):
        if (kind or "none") in methods:
            found.append((False, kind))
            found += [(True, kind)] if changed and "prior" in methods and kind != "sigmoid" else []
    return found


def _best(choices: Sequence[Choice], known: Known) -> Choice:
    losses = [_losses(known.y, _cross_fitted(choice, known)) for choice in choices]
    best = min(losses, key=lambda values: float(values.mean()))
    for choice, values in zip(choices, losses, strict=True):
        worse = values - best
        error = float(worse.std()) / np.sqrt(len(worse))
        if worse.mean() <= max(error, WORTH * best.mean()):
            return choice
    raise AssertionError("unreachable: the best is no worse than itself")


def _cross_fitted(choice: Choice, known: Known) -> np.ndarray:
    prior, kind = choice
    proba = known.proba(prior)
    return proba if kind is None else cross_calibrated(kind, proba, known.y, known.folds)


def _losses(y: np.ndarray, proba: np.ndarray) -> np.ndarray:
    lifted = np.maximum(proba, FLOOR)
    return -np.log(lifted[np.arange(len(y)), y] / lifted.sum(axis=1))
