"""Problem files: those that ship are valid, and a wrong one is refused with what is allowed."""

import copy
from typing import get_args

import pytest
import yaml

from evenhand.errors import ProblemError
from evenhand.metrics.scores import score
from evenhand.models import DEFAULTS, check_models
from evenhand.problem import METRICS, ModelSpec, SimpleStrategyKind, check_classes, parse_problem
from evenhand.training.candidates import candidates
from tasks.data.problems import known_problems, load_problem
from tasks.settings import ROOT

TORONTO = yaml.safe_load((ROOT / "problems" / "toronto.yaml").read_text())


@pytest.mark.parametrize(
    "name", ["toronto", "west_yorkshire", "us_homicides", "us_homicides_weapon", "us_homicides_synthetic"]
)
def test_shipped_problems_are_valid_and_their_suites_exist(name):
    problem = load_problem(name)
    assert problem.name == name
    assert name in known_problems()
    assert (ROOT / "expectations" / f"{problem.suite}.json").is_file()
    check_models([candidate.model for candidate in candidates(problem)])


def wrong(change):
    raw = copy.deepcopy(TORONTO)
    change(raw)
    with pytest.raises(ProblemError) as caught:
        parse_problem(raw, "my.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: p.update(metrik="macro_f1"), "metrik: unknown key (did you mean metric?); allowed: about, "),
        (lambda p: p.update(metric="f7"), "metric: Input should be 'macro_f1', "),
        (lambda p: p["source"].update(hash="x"), "hash: unknown key; allowed: distribution, kind, members, sha256"),
        (lambda p: p["source"].update(kind="ftp"), "'ftp'"),
        (lambda p: p["features"]["base"]["numeric"].append("MCI"), "column 'MCI' is the target"),
        (lambda p: p.update(leaks=["Lat"]), "column 'Lat' is a declared leak"),
        (lambda p: p["strategies"].append("smoke"), "'none', 'class_weight'"),
        (lambda p: p["strategies"].append("none"), "strategies: none is named twice"),
        (lambda p: p["strategies"][-1].update(per_class={"Assault": 2}), "write 2.0 for a factor"),
        (lambda p: p["strategies"][-1].update(per_class={"Assault": -1}), "positive factor"),
        (lambda p: p["split"]["folds"].update(n=1), "greater than or equal to 2"),
        (lambda p: p["split"].pop("holdout"), "split.holdout: required, but missing"),
        (lambda p: p["extra"][1].update(features="base"), "is in the grid already"),
        (lambda p: p["extra"].append(p["extra"][0]), "named twice"),
        (lambda p: p["extra"][0].update(label="lightgbm"), "label 'lightgbm' is the name of a model"),
        (
            lambda p: (
                p.update(balancing_models=[{"kind": "adaboost", "label": "deep"}]) or p["extra"][0].update(label="deep")
            ),
            "models: deep is named twice",
        ),
        (lambda p: p["extra"][0].update(model="catboost"), "extra: no model 'catboost'; there is: random_forest"),
        (lambda p: p["features"]["base"]["numeric"].append("Neighbourhood"), "column Neighbourhood has two roles"),
        (lambda p: p["features"]["base"]["time"][0].pop("parts"), "give parts, cyclic or both"),
        (lambda p: p["features"].update(base={}), "names at least one column"),
        (lambda p: p["target"].update(groups={"a": ["x"], "b": ["x"]}), "x is in two groups"),
        (lambda p: p["target"].update(groups={"a": ["x"]}, other="a"), "which is a group already"),
        (lambda p: p.update(calibration=["platt"]), "'none', 'prior', 'temperature', 'sigmoid' or 'isotonic'"),
        (lambda p: p.update(calibration=["prior"]), "none is always one: write [none, prior]"),
        (lambda p: p.update(review="sometimes"), "'required' or 'never'"),
        (lambda p: p.update(name="Toronto 2"), "name: "),
    ],
)
def test_a_wrong_problem_is_refused_with_what_is_allowed(change, expected):
    message = wrong(change)
    assert expected in message
    assert message.startswith("my.yaml is not a valid problem")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": [{"kind": "capped", "cap": 20, "per_class": {"Arson": 1.5}}]}, "strategies.capped.per_class"),
        ({"decisions": [{"kind": "capacity", "class_name": "Arson", "share": 0.1}]}, "decisions.capacity Arson"),
        ({"decisions": [{"kind": "cost", "costs": {"Arson": {"Assault": 2}}}]}, "decisions.cost.costs"),
        ({"gate": {"floors": {"Arson": {"recall": 0.1}}}}, "gate.floors"),
    ],
)
def test_a_class_that_the_data_lack_is_named_before_anything_is_fitted(change, message):
    problem = (
        parse_problem({**TORONTO, "extra": [], "tuning": [], **change}, "my.yaml")
        if "strategies" not in change
        else (parse_problem({**TORONTO, "extra": [], "tuning": [], "decisions": ["argmax"], **change}, "my.yaml"))
    )
    with pytest.raises(ProblemError, match=f"{message}: no class 'Arson'; classes are Assault, Robbery"):
        check_classes(problem, ["Assault", "Robbery"])


def test_every_fault_is_in_one_message():
    message = wrong(lambda p: p.update(metric="f7", colour="red"))
    assert "metric:" in message
    assert "colour:" in message


@pytest.mark.parametrize("raw", [None, [], "text", 3])
def test_something_else_than_a_mapping_is_refused(raw):
    with pytest.raises(ProblemError, match="a problem is a mapping"):
        parse_problem(raw, "my.yaml")


def test_data_takes_the_place_of_the_source():
    assert load_problem("toronto", "mine/*.parquet").source.kind == "parquet"
    assert load_problem("toronto", "mine.csv.gz").source.path == "mine.csv.gz"


@pytest.mark.parametrize("text", ["{", "\tname: x", "name: [1"])
def test_a_file_that_is_no_yaml_is_named(tmp_path, text):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ProblemError, match=r"broken\.yaml: can't be read as YAML"):
        load_problem(str(path))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "lightgbm", "params": {"trees": 5}}, "lightgbm has no setting trees; allowed: .*num_leaves"),
        ({"kind": "random_forest", "params": {"random_state": 1}}, "no setting random_state"),
        ({"kind": "lightgbm", "exact": True}, "`exact` belongs to random_forest and gradient_boosting"),
    ],
)
def test_a_setting_that_a_model_does_not_have_is_refused(spec, message):
    with pytest.raises(ProblemError, match=message):
        check_models([ModelSpec(**spec)])


def test_names_in_problem_files_are_the_names_in_the_code():
    assert set(score([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], ["a", "b"]).metrics) >= set(METRICS)
    assert {name.removesuffix(" exact") for name in DEFAULTS} == set(
        get_args(ModelSpec.model_fields["kind"].annotation)
    )
    simple = {"none", "class_weight", "sqrt_weight", "random_over", "random_under"}
    assert set(get_args(SimpleStrategyKind)) == simple
