"""Race: after some folds, which fits can't win any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.evidence.measure import MeasuredCandidate
from evenhand.problem import Problem
from evenhand.training.candidates import Candidate
from evenhand.training.racing import Stopped, compared_fits, heard, ruled_out
from tasks.data.partition import Parts
from tasks.training.compare import oof_rows
from tasks.training.evaluate import row_by_row, trained_share
from tasks.training.results import known_rows, unseen
from tasks.training.units import Unit, experiment_of


@task(name="race", task_run_name="race after {done} of {of} folds", cache_policy=NO_CACHE)
def race(
    parts: Parts,
    problem: Problem,
    seed: int,
    grid: Sequence[Candidate],
    inner: Mapping[str, Sequence[Unit]],
    done: int,
    of: int,
    protected: Collection[str],
) -> dict[str, Stopped]:
    """Find the fits that can't win any more.

    Parameters
    ----------
    parts, problem, seed
        As for :func:`tasks.training.units.experiment_of`.
    grid : sequence of Candidate
    inner : mapping of fit name to units
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
    experiment = experiment_of(parts, problem, seed)
    running = {name: units for name, units in inner.items() if not any(unit.skipped for unit in units)}
    if not running:
        return {}
    rows = oof_rows(experiment, problem, next(iter(running.values())))
    answers: dict[str, dict[str, MeasuredCandidate]] = {name: {} for name in running}
    for candidate in grid:
        units = running.get(candidate.fit_name)
        if units is not None:
            rule = row_by_row(experiment, candidate.decision, unseen(experiment, units).rows)
            known = known_rows(experiment, units)
            said = heard(rows, known, rule, problem.metric, trained_share(units))
            answers[candidate.fit_name][candidate.name] = said
    entrants = len({candidate.fit_name for candidate in grid} - set(protected))
    return ruled_out(rows, answers, problem.metric, protected, of, entrants, compared=compared_fits(grid))
