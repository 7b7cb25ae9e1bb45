"""The reference of the winner for monitoring: summaries of its training rows and of its held-out period."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.errors import ValidationFailed
from evenhand.monitoring.periods import period_names
from evenhand.monitoring.rows import MonitoredRows, learn_reference, monitored_columns, monitored_period
from evenhand.scoring.model import FittedCandidate
from tasks.registry.store_model import REFERENCE_FILE
from tasks.storage.files import read_array
from tasks.training.context import TrainingContext
from tasks.training.units import Unit


def write_reference(context: TrainingContext, fitted: FittedCandidate, unit: Unit) -> Path | None:
    """Write the reference beside the file of the model.

    Parameters
    ----------
    context : TrainingContext
    fitted : FittedCandidate
        Fitted on all training rows, with its calibration and decision rule.
    unit : Unit
        Its probabilities for the held-out rows.

    Returns
    -------
    Path or None
        None where rows are held out at random: without an order there are no periods to watch.

    Raises
    ------
    ValidationFailed
        When it has no probabilities for them.
    """
    if unit.probabilities is None:
        raise ValidationFailed(f"{unit.candidate.name} has no probabilities for the held-out rows: {unit.skipped}")
    experiment, problem = context.experiment, context.problem
    order = problem.split.holdout.order
    if order is None:
        return None
    outer = experiment.folds[HOLDOUT_FOLD]
    names, proba = fitted.decide(read_array(unit.probabilities))
    code = {name: at for at, name in enumerate(fitted.class_names)}
    predicted = np.array([code[name] for name in names], dtype=np.int64)
    columns = [str(name) for name in fitted.encoder.feature_names_in_]
    needed = list(dict.fromkeys([*columns, order]))

    def part(rows: np.ndarray, **known: np.ndarray) -> MonitoredRows:
        frame = experiment.frame[needed].iloc[rows].reset_index(drop=True)
        period = period_names(frame[order], monitored_period(problem))
        return MonitoredRows(monitored_columns(problem, frame, columns), period, **known)

    held_out = part(outer.valid, predicted=predicted, proba=proba, y=experiment.y[outer.valid])
    made = learn_reference(problem, tuple(fitted.class_names), part(outer.train), held_out)
    path = unit.probabilities.parent / REFERENCE_FILE
    path.write_bytes(made.to_bytes())
    return path
