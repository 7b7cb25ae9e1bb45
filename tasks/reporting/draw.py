"""Figures of a training: those of a fit are drawn once, however many decision rules share its probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from evenhand.data.fold_names import HOLDOUT, HOLDOUT_FOLD
from evenhand.metrics.predictions import Predictions
from evenhand.problem import ARGMAX, Problem
from evenhand.report import figures
from evenhand.report.candidate_row import row_name
from evenhand.report.training.data import BASELINE_CURVES, STRATEGY_CURVES
from evenhand.report.training.strategies import scored_strategies
from evenhand.strategies import ResamplingRecord
from tasks.training.context import TrainingContext
from tasks.training.results import Result, held_out_units, oof_predictions, read_predictions, was_skipped
from tasks.training.units import slug

STRATEGIES_DRAWN = 7  # curves that are readable in one panel


def draw_files(context: TrainingContext, results: Sequence[Result]) -> None:
    """Draw the figures of the candidates that share a fit into their folders; nothing here needs Prefect or MLflow."""
    shared = {name: figures.to_png(figure) for name, figure in draw_fit(context, results[0]).items()}
    for result in results:
        folder = candidate_folder(context.folder, result)
        folder.mkdir(parents=True, exist_ok=True)
        own = {name: figures.to_png(figure) for name, figure in _draw_rule(context, result).items()}
        for name, png in {**shared, **own}.items():
            (folder / f"{name}.png").write_bytes(png)


def candidate_folder(folder: Path, result: Result) -> Path:
    """Name the folder of a candidate in that of its training."""
    return folder / "candidates" / slug(result.candidate.name)


def draw_fit(context: TrainingContext, result: Result) -> dict[str, Figure]:
    """Draw what every candidate of a fit shares.

    These are curves and calibration out of fold, the precision-recall curve on the held-out period, and feature
    importance.

    Returns
    -------
    dict of str to Figure
        By name; empty where the fit was skipped.
    """
    drawn = _draw_out_of_fold(context, result, ("precision_recall", "roc", "calibration"))
    held_out = held_out_units(result)
    if held_out:
        known, note = read_predictions(context.experiment, held_out), f"{caption(context.problem)}, held-out period"
        curves = figures.precision_recall(known.y, known.proba, context.parts.classes, note=note)
        drawn["precision_recall_held_out"] = curves
    importance = next((unit.importance for unit in result.units if unit.importance is not None), None)
    if importance is not None:
        names = context.experiment.feature_names(result.candidate.features, HOLDOUT_FOLD)
        drawn["feature_importance"] = figures.feature_importance(names, importance, note=caption(context.problem))
    return drawn


def draw_winner(context: TrainingContext, won: Result, reference: Result | None) -> dict[str, Figure]:
    """Draw what a training's page shows of the winner's fit and, if it is another one, of its reference's."""
    drawn = _draw_out_of_fold(context, won, ("precision_recall", "calibration"))
    if reference is not None and reference.candidate.fit_name != won.candidate.fit_name:
        for figure in _draw_out_of_fold(context, reference, ("precision_recall",)).values():
            drawn[BASELINE_CURVES] = figure
    return drawn


def draw_strategies(context: TrainingContext, results: Sequence[Result]) -> dict[str, Figure]:
    """Draw the precision-recall curves of every strategy of the evidence family on the held-out period.

    With many strategies these are the baseline and the best by average precision.
    """
    shown = scored_strategies([result.row() for result in results], context.problem.evidence_model)
    plain = [row for row in shown if row.decision == ARGMAX.name]  # rules share the curves of their fit
    if len(plain) < 2:
        return {}
    best = sorted(plain[1:], key=lambda row: -row.test.metrics["average_precision"] if row.test else 0.0)
    names = {row_name(row) for row in [plain[0], *best[: STRATEGIES_DRAWN - 1]]}
    curves = (
        (result.candidate.strategy.name, read_predictions(context.experiment, held_out_units(result)))
        for result in results
        if result.candidate.name in names
    )
    some = "" if len(names) == len(plain) else f"; the best {len(names)} of {len(plain)} strategies"
    note = f"{caption(context.problem)}, held-out period{some}"
    return {STRATEGY_CURVES: figures.precision_recall_compared(curves, context.parts.classes, note=note)}


def draw_comparison(
    problem: Problem, results: Sequence[Result], records: Mapping[str, Sequence[ResamplingRecord]]
) -> dict[str, Figure]:
    """Draw all candidates: their scores, and what each strategy did to the class counts."""
    last = {name: entries[-1] for name, entries in records.items() if not was_skipped(entries[-1])}
    refitted = {name: entry for name, entry in last.items() if entry.fold == HOLDOUT} or last
    before = next(iter(refitted.values())).before
    after, rows = {name: entry.after for name, entry in refitted.items()}, [result.row() for result in results]
    return {
        "strategy_comparison": figures.strategy_comparison(rows, problem.metric, note=caption(problem)),
        "class_counts": figures.class_counts(before, after, note=caption(problem)),
    }


def caption(problem: Problem) -> str:
    """Name the data that a figure shows, and that it is synthetic if it is."""
    return problem.title + (" (synthetic data)" if problem.synthetic else "")


def _draw_out_of_fold(context: TrainingContext, result: Result, names: Sequence[str]) -> dict[str, Figure]:
    if result.oof is None:
        return {}
    known = oof_predictions(context.experiment, result.fold_units)
    classes, note = context.parts.classes, caption(context.problem)
    draw = {
        "precision_recall": lambda: figures.precision_recall(known.y, known.proba, classes, note=note),
        "roc": lambda: figures.roc(known.y, known.proba, classes, note=note),
        "calibration": lambda: _calibration(known, result, classes, note),
    }
    return {name: draw[name]() for name in names}


def _calibration(known: Predictions, result: Result, classes: tuple[str, ...], note: str) -> Figure:
    if result.calibration is None or not result.calibration.changes:
        return figures.calibration(known.y, known.proba, classes, note=note)
    corrected = result.calibration.out_of_fold(known)
    how = f"{note}; calibration: {result.calibration.final.name}"
    return figures.calibration(known.y, known.proba, classes, note=how, corrected=corrected)


def _draw_rule(context: TrainingContext, result: Result) -> dict[str, Figure]:
    """Draw what depends on the decision rule: the confusion matrix out of fold."""
    if result.oof is None:
        return {}
    matrix = figures.confusion_matrix(result.oof.confusion, context.parts.classes, note=caption(context.problem))
    return {"confusion_matrix": matrix}
