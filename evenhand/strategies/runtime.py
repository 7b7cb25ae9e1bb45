"""What a strategy costs before a model is fitted, roughly."""

from __future__ import annotations

import numpy as np

from evenhand.problem import AnyStrategy, CappedStrategy

# CPU seconds on 20,000 Toronto rows (13 columns, 5 classes), and the power of the rows that they grow with; measured by
# `python -m benchmarks.strategies cost`. What is not named takes a second or less on 200,000 rows.
MEASURED: dict[str, tuple[float, float]] = {
    "smote": (0.3, 1.5),
    "smotenc": (0.2, 1.7),
    "borderline_smote": (1.4, 1.6),
    "adasyn": (0.4, 1.5),
    "near_miss": (0.2, 1.2),
    "near_miss 2": (1.7, 1.7),
    "tomek": (0.3, 1.4),
    "enn": (0.5, 1.5),
    "smote_tomek": (0.8, 1.6),
    "smote_enn": (1.5, 1.8),
}
AT_ROWS = 20_000
GROWING = frozenset(
    {
        "random_over",
        "rose",
        "smote",
        "smotenc",
        "borderline_smote",
        "adasyn",
        "smote_tomek",
        "smote_enn",
        "text_augment",
    }
)
THINNING = frozenset({"random_under", "near_miss"})
WORTH_SAYING = 60.0
TOO_LONG = 3600.0


def resampled_rows(strategy: AnyStrategy, counts: np.ndarray) -> int:
    """Estimate how many rows a strategy leaves to fit.

    Parameters
    ----------
    strategy : AnyStrategy
    counts : ndarray of int, shape (n_classes,)
        Training rows of each class.

    Examples
    --------
    >>> from evenhand.problem import SimpleStrategy, SmoteEnnStrategy
    >>> resampled_rows(SimpleStrategy(kind="random_over"), np.array([100, 20, 70]))
    300
    >>> resampled_rows(SimpleStrategy(kind="random_under", ratio=0.5), np.array([100, 20, 70]))
    120
    >>> resampled_rows(SmoteEnnStrategy(kind="smote_enn", max_rows=100), np.array([100, 20, 80]))
    150
    """
    n_rows = int(counts.sum())
    here = counts * min(1.0, (getattr(strategy, "max_rows", None) or n_rows) / n_rows)
    ratio = getattr(strategy, "ratio", None)
    share = max(ratio.values()) if isinstance(ratio, dict) else ratio
    if strategy.kind in GROWING:
        here = np.where(here > 0, np.maximum(here, (share or 1.0) * here.max()), 0)
    elif strategy.kind in THINNING:
        here = np.minimum(here, here[here > 0].min() if share is None else share * here.max())
    elif isinstance(strategy, CappedStrategy):
        here = np.minimum(here, strategy.cap)
    return round(float(here.sum()))


def resampling_seconds(strategy: AnyStrategy, n_rows: int) -> float:
    """Estimate the CPU seconds of a strategy on so many training rows; other data can take three times as long."""
    bound = min(n_rows, getattr(strategy, "max_rows", None) or n_rows)
    key = f"{strategy.kind} 2" if getattr(strategy, "version", 1) == 2 else strategy.kind
    at, power = MEASURED.get(key, (0.1, 1.0))
    return at * (bound / AT_ROWS) ** power


def too_long(strategy: AnyStrategy, n_rows: int) -> str | None:
    """Say that a strategy would take more than its ``max_seconds`` a fold, or about an hour where it has none.

    Examples
    --------
    >>> from evenhand.problem import SmoteEnnStrategy
    >>> too_long(SmoteEnnStrategy(kind="smote_enn", max_seconds=60), 200_000)
    'about 95 CPU seconds a fold by estimate, and max_seconds is 60; max_rows: 20000 takes about 2 seconds'
    >>> too_long(SmoteEnnStrategy(kind="smote_enn"), 200_000)
    """
    took, most = resampling_seconds(strategy, n_rows), getattr(strategy, "max_seconds", None)
    if took <= (most or TOO_LONG):
        return None
    bounded = _duration(resampling_seconds(strategy.model_copy(update={"max_rows": AT_ROWS}), n_rows))
    if most is None:
        return f"about {_duration(took)} a fold on {n_rows:,} rows; max_rows: {AT_ROWS} takes about {bounded}"
    cheaper = f"; max_rows: {AT_ROWS} takes about {bounded}" if n_rows > AT_ROWS else ""
    return f"about {took:,.0f} CPU seconds a fold by estimate, and max_seconds is {most:g}{cheaper}"


def cost_note(strategy: AnyStrategy, n_rows: int) -> str | None:
    """Say what a strategy costs if that is far more than others, which take seconds.

    Parameters
    ----------
    strategy : AnyStrategy
    n_rows : int
        Training rows of a fold.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from evenhand.problem import SmoteEnnStrategy
    >>> cost_note(SmoteEnnStrategy(kind="smote_enn"), 200_000)
    'about 2 minutes a fold on 200,000 rows; max_rows: 20000 takes about 2 seconds'
    >>> cost_note(SmoteEnnStrategy(kind="smote_enn", max_rows=20_000), 200_000)
    """
    took = resampling_seconds(strategy, n_rows)
    if took <= WORTH_SAYING:
        return None
    bounded = resampling_seconds(strategy.model_copy(update={"max_rows": AT_ROWS}), n_rows)
    return f"about {_duration(took)} a fold on {n_rows:,} rows; max_rows: {AT_ROWS} takes about {_duration(bounded)}"


def _duration(value: float) -> str:
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if value >= 1.5 * length:
            return f"{value / length:.0f} {unit}s"
    return "1 second"
