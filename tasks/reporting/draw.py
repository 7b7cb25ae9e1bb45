"""Figures of a training: those of a fit are drawn once, however many decision rules share its probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evenhand.data.fold_names import HOLDOUT
from evenhand.problem import ARGMAX, Problem
from evenhand.report import figures
from evenhand.report.candidate_row import row_name
from evenhand.report.fit_curves import FitCurves, precision_recall_curves
from evenhand.report.training.data import BASELINE_CURVES, STRATEGY_CURVES
from evenhand.report.training.strategies import scored_strategies
from evenhand.strategies import ResamplingRecord
from tasks.reporting.curves import candidate_folder, caption, curves_of, out_of_fold_curves
from tasks.training.context import TrainingContext
from tasks.training.results import Result, held_out_units, oof_predictions, read_predictions, was_skipped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STRATEGIES_DRAWN = 7  # curves that are readable in one panel


def draw_files(context: TrainingContext, results: Sequence[Result]) -> None:
    """Draw the figures of the candidates that share a fit into their folders; nothing here needs Prefect or MLflow."""
    shared = {name: figures.to_png(figure) for name, figure in draw_fit(curves_of(context, results[0])).items()}
    for result in results:
        folder = candidate_folder(context.folder, result)
        folder.mkdir(parents=True, exist_ok=True)
        own = {name: figures.to_png(figure) for name, figure in _draw_rule(context, result).items()}
        for name, png in {**shared, **own}.items():
            (folder / f"{name}.png").write_bytes(png)


def draw_fit(found: FitCurves) -> dict[str, Figure]:
    """Draw the figures of a fit.

    Returns
    -------
    dict of str to Figure
        By name; empty where the fit was skipped.
    """
    drawn: dict[str, Figure] = {}
    if found.precision_recall:
        drawn["precision_recall"] = figures.precision_recall(found.precision_recall, found.classes, found.note)
        drawn["roc"] = figures.roc(found.roc, found.classes, found.note)
        drawn["calibration"] = _calibration(found)
    if found.precision_recall_held_out:
        note = f"{found.note}, held-out period"
        curves = figures.precision_recall(found.precision_recall_held_out, found.classes, note)
        drawn["precision_recall_held_out"] = curves
    if found.features:
        importances = [float(value) for value in found.importances]
        drawn["feature_importance"] = figures.feature_importance(found.features, importances, found.note)
    return drawn


def draw_winner(context: TrainingContext, won: Result, reference: Result | None) -> dict[str, Figure]:
    """Draw what a training's page shows of the winner's fit and, if it is another one, of its reference's."""
    drawn, note = {}, caption(context.problem)
    if won.oof is not None:
        found = out_of_fold_curves(context, won)
        drawn["precision_recall"] = figures.precision_recall(found.precision_recall, found.classes, note)
        drawn["calibration"] = _calibration(found)
    if reference is not None and reference.oof is not None and reference.candidate.fit_name != won.candidate.fit_name:
        known = oof_predictions(context.experiment, reference.fold_units)
        curves = precision_recall_curves(known.y, known.proba, context.parts.classes)
        drawn[BASELINE_CURVES] = figures.precision_recall(curves, context.parts.classes, note)
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


def _calibration(found: FitCurves) -> Figure:
    how = f"{found.note}; calibration: {found.calibrated_by}" if found.calibrated_by else found.note
    return figures.calibration(found.calibration, how)


def _draw_rule(context: TrainingContext, result: Result) -> dict[str, Figure]:
    """Draw what depends on the decision rule: the confusion matrix out of fold."""
    if result.oof is None:
        return {}
    matrix = figures.confusion_matrix(result.oof.confusion, context.parts.classes, note=caption(context.problem))
    return {"confusion_matrix": matrix}
