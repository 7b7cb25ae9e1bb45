"""A model with other settings stands beside the model that it varies, and is compared with it."""

import numpy as np
import pytest

from evenhand.evidence.baselines import ComparedCandidate, baseline_of, method_of, simplicity
from evenhand.metrics.scores import score
from evenhand.problem import parse_problem
from evenhand.report.candidate_row import Row, is_baseline
from evenhand.report.candidate_tables import baseline_against_resampled
from evenhand.training.candidates import candidates, fits

RAW = {
    "name": "small",
    "title": "A small town",
    "source": {"kind": "csv", "path": "rows.csv"},
    "target": {"column": "kind"},
    "features": {"base": {"categorical": ["place"]}, "enriched": {"extend": "base", "rates": ["place"]}},
    "split": {"holdout": {"column": "year", "start": 2021}, "folds": {"kind": "stratified", "n": 2}},
    "models": [{"kind": "lightgbm", "params": {"n_estimators": 15, "num_leaves": 7}}],
    "strategies": ["none", "random_over"],
    "extra": [{"model": "lightgbm", "features": "base", "label": "deep", "params": {"num_leaves": 127}}],
    "decisions": ["argmax", "prior_power"],
}


def entry(model="lightgbm", strategy="none", features="base", decision="argmax", variant_of=None):
    name = " / ".join((model, strategy, features, decision))
    return ComparedCandidate(name, model, "lightgbm", strategy, strategy, features, decision, variant_of)


def row(model, skill, decision="argmax", variant_of=None):
    truth = np.repeat([0, 1], [60, 40])
    proba = np.random.default_rng(0).dirichlet(np.ones(2), len(truth)) + skill * np.eye(2)[truth]
    found = score(truth, proba / proba.sum(axis=1, keepdims=True), ["Common", "Rare"])
    return Row(model, "none", "base", decision, found, found, 1.0, None, variant_of)


def test_an_extra_candidate_may_be_on_base_under_a_label_with_its_own_settings_and_every_rule():
    grid = candidates(parse_problem(RAW, "small.yaml"))
    assert [candidate.name for candidate in grid] == [
        "lightgbm / none",
        "lightgbm / random_over",
        "deep / none",
        "lightgbm / none / prior_power",
        "deep / none / prior_power",
    ]
    assert [(fit.model.name, fit.variant_of, fit.model.params["num_leaves"]) for fit in fits(grid)] == [
        ("lightgbm", None, 7),
        ("lightgbm", None, 7),
        ("deep", "lightgbm", 127),
    ]
    assert {fit.model.params["n_estimators"] for fit in fits(grid)} == {15}


def test_without_a_label_other_features_keep_the_model_s_name():
    extra = {"model": "lightgbm", "features": "enriched", "params": {"num_leaves": 31}}
    grid = candidates(parse_problem({**RAW, "extra": [extra]}, "small.yaml"))
    assert next((c.name, c.variant_of) for c in grid if c.features == "enriched") == (
        "lightgbm / none / enriched",
        None,
    )


@pytest.mark.parametrize(
    ("one", "reference", "way"),
    [
        (entry("deep", variant_of="lightgbm"), entry(), "deep"),
        (entry("deep", decision="prior_power", variant_of="lightgbm"), entry("deep", variant_of="lightgbm"),
         "prior_power"),
        (entry("deep", features="enriched", variant_of="lightgbm"), entry(features="enriched"), "deep"),
        (entry("deep", strategy="smote", variant_of="lightgbm"), entry("deep", variant_of="lightgbm"), "smote"),
    ],
)  # fmt: skip
def test_other_settings_are_compared_with_the_model_s_own(one, reference, way):
    grid = [
        entry("random_forest"),
        entry(),
        entry(features="enriched"),
        entry("deep", variant_of="lightgbm"),
        entry("deep", decision="prior_power", variant_of="lightgbm"),
    ]
    grid = [e for e in grid if e.features == "base" or one.features == "enriched"]
    if one.features == "enriched":
        grid = [e for e in grid if e.model != "deep"]
    found = baseline_of(one, grid)
    assert found == reference
    assert method_of(one, found) == way


def test_the_model_s_own_settings_are_the_simpler_ones():
    assert simplicity(entry()) < simplicity(entry("another", variant_of="lightgbm"))
    assert simplicity(entry("another", variant_of="lightgbm")) < simplicity(entry(decision="prior_power"))


def test_a_table_keeps_a_model_and_its_variants_together_against_one_baseline():
    rows = [row("deep", 0.8, variant_of="lightgbm"), row("forest", 0.5), row("lightgbm", 0.2),
            row("deep", 0.9, "prior_power", "lightgbm")]  # fmt: skip
    assert [is_baseline(one) for one in rows] == [False, True, True, False]
    frame = baseline_against_resampled(rows, "macro_f1")
    assert list(frame["model"]) == ["lightgbm", "deep", "deep", "forest"]
    plain = rows[2].oof.metrics["macro_f1"]
    assert frame["macro_f1 vs none"].iloc[2] == pytest.approx(rows[0].oof.metrics["macro_f1"] - plain)
    assert frame["macro_f1 vs none"].iloc[0] == 0
