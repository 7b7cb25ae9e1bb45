"""What is tried and by what it is judged: the defaults, which follow the training rows, and rates by place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenhand.proposal.cells import listed
from evenhand.proposal.noted_yaml import Noted
from evenhand.proposal.split_plan import SplitPlan
from evenhand.proposal.target import Classes

FEW_POSITIVES = 50
DEFAULTS = (
    "Models, their settings, strategies, decision rules and a combination are the defaults, which follow the number of "
    "rows (docs/models.md); models:, strategies: and decisions: take their place."
)


@dataclass(frozen=True)
class Methods:
    """Settings of the candidates, with reasons."""

    noted: dict[str, Any]
    questions: tuple[str, ...]


def methods_for(classes: Classes, features: dict[str, Any], split: SplitPlan) -> Methods:
    """Choose what differs from the defaults.

    Parameters
    ----------
    classes : Classes
    features : dict
        Feature sets of the proposal.
    split : SplitPlan
    """
    noted: dict[str, Any] = {}
    if "enriched" in features:
        noted["extra"] = [Noted({"model": "lightgbm", "features": "enriched"}, "one model with the rates by place")]
    largest, smallest = max(classes.rows.values()), min(classes.rows.values())
    ratio = f"the largest class has {largest / max(1, smallest):.1f} times the smallest's rows, and each counts as much"
    noted["metric"] = Noted("macro_f1", ratio)
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
