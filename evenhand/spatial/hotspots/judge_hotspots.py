"""What the hotspot backtest shows: the chosen rival of each class, its indices, and the difference to plain counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binomtest

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.multiplicity import holm
from evenhand.spatial.forecasts.judge import CHOSEN, period_draws, ratio_interval
from evenhand.spatial.hotspots.backtest import HotspotHits, HotspotPlan
from evenhand.spatial.hotspots.indices import AreaShare, Indices, PastHits, indices

SURE = 1.64  # standard errors by which a rival must have been ahead of counts before it is chosen


@dataclass(frozen=True)
class HotspotScores:
    """How one rival did on one class at one window and share of the area.

    ``ratio`` is its hits over those of plain counts, which at equal area is the ratio of their PAI; ``p`` is of the
    exact binomial test on the events that only one of the two held, in windows that do not overlap; ``holm`` is the
    same after Holm over the classes.
    """

    rival: str
    klass: str
    weeks: int
    share: float
    events: int
    hits: int
    indices: Indices
    pai: Interval
    ratio: Interval
    only_own: int
    only_counts: int
    p: float
    holm: float = float("nan")


@dataclass(frozen=True, eq=False)
class JudgedHotspots:
    """All scores, and which rival each origin chose, by what was known at it, for each class.

    ``choices`` has shape (n_origins + 1, n_classes); the last is for the map from the end of the data.
    """

    scores: tuple[HotspotScores, ...]
    choices: np.ndarray

    def find(self, rival: str, klass: str, weeks: int, share: float) -> HotspotScores:
        """Return one line."""
        wanted = (rival, klass, weeks, share)
        return next(s for s in self.scores if (s.rival, s.klass, s.weeks, s.share) == wanted)


def judge_hotspots(
    hits: HotspotHits, classes: Sequence[str], cell_km2: float, chosen_at: tuple[int, float], seed: int
) -> JudgedHotspots:
    """Sum up the backtest of hotspots.

    Parameters
    ----------
    hits : HotspotHits
        The first rival is plain counts.
    classes : sequence of str
    cell_km2 : float
    chosen_at : (int, float)
        Window in weeks and share of the area by which rivals are chosen.
    seed : int
        Of the bootstrap.
    """
    plan = hits.plan
    w, a = plan.windows.index(chosen_at[0]), plan.shares.index(chosen_at[1])
    choices = choose_over_counts(hits.hits[:, :, :, w, a], plan, chosen_at[0])
    table = _Table(hits, choices[:-1], cell_km2, seed)
    scores: list[HotspotScores] = []
    for number, rival in enumerate((*hits.rivals, CHOSEN)):
        for weeks in range(len(plan.windows)):
            for share in range(len(plan.shares)):
                family = [table.line(number, rival, c, name, weeks, share) for c, name in enumerate(classes)]
                adjusted = holm([line.p for line in family])
                scores += [replace(line, holm=p) for line, p in zip(family, adjusted, strict=True)]
    return JudgedHotspots(tuple(scores), choices)


def choose_over_counts(hits: np.ndarray, plan: HotspotPlan, window: int) -> np.ndarray:
    """Choose, at each origin, the rival that was surely ahead of plain counts so far, and counts where none was.

    Ahead means: over the origins whose window was over, its hits less those of plain counts are above 0 by ``SURE``
    standard errors of their sum over origins. Of several, the one with the most hits is chosen.

    Parameters
    ----------
    hits : ndarray of int, shape (n_rivals, n_origins, n_classes)
    plan : HotspotPlan
    window : int

    Returns
    -------
    ndarray of int, shape (n_origins + 1, n_classes)
        0 is plain counts.
    """
    ends = [*plan.origins, plan.origins[-1] + max(plan.windows)]
    chosen = np.zeros((len(ends), hits.shape[2]), dtype=int)
    for at, now in enumerate(ends):
        known = plan.known(window, now)
        if known.sum() < 5:
            continue
        ahead = (hits[:, known] - hits[:1, known]).astype(float)
        gain = ahead.sum(axis=1)
        error = np.sqrt(known.sum()) * ahead.std(axis=1, ddof=1)
        chosen[at] = np.where(gain > SURE * error, gain, 0).argmax(axis=0)
    return chosen


class _Table:
    """Lines of the table from the hits of the reported origins."""

    def __init__(self, hits: HotspotHits, choices: np.ndarray, cell_km2: float, seed: int) -> None:
        self.hits, self.plan, self.km2 = hits, hits.plan, cell_km2
        self.choices, self.at = choices, np.arange(len(hits.plan.origins))[-hits.plan.reported :]
        step = int(np.diff(hits.plan.origins).min()) if len(hits.plan.origins) > 1 else 1
        # Origins in a row whose windows overlap: drawn together, and one of them is in the binomial test.
        self.overlap = {weeks: max(1, -(-weeks // step)) for weeks in hits.plan.windows}
        self.draws = {weeks: period_draws(len(self.at), length, seed) for weeks, length in self.overlap.items()}

    def line(self, number: int, rival: str, c: int, name: str, w: int, a: int) -> HotspotScores:
        """Sum up one rival (``len(rivals)`` is the chosen one), class, window and share."""
        hits, plan, at = self.hits, self.plan, self.at
        row = self.choices[at, c] if number == len(hits.rivals) else np.full(len(at), number)

        def of(values: np.ndarray) -> np.ndarray:
            return np.asarray(values[row, at, c, w, a])

        own, total, weeks = of(hits.hits), hits.total[at, c, w], plan.windows[w]
        m, n_cells = hits.chosen_cells[a], hits.n_cells
        area = AreaShare(m, n_cells, m * self.km2, weeks)
        past = PastHits(of(hits.past), hits.past_total[at, c, w])
        summed = indices(own, total, hits.best[at, c, w, a], area, past)
        share = ratio_interval(own.astype(float), total.astype(float), self.draws[weeks])
        apart = slice(None, None, self.overlap[weeks])
        b, bar = int(of(hits.alone)[apart].sum()), int(of(hits.bar_alone)[apart].sum())
        scale = n_cells / m
        return HotspotScores(
            rival=rival,
            klass=name,
            weeks=weeks,
            share=plan.shares[a],
            events=int(total.sum()),
            hits=int(own.sum()),
            indices=summed,
            pai=Interval(share.estimate * scale, share.low * scale, share.high * scale),
            ratio=ratio_interval(own.astype(float), hits.hits[0, at, c, w, a].astype(float), self.draws[weeks]),
            only_own=b,
            only_counts=bar,
            p=float(binomtest(b, b + bar).pvalue) if b + bar else 1.0,
        )
