"""What is done to a fold's training rows before a model is fitted, and the ledger of it."""

from evenhand.problem import AnyStrategy
from evenhand.strategies.capped import at_scale, capped_rows, capped_targets
from evenhand.strategies.cost import cost_note, resampled_rows, resampling_seconds
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
    "cost_note",
    "ledger_entry",
    "resample",
    "resampled_rows",
    "resampling_seconds",
]
