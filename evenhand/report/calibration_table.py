"""The table of every fit's probabilities before and after calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from evenhand.metrics.scores import Scores

JUDGED_BY = ("log_loss", "brier", "ece")


class Calibrated(NamedTuple):
    """One fit and its scores with raw and with calibrated probabilities."""

    model: str
    strategy: str
    features: str
    correction: str
    raw: Scores
    corrected: Scores


def calibration_table(fits: Sequence[Calibrated]) -> pd.DataFrame:
    """List each fit's log-loss, Brier score and calibration error before and after, the lowest log-loss after first.

    Returns
    -------
    DataFrame
        One row per fit. ``features`` is a column if it varies.
    """
    ordered = sorted(fits, key=lambda fit: (fit.corrected.metrics["log_loss"], fit[:3]))
    lines = []
    for fit in ordered:
        line: dict[str, object] = {
            "model": fit.model,
            "strategy": fit.strategy,
            "features": fit.features,
            "correction": fit.correction,
        }
        for name in JUDGED_BY:
            line |= {name: fit.raw.metrics[name], f"{name} corrected": fit.corrected.metrics[name]}
        lines.append(line)
    frame = pd.DataFrame(lines)
    return frame if len({fit.features for fit in fits}) > 1 else frame.drop(columns="features", errors="ignore")
