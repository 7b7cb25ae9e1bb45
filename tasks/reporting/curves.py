"""Curves: what the figures of a fit are drawn from, in the training's folder for `make figures`; no matplotlib here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.problem import Problem
from evenhand.report.fit_curves import FitCurves, fit_curves, precision_recall_curves
from tasks.reporting.curves_file import CURVES, write_curves
from tasks.training.context import TrainingContext
from tasks.training.results import Result, held_out_units, oof_predictions, read_predictions
from tasks.training.units import slug


def keep_curves(context: TrainingContext, results: Sequence[Result]) -> None:
    """Write what the figures of a fit are drawn from, into the folder of its first candidate."""
    folder = candidate_folder(context.folder, results[0])
    folder.mkdir(parents=True, exist_ok=True)
    write_curves(folder / CURVES, curves_of(context, results[0]))


def curves_of(context: TrainingContext, result: Result) -> FitCurves:
    """Return what the figures show that every candidate of a fit shares.

    These are curves and calibration out of fold, the precision-recall curve on the held-out period, and feature
    importance.
    """
    classes, found = context.parts.classes, FitCurves(context.parts.classes, caption(context.problem))
    if result.oof is not None:
        found = out_of_fold_curves(context, result)
    held_out = held_out_units(result)
    if held_out:
        rows = read_predictions(context.experiment, held_out)
        curves = precision_recall_curves(rows.y, rows.proba, classes)
        found = replace(found, precision_recall_held_out=curves)
    importance = next((unit.importance for unit in result.units if unit.importance is not None), None)
    if importance is not None:
        names = context.experiment.feature_names(result.candidate.features, HOLDOUT_FOLD)
        found = replace(found, features=list(names), importances=np.asarray(importance))
    return found


def out_of_fold_curves(context: TrainingContext, result: Result) -> FitCurves:
    """Return what figures show of a fit's out-of-fold predictions, raw and calibrated."""
    known, corrected, how = oof_predictions(context.experiment, result.fold_units), None, ""
    if result.calibration is not None and result.calibration.changes:
        corrected, how = result.calibration.out_of_fold(known), result.calibration.final.name
    found = fit_curves(context.parts.classes, caption(context.problem), known, corrected)
    return replace(found, calibrated_by=how)


def candidate_folder(folder: Path, result: Result) -> Path:
    """Name the folder of a candidate in that of its training."""
    return folder / "candidates" / slug(result.candidate.name)


def caption(problem: Problem) -> str:
    """Name the data that a figure shows, and that it is synthetic if it is."""
    return problem.title + (" (synthetic data)" if problem.synthetic else "")
