"""Class multipliers that maximise a metric of the confusion matrix, by exact coordinate ascent.

With all other multipliers fixed, a row is predicted as class c once the multiplier of c passes the row's switching
point: the highest weighted probability of another class, divided by the row's probability of c. Between two
neighbouring switching points no prediction changes, so evaluating the metric once between each pair, from running
confusion counts, covers all possible multipliers of that class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import accumulate

import numpy as np

from evenhand.data.stratified_parts import stratified_parts

ENOUGH = 1e-6  # the search ends with a sweep that gains less
SWEEPS = 10
LARGEST = 1e100  # switching point; rows beyond it, with a probability near zero, never move
FEW = 10  # rows of a class with which its multiplier is half of what its rows alone would have, on the log scale
STARTS = (0.0, 1.0, 0.5)  # powers of the class shares that the search starts from
COARSE = 20_000  # rows; from their result, the search on all rows needs one or two sweeps more


_Best = tuple[np.ndarray, np.ndarray]  # for each row: a weighted probability and the code of its class


@dataclass(frozen=True)
class Objective:
    """A metric as a function of sums over classes, so that a moved row changes the terms of two classes only.

    Attributes
    ----------
    terms : callable
        (hits, predicted, truth) of one class, counts of shape (m,), (m,) and (), to its terms (n_terms, m).
    value : callable
        (sums of shape (n_terms, m), truth of shape (K,)) to the metric (m,).
    """

    terms: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    value: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _f1(hits: np.ndarray, predicted: np.ndarray, truth: float) -> np.ndarray:
    # an absent class is undefined and not counted, as everywhere
    return 2 * hits / (truth + predicted) if truth else np.zeros(len(hits))


def _recall(hits: np.ndarray, truth: float) -> np.ndarray:
    return hits / truth if truth else np.zeros(len(hits))


def _g_mean_terms(hits: np.ndarray, _predicted: np.ndarray, truth: float) -> np.ndarray:
    log = np.log(hits / truth, out=np.zeros(len(hits)), where=hits > 0) if truth else np.zeros(len(hits))
    return np.stack([log, (hits == 0) & (truth > 0)])


def _mcc(sums: np.ndarray, truth: np.ndarray) -> np.ndarray:
    hits, both, squares = sums
    n = truth.sum()
    spread = np.sqrt(np.maximum(n**2 - squares, 0)) * np.sqrt(n**2 - (truth**2).sum())
    return np.divide(hits * n - both, spread, out=np.zeros(len(hits)), where=spread > 0)


def _present(truth: np.ndarray) -> int:
    return int((truth > 0).sum())


_MACRO_RECALL = Objective(lambda h, p, t: _recall(h, t)[None], lambda s, t: s[0] / _present(t))
OBJECTIVES: dict[str, Objective] = {
    "macro_f1": Objective(lambda h, p, t: _f1(h, p, t)[None], lambda s, t: s[0] / _present(t)),
    "weighted_f1": Objective(lambda h, p, t: t * _f1(h, p, t)[None], lambda s, t: s[0] / t.sum()),
    "balanced_accuracy": _MACRO_RECALL,
    "g_mean": Objective(_g_mean_terms, lambda s, t: np.where(s[1] > 0, 0.0, np.exp(s[0] / _present(t)))),
    "accuracy": Objective(lambda h, p, t: h[None], lambda s, t: s[0] / t.sum()),
    "mcc": Objective(lambda h, p, t: np.stack([h, t * p, p.astype(float) ** 2]), _mcc),
}


def fit_multipliers(
    proba: np.ndarray, y: np.ndarray, classes: Sequence[str], metric: str, prior: np.ndarray
) -> np.ndarray:
    """Find the multipliers with which the largest weighted probability gives the best score.

    Parameters
    ----------
    proba : ndarray of shape (n, K)
        Out-of-fold probabilities.
    y : ndarray of int, shape (n,)
    classes : sequence of K str
        The search takes the rarest class first, names breaking ties, so that the order of the columns does not matter.
    metric : str
        A key of ``OBJECTIVES``.
    prior : ndarray of shape (K,)
        Positive class shares. The search starts from 1, 1 / prior and 1 / prior^0.5, and the best result is kept. From
        40,000 rows on, these three searches use 20,000 rows or more, and one search on all rows starts from the best.

    Returns
    -------
    ndarray of shape (K,)
        Geometric mean 1. The multiplier of a class without rows in ``y`` is 1, before the mean is set.

    Notes
    -----
    A multiplier that maximises a score on few rows fits their noise. So its logarithm is shrunk towards that of argmax,
    by n / (n + 10) for a class of n rows: with 10 rows it is half, with thousands what the search found. If that scores
    below equal multipliers on these rows, it is equal multipliers.
    """
    search = _Search(np.ascontiguousarray(proba.T), y, OBJECTIVES[metric])
    order = sorted(np.flatnonzero(search.truth).tolist(), key=lambda code: (search.truth[code], classes[code]))
    starts = [_scaled(prior**-power) for power in STARTS]
    position = np.zeros(len(classes), dtype=np.int64)
    position[order] = np.arange(len(order))
    parts = stratified_parts(position[y], max(1, len(y) // COARSE))
    if len(parts) > 1:
        coarse = _Search(np.ascontiguousarray(proba[parts[0]].T), y[parts[0]], OBJECTIVES[metric])
        found = [_scaled(coarse.ascend(start, order)) for start in starts]
        ends = [*starts, _scaled(search.ascend(search.best_of([*starts, *found]), order))]
    else:
        ends = [*starts, *(_scaled(search.ascend(start, order)) for start in starts)]
    rows = np.bincount(y, minlength=len(classes))
    shrunk = _scaled(search.best_of(ends) ** (rows / (rows + FEW)))
    return search.best_of([np.ones(len(classes)), shrunk])


def _scaled(weights: np.ndarray) -> np.ndarray:
    logs = np.log(weights)
    return np.exp(logs - logs.mean())


class _Search:
    """The rows and what is derived from them once; probabilities have shape (K, n)."""

    def __init__(self, proba: np.ndarray, y: np.ndarray, objective: Objective) -> None:
        self.proba, self.y, self.objective = proba, y, objective
        self.truth = np.bincount(y, minlength=len(proba)).astype(float)
        small = np.min_scalar_type(len(proba))
        self.codes = np.arange(len(proba), dtype=small)
        self.nobody = np.full(len(y), -np.inf), np.full(len(y), len(proba), dtype=small)

    def score(self, weights: np.ndarray) -> float:
        _, chosen = self._best(weights, range(len(weights)))
        hits = np.bincount(self.y[chosen == self.y], minlength=len(weights))
        predicted = np.bincount(chosen, minlength=len(weights))
        terms = [self._terms(code, hits[code : code + 1], predicted[code : code + 1]) for code in range(len(weights))]
        return float(self._value(np.sum(terms, axis=0))[0])

    def best_of(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """Return the multipliers that score best, the first of equals."""
        return found[int(np.argmax([round(self.score(weights), 12) for weights in found]))]

    def ascend(self, start: np.ndarray, order: Sequence[int]) -> np.ndarray:
        weights, reached = start.copy(), self.score(start)
        for _ in range(SWEEPS):
            before = reached
            reached = self._sweep(weights, order, reached)
            if reached - before < ENOUGH:
                break
        return weights

    def _sweep(self, weights: np.ndarray, order: Sequence[int], reached: float) -> float:
        """Move each multiplier in turn, in place; a row's best rival is the best before its class or after it."""
        last = self._best(weights, [code for code in range(len(weights)) if code not in order])
        after = list(accumulate(order[:0:-1], partial(self._better, weights), initial=last))
        before = self.nobody
        for code in order:
            weight, value = self._best_weight(code, _best_of(before, after.pop()))
            if value > reached + ENOUGH / 100:
                weights[code], reached = weight, value
            before = self._better(weights, before, code)
        return reached

    def _best_weight(self, code: int, best_rival: _Best) -> tuple[float, float]:
        """Best multiplier of a class with the others held, and the metric there."""
        rival_score, rival = best_rival
        own = self.proba[code]
        can = np.flatnonzero(own * LARGEST > rival_score)
        points = rival_score[can] / own[can]
        # Half of a smaller one may underflow to zero: such a row moves at any multiplier.
        points[points < 1 / LARGEST] = 0
        order = np.argsort(points)
        points = points[order]
        values = np.round(self._values_along(code, can[order], rival), 12)
        # k rows have moved where the multiplier lies between points k - 1 and k, if these differ
        values[1:-1][points[1:] <= points[:-1]] = -np.inf
        if len(points) and points[0] <= 0:
            values[0] = -np.inf
        moved = int(values.argmax())
        return _between(points, moved), float(values[moved])

    def _values_along(self, code: int, moving: np.ndarray, rival: np.ndarray) -> np.ndarray:
        """Metric after the first 0, 1, ... of the ``moving`` rows went from their rival to ``code``."""
        truth_of, rival_of = self.y[moving], rival[moving]
        sums = self._terms(code, _running(truth_of == code), np.arange(len(moving) + 1))
        change = np.zeros_like(sums)
        n_classes = len(self.proba)
        held = np.bincount(rival, minlength=n_classes)
        held_right = np.bincount(rival[rival == self.y], minlength=n_classes)
        # The moving rows of each rival, in their order.
        by_rival = np.split(np.argsort(rival_of, kind="stable"), np.cumsum(np.bincount(rival_of, minlength=n_classes)))
        for other in range(n_classes):
            if other == code:
                continue
            at = by_rival[other]
            hits = held_right[other] - _running(truth_of[at] == other)
            terms = self._terms(other, hits, held[other] - np.arange(len(at) + 1))
            change[:, 0] += terms[:, 0]
            change[:, at + 1] = np.diff(terms)
        return self._value(sums + np.cumsum(change, axis=1))

    def _best(self, weights: np.ndarray, codes: Iterable[int]) -> _Best:
        """Highest weighted probability of each row over some classes, and its class, the first of equals."""
        return reduce(partial(self._better, weights), codes, self.nobody)

    def _better(self, weights: np.ndarray, best: _Best, code: int) -> _Best:
        return _best_of(best, (self.proba[code] * weights[code], self.codes[code]))

    def _terms(self, code: int, hits: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return self.objective.terms(hits, predicted, self.truth[code])

    def _value(self, sums: np.ndarray) -> np.ndarray:
        return self.objective.value(sums, self.truth)


def _best_of(one: _Best, other: _Best) -> _Best:
    """Take each row's higher score; of equal ones that of the class which comes first."""
    (score, code), (other_score, other_code) = one, other
    higher = (other_score > score) | ((other_score == score) & (other_code < code))
    return np.where(higher, other_score, score), np.where(higher, other_code, code)


def _running(flags: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(flags)])


def _between(points: np.ndarray, moved: int) -> float:
    if not len(points):
        return 1.0
    if moved == len(points):
        return float(points[-1] * 2) or 1.0
    if moved == 0:
        return float(points[0] / 2)
    # the middle on the log scale; one root each, or the product could overflow
    return float(np.sqrt(points[moved - 1]) * np.sqrt(points[moved])) or float(points[moved] / 2)
