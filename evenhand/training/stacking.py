"""Stacking: the best fits of different families combined into one model (Wolpert 1992).

The combiner is fitted on the members' out-of-fold probabilities, which are first brought back to natural prevalence by
the class shares of each member's own training rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from evenhand.data.out_of_fold import check_disjoint, fitting_rows
from evenhand.data.stratified_sample import stratified_rows
from evenhand.evidence.baselines import PLAIN_KINDS
from evenhand.problem import AnyStrategy, ModelSpec
from evenhand.problem.models import Combine, StackedFits, Stacking, StackSpec
from evenhand.scoring.model import FittedCandidate, full_probabilities
from evenhand.training.candidates import Candidate

ROWS = 50_000  # that the regression is fitted on; it has only K^2 coefficients per member
LEAST = 1e-3  # probabilities below it are raised to it: a forest's zero depends on its number of trees
STEPS = 200  # of expectation-maximisation: far more than a handful of weights need
PRIOR_ROWS = 1.0  # that each member is given beside the rows it explains, so that none is dropped for one row's sake
PENALTY = 0.1  # inverse strength of the regularisation, scikit-learn's C, on standardised columns


@dataclass(frozen=True)
class StackCandidate(Candidate):
    """A stack in the grid: its members are candidates of the grid."""

    members: tuple[Candidate, ...] = ()
    combine: Combine = "logistic"


def stack_of(members: Sequence[Candidate], combine: Combine) -> StackCandidate:
    """Make a stack of its members, best first; its baseline is that of the best member's model."""
    best = members[0]
    # Only names and plain data of both are read: a stack is not built from a ModelSpec, and not resampled.
    model = cast(ModelSpec, StackSpec(combine=combine))
    strategy = cast(AnyStrategy, StackedFits(fits=tuple(member.fit_name for member in members)))
    variant_of = best.variant_of or best.model.name
    return StackCandidate(model, strategy, variant_of=variant_of, members=tuple(members), combine=combine)


def best_members(ranked: Iterable[Candidate], stacking: Stacking) -> list[Candidate]:
    """Choose the best fit of each family, best first, up to the number that is asked for.

    Parameters
    ----------
    ranked : iterable of Candidate
        Best first; of candidates that share a fit, the best counts.
    stacking : Stacking

    Returns
    -------
    list of Candidate
        Fewer where there are fewer families. A family that balances by itself counts as its plain family.
    """
    found: dict[str, Candidate] = {}
    for candidate in ranked:
        kind = candidate.model.kind
        if stacking.members == "plain" and candidate.strategy.kind != "none":
            continue
        found.setdefault(PLAIN_KINDS.get(kind, kind), candidate)
    return list(found.values())[: stacking.of]


