"""Measure the error rates of the promotion gate on simulated pairs of models and on past years.

``make gate-backtest PROBLEM=toronto``. The design and its limits are in docs/gate.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta
from threadpoolctl import threadpool_limits

from benchmarks.backtest_models import LabelledRows, bootstrap_models, kept_model, read_rows
from benchmarks.injections import macro_f1, made_right, made_wrong, recall, share_for
from evenhand.data.groups import groups_of
from evenhand.data.row_blocks import RowBlocks
from evenhand.evidence.bootstrap import BootstrapSettings, paired_difference
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.recall_intervals import recall_differences
from evenhand.gate.alpha_spending import evaluation_confidence
from evenhand.gate.decide import decide
from evenhand.gate.verdict import Case, Facts, Verdict, VersionPredictions
from evenhand.metrics.predictions import Predictions
from evenhand.problem import GatePolicy
from tasks.settings import settings

MODELS, PAIRS, BETTER_PAIRS = 24, 500, 200
CHANGE, LOST = 0.02, 0.10
FACTS = Facts(
    columns=(), available=(), validated=True, leak_free=True
)  # by construction: its models are fitted on earlier years
PERIODS = 3
TIMED_ROWS = 10_000  # with more, better pairs are fewer: each takes seconds, and nearly all are promoted


@dataclass(frozen=True, eq=False)
class BacktestRows:
    """Evaluated rows, and the probabilities of every model for them."""

    y: np.ndarray
    proba: np.ndarray
    """Shape (models, rows, K)."""
    classes: tuple[str, ...]
    policy: GatePolicy
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    """The group of every evaluated row, for each slice of the policy."""
    blocks: np.ndarray | None = None
    """Block of every row, where rows are copies of each other."""

    @property
    def rarest(self) -> int:
        """The class with the fewest evaluated rows."""
        return int(np.bincount(self.y).argmin())


@dataclass(frozen=True)
class Scenario:
    """One kind of pairs, and the share of them that may or must be promoted.

    With ``rows``, ``change`` is the true difference of the pair; without, it is that of the second model to itself.
    """

    name: str
    pairs: int
    change: float = 0.0
    lost: float = 0.0
    most: float | None = None
    most_upper: float | None = None
    least: float | None = None
    rows: int | None = None
    """Evaluated rows, without groups; as many as there are, with groups, if not given."""
    copies: int = 1
    """Every row is there so often, and its copies are a declared block."""


def scenarios(pairs: int, better: int) -> tuple[Scenario, ...]:
    """List the kinds of pairs, with the rate that the gate must keep for each."""
    return (
        Scenario("no difference (A/A)", pairs, most_upper=0.05),
        Scenario(f"macro F1 worse by {CHANGE}", pairs, change=-CHANGE, most=0.01),
        Scenario(f"recall of the rarest class worse by {LOST:.2f}", pairs, lost=LOST, most=0.01),
        Scenario(f"the same, and macro F1 better by {CHANGE}", pairs, change=CHANGE, lost=LOST, most=0.01),
        Scenario(f"macro F1 better by {CHANGE}", better, change=CHANGE, least=0.80),
    )


def size_scenarios(pairs: int, better: int, margin: float) -> Iterator[Scenario]:
    """List pairs without a difference, at the margin and better by a known amount, on fewer rows and on blocks."""
    for rows in (10_000, 29_000):
        yield Scenario(f"no difference, {rows:,} rows", pairs, most_upper=0.05, rows=rows)
        yield Scenario(f"at the margin, {rows:,} rows", pairs, change=margin, most_upper=0.05, rows=rows)
    for copies in (2, 5):
        blocks = f"10,000 rows in blocks of {copies}"
        yield Scenario(f"no difference, {blocks}", pairs, most_upper=0.05, rows=10_000, copies=copies)
        yield Scenario(f"at the margin, {blocks}", pairs, change=margin, most_upper=0.05, rows=10_000, copies=copies)
    for rows, least in ((3_000, 0.0), (10_000, 0.75), (29_000, 0.75)):
        for change in (CHANGE / 2, CHANGE):
            wanted = least if change == CHANGE else 0.0
            many = better if rows <= TIMED_ROWS else max(1, better // 10)
            yield Scenario(f"better by {change}, {rows:,} rows", many, change=change, least=wanted, rows=rows)


def simulated(world: BacktestRows, scenario: Scenario, seed: int) -> tuple[str, ...]:
    """Return what holds back one pair: two models, the second one changed, on a bootstrap sample of the rows."""
    rng = np.random.default_rng([seed, *scenario.name.encode()])
    first, second = rng.choice(len(world.proba), size=2, replace=False)
    if scenario.rows is not None:
        gap = macro_f1(world.y, world.proba[first]) - macro_f1(world.y, world.proba[second])
        scenario = replace(scenario, change=scenario.change + gap)
    challenger = injected(world.y, world.proba[second], scenario, world.rarest, rng)
    rows = rng.integers(0, len(world.y), (scenario.rows or len(world.y)) // scenario.copies)
    rows = np.repeat(rows, scenario.copies)
    return held_back(_drawn(world, rows, scenario), world.proba[first][rows], challenger[rows])


def _drawn(world: BacktestRows, rows: np.ndarray, scenario: Scenario) -> BacktestRows:
    blocks = None if scenario.copies == 1 else np.repeat(np.arange(len(rows) // scenario.copies), scenario.copies)
    if scenario.rows is not None:  # groups of 1,000 rows would be all of few rows
        policy = world.policy.model_copy(update={"slices": ()})
        return replace(world, y=world.y[rows], groups={}, policy=policy, blocks=blocks)
    return replace(world, y=world.y[rows], groups={name: group[rows] for name, group in world.groups.items()})


def injected(y: np.ndarray, proba: np.ndarray, scenario: Scenario, rarest: int, rng: np.random.Generator) -> np.ndarray:
    """Change a model by the amount of the scenario, in expectation over the rows that are drawn."""
    before = proba
    if scenario.lost:
        share = scenario.lost / recall(y, proba, rarest)
        if share > 1:
            raise ValueError(f"the rarest class has a recall of {scenario.lost / share:.3f}: nothing to lose")
        proba = made_wrong(y, proba, (y == rarest) & (rng.random(len(y)) < share))
    if scenario.change:
        others = np.ones(len(y), dtype=bool) if not scenario.lost else y != rarest
        wanted = scenario.change + macro_f1(y, before) - macro_f1(y, proba)
        share = share_for(y, proba, wanted, others)
        change = made_wrong if wanted < 0 else made_right
        proba = change(y, proba, others & (rng.random(len(y)) < share))
    return proba


def held_back(world: BacktestRows, champion: np.ndarray, challenger: np.ndarray) -> tuple[str, ...]:
    """Decide as the gate does, and name what does not pass.

    The slower conditions are skipped where the primary metric or a recall fails.

    Returns
    -------
    tuple of str
        The kinds of the conditions that do not pass, or the metric; empty for a promotion.
    """
    policy = world.policy
    a, b = (Predictions(world.y, proba) for proba in (champion, challenger))
    confidence = evaluation_confidence(policy.confidence, 1)
    resampling = BootstrapSettings(confidence, policy.resamples, blocks=world.blocks)
    if paired_difference(a, b, "macro_f1", resampling).low <= policy.margin:
        return ("macro_f1",)
    rows = EvaluationRows(world.y, world.classes, blocks=world.blocks)
    recalls = recall_differences(rows, a.codes, b.codes, confidence)
    if any(found.low <= -policy.tolerance for found in recalls):
        return ("recall",)
    verdict = verdict_on(world, champion, challenger)
    open_ = {condition.kind for condition in verdict.conditions if condition.status != "pass"}
    return () if verdict.passes else tuple(sorted(open_)) or (verdict.outcome,)


def verdict_on(world: BacktestRows, champion: np.ndarray, challenger: np.ndarray) -> Verdict:
    """Let the gate decide on the case."""
    names = np.array(world.classes)

    def scored(proba: np.ndarray, name: str) -> VersionPredictions:
        return VersionPredictions(name, world.classes, proba, names[proba.argmax(axis=1)], "simulated", {})

    case = Case(
        truth=names[world.y],
        challenger=scored(challenger, "the challenger"),
        champion=scored(champion, "the champion"),
        metric="macro_f1",
        groups=world.groups,
        facts=FACTS,
        blocks=None if world.blocks is None else RowBlocks(world.blocks, "groups of copies", True),
    )
    return decide(case, world.policy)


def past_periods(rows: LabelledRows, policy: GatePolicy) -> list[dict[str, Any]]:
    """Replay the last years: a challenger trained on all years before, against the one promoted last."""
    years = range(rows.evaluated - PERIODS + 1, rows.evaluated + 1)
    champion, lines = years[0] - 1, []
    for year in years:
        a, b = (kept_model(rows, before, year) for before in (champion, year))
        verdict = verdict_on(_world_of(rows, year, policy, np.stack([a, b])), a, b)
        lines.append({"year": year, "champion": f"before {champion}", **verdict.model_dump(mode="json")})
        champion = year if verdict.passes else champion
    return lines


def _world_of(rows: LabelledRows, year: int, policy: GatePolicy, proba: np.ndarray) -> BacktestRows:
    there = rows.year == year
    groups = groups_of(rows.problem, rows.frame[there])
    return BacktestRows(rows.y[there], proba, rows.classes, policy, groups)


def upper_bound(promoted: int, pairs: int) -> float:
    """Return the upper 95 % bound of a rate (Clopper & Pearson 1934).

    Examples
    --------
    >>> round(upper_bound(0, 500), 4)
    0.006
    """
    return 1.0 if promoted == pairs else float(beta.ppf(0.95, promoted + 1, pairs - promoted))


def lower_bound(promoted: int, pairs: int) -> float:
    """Return the lower 95 % bound of a rate (Clopper & Pearson 1934).

    Examples
    --------
    >>> round(lower_bound(40, 40), 4)
    0.9278
    """
    return 0.0 if not promoted else float(beta.ppf(0.05, promoted, pairs - promoted + 1))


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Run the whole backtest, or its part on fewer rows and on blocks."""
    begun, models = time.monotonic(), given.models
    rows = read_rows(given.problem)
    policy = rows.problem.gate.model_copy(update={"resamples": given.resamples} if given.resamples else {})
    kinds = list(size_scenarios(given.pairs, given.better_pairs, policy.margin))
    kinds = kinds if given.sizes else list(scenarios(given.pairs, given.better_pairs))
    world = _world_of(rows, rows.evaluated, policy, bootstrap_models(rows, models).astype(float))
    print(f"{models} models, evaluated on {len(world.y):,} rows of {rows.evaluated}", flush=True)
    lines = []
    with ProcessPoolExecutor(given.jobs, initializer=_start, initargs=(world,)) as pool:
        for scenario in kinds:
            found = list(pool.map(partial(_pair, scenario), range(scenario.pairs), chunksize=5))
            lines.append(_line(scenario, found))
            print(_text(lines[-1]), flush=True)
    periods = [] if given.sizes else past_periods(rows, policy)
    for line in periods:
        interval = f"{line['estimate']:+.4f} ({line['low']:+.4f} to {line['high']:+.4f})"
        print(f"  {line['year']}: champion trained {line['champion']}: {line['outcome']}, {interval}", flush=True)
    return {
        "problem": given.problem,
        "judged_year": rows.evaluated,
        "judged_rows": len(world.y),
        "models": models,
        "policy": policy.model_dump(mode="json"),
        "scenarios": lines,
        "periods": periods,
        "seconds": round(time.monotonic() - begun),
    }


