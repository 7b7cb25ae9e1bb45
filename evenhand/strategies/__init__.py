"""What is done to a fold's training rows before a model is fitted, and the ledger of it."""

from evenhand.problem.strategies import AnyStrategy
from evenhand.strategies.capped import at_scale, capped_rows, capped_targets
from evenhand.strategies.resampling import resample
from evenhand.strategies.rows import CannotResample, LedgerEntry, TrainingRows, class_counts, ledger_entry

__all__ = [
    "AnyStrategy",
    "CannotResample",
    "LedgerEntry",
    "TrainingRows",
    "at_scale",
    "capped_rows",
    "capped_targets",
    "class_counts",
    "ledger_entry",
    "resample",
]
