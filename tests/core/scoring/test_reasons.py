"""Why a rule has chosen a class that is not the most probable one."""

import numpy as np
import pytest

from evenhand.postprocess.calibrators import Temperature
from evenhand.postprocess.rules import Capacity, LargestWeighted, LeastCost
from evenhand.scoring.model import FittedCandidate
from evenhand.scoring.reasons import decision_reason

CLASSES = ("Assault", "Robbery")
PROBA = np.array([0.7, 0.3])


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            LargestWeighted("multipliers", CLASSES, (1.0, 3.0)),
            "rule multipliers: Robbery 0.3 x 3 = 0.9 is above Assault 0.7 x 1 = 0.7",
        ),
        (
            LeastCost("cost", CLASSES, ((0.0, 1.0), (5.0, 0.0))),
            "rule cost: expected cost 0.7 of Robbery is below 1.5 of Assault",
        ),
        (
            Capacity("top", CLASSES, 1, 0.1, 0.2),
            "rule top: among the highest probabilities of Robbery, 0.3",
        ),
        (
            Capacity("top", CLASSES, 0, 0.1, 0.9),
            "rule top: rows with a higher probability of Assault than 0.7 take it up",
        ),
    ],
)
def test_the_rule_says_why(rule, text):
    fitted = FittedCandidate(None, None, list(CLASSES), rule)
    chosen = CLASSES[int(rule.decide(PROBA[None])[0])]
    assert chosen == "Robbery"
    assert decision_reason(fitted, PROBA, PROBA, chosen) == text


def test_a_class_that_calibration_made_less_probable_says_so():
    fitted = FittedCandidate(None, None, list(CLASSES), None, Temperature(2, 1.0), decides_on="raw")
    text = decision_reason(fitted, np.array([0.4, 0.6]), PROBA, "Robbery")
    assert text == "chosen before calibration: Robbery has 0.6, Assault 0.4"


def test_the_most_probable_class_needs_no_reason():
    fitted = FittedCandidate(None, None, list(CLASSES))
    assert decision_reason(fitted, PROBA, PROBA, "Assault") is None
