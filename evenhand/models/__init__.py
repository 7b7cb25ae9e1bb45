"""Model families: those that take resampled rows, and those that balance inside themselves."""

from evenhand.models.beginning import CannotFit
from evenhand.models.building import at_scale, build_model, check_models, importances, judge_first
from evenhand.models.copies import fit_rows
from evenhand.models.cost import fit_seconds, too_dear
from evenhand.models.families import DEFAULTS
from evenhand.models.filling import FilledGradientBoosting

__all__ = [
    "DEFAULTS",
    "CannotFit",
    "FilledGradientBoosting",
    "at_scale",
    "build_model",
    "check_models",
    "fit_rows",
    "fit_seconds",
    "importances",
    "judge_first",
    "too_dear",
]
