"""What follows a model's probabilities: their correction, then the decision rule, fitted and judged as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.data.out_of_fold import fitting_rows
from evenhand.postprocess.choose_calibration import Calibration, Calibrations, Known, Shares
from evenhand.postprocess.fit_rules import AnyDecision, cross_fitted, fit_rule
from evenhand.postprocess.rules import DecidesOn, DecisionRule


@dataclass(frozen=True, eq=False)
class Postprocessing:
    """Fitted on all out-of-fold rows; it becomes part of the model."""

    rule: DecisionRule
    correction: Calibration
    decides_on: DecidesOn
    """Which probabilities the rule reads."""

    def answer(self, raw: np.ndarray, shares: Shares) -> tuple[np.ndarray, np.ndarray]:
        """Answer as the model does.

        Parameters
        ----------
        raw : ndarray of shape (n, K)
            Probabilities of rows that the model has not seen.
        shares : Shares
            Of the rows that the model was fitted on.

        Returns
        -------
        ndarray of shape (n, K), ndarray of int, shape (n,)
            Corrected probabilities, and class codes.
        """
        calibrator = self.correction.for_model(shares)
        proba = raw if calibrator is None else calibrator.apply(raw)
        return proba, self.rule.decide(raw if self.decides_on == "raw" else proba)


def decides_on(spec: AnyDecision) -> DecidesOn:
    """Tell which probabilities a rule reads.

    The plain argmax is what the strategy itself decides, and the prior correction brings its own: both read raw ones.
    Costs, priors and multipliers are about what a probability means.
    """
    return "raw" if spec.kind in ("argmax", "prior_correction") else "calibrated"


def fit_postprocessing(
    spec: AnyDecision,
    known: Known,
    correction: Calibration,
    classes: Sequence[str],
    metric: str,
    trained_share: np.ndarray | None = None,
) -> Postprocessing:
    """Fit a decision rule on out-of-fold rows, as corrected.

    Parameters
    ----------
    spec, classes, metric, trained_share
        As in :func:`evenhand.postprocess.fit_rules.fit_rule`.
    known : Known
    correction : Calibration
        Of the same rows.
    """
    on = decides_on(spec)
    proba = known.raw if on == "raw" else correction.apply(known)
    prior = np.bincount(known.y, minlength=len(classes)) / len(known.y)
    return Postprocessing(fit_rule(spec, proba, known.y, classes, metric, prior, trained_share), correction, on)


def cross_decided(
    spec: AnyDecision,
    known: Known,
    corrections: Calibrations,
    classes: Sequence[str],
    metric: str,
    trained_share: np.ndarray | None = None,
) -> np.ndarray:
    """Decide each fold's rows by a correction and a rule that were both fitted on the other folds' rows alone.

    Returns
    -------
    ndarray of int, shape (n,)
        Class codes.
    """
    if decides_on(spec) == "raw" or (known.nested is None and not corrections.changes):
        return cross_fitted(spec, known.raw, known.y, known.folds, classes, metric, trained_share)
    predicted = np.empty(len(known.y), dtype=np.int64)
    rows = [judged for _, judged in fitting_rows(known.folds, known.y)]
    for here, (others, judged), correction in zip(rows, known.pairs(), corrections.by_fold, strict=True):
        ending = fit_postprocessing(spec, others, correction, classes, metric, trained_share)
        predicted[here] = ending.rule.decide(correction.apply(judged))
    return predicted
