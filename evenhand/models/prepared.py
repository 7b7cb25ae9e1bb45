"""Sampling and imputation before a family is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import has_fit_parameter

from evenhand.data.stratified_sample import stratified_rows
from evenhand.models.balanced_ensembles import kept, notes
from evenhand.models.cannot_fit import CannotFit
from evenhand.models.families import FAMILIES, FILLED
from evenhand.models.forest import predict_only
from evenhand.models.imputation import column_medians, filled


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
