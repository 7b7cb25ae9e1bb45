"""Postprocessing of a model's probabilities: calibration, then the decision rule, fitted and evaluated as a unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.data.out_of_fold import fitting_rows
from evenhand.metrics.predictions import Predictions
from evenhand.postprocess.choose_calibration import Calibration, CrossFittedCalibration, Shares
from evenhand.postprocess.fit_rules import AnyDecision, cross_fitted, fit_rule
from evenhand.postprocess.rules import DecidesOn, DecisionRule


@dataclass(frozen=True, eq=False)
class Postprocessing:
    """Calibration and decision rule, fitted on all out-of-fold rows; they become part of the model."""

    rule: DecisionRule
    calibration: Calibration
    decides_on: DecidesOn
    """Which probabilities the rule reads."""

    def apply(self, raw: np.ndarray, shares: Shares) -> tuple[np.ndarray, np.ndarray]:
        """Calibrate and decide as the model does.

        Parameters
        ----------
        raw : ndarray of shape (n, K)
            Probabilities of rows that the model was not fitted on.
        shares : Shares
            Of the rows that the model was fitted on.

        Returns
        -------
        ndarray of shape (n, K), ndarray of int, shape (n,)
            Calibrated probabilities, and class codes.
        """
        calibrator = self.calibration.for_model(shares)
        proba = raw if calibrator is None else calibrator.apply(raw)
        return proba, self.rule.decide(raw if self.decides_on == "raw" else proba)


def decides_on(spec: AnyDecision) -> DecidesOn:
    """Return which probabilities a rule reads.

    The plain argmax keeps what the strategy itself decides, and the rule ``prior_correction`` has its own correction:
    both read raw probabilities. Costs, priors and multipliers need calibrated ones.
    """
    return "raw" if spec.kind in ("argmax", "prior_correction") else "calibrated"


def fit_postprocessing(
    spec: AnyDecision,
    predictions: Predictions,
    calibration: Calibration,
    classes: Sequence[str],
    metric: str,
    trained_share: np.ndarray | None = None,
) -> Postprocessing:
    """Fit a decision rule on calibrated out-of-fold rows.

    Parameters
    ----------
    spec, classes, metric, trained_share
        As in :func:`evenhand.postprocess.fit_rules.fit_rule`.
    predictions : Predictions
        Out of fold.
    calibration : Calibration
        Of the same rows.
    """
    on = decides_on(spec)
    given = predictions if on == "raw" else replace(predictions, proba=calibration.apply(predictions))
    return Postprocessing(fit_rule(spec, given, classes, metric, trained_share), calibration, on)


def cross_decided(
    spec: AnyDecision,
    predictions: Predictions,
    calibration: CrossFittedCalibration,
    classes: Sequence[str],
    metric: str,
    trained_share: np.ndarray | None = None,
) -> np.ndarray:
    """Decide each fold's rows by a calibration and a rule that were both fitted on the other folds' rows only.

    Returns
    -------
    ndarray of int, shape (n,)
        Class codes.
    """
    if decides_on(spec) == "raw" or (predictions.nested_proba is None and not calibration.changes):
        return cross_fitted(spec, predictions, classes, metric, trained_share)
    predicted = np.empty(len(predictions.y), dtype=np.int64)
    rows = [evaluated for _, evaluated in fitting_rows(predictions.fold_of_row, predictions.y)]
    for here, (others, evaluated), of_fold in zip(rows, predictions.fitting_pairs(), calibration.by_fold, strict=True):
        found = fit_postprocessing(spec, others, of_fold, classes, metric, trained_share)
        predicted[here] = found.rule.decide(of_fold.apply(evaluated))
    return predicted
