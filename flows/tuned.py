"""Studies in order: those of a fold together, then those on all training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event
from typing import Any

from prefect.futures import PrefectFuture, as_completed

from evenhand.training.candidates import Candidate, fits
from evenhand.training.tuned_settings import Chosen
from flows.grid import Fitting
from tasks.training.study import study_place
from tasks.training.tune import tune
from tasks.training.units import HOLDOUT_FOLD


def run_studies(fitting: Fitting, candidates: Sequence[Candidate], folds: Sequence[int]) -> list[Candidate]:
    """Tune candidates, for every fold on that fold's training rows alone.

    Returns
    -------
    list of Candidate
        The candidates, which know what was chosen for each fold and for the final fit.
    """
    rows, training, ended = (fitting.parts, fitting.problem, fitting.seed), fitting.training, Event()
    futures: dict[PrefectFuture[Any], str] = {
        tune.submit(*rows, fit, fold, training.folder, fitting.workers, ended): fit.fit_name
        for fold in (*folds, HOLDOUT_FOLD)
        for fit in fits(candidates)
    }
    try:
        for done, future in enumerate(as_completed(list(futures)), start=1):
            training.say(f"  {done:3d}/{len(futures)}  {futures[future]:34s} {_told(future.result())}")
    except BaseException:
        ended.set()  # or the threads of this process would go on to the end of their studies
        raise
    found: dict[str, list[Chosen]] = {}
    for future, name in futures.items():
        found.setdefault(name, []).append(future.result())
    return [replace(candidate, chosen=tuple(found[candidate.fit_name])) for candidate in candidates]


def _told(chosen: Chosen) -> str:
    where = f"{study_place(chosen.fold):17s}"
    counts = ", ".join(f"{n} {state}" for state in ("pruned", "failed") if (n := chosen.count(state)))
    trials = f"{len(chosen.trials)} trials" + (f" ({counts})" if counts else "")
    if chosen.best is None:
        return f"{where} skipped: {chosen.skipped}"
    return f"{where} inner {chosen.metric} {chosen.best.value:.3f}  {trials}"
