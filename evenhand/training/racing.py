"""Racing: a fit that can no longer win is stopped before all folds are done (Maron & Moore 1994).

The winner of a training is the best candidate over all folds. After some folds, each fit is compared with the leader on
the same rows. It is stopped when the interval of the difference, which allows for the variation of rows and folds,
excludes that it catches up. The fits of one family, the evidence family, are never stopped: what helps is found by
comparisons that are complete.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from evenhand.evidence.baselines import baseline_of
from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.influence import PROBABILITY_METRICS, influences
from evenhand.evidence.measure import EvidencePolicy, MeasuredCandidate, Measurement, measure
from evenhand.metrics.predictions import Predictions
from evenhand.postprocess.fit_rules import AnyDecision, cross_fitted
from evenhand.problem import BASE, LOWER_IS_BETTER, Problem
from evenhand.training.candidates import Candidate, compared_candidate

FOLDS_BEFORE_RACE = 1
# One fold can't show how much folds differ: with twice its error, folds may vary 1.7 times as much as its rows do.
ERRORS_OF_ONE_FOLD = 2.0
FEWEST_OF_A_CLASS = 20  # after one fold: with very few rows the estimated variance of a class may be zero
ERROR = 0.05  # upper bound of the chance that the race stops the candidate that would have won
RULES = EvidencePolicy(resamples=500)


@dataclass(frozen=True)
class Stopped:
    """After how many folds, and why, a fit was stopped."""

    folds: int
    of: int
    leader: str
    behind: Interval
    """How much worse than the leader on the primary metric; its lower bound is above 0."""

    @property
    def message(self) -> str:
        """One line for logs and reports.

        Examples
        --------
        >>> Stopped(2, 5, "lightgbm / none / multipliers", Interval(0.041, 0.036, 0.046)).message
        'stopped after 2 of 5 folds: 0.041 below lightgbm / none / multipliers [0.036, 0.046]'
        """
        gap = f"{self.behind.estimate:.3f} below {self.leader} [{self.behind.low:.3f}, {self.behind.high:.3f}]"
        return f"stopped after {self.folds} of {self.of} folds: {gap}"


def protected_fits(grid: Sequence[Candidate], problem: Problem, stacked: bool = False) -> set[str]:
    """Name the fits that run to the end whatever their scores.

    These are the evidence family's on the feature set `base`, with every strategy. If a stack is made, whose members
    need every fold, every model without resampling is protected as well.
    """
    family = problem.evidence_model
    models = {model.name for model in problem.models}

    def runs_on(candidate: Candidate) -> bool:
        plain = stacked and candidate.strategy.kind == "none" and candidate.model.name in models
        return candidate.features == BASE and (candidate.model.name == family or plain)

    return {candidate.fit_name for candidate in grid if runs_on(candidate)}


def compared_fits(grid: Sequence[Candidate]) -> dict[str, set[str]]:
    """Return, by fit name, the baselines of each fit: they run for as many folds as it does."""
    entries = {compared_candidate(candidate): candidate.fit_name for candidate in grid}
    found: dict[str, set[str]] = {name: set() for name in entries.values()}
    for candidate in grid:
        reference = baseline_of(compared_candidate(candidate), entries)
        if reference is not None:
            found[candidate.fit_name].add(entries[reference])
    return found


def measured_candidate(
    rows: EvaluationRows,
    predictions: Predictions,
    rule: AnyDecision,
    metric: str,
    trained_share: np.ndarray | None = None,
) -> MeasuredCandidate:
    """Measure a candidate on the folds that are done; its decision rule is fitted on the other folds.

    The rule reads uncalibrated probabilities: calibration is fitted once all folds are done.

    Parameters
    ----------
    rows : EvaluationRows
    predictions : Predictions
        Of the same rows.
    rule : AnyDecision
    metric : str
        The primary metric.
    trained_share : ndarray of shape (K,), optional
        As in :func:`evenhand.postprocess.fit_rules.fit_rule`.
    """
    codes = cross_fitted(rule, predictions, rows.classes, metric, trained_share)
    names, known = [metric] if metric in PROBABILITY_METRICS else [], rows.support > 0
    return MeasuredCandidate(codes, {name: influences(rows, predictions.proba, name, known) for name in names})


@dataclass(frozen=True, eq=False)
class Racer:
    """A fit, represented by its best candidate: decision rules share its probabilities."""

    name: str
    answers: MeasuredCandidate
    measured: Measurement


@dataclass(frozen=True)
class Race:
    """The rules of a race.

    Attributes
    ----------
    metric : str
        The primary metric.
    folds : int
        Number of all folds.
    protected : collection of str
        Names of fits that are never stopped.
    baselines : mapping of fit name to fit names
        Baselines of each fit, which are not stopped before it.
    entrants : int, optional
        Number of fits that could be stopped when the race began; by default those that can be stopped now.
    error : float
        Upper bound of the chance that the fit that would have won is stopped.
    """

    metric: str
    folds: int
    protected: Collection[str] = ()
    baselines: Mapping[str, Collection[str]] = field(default_factory=dict)
    entrants: int | None = None
    error: float = ERROR


def ruled_out(
    rows: EvaluationRows, measured: Mapping[str, Mapping[str, MeasuredCandidate]], race: Race
) -> dict[str, Stopped]:
    """Find the fits that can't win any more.

    The standard error of the difference to the leader is the larger of that of drawing rows and that of the variation
    between the folds done, pooled over all fits. The error rate is divided by the number of fits that can be stopped
    and by the number of times that this is decided (Bonferroni).

    Parameters
    ----------
    rows : EvaluationRows
        Of the folds that are done.
    measured : mapping of fit name to a mapping of candidate name to MeasuredCandidate
        Of each fit, its candidates with cross-fitted decision rules; the best one represents the fit.
    race : Race

    Returns
    -------
    dict of str to Stopped
        By fit name.
    """
    known = rows.support > 0
    best = {fit: _best(rows, candidates, race.metric, known) for fit, candidates in measured.items()}
    sign = -1.0 if race.metric in LOWER_IS_BETTER else 1.0
    scores = {fit: sign * one.measured.rows.interval.estimate for fit, one in best.items()}
    ranked = sorted(fit for fit, value in scores.items() if np.isfinite(value))
    done = len(rows.ratios)
    if len(ranked) < 2 or not done or (done == 1 and rows.support[known].min() < FEWEST_OF_A_CLASS):
        return {}
    leader = max(ranked, key=lambda fit: scores[fit])
    against = {
        fit: measure(rows, best[fit].answers, best[leader].answers, known, [race.metric], RULES)[race.metric]
        for fit in ranked
        if fit != leader
    }
    between = _between_folds(best[leader].measured, against.values(), sign)
    z = _critical_value(race, done, len([fit for fit in against if fit not in race.protected]))
    stopped = {}
    for fit, one in against.items():
        difference = one.difference
        if fit in race.protected or difference is None or not np.isfinite(difference.rows.standard_error):
            continue
        behind = -difference.rows.interval.estimate
        half = z * max(difference.rows.standard_error, between / done**0.5)
        if behind - half > 0:
            stopped[fit] = Stopped(done, race.folds, best[leader].name, Interval(behind, behind - half, behind + half))
    return _without_baselines(stopped, measured.keys(), race.baselines)


def _critical_value(race: Race, done: int, can_be_stopped: int) -> float:
    """Return the number of standard errors that a fit must be behind."""
    decisions = max(1, race.folds - FOLDS_BEFORE_RACE)
    level = min(race.error / max(1, race.entrants or can_be_stopped) / decisions, 0.5)
    return float(-ndtri(level)) * (ERRORS_OF_ONE_FOLD if done == 1 else 1.0)


def _without_baselines(
    stopped: dict[str, Stopped], fits: Collection[str], baselines: Mapping[str, Collection[str]]
) -> dict[str, Stopped]:
    """Keep the baselines of fits that go on running, and the baselines of those."""
    while True:
        needed = {name for fit in fits if fit not in stopped for name in baselines.get(fit, ())}
        if not needed & stopped.keys():
            return stopped
        stopped = {fit: why for fit, why in stopped.items() if fit not in needed}


def _best(rows: EvaluationRows, candidates: Mapping[str, MeasuredCandidate], metric: str, known: np.ndarray) -> Racer:
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    racers = [
        Racer(name, answers, measure(rows, answers, None, known, [metric], RULES)[metric])
        for name, answers in candidates.items()
    ]
    return max(racers, key=lambda racer: np.nan_to_num(sign * racer.measured.rows.interval.estimate, nan=-np.inf))


def _between_folds(leader: Measurement, others: Iterable[Measurement], sign: float) -> float:
    """Return the standard deviation between folds of the differences to the leader, pooled over the fits."""
    gains = sign * np.array([np.subtract(one.fold_values, leader.fold_values) for one in others])
    gains = gains[np.isfinite(gains).all(axis=1)]
    return float(np.sqrt(gains.var(axis=1, ddof=1).mean())) if len(gains) and gains.shape[1] > 1 else 0.0
