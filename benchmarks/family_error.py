"""Measure how often the evidence finds that a strategy helps where none does: ``python -m benchmarks.family_error``.

Design, limits and figures: docs/evidence.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gate_backtest import upper_bound
from benchmarks.simulated import run_simulations
from evenhand.evidence.baselines import ComparedCandidate
from evenhand.evidence.compare import compare_candidates
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.evaluation_set import EvaluatedCandidates
from evenhand.evidence.influence import influences
from evenhand.evidence.measure import EvidencePolicy, MeasuredCandidate
from evenhand.evidence.types import EvaluationSet, Evidence
from evenhand.training.racing import FOLDS_BEFORE_RACE, Race, ruled_out

MOST = 0.05
SIMULATIONS = 1000
STRATEGIES = 6
SIZES = (700, 200, 100)
CLASSES = ("common", "rare", "rarest")
FOLDS = 5
COLUMNS = 6
DISTANCE = 1.2
METRICS = ("macro_f1", "average_precision")


@dataclass(frozen=True)
class Family:
    """A model family: what its fits see of the rows and of the columns that show the class."""

    share: float = 1.0
    """Of the training rows: the size of a fit's bootstrap sample. Fewer rows vary more."""
    signal: float = 1.0
    """Of the distance between the classes."""


# The others are so much worse that a race stops them, and their fits vary more and less.
FAMILIES = {"evidence": Family(), "unstable": Family(share=0.2, signal=0.5), "weak": Family(signal=0.4)}


def refitted(rng: np.random.Generator) -> Evidence:
    """Compare strategies that do nothing, out of fold: every fit is on a bootstrap sample of the training rows.

    All fits have the same distribution, the baseline's too, so no strategy helps; they differ by their samples.
    """
    rows, X = drawn_rows(rng)
    return evidence_on("oof", rows, out_of_fold(rng, rows, X, Family()), rng)


def raced(rng: np.random.Generator) -> Evidence:
    """Compare strategies that do nothing in three families, of which a race stops all but the evidence family.

    The stopped ones are compared with their own family's baseline on the folds that they have.
    """
    rows, X = drawn_rows(rng)
    proba = {name: out_of_fold(rng, rows, X, family) for name, family in FAMILIES.items()}
    fits = [compared_fit(family, at) for family in FAMILIES for at in range(1 + STRATEGIES)]
    of_fit = {one.name: p for one, p in zip(fits, np.concatenate(list(proba.values())), strict=True)}
    baselines = {one.name: {f"{one.model} / none"} for one in fits}
    protected = [one.name for one in fits if one.model == "evidence"]
    race = Race(METRICS[0], FOLDS, protected, baselines, len(fits) - len(protected))
    running, groups = list(of_fit), []
    for done in range(FOLDS_BEFORE_RACE, FOLDS):
        some = first_folds(rows, done)
        on_folds = {name: measured_on(some, of_fit[name]) for name in running}
        out = ruled_out(some, {name: {name: one} for name, one in on_folds.items()}, race)
        wanted = {*out, *(other for name in out for other in baselines[name])}
        groups += (
            [EvaluatedCandidates(some, {name: on_folds[name] for name in running if name in wanted})] if out else []
        )
        running = [name for name in running if name not in out]
    whole = EvaluatedCandidates(rows, {name: measured_on(rows, of_fit[name]) for name in running}, tuple(groups))
    return compare_candidates(fits, {"oof": whole}, METRICS[0], policy(rng))


def drawn_rows(rng: np.random.Generator) -> tuple[EvaluationRows, np.ndarray]:
    """Draw rows of three classes, in the order of their folds, and their columns."""
    y = rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES))
    X = rng.normal(size=(len(y), COLUMNS))
    X[np.arange(len(y)), y] += DISTANCE
    fold = np.empty(len(y), dtype=np.int64)
    for code in range(len(SIZES)):  # in proportion, as a training's folds are
        of_class = np.flatnonzero(y == code)
        fold[of_class] = np.arange(len(of_class)) % FOLDS
    order = np.argsort(fold, kind="stable")
    return EvaluationRows(y[order], CLASSES, fold[order], (1 / (FOLDS - 1),) * FOLDS), X[order]


def first_folds(rows: EvaluationRows, done: int) -> EvaluationRows:
    """Return the rows of the first folds."""
    of_row = folds_of(rows)
    return EvaluationRows(rows.y[of_row < done], rows.classes, of_row[of_row < done], rows.ratios[:done])


def folds_of(rows: EvaluationRows) -> np.ndarray:
    """Return the fold of every row."""
    assert rows.folds is not None  # noqa: S101 - they are drawn with folds
    return rows.folds


