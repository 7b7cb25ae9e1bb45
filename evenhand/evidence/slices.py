"""How unequally a model serves the groups of a column, and whether another one widens the gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.bootstrap import (
    Interval,
    Predictions,
    checked_predictions,
    class_codes,
    intervals,
    resampled_confusions,
)

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
    """Group -> rows, fewer than were asked for."""
    draws: np.ndarray
    """Shape (models, 1 + resamples, groups, 2): ``SLICE_METRICS``, the rows as they are first."""

    @property
    def comparable(self) -> bool:
        """Whether there is a gap to speak of."""
        return len(self.groups) > 1 and len(self.classes) > 0

    @property
    def values(self) -> np.ndarray:
        """Both metrics of every model and group, shape (models, groups, 2)."""
        return self.draws[:, 0]

    def gap(self, model: int, confidence: float) -> tuple[Interval, ...]:
        """How far the best group is from the worst, for each metric."""
        return intervals(self._gaps()[model], confidence, centred=True)

    def narrowed(self, confidence: float) -> tuple[Interval, ...]:
        """How much smaller the gap of the second model is than the first's, for each metric."""
        gaps = self._gaps()
        return intervals(gaps[0] - gaps[1], confidence, centred=True)

    def _gaps(self) -> np.ndarray:
        return self.draws.max(axis=2) - self.draws.min(axis=2)


def slices(
    y: np.ndarray,
    groups: np.ndarray,
    models: Sequence[Predictions],
    n_classes: int,
    min_rows: int,
    min_positives: int,
    resamples: int = 2000,
    seed: int = 0,
) -> Slices:
    """Score every group of a column, on draws of its rows class by class.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    groups : ndarray of str, shape (n,)
    models : sequence of Predictions
        Of the same rows.
    n_classes : int
    min_rows : int
        Of a group, for it to be compared at all.
    min_positives : int
        Of a class in every group, for the class to be compared: groups with other classes are not alike.
    resamples, seed : int

    Returns
    -------
    Slices
        Recall and F1 are means over the classes compared; F1 counts false alarms from every row of the group.
    """
    y = class_codes("truth", y, len(y), n_classes)
    predicted = [checked_predictions(len(y), model, n_classes).predicted for model in models]
    names, code = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    size = np.bincount(code, minlength=len(names))
    kept = np.flatnonzero(size >= min_rows)
    counts = np.array([np.bincount(y[code == group], minlength=n_classes) for group in kept])
    classes = np.flatnonzero((counts >= min_positives).all(axis=0)) if len(kept) else np.array([], dtype=int)
    rng = np.random.default_rng(seed)
    draws = np.full((len(models), 1 + resamples, len(kept), 2), np.nan)
    for place, group in enumerate(kept if len(classes) else []):
        rows = code == group
        drawn = resampled_confusions(y[rows], [codes[rows] for codes in predicted], n_classes, resamples, rng)
        draws[:, :, place] = _means(drawn, classes)
    left_out = {str(names[group]): int(size[group]) for group in np.flatnonzero(size < min_rows)}
    return Slices(
        tuple(str(names[group]) for group in kept),
        tuple(int(size[group]) for group in kept),
        tuple(int(c) for c in classes),
        left_out,
        draws,
    )


def _means(confusions: np.ndarray, classes: np.ndarray) -> np.ndarray:
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)[..., classes]
    truth, said = confusions.sum(-1)[..., classes], confusions.sum(-2)[..., classes]
    return np.stack([(hits / truth).mean(-1), (2 * hits / (truth + said)).mean(-1)], axis=-1)
