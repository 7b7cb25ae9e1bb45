"""How often the promotion gate errs: replayed over simulated pairs of models and over past years.

``make gate-backtest PROBLEM=toronto``. The design and its limits are in docs/gate.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta
from threadpoolctl import threadpool_limits

from benchmarks.backtest_models import Rows, bootstrap_models, kept_model, read_rows
from benchmarks.injections import macro_f1, made_right, made_wrong, recall, share_for
from evenhand.evidence import Predictions, paired_class_differences, paired_difference
from evenhand.gate import Case, Facts, Scored, Verdict, decide
from evenhand.looks import look_confidence
from evenhand.problem import GatePolicy
from tasks.settings import settings

MODELS, PAIRS, BETTER_PAIRS, RESAMPLES = 24, 500, 200, 1000
CHANGE, LOST = 0.02, 0.10
PERIODS = 3


@dataclass(frozen=True, eq=False)
class World:
    """Judged rows, and what every model says of them."""

    y: np.ndarray
    said: np.ndarray
    classes: tuple[str, ...]
    policy: GatePolicy

    @property
    def rarest(self) -> int:
        """The class with the fewest judged rows."""
        return int(np.bincount(self.y).argmin())


@dataclass(frozen=True)
class Scenario:
    """Pairs of one kind, and how many of them may or must be promoted."""

    name: str
    pairs: int
    change: float = 0.0
    lost: float = 0.0
    most: float | None = None
    most_upper: float | None = None
    least: float | None = None


def scenarios(pairs: int, better: int) -> tuple[Scenario, ...]:
    """List what the gate must tell apart."""
    return (
        Scenario("no difference (A/A)", pairs, most_upper=0.05),
        Scenario(f"macro F1 worse by {CHANGE}", pairs, change=-CHANGE, most=0.01),
        Scenario(f"recall of the rarest class worse by {LOST:.2f}", pairs, lost=LOST, most=0.01),
        Scenario(f"the same, and macro F1 better by {CHANGE}", pairs, change=CHANGE, lost=LOST, most=0.01),
        Scenario(f"macro F1 better by {CHANGE}", better, change=CHANGE, least=0.80),
    )


def simulated(world: World, scenario: Scenario, seed: int) -> bool:
    """Tell whether one pair is promoted: two models, the second one changed, on a bootstrap sample of the rows."""
    rng = np.random.default_rng([seed, *scenario.name.encode()])
    first, second = rng.choice(len(world.said), size=2, replace=False)
    challenger = injected(world.y, world.said[second], scenario, world.rarest, rng)
    rows = rng.integers(0, len(world.y), len(world.y))
    return promoted(world, world.y[rows], world.said[first][rows], challenger[rows])


def injected(y: np.ndarray, proba: np.ndarray, scenario: Scenario, rarest: int, rng: np.random.Generator) -> np.ndarray:
    """Change a model by what the scenario says, in expectation over the rows that chance picks."""
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


def promoted(world: World, y: np.ndarray, champion: np.ndarray, challenger: np.ndarray) -> bool:
    """Decide as the gate does; what its first conditions settle is not taken further."""
    policy, k = world.policy, len(world.classes)
    a, b = (Predictions(said, said.argmax(axis=1)) for said in (champion, challenger))
    confidence = look_confidence(policy.confidence, 1)
    if paired_difference(y, a, b, "macro_f1", k, confidence, policy.resamples).low <= policy.margin:
        return False
    recalls = paired_class_differences(y, a, b, "recall", k, confidence, policy.resamples)
    if any(found.low <= -policy.tolerance for found in recalls):
        return False
    return judged(y, champion, challenger, world.classes, policy).passes


def judged(
    y: np.ndarray, champion: np.ndarray | None, challenger: np.ndarray, classes: Sequence[str], policy: GatePolicy
) -> Verdict:
    """Put the case before the gate."""
    names = np.array(classes)

    def scored(said: np.ndarray, name: str) -> Scored:
        return Scored(name, tuple(classes), said, names[said.argmax(axis=1)], "simulated")

    rival = None if champion is None else scored(champion, "the champion")
    facts = Facts(leak_free=True)  # by construction: its models are fitted on earlier years
    return decide(Case(names[y], scored(challenger, "the challenger"), rival, "macro_f1", facts=facts), policy)


def past_periods(rows: Rows, policy: GatePolicy) -> list[dict[str, Any]]:
    """Replay the last years: each year's challenger is trained on all years before, the champion is what won before."""
    years = range(rows.judged - PERIODS + 1, rows.judged + 1)
    champion, lines = years[0] - 1, []
    for year in years:
        a, b = (kept_model(rows, before, year) for before in (champion, year))
        verdict = judged(rows.y[rows.year == year], a, b, rows.classes, policy)
        lines.append({"year": year, "champion": f"before {champion}", **verdict.model_dump(mode="json")})
        champion = year if verdict.passes else champion
    return lines


