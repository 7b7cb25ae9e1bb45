"""Whether the held-out rows agree with what the folds let expect, over the classes that both have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.evidence.bootstrap import Interval
from evenhand.metrics.confusion_metrics import CONFUSION_METRICS, metric_over
from evenhand.metrics.scores import Scores
from evenhand.problem import LOWER_IS_BETTER

OVER_CLASSES = ("average_precision", "roc_auc")  # metrics of probabilities that are means over classes
FORWARD = "The data change from period to period, so the next period may differ as much."
OTHER_FOLDS = "(Data scientists: use `split.folds: forward`.)"


@dataclass(frozen=True)
class Agreement:
    """What the folds let expect on the held-out rows, with its 95 % prediction interval, and what was found there."""

    expected: Interval
    found: float
    left_out: tuple[str, ...]
    """Classes that one of the two has no rows of; the scores are over the others."""

    @property
    def holds(self) -> bool:
        """Whether the score is within the interval; also where one of them is not known."""
        return not (self.found < self.expected.low or self.found > self.expected.high)


def agreement(expected: Interval, out_of_fold: float, oof: Scores, test: Scores, metric: str) -> Agreement:
    """Compare the chosen candidate's score on the held-out rows with what was to be expected.

    A mean over classes is taken over those with rows out of fold and held out.

    Parameters
    ----------
    expected : Interval
        As :class:`evenhand.selection.choice.Choice` has it.
    out_of_fold : float
        The score out of fold that it corrects, over all classes.
    oof, test : Scores
        Of the chosen candidate.
    metric : str
        The primary metric.
    """
    names = list(oof.per_class)
    rows = np.array([[scores.per_class[name].support for name in names] for scores in (oof, test)])
    common, any_rows = np.minimum(*rows) > 0, np.maximum(*rows) > 0
    before, found = (_over(scores, metric, common) for scores in (oof, test))
    moved = before - out_of_fold
    shifted = Interval(expected.estimate + moved, expected.low + moved, expected.high + moved)
    return Agreement(shifted, found, tuple(np.array(names)[any_rows & ~common].tolist()))


def unexpected(found: Agreement, name: str, metric: str, folds_kind: str) -> tuple[str, ...]:
    """Warn if the held-out score is outside the prediction interval; nothing where it is inside.

    Examples
    --------
    >>> far = Agreement(Interval(0.53, 0.47, 0.59), 0.271, ())
    >>> unexpected(far, "lightgbm / none", "macro_f1", "forward")[0][:70]
    'Expect macro_f1 0.271, not 0.530 (95 % of scores: 0.470 to 0.590): lig'
    """
    if found.holds:
        return ()
    worse = (found.found < found.expected.low) != (metric in LOWER_IS_BETTER)
    over = f", over the classes that both have (not {', '.join(found.left_out)})" if found.left_out else ""
    bounds = f"95 % of scores: {found.expected.low:.3f} to {found.expected.high:.3f}"
    return (
        f"Expect {metric} {found.found:.3f}, not {found.expected.estimate:.3f} ({bounds}){over}: {name} does "
        f"{'worse' if worse else 'better'} on the held-out rows than cross-validation suggested. "
        f"{FORWARD if folds_kind == 'forward' else OTHER_FOLDS}",
    )


def _over(scores: Scores, metric: str, common: np.ndarray) -> float:
    if metric in CONFUSION_METRICS:
        return float(metric_over(metric, common)(scores.confusion.astype(float)))
    if metric in OVER_CLASSES:
        values = np.array([getattr(one, metric) for one in scores.per_class.values()])[common]
        return float(values.mean()) if len(values) else float("nan")
    return scores.metrics[metric]
