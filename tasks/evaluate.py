"""Evaluate: every candidate at natural prevalence, out of fold and on the held-out period."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand import figures
from evenhand.decision import AnyDecision, cross_fitted, fit_rule, period_groups, share_of
from evenhand.errors import ValidationFailed
from evenhand.evaluate import Scores, flat, score, to_record
from evenhand.experiment import Candidate, Experiment
from evenhand.problem import ARGMAX, LOWER_IS_BETTER, CapacityDecision, Problem
from evenhand.rules import DecisionRule
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
        """Why there is no out-of-fold score: the reason of the first fold that could not be fitted."""
        return next((unit.skipped for unit in self.units if unit.skipped and unit.fold != HOLDOUT_FOLD), None)

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
            c.model.name,
            c.strategy.name,
            c.features,
            c.decision.name,
            self.oof,
            self.test,
            self.fit_seconds,
            self.skipped,
        )


class Judged(NamedTuple):
    """Rows that models have not seen, and what they answered."""

    y: np.ndarray
    probabilities: np.ndarray
    folds: np.ndarray
    rows: np.ndarray


def judged(experiment: Experiment, units: Sequence[Unit]) -> Judged:
    """Put the judged rows of several folds one after the other; arrays of shape (n_judged, ...)."""
    files = sorted((unit.fold, unit.probabilities) for unit in units if unit.probabilities is not None)
    rows = [experiment.folds[fold].valid for fold, _ in files]
    return Judged(
        experiment.y[np.concatenate(rows)],
        np.concatenate([np.load(path, allow_pickle=False) for _, path in files]),
        np.repeat([fold for fold, _ in files], [len(some) for some in rows]),
        np.concatenate(rows),
    )


def fitted_rule(experiment: Experiment, problem: Problem, candidate: Candidate, inner: Sequence[Unit]) -> DecisionRule:
    """Fit the candidate's decision rule on all its out-of-fold rows."""
    known = judged(experiment, inner)
    prior = np.bincount(known.y, minlength=len(experiment.classes)) / len(known.y)
    spec, trained = _row_by_row(experiment, candidate.decision, known.rows), _trained_share(candidate, inner)
    return fit_rule(spec, known.probabilities, known.y, experiment.classes, problem.metric, prior, trained)


def winning_rule(parts: Parts, problem: Problem, seed: int, winner: Candidate, inner: Sequence[Unit]) -> DecisionRule:
    """Fit the winner's decision rule, which becomes part of the model."""
    return fitted_rule(experiment_of(parts, problem, seed), problem, winner, inner)


def _row_by_row(experiment: Experiment, decision: AnyDecision, rows: np.ndarray) -> AnyDecision:
    """Turn k a period into the share of rows that it is: a model decides on a row without knowing the others."""
    if not isinstance(decision, CapacityDecision) or decision.per is None:
        return decision
    groups = period_groups(experiment.frame[decision.per].iloc[rows], decision)
    share = min(share_of(decision, len(rows), groups), 1 - 1e-9)
    return decision.model_copy(update={"share": share, "k": None, "per": None})


def _trained_share(candidate: Candidate, units: Sequence[Unit]) -> np.ndarray:
    """Class shares, of weight where rows have weights, that the models were fitted on."""
    after = np.sum([list(unit.ledger.after.values()) for unit in units if unit.ledger is not None], axis=0)
    weighted = candidate.strategy.kind == "class_weight" or getattr(candidate.strategy, "class_weight", False)
    total = (after > 0).astype(float) if weighted else after
    return total / total.sum()


@task(name="evaluate", task_run_name="evaluate {candidate.name}", cache_policy=NO_CACHE)
def evaluate(parts: Parts, problem: Problem, seed: int, candidate: Candidate, units: Sequence[Unit]) -> Result:
    """Score a candidate out of fold; its decision rule is fitted on the other folds. A missed fold means no score."""
    if any(unit.skipped for unit in units):
        return Result(candidate, tuple(units), None, None)
    experiment = experiment_of(parts, problem, seed)
    known = judged(experiment, units)
    predicted = None
    if candidate.decision != ARGMAX:
        spec, trained = _row_by_row(experiment, candidate.decision, known.rows), _trained_share(candidate, units)
        predicted = cross_fitted(
            spec, known.probabilities, known.y, known.folds, parts.classes, problem.metric, trained
        )
    return Result(candidate, tuple(units), score(known.y, known.probabilities, parts.classes, predicted), None)


@task(name="score", task_run_name="score {result.candidate.name}", cache_policy=NO_CACHE)
def score_holdout(parts: Parts, problem: Problem, seed: int, result: Result, outer: Sequence[Unit]) -> Result:
    """Add the scores on the held-out rows; the decision rule is the one fitted out of fold."""
    units = (*result.units, *outer)
    if any(unit.skipped for unit in units):
        return replace(result, units=units)
    experiment = experiment_of(parts, problem, seed)
    unseen = judged(experiment, outer)
    rule = fitted_rule(experiment, problem, result.candidate, result.units)
    predicted = rule.decide(unseen.probabilities)
    test = score(unseen.y, unseen.probabilities, parts.classes, predicted)
    return replace(result, units=units, test=test)


def choose(problem: Problem, results: Sequence[Result]) -> Candidate:
    """Choose the best out-of-fold primary metric; the first in the grid wins a tie.

    Raises
    ------
    ValidationFailed
        When no candidate could be fitted on every fold.
    """
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
        metrics |= flat(scores, name) if scores is not None else {}
    metrics["fit_seconds"] = result.fit_seconds
    return tracking.log_candidate(
        run_id,
        candidate.name,
        {
            "model": candidate.model.name,
            "strategy": candidate.strategy.name,
            "features": candidate.features,
            "decision": candidate.decision.name,
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
        "decision": candidate.decision.model_dump(mode="json"),
        "seed": seed,
        "split": problem.split.model_dump(mode="json"),
    }


def _draw(parts: Parts, problem: Problem, seed: int, result: Result, place: Path) -> None:
    note = problem.title + (" (synthetic data)" if problem.synthetic else "")
    inner = [unit for unit in result.units if unit.fold != HOLDOUT_FOLD]
    if result.oof is not None:
        known = judged(experiment_of(parts, problem, seed), inner)
        y, probabilities = known.y, known.probabilities
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
