"""Target number of rows per class of over- and undersamplers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Ratio = float | Mapping[str, float] | None


def over_targets(ratio: Ratio, counts: np.ndarray, classes: Sequence[str]) -> dict[int, int]:
    """Return the classes that grow, and to how many rows.

    Parameters
    ----------
    ratio : float, mapping of class name to float, or None
        Target as a share of the largest class; a class missing from a mapping is not changed. None means 1.
    counts : ndarray of int, shape (n_classes,)
        Rows of each class. A class without rows does not grow.
    classes : sequence of str

    Returns
    -------
    dict of int to int
        By class code, ascending; without classes that have their target already.

    Examples
    --------
    >>> over_targets(0.5, np.array([100, 20, 70]), ["a", "b", "c"])
    {1: 50}
    >>> over_targets({"c": 1.0}, np.array([100, 20, 70]), ["a", "b", "c"])
    {2: 100}
    """
    aims = _aims(1.0 if ratio is None else ratio, counts, classes)
    return {code: aim for code, aim in aims.items() if 0 < counts[code] < aim}


def under_targets(ratio: Ratio, counts: np.ndarray, classes: Sequence[str]) -> dict[int, int]:
    """Return the classes that shrink, and to how many rows; None means to the smallest class.

    Examples
    --------
    >>> under_targets(0.5, np.array([100, 20, 70]), ["a", "b", "c"])
    {0: 50, 2: 50}
    >>> under_targets(None, np.array([100, 20, 70]), ["a", "b", "c"])
    {0: 20, 2: 20}
    """
    if ratio is None:
        smallest = int(counts[counts > 0].min())
        return {int(code): smallest for code in np.flatnonzero(counts > smallest)}
    aims = _aims(ratio, counts, classes)
    return {code: max(1, aim) for code, aim in aims.items() if counts[code] > aim}


def _aims(ratio: float | Mapping[str, float], counts: np.ndarray, classes: Sequence[str]) -> dict[int, int]:
    largest = int(counts.max())
    shares = ratio if isinstance(ratio, Mapping) else dict.fromkeys(classes, ratio)
    return {code: round(shares[name] * largest) for code, name in enumerate(classes) if name in shares}
