"""Forecasts of an analysis: all rivals on past origins, the chosen ones from the end of the data, areas and city."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.spatial.counts import Counts
from evenhand.spatial.forecasts.city import CityBacktest, city_backtest, city_quantiles
from evenhand.spatial.forecasts.count_models import BoostedCounts, NegativeBinomialGlm
from evenhand.spatial.forecasts.distributions import quantiles
from evenhand.spatial.forecasts.forecast import Forecast, Rival
from evenhand.spatial.forecasts.judge import LEVELS, JudgedForecasts, judge
from evenhand.spatial.forecasts.rolling import RollingPlan, ScoredForecasts, backtest, largest_counts
from evenhand.spatial.forecasts.simple_rivals import SEASONAL_NAIVE, LastValue, MeanOfYears, SeasonalNaive


@dataclass(frozen=True, eq=False)
class ComingCounts:
    """The coming periods.

    Attributes
    ----------
    mean : ndarray of float, shape (n_classes, n_areas, n_horizons)
        The areas add up to ``city_mean``.
    bounds : ndarray of int, shape (4, n_classes, n_areas, n_horizons)
        Low and high of the 80 % interval, then of the 95 % one.
    city_mean : ndarray of float, shape (n_classes, n_horizons)
    city_bounds : ndarray of int, shape (4, n_classes, n_horizons)
    rivals : tuple of str
        The rival that forecasts each class.
    """

    mean: np.ndarray
    bounds: np.ndarray
    city_mean: np.ndarray
    city_bounds: np.ndarray
    rivals: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ForecastOutcome:
    """Everything about forecasts that a page shows."""

    counts: Counts
    plan: RollingPlan
    judged: JudgedForecasts
    city: CityBacktest
    coming: ComingCounts


def forecast_areas(
    counts: Counts, plan: RollingPlan, years: int, seed: int, say: Callable[[int], None] | None = None
) -> ForecastOutcome:
    """Judge all rivals by rolling origin, and forecast from the end of the data with the chosen ones.

    Parameters
    ----------
    counts : Counts
    plan : RollingPlan
    years : int
        That the mean of the last years is of.
    seed : int
    say : callable, optional
        Called with the number of origins done.
    """
    rivals = forecast_rivals(years, seed)
    scored = backtest(counts, rivals, plan, say)
    judged = judge(scored, counts.classes, SEASONAL_NAIVE, seed)
    whole = replace(counts, values=counts.values.sum(axis=1, keepdims=True), near=np.zeros((1, 0), int), areas=("all",))
    city = city_backtest(scored, judged.choices, backtest(whole, [SeasonalNaive()], plan))
    return ForecastOutcome(counts, plan, judged, city, _coming(counts, rivals, scored, judged, city))


def forecast_rivals(years: int, seed: int) -> list[Rival]:
    """Return all rivals; the first one forecasts until there is something to choose by."""
    boosted = [BoostedCounts(objective, seed, threads=1) for objective in ("poisson", "tweedie")]
    return [SeasonalNaive(), LastValue(), MeanOfYears(years), NegativeBinomialGlm(), *boosted]


def _coming(
    counts: Counts, rivals: Sequence[Rival], scored: ScoredForecasts, judged: JudgedForecasts, city: CityBacktest
) -> ComingCounts:
    horizons, chosen = scored.plan.horizons, judged.choices[-1]
    forecasts: dict[int, Forecast] = {}
    for number in np.unique(chosen):
        rivals[number].fit(counts, horizons)
        forecasts[int(number)] = rivals[number].predict(counts, horizons)
    n_classes, n_areas = counts.values.shape[:2]
    mean = np.stack([forecasts[int(r)].mean[c] for c, r in enumerate(chosen)])
    bounds = np.zeros((2 * len(LEVELS), n_classes, n_areas, horizons), int)
    city_bounds = np.zeros((2 * len(LEVELS), n_classes, horizons), int)
    for c, most in enumerate(largest_counts(counts)):
        number = int(chosen[c])
        below = forecasts[number].below(c, most)
        for at, level in enumerate(LEVELS):
            misses = judged.misses[level][number, c]
            for h in range(horizons):
                for side, tail in enumerate((misses[h] / 2, 1 - misses[h] / 2)):
                    bounds[2 * at + side, c, :, h] = quantiles(below[:, h], tail)
        tails = tuple(tail for miss in city.misses[c] for tail in (miss / 2, 1 - miss / 2))
        city_bounds[:, c] = city_quantiles(mean[c].sum(axis=0), city.size[c], tails)
    names = tuple(rivals[int(number)].name for number in chosen)
    return ComingCounts(mean, bounds, mean.sum(axis=1), city_bounds, names)
