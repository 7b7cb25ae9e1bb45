"""The key of a fit: a hash of everything that determines its result, and of nothing else.

The gate, the reviewers, the metric and the other candidates are no part of it: a change of them fits nothing again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenhand.models.transfer.transfer_data import named_transfer_data
from evenhand.training.candidates import Candidate
from tasks.training.context import TrainingContext
from tasks.training.kept.fit_code import FIT_CODE, POSTPROCESSING_CODE, fit_versions
from tasks.training.units import Unit

THREADS = 1  # of a unit, whatever runs it


def unit_key(context: TrainingContext, candidate: Candidate, fold: int) -> str:
    """Return the key of a candidate's fit on a fold's training rows."""
    return _digest(_unit_content(context, candidate, fold))


def model_key(
    context: TrainingContext, winner: Candidate, members: Sequence[Candidate], fold_units: Sequence[Unit]
) -> str:
    """Return the key of the model of a winner, fitted on all training rows.

    Parameters
    ----------
    context : TrainingContext
    winner : Candidate
    members : sequence of Candidate
        Of a stack; else the winner alone.
    fold_units : sequence of Unit
        The winner's out-of-fold units, on which its calibration and decision rule are fitted.
    """
    return _digest(
        {
            "fits": [_unit_content(context, member, -1) for member in members],
            "combine": getattr(winner, "combine", None),
            "decision": winner.decision.model_dump(mode="json"),
            "metric": context.problem.metric,
            "calibration": list(context.problem.calibration),
            "out_of_fold": [_unit_record(unit) for unit in sorted(fold_units, key=lambda unit: unit.fold)],
            "code": POSTPROCESSING_CODE,
        }
    )


def _unit_content(context: TrainingContext, candidate: Candidate, fold: int) -> dict[str, Any]:
    parts, problem, rows = context.parts, context.problem, context.experiment.folds[fold]
    chosen = candidate.chosen_on(fold)
    transfer = set(named_transfer_data([candidate.model]))
    return {
        "rows": [parts.train.sha256, parts.holdout.sha256, _array_digest(rows.train), _array_digest(rows.valid)],
        "classes": list(parts.classes),
        "columns": [problem.target.column, problem.split.holdout.column],
        "transfer": {one.name: one.rows.sha256 for one in parts.transfer if one.name in transfer},
        "model": candidate.model_on(fold).model_dump(mode="json"),
        "strategy": candidate.strategy.model_dump(mode="json"),
        "features": problem.features[candidate.features].model_dump(mode="json"),
        "half_life_days": candidate.half_life_days,
        "tuned": [chosen.skipped, list(chosen.seen)] if chosen else None,
        "fold": fold,
        "seed": context.seed,
        "threads": THREADS,
        "code": FIT_CODE,
        "versions": fit_versions(),
    }


def _unit_record(unit: Unit) -> dict[str, Any]:
    files = [path for path in (unit.probabilities, *unit.nested) if path is not None]
    return {
        "fold": unit.fold,
        "files": [hashlib.sha256(path.read_bytes()).hexdigest() for path in files],
        "resampling": unit.resampling.to_record() if unit.resampling else None,
    }


def _array_digest(positions: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(positions, dtype=np.int64).tobytes()).hexdigest()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
