"""Multiple comparisons: adjusted p values, conclusions, and the smallest difference that can be detected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

from evenhand.evidence.types import Conclusion

POWER = 0.8


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p values so that the chance of any false positive in the family is bounded (Holm 1979).

    Parameters
    ----------
    p : sequence of float
        nan where there was nothing to compare; it stays nan and is not counted.

    Returns
    -------
    list of float

    Examples
    --------
    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    found = np.asarray(p, dtype=float)
    adjusted = np.full(len(found), np.nan)
    counted = np.flatnonzero(np.isfinite(found))
    order = counted[np.argsort(found[counted], kind="stable")]
    steps = found[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()


def detectable(standard_error: float, alpha: float, degrees: float | None = None) -> float:
    """Return the smallest true difference found with a power of 80 % by a two-sided test at level ``alpha``.

    Parameters
    ----------
    standard_error : float
    alpha : float
    degrees : float, optional
        Degrees of freedom of a t distribution; the normal one without it.

    Examples
    --------
    >>> round(detectable(0.01, 0.05), 3)
    0.028
    """
    if degrees is None:
        return float((ndtri(1 - alpha / 2) + ndtri(POWER)) * standard_error)
    return float((stdtrit(degrees, 1 - alpha / 2) + stdtrit(degrees, POWER)) * standard_error)


def conclusion_of(estimates: Sequence[float], p_adjusted: float, alpha: float, complete: bool = True) -> Conclusion:
    """Conclude from one comparison.

    Parameters
    ----------
    estimates : sequence of float
        Of its difference, pooled and over folds: they must agree in sign.
    p_adjusted, alpha : float
    complete : bool
        Whether it is on all rows of its evaluation set: only then does its interval bound a difference that is not
        shown, since racing stops what did badly on these rows.
    """
    open_one: Conclusion = "no difference larger than" if complete else "stopped early"
    if not np.isfinite([*estimates, p_adjusted]).all():
        return "not enough data"
    if p_adjusted >= alpha:
        return open_one
    if all(value > 0 for value in estimates):
        return "helps"
    return "hurts" if all(value < 0 for value in estimates) else open_one
