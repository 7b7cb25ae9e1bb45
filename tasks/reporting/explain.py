"""Explain: what the refitted winner goes by, on held-out rows."""

from __future__ import annotations

from dataclasses import asdict

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.explain.explanation import Explanation, explain
from evenhand.training.candidates import Candidate
from tasks.registry.load_model import load_file
from tasks.storage.files import write_json
from tasks.training.context import TrainingContext
from tasks.training.fit import Refitted
from tasks.training.training import say

EXPLANATION = "explanation.json"


def explain_winner(context: TrainingContext, winner: Candidate, refitted: Refitted) -> Explanation | None:
    """Measure what the winner goes by and write ``explanation.json``; None, with a warning, where it can't be measured.

    The registration reads the same model, and stops the training where it can't.
    """
    experiment, features = context.experiment, context.problem.features
    held_out = experiment.folds[HOLDOUT_FOLD].valid
    own = [features[winner.features]] if winner.features in features else list(features.values())
    rows = experiment.frame.iloc[held_out].reset_index(drop=True)
    try:
        model = load_file(refitted.model.path)
        found = explain(model, rows, experiment.y[held_out], own, context.problem.metric)
    except Exception as error:  # noqa: BLE001 - it decides nothing, and the fits are worth more than a section
        say(f"          warning: what the winner goes by could not be measured ({type(error).__name__}: {error})")
        return None
    write_json(context.folder / EXPLANATION, asdict(found))
    return found
