"""Evaluate: every candidate at natural prevalence, out of fold and on the held-out period."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand import figures
from evenhand.errors import ValidationFailed
from evenhand.evaluate import Scores, flat, score, to_record
from evenhand.experiment import Candidate
from evenhand.problem import LOWER_IS_BETTER, Problem
from evenhand.strategies import LedgerEntry
from evenhand.tables import Row
from tasks import tracking
from tasks.split import Parts
from tasks.train import HOLDOUT_FOLD, Unit, experiment_of, slug


@dataclass(frozen=True)
class Result:
    """A candidate with what all its units gave."""

    candidate: Candidate
    units: tuple[Unit, ...]
    oof: Scores | None
    test: Scores | None

    @property
    def skipped(self) -> str | None:
        """Why the strategy could not run, if it could not on any fold."""
        return next((unit.skipped for unit in self.units if unit.skipped), None)

    @property
    def folds_done(self) -> int:
        """Folds inside the training rows that were fitted."""
        return sum(unit.fold != HOLDOUT_FOLD and unit.skipped is None for unit in self.units)

    @property
    def fit_seconds(self) -> float:
        """CPU seconds of all fits."""
        return round(sum(unit.fit_seconds for unit in self.units), 2)

    @property
    def ledger(self) -> list[LedgerEntry]:
        """Resampling ledger, a line a fold."""
        return [unit.ledger for unit in self.units if unit.ledger is not None]

    def row(self) -> Row:
        """Return the line of the comparison tables."""
        c = self.candidate
        return Row(
            c.model.name, c.strategy.name, c.features, c.decision, self.oof, self.test, self.fit_seconds, self.skipped
        )


def judged(parts: Parts, problem: Problem, seed: int, units: Sequence[Unit]) -> tuple[np.ndarray, np.ndarray]:
    """Put the judged rows of several folds one after the other.

    Returns
    -------
    y : ndarray of int, shape (n_judged,)
    probabilities : ndarray of shape (n_judged, n_classes)
    """
    experiment = experiment_of(parts, problem, seed)
    files = sorted((unit.fold, unit.probabilities) for unit in units if unit.probabilities is not None)
    y = np.concatenate([experiment.y[experiment.folds[fold].valid] for fold, _ in files])
    return y, np.concatenate([np.load(path, allow_pickle=False) for _, path in files])


@task(name="evaluate", task_run_name="evaluate {candidate.name}", cache_policy=NO_CACHE)
def evaluate(parts: Parts, problem: Problem, seed: int, candidate: Candidate, units: Sequence[Unit]) -> Result:
    """Score a candidate on the rows its models have not seen; one that missed a fold has no out-of-fold score."""
    inner = [unit for unit in units if unit.fold != HOLDOUT_FOLD]
    outer = [unit for unit in units if unit.fold == HOLDOUT_FOLD]
    scores = {}
    for name, some in (("oof", inner), ("test", outer)):
        if some and not any(unit.skipped for unit in some):
            y, probabilities = judged(parts, problem, seed, some)
            scores[name] = score(y, probabilities, parts.classes)
    return Result(candidate, tuple(units), scores.get("oof"), scores.get("test"))


def collect(
    parts: Parts,
    problem: Problem,
    seed: int,
    grid: Sequence[Candidate],
    inner: Mapping[str, list[Unit]],
    outer: Mapping[str, list[Unit]],
    winner: Unit,
) -> list[Result]:
    """Score the whole grid, out of fold and on the held-out period."""
    outer = {**outer, winner.candidate.name: [winner]}
    return [evaluate(parts, problem, seed, c, [*inner[c.name], *outer[c.name]]) for c in grid]


def choose(
    parts: Parts, problem: Problem, seed: int, grid: Sequence[Candidate], inner: Mapping[str, list[Unit]]
) -> Candidate:
    """Choose the best out-of-fold primary metric; the first in the grid wins a tie.

    Raises
    ------
    ValidationFailed
        When no candidate could be fitted on every fold.
    """
    results = [evaluate(parts, problem, seed, candidate, inner[candidate.name]) for candidate in grid]
    sign = -1.0 if problem.metric in LOWER_IS_BETTER else 1.0
    scored = [(sign * r.oof.metrics[problem.metric], r.candidate) for r in results if r.oof is not None]
    scored = [(value, candidate) for value, candidate in scored if not math.isnan(value)]
    if not scored:
        reasons = "; ".join(sorted({f"{r.candidate.name}: {r.skipped}" for r in results}))
        raise ValidationFailed(f"no candidate has an out-of-fold {problem.metric}: {reasons}")
    return max(scored, key=lambda pair: pair[0])[1]


@task(name="log", task_run_name="log {result.candidate.name}", cache_policy=NO_CACHE)
def log_result(
    parts: Parts, problem: Problem, seed: int, result: Result, folder: Path, run_id: str, tags: dict[str, str]
) -> str:
    """Write a candidate's files and its MLflow child run; returns the run's id."""
    candidate = result.candidate
    place = folder / "candidates" / slug(candidate.name)
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / "resampling_ledger.json", [entry.to_record() for entry in result.ledger])
    write_json(
        place / "model_metrics.json",
        {name: None if s is None else to_record(s) for name, s in (("oof", result.oof), ("test", result.test))},
    )
    (place / "model_config.yaml").write_text(yaml.safe_dump(_config(problem, candidate, seed), sort_keys=False))
    _draw(parts, problem, seed, result, place)
    metrics: dict[str, float] = {}
    for name, scores in (("oof", result.oof), ("test", result.test)):
        metrics |= flat(scores, f"{name}_") if scores is not None else {}
    metrics["fit_seconds"] = result.fit_seconds
    return tracking.log_candidate(
        run_id,
        candidate.name,
        {
            "model": candidate.model.name,
            "strategy": candidate.strategy.name,
            "features": candidate.features,
            "decision": candidate.decision,
            "folds": f"{problem.split.folds.kind} {result.folds_done}",
            "seed": seed,
        },
        metrics,
        {**tags, **({"skipped": result.skipped} if result.skipped else {})},
        place,
        seconds=result.fit_seconds,
    )


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def _config(problem: Problem, candidate: Candidate, seed: int) -> dict[str, Any]:
    return {
        "problem": problem.name,
        "model": candidate.model.model_dump(mode="json"),
        "strategy": candidate.strategy.model_dump(mode="json"),
        "features": {candidate.features: problem.features[candidate.features].model_dump(mode="json")},
        "decision": candidate.decision,
        "seed": seed,
        "split": problem.split.model_dump(mode="json"),
    }


def _draw(parts: Parts, problem: Problem, seed: int, result: Result, place: Path) -> None:
    note = problem.title + (" (synthetic data)" if problem.synthetic else "")
    inner = [unit for unit in result.units if unit.fold != HOLDOUT_FOLD]
    if result.oof is not None:
        y, probabilities = judged(parts, problem, seed, inner)
        drawn = {
            "precision_recall": figures.precision_recall(y, probabilities, parts.classes, note=note),
            "roc": figures.roc(y, probabilities, parts.classes, note=note),
            "calibration": figures.calibration(y, probabilities, parts.classes, note=note),
            "confusion_matrix": figures.confusion_matrix(result.oof.confusion, parts.classes, note=note),
        }
        for name, figure in drawn.items():
            (place / f"{name}.png").write_bytes(figures.to_png(figure))
    importance = next((unit.importance for unit in result.units if unit.importance is not None), None)
    if importance is not None:
        names = experiment_of(parts, problem, seed).feature_names(result.candidate.features, HOLDOUT_FOLD)
        figure = figures.feature_importance(names, importance, note=note)
        (place / "feature_importance.png").write_bytes(figures.to_png(figure))
