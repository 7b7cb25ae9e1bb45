"""Draw: the figures of a fit, each drawn once, however many decision rules share its probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.metrics.predictions import Predictions
from evenhand.problem import Problem
from evenhand.report import figures
from tasks.training.context import TrainingContext
from tasks.training.results import Result, oof_predictions
from tasks.training.units import slug


def draw_files(context: TrainingContext, results: Sequence[Result]) -> None:
    """Draw the figures of the candidates that share a fit into their folders; nothing here needs Prefect or MLflow."""
    shared = draw_fit(context, results[0])
    for result in results:
        folder = candidate_folder(context.folder, result)
        folder.mkdir(parents=True, exist_ok=True)
        for name, png in {**shared, **draw_candidate(context.problem, result, context.parts.classes)}.items():
            (folder / f"{name}.png").write_bytes(png)


def candidate_folder(folder: Path, result: Result) -> Path:
    """Name the folder of a candidate in that of its training."""
    return folder / "candidates" / slug(result.candidate.name)


def draw_fit(context: TrainingContext, result: Result) -> dict[str, bytes]:
    """Draw what every candidate of a fit shares: curves and calibration out of fold, and feature importance.

    Parameters
    ----------
    context : TrainingContext
    result : Result

    Returns
    -------
    dict of str to bytes
        PNG files by name; empty where the fit was skipped.
    """
    experiment, classes, note = context.experiment, context.parts.classes, caption(context.problem)
    drawn: dict[str, Figure] = {}
    if result.oof is not None:
        known = oof_predictions(experiment, result.inner)
        for name in ("precision_recall", "roc"):
            drawn[name] = getattr(figures, name)(known.y, known.proba, classes, note=note)
        drawn["calibration"] = _calibration(known, result, classes, note)
    importance = next((unit.importance for unit in result.units if unit.importance is not None), None)
    if importance is not None:
        names = experiment.feature_names(result.candidate.features, HOLDOUT_FOLD)
        drawn["feature_importance"] = figures.feature_importance(names, importance, note=note)
    return {name: figures.to_png(figure) for name, figure in drawn.items()}


def _calibration(known: Predictions, result: Result, classes: tuple[str, ...], note: str) -> Figure:
    if result.corrections is None or not result.corrections.changes:
        return figures.calibration(known.y, known.proba, classes, note=note)
    corrected = result.corrections.out_of_fold(known)
    how = f"{note}; correction: {result.corrections.final.name}"
    return figures.calibration(known.y, known.proba, classes, note=how, corrected=corrected)


def draw_candidate(problem: Problem, result: Result, classes: tuple[str, ...]) -> dict[str, bytes]:
    """Draw what depends on the decision rule: the confusion matrix out of fold."""
    if result.oof is None:
        return {}
    figure = figures.confusion_matrix(result.oof.confusion, classes, note=caption(problem))
    return {"confusion_matrix": figures.to_png(figure)}


def caption(problem: Problem) -> str:
    """Say what data a figure shows, and that it is synthetic if it is."""
    return problem.title + (" (synthetic data)" if problem.synthetic else "")
