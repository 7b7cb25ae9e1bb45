"""Settings of the families that follow from the training rows, where a problem states none.

The rule, what it rests on and the command that reproduces it are in docs/models.md, what was tried beside it in
docs/decisions/0008-default-settings.md.
"""

from __future__ import annotations

from typing import Any

from evenhand.models.families import DEFAULTS
from evenhand.problem import ModelSpec

FEW_ROWS = 2_000  # below, boosting has fewer rounds and smaller trees
MANY_ROWS = 20_000  # from here on, random forests are the economical ones, which were made for many rows
MOST_ROWS = {"extra_trees": 80_000, "logistic_regression": 50_000}  # that a fit sees: more move no score
ROWS_PER_LEAF = 100  # one row more in the smallest leaf of boosting for each hundred training rows ...
FEWEST_IN_LEAF, MOST_IN_LEAF = 3, 20  # ... within these bounds; 20 is the libraries' own default
FULL_FOREST: dict[str, Any] = {"n_estimators": 100, "max_samples": None, "max_features": "sqrt", "min_samples_leaf": 1}
FULL_TREES: dict[str, Any] = {"n_estimators": 100, "max_features": 0.5, "min_samples_leaf": 1, "bootstrap": False}


def data_settings(spec: ModelSpec, n_rows: int) -> ModelSpec:
    """Return a model with the settings that suit the rows, unless it has settings of its own or none are known.

    Parameters
    ----------
    spec : ModelSpec
    n_rows : int
        Training rows, before any resampling.

    Examples
    --------
    >>> data_settings(ModelSpec(kind="random_forest"), 500).params["n_estimators"]
    100
    >>> data_settings(ModelSpec(kind="random_forest", params={"n_estimators": 30}), 500).params
    {'n_estimators': 30}
    """
    if spec.params or spec.exact or spec.distributed:
        return spec
    rows = min(n_rows, spec.max_rows or n_rows)
    changes: dict[str, Any] = {"params": _settings(spec.kind, rows)}
    if rows > MOST_ROWS.get(spec.kind, rows):
        changes["max_rows"] = MOST_ROWS[spec.kind]
    return spec.model_copy(update=changes)


def _settings(kind: str, rows: int) -> dict[str, Any]:
    leaf = min(max(rows // ROWS_PER_LEAF, FEWEST_IN_LEAF), MOST_IN_LEAF)
    few = rows < FEW_ROWS
    if kind == "random_forest":
        return dict(FULL_FOREST if rows < MANY_ROWS else DEFAULTS[kind])
    if kind == "extra_trees":
        return dict(FULL_TREES)
    if kind == "lightgbm":
        return {
            "n_estimators": 150 if few else 300,
            "learning_rate": 0.05 if few else 0.03,
            "num_leaves": 15 if few else 31,
            "min_child_samples": leaf,
            "subsample": 0.8,
            "subsample_freq": 1,
            "colsample_bytree": 0.8,
            "reg_lambda": 5.0,
        }
    if kind == "gradient_boosting":
        return {
            "max_iter": 100,
            "learning_rate": 0.05 if few else 0.08,
            "max_leaf_nodes": 15 if few else 31,
            "min_samples_leaf": leaf,
            "max_features": 0.5,
            "l2_regularization": 5.0,
        }
    return {}
