"""Page: report.html and the model card of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evenhand.data.groups import groups_of
from evenhand.data.split import block_numbers
from evenhand.explain.errors import Errors, find_errors
from evenhand.gate.verdict import Verdict
from evenhand.metrics.predictions import Predictions
from evenhand.report.candidate_row import Row, is_baseline, row_name
from evenhand.report.model_card import model_card, model_card_page
from evenhand.report.summary import Summary
from evenhand.report.training.data import CalibratedScores, Made, Measured, Report
from evenhand.report.training.intervals import HeldOut, measure
from evenhand.report.training.page import report_page
from evenhand.training.experiment import Experiment
from tasks.data.validate import Validated
from tasks.reporting.draw import draw_comparison, draw_strategies, draw_winner
from tasks.tracking.training_runs import GATE_REPORT
from tasks.training.context import TrainingContext
from tasks.training.outcome import Compared
from tasks.training.results import Result, evaluated_positions, held_out_units, read_predictions, resampling_records
from tasks.training.training import code_hash

REPORT, CARD = "report.html", "model_card"
LINKS = {
    "Model card": f"{CARD}.html",
    "Gate report: why this verdict": GATE_REPORT,
    "Data quality": "quality/quality.html",
}


def write_page(
    context: TrainingContext, summary: Summary, verdict: Verdict, validated: Validated, compared: Compared
) -> None:
    """Write ``report.html``, ``model_card.md`` and ``model_card.html`` into a training's folder.

    The folder holds the probabilities below ``units/``, from which the figures of the page are drawn.
    """
    problem, results, won = context.problem, compared.results, compared.winning
    baseline, records = _baseline(won, results), resampling_records(results)
    rows = {result.candidate.name: result.row() for result in results}
    report = Report(
        problem=problem,
        summary=summary,
        verdict=verdict,
        rows=tuple(rows.values()),
        winner=rows[compared.winner.name],
        baseline=rows[baseline.candidate.name] if baseline else None,
        made=_made(context, validated, won),
        measured=_measured(context, won, baseline),
        evidence=compared.evidence,
        explanation=compared.explanation,
        errors=_errors(context, won),
        calibrated=_calibrated_scores(results),
        records=tuple(entries[-1] for entries in records.values()),  # the fit on all training rows, if there was one
        figures={
            **draw_winner(context, won, baseline),
            **draw_comparison(problem, results, records),
            **draw_strategies(context, results),
        },
    )
    for name, write in ((f"{CARD}.md", model_card), (f"{CARD}.html", model_card_page), (REPORT, report_page)):
        text = write(replace(report, links=_links(context)))
        temporary = context.folder / f".{name}.part"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(context.folder / name)


def _links(context: TrainingContext) -> dict[str, str]:
    """Return the pages that the training's folder has by now."""
    return {name: path for name, path in LINKS.items() if (context.folder / path).is_file()}


def _baseline(won: Result, results: Sequence[Result]) -> Result | None:
    """Find the winner's baseline."""
    for result in results:
        row: Row = result.row()
        if is_baseline(row) and row.group == won.row().group and row_name(row) != won.candidate.name:
            return result
    return None


def _measured(context: TrainingContext, won: Result, baseline: Result | None) -> Measured | None:
    experiment, problem = context.experiment, context.problem
    model = _held_out(experiment, won)
    if model is None:
        return None
    other = _held_out(experiment, baseline) if baseline else None
    rows = evaluated_positions(experiment, held_out_units(won))
    frame, blocks = experiment.frame.iloc[rows], None
    if problem.split.blocks is not None:  # as in the comparisons; groups that the data show widen the gate's alone
        blocks = block_numbers(frame[problem.split.blocks.column], problem.split.blocks)
    held_out = HeldOut(experiment.classes, model, other, groups_of(problem, frame), blocks)
    return measure(held_out, problem.metric, problem.gate)


def _errors(context: TrainingContext, won: Result) -> Errors | None:
    experiment = context.experiment
    found = _held_out(experiment, won)
    if found is None:
        return None
    rows = experiment.frame.iloc[evaluated_positions(experiment, held_out_units(won))]
    return find_errors(context.problem, rows, found.codes != found.y)


def _held_out(experiment: Experiment, result: Result) -> Predictions | None:
    """Read a candidate's predictions for the held-out rows."""
    units = held_out_units(result)
    if result.test is None or not units:
        return None
    codes = None if result.test_codes is None else result.test_codes.astype(np.int64)
    return replace(read_predictions(experiment, units), predicted=codes)


def _made(context: TrainingContext, validated: Validated, won: Result) -> Made:
    parts = context.parts
    order, train = context.problem.split.holdout.order, parts.train.rows
    when = None if order is None else context.experiment.frame[order]
    return Made(
        train_sha256=parts.train.sha256,
        holdout_sha256=parts.holdout.sha256,
        train_period=None if when is None else _period(when.iloc[:train]),
        holdout_period=None if when is None else _period(when.iloc[train:]),
        suite=validated.suite,
        checked=validated.checked,
        dropped_duplicates=validated.dropped_duplicates,
        folds=won.folds_done,
        identity=code_hash(),
    )


def _period(values: pd.Series) -> tuple[str, str] | None:
    known = values.dropna()
    if known.empty:
        return None
    first, last = known.min(), known.max()
    if isinstance(first, pd.Timestamp):
        return str(first.date()), str(last.date())
    return f"{first:g}", f"{last:g}"


def _calibrated_scores(results: Sequence[Result]) -> dict[str, CalibratedScores]:
    """Return the scores of the calibrated probabilities of every candidate that has them."""
    found = ((result.candidate.name, result.shipped) for result in results)
    return {name: CalibratedScores(s.calibration, s.oof, s.test) for name, s in found if s is not None}