class Weights(BaseEstimator):
    """The mean of the members' probabilities with a weight for each.

    Parameters
    ----------
    weights : list of float
        One per member; they sum to one.
    """

    def __init__(self, weights: list[float]) -> None:
        self.weights = weights

    def __sklearn_is_fitted__(self) -> bool:
        """Return True: the weights are all there is."""
        return True

    def mean(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Return the weighted mean of arrays of shape (n, K)."""
        return np.asarray(sum(weight * one for weight, one in zip(self.weights, inputs, strict=True)))


Combiner: TypeAlias = Pipeline | Weights


def fit_weights(inputs: Sequence[np.ndarray], y: np.ndarray) -> Weights:
    """Find the weights with the lowest log-loss, by expectation-maximisation (Dempster, Laird & Rubin 1977).

    The likelihood has one maximum. A regression has K^2 coefficients for each member, which few rows can't settle.

    Examples
    --------
    >>> good, poor = np.array([[0.9, 0.1], [0.2, 0.8]] * 50), np.full((100, 2), 0.5)
    >>> fit_weights([good, poor], np.array([0, 1] * 50)).weights[0] > 0.9
    True
    """
    explained = np.column_stack([np.maximum(one[np.arange(len(y)), y], LEAST) for one in inputs])
    weights = np.full(len(inputs), 1 / len(inputs))
    for _ in range(STEPS):
        parts = weights * explained
        weights = (parts / parts.sum(axis=1, keepdims=True)).sum(axis=0) + PRIOR_ROWS
        weights = weights / weights.sum()
    return Weights([float(weight) for weight in weights])


def fit_combiner(combine: Combine, inputs: Sequence[np.ndarray], y: np.ndarray) -> Combiner | None:
    """Fit the combiner.

    Parameters
    ----------
    combine : {"logistic", "mean", "weights"}
    inputs : sequence of ndarray of shape (n, K)
        Probabilities of each member.
    y : ndarray of int, shape (n,)

    Returns
    -------
    Pipeline, Weights or None
        A multinomial logistic regression on log-probabilities, or weights; None for the mean.
    """
    if combine == "mean" or len(np.unique(y)) < 2:
        return None
    rows = stratified_rows(y, ROWS, seed=0)
    if combine == "weights":
        return fit_weights([one[rows] for one in inputs], y[rows])
    regression = LogisticRegression(C=PENALTY, max_iter=1_000, tol=1e-3)
    fitted = make_pipeline(StandardScaler(), regression).fit(_columns([one[rows] for one in inputs]), y[rows])
    return cast(Pipeline, fitted)


def combined(combiner: Combiner | None, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Combine the members' probabilities, each of shape (n, K), into one array of that shape."""
    if combiner is None:
        return np.asarray(np.mean(inputs, axis=0))
    if isinstance(combiner, Weights):
        return combiner.mean(inputs)
    return full_probabilities(combiner, _columns(inputs), inputs[0].shape[1])


def cross_combined(combine: Combine, inputs: Sequence[np.ndarray], y: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Combine each fold's rows by a combiner that was fitted on the other folds.

    Parameters
    ----------
    combine, inputs, y
        As in :func:`fit_combiner`; out-of-fold probabilities.
    folds : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of shape (n, K)
    """
    proba = np.empty(inputs[0].shape)
    for fitted, judged in fitting_rows(folds, y):
        check_disjoint(fitted, judged, "stack, out of fold")
        combiner = fit_combiner(combine, [one[fitted] for one in inputs], y[fitted])
        proba[judged] = combined(combiner, [one[judged] for one in inputs])
    return proba


def nested_combined(
    combine: Combine, inputs: Sequence[np.ndarray], y: np.ndarray, folds: np.ndarray
) -> list[np.ndarray]:
    """For each pair of :func:`fitting_rows`, cross-combine the rows to fit on without the rows to evaluate.

    A calibrator or a decision rule fitted on these has learned nothing from the rows that it is evaluated on, not even
    through the combiner.
    """
    return [
        cross_combined(combine, [one[fitted] for one in inputs], y[fitted], folds[fitted])
        for fitted, _ in fitting_rows(folds, y)
    ]


def _columns(inputs: Sequence[np.ndarray]) -> np.ndarray:
    return np.log(np.maximum(np.hstack(list(inputs)), LEAST))


class RawColumns(TransformerMixin, BaseEstimator):
    """Select columns by name; the members of a stack encode them.

    Parameters
    ----------
    columns : list of str
    """

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The columns."""
        return np.asarray(self.columns, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        """There is nothing to fit."""
        return True

    def fit(self, X: pd.DataFrame, y: np.ndarray | None = None) -> RawColumns:
        """Return self; there is nothing to fit."""
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns."""
        return X[self.columns]


class Stack(ClassifierMixin, BaseEstimator):
    """Members and their combiner: raw columns in, probabilities out.

    Parameters
    ----------
    members : list of FittedCandidate
        Their probabilities are at natural prevalence.
    combiner : Pipeline, Weights or None
        Of :func:`fit_combiner`.

    Attributes
    ----------
    classes_ : ndarray of int, shape (n_classes,)
    """

    def __init__(self, members: list[FittedCandidate], combiner: Any) -> None:
        self.members = members
        self.combiner = combiner

    @property
    def classes_(self) -> np.ndarray:
        """Codes in the order of the probability columns."""
        return np.arange(len(self.members[0].class_names))

    def __sklearn_is_fitted__(self) -> bool:
        """Return True: the parts are fitted already."""
        return True

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        return combined(self.combiner, [member.predict_proba(X) for member in self.members])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return the most probable class of each row, as a code."""
        return np.asarray(self.predict_proba(X).argmax(axis=1))


def fitted_stack(
    members: Sequence[FittedCandidate], combiner: Combiner | None, columns: Sequence[str]
) -> FittedCandidate:
    """Make one whole of fitted members, without calibrator and decision rule."""
    return FittedCandidate(RawColumns(list(columns)), Stack(list(members), combiner), members[0].class_names)
