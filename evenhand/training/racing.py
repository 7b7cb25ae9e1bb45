"""Racing: a fit that a paired interval rules out after some folds gets no more of them (Maron & Moore 1994).

The winner of a training is the best candidate over all folds. After some of them, the question of each fit is whether
it can still be that: its difference to the leader, on the same rows, may still move by what rows and folds differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

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

FEWEST_FOLDS = 1
# One fold can't tell how much folds differ: taking its error twice allows for 1.7 times as much as its rows differ.
ERRORS_OF_ONE_FOLD = 2.0
FEWEST_OF_A_CLASS = 20  # a class of one row says that nothing about it can change, and twice nothing is nothing
ERROR = 0.05  # chance, at most, that the race stops the candidate that would have won
RULES = EvidencePolicy(resamples=500)
ALWAYS_LIGHTGBM = ("none", "class_weight", "capped")


@dataclass(frozen=True)
class Stopped:
    """When and why a fit got no more folds."""

    folds: int
    of: int
    leader: str
    behind: Interval
    """How much worse than the leader on the primary metric; its lower bound is above 0."""

    @property
    def said(self) -> str:
        """In words.

        Examples
        --------
        >>> Stopped(2, 5, "lightgbm / none / multipliers", Interval(0.041, 0.036, 0.046)).said
        'stopped after 2 of 5 folds: .041 below the leader [.036, .046]'
        """
        gap, low, high = (
            f"{value:.3f}".lstrip("0") for value in (self.behind.estimate, self.behind.low, self.behind.high)
        )
        return f"stopped after {self.folds} of {self.of} folds: {gap} below the leader [{low}, {high}]"


def protected_fits(grid: Sequence[Candidate], problem: Problem, stacked: bool = False) -> set[str]:
    """Name the fits that run to the end whatever their scores.

    These are LightGBM without resampling, with class weights and with the capped data set. For a stack, whose members
    must have every fold, they are every model without resampling, too.
    """
    others = ("none",) if stacked else ()
    always = {one.name: ALWAYS_LIGHTGBM if one.kind == "lightgbm" else others for one in problem.models}
    return {
        candidate.fit_name
        for candidate in grid
        if candidate.features == BASE and candidate.strategy.kind in always.get(candidate.model.name, ())
    }


def compared_fits(grid: Sequence[Candidate]) -> dict[str, set[str]]:
    """Tell which other fits each fit is compared with, by name: they run as long as it does."""
    entries = {compared_candidate(candidate): candidate.fit_name for candidate in grid}
    found: dict[str, set[str]] = {name: set() for name in entries.values()}
    for candidate in grid:
        reference = baseline_of(compared_candidate(candidate), entries)
        if reference is not None:
            found[candidate.fit_name].add(entries[reference])
    return found


def heard(
    rows: EvaluationRows,
    predictions: Predictions,
    rule: AnyDecision,
    metric: str,
    trained_share: np.ndarray | None = None,
) -> MeasuredCandidate:
    """Tell what a candidate says of the rows that are done; its decision rule is fitted on the other folds.

    The rule reads the probabilities as the models gave them: their correction is fitted once all folds are done.

    Parameters
    ----------
    rows : EvaluationRows
    predictions : Predictions
        Of the same rows.
    rule : AnyDecision
    metric : str
        The primary one.
    trained_share : ndarray of shape (K,), optional
        As in :func:`evenhand.postprocess.fit_rules.fit_rule`.
    """
    codes = cross_fitted(rule, predictions, rows.classes, metric, trained_share)
    judged = [metric] if metric in PROBABILITY_METRICS else []
    return MeasuredCandidate(
        codes, {name: influences(rows, predictions.proba, name, rows.support > 0) for name in judged}
    )


@dataclass(frozen=True, eq=False)
class Racer:
    """A fit, by its best candidate: decision rules share its probabilities."""

    name: str
    answers: MeasuredCandidate
    measured: Measurement


def ruled_out(
    rows: EvaluationRows,
    answers: Mapping[str, Mapping[str, MeasuredCandidate]],
    metric: str,
    protected: Collection[str],
    of: int,
    entrants: int | None = None,
    error: float = ERROR,
    compared: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> dict[str, Stopped]:
    """Find the fits that can't win any more.

    The variance of a fold's difference to the leader is that of drawing its rows, or the spread between the folds done,
    pooled over all fits, whichever is larger. The level is divided by the number of fits that can be stopped and of
    times that they are looked at (Bonferroni).

    Parameters
    ----------
    rows : EvaluationRows
        Of the folds that are done.
    answers : mapping of fit name to a mapping of candidate name to MeasuredCandidate
        What each candidate of each fit said of them, cross-fitted: a fit is judged by the best.
    metric : str
        The primary one.
    protected : collection of str
        Names of fits that are never stopped.
    of : int
        Folds that a fit runs without a race.
    entrants : int, optional
        Fits that could be stopped when the race began; as many as there are now without it.
    error : float
        Chance, at most, that the fit that would have won is stopped.
    compared : mapping of fit name to fit names
        What each fit is compared with; that is not stopped before it.

    Returns
    -------
    dict of str to Stopped
        By fit name.
    """
    known = rows.support > 0
    best = {fit: _best(rows, said, metric, known) for fit, said in answers.items()}
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    standing = {fit: sign * one.measured.rows.interval.estimate for fit, one in best.items()}
    ranked = sorted(fit for fit, value in standing.items() if np.isfinite(value))
    if len(ranked) < 2 or not rows.ratios:
        return {}
    if len(rows.ratios) == 1 and rows.support[known].min() < FEWEST_OF_A_CLASS:
        return {}
    leader = max(ranked, key=lambda fit: standing[fit])
    against = {
        fit: measure(rows, best[fit].answers, best[leader].answers, known, [metric], RULES)[metric]
        for fit in ranked
        if fit != leader
    }
    entered = entrants or len([fit for fit in against if fit not in protected])
    looks = max(1, of - FEWEST_FOLDS)
    done, between = len(rows.ratios), _between_folds(best[leader].measured, against.values(), sign)
    z = float(-ndtri(min(error / max(1, entered) / looks, 0.5))) * (ERRORS_OF_ONE_FOLD if done == 1 else 1.0)
    stopped = {}
    for fit, one in against.items():
        difference = one.difference
        if fit in protected or difference is None or not np.isfinite(difference.rows.standard_error):
            continue
        behind = -difference.rows.interval.estimate
        half = z * max(difference.rows.standard_error, between / done**0.5)
        if behind - half > 0:
            stopped[fit] = Stopped(done, of, best[leader].name, Interval(behind, behind - half, behind + half))
    return _without_references(stopped, answers.keys(), compared)


def _without_references(
    stopped: dict[str, Stopped], fits: Collection[str], compared: Mapping[str, Collection[str]]
) -> dict[str, Stopped]:
    """Let run what a fit that goes on is compared with, and what that one is compared with in turn."""
    while True:
        needed = {name for fit in fits if fit not in stopped for name in compared.get(fit, ())}
        if not needed & stopped.keys():
            return stopped
        stopped = {fit: why for fit, why in stopped.items() if fit not in needed}


def _best(rows: EvaluationRows, said: Mapping[str, MeasuredCandidate], metric: str, known: np.ndarray) -> Racer:
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    racers = [
        Racer(name, answers, measure(rows, answers, None, known, [metric], RULES)[metric])
        for name, answers in said.items()
    ]
    return max(racers, key=lambda racer: np.nan_to_num(sign * racer.measured.rows.interval.estimate, nan=-np.inf))


def _between_folds(leader: Measurement, others: Iterable[Measurement], sign: float) -> float:
    """Return the standard deviation between folds of the differences to the leader, pooled over the fits."""
    gains = sign * np.array([np.subtract(one.fold_values, leader.fold_values) for one in others])
    gains = gains[np.isfinite(gains).all(axis=1)]
    return float(np.sqrt(gains.var(axis=1, ddof=1).mean())) if len(gains) and gains.shape[1] > 1 else 0.0
