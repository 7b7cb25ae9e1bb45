"""The rolling origin: rivals forecast from each origin with what was known before it, and are scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.spatial.counts import Counts
from evenhand.spatial.forecasts.distributions import quantiles
from evenhand.spatial.forecasts.forecast import Forecast, Rival
from evenhand.spatial.forecasts.scores import crps, log_score, naive_error, pit_interval


@dataclass(frozen=True)
class RollingPlan:
    """Where origins are, and how far each is forecast.

    Attributes
    ----------
    origins : tuple of int
        Number of periods before each, in order. The first are there to choose by and are not reported.
    reported : int
        Number of origins, the last ones, that tables are of.
    horizons : int
    refit_every : int
        Origins between two fits of a model.
    """

    origins: tuple[int, ...]
    reported: int
    horizons: int
    refit_every: int

    @property
    def is_reported(self) -> np.ndarray:
        """Which origins tables are of, shape (n_origins,)."""
        return np.arange(len(self.origins)) >= len(self.origins) - self.reported


@dataclass(frozen=True, eq=False)
class ScoredForecasts:
    """Scores of every rival, origin, class, area and horizon.

    Attributes
    ----------
    rivals : tuple of str
    crps, log_score, error : ndarray of float32, shape (n_rivals, n_origins, n_classes, n_areas, n_horizons)
        ``error`` is the absolute error of the median.
    lower, upper : ndarray of float32, same shape
        F(y - 1) and F(y).
    mean : ndarray of float32, same shape
    observed : ndarray of int32, shape (n_origins, n_classes, n_areas, n_horizons)
    unit : ndarray of float, shape (n_classes,)
        Of MASE, from the periods before the first reported origin: see
        :func:`evenhand.spatial.forecasts.scores.naive_error`.
    plan : RollingPlan
    """

    rivals: tuple[str, ...]
    crps: np.ndarray
    log_score: np.ndarray
    error: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    mean: np.ndarray
    observed: np.ndarray
    unit: np.ndarray
    plan: RollingPlan


def before(counts: Counts, origin: int) -> Counts:
    """Return the periods before an origin, as an array of its own that holds nothing else."""
    known = counts.values[:, :, :origin].copy()
    return replace(counts, values=known, periods=replace(counts.periods, n=origin))


def backtest(
    counts: Counts, rivals: Sequence[Rival], plan: RollingPlan, say: Callable[[int], None] | None = None
) -> ScoredForecasts:
    """Score rivals by rolling origin.

    Parameters
    ----------
    counts : Counts
    rivals : sequence of Rival
    plan : RollingPlan
    say : callable, optional
        Called with the number of origins done.
    """
    shape = (len(rivals), len(plan.origins), *counts.values.shape[:2], plan.horizons)
    kept = {name: np.empty(shape, np.float32) for name in ("crps", "log_score", "error", "lower", "upper", "mean")}
    ahead = np.array([counts.values[:, :, t : t + plan.horizons] for t in plan.origins])
    largest = largest_counts(counts)
    for at, origin in enumerate(plan.origins):
        history = before(counts, origin)
        for number, rival in enumerate(rivals):
            if at % plan.refit_every == 0:
                rival.fit(history, plan.horizons)
            forecast = rival.predict(history, plan.horizons)
            for c, scored in enumerate(_scored(forecast, ahead[at], largest)):
                for name, values in scored.items():
                    kept[name][number, at, c] = values
        if say is not None:
            say(at + 1)
    earlier = counts.values[:, :, : plan.origins[-plan.reported]]
    unit = np.array([naive_error(values, counts.periods.year).mean() for values in earlier])
    return ScoredForecasts(tuple(r.name for r in rivals), **kept, observed=ahead, unit=unit, plan=plan)


def largest_counts(counts: Counts) -> list[int]:
    """Return the count up to which each class's distributions are written: well above all that ever was."""
    return [int(1.5 * values.max()) + 15 for values in counts.values]


def _scored(forecast: Forecast, observed: np.ndarray, largest: Sequence[int]) -> Iterator[dict[str, np.ndarray]]:
    for c, most in enumerate(largest):
        below, y = forecast.below(c, most).reshape(-1, most + 1), observed[c].ravel()
        lower, upper = pit_interval(below, y)
        scored = {"crps": crps(below, y), "log_score": log_score(below, y), "lower": lower, "upper": upper}
        scored["error"] = np.abs(quantiles(below, 0.5) - y)
        scored["mean"] = forecast.mean[c].ravel()
        yield {name: values.reshape(observed[c].shape) for name, values in scored.items()}
