"""The score to expect of the winner, in words: for the terminal, the page and the model card."""

from __future__ import annotations

from evenhand.report.summary import ExpectedSummary
from evenhand.report.table_model import decimal


def expected_score(found: ExpectedSummary, metric: str) -> str:
    """Say what to expect on new rows of the same kind, and how it follows from the score out of fold.

    Examples
    --------
    >>> expected_score(ExpectedSummary(value=0.432, low=0.4, high=0.46, out_of_fold=0.438, candidates=24), "macro F1")
    'Expected macro F1 on held-out rows like the training rows: 0.432 (95 % of scores: 0.400 to 0.460). Out of fold it \
is 0.438; being chosen among 24 candidates makes that too good by 0.006.'
    """
    if found.value is None or found.out_of_fold is None:
        return ""
    bounds = ""
    if found.low is not None and found.high is not None:
        bounds = f" (95 % of scores: {decimal(found.low)} to {decimal(found.high)})"
    # Both as printed, so that the numbers of the sentence add up.
    gap = abs(round(found.out_of_fold, 3) - round(found.value, 3))
    effect = f"makes that too good by {decimal(gap)}" if gap >= 0.0005 else "makes no difference to it"
    return (
        f"Expected {metric} on held-out rows like the training rows: {decimal(found.value)}{bounds}. "
        f"Out of fold it is {decimal(found.out_of_fold)}; being chosen among {found.candidates:,} candidates {effect}."
    )
