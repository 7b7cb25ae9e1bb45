"""What is done to a fold's training rows before a model is fitted, and the record of it."""

from evenhand.strategies.capped import at_scale, capped_rows, capped_targets
from evenhand.strategies.resample import resample
from evenhand.strategies.training_rows import (
    CannotResample,
    ResamplingRecord,
    TrainingRows,
    class_counts,
    resampling_record,
)

__all__ = [
    "CannotResample",
    "ResamplingRecord",
    "TrainingRows",
    "at_scale",
    "capped_rows",
    "capped_targets",
    "class_counts",
    "resample",
    "resampling_record",
]