def out_of_fold(rng: np.random.Generator, rows: EvaluationRows, X: np.ndarray, family: Family) -> np.ndarray:
    """Fit the baseline and every strategy on each fold; probabilities of shape (fits, n, K)."""
    proba, columns = np.empty((1 + STRATEGIES, len(rows.y), len(SIZES))), X.copy()
    columns[np.arange(len(rows.y)), rows.y] -= (1 - family.signal) * DISTANCE
    for number in range(FOLDS):
        train, valid = np.flatnonzero(folds_of(rows) != number), np.flatnonzero(folds_of(rows) == number)
        for model in proba:
            drawn = rng.choice(train, round(family.share * len(train)))
            model[valid] = discriminant(columns[drawn], rows.y[drawn], columns[valid])
    return proba


def equal(rng: np.random.Generator) -> Evidence:
    """Compare fixed models of equal skill on held-out rows drawn at random."""
    y = np.repeat(np.arange(len(SIZES)), SIZES)
    z = 0.7 * rng.normal(size=(1 + STRATEGIES, len(y), len(SIZES))) + rng.normal(size=(len(y), len(SIZES)))
    z[:, np.arange(len(y)), y] += 1.2
    e = np.exp(z)
    return evidence_on("test", EvaluationRows(y, CLASSES), e / e.sum(axis=2, keepdims=True), rng)


def discriminant(X: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Fit a linear discriminant and return its probabilities of new rows."""
    means = np.stack([X[y == code].mean(axis=0) for code in range(len(SIZES))])
    within = (X - means[y]).T @ (X - means[y]) / len(y)
    weights = np.linalg.solve(within, means.T)
    z = new @ weights - 0.5 * np.einsum("kc,ck->k", means, weights) + np.log(np.bincount(y) / len(y))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    proba: np.ndarray = e / e.sum(axis=1, keepdims=True)
    return proba


def evidence_on(where: EvaluationSet, rows: EvaluationRows, proba: np.ndarray, rng: np.random.Generator) -> Evidence:
    """Compute the evidence, as a training does; the first model is the baseline."""
    fits = [compared_fit("evidence", at) for at in range(len(proba))]
    measured = {one.name: measured_on(rows, p) for one, p in zip(fits, proba, strict=True)}
    return compare_candidates(fits, {where: EvaluatedCandidates(rows, measured)}, METRICS[0], policy(rng))


def compared_fit(family: str, at: int) -> ComparedCandidate:
    """Name a fit of a family: its baseline is the first."""
    strategy = str(at) if at else "none"
    return ComparedCandidate(f"{family} / {strategy}", family, family, strategy, strategy, "base", "argmax")


def measured_on(rows: EvaluationRows, proba: np.ndarray) -> MeasuredCandidate:
    """Measure a fit on rows, which may be the first of those that its probabilities are of."""
    known, p = np.ones(len(CLASSES), dtype=bool), proba[: len(rows.y)]
    return MeasuredCandidate(p.argmax(axis=1), {"average_precision": influences(rows, p, "average_precision", known)})


def policy(rng: np.random.Generator) -> EvidencePolicy:
    """Draw the seed of the intervals; one fold has too few rows of the rarest class for the usual limit."""
    return EvidencePolicy(resamples=1000, seed=int(rng.integers(2**31)), min_positives=min(SIZES) // FOLDS)


SCENARIOS: dict[str, tuple[EvaluationSet, Callable[[np.random.Generator], Evidence]]] = {
    "out of fold, each strategy a refit": ("oof", refitted),
    "out of fold, two families stopped early": ("oof", raced),
    "held-out period, models of equal skill": ("test", equal),
}


def false_claims(scenario: str, simulations: int, seed: int = 0) -> dict[str, int]:
    """Count the simulations in which at least one strategy is found to help, by metric."""
    where, draw = SCENARIOS[scenario]
    claims = dict.fromkeys(METRICS, 0)
    for simulation in range(simulations):
        found = draw(np.random.default_rng([seed, simulation]))
        for metric in METRICS:
            differences = [candidate.difference(where, metric) for candidate in found.candidates]
            claims[metric] += any(one is not None and one.conclusion == "helps" for one in differences)
    return claims


def checked(simulations: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield for every scenario and metric whether the upper bound of the error is at most 5 %."""
    for scenario in SCENARIOS:
        for metric, count in false_claims(scenario, simulations).items():
            bound = upper_bound(count, simulations)
            line = {"scenario": scenario, "metric": metric, "false": count, "upper_bound": bound, "met": bound <= MOST}
            yield f"{scenario:40s} {metric:18s} {count:4d} of {simulations}, upper 95 % bound {bound:6.2%}", line


if __name__ == "__main__":
    sys.exit(run_simulations(__doc__, "family_error", SIMULATIONS, checked))