def upper_bound(promoted: int, pairs: int) -> float:
    """Give the upper 95 % bound of a rate (Clopper & Pearson 1934).

    Examples
    --------
    >>> round(upper_bound(0, 500), 4)
    0.006
    """
    return 1.0 if promoted == pairs else float(beta.ppf(0.95, promoted + 1, pairs - promoted))


def run(problem: str, models: int, pairs: int, better: int, resamples: int, jobs: int) -> dict[str, Any]:
    """Run the whole backtest."""
    begun = time.monotonic()
    rows = read_rows(problem)
    policy = rows.problem.gate.model_copy(update={"resamples": resamples, "floors": {}, "slices": ()})
    said = bootstrap_models(rows, models).astype(float)
    world = World(rows.y[rows.year == rows.judged], said, rows.classes, policy)
    print(f"{models} models, judged on {len(world.y):,} rows of {rows.judged}", flush=True)
    lines = []
    with ProcessPoolExecutor(jobs, initializer=_start, initargs=(world,)) as pool:
        for scenario in scenarios(pairs, better):
            found = list(pool.map(partial(_pair, scenario), range(scenario.pairs), chunksize=5))
            lines.append(_line(scenario, sum(found)))
            print(_text(lines[-1]), flush=True)
    periods = past_periods(rows, policy)
    for line in periods:
        interval = f"{line['estimate']:+.4f} ({line['low']:+.4f} to {line['high']:+.4f})"
        print(f"  {line['year']}: champion trained {line['champion']}: {line['outcome']}, {interval}", flush=True)
    return {
        "problem": problem,
        "judged_year": rows.judged,
        "judged_rows": len(world.y),
        "models": models,
        "policy": policy.model_dump(mode="json"),
        "scenarios": lines,
        "periods": periods,
        "seconds": round(time.monotonic() - begun),
    }


_world: list[World] = []


def _start(world: World) -> None:
    threadpool_limits(1)
    _world[:] = [world]


def _pair(scenario: Scenario, seed: int) -> bool:
    return simulated(_world[0], scenario, seed)


def _line(scenario: Scenario, count: int) -> dict[str, Any]:
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
        "upper_bound": upper, "target": target, "met": met,
    }  # fmt: skip


def _text(line: dict[str, Any]) -> str:
    return (
        f"  {line['scenario']:48s} {line['promoted']:4d} of {line['pairs']:4d} promoted, {line['rate']:7.2%} "
        f"(upper bound {line['upper_bound']:6.2%})  {line['target']}: {'met' if line['met'] else 'MISSED'}"
    )


def main() -> int:
    """Read the command line, run, write the figures; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="toronto")
    parser.add_argument(
        "--models", type=int, default=MODELS, help="fitted on bootstrap samples; pairs are drawn of them"
    )
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of every kind that must not be promoted")
    parser.add_argument("--better-pairs", type=int, default=BETTER_PAIRS, help="of the kind that must be found")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help="in the place of the policy's own number")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    found = run(given.problem, given.models, given.pairs, given.better_pairs, given.resamples, given.jobs)
    path = Path(settings().home) / f"gate_backtest-{given.problem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{found['seconds']} s; figures: {path}")
    return 0 if all(line["met"] for line in found["scenarios"]) else 1


if __name__ == "__main__":
    sys.exit(main())
