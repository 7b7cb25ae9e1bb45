"""How much work a fit is, in rows, classes and rounds: the same figure on every machine."""

from __future__ import annotations

from evenhand.models.families import DEFAULTS, FORESTS
from evenhand.problem import DETECTORS, ModelSpec

ROUNDS = ("n_estimators", "max_iter", "rounds")
# Boosting grows a tree per class and round.
TREE_PER_CLASS = frozenset(
    {"lightgbm", "lightgbm_focal", "lightgbm_continued", "gradient_boosting", "gradient_boosting exact"}
)
# Cost of one row in one tree, relative to a tree on binned columns: trees that sort the values take about 50 times as
# long. A rough weight is enough: it decides the order of fits and which of them are mentioned, nothing else.
BINNED, SORTED = 1, 50
BINNED_FAMILIES = TREE_PER_CLASS - {"gradient_boosting exact"}
LINEAR = 20  # of the passes over the rows that a regression is allowed, it takes about one in 20
DETECTOR = 1_000  # a detector grows no trees by class: about as much per row as 200 rounds of five classes


def fit_work(spec: ModelSpec, n_rows: int, n_classes: int) -> int:
    """Return rows x trees of a fit, weighted by the kind of tree.

    Parameters
    ----------
    spec : ModelSpec
    n_rows : int
        After resampling.
    n_classes : int

    Examples
    --------
    >>> fit_work(ModelSpec(kind="lightgbm"), 200_000, 5)
    100000000
    >>> fit_work(ModelSpec(kind="lightgbm", params={"n_estimators": 300}, max_rows=50_000), 200_000, 5)
    75000000
    """
    rows = _rows_seen(spec, n_rows)
    if spec.kind in DETECTORS:
        return rows * DETECTOR
    family = f"{spec.kind} exact" if spec.exact else spec.kind
    settings = {**DEFAULTS[family], **spec.params}
    if spec.kind in FORESTS and isinstance(settings["max_samples"], int):
        rows = min(rows, settings["max_samples"])
    if family == "smote_bagging":
        rows = min(rows, settings["rows_per_class"] * n_classes)
    if family == "logistic_regression":
        return int(rows * n_classes * settings["max_iter"] // LINEAR)
    trees = n_classes if family in TREE_PER_CLASS else 1
    for name in ROUNDS:
        if isinstance(settings.get(name), int) and name in DEFAULTS[family]:
            trees *= settings[name]
    return int(rows * trees * (BINNED if family in BINNED_FAMILIES else SORTED))


def above_row_limit(spec: ModelSpec, n_rows: int) -> str | None:
    """Return why a fit is skipped for the model's ``skip_above_rows``, or None.

    Parameters
    ----------
    spec : ModelSpec
    n_rows : int
        After resampling.

    Examples
    --------
    >>> above_row_limit(ModelSpec(kind="adaboost", skip_above_rows=100_000), 200_000)
    '200,000 rows to fit, and skip_above_rows is 100,000'
    """
    rows = _rows_seen(spec, n_rows)
    if spec.skip_above_rows is None or rows <= spec.skip_above_rows:
        return None
    return f"{rows:,} rows to fit, and skip_above_rows is {spec.skip_above_rows:,}"


def _rows_seen(spec: ModelSpec, n_rows: int) -> int:
    return min(n_rows, spec.max_rows or n_rows)
