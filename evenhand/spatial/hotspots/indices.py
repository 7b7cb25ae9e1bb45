"""How good a set of cells was: PAI, PEI*, SER, RRI and the hit rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Indices:
    """Indices of the top cells over all origins together; nan where nothing happened.

    Attributes
    ----------
    hit_rate : float
        n / N: the share of the events that were in the cells.
    pai : float
        (n / N) / (a / A): how many times more than in the study area as a whole (Chainey, Tompson & Uhlig 2008).
    pei : float
        PEI*: n / n*, n* the most that this number of cells held (Hunt 2016).
    ser : float
        Events in the cells for each km2 of them and week.
    rri : float
        (n2 / n1) / (N2 / N1), 1 the period before and 2 the forecast one: above 1, the cells kept their share.
    """

    hit_rate: float
    pai: float
    pei: float
    ser: float
    rri: float


def indices(hits: np.ndarray, total: np.ndarray, best: np.ndarray, area: AreaShare, past: PastHits) -> Indices:
    """Sum up origins.

    Parameters
    ----------
    hits, total, best : ndarray of int, shape (n_origins,)
        Events in the chosen cells, in all, and in the cells that held the most.
    area : AreaShare
    past : PastHits

    Examples
    --------
    >>> area, past = AreaShare(cells=2, of=20, km2=0.5, weeks=1), PastHits(np.array([4]), np.array([10]))
    >>> indices(np.array([3]), np.array([10]), np.array([5]), area, past)
    Indices(hit_rate=0.3, pai=3.0, pei=0.6, ser=6.0, rri=0.75)
    """
    n, N, most = float(hits.sum()), float(total.sum()), float(best.sum())
    n1, N1 = float(past.hits.sum()), float(past.total.sum())
    rate = _ratio(n, N)
    return Indices(
        hit_rate=rate,
        pai=rate * area.of / area.cells,
        pei=_ratio(n, most),
        ser=n / (area.km2 * area.weeks * len(hits)),
        rri=_ratio(_ratio(n, n1), _ratio(N, N1)),
    )


@dataclass(frozen=True)
class AreaShare:
    """How many cells are chosen, of how many, their km2 together, and the weeks of the window."""

    cells: int
    of: int
    km2: float
    weeks: int


@dataclass(frozen=True, eq=False)
class PastHits:
    """Events in the chosen cells and in all in the window before each origin, shape (n_origins,)."""

    hits: np.ndarray
    total: np.ndarray


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else float("nan")
