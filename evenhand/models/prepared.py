"""What has to be done to the rows before a family can take them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import has_fit_parameter

from evenhand.data.stratified_sample import stratified_rows
from evenhand.models.balanced_ensembles import kept, notes
from evenhand.models.cannot_fit import CannotFit
from evenhand.models.families import FAMILIES, FILLED
from evenhand.models.forest import Forest
from evenhand.models.imputation import column_medians, filled


class Prepared(ClassifierMixin, BaseEstimator):
    """A family on a sample of the rows, with missing numbers filled where its trees take none.

    Parameters
    ----------
    family : str
        A name in ``FAMILIES``.
    settings : dict
    random_state : int
    max_rows : int, optional
        More rows are sampled, every class at its share.

    Attributes
    ----------
    model_ : ClassifierMixin
    classes_ : ndarray of shape (n_classes,)
    medians_ : ndarray of shape (n_features,)
        Of the rows it was fitted on; unused where the family takes missing numbers.
    adaptations_ : tuple of str
        What was done differently from a fit on all the rows.
    """

    def __init__(self, family: str, settings: dict[str, Any], random_state: int, max_rows: int | None = None) -> None:
        self.family = family
        self.settings = settings
        self.random_state = random_state
        self.max_rows = max_rows

    _judged: tuple[np.ndarray, bool] | None = None

    def judge(self, X: np.ndarray, keep: bool = False) -> Prepared:
        """Have a forest's trees judge these rows, (n_rows, n_features), as they grow; see :meth:`Forest.judge`."""
        self._judged = X, keep
        return self

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Prepared:
        """Take the sample, fill it and fit the family.

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
        if isinstance(model, Forest) and self._judged is not None:
            model.judge(*self._judged)
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

    def __getstate__(self) -> dict[str, Any]:
        """Return what a file holds: not the rows that were judged."""
        return {name: value for name, value in super().__getstate__().items() if name != "_judged"}

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        return np.asarray(self.model_.predict_proba(self._ready(X)))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def _ready(self, X: np.ndarray) -> np.ndarray:
        return filled(X, self.medians_) if self.family in FILLED else X
