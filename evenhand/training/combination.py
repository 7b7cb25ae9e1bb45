"""Whether a combination of models is worth its members, against the best single candidate, out of fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.measure import MeasuredCandidate, measure
from evenhand.metrics.losses import log_losses
from evenhand.postprocess.choose_calibration import TOLERANCE
from evenhand.training.racing import RULES


@dataclass(frozen=True)
class Gain:
    """How much better the combination is, positive is better, with the standard error of the paired difference."""

    estimate: float
    standard_error: float
    least: float = 0.0
    """What it must gain at least, however small its standard error is: several models cost more than one."""

    @property
    def clear(self) -> bool:
        """Whether it is better by more than one standard error."""
        return self.estimate > max(self.standard_error, self.least)

    @property
    def clear_loss(self) -> bool:
        """Whether it is worse by more than one standard error."""
        return self.estimate < -max(self.standard_error, 0.0)


@dataclass(frozen=True)
class Combined:
    """A combination against the best single candidate.

    Attributes
    ----------
    combination, single : str
        Names of candidates.
    metric : str
        The primary metric.
    gain : Gain
        On the primary metric.
    of_probabilities : Gain
        On the log-loss, which every row has a part in: it shows differences that classes of few rows can't.
    """

    combination: str
    single: str
    metric: str
    gain: Gain
    of_probabilities: Gain

    @property
    def preferred(self) -> bool:
        """Whether the combination is taken.

        The single candidate is simpler, so it is taken where it is within one standard error of the combination on the
        primary metric and on the log-loss (or within 0.5 % of the latter, as for calibrations), and where the
        combination is clearly worse on the primary metric.
        """
        return not self.gain.clear_loss and (self.gain.clear or self.of_probabilities.clear)

    @property
    def text(self) -> str:
        """What the combination buys, in a sentence.

        Examples
        --------
        >>> Combined("a + b", "a", "macro_f1", Gain(0.01, 0.02), Gain(0.05, 0.01)).text.split(":")[0]
        'The combination a + b is taken'
        """
        what = "is taken" if self.preferred else f"is not taken, {self.single} is simpler"
        differences = (
            f"{self.metric} {self.gain.estimate:+.3f} (standard error {self.gain.standard_error:.3f}), log-loss better "
            f"by {self.of_probabilities.estimate:+.3f} ({self.of_probabilities.standard_error:.3f})"
        )
        against = f"against {self.single}, the best single candidate, {differences}, out of fold"
        return f"The combination {self.combination} {what}: {against}."


def gain_on(rows: EvaluationRows, metric: str, combination: MeasuredCandidate, single: MeasuredCandidate) -> Gain:
    """Measure the paired difference of two candidates on a metric, with the standard error of drawing rows."""
    found = measure(rows, combination, single, rows.support > 0, [metric], RULES)[metric].difference
    if found is None:
        return Gain(float("nan"), float("nan"))
    return Gain(found.rows.interval.estimate, found.rows.standard_error)


def log_loss_gain(y: np.ndarray, combination: np.ndarray, single: np.ndarray) -> Gain:
    """Measure the paired difference in log-loss.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    combination, single : ndarray of shape (n, K)
        Probabilities of the same rows.

    Examples
    --------
    >>> log_loss_gain(np.array([0, 1]), np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.6, 0.4], [0.4, 0.6]])).clear
    True
    """
    better = log_losses(y, single) - log_losses(y, combination)
    least = TOLERANCE * float(log_losses(y, single).mean())
    return Gain(float(better.mean()), float(better.std(ddof=1) / len(better) ** 0.5), least)
