"""The comparison of a real training: its figures are those of the scores, also for rules, blocks and a single fold."""

import json

import numpy as np
import pandas as pd
import pytest

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.errors import ProblemError
from evenhand.problem import parse_problem
from evenhand.training.candidates import candidates, fits
from tasks.data.split import split
from tasks.storage.store import write_frame
from tasks.training.choose import choose
from tasks.training.compare import compare
from tasks.training.context import TrainingContext
from tasks.training.evaluate import evaluate_all, score_all
from tasks.training.fit import fit

SEED = 0


def rows():
    rng = np.random.default_rng(0)
    y = rng.choice(3, 900, p=[0.55, 0.25, 0.2])
    when = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 730, 900), unit="D")
    return pd.DataFrame(
        {
            "when": when,
            "hour": rng.normal(6 + 5 * y, 3),
            "place": np.array(["a", "b", "c"])[rng.integers(0, 3, 900)],
            "kind": np.array(["Assault", "Robbery", "Theft"])[y],
        }
    )


def problem(**split_keys):
    return parse_problem(
        {
            "name": "small",
            "title": "Small",
            "source": {"kind": "csv", "path": "unset.csv"},
            "target": {"column": "kind"},
            "features": {"base": {"categorical": ["place"], "numeric": ["hour"]}},
            "split": {
                "holdout": {"column": "when", "start": pd.Timestamp("2021-07-01").date()},
                "folds": {"kind": "stratified", "n": 3},
                **split_keys,
            },
            "models": [{"kind": "lightgbm", "params": {"n_estimators": 5}}],
            "strategies": ["none", "random_under"],
            "decisions": ["argmax", "multipliers"],
            "gate": {"min_positives": 20},
        },
        "small.yaml",
    )


def trained(p, folder):
    parts = split.fn(write_frame(rows(), "validated/{sha256}/good.parquet"), p)
    context = TrainingContext(parts, p, SEED, folder)
    grid = candidates(p)

    def units(folds):
        return {c.fit_name: [fit.fn(context, c, fold) for fold in folds] for c in fits(grid)}

    scored = evaluate_all.fn(context, grid, units(context.fold_numbers))
    results = score_all.fn(context, scored, units([HOLDOUT_FOLD]))
    return results, compare.fn(context, results, choose(context, results)[1])


def test_figures_are_those_of_the_scores_and_the_file_says_the_same(tmp_path):
    results, evidence = trained(problem(), tmp_path)
    assert [c.name for c in evidence.candidates] == [r.candidate.name for r in results]
    for result, found in zip(results, evidence.candidates, strict=True):
        for place, scores in (("oof", result.oof), ("test", result.test)):
            for metric in evidence.metrics:
                assert found.on(place).metrics[metric].estimate == pytest.approx(scores.metrics[metric], abs=1e-12)
    assert evidence.grounds["oof"].folds == 3
    assert evidence.grounds["oof"].basis == "folds"
    assert evidence.candidate("lightgbm / none / multipliers").method == "multipliers"
    record = json.loads((tmp_path / "evidence.json").read_text())
    assert record == json.loads(json.dumps(evidence.to_record()))
    assert record["conclusion"]


def test_blocks_and_a_single_fold_as_the_problem_declares_them(tmp_path):
    p = problem(
        folds={"kind": "forward", "column": "when", "n": 1, "period": "year"},
        blocks={"column": "when", "period": "day"},
    )
    evidence = trained(p, tmp_path)[1]
    oof, test = evidence.grounds["oof"], evidence.grounds["test"]
    assert oof.basis == "rows"
    assert oof.folds == 1
    assert 100 < oof.blocks <= 181
    assert 100 < test.blocks <= 184
    assert evidence.candidates[1].difference("oof", "macro_f1").basis == "rows"


def test_a_period_of_a_column_without_times_is_refused(tmp_path):
    with pytest.raises(ProblemError, match=r"split\.blocks: period day needs times in 'place'"):
        trained(problem(blocks={"column": "place", "period": "day"}), tmp_path)
