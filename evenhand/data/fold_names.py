"""How folds are numbered, and what they are called in records and messages."""

from __future__ import annotations

HOLDOUT_FOLD = -1
"""Number of the fold that is fitted on all training rows and predicts the held-out period."""

HOLDOUT = "holdout"
"""Its name in records."""


def fold_key(fold: int) -> str:
    """Name a fold in records: ``0``, ``1``, ..., ``holdout``."""
    return HOLDOUT if fold == HOLDOUT_FOLD else str(fold)


def fold_label(fold: int) -> str:
    """Name a fold in messages: ``fold 1`` is number 0.

    Examples
    --------
    >>> fold_label(0), fold_label(HOLDOUT_FOLD)
    ('fold 1', 'held-out period')
    """
    return "held-out period" if fold == HOLDOUT_FOLD else f"fold {fold + 1}"
