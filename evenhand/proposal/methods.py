"""Models, strategies and metric that fit the size of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.proposal.cells import listed
from evenhand.proposal.noted_yaml import Noted
from evenhand.proposal.split_plan import SplitPlan
from evenhand.proposal.target import Classes

LARGE = 400_000
CAPPED = 40_000
FEW_POSITIVES = 50


@dataclass(frozen=True)
class Methods:
    """Settings of the candidates, with reasons."""

    noted: dict[str, Any]
    questions: tuple[str, ...]


def methods_for(rows: int, classes: Classes, features: dict[str, Any], split: SplitPlan) -> Methods:
    """Choose what is tried.

    Parameters
    ----------
    rows : int
    classes : Classes
    features : dict
        Feature sets of the proposal.
    split : SplitPlan
    """
    kinds = ["random_forest", "lightgbm"] if rows > LARGE else ["random_forest", "gradient_boosting", "lightgbm"]
    strategies: list[Any] = ["none", "class_weight", "random_over", "random_under", "smote"]
    if rows > CAPPED:
        strategies.append({"kind": "capped", "cap": 20_000})
    largest, smallest = max(classes.rows.values()), min(classes.rows.values())
    noted: dict[str, Any] = {
        "models": Noted(kinds, f"{rows:,} rows; the standard families"),
        "strategies": Noted(
            strategies, f"the largest class has {largest / max(1, smallest):.1f} times the smallest's rows"
        ),
    }
    if "enriched" in features:
        noted["extra"] = [Noted({"model": "lightgbm", "features": "enriched"}, "one model with the rates by place")]
    noted["decisions"] = Noted(["argmax", "multipliers", "prior_power"], "rules for the class; none needs a refit")
    noted["metric"] = Noted("macro_f1", "the mean over classes, so that a rare class counts as much as a frequent one")
    noted["review"] = Noted("required", "a named person approves before a model is used")
    return Methods(noted, _few_held_out(classes, float(np.mean(split.held_out))))


def _few_held_out(classes: Classes, share: float) -> tuple[str, ...]:
    few = [name for name, rows in classes.rows.items() if rows * share < FEW_POSITIVES]
    if not few:
        return ()
    return (
        f"gate: {listed(few)}: fewer than {FEW_POSITIVES} held-out rows, so that the verdict will be `insufficient "
        "evidence`; more rows settle it, or gate.min_positives says that fewer are enough",
    )
