"""What a reviewer needs with the verdict: both models' scores, confusions, calibration and groups."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from evenhand.evidence.bootstrap import BootstrapSettings
from evenhand.evidence.slices import SliceLimits, Slices, slices
from evenhand.gate.alignment import AlignedCase, align
from evenhand.gate.verdict import Case
from evenhand.metrics.losses import BINS, confidence_bins
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import Scores, score
from evenhand.problem import GatePolicy

NO_DRAWS = BootstrapSettings(resamples=0)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Rows by the model's confidence in its most probable class; bins without rows are left out."""

    confidence: np.ndarray
    """Mean of each bin."""
    accuracy: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class ModelDetails:
    """One model on the held-out rows."""

    scores: Scores
    reliability: Reliability


@dataclass(frozen=True, eq=False)
class Details:
    """Both models on the same held-out rows."""

    classes: tuple[str, ...]
    challenger: ModelDetails
    champion: ModelDetails | None
    slices: dict[str, Slices] = field(default_factory=dict)
    """By column; the models are champion, challenger, or the challenger alone."""
    unknown: dict[str, dict[str, float]] = field(default_factory=dict)
    """By raw column with cells that a model does not know: their share, by champion and challenger."""


def describe(case: Case, policy: GatePolicy) -> Details:
    """Score a case for its report.

    Raises
    ------
    GateError
        When the two can't be compared.
    """
    a = align(case)
    models = [model for model in (a.champion, a.challenger) if model is not None]
    limits = SliceLimits(policy.min_slice_rows, policy.min_positives)
    by_group = {column: slices(models, case.groups[column], limits, NO_DRAWS) for column in sorted(case.groups)}
    champion = None if a.champion is None else _of_model(a, a.champion)
    return Details(a.classes, _of_model(a, a.challenger), champion, by_group, _unknown(case))


def _unknown(case: Case) -> dict[str, dict[str, float]]:
    versions = {"champion": case.champion, "challenger": case.challenger}
    shares = {name: dict(version.unknown_cells or {}) for name, version in versions.items() if version is not None}
    columns = sorted({column for share in shares.values() for column, value in share.items() if value > 0})
    return {column: {name: share[column] for name, share in shares.items() if column in share} for column in columns}


def _of_model(a: AlignedCase, model: Predictions) -> ModelDetails:
    return ModelDetails(score(model.y, model.proba, a.classes, model.predicted), reliability(model.y, model.proba))


def reliability(y: np.ndarray, proba: np.ndarray) -> Reliability:
    """Compare a model's confidence with how often it is right, in the bins of the calibration error.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    proba : ndarray, shape (n, K)

    Examples
    --------
    >>> found = reliability(np.array([0, 1]), np.array([[0.9, 0.1], [0.9, 0.1]]))
    >>> found.confidence.tolist(), found.accuracy.tolist(), found.rows.tolist()
    ([0.9], [0.5], [2])
    """
    at, confidence, right = confidence_bins(y, proba)
    rows = np.bincount(at, minlength=BINS)
    filled = rows > 0
    means = [np.bincount(at, weights=values, minlength=BINS)[filled] / rows[filled] for values in (confidence, right)]
    return Reliability(means[0], means[1], rows[filled])
