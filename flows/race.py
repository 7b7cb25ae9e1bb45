"""The race in order: a fold of every fit, then the question which of them can still win, then the next fold."""

from __future__ import annotations

from collections.abc import Sequence

from evenhand.training.candidates import Candidate, fits
from evenhand.training.racing import FEWEST_FOLDS, Stopped, protected_fits
from evenhand.training.workload import heaviest_first
from flows.grid import Fitting, Submitted
from tasks.training.race import race
from tasks.training.units import Unit


def run_race(
    fitting: Fitting,
    grid: Sequence[Candidate],
    folds: Sequence[int],
    racing: bool,
    stacked: bool = False,
) -> tuple[dict[str, list[Unit]], dict[str, Stopped]]:
    """Fit every candidate on the folds, without those that can't win any more where ``racing``.

    Where the best are to be ``stacked``, each model has a fit that runs to the end. Which fits are stopped depends on
    their scores alone, never on which unit is done first.

    Returns
    -------
    dict of str to list of Unit
        The units of each fit, by fold.
    dict of str to Stopped
        Fits that were stopped, by name.
    """
    safe = protected_fits(grid, fitting.problem, stacked)
    running = heaviest_first(fits(grid), fitting.class_counts(folds[0]))
    submitted = Submitted(fitting, len(running) * len(folds), racing)
    stopped: dict[str, Stopped] = {}
    for done, fold in enumerate(folds):
        judging = racing and done >= FEWEST_FOLDS and any(fit.fit_name not in safe for fit in running)
        # Those that run whatever comes out keep the cores busy meanwhile.
        ahead = [fit for fit in running if judging and fit.fit_name in safe]
        submitted.add(ahead, fold)
        if judging:
            inner = submitted.wait_for(folds[:done])
            known = {fit.fit_name: inner[fit.fit_name] for fit in running}
            out = race(fitting.parts, fitting.problem, fitting.seed, grid, known, done, len(folds), safe)
            for name, why in out.items():
                fitting.training.say(f"           {name}: {why.said}")
            stopped |= out
            running = [fit for fit in running if fit.fit_name not in out]
            submitted.expected -= len(out) * (len(folds) - done)
        submitted.add([fit for fit in running if fit not in ahead], fold)
    return submitted.wait_for(folds), stopped
