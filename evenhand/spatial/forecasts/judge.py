"""What a backtest shows: scores by rival and class, the chosen rival, and differences to the seasonal naive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.bootstrap import Interval
from evenhand.spatial.forecasts.adaptive import adapted_misses
from evenhand.spatial.forecasts.rolling import RollingPlan, ScoredForecasts
from evenhand.spatial.forecasts.scores import coverage, pit_histogram

CHOSEN, ALL = "chosen", "all classes"
LEVELS = (0.8, 0.95)
DRAWS = 2000


@dataclass(frozen=True)
class ForecastScores:
    """How one rival did on one class over the reported origins.

    ``skill`` is the share of the seasonal naive's CRPS that it saves, with its 95 % interval by period bootstrap;
    ``plain`` and ``held`` are the coverage of 80 and 95 % intervals without and with adaptation.
    """

    rival: str
    klass: str
    crps: float
    log_score: float
    mase: float
    skill: Interval
    plain: tuple[float, ...]
    held: tuple[float, ...]
    pit: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class JudgedForecasts:
    """Scores of every rival and of the chosen one; which rival each origin chose; where coverage fails.

    Attributes
    ----------
    scores : tuple of ForecastScores
    choices : ndarray of int, shape (n_origins + 1, n_classes)
        Rival that each origin chose by what was known at it; the last is for the forecast from the end of the data.
    misses : dict of float to ndarray, shape (n_rivals, n_classes, n_horizons)
        Level of an interval -> the miss rate to ask for at the end of the data.
    by_area : ndarray, shape (n_areas, 4)
        Of the chosen rival over all classes: CRPS, that of the seasonal naive, coverage at 80 and at 95 %.
    by_horizon : ndarray, shape (n_horizons, 2)
        CRPS of the chosen rival and of the seasonal naive.
    """

    scores: tuple[ForecastScores, ...]
    choices: np.ndarray
    misses: dict[float, np.ndarray]
    by_area: np.ndarray
    by_horizon: np.ndarray


def judge(scored: ScoredForecasts, classes: Sequence[str], naive: str, seed: int) -> JudgedForecasts:
    """Sum up a backtest.

    Parameters
    ----------
    scored : ScoredForecasts
    classes : sequence of str
    naive : str
        The rival that differences are to.
    seed : int
        Of the bootstrap.
    """
    plan, reference = scored.plan, scored.rivals.index(naive)
    choices = choose_by_past(scored.crps.mean(axis=(3, 4)), plan)
    rates = {level: _rates(scored, 1 - level) for level in LEVELS}
    draws = period_draws(int(plan.is_reported.sum()), overlap(plan), seed)
    lines = []
    for number, rival in enumerate((*scored.rivals, CHOSEN)):
        chosen = choices[:-1] if rival == CHOSEN else np.full_like(choices[:-1], number)
        picked = _Picked(scored, chosen, rates, reference)
        lines += [picked.line(rival, [c], name, draws) for c, name in enumerate(classes)]
        lines.append(picked.line(rival, list(range(len(classes))), ALL, draws))
    picked = _Picked(scored, choices[:-1], rates, reference)
    misses = {level: rate[:, -1] for level, rate in rates.items()}
    return JudgedForecasts(tuple(lines), choices, misses, picked.by_area(), picked.by_horizon())


def choose_by_past(loss: np.ndarray, plan: RollingPlan) -> np.ndarray:
    """Choose, at each origin, the rival with the lowest mean loss over the origins whose last count was known by then.

    Parameters
    ----------
    loss : ndarray, shape (n_rivals, n_origins, n_classes)
    plan : RollingPlan

    Returns
    -------
    ndarray of int, shape (n_origins + 1, n_classes)
        0 where no origin was known yet.
    """
    origins = np.asarray(plan.origins)
    chosen = np.zeros((len(origins) + 1, loss.shape[2]), dtype=int)
    for at, now in enumerate([*origins, origins[-1] + plan.horizons]):
        known = origins + plan.horizons <= now
        if known.any():
            chosen[at] = loss[:, known].mean(axis=1).argmin(axis=0)
    return chosen


def overlap(plan: RollingPlan) -> int:
    """Return how many origins in a row share periods, so that they are drawn together."""
    steps = np.diff(plan.origins)
    return 1 if len(steps) == 0 else int(np.ceil(plan.horizons / steps.min()))


def period_draws(n: int, length: int, seed: int) -> np.ndarray:
    """Draw origins with replacement in circular blocks of ``length`` (Politis & Romano 1992).

    Returns
    -------
    ndarray of float, shape (DRAWS, n)
        How often each origin is drawn.
    """
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, n, (DRAWS, -(-n // length)))
    drawn = ((starts[:, :, None] + np.arange(length)) % n).reshape(DRAWS, -1)[:, :n]
    flat = np.arange(DRAWS)[:, None] * n + drawn
    return np.bincount(flat.ravel(), minlength=DRAWS * n).reshape(DRAWS, n).astype(float)


def ratio_interval(top: np.ndarray, bottom: np.ndarray, draws: np.ndarray) -> Interval:
    """Return the ratio of two sums over periods with its 95 % percentile interval.

    Parameters
    ----------
    top, bottom : ndarray of float, shape (n,)
    draws : ndarray, shape (n_draws, n)
        From :func:`period_draws`.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = (draws @ top) / (draws @ bottom)
        ratio = float(top.sum() / bottom.sum()) if bottom.sum() else float("nan")
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or not np.isfinite(ratio):
        return Interval(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(ratio, float(low), float(high))


def _rates(scored: ScoredForecasts, miss: float) -> np.ndarray:
    return np.stack(
        [adapted_misses(low, up, scored.plan, miss) for low, up in zip(scored.lower, scored.upper, strict=True)]
    )


class _Picked:
    """The scores of the rival that each origin and class picks, over the reported origins."""

    def __init__(
        self, scored: ScoredForecasts, choice: np.ndarray, rates: dict[float, np.ndarray], reference: int
    ) -> None:
        self.at = np.flatnonzero(scored.plan.is_reported)
        self.rows = np.arange(len(choice))[:, None], np.arange(choice.shape[1])[None, :]
        self.choice, self.scored, self.rates = choice, scored, rates
        self.naive_crps = scored.crps[reference][self.at].astype(float)
        self.crps, self.error, self.log_score = (self._of(n) for n in ("crps", "error", "log_score"))
        self.lower, self.upper = self._of("lower"), self._of("upper")

    def _of(self, name: str) -> np.ndarray:
        values = getattr(self.scored, name)
        return np.asarray(values[self.choice, self.rows[0], self.rows[1]][self.at], dtype=float)

    def held(self, level: float) -> np.ndarray:
        """Return the coverage of each forecast with the adapted miss rate, same shape as the scores."""
        rates = self.rates[level][self.choice, self.rows[0], self.rows[1]][self.at]
        return coverage(self.lower, self.upper, rates[:, :, None, :])

    def line(self, rival: str, c: list[int], name: str, draws: np.ndarray) -> ForecastScores:
        """Sum up one class, or several."""
        own, naive = self.crps[:, c].sum(axis=(1, 2, 3)), self.naive_crps[:, c].sum(axis=(1, 2, 3))
        ratio = ratio_interval(own, naive, draws)
        lower, upper = self.lower[:, c].ravel(), self.upper[:, c].ravel()
        return ForecastScores(
            rival=rival,
            klass=name,
            crps=float(self.crps[:, c].mean()),
            log_score=float(self.log_score[:, c].mean()),
            mase=float(self.error[:, c].mean() / max(self.scored.unit[c].mean(), 1e-9)),
            skill=Interval(1 - ratio.estimate, 1 - ratio.high, 1 - ratio.low),
            plain=tuple(float(coverage(lower, upper, 1 - level).mean()) for level in LEVELS),
            held=tuple(float(self.held(level)[:, c].mean()) for level in LEVELS),
            pit=tuple(pit_histogram(lower, upper).tolist()),
        )

    def by_area(self) -> np.ndarray:
        """Return CRPS, that of the seasonal naive and both coverages, by area."""
        over = (0, 1, 3)
        parts = [self.crps.mean(axis=over), self.naive_crps.mean(axis=over)]
        return np.stack([*parts, *(self.held(level).mean(axis=over) for level in LEVELS)], axis=1)

    def by_horizon(self) -> np.ndarray:
        """Return CRPS and that of the seasonal naive, by horizon."""
        return np.stack([self.crps.mean(axis=(0, 1, 2)), self.naive_crps.mean(axis=(0, 1, 2))], axis=1)
