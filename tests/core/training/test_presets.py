"""What each preset tries."""

import pytest
from lightgbm import LGBMClassifier

from evenhand.models import build_model, check_models
from evenhand.models.prepared import Prepared
from evenhand.problem import FULL_MODELS, ModelSpec, NeighbourStrategy, Problem
from evenhand.problem.presets import registered_name
from evenhand.problem.strategies import FULL
from evenhand.training.candidates import candidates, fits
from evenhand.training.presets import MOST_ROWS, preset_candidates
from tasks.data.problems import known_problems, load_problem


def problem(**changes):
    return Problem.model_validate(
        {
            "name": "p",
            "title": "P",
            "source": {"kind": "csv", "path": "x.csv"},
            "target": {"column": "kind"},
            "features": {"base": {"numeric": ["x"]}},
            "split": {"holdout": {"column": "year", "start": 2021}},
            "strategies": ["none", "random_over"],
            **changes,
        }
    )


def tried(grid):
    return {(c.model.name, c.strategy.name, c.decision.name) for c in grid}


@pytest.mark.parametrize("name", known_problems())
def test_full_tries_the_own_grid_and_every_strategy_family_and_rule(name):
    given = load_problem(name)
    grid = preset_candidates(given, "full")
    names = [candidate.name for candidate in grid]
    assert len(set(names)) == len(names)
    assert set(names) >= {candidate.name for candidate in candidates(given)}
    assert tried(grid) >= {("lightgbm", strategy.name, "argmax") for strategy in FULL}
    assert tried(grid) >= {(spec.name, "none", "argmax") for spec in FULL_MODELS}
    assert tried(grid) >= {("lightgbm", "none", rule) for rule in ("argmax", "multipliers", "prior_power")}
    assert tried(grid) >= {("lightgbm", s.name, "prior_correction") for s in FULL if s.name != "none"}
    assert {c.model.name for c in grid if c.strategy.name not in [s.name for s in given.strategies]} == {"lightgbm"}
    check_models([candidate.model for candidate in grid])


@pytest.mark.parametrize("preset", ["standard", "quick"])
def test_the_other_presets_try_the_own_grid(preset):
    given = load_problem("toronto")
    assert preset_candidates(given, preset, 0.5) == candidates(given, 0.5)


def test_what_the_problem_says_wins_over_the_catalogue():
    own = {"kind": "enn", "max_rows": 500, "n_neighbors": 7}
    models = [{"kind": "lightgbm", "params": {"n_estimators": 7}, "max_rows": 3_000}, {"kind": "random_forest"}]
    balancing = [{"kind": "rusboost", "params": {"n_estimators": 3}}]
    given = problem(strategies=["none", own], models=models, balancing_models=balancing)
    grid = preset_candidates(given, "full")
    assert all(c.strategy == given.strategies[1] for c in grid if c.strategy.name == "enn")
    assert all(c.model == given.models[0] for c in grid if c.model.name == "lightgbm")
    assert [c.model.params for c in grid if c.model.name == "rusboost"] == [{"n_estimators": 3}]
    assert [c.model.name for c in fits(grid) if c.strategy.name == "enn"] == ["lightgbm", "random_forest"]


def test_a_problem_without_lightgbm_gets_it_under_a_name_that_is_free():
    grid = preset_candidates(problem(models=["random_forest"]), "full")
    assert ("lightgbm", "none", "argmax") in tried(grid)
    taken = problem(models=[{"kind": "random_forest", "label": "lightgbm"}])
    grid = preset_candidates(taken, "full")
    assert {c.model.kind for c in grid if c.model.name == "lightgbm"} == {"random_forest"}
    assert {c.strategy.name for c in grid if c.model.name == "lightgbm_default"} >= {"none", "smote_enn"}


def test_no_fit_of_the_full_preset_is_unbounded_and_no_bound_is_below_20_000_rows():
    for candidate in fits(preset_candidates(load_problem("us_homicides_synthetic"), "full")):
        assert 20_000 <= candidate.model.max_rows <= MOST_ROWS
        if isinstance(candidate.strategy, NeighbourStrategy) and candidate.strategy.max_rows is not None:
            assert candidate.strategy.max_rows >= 20_000


def test_rules_that_need_knowledge_are_tried_where_the_problem_has_it():
    costs = {"kind": "cost", "costs": {"Robbery": {"Assault": 5}}, "other": 2}
    grid = preset_candidates(problem(decisions=["argmax", costs], metric="average_precision"), "full")
    weights = next(c.strategy for c in grid if c.strategy.kind == "cost_weight")
    assert (weights.costs, weights.other) == ({"Robbery": {"Assault": 5}}, 2)
    rules = {c.decision.name: c.decision for c in grid if c.strategy.name == "none"}
    assert list(rules) == ["argmax", "cost", "multipliers macro_f1", "prior_power"]
    assert not [c for c in preset_candidates(problem(), "full") if c.strategy.kind == "cost_weight"]


def test_a_full_training_shares_the_registered_model_of_a_standard_one():
    assert registered_name("toronto", "standard") == registered_name("toronto", "full") == "toronto"
    assert registered_name("toronto", "quick") == "toronto-quick"


def test_a_bound_that_does_not_bind_leaves_the_model_as_a_standard_training_builds_it():
    bounded = ModelSpec(kind="lightgbm", max_rows=5_000)
    assert isinstance(build_model(bounded, 0, 5_000), LGBMClassifier)
    assert isinstance(build_model(bounded, 0, 5_001), Prepared)
