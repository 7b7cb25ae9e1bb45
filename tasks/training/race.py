"""The race: one fold of every fit, then which of them can still win, then the next fold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.evidence.measure import MeasuredCandidate
from evenhand.training.candidates import Candidate, fits
from evenhand.training.presets import preset_stacking
from evenhand.training.racing import (
    FOLDS_BEFORE_RACE,
    Race,
    Stopped,
    compared_fits,
    measured_candidate,
    protected_fits,
    ruled_out,
)
from evenhand.training.workload import heaviest_first, workload_notes
from tasks.training.compare import oof_rows
from tasks.training.context import TrainingContext
from tasks.training.evaluate import row_by_row, trained_share
from tasks.training.results import evaluated_positions, oof_predictions
from tasks.training.unit_runner import SubmittedUnits, UnitRunner
from tasks.training.units import Unit, left_out_unit


def run_race(runner: UnitRunner, grid: Sequence[Candidate]) -> tuple[dict[str, list[Unit]], dict[str, Stopped]]:
    """Fit every candidate on the folds; where the problem races, stop those that can't win any more.

    Which fits are stopped depends on their scores alone, never on which unit is done first. Where a stack is made of
    the best, each model has a fit that runs to the end.

    Returns
    -------
    dict of str to list of Unit
        The units of each fit, by fold.
    dict of str to Stopped
        Fits that were stopped, by name.
    """
    problem, preset, folds = runner.context.problem, runner.training.preset, runner.folds
    counts = runner.class_counts(folds[0])
    for note in workload_notes(fits(grid), counts):  # which candidates are far more work than the others
        runner.training.say(f"          {note}")
    racing = problem.racing and preset != "quick"
    protected = protected_fits(grid, problem, stacked=preset_stacking(problem, preset) is not None)
    left_out = [fit for fit in fits(grid) if fit.left_out]
    running = heaviest_first([fit for fit in fits(grid) if not fit.left_out], counts)
    submitted = SubmittedUnits(runner, len(running) * len(folds), racing)
    stopped: dict[str, Stopped] = {}
    for done, fold in enumerate(folds):
        deciding = racing and done >= FOLDS_BEFORE_RACE and any(fit.fit_name not in protected for fit in running)
        # Protected fits go on meanwhile, so that the cores stay busy.
        ahead = [fit for fit in running if deciding and fit.fit_name in protected]
        submitted.add(ahead, fold)
        if deciding:
            fold_units = submitted.wait_for(folds[:done])
            known = {fit.fit_name: fold_units[fit.fit_name] for fit in running}
            out = rule_out(runner.context, grid, known, done, len(folds), protected)
            for name, why in out.items():
                runner.training.say(f"           {name}: {why.message}")
            stopped |= out
            running = [fit for fit in running if fit.fit_name not in out]
            submitted.expected -= len(out) * (len(folds) - done)
        submitted.add([fit for fit in running if fit not in ahead], fold)
    unfitted = {fit.fit_name: [left_out_unit(fit, fold) for fold in folds] for fit in left_out}
    return {**submitted.wait_for(folds), **unfitted}, stopped


@task(name="race", task_run_name="race after {done} of {of} folds", cache_policy=NO_CACHE)
def rule_out(
    context: TrainingContext,
    grid: Sequence[Candidate],
    fold_units: Mapping[str, Sequence[Unit]],
    done: int,
    of: int,
    protected: Collection[str],
) -> dict[str, Stopped]:
    """Find the fits that can't win any more.

    Parameters
    ----------
    context : TrainingContext
    grid : sequence of Candidate
    fold_units : mapping of fit name to units
        Those of the folds that are done, of the fits that are still in the race.
    done, of : int
        Folds that are done, and all of them.
    protected : collection of str
        Names of fits that are never stopped.

    Returns
    -------
    dict of str to Stopped
        By fit name. A fit that was skipped on a fold is not among them: it has no score to be judged by.
    """
    experiment, problem = context.experiment, context.problem
    running = {name: units for name, units in fold_units.items() if not any(unit.skipped for unit in units)}
    if not running:
        return {}
    rows = oof_rows(context, next(iter(running.values())))
    measured: dict[str, dict[str, MeasuredCandidate]] = {name: {} for name in running}
    for candidate in grid:
        units = running.get(candidate.fit_name)
        if units is not None:
            rule = row_by_row(experiment, candidate.decision, evaluated_positions(experiment, units))
            known = oof_predictions(experiment, units)
            share = trained_share(units)
            found = measured_candidate(rows, known, rule, problem.metric, share)
            measured[candidate.fit_name][candidate.name] = found
    entrants = len({candidate.fit_name for candidate in grid} - set(protected))
    return ruled_out(rows, measured, Race(problem.metric, of, protected, compared_fits(grid), entrants))
