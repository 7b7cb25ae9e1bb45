"""Compare: which way of handling imbalance helps, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand import comparing
from evenhand.comparing import OF_PROBABILITIES, Answers, Entry, Evidence, Heard, Influence, JudgedRows, Place, Rules
from evenhand.experiment import Candidate, Experiment
from evenhand.problem import Problem
from evenhand.split import block_numbers
from tasks.files import write_json
from tasks.results import Result, judged
from tasks.split import Parts
from tasks.train import HOLDOUT_FOLD, Unit, experiment_of

FILE = "evidence.json"


@task(name="compare", cache_policy=NO_CACHE)
def compare(parts: Parts, problem: Problem, seed: int, results: Sequence[Result], folder: Path) -> Evidence:
    """Compare every candidate with the same model without its strategy, and write ``evidence.json``."""
    experiment, rules = experiment_of(parts, problem, seed), Rules(min_positives=problem.gate.min_positives)
    heard: dict[Place, Heard] = {}
    for place in comparing.PLACES:
        scored = [result for result in results if (result.oof if place == "oof" else result.test) is not None]
        if scored:
            heard[place] = _heard(experiment, problem, place, scored, rules)
    entries = [_entry(result) for result in results]
    evidence = comparing.compare(entries, heard, problem.metric, rules, problem.split.folds.kind)
    write_json(folder / FILE, evidence.to_record())
    return evidence


def _entry(result: Result) -> Entry:
    c: Candidate = result.candidate
    names = (c.model.name, c.model.kind, c.strategy.name, c.strategy.kind, c.features, c.decision.name)
    return Entry(c.name, *names, variant_of=c.variant_of)


def _heard(experiment: Experiment, problem: Problem, place: Place, results: Sequence[Result], rules: Rules) -> Heard:
    """Read what each candidate said; probabilities are read once a fit, and not kept."""
    rows = _rows(experiment, problem, place, _units(results[0], place))
    known, wanted = rows.support >= rules.min_positives, comparing.headline(problem.metric)
    of_fit: dict[str, tuple[np.ndarray, dict[str, Influence]]] = {}
    answers = {}
    for result in results:
        fit = result.candidate.fit_name
        if fit not in of_fit:
            proba = judged(experiment, _units(result, place)).probabilities
            metrics = [metric for metric in wanted if metric in OF_PROBABILITIES]
            measured = {metric: comparing.influences(rows, proba, metric, known) for metric in metrics}
            of_fit[fit] = (proba.argmax(axis=1), measured)
        likely, measured = of_fit[fit]
        decided = result.oof_codes if place == "oof" else result.test_codes
        answers[result.candidate.name] = Answers(likely if decided is None else decided.astype(np.int64), measured)
    return Heard(rows, answers)


def _units(result: Result, place: Place) -> list[Unit]:
    return result.inner if place == "oof" else [unit for unit in result.units if unit.fold == HOLDOUT_FOLD]


def _rows(experiment: Experiment, problem: Problem, place: Place, units: Sequence[Unit]) -> JudgedRows:
    known = judged(experiment, units)
    blocks = problem.split.blocks
    of_row = block_numbers(experiment.frame[blocks.column].iloc[known.rows], blocks) if blocks else None
    classes = tuple(experiment.classes)
    if place == "test":
        return JudgedRows(known.y, classes, blocks=of_row)
    folds = [experiment.folds[fold] for fold in sorted({unit.fold for unit in units})]
    ratios = tuple(len(fold.valid) / len(fold.train) for fold in folds)
    return JudgedRows(known.y, classes, known.folds, ratios, of_row)
