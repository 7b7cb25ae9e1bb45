"""What a training will cost, roughly, told before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenhand.models import fit_seconds
from evenhand.problem import BASE
from evenhand.strategies import cost_note, resampled_rows, resampling_seconds
from evenhand.training.candidates import Candidate

WORTH_SAYING = 60.0  # CPU seconds of a fit
FAR_MORE = 5.0  # times what the others take
WORTH_ADDING_UP = 600.0


def cost_notes(fits: Sequence[Candidate], counts: np.ndarray, n_folds: int) -> list[str]:
    """Say which strategies and models cost far more than the rest, and what all of it takes if that is minutes.

    Parameters
    ----------
    fits : sequence of Candidate
    counts : ndarray of int, shape (n_classes,)
        Training rows of each class in a fold.
    n_folds : int
        The held-out period among them.

    Returns
    -------
    list of str
        For people; empty for a training that costs little.
    """
    strategies = {fit.strategy.name: fit.strategy for fit in fits}
    notes = [f"{name}: {note}" for name, s in strategies.items() if (note := cost_note(s, int(counts.sum())))]
    costs = {fit.fit_name: _seconds(fit, counts) for fit in fits}
    usual = float(np.median(list(costs.values()))) if costs else 0.0
    notes += [
        f"{name}: about {took / 60:,.0f} CPU minutes a fit, and half of the others take {usual:,.0f} seconds at most; "
        "max_rows or max_seconds of its model bounds it"
        for name, took in costs.items()
        if took > max(WORTH_SAYING, FAR_MORE * usual)
    ]
    resampling = sum(resampling_seconds(strategy, int(counts.sum())) for strategy in strategies.values())
    whole = n_folds * (sum(costs.values()) + resampling)
    if whole > WORTH_ADDING_UP:
        notes.append(f"all fits: about {whole / 60:,.0f} CPU minutes, by an estimate that can be three times off")
    return notes


def heaviest_first(fits: Sequence[Candidate], counts: np.ndarray) -> list[Candidate]:
    """Order the fits of a fold so that no core is left with a long one at the end (Graham 1969).

    Fits of a strategy and feature set stay together: they share resampled rows. Features beside `base` come first:
    they are encoded before, and no estimate knows how many columns they have.

    Parameters
    ----------
    fits : sequence of Candidate
    counts : ndarray of int, shape (n_classes,)
        Training rows of each class in a fold.
    """
    seconds = {fit.fit_name: _seconds(fit, counts) for fit in fits}
    of_group = {(fit.features, fit.strategy.name): 0.0 for fit in fits}
    for fit in fits:
        of_group[fit.features, fit.strategy.name] += seconds[fit.fit_name]
    places = list(of_group)

    def key(fit: Candidate) -> tuple[bool, float, int, float]:
        group = fit.features, fit.strategy.name
        return fit.features == BASE, -of_group[group], places.index(group), -seconds[fit.fit_name]

    return sorted(fits, key=key)


def _seconds(fit: Candidate, counts: np.ndarray) -> float:
    return fit_seconds(fit.model, resampled_rows(fit.strategy, counts), len(counts))
