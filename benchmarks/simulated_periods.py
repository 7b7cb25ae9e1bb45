"""Periods without drift, simulated: each differs from the others by more than the noise of its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from evenhand.monitoring.columns import ColumnBins
from evenhand.monitoring.examine_labels import Cohort
from evenhand.monitoring.summaries import MonitorReference, PeriodSummary

CLASSES = ("a", "b", "c")
SHARES = np.array([0.6, 0.3, 0.1])
CONFUSION = np.array([[0.8, 0.15, 0.05], [0.3, 0.6, 0.1], [0.4, 0.2, 0.4]])
ROWS = 200
EARLIER, HELD_OUT = 52, 52
CONCENTRATION = 400.0  # of the shares of one period around the mean: about as much spread again as the rows' own noise
START = date(2018, 1, 1)


@dataclass(frozen=True)
class World:
    """A reference, and a function that draws the next new period."""

    reference: MonitorReference
    new: Callable[[np.random.Generator], tuple[PeriodSummary, Cohort]]


def week_name(number: int) -> str:
    """Name a week by its Monday."""
    return (START + timedelta(weeks=number)).isoformat()


def simulated_world(rng: np.random.Generator) -> World:
    """Draw a reference of 52 weeks of training rows and 52 held-out ones, and new weeks of the same kind."""
    bins = {f"number{i}": _number(f"number{i}", 32) for i in range(2)}
    bins |= {
        f"text{i}": ColumnBins(name=f"text{i}", values=tuple(f"v{j}" for j in range(size)))
        for i, size in enumerate((5, 30))
    }
    base = {name: rng.dirichlet(np.ones(one.slots - 1)) for name, one in bins.items()}

    def draw(number: int) -> tuple[PeriodSummary, Cohort]:
        rows = int(rng.poisson(ROWS))
        inputs = {}
        for name, share in base.items():
            values = rng.multinomial(rows, rng.dirichlet(CONCENTRATION * share + 1e-9))
            missing = rng.binomial(values, 0.02)
            inputs[name] = np.concatenate([[missing.sum()], values - missing])
        y = rng.choice(3, rows, p=rng.dirichlet(CONCENTRATION * SHARES))
        confusion = np.stack([rng.dirichlet(CONCENTRATION * row) for row in CONFUSION])
        predicted = (rng.random(rows)[:, None] > np.cumsum(confusion[y], axis=1)[:, :-1]).sum(1)
        joint = np.bincount(y * 3 + predicted, minlength=9).reshape(3, 3).astype(float)
        posterior = (SHARES[:, None] * CONFUSION) / (SHARES @ CONFUSION)
        counts = np.bincount(predicted, minlength=3).astype(float)
        name = week_name(number)
        return PeriodSummary(name, rows, inputs, counts, posterior * counts, joint), Cohort(name, rows, y, predicted)

    past = [draw(number)[0] for number in range(EARLIER + HELD_OUT)]
    earlier = tuple(PeriodSummary(one.name, one.rows, one.inputs) for one in past[:EARLIER])
    numbers = iter(range(EARLIER + HELD_OUT, 10**9))
    reference = MonitorReference("week", CLASSES, bins, tuple(past[EARLIER:]), earlier)
    return World(reference, lambda _: draw(next(numbers)))


def _number(name: str, n: int) -> ColumnBins:
    return ColumnBins(name=name, edges=tuple(range(n)), places=tuple(np.linspace(-1.7, 1.7, n + 1)))


def _text(name: str, n: int) -> ColumnBins:
    return ColumnBins(name=name, values=tuple(f"v{value}" for value in range(n)))
