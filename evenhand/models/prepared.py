"""Sampling and imputation before a family is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import has_fit_parameter

from evenhand.models.balanced_ensembles import kept, notes
from evenhand.models.cannot_fit import CannotFit
from evenhand.models.families import FAMILIES, FILLED
from evenhand.models.forest import predict_only
from evenhand.models.imputation import column_medians, filled

FEWEST = 50


def stratified_rows(y: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draw ``n`` rows, each class in proportion but with at least 50 rows if it has them.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
    n : int
    seed : int

    Returns
    -------
    ndarray of int, shape (n,)
        Ascending row positions; all rows if there are no more than ``n``.

    Examples
    --------
    >>> y = np.repeat([0, 1, 2], [9_000, 998, 2])
    >>> np.bincount(y[stratified_rows(y, 1_000, seed=0)]).tolist()
    [899, 99, 2]
    """
    if n >= len(y):
        return np.arange(len(y))
    generator = np.random.default_rng(seed)
    classes, counts = np.unique(y, return_counts=True)
    fewest = min(FEWEST, n // (2 * len(classes)))
    wanted = np.maximum(np.minimum(counts, fewest), counts * n // len(y))
    wanted[counts.argmax()] += n - wanted.sum()
    parts = [
        generator.choice(np.flatnonzero(y == label), size, replace=False)
        for label, size in zip(classes, wanted, strict=True)
    ]
    return np.sort(np.concatenate(parts))


class Prepared(ClassifierMixin, BaseEstimator):
    """A family fitted on a sample of the rows, with missing values filled where its trees take none.

    Parameters
    ----------
    family : str
        A name in ``FAMILIES``.
    settings : dict
    random_state : int
    max_rows : int, optional
        With more rows, a sample is drawn, each class in proportion.

    Attributes
    ----------
    model_ : ClassifierMixin
    classes_ : ndarray of shape (n_classes,)
    medians_ : ndarray of shape (n_features,)
        Medians of the fitted rows; unused where the family takes missing values.
    adaptations_ : tuple of str
        Differences from a fit on all rows, for the resampling record.
    """

    def __init__(self, family: str, settings: dict[str, Any], random_state: int, max_rows: int | None = None) -> None:
        self.family = family
        self.settings = settings
        self.random_state = random_state
        self.max_rows = max_rows

    _only: np.ndarray | None = None

    def predict_only(self, rows: np.ndarray) -> Prepared:
        """Ask for the probabilities of these rows alone, (n_rows, n_features): a random forest then keeps no tree."""
        self._only = rows
        return self

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Prepared:
        """Draw the sample, fill it and fit the family.

        Raises
        ------
        CannotFit
            When no round of boosting is better than chance.
        ValueError
            On weights that the family does not take, or a setting that it refuses.
        """
        rows = stratified_rows(y, self.max_rows or len(y), self.random_state)
        self.medians_ = column_medians(X[rows])
        model = FAMILIES[self.family](random_state=self.random_state, **self.settings)
        if self._only is not None:
            model = predict_only(model, self._only)
        given = {} if sample_weight is None else {"sample_weight": sample_weight[rows]}
        if given and not has_fit_parameter(model, "sample_weight"):
            raise ValueError(f"{self.family} balances by itself and takes no weights")
        try:
            model.fit(self._ready(X[rows]), y[rows], **given)
        except ValueError as error:
            if "worse than random" in str(error):
                raise CannotFit(f"{self.family}: the first round is no better than chance on these rows") from error
            raise
        self.model_, self.classes_ = kept(model), model.classes_
        bounded = (f"fitted on {len(rows):,} of {len(y):,} rows",) if len(rows) < len(y) else ()
        self.adaptations_ = (*bounded, *notes(model, y[rows]), *getattr(model, "adaptations_", ()))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        return np.asarray(self.model_.predict_proba(self._ready(X)))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def _ready(self, X: np.ndarray) -> np.ndarray:
        return filled(X, self.medians_) if self.family in FILLED else X
