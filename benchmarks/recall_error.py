"""Measure how often the tolerance on recall errs with few rows of a class: ``python -m benchmarks.recall_error``.

A challenger's recall is worse by exactly the tolerance. The condition passes by mistake where the lower bound is above
it; the figure is how often that happens over how often it may. Single rows are enumerated, blocks simulated; the
largest figure over shares of rows on which the two models differ is shown. Figures: docs/gate.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.special import gammaln, ndtri, xlogy

from benchmarks.simulated import run_simulations
from evenhand.evidence.bootstrap import BootstrapSettings, paired_class_differences
from evenhand.evidence.class_recall import bonett_price
from evenhand.evidence.draws import block_codes
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.recall_intervals import recall_differences, tango
from evenhand.metrics.predictions import Predictions

TOLERANCE, TAIL = 0.05, 0.0125  # the defaults of the gate, at its first evaluation
DIFFER = (0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
ROWS = (50, 60, 75, 90, 150, 300)
BLOCKS = ((20, 5), (30, 2), (60, 5), (100, 2))
ALIKE = (1.0, 0.3)
SIMULATIONS = 10_000
MOST = 1.3
LowerBound = Callable[[int, int, int], float]
"""Rows won, rows lost and all rows of a class to a lower bound."""


def largest_error(n: int, tolerance: float = TOLERANCE, tail: float = TAIL, bound: LowerBound | None = None) -> float:
    """Enumerate all outcomes of ``n`` single rows; return the largest error over its nominal value."""
    z = float(-ndtri(tail))
    bound = bound or (lambda won, lost, n: tango(won / n, lost / n, n, z).low)
    outcomes = [(won, lost) for won in range(n + 1) for lost in range(n + 1 - won)]
    passed = np.array([bound(won, lost, n) > -tolerance for won, lost in outcomes])
    won, lost = np.array(outcomes).T
    ways = gammaln(n + 1) - gammaln(won + 1) - gammaln(lost + 1) - gammaln(n - won - lost + 1)
    errors = []
    for differ in DIFFER:
        up, down = (differ - tolerance) / 2, (differ + tolerance) / 2
        chance = np.exp(ways + xlogy(won, up) + xlogy(lost, down) + (n - won - lost) * np.log(1 - differ))
        errors.append(chance[passed].sum() / tail)
    return float(max(errors))


def bootstrap_bound(won: int, lost: int, n: int, tail: float = TAIL) -> float:
    """Return the lower bound of the percentile bootstrap, for comparison."""
    drawn = np.random.default_rng(0).multinomial(n, [won / n, lost / n, max(0.0, 1 - (won + lost) / n)], size=2000)
    return float(np.quantile((drawn[:, 0] - drawn[:, 1]) / n, tail))


def error_with_blocks(
    blocks: int, size: int, alike: float, differ: float, simulations: int = SIMULATIONS, drawn: bool = False
) -> float:
    """Simulate blocks of rows of one class; return the error over its nominal value.

    Parameters
    ----------
    blocks, size : int
        Number of blocks, and rows in each.
    alike : float
        Correlation of two rows of a block; 1 makes them copies.
    differ : float
        Share of rows that only one of the two models has right.
    simulations : int
    drawn : bool
        By the block bootstrap, for comparison.
    """
    passed = 0
    y, block = np.zeros(blocks * size, dtype=np.int64), np.repeat(np.arange(blocks), size)
    rows = EvaluationRows(y, ("the class", "others"), blocks=block)
    share = [(differ - TOLERANCE) / 2, (differ + TOLERANCE) / 2, 1 - differ]
    for simulation in range(simulations):
        rng = np.random.default_rng([simulation, blocks, size])
        common = np.repeat(rng.choice(3, blocks, p=share), size)
        outcome = np.where(rng.random(len(y)) < np.sqrt(alike), common, rng.choice(3, len(y), p=share))
        a, b = (np.where(outcome == lost, 1, 0) for lost in (0, 1))
        if drawn:
            proba = np.full((len(y), 2), 0.5)
            bootstrap = BootstrapSettings(1 - 2 * TAIL, blocks=block_codes(block))
            found = paired_class_differences(Predictions(y, proba, a), Predictions(y, proba, b), "recall", bootstrap)[0]
        else:
            found = recall_differences(rows, a, b, 1 - 2 * TAIL)[0]
        passed += found.low > -TOLERANCE + 1e-12
    return passed / simulations / TAIL


def checked(simulations: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield for every number of rows and of blocks whether the error is within the limit."""
    z = float(-ndtri(TAIL))
    others: dict[str, LowerBound] = {
        "bootstrap": bootstrap_bound,
        "Bonett & Price": lambda won, lost, n: bonett_price(won / n, lost / n, n, z).low,
    }
    for n in ROWS:
        error, compared = largest_error(n), {name: largest_error(n, bound=bound) for name, bound in others.items()}
        text = ", ".join(f"{name} {value:.2f}" for name, value in compared.items())
        line = {"rows": n, "error": error, "compared": compared, "met": error <= MOST}
        yield f"{n} rows: error {error:.2f} of nominal; {text}", line
    for blocks, size in BLOCKS:
        for alike in ALIKE:
            errors = [error_with_blocks(blocks, size, alike, differ, simulations) for differ in DIFFER]
            drawn = max(error_with_blocks(blocks, size, alike, differ, simulations // 20, True) for differ in DIFFER)
            line = {"blocks": blocks, "size": size, "alike": alike, "error": max(errors), "bootstrap": drawn}
            text = f"{blocks} blocks of {size}, correlation {alike}: error {max(errors):.2f}; bootstrap {drawn:.2f}"
            yield text, {**line, "met": max(errors) <= MOST}


if __name__ == "__main__":
    sys.exit(run_simulations(__doc__, "recall_error", SIMULATIONS, checked))
