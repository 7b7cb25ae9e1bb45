"""Truth with probabilities: the type that calibrators, decision rules, bootstrap and gate share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from evenhand.data.out_of_fold import check_disjoint, fitting_rows
from evenhand.data.stratified_sample import evenly_spaced_rows


@dataclass(frozen=True, eq=False)
class Predictions:
    """Truth and probabilities of n rows and K classes that the models were not fitted on.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True class codes, 0..K-1.
    proba : ndarray of shape (n, K)
        Probability of every class, as the models gave it.
    predicted : ndarray of int, shape (n,), optional
        Class codes that a decision rule chose; the most probable classes without it.
    folds : ndarray of int, shape (n,), optional
        Fold that each row was predicted in; one fold without it.
    natural_proba : ndarray of shape (n, K), optional
        ``proba`` at natural prevalence, each row corrected by the class shares of its own model; without it no
        strategy changed the shares.
    nested_proba : tuple of ndarray, optional
        Of a stack, which is itself fitted out of fold: for each pair of
        :func:`evenhand.data.out_of_fold.fitting_rows`, probabilities of the rows to fit on, made without the rows to
        evaluate.

    Examples
    --------
    >>> found = Predictions(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
    >>> found.codes.tolist(), found.take(np.array([1, 2])).y.tolist()
    ([0, 0, 1], [1, 1])
    """

    y: np.ndarray
    proba: np.ndarray
    predicted: np.ndarray | None = None
    folds: np.ndarray | None = None
    natural_proba: np.ndarray | None = None
    nested_proba: tuple[np.ndarray, ...] | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes, K."""
        return int(self.proba.shape[1])

    @property
    def codes(self) -> np.ndarray:
        """Chosen classes, shape (n,): the decision rule's, else the most probable ones."""
        return self.proba.argmax(axis=1) if self.predicted is None else self.predicted

    @property
    def fold_of_row(self) -> np.ndarray:
        """Fold of each row, shape (n,); zeros where none are given."""
        return np.zeros(len(self.y), dtype=np.int64) if self.folds is None else self.folds

    def take(self, positions: np.ndarray) -> Predictions:
        """Return some rows, without nested probabilities."""
        fields = (self.predicted, self.folds, self.natural_proba)
        return Predictions(
            self.y[positions], self.proba[positions], *(None if one is None else one[positions] for one in fields)
        )

    def prior_corrected(self, corrected: bool = True) -> np.ndarray:
        """Return the probabilities, at natural prevalence where ``corrected``; shape (n, K)."""
        return self.natural_proba if corrected and self.natural_proba is not None else self.proba

    def fitting_pairs(self) -> Iterator[tuple[Predictions, Predictions]]:
        """Pair the rows to fit on with those to evaluate, as :func:`evenhand.data.out_of_fold.fitting_rows`.

        Raises
        ------
        LeakFound
            When a row is in both.
        """
        for i, (fitted, evaluated) in enumerate(fitting_rows(self.fold_of_row, self.y)):
            check_disjoint(fitted, evaluated, "calibration and decision rule, out of fold")
            yield self._fitted_on(i, fitted), self.take(evaluated)

    def sample(self, n: int) -> Predictions:
        """Return about ``n`` rows, every class and fold at its share; the same rows each time."""
        return self if len(self.y) <= n else self.take(evenly_spaced_rows(self.y, self.fold_of_row, n))

    def fitting_samples(self, n: int) -> Iterator[Predictions]:
        """Return about ``n`` of the rows to fit on of each of :meth:`fitting_pairs`, chosen as :meth:`sample` does."""
        for i, (fitted, evaluated) in enumerate(fitting_rows(self.fold_of_row, self.y)):
            check_disjoint(fitted, evaluated, "calibration, out of fold")
            some = evenly_spaced_rows(self.y[fitted], self.fold_of_row[fitted], n) if len(fitted) > n else slice(None)
            yield self._fitted_on(i, fitted, some)

    def _fitted_on(self, pair: int, fitted: np.ndarray, some: np.ndarray | slice = slice(None)) -> Predictions:
        others = self.take(fitted[some])
        return others if self.nested_proba is None else replace(others, proba=self.nested_proba[pair][some])
