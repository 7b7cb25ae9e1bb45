"""The e-detector on rows (Shin, Ramdas & Rinaldo 2024): an alarm with a stated mean number of rows between false ones.

A row's loss L is 1 or 0: a wrong class, or a miss of the row's own class. For a limit m0 and a bet lambda,
M_t = (1 + M_{t-1}) (1 + lambda (L_t - m0)), M_0 = 0. As long as the mean loss given the past is at most m0, the mean
of M at any stopping time is at most the mean number of rows until then, so an alarm at M >= A comes on average after at
least A rows. A mean of several such M has the same property, so several bets share one threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ROWS_AT_ONCE = 256  # factors are between 0.5 and 2, so their product stays far from the ends of a float


@dataclass(frozen=True)
class Bet:
    """A limit of the mean loss, and how much is bet on its being passed."""

    limit: float
    stake: float

    def __post_init__(self) -> None:
        """Refuse a stake with which a row could end the game."""
        if not (0 < self.limit < 1 and 0 < self.stake < 1 / self.limit):
            raise ValueError(f"a stake is between 0 and 1/limit; found {self.stake} for limit {self.limit}")


@dataclass(frozen=True)
class Detector:
    """Bets that share a threshold.

    Attributes
    ----------
    subject : str
        Class whose misses it counts; empty for the error over all rows.
    bets : tuple of Bet
    threshold : float
        Of the mean over the bets.
    """

    subject: str
    bets: tuple[Bet, ...]
    threshold: float

    @property
    def limit(self) -> float:
        """The declared limit of the loss: that of the middle bet."""
        return self.bets[len(self.bets) // 2].limit


def best_stake(limit: float, rise: float) -> float:
    """Return the stake that grows fastest when the loss is ``rise`` above the limit (Kelly 1956).

    It is at most half of 1/limit, and such that no factor is above 2.

    Examples
    --------
    >>> round(best_stake(0.4, 0.05), 3)
    0.208
    """
    wanted = rise / (limit * (1 - limit))
    return min(wanted, 0.5 / limit, 1.0 / (1 - limit))


@dataclass(frozen=True)
class Walk:
    """What a detector did over some rows.

    Attributes
    ----------
    levels : tuple of float
        M of each bet after the last row.
    alarms : tuple of int
        Rows, from 0, at which the mean reached the threshold; it starts from 0 after each.
    highest : float
        Highest mean on the way.
    """

    levels: tuple[float, ...]
    alarms: tuple[int, ...]
    highest: float


def walk(detector: Detector, levels: Sequence[float], losses: np.ndarray) -> Walk:
    """Continue a detector over further rows.

    Parameters
    ----------
    detector : Detector
    levels : sequence of float
        M of each bet before the first row.
    losses : ndarray of shape (n,)
        Of 0 to 1, in the order of time.

    Examples
    --------
    >>> bad = Detector("", (Bet(0.1, 1.0),), 1000.0)
    >>> walk(bad, (0.0,), np.ones(40)).alarms[:2]
    (9, 19)
    """
    level = np.asarray(levels, dtype=float)
    stakes = np.array([bet.stake for bet in detector.bets])
    limits = np.array([bet.limit for bet in detector.bets])
    alarms: list[int] = []
    highest, start = 0.0, 0
    while start < len(losses):
        part = losses[start : start + ROWS_AT_ONCE, None]
        growth = np.cumprod(1 + stakes * (part - limits), axis=0)
        before = np.vstack([np.ones((1, len(stakes))), growth[:-1]])
        path = growth * (level + np.cumsum(1 / before, axis=0))
        mean = path.mean(axis=1)
        reached = np.flatnonzero(mean >= detector.threshold)
        last = int(reached[0]) if len(reached) else len(part) - 1
        highest = max(highest, float(mean[: last + 1].max()))
        if len(reached):
            alarms.append(start + last)
            level = np.zeros(len(stakes))
        else:
            level = path[-1]
        start += last + 1
    return Walk(tuple(map(float, level)), tuple(alarms), highest)
