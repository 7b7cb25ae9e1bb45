"""Why a decision rule has chosen a class that is not the most probable one, as a sentence."""

from __future__ import annotations

import numpy as np

from evenhand.postprocess.rules import Capacity, LargestWeighted, LeastCost
from evenhand.scoring.model import FittedCandidate


def decision_reason(fitted: FittedCandidate, raw: np.ndarray, proba: np.ndarray, name: str) -> str | None:
    """Return why ``name`` was chosen; None where it is the most probable class.

    Parameters
    ----------
    fitted : FittedCandidate
    raw, proba : ndarray of shape (n_classes,)
        The classifier's own and the calibrated probabilities of one row.
    name : str
        The class that the rule has chosen.

    Examples
    --------
    >>> rule = LargestWeighted("multipliers", ("Assault", "Robbery"), (1.0, 3.0))
    >>> fitted = FittedCandidate(None, None, ["Assault", "Robbery"], rule)
    >>> decision_reason(fitted, np.array([0.7, 0.3]), np.array([0.7, 0.3]), "Robbery")
    'rule multipliers: Robbery 0.3 x 3 = 0.9 is above Assault 0.7 x 1 = 0.7'
    """
    chosen, likeliest = fitted.class_names.index(name), int(proba.argmax())
    if chosen == likeliest:
        return None
    other, rule = fitted.class_names[likeliest], fitted.rule
    read = raw if fitted.decides_on == "raw" else proba
    before = " before calibration" if fitted.decides_on == "raw" and fitted.calibrator is not None else ""
    start = f"rule {rule.name}{before}: " if rule is not None else f"chosen{before}: "
    if isinstance(rule, LargestWeighted):
        (p, w), (q, v) = ((read[code], rule.weights[code]) for code in (chosen, likeliest))
        return f"{start}{name} {p:.3g} x {w:.3g} = {p * w:.3g} is above {other} {q:.3g} x {v:.3g} = {q * v:.3g}"
    if isinstance(rule, LeastCost):
        costs = read @ np.asarray(rule.costs)
        return f"{start}expected cost {costs[chosen]:.3g} of {name} is below {costs[likeliest]:.3g} of {other}"
    if isinstance(rule, Capacity) and chosen == rule.code:
        return f"{start}among the highest probabilities of {name}, {read[chosen]:.3g}"
    if isinstance(rule, Capacity):
        return f"{start}rows with a higher probability of {other} than {read[likeliest]:.3g} take it up"
    return f"{start}{name} has {read[chosen]:.3g}, {other} {read[likeliest]:.3g}"
