"""What a training's fits weigh against each other: notes before they start, and the order they run in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenhand.models.fit_work import fit_work
from evenhand.problem import BASE
from evenhand.strategies.expected_rows import expected_rows, search_note
from evenhand.training.candidates import Candidate

HEAVY = 1_000_000_000  # rows x trees: about a minute of CPU on the machines of 2026
FAR_MORE = 5  # times the median fit


def workload_notes(fits: Sequence[Candidate], counts: np.ndarray) -> list[str]:
    """Name the strategies and models that are far more work than the rest.

    Parameters
    ----------
    fits : sequence of Candidate
    counts : ndarray of int, shape (n_classes,)
        Training rows of each class in a fold.

    Returns
    -------
    list of str
        Empty where no strategy searches many rows and no fit is far heavier than the others.
    """
    strategies = {fit.strategy.name: fit.strategy for fit in fits}
    n_rows = int(counts.sum())
    notes = [f"{name}: {note}" for name, s in strategies.items() if (note := search_note(s, n_rows))]
    work = {fit.fit_name: _work(fit, counts) for fit in fits}
    median = float(np.median(list(work.values()))) if work else 0.0
    notes += [
        f"{name}: {units / median:,.0f} times the work (rows x trees) of the median fit; max_rows or skip_above_rows "
        "of its model bounds it"
        for name, units in work.items()
        if units > max(HEAVY, FAR_MORE * median)
    ]
    return notes


def heaviest_first(fits: Sequence[Candidate], counts: np.ndarray) -> list[Candidate]:
    """Order the fits of a fold so that no core is left with a long one at the end (Graham 1969).

    Fits of a strategy and feature set stay together, because they share resampled rows. Feature sets other than `base`
    come first: encoding them takes longer, and their number of columns is not known here.

    Parameters
    ----------
    fits : sequence of Candidate
    counts : ndarray of int, shape (n_classes,)
        Training rows of each class in a fold.
    """
    work = {fit.fit_name: _work(fit, counts) for fit in fits}
    of_group = {(fit.features, fit.strategy.name): 0 for fit in fits}
    for fit in fits:
        of_group[fit.features, fit.strategy.name] += work[fit.fit_name]
    order = list(of_group)

    def key(fit: Candidate) -> tuple[bool, int, int, int]:
        group = fit.features, fit.strategy.name
        return fit.features == BASE, -of_group[group], order.index(group), -work[fit.fit_name]

    return sorted(fits, key=key)


def _work(fit: Candidate, counts: np.ndarray) -> int:
    return fit_work(fit.model, expected_rows(fit.strategy, counts), len(counts))
