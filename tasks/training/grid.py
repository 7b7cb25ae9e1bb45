"""The grid of a training, suited to its rows: settings where the problem states none, and no fit twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.features.encoder import n_categorical
from evenhand.models.data_settings import TrainingSize, data_settings
from evenhand.training.candidates import Candidate
from evenhand.training.left_out import same_fits
from tasks.training.context import TrainingContext
from tasks.training.training import Training


def suit_grid(training: Training, context: TrainingContext, grid: Sequence[Candidate]) -> list[Candidate]:
    """Give each candidate its settings, and name those that would be the same fit as another.

    Parameters
    ----------
    training : Training
        Prints a line per fit that is left out.
    context : TrainingContext
    grid : sequence of Candidate

    Returns
    -------
    list of Candidate
    """
    suited, found = suited_grid(context, grid)
    for name, why in found.items():
        training.say(f"          {name} is not fitted: {why}")
    return suited


def suited_grid(context: TrainingContext, grid: Sequence[Candidate]) -> tuple[list[Candidate], dict[str, str]]:
    """Return the candidates with their settings, and by the name of a fit that is left out, why."""
    experiment = context.experiment
    counts = np.bincount(experiment.y[experiment.folds[HOLDOUT_FOLD].train], minlength=len(experiment.classes))
    size = TrainingSize(int(counts.sum()), int((counts > 0).sum()), int(counts[counts > 0].min()))
    suited = [replace(one, model=data_settings(one.model, size)) if one.tuning is None else one for one in grid]
    folds = [experiment.y[fold.train] for fold in experiment.folds.values()]
    categories = {name: n_categorical(features) for name, features in experiment.features.items()}
    found = same_fits(suited, folds, experiment.classes, categories)
    return [replace(one, left_out=found.get(one.fit_name)) for one in suited], found
