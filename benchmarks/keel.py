"""Rank the methods of handling imbalance over many data sets: ``make bench-keel``, or ``python -m benchmarks.keel``.

Every strategy of the catalogue with LightGBM, every family that balances by itself, and decision rules, out of fold on
the KEEL sets of keel.yaml. Scores are means over the repeats of five stratified folds. Fits are kept below
``<home>/bench/keel``, so that a stopped run can be resumed. Tables and diagrams are written below ``<runs>/bench``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.keel_sets import KeelSet, read_sets
from benchmarks.keel_tables import HEADLINE, MethodScores, write_results
from evenhand.data.split import make_folds
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import score
from evenhand.postprocess.fit_rules import cross_fitted
from evenhand.problem import FULL_MODELS, ModelSpec, MultipliersDecision, PriorPowerDecision, SimpleStrategy
from evenhand.problem import StratifiedFolds as Stratified
from evenhand.problem.strategies import FULL
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from tasks.settings import settings
from tasks.storage.files import write_json

SEED, FOLDS, REPEATS = 42, 5, 1
NONE, LIGHTGBM = SimpleStrategy(kind="none"), ModelSpec(kind="lightgbm")
RULES = (
    PriorPowerDecision(kind="prior_power"),
    PriorPowerDecision(kind="prior_power", tau=1.0),
    MultipliersDecision(kind="multipliers", metric="macro_f1"),
    MultipliersDecision(kind="multipliers", metric="g_mean"),
)
METRICS = (*HEADLINE, "g_mean")


def fitted() -> list[Candidate]:
    """List what is fitted: strategies with LightGBM, then families.

    Capping is left out: no class here reaches 20,000 rows.
    """
    strategies = [Candidate(LIGHTGBM, strategy) for strategy in FULL if strategy.kind != "capped"]
    return strategies + [Candidate(model, NONE) for model in FULL_MODELS]


def ruled() -> list[Candidate]:
    """List the decision rules, each on LightGBM without resampling."""
    return [Candidate(LIGHTGBM, NONE, decision=rule) for rule in RULES]


def method(candidate: Candidate) -> str:
    """Name a candidate in tables by its difference from plain LightGBM."""
    parts = candidate.name.split(" / ")
    if candidate.model != LIGHTGBM:
        return parts[0]
    return " / ".join(parts[1:])


def main() -> None:
    """Fit what no earlier run has kept, score it, and write tables and diagrams."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="repeats of the folds, each with its own seed")
    parser.add_argument("--only", nargs="*", help="names of the sets; all of them if not given")
    parser.add_argument("--fresh", action="store_true", help="delete the fits of earlier runs first")
    asked = parser.parse_args()
    kept = settings().home / "bench" / "keel"
    if asked.fresh:
        shutil.rmtree(kept, ignore_errors=True)
    sets = [data for data in read_sets() if not asked.only or data.name in asked.only]
    scored, started = [], time.monotonic()
    for done, data in enumerate(sets, start=1):
        of_set = [found for repeat in range(asked.repeats) for found in scores(data, repeat, kept)]
        scored += of_set
        skipped = len({found.method for found in of_set if found.skipped})
        left = (time.monotonic() - started) / done * (len(sets) - done)
        rows = f"{len(data.y):,} rows, {np.bincount(data.y).min()} of the rarer class"
        print(
            f"{done:3d}/{len(sets)}  {data.name:32s} {rows:38s} {skipped} skipped  about {left:.0f} s left", flush=True
        )
    folder = settings().runs / "bench" / "keel"
    write_results(folder, scored, {data.name: data.source for data in sets}, asked.repeats)
    print((folder / "keel.md").read_text(encoding="utf-8"))
    print(folder)


def scores(data: KeelSet, repeat: int, kept: Path) -> Iterator[MethodScores]:
    """Score every method on one set and one repeat of its folds."""
    folds = make_folds(data.frame, data.y, Stratified(kind="stratified", n=FOLDS), SEED + repeat)
    experiment = Experiment(data.frame, data.y, data.classes, folds, {"base": data.features}, SEED + repeat)
    folder = kept / data.name / f"{data.sha256[:16]}-{repeat}"
    folder.mkdir(parents=True, exist_ok=True)
    answers = {candidate.name: answer(experiment, candidate, folder) for candidate in fitted()}
    order = np.concatenate([fold.valid for fold in folds])
    number = np.repeat([fold.number for fold in folds], [len(fold.valid) for fold in folds])
    y = data.y[order]
    for candidate in (*fitted(), *ruled()):
        proba = answers[candidate.fit_name]
        if isinstance(proba, str):
            yield MethodScores(data.name, repeat, method(candidate), proba, dict.fromkeys(METRICS, float("nan")))
            continue
        codes = cross_fitted(candidate.decision, Predictions(y, proba, folds=number), data.classes, "macro_f1")
        found = score(y, proba, data.classes, codes).metrics
        yield MethodScores(data.name, repeat, method(candidate), "", {name: found[name] for name in METRICS})


def answer(experiment: Experiment, candidate: Candidate, folder: Path) -> np.ndarray | str:
    """Return the out-of-fold probabilities, fold by fold, or the reason why there are none; kept ones are read."""
    path = folder / f"{key(candidate)}.npy"
    reason = path.with_suffix(".json")
    if reason.exists():
        return str(json.loads(reason.read_text(encoding="utf-8")))
    if path.exists():
        return np.asarray(np.load(path, allow_pickle=False))
    outcomes = [experiment.run(candidate, number) for number in experiment.folds]
    found = [outcome.probabilities for outcome in outcomes if outcome.probabilities is not None]
    if len(found) < len(outcomes):
        why = next(outcome.skipped for outcome in outcomes if outcome.skipped)
        write_json(reason, why)
        return why
    leaks = [leak for outcome in outcomes for leak in outcome.leaks or ()]
    if leaks:
        raise SystemExit(f"{candidate.name}: {leaks[0]}")
    temporary = path.with_suffix(".part.npy")
    np.save(temporary, np.concatenate(found), allow_pickle=False)
    temporary.replace(path)
    return np.concatenate(found)


def key(candidate: Candidate) -> str:
    """Hash what determines a fit: the model and the strategy with all their settings."""
    made_by = [candidate.model.model_dump(mode="json"), candidate.strategy.model_dump(mode="json"), FOLDS, SEED]
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
