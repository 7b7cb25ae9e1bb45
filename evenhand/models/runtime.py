"""What a model costs to fit, roughly."""

from __future__ import annotations

from evenhand.models.families import DEFAULTS
from evenhand.problem import ModelSpec

# CPU seconds on 100,000 rows of 13 to 15 columns at the family's own settings; `python -m benchmarks.families` measures
# them. Boosting grows a tree a class and round: its seconds are those of one class.
A_CLASS: dict[str, float] = {
    "lightgbm": 0.6,
    "lightgbm_focal": 1.1,
    "lightgbm_continued": 1.2,
    "gradient_boosting": 1.0,
    "gradient_boosting exact": 40.0,
}
# Families that thin the rows to the smallest class cost less where that is small.
IN_ALL: dict[str, float] = {
    "random_forest": 19.0,
    "random_forest exact": 17.0,
    "balanced_bagging": 5.0,
    "balanced_random_forest": 6.0,
    "easy_ensemble": 9.5,
    "rusboost": 5.0,
    "adaboost": 13.0,
    "smote_bagging": 27.0,
}
OTHER = 5.0  # detectors, which learn from samples
AT_ROWS = 100_000
ROUNDS = ("n_estimators", "max_iter", "rounds")


def fit_seconds(spec: ModelSpec, n_rows: int, n_classes: int) -> float:
    """Estimate the CPU seconds of one fit; other data can take three times as long.

    Parameters
    ----------
    spec : ModelSpec
    n_rows : int
        After resampling.
    n_classes : int

    Examples
    --------
    >>> fit_seconds(ModelSpec(kind="lightgbm"), 200_000, 5)
    6.0
    >>> fit_seconds(ModelSpec(kind="lightgbm", params={"n_estimators": 300}, max_rows=50_000), 200_000, 5)
    4.5
    """
    family = f"{spec.kind} exact" if spec.exact else spec.kind
    defaults = DEFAULTS.get(family, {})
    settings = {**defaults, **spec.params}
    rows = min(n_rows, spec.max_rows or n_rows)
    if spec.kind == "random_forest" and isinstance(settings["max_samples"], int):
        rows = min(rows, settings["max_samples"])
    if family == "smote_bagging":
        rows = min(rows, settings["rows_per_class"] * n_classes)
    a_hundred_thousand = A_CLASS[family] * n_classes if family in A_CLASS else IN_ALL.get(family, OTHER)
    found = a_hundred_thousand * rows / AT_ROWS
    for name in ROUNDS:
        if isinstance(settings.get(name), int | float) and name in defaults:
            found *= settings[name] / defaults[name]
    return float(round(found, 6))


def too_dear(spec: ModelSpec, n_rows: int, n_classes: int) -> str | None:
    """Say why a fit would cost more than the model's ``max_seconds``, or return None.

    Examples
    --------
    >>> too_dear(ModelSpec(kind="adaboost", max_seconds=10), 200_000, 5)
    'about 26 CPU seconds a fit on 200,000 rows by estimate, and max_seconds is 10'
    """
    took = fit_seconds(spec, n_rows, n_classes)
    if spec.max_seconds is None or took <= spec.max_seconds:
        return None
    rows = min(n_rows, spec.max_rows or n_rows)
    return f"about {took:,.0f} CPU seconds a fit on {rows:,} rows by estimate, and max_seconds is {spec.max_seconds:g}"
