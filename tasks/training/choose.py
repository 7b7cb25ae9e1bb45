"""Choose: the winner among the candidates that have every fold, and the score to expect of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evenhand.errors import ValidationFailed
from evenhand.evidence.baselines import simplicity
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.measure import MeasuredCandidate
from evenhand.problem import GroupFolds
from evenhand.selection.choice import Choice
from evenhand.selection.choice import choose as choose_among
from evenhand.text.cell_text import text_of
from evenhand.training.candidates import Candidate, compared_candidate
from tasks.training.compare import oof_rows
from tasks.training.context import TrainingContext
from tasks.training.evaluate import ranked
from tasks.training.results import Result, evaluated_positions


def choose(context: TrainingContext, results: Sequence[Result]) -> tuple[Candidate, Choice]:
    """Choose the winner by the primary metric out of fold, and say what to expect of it on the held-out rows.

    A candidate that the race stopped takes no part: on the folds that it has, it could not have won.

    Returns
    -------
    Candidate, Choice

    Raises
    ------
    ValidationFailed
        When no candidate could be fitted on every fold.
    """
    problem = context.problem
    finished = {result.candidate.name: result for result in ranked(problem, results) if result.stopped is None}
    if not finished:
        reasons = "; ".join(sorted({f"{r.candidate.name}: {r.skipped}" for r in results}))
        raise ValidationFailed(f"no candidate has an out-of-fold {problem.metric}: {reasons}")
    order = sorted(finished, key=lambda name: simplicity(compared_candidate(finished[name].candidate)))
    answers = {name: measured_result(result, problem.metric) for name, result in finished.items()}
    rows = _dependent(context, finished[order[0]])
    found = choose_among(rows, answers, order, problem.metric, context.parts.holdout.rows)
    return finished[found.name].candidate, found


def measured_result(result: Result, metric: str) -> MeasuredCandidate:
    """Return what is compared of a candidate that has every fold."""
    assert result.oof_codes is not None  # noqa: S101 - a result with a score has them
    known = {} if result.influence is None else {metric: result.influence}
    return MeasuredCandidate(result.oof_codes.astype(np.int64), known)


def _dependent(context: TrainingContext, result: Result) -> EvaluationRows:
    """Return the rows out of fold; where the folds keep groups together, so do the parts that are left out."""
    rows, folds = oof_rows(context, result.fold_units), context.problem.split.folds
    if rows.blocks is not None or not isinstance(folds, GroupFolds):
        return rows
    positions = evaluated_positions(context.experiment, result.fold_units)
    groups = text_of(context.experiment.frame[folds.column].iloc[positions]).fillna("(missing)")
    return replace(rows, blocks=pd.factorize(groups)[0])
