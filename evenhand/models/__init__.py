"""Model families: those that take resampled rows, and those that balance inside themselves."""

from evenhand.models.build import at_scale, build_model, check_models, importances
from evenhand.models.cannot_fit import CannotFit
from evenhand.models.families import DEFAULTS
from evenhand.models.fit_rows import fit_rows
from evenhand.models.imputation import FilledGradientBoosting

__all__ = [
    "DEFAULTS",
    "CannotFit",
    "FilledGradientBoosting",
    "at_scale",
    "build_model",
    "check_models",
    "fit_rows",
    "importances",
]
