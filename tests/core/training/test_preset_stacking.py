"""Which combination a preset makes."""

import pytest

from evenhand.problem import parse_problem
from evenhand.problem.models import COMBINATION, Stacking
from evenhand.training.presets import preset_stacking
from tests.e2e.small import small_problem

MEAN = Stacking(of=2, combine="mean")


@pytest.mark.parametrize(
    ("stated", "standard", "full", "quick"),
    [
        (None, COMBINATION, Stacking(), None),
        ("none", None, Stacking(), None),
        (MEAN.model_dump(), MEAN, MEAN, MEAN),
    ],
)
def test_a_preset_makes_what_the_problem_states_or_its_own(stated, standard, full, quick):
    raw = small_problem(**({} if stated is None else {"stacking": stated}))
    problem = parse_problem(raw, "small.yaml")
    assert [preset_stacking(problem, preset) for preset in ("standard", "full", "quick")] == [standard, full, quick]


def test_a_problem_without_models_strategies_and_rules_has_good_ones():
    raw = {name: value for name, value in small_problem().items() if name not in {"models", "strategies", "decisions"}}
    problem = parse_problem(raw, "small.yaml")
    assert [model.kind for model in problem.models] == ["extra_trees", "lightgbm", "logistic_regression"]
    assert all(not model.params for model in problem.models)  # they follow from the rows
    assert [strategy.kind for strategy in problem.strategies] == ["none", "class_weight"]
    assert [rule.kind for rule in problem.decisions] == ["argmax", "multipliers", "prior_power"]
    of_probabilities = parse_problem({**raw, "metric": "log_loss"}, "small.yaml")
    assert [rule.kind for rule in of_probabilities.decisions] == ["argmax"]
