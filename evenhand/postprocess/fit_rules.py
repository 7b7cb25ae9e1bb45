"""Decision rules fitted out of fold, and evaluated on rows that they were not fitted on.

A rule needs no refit of the model and is stored with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evenhand.data.out_of_fold import check_disjoint, fitting_rows
from evenhand.data.split import period_numbers
from evenhand.errors import ProblemError
from evenhand.metrics.checks import MetricsError, checked_predictions, checked_shares
from evenhand.metrics.cost_matrix import cost_matrix
from evenhand.metrics.predictions import Predictions
from evenhand.postprocess.multipliers import OBJECTIVES, fit_multipliers
from evenhand.postprocess.rules import Capacity, DecisionRule, LargestWeighted, LeastCost
from evenhand.problem import CapacityDecision, CostDecision, MultipliersDecision, PriorPowerDecision, SimpleDecision

AnyDecision = SimpleDecision | MultipliersDecision | PriorPowerDecision | CostDecision | CapacityDecision


def fit_rule(
    spec: AnyDecision,
    predictions: Predictions,
    classes: Sequence[str],
    metric: str,
    trained_share: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> DecisionRule:
    """Fit a decision rule on out-of-fold rows.

    Parameters
    ----------
    spec : SimpleDecision, MultipliersDecision, PriorPowerDecision, CostDecision or CapacityDecision
    predictions : Predictions
        Out of fold; their class shares are the prior.
    classes : sequence of K str
    metric : str
        What multipliers are fitted for when ``spec`` does not name a metric.
    trained_share : ndarray of shape (K,), optional
        Class shares, of weight where rows have weights, of the rows the model was fitted on after resampling; the
        prior without it. Only ``prior_correction`` reads it.
    groups : ndarray of int, shape (n,), optional
        Codes of :func:`period_groups`; a capacity of k per period needs them.

    Returns
    -------
    DecisionRule
        Multipliers never score below argmax on the rows they were fitted on.

    Raises
    ------
    MetricsError
        On probabilities, codes, shares or groups that don't match.
    ProblemError
        On a class that does not exist, a right prediction that costs more than a wrong one, or a metric that
        multipliers can't be fitted for.
    """
    names = tuple(classes)
    found = checked_predictions(predictions, len(names))
    if isinstance(spec, CostDecision):
        return LeastCost(spec.name, names, cost_matrix(spec, names))
    if isinstance(spec, CapacityDecision):
        return _fit_capacity(spec, found.proba, names, share_of(spec, len(found.y), groups))
    prior = checked_shares(np.bincount(found.y, minlength=len(names)) / len(found.y), len(names), "prior")
    fitted_for = None
    if isinstance(spec, MultipliersDecision):
        fitted_for = _class_metric(spec.metric or metric)
        weights = fit_multipliers(found.proba, found.y, names, fitted_for, _positive(prior))
    elif isinstance(spec, PriorPowerDecision):
        weights = _positive(prior) ** -spec.tau
    elif spec.kind == "prior_correction" and trained_share is not None:
        weights = _positive(prior) / _positive(checked_shares(trained_share, len(names), "trained_share"))
    else:
        weights = np.ones(len(names))
    return LargestWeighted(spec.name, names, tuple(weights.tolist()), fitted_for)


def cross_fitted(
    spec: AnyDecision,
    predictions: Predictions,
    classes: Sequence[str],
    metric: str,
    trained_share: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Decide each fold's rows by a rule fitted on the other folds' rows, so that no rule is scored on its own rows.

    A capacity per group learns only who ranks highest, so it is decided on all rows of a group at once. The prior is
    that of the other folds' rows. With one fold only, see :func:`evenhand.data.out_of_fold.fitting_rows`.

    Parameters
    ----------
    spec, predictions, classes, metric, trained_share, groups
        As in :func:`fit_rule`.

    Returns
    -------
    ndarray of int, shape (n,)
        Class codes.

    Raises
    ------
    MetricsError, ProblemError
        As :func:`fit_rule`.
    """
    given = checked_predictions(predictions, len(classes))
    y, proba, of_fold = given.y, given.proba, spec
    if isinstance(spec, CapacityDecision):  # k counts the rows of complete periods, and a fold holds some of them
        of_fold = spec.model_copy(update={"share": share_of(spec, len(y), groups)})
    predicted = np.empty(len(y), dtype=np.int64)
    for fitted, evaluated in fitting_rows(given.fold_of_row, y):
        check_disjoint(fitted, evaluated, f"decision rule {spec.name}, out of fold")
        rule = fit_rule(of_fold, Predictions(y[fitted], proba[fitted]), classes, metric, trained_share)
        predicted[evaluated] = rule.decide(proba[evaluated])
    if isinstance(spec, CapacityDecision) and groups is not None:
        rule = fit_rule(spec, given, classes, metric, groups=groups)
        predicted = np.where(groups >= 0, rule.decide(proba, groups), predicted)
    return predicted


