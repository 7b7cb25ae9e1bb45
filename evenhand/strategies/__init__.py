"""What is done to a fold's training rows before a model is fitted, and the ledger of it."""

from evenhand.strategies.apply import resample
from evenhand.strategies.capped import at_scale, capped_rows, capped_targets
from evenhand.strategies.training_rows import CannotResample, LedgerEntry, TrainingRows, class_counts, ledger_entry

__all__ = [
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
