"""A training with a race: which units are run, and what tables and files make of a candidate that was stopped."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.problem import parse_problem
from evenhand.report.candidate_tables import baseline_against_resampled, leaderboard
from evenhand.training.candidates import candidates, fits
from tasks.data.split import split
from tasks.reporting.candidates import _write_files, conclusions
from tasks.reporting.draw import draw_fit, draw_strategies
from tasks.reporting.finish import _candidate_summary
from tasks.storage.store import write_frame
from tasks.training import race
from tasks.training.choose import choose
from tasks.training.compare import compare
from tasks.training.context import TrainingContext
from tasks.training.evaluate import evaluate_all, score_all
from tasks.training.fit import fit
from tasks.training.unit_runner import UnitRunner

SEED = 0
FAR = "lightgbm / random_over"


def rows(n=2400):
    rng = np.random.default_rng(0)
    y = rng.choice(3, n, p=[0.6, 0.25, 0.15])
    return pd.DataFrame(
        {
            "when": pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 730, n), unit="D"),
            "hour": rng.normal(6 + 5 * y, 3),
            "kind": np.array(["Assault", "Robbery", "Theft"])[y],
        }
    )


PROBLEM = parse_problem(
    {
        "name": "small",
        "title": "Small",
        "source": {"kind": "csv", "path": "unset.csv"},
        "target": {"column": "kind"},
        "features": {"base": {"numeric": ["hour"]}},
        "split": {
            "holdout": {"column": "when", "start": pd.Timestamp("2021-10-01").date()},
            "folds": {"kind": "stratified", "n": 4},
        },
        "models": [
            {"kind": "lightgbm", "params": {"n_estimators": 8, "learning_rate": 0.3}},
            {"kind": "gradient_boosting", "params": {"max_iter": 1, "max_leaf_nodes": 2}, "label": "other"},
        ],
        "strategies": ["none", "random_over"],
        "evidence_family": "other",
        "decisions": ["argmax", "multipliers"],
        "gate": {"min_positives": 20},
    },
    "small.yaml",
)


RULE_OUT = race.rule_out.fn


class Printed:
    def __init__(self, folder):
        self.folder, self.lines = folder, []
        self.problem, self.preset, self.seed = PROBLEM, "standard", SEED

    def say(self, text):
        self.lines.append(text)


class AtOnce:
    """Stands in for units on their way, which need a running flow: each is done when it is submitted."""

    def __init__(self, runner, expected, racing):
        self.context, self.expected, self.units = runner.context, expected, []

    def add(self, fits_, fold):
        self.units += [fit.fn(self.context, one, fold) for one in fits_]

    def wait_for(self, folds):
        found = {}
        for unit in sorted(self.units, key=lambda unit: unit.fold):
            if unit.fold in folds:
                found.setdefault(unit.candidate.name, []).append(unit)
        return found


def raced(folder, monkeypatch, racing=True):
    monkeypatch.setattr(race, "SubmittedUnits", AtOnce)
    monkeypatch.setattr(race, "rule_out", RULE_OUT)
    parts = split.fn(write_frame(rows(), "validated/{sha256}/good.parquet"), PROBLEM)
    problem = PROBLEM.model_copy(update={"racing": racing})
    context = TrainingContext(parts, problem, SEED, folder)
    training, grid = Printed(folder), candidates(PROBLEM)
    fold_units, stopped = race.run_race(UnitRunner(training, context, None), grid)
    return training, context, grid, fold_units, stopped


@pytest.fixture
def trained(tmp_path, monkeypatch):
    training, context, grid, fold_units, stopped = raced(tmp_path, monkeypatch)
    scored = evaluate_all.fn(context, grid, fold_units, stopped)
    finalists = [one for one in fits(grid) if one.fit_name not in stopped]
    holdout_units = {one.fit_name: [fit.fn(context, one, HOLDOUT_FOLD)] for one in finalists}
    return training, context, fold_units, stopped, score_all.fn(context, scored, holdout_units)


def test_a_stopped_fit_gets_no_more_folds_and_what_others_are_compared_with_gets_all(trained):
    training, _, fold_units, stopped, _ = trained
    assert set(stopped) == {FAR}
    assert {name: len(units) for name, units in fold_units.items()} == {
        "lightgbm / none": 4,
        "other / random_over": 4,
        "other / none": 4,
        FAR: stopped[FAR].folds,
    }
    assert stopped[FAR].folds in (2, 3)
    assert training.lines == [f"           {FAR}: {stopped[FAR].message}"]


def test_no_race_runs_every_fold_and_the_winner_is_the_same(trained, tmp_path, monkeypatch):
    *_, results = trained
    _, context, grid, fold_units, stopped = raced(tmp_path / "all", monkeypatch, racing=False)
    assert stopped == {}
    assert {len(units) for units in fold_units.values()} == {4}
    whole = evaluate_all.fn(context, grid, fold_units)
    won, choice = choose(context, whole)
    raced_won, raced_choice = choose(context, results)
    assert won == raced_won
    assert choice.candidates == raced_choice.candidates + 1
    assert choice.expected.estimate == pytest.approx(raced_choice.expected.estimate, abs=0.01)
    same = {r.candidate.name: r.oof.metrics for r in whole}
    assert all(r.oof.metrics == same[r.candidate.name] for r in results if r.stopped is None)


def test_a_stopped_candidate_has_scores_of_its_folds_no_rank_and_no_test(trained):
    _, context, *_, results = trained
    far = next(result for result in results if result.candidate.name == FAR)
    assert far.test is None
    assert 0 < far.oof.confusion.sum() < next(r.oof.confusion.sum() for r in results if not r.stopped)
    assert far.beside.confusion.sum() == far.oof.confusion.sum()
    won, _ = choose(context, results)
    best = next(result.oof for result in results if result.candidate == won)
    assert choose(context, [replace(far, oof=best), *results])[0] == won
    table = [result.row() for result in results]
    against = baseline_against_resampled(table, "macro_f1").set_index(["model", "strategy", "decision"])
    line = against.loc[("lightgbm", "random_over", "argmax")]
    assert line["folds"] == far.folds_done
    assert line["macro_f1 vs none"] == pytest.approx(far.oof.metrics["macro_f1"] - far.beside.metrics["macro_f1"])
    board = leaderboard(table, "macro_f1")
    assert board["rank"].isna().tolist() == [False] * (len(board) - 1) + [True]
    assert far.stopped.message in leaderboard(table, "macro_f1", "test")["skipped"].tolist()
    assert "folds" not in leaderboard(table, "macro_f1", "test")


def test_what_a_stopped_candidate_leaves(trained, tmp_path):
    training, context, _, _, results = trained
    far = next(result for result in results if result.candidate.name == FAR)
    summary = _candidate_summary(far)
    assert (summary.folds_done, summary.test, summary.stopped) == (far.folds_done, None, far.stopped.message)
    assert summary.skipped is None
    assert set(draw_fit(context, far)) == {"precision_recall", "roc", "calibration"}
    _write_files(training, far, tmp_path)
    assert json.loads((tmp_path / "model_metrics.json").read_text())["test"] is None
    assert len(json.loads((tmp_path / "resampling_records.json").read_text())) == far.folds_done


def test_every_strategy_of_the_evidence_family_is_scored_and_drawn_on_the_held_out_period(trained):
    _, context, _, _, results = trained
    family = [result for result in results if result.candidate.model.name == PROBLEM.evidence_model]
    assert {result.candidate.strategy.name for result in family} == {"none", "random_over"}
    for result in family:
        assert result.stopped is None
        assert len(result.fold_units) == 4
        assert result.test is not None
        assert "precision_recall_held_out" in draw_fit(context, result)
    (figure,) = draw_strategies(context, results).values()
    panel = next(ax for ax in figure.axes if ax.get_title())
    assert [line.get_label() for line in panel.lines[1:]] == ["none", "random_over"]


def test_a_run_names_the_conclusion_on_each_evaluation_set(trained):
    _, context, _, _, results = trained
    evidence = compare.fn(context, results, choose(context, results)[1])
    helped = conclusions(evidence, evidence.candidate("lightgbm / none / multipliers"))
    difference = evidence.candidate("lightgbm / none / multipliers").difference("test", "macro_f1")
    assert set(helped) == {"conclusion out of fold", "conclusion held-out period"}
    assert helped["conclusion held-out period"] == f"macro_f1 {difference.estimate:+.3f}: {difference.text}"
    assert set(conclusions(evidence, evidence.candidate(FAR))) == {"conclusion out of fold"}


def test_its_evidence_is_of_the_rows_that_both_have(trained):
    _, context, _, _, results = trained
    evidence = compare.fn(context, results, choose(context, results)[1])
    far = next(result for result in results if result.candidate.name == FAR)
    found = evidence.candidate(FAR)
    assert found.oof.folds == far.folds_done
    assert found.test is None
    difference = found.difference("oof", "macro_f1")
    assert difference.versus == "lightgbm / none"
    assert difference.estimate == pytest.approx(far.oof.metrics["macro_f1"] - far.beside.metrics["macro_f1"])
    assert evidence.grounds["oof"].comparisons == 4
    assert FAR not in evidence.simplest.within
