"""What the held-out period allows: the limit of each loss, with what weeks differ by, and the detectors made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.monitoring.detector import Bet, Detector, best_stake
from evenhand.monitoring.periods import PER_YEAR
from evenhand.monitoring.summaries import MonitorReference
from evenhand.problem import MonitorPolicy

RESAMPLES = 2_000
CONFIDENCE = 0.95  # of the upper bound of the reference loss
FEWEST_PERIODS = 8  # fewer show too little of how periods differ
FEWEST_ROWS = 50  # of a class in the held-out period: fewer promise nothing that could be broken
SIZES = (0.5, 1.0, 2.0)  # of the declared rise: smaller and larger ones are found, too
OVERALL = 0.5  # share of the false alarms that the error over all rows may have; classes share the rest


@dataclass(frozen=True)
class LossReference:
    """A loss in the held-out period.

    Attributes
    ----------
    mean : float
    upper : float
        Its upper 95 % bound; whole periods are drawn.
    shock : float
        Standard deviation by which the true losses of periods differ.
    rows : float
        Mean number of its rows in a period.
    known : bool
        Whether there are enough periods to see how they differ.
    """

    mean: float
    upper: float
    shock: float
    rows: float
    known: bool

    def limit(self, rise: float) -> float:
        r"""Return the limit m0 for the bet on a rise: the upper bound plus the tolerance for shocks.

        Rows of a period share its shock s. Over n rows the stake multiplies by about
        exp(n lambda (s - eps)), whose mean is at most 1 for normal shocks when eps = n lambda shock^2 / 2.
        """
        if not self.known:
            return min(self.upper + rise / 2, 0.99)
        base = min(max(self.upper, 0.001), 0.99)
        return min(base + self.rows * best_stake(base, rise) * self.shock**2 / 2, 0.99)


def loss_reference(wrong: np.ndarray, rows: np.ndarray, seed: int = 0) -> LossReference:
    """Describe a loss by its counts in the held-out periods.

    Parameters
    ----------
    wrong, rows : ndarray of shape (n_periods,)
        Lost rows and all rows of each period.
    seed : int

    Returns
    -------
    LossReference
        The shock is estimated by moments: what the rates vary by beyond binomial noise (Kleinman 1973).
    """
    wrong, rows = wrong[rows > 0].astype(float), rows[rows > 0].astype(float)
    total = rows.sum()
    mean = float(wrong.sum() / total)
    rng = np.random.default_rng(seed)
    if len(rows) < FEWEST_PERIODS:
        drawn = rng.binomial(int(total), mean, RESAMPLES) / total
        return LossReference(mean, float(np.quantile(drawn, CONFIDENCE)), 0.0, float(rows.mean()), False)
    times = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=RESAMPLES)
    drawn = (times @ wrong) / (times @ rows)
    variance = float((rows * (wrong / rows - mean) ** 2).sum() / (len(rows) - 1))
    typical = (total - (rows**2).sum() / total) / (len(rows) - 1)
    shock = np.sqrt(max(0.0, (variance - mean * (1 - mean)) / typical))
    return LossReference(mean, float(np.quantile(drawn, CONFIDENCE)), float(shock), float(rows.mean()), True)


def held_out_losses(reference: MonitorReference) -> dict[str, LossReference]:
    """Describe the error over all rows (under an empty name) and the misses of each class with enough rows."""
    confusions = np.stack([one.confusion for one in reference.held_out])
    rows = confusions.sum(-1)
    right = np.diagonal(confusions, axis1=1, axis2=2)
    found = {"": loss_reference((rows - right).sum(1), rows.sum(1))}
    for code, name in enumerate(reference.classes):
        if rows[:, code].sum() >= FEWEST_ROWS:
            found[name] = loss_reference((rows - right)[:, code], rows[:, code])
    return found


def rows_between(reference: MonitorReference, policy: MonitorPolicy) -> float:
    """Convert the declared time between false alarms to rows, by the rows of the held-out periods."""
    return periods_between(reference, policy) * reference.rows_per_period


def periods_between(reference: MonitorReference, policy: MonitorPolicy) -> float:
    """Convert the declared time between false alarms to periods."""
    return policy.years_between * PER_YEAR[reference.period]


def detectors(reference: MonitorReference, policy: MonitorPolicy) -> dict[str, Detector]:
    """Make the detectors, which together have the declared mean number of rows between false alarms.

    With weights w that sum to 1, the sum of w M is an e-detector itself, and an alarm of one of them at A / w is later
    than its alarm at A.
    """
    losses = held_out_losses(reference)
    between = rows_between(reference, policy)
    weights = {name: OVERALL if name == "" else (1 - OVERALL) / (len(losses) - 1) for name in losses}
    if len(losses) == 1:
        weights[""] = 1.0
    made = {}
    for name, loss in losses.items():
        bets = []
        for size in SIZES:
            limit = loss.limit(size * policy.rise)
            bets.append(Bet(limit, best_stake(limit, size * policy.rise)))
        made[name] = Detector(name, tuple(bets), max(between / weights[name], 1.0))
    return made
