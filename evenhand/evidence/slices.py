"""How unequally a model serves the groups of a column, and whether another one widens the gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.bootstrap import USUAL, BootstrapSettings, Interval, intervals, on_same_rows
from evenhand.evidence.draws import block_codes, block_counts, row_confusions
from evenhand.metrics.predictions import Predictions

SLICE_METRICS = ("macro recall", "macro F1")


@dataclass(frozen=True, eq=False)
class Slices:
    """Groups of one column with enough rows, compared on the classes that all of them have enough rows of."""

    groups: tuple[str, ...]
    rows: tuple[int, ...]
    """Of each group."""
    classes: tuple[int, ...]
    """Codes of the classes compared."""
    left_out: dict[str, int]
    """Group -> rows, of groups with fewer rows than the minimum."""
    draws: np.ndarray
    """Shape (models, 1 + resamples, groups, 2): ``SLICE_METRICS``, the rows as they are first."""

    @property
    def comparable(self) -> bool:
        """Whether there are two groups and a class to compare them on."""
        return len(self.groups) > 1 and len(self.classes) > 0

    @property
    def values(self) -> np.ndarray:
        """Both metrics of every model and group, shape (models, groups, 2)."""
        return self.draws[:, 0]

    def gap(self, model: int, confidence: float) -> tuple[Interval, ...]:
        """Return the difference between the best and the worst group, for each metric."""
        return intervals(self._gaps()[model], confidence, centred=True)

    def narrowed(self, confidence: float) -> tuple[Interval, ...]:
        """Return how much smaller the gap of the second model is than that of the first, for each metric."""
        gaps = self._gaps()
        return intervals(gaps[0] - gaps[1], confidence, centred=True)

    def _gaps(self) -> np.ndarray:
        return self.draws.max(axis=2) - self.draws.min(axis=2)


@dataclass(frozen=True)
class SliceLimits:
    """Rows that a group needs to be compared at all, and rows of a class that every group needs for the class.

    Groups with other classes are not alike, so only classes that all of them have enough rows of are compared.
    """

    min_rows: int
    min_positives: int


def slices(
    models: Sequence[Predictions], groups: np.ndarray, limits: SliceLimits, bootstrap: BootstrapSettings = USUAL
) -> Slices:
    """Score every group of a column, on draws of its rows class by class, or of blocks that may be in many groups.

    Parameters
    ----------
    models : sequence of Predictions
        Of the same n rows.
    groups : ndarray of str, shape (n,)
    limits : SliceLimits
    bootstrap : BootstrapSettings
        Its confidence is not used.

    Returns
    -------
    Slices
        Recall and F1 are means over the classes compared; F1 counts false positives from every row of the group.

    Raises
    ------
    MetricsError
        As :func:`evenhand.evidence.bootstrap.paired_difference`.
    """
    checked = on_same_rows(models)
    y, k = checked[0].y, checked[0].n_classes
    names, code = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    size = np.bincount(code, minlength=len(names))
    kept = np.flatnonzero(size >= limits.min_rows)
    counts = np.array([np.bincount(y[code == group], minlength=k) for group in kept])
    classes = np.flatnonzero((counts >= limits.min_positives).all(axis=0)) if len(kept) else np.array([], dtype=int)
    draws = np.full((len(models), 1 + bootstrap.resamples, len(kept), 2), np.nan)
    if len(classes):
        draws = _means(_confusions(checked, [code == group for group in kept], bootstrap), classes)
    left_out = {str(names[group]): int(size[group]) for group in np.flatnonzero(size < limits.min_rows)}
    return Slices(
        tuple(str(names[group]) for group in kept),
        tuple(int(size[group]) for group in kept),
        tuple(int(c) for c in classes),
        left_out,
        draws,
    )


def _confusions(
    models: Sequence[Predictions], groups: Sequence[np.ndarray], bootstrap: BootstrapSettings
) -> np.ndarray:
    """Draw the confusions of each group, shape (models, 1 + resamples, groups, K, K)."""
    y, k, rng = models[0].y, models[0].n_classes, np.random.default_rng(bootstrap.seed)
    predicted = [model.codes for model in models]
    if bootstrap.blocks is None:
        drawn = [row_confusions(y[g], [codes[g] for codes in predicted], k, bootstrap.resamples, rng) for g in groups]
        return np.stack(drawn, axis=2)
    rows = np.any(groups, axis=0)
    group = np.argmax(groups, axis=0)[rows]
    cells = [(group * k + y[rows]) * k + codes[rows] for codes in predicted]
    counts = block_counts(cells, len(groups) * k * k, block_codes(bootstrap.blocks[rows]), bootstrap.resamples, rng)
    return counts.reshape(len(models), -1, len(groups), k, k)


def _means(confusions: np.ndarray, classes: np.ndarray) -> np.ndarray:
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)[..., classes]
    truth, predicted = confusions.sum(-1)[..., classes], confusions.sum(-2)[..., classes]
    with np.errstate(invalid="ignore"):  # a draw of blocks without a row of a class has no value
        return np.stack([(hits / truth).mean(-1), (2 * hits / (truth + predicted)).mean(-1)], axis=-1)
