"""The stack of a training: made once the candidates are judged, and refitted with them."""

from __future__ import annotations

from collections.abc import Sequence

from evenhand.postprocess.postprocessing import Postprocessing
from evenhand.problem import Problem
from evenhand.problem.presets import Preset
from evenhand.training.candidates import Candidate
from evenhand.training.presets import preset_stacking
from flows.grid import Fitting, run_refits, run_units
from tasks.data.partition import Parts
from tasks.training.fit import Refitted
from tasks.training.results import Result
from tasks.training.run import Training
from tasks.training.stack import Stacked, refit_stack, stack, stack_unseen
from tasks.training.units import HOLDOUT_FOLD, Unit

Units = dict[str, list[Unit]]


def stack_best(
    training: Training, parts: Parts, problem: Problem, preset: Preset, seed: int, scored: Sequence[Result]
) -> Stacked | None:
    """Stack the best fits where the problem or the preset asks for it."""
    asked = preset_stacking(problem, preset)
    if asked is None:
        return None
    stacked = stack(parts, problem, seed, asked, scored, training.folder)
    if stacked is None:
        training.say("          no stack: fewer than two families were fitted on every fold")
    else:
        training.say(f"          {stacked.candidate.name}")
    return stacked


def refit_all(
    fitting: Fitting,
    winner: Candidate,
    ending: Postprocessing,
    candidates: Sequence[Candidate],
    stacked: Stacked | None,
) -> tuple[Refitted, Units]:
    """Fit the winner, which is kept, and every other candidate on all training rows; see :func:`flows.grid.run_refits`.

    Of a winning stack the members are fitted here, and once.
    """
    rows, folder = (fitting.parts, fitting.problem, fitting.seed), fitting.training.folder
    if stacked is None or stacked.candidate.fit_name != winner.fit_name:
        whole, outer = run_refits(fitting, winner, ending, candidates)
        if stacked is not None:
            unit = stack_unseen(*rows, stacked, outer, folder)
            outer = {**outer, stacked.candidate.fit_name: [unit]}
        return whole, outer
    whole, done = refit_stack(*rows, stacked, ending, folder, fitting.workers)
    others = [candidate for candidate in candidates if candidate.fit_name not in done]
    return whole, {**run_units(fitting, others, HOLDOUT_FOLD), **done}
