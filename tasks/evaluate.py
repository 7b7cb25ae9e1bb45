"""Evaluate: every candidate at natural prevalence, out of fold and on the held-out period."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.decision import AnyDecision, cross_fitted, fit_rule, period_groups, share_of
from evenhand.errors import ValidationFailed
from evenhand.evaluate import Scores, score
from evenhand.experiment import Candidate, Experiment
from evenhand.problem import ARGMAX, LOWER_IS_BETTER, CapacityDecision, Problem
from evenhand.rules import DecisionRule
from evenhand.sentinel import apart
from evenhand.strategies import LedgerEntry
from evenhand.tables import Row
from tasks.split import Parts
from tasks.train import HOLDOUT_FOLD, Unit, experiment_of


@dataclass(frozen=True)
class Result:
    """A candidate with what all its units gave."""

    candidate: Candidate
    units: tuple[Unit, ...]
    oof: Scores | None
    test: Scores | None
    oof_codes: np.ndarray | None = field(default=None, repr=False, compare=False)
    """Classes that the decision rule chose, shape (n_judged,); None where they are the most probable ones."""
    test_codes: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def inner(self) -> list[Unit]:
        """The units inside the training rows."""
        return [unit for unit in self.units if unit.fold != HOLDOUT_FOLD]

    @property
    def skipped(self) -> str | None:
        """Why there is no out-of-fold score: the reason of the first fold that could not be fitted."""
        return next((unit.skipped for unit in self.inner if unit.skipped), None)

    @property
    def folds_done(self) -> int:
        """Folds inside the training rows that were fitted."""
        return sum(unit.skipped is None for unit in self.inner)

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
    what = f"{candidate.name}: decision rule {candidate.decision.name}, held-out period"
    apart(known.rows, experiment.folds[HOLDOUT_FOLD].valid, what)
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
    ledgers = [unit.ledger for unit in units if unit.ledger is not None]
    total = np.sum([list((ledger.weight or ledger.after).values()) for ledger in ledgers], axis=0)
    return total / total.sum()


@task(name="evaluate", cache_policy=NO_CACHE)
def evaluate_all(
    parts: Parts, problem: Problem, seed: int, grid: Sequence[Candidate], inner: Mapping[str, Sequence[Unit]]
) -> list[Result]:
    """Score every candidate out of fold; ``inner`` holds the units of each fit."""
    return [evaluate(parts, problem, seed, candidate, inner[candidate.fit_name]) for candidate in grid]


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
    scores = score(known.y, known.probabilities, parts.classes, predicted)
    return Result(candidate, tuple(units), scores, None, oof_codes=_compact(predicted))


@task(name="score", cache_policy=NO_CACHE)
def score_all(
    parts: Parts, problem: Problem, seed: int, results: Sequence[Result], outer: Mapping[str, Sequence[Unit]]
) -> list[Result]:
    """Score every candidate on the held-out rows; ``outer`` holds the unit of each fit."""
    return [score_holdout(parts, problem, seed, result, outer[result.candidate.fit_name]) for result in results]


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
    return replace(result, units=units, test=test, test_codes=_compact(predicted))


def _compact(codes: np.ndarray | None) -> np.ndarray | None:
    return None if codes is None else codes.astype(np.int16)


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
