"""Measure how often the evidence finds that a strategy helps where none does: ``python -m benchmarks.family_error``.

Design, limits and figures: docs/evidence.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
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

MOST = 0.05
SIMULATIONS = 1000
STRATEGIES = 6
SIZES = (700, 200, 100)
CLASSES = ("common", "rare", "rarest")
FOLDS = 5
COLUMNS = 6
METRICS = ("macro_f1", "average_precision")


def refitted(rng: np.random.Generator) -> Evidence:
    """Compare strategies that do nothing, out of fold: every fit is on a bootstrap sample of the training rows.

    All fits have the same distribution, the baseline's too, so no strategy helps; they differ by their samples.
    """
    y = rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES))
    X = rng.normal(size=(len(y), COLUMNS))
    X[np.arange(len(y)), y] += 1.2
    fold = rng.permutation(np.arange(len(y)) % FOLDS)
    proba = np.empty((1 + STRATEGIES, len(y), len(SIZES)))
    for number in range(FOLDS):
        train, valid = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        for model in proba:
            drawn = rng.choice(train, len(train))
            model[valid] = discriminant(X[drawn], y[drawn], X[valid])
    rows = EvaluationRows(y, CLASSES, fold, (1 / (FOLDS - 1),) * FOLDS)
    return evidence_on("oof", rows, proba, rng)


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
    names = ["none", *(f"strategy {number}" for number in range(1, len(proba)))]
    compared = [ComparedCandidate(name, "model", "model", name, name, "base", "argmax") for name in names]
    known = np.ones(len(CLASSES), dtype=bool)
    measured = {
        name: MeasuredCandidate(
            p.argmax(axis=1), {"average_precision": influences(rows, p, "average_precision", known)}
        )
        for name, p in zip(names, proba, strict=True)
    }
    policy = EvidencePolicy(resamples=1000, seed=int(rng.integers(2**31)))
    return compare_candidates(compared, {where: EvaluatedCandidates(rows, measured)}, METRICS[0], policy)


SCENARIOS: dict[str, tuple[EvaluationSet, Callable[[np.random.Generator], Evidence]]] = {
    "out of fold, each strategy a refit": ("oof", refitted),
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
