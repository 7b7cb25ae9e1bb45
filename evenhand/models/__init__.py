"""Model families: those that take resampled rows, and those that balance inside themselves."""

from evenhand.models.build import at_scale, build_model, check_models, importances, judge_first
from evenhand.models.cannot_fit import CannotFit
from evenhand.models.families import DEFAULTS
from evenhand.models.imputation import FilledGradientBoosting
from evenhand.models.sample_counts import fit_rows

__all__ = [
    "DEFAULTS",
    "CannotFit",
    "FilledGradientBoosting",
    "at_scale",
    "build_model",
    "check_models",
    "fit_rows",
    "importances",
    "judge_first",
]