_world: list[BacktestRows] = []


def _start(world: BacktestRows) -> None:
    threadpool_limits(1)
    _world[:] = [world]


def _pair(scenario: Scenario, seed: int) -> tuple[str, ...]:
    return simulated(_world[0], scenario, seed)


def _line(scenario: Scenario, found: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    count, by = found.count(()), Counter(kind for kinds in found for kind in kinds)
    rate, upper = count / scenario.pairs, upper_bound(count, scenario.pairs)
    asked = {
        f"upper bound at most {scenario.most_upper}": scenario.most_upper is None or upper <= scenario.most_upper,
        f"at most {scenario.most}": scenario.most is None or rate <= scenario.most,
        f"at least {scenario.least}": scenario.least is None or rate >= scenario.least,
    }
    target = next(text for text in asked if "None" not in text)
    met = all(asked.values())
    return {
        "scenario": scenario.name, "pairs": scenario.pairs, "promoted": count, "rate": rate,
        "above_margin": scenario.pairs - by["macro_f1"], "upper_bound": upper,
        "lower_bound": lower_bound(count, scenario.pairs), "held_back_by": dict(by),
        "target": target, "met": met,
    }  # fmt: skip


def _text(line: dict[str, Any]) -> str:
    by = ", ".join(f"{kind} {times}" for kind, times in line["held_back_by"].items())
    above = upper_bound(line["above_margin"], line["pairs"])
    met = "met" if line["met"] else "MISSED"
    return (
        f"  {line['scenario']:48s} {line['promoted']:4d} of {line['pairs']:4d} promoted, {line['rate']:7.2%} "
        f"(bounds {line['lower_bound']:6.2%} {line['upper_bound']:6.2%})  {line['target']}: {met}"
        f"; above the margin {line['above_margin']} (upper bound {above:.2%}){f'; held back by {by}' if by else ''}"
    )


def main() -> int:
    """Run the backtest and write its figures; the exit code is 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="toronto")
    parser.add_argument(
        "--models", type=int, default=MODELS, help="models fitted on bootstrap samples; the pairs are drawn from them"
    )
    parser.add_argument("--pairs", type=int, default=PAIRS, help="pairs of every kind that must not be promoted")
    parser.add_argument(
        "--better-pairs", type=int, default=BETTER_PAIRS, help="pairs of the kind that must be promoted"
    )
    parser.add_argument("--resamples", type=int, help="bootstrap resamples, instead of the policy's number")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--sizes", action="store_true", help="pairs on 3,000 to 29,000 rows, and on rows in blocks")
    given = parser.parse_args()
    found = run(given)
    path = Path(settings().home) / f"gate_backtest-{given.problem}{'-sizes' if given.sizes else ''}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{found['seconds']} s; figures: {path}")
    return 0 if all(line["met"] for line in found["scenarios"]) else 1


if __name__ == "__main__":
    sys.exit(main())
