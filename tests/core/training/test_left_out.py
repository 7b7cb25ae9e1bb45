"""Fits that would be the same as another are named and not fitted."""

import numpy as np
import pandas as pd
import pytest

from evenhand.data.split import Fold
from evenhand.problem import FeatureSet, ModelSpec, parse_problem
from evenhand.training.candidates import Candidate, candidates
from evenhand.training.experiment import Experiment
from evenhand.training.left_out import SameFit, same_fits
from tests.e2e.small import small_problem

BALANCED, SKEWED = np.repeat([0, 1], [40, 40]), np.repeat([0, 1], [60, 20])
CLASSES = ("a", "b")


def grid_of(*strategies, models=("lightgbm",)):
    raw = small_problem(models=list(models), strategies=list(strategies), extra=[], decisions=["argmax"])
    return candidates(parse_problem(raw, "small.yaml"))


def left_out(y, *strategies, categories=1, models=("lightgbm",)):
    return same_fits(grid_of(*strategies, models=models), [y, y[::2]], CLASSES, {"base": categories})


@pytest.mark.parametrize(
    "strategy",
    [
        "class_weight", "sqrt_weight", "random_over", "random_under", "rose", "smote", "borderline_smote", "adasyn",
        "near_miss", {"kind": "random_over", "ratio": 0.5}, {"kind": "effective_number"},
    ],
)  # fmt: skip
def test_balanced_classes_leave_nothing_to_balance(strategy):
    (found,) = left_out(BALANCED, "none", strategy).values()
    assert found.fit == "lightgbm / none"
    assert "changes no row and no weight here" in found.text
    assert left_out(SKEWED, "none", strategy) == {}


@pytest.mark.parametrize("strategy", ["tomek", "enn", "smote_tomek", "smote_enn"])
def test_a_strategy_that_looks_at_the_rows_is_fitted_whatever_the_classes(strategy):
    assert left_out(BALANCED, "none", strategy) == {}


def test_a_cap_that_no_class_reaches_is_named():
    capped = {"kind": "capped", "cap": 60}
    why = "capped changes no row and no weight here"
    assert left_out(SKEWED, "none", capped) == {"lightgbm / capped": SameFit("lightgbm / none", why)}
    assert left_out(SKEWED, "none", {**capped, "cap": 59}) == {}
    weighed = {**capped, "class_weight": True}
    found = left_out(SKEWED, "class_weight", weighed)
    same = SameFit("lightgbm / class_weight", "it has the same settings")
    assert found == {"lightgbm / capped+class_weight": same}


def test_the_only_fit_of_a_model_stays():
    assert left_out(SKEWED, {"kind": "capped", "cap": 60}) == {}


def test_smotenc_without_a_category_is_smote():
    smotenc = {"kind": "smotenc", "standardise": False}
    assert left_out(SKEWED, "none", "smote", smotenc, categories=0) == {
        "lightgbm / smotenc": SameFit("lightgbm / smote", "smotenc has no category here")
    }
    assert list(left_out(SKEWED, "none", smotenc, "smote", categories=0)) == ["lightgbm / smotenc"]
    assert left_out(SKEWED, "none", "smote", smotenc, categories=1) == {}


def test_a_second_name_for_the_same_settings_is_found():
    models = ("lightgbm", {"kind": "lightgbm", "label": "again"})
    assert set(left_out(SKEWED, "none", models=models)) == {"again / none"}
    whole = {"kind": "random_over", "ratio": 1.0}
    assert set(left_out(SKEWED, "none", "random_over", whole)) == {"lightgbm / random_over 1"}


def test_a_fit_that_is_left_out_gives_its_reason_and_no_probabilities():
    X = np.arange(80.0)
    fold = Fold(0, np.arange(0, 80, 2), np.arange(1, 80, 2))
    experiment = Experiment(pd.DataFrame({"x": X}), BALANCED, CLASSES, [fold], {"base": FeatureSet(numeric=("x",))}, 0)
    one = grid_of("none")[0]
    outcome = experiment.run(Candidate(ModelSpec(kind="lightgbm"), one.strategy, left_out="the same fit as x"), 0)
    assert outcome.probabilities is None
    assert outcome.skipped == "the same fit as x"
