"""Measure how often the 95 % intervals of the evidence contain the true value: ``python -m benchmarks.coverage``.

Two models of known skill predict rows drawn class by class. The true value is their score on a population that is so
large that its own error is negligible. Design, limits and figures: docs/evidence.md.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.simulated import run_simulations
from evenhand.evidence.baselines import ComparedCandidate
from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.compare import compare_candidates
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.evaluation_set import EvaluatedCandidates
from evenhand.evidence.influence import influences
from evenhand.evidence.measure import EvidencePolicy, MeasuredCandidate
from evenhand.evidence.types import Evidence
from evenhand.metrics.scores import Scores, score

LOWEST, HIGHEST = 0.93, 0.97
SIMULATIONS = 2000
POPULATION = 400_000
METRIC = "macro_f1"


@dataclass(frozen=True)
class SimulationSetting:
    """The number of rows of each class, and the skill of the two models."""

    name: str
    sizes: tuple[int, ...]
    plain: float = 1.0
    other: float = 1.3

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(f"{size} rows" for size in self.sizes)


SETTINGS = (SimulationSetting("two classes", (950, 50)), SimulationSetting("five classes", (1500, 600, 400, 200, 50)))


def answered(y: np.ndarray, setting: SimulationSetting, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Predict by both models; their errors are correlated, as those of two fits on the same data are."""
    k = len(setting.sizes)
    shared = rng.normal(size=(len(y), k))
    prior = np.log(np.array(setting.sizes) / sum(setting.sizes))

    def proba(skill: float) -> np.ndarray:
        z = 0.5 * prior + 0.8 * shared + 0.6 * rng.normal(size=shared.shape)
        z[np.arange(len(y)), y] += skill
        e = np.exp(z - z.max(axis=1, keepdims=True))
        found: np.ndarray = e / e.sum(axis=1, keepdims=True)
        return found

    return proba(setting.plain), proba(setting.other)


def truth_of(setting: SimulationSetting) -> tuple[Scores, Scores]:
    """Score both models on the population."""
    share = np.array(setting.sizes) / sum(setting.sizes)
    y = np.repeat(np.arange(len(share)), np.round(share * POPULATION).astype(int))
    a, b = answered(y, setting, np.random.default_rng(1))
    return score(y, a, setting.classes), score(y, b, setting.classes)


def evidence_of(setting: SimulationSetting, rng: np.random.Generator) -> Evidence:
    """Draw rows and compute the evidence, as a training does for its held-out period."""
    y = np.repeat(np.arange(len(setting.sizes)), setting.sizes)
    rows = EvaluationRows(y, setting.classes)
    compared = [ComparedCandidate(name, "model", "model", name, name, "base", "argmax") for name in ("none", "other")]
    known = np.ones(len(setting.sizes), dtype=bool)
    measured = {
        entry.name: MeasuredCandidate(
            p.argmax(axis=1), {"average_precision": influences(rows, p, "average_precision", known)}
        )
        for entry, p in zip(compared, answered(y, setting, rng), strict=True)
    }
    return compare_candidates(
        compared, {"test": EvaluatedCandidates(rows, measured)}, METRIC, EvidencePolicy(seed=int(rng.integers(2**31)))
    )


def intervals_of(found: Evidence, truth: tuple[Scores, Scores]) -> Iterator[tuple[str, Interval, float]]:
    """Pair every interval with its true value.

    Yields
    ------
    tuple of str, Interval, float
        The quantity, its interval, its true value.
    """
    plain, other = (scores.metrics for scores in truth)
    at = found.candidates[1].test
    if at is None:
        raise ValueError("no evidence")
    for metric in found.metrics:
        yield metric, at.metrics[metric].rows, other[metric]
        difference = at.metrics[metric].difference
        if difference is not None:
            yield f"{metric}, difference", difference.interval, other[metric] - plain[metric]
    for one in at.classes:
        a, b = (scores.per_class[one.name].recall for scores in truth)
        if one.recall is not None and one.recall_difference is not None:
            yield f"recall, class of {one.name}", one.recall, b
            yield f"recall, difference, class of {one.name}", one.recall_difference, b - a


def coverage(setting: SimulationSetting, simulations: int, seed: int = 0) -> dict[str, float]:
    """Return the share of simulations in which each interval contains the true value."""
    truth = truth_of(setting)
    held: defaultdict[str, int] = defaultdict(int)
    for simulation in range(simulations):
        rng = np.random.default_rng([seed, simulation])
        for name, interval, true in intervals_of(evidence_of(setting, rng), truth):
            held[name] += bool(interval.low <= true <= interval.high)
    return {name: count / simulations for name, count in held.items()}


def checked(simulations: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield for every interval whether its coverage is within the limits."""
    for setting in SETTINGS:
        for name, share in coverage(setting, simulations).items():
            line = {"setting": setting.name, "interval": name, "coverage": share, "met": LOWEST <= share <= HIGHEST}
            yield f"{setting.name:13s} {name:42s} {share:7.2%}", line


if __name__ == "__main__":
    sys.exit(run_simulations(__doc__, "coverage", SIMULATIONS, checked))
