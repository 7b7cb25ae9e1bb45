"""The grid of a training, suited to its rows: settings where the problem states none, and no fit twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.features.encoder import n_categorical
from evenhand.models.data_settings import data_settings
from evenhand.training.candidates import Candidate
from evenhand.training.left_out import SameFit, same_fits
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
    for why, names in groupby(sorted(found, key=lambda name: found[name].why), key=lambda name: found[name].why):
        left = list(names)
        same = ", ".join(dict.fromkeys(found[name].fit for name in left))
        fitted = "1 fit is" if len(left) == 1 else f"{len(left)} fits are"
        training.say(f"          {fitted} left out: {why}, the same as {same}")
    return suited


def suited_grid(context: TrainingContext, grid: Sequence[Candidate]) -> tuple[list[Candidate], dict[str, SameFit]]:
    """Return the candidates with their settings, and by the name of a fit that is left out, which one is the same."""
    experiment = context.experiment
    n_rows = len(experiment.folds[HOLDOUT_FOLD].train)
    suited = [replace(one, model=data_settings(one.model, n_rows)) if one.tuning is None else one for one in grid]
    folds = [experiment.y[fold.train] for fold in experiment.folds.values()]
    categories = {name: n_categorical(features) for name, features in experiment.features.items()}
    found = same_fits(suited, folds, experiment.classes, categories)
    why = {name: same.text for name, same in found.items()}
    return [replace(one, left_out=why.get(one.fit_name)) for one in suited], found
