"""A detector of unusual rows as a classifier: its score calibrated to the probability of one class."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import ValidationError
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from evenhand.data.stratified_sample import stratified_rows
from evenhand.features.anomaly import FittedDetector
from evenhand.models.cannot_fit import CannotFit
from evenhand.problem import DETECTORS, AnyDetector, ModelSpec

FEWEST = 5
LEARNING_SHARE = 2 / 3


def detector_of(spec: ModelSpec) -> AnyDetector:
    """Return the detector that a model specification declares."""
    bound = {} if spec.max_rows is None else {"max_rows": spec.max_rows}
    return DETECTORS[spec.kind].model_validate(
        {"kind": spec.kind, **spec.params, "class_name": spec.class_name, **bound}
    )


def wrong_detector(spec: ModelSpec) -> str | None:
    """Return what is wrong with a setting of a detector, or None."""
    try:
        detector_of(spec)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{first['loc'][0]}: {first['input']!r}; {first['msg'][0].lower()}{first['msg'][1:]}"
    return None


class DetectorClassifier(ClassifierMixin, BaseEstimator):
    """Probabilities from a detector that learns from the rows of all classes but one.

    The detector is fitted on two thirds of the other classes' rows. On the other third and on all rows of its class,
    none of which it has seen, Platt's sigmoid (2000) maps its score to the probability of that class; the other classes
    get the rest in proportion to their training rows. Where the class looks no stranger than the others, every row gets
    the class shares.

    Parameters
    ----------
    spec : dict
        A :class:`~evenhand.problem.Detector` as plain data.
    target : int, optional
        Label of the class to detect; by default the one with the fewest rows.
    n_categorical : int
        How many leading columns are categories.
    random_state : int

    Attributes
    ----------
    detector_ : FittedDetector
    target_ : int
    slope_, intercept_ : float
        Parameters of the sigmoid; a slope of 0 means that nothing is detected.
    others_ : ndarray of shape (n_classes,)
        Shares of the other classes, which sum to one.
    classes_ : ndarray of shape (n_classes,)
    adaptations_ : tuple of str
    """

    def __init__(
        self, spec: dict[str, Any], target: int | None = None, n_categorical: int = 0, random_state: int = 0
    ) -> None:
        self.spec = spec
        self.target = target
        self.n_categorical = n_categorical
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> DetectorClassifier:
        """Fit the detector, then the sigmoid.

        Raises
        ------
        CannotFit
            When there are too few rows of the class or of the others.
        ValueError
            On weights.
        """
        kind = self.spec["kind"]
        if sample_weight is not None:
            raise ValueError(f"{kind} balances by itself and takes no weights")
        self.classes_, counts = np.unique(y, return_counts=True)
        self.target_ = self.classes_[counts.argmin()] if self.target is None else self.target
        rows = stratified_rows(y, self.spec["max_rows"], self.random_state)
        wanted, normal = rows[y[rows] == self.target_], rows[y[rows] != self.target_]
        self._check(len(wanted), len(normal))
        self.others_ = np.where(self.classes_ == self.target_, 0, counts) / counts[self.classes_ != self.target_].sum()
        mixed = np.random.default_rng(self.random_state).permutation(normal)
        learning, judged = np.split(mixed, [round(LEARNING_SHARE * len(mixed))])
        self.detector_ = FittedDetector(self.spec, self.n_categorical, self.random_state).fit(X[np.sort(learning)])
        self._calibrate(X[wanted], X[judged], int((y == self.target_).sum()), int((y != self.target_).sum()))
        bounded = (f"fitted on {len(rows):,} of {len(y):,} rows",) if len(rows) < len(y) else ()
        self.adaptations_ = (*bounded, *self._notes(len(learning)))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        target = expit(self.slope_ * self.detector_.strangeness(X) + self.intercept_)
        probabilities = (1 - target)[:, None] * self.others_
        probabilities[:, self.classes_ == self.target_] = target[:, None]
        return probabilities

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def _check(self, n_wanted: int, n_normal: int) -> None:
        kind = self.spec["kind"]
        if n_wanted < FEWEST:
            named = self.spec["class_name"] or "the rarest class"
            raise CannotFit(f"{kind}: {n_wanted} rows of {named}; {FEWEST} are needed to calibrate its score")
        if n_normal < 3 * FEWEST:
            raise CannotFit(f"{kind}: {n_normal} rows of other classes; {3 * FEWEST} are needed to learn from")

    def _calibrate(self, wanted: np.ndarray, judged: np.ndarray, n_wanted: int, n_normal: int) -> None:
        """Fit the sigmoid on rows weighted to the class shares of all training rows."""
        scores = self.detector_.strangeness(np.concatenate([wanted, judged]))
        truth = np.repeat([1, 0], [len(wanted), len(judged)])
        weight = np.where(truth == 1, n_wanted / len(wanted), n_normal / len(judged))
        centre, spread = scores.mean(), scores.std() or 1.0
        sigmoid = LogisticRegression(C=1e6).fit((scores - centre)[:, None] / spread, truth, sample_weight=weight)
        self.slope_ = max(0.0, float(sigmoid.coef_[0, 0] / spread))
        share = n_wanted / (n_wanted + n_normal)
        plain = np.log(share / (1 - share))
        self.intercept_ = float(sigmoid.intercept_[0] - self.slope_ * centre) if self.slope_ > 0 else float(plain)

    def _notes(self, n_learned: int) -> tuple[str, ...]:
        named = self.spec["class_name"] or "the rarest class"
        learned = f"{n_learned:,} rows of other classes defined what is normal"
        if self.slope_ > 0:
            return (learned,)
        return (learned, f"rows of {named} look no stranger than others: every row gets the class shares")