def period_groups(values: pd.Series, spec: CapacityDecision) -> np.ndarray:
    """Return codes of the periods of a capacity's ``per`` column.

    Returns
    -------
    ndarray of int, shape (n,)
        -1 where the value is missing.

    Examples
    --------
    >>> spec = CapacityDecision(kind="capacity", class_name="Robbery", k=50, per="when", period="day")
    >>> when = pd.Series(pd.to_datetime(["2020-01-01 09:00", "2020-01-01 23:00", "2020-01-02 01:00", None]))
    >>> period_groups(when, spec).tolist()
    [0, 0, 1, -1]
    """
    return period_numbers(values, spec.period, f"decisions: {spec.name}", str(spec.per))


def share_of(spec: CapacityDecision, n_rows: int, groups: np.ndarray | None) -> float:
    """Return the share of all rows that a capacity chooses: as declared, or k in every period.

    Raises
    ------
    MetricsError
        When k per period is declared and the periods are not given.
    """
    if spec.share is not None:
        return spec.share
    if groups is None or len(groups) != n_rows:
        raise MetricsError(f"{spec.name}: k = {spec.k} per {spec.per} needs the {spec.per} of each of {n_rows} rows")
    _, size = np.unique(groups[groups >= 0], return_counts=True)
    if not len(size):
        raise MetricsError(f"{spec.name}: no row has a value of {spec.per}")
    return float(np.minimum(size, spec.k or 0).sum() / size.sum())


def _fit_capacity(spec: CapacityDecision, proba: np.ndarray, classes: tuple[str, ...], share: float) -> Capacity:
    if spec.class_name not in classes:
        raise ProblemError(f"decisions: {spec.name}: no class {spec.class_name!r}; allowed: {', '.join(classes)}")
    code = classes.index(spec.class_name)
    values, counts = np.unique(-proba[:, code], return_counts=True)
    highest = -values
    within = int(np.searchsorted(np.cumsum(counts), share * len(proba) + 1e-9, side="right"))  # values that fit
    if within == len(highest):
        threshold = 0.0
    elif within == 0:
        threshold = float(np.nextafter(highest[0], np.inf))
    else:
        middle = (highest[within - 1] + highest[within]) / 2
        threshold = float(middle if middle > highest[within] else highest[within - 1])
    return Capacity(spec.name, classes, code, share, threshold, spec.k)


def _positive(shares: np.ndarray) -> np.ndarray:
    """Raise the shares of absent classes to that of the rarest present one, so that they do not outweigh all others."""
    return np.maximum(shares, shares[shares > 0].min())


def _class_metric(metric: str) -> str:
    if metric not in OBJECTIVES:
        raise ProblemError(f"decisions: multipliers can't be fitted for {metric}; allowed: {', '.join(OBJECTIVES)}")
    return metric
