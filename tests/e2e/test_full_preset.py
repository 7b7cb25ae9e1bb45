"""The full preset on a small problem: every candidate has a score or a recorded reason for being skipped."""

from types import SimpleNamespace

import pandas as pd
import pytest

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.problem import parse_problem
from evenhand.problem.strategies import FULL
from evenhand.report.candidate_tables import baseline_against_resampled, shortened
from evenhand.report.evidence_text import METHODS_SHOWN, as_text
from evenhand.training.candidates import fits
from evenhand.training.presets import preset_candidates, preset_stacking
from tasks.data.split import split
from tasks.reporting.candidates import drawn_fits
from tasks.settings import settings
from tasks.storage.store import write_frame
from tasks.training.choose import choose
from tasks.training.compare import compare
from tasks.training.context import TrainingContext
from tasks.training.evaluate import evaluate_all, score_all
from tasks.training.fit import fit
from tasks.training.results import resampling_records, was_skipped
from tasks.training.stack import stack, stack_holdout
from tests.e2e.small import small_problem, small_rows

SEED = 3


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    patch, folder = pytest.MonkeyPatch(), tmp_path_factory.mktemp("full")
    patch.setenv("EVENHAND_HOME", str(folder))
    settings.cache_clear()
    problem = parse_problem(
        small_problem(
            models=[{"kind": "lightgbm", "params": {"n_estimators": 4}}],
            features={"base": {"categorical": ["place"], "numeric": ["hour"]}},
            balancing_models=[
                {"kind": "easy_ensemble", "params": {"n_estimators": 2, "rounds": 3}},
                {"kind": "smote_bagging", "params": {"n_estimators": 2}},
                {"kind": "balanced_random_forest", "params": {"n_estimators": 5}},
                {"kind": "rusboost", "skip_above_rows": 10},
            ],
            strategies=["none", {"kind": "enn", "skip_above_rows": 10}],
            split={
                "holdout": {"column": "when", "start": pd.Timestamp("2021-07-01").date()},
                "folds": {"kind": "forward", "column": "when", "n": 1, "period": "year"},
            },
        ),
        "small.yaml",
    )
    frame = small_rows(700).assign(when=lambda rows: pd.to_datetime(rows["when"], utc=True))
    parts = split.fn(write_frame(frame, "good/{sha256}.parquet"), problem)
    context = TrainingContext(parts, problem, SEED, folder)
    grid, places = preset_candidates(problem, "full"), context.fold_numbers

    def units(folds):
        return {c.fit_name: [fit.fn(context, c, fold) for fold in folds] for c in fits(grid)}

    fold_units, holdout_units = units(places), units([HOLDOUT_FOLD])
    scored = evaluate_all.fn(context, grid, fold_units)
    stacked = stack.fn(context, preset_stacking(problem, "full"), scored)
    holdout_units[stacked.candidate.fit_name] = [stack_holdout(context, stacked, holdout_units)]
    results = score_all.fn(context, [*scored, *stacked.results], holdout_units)
    winner, choice = choose(context, results)
    evidence = compare.fn(context, results, choice)
    parts = {"problem": problem, "grid": grid, "results": results, "evidence": evidence}
    yield SimpleNamespace(**parts, stacked=stacked, winner=winner)
    patch.undo()
    settings.cache_clear()


def test_every_candidate_has_a_score_or_a_reason(trained):
    assert len(trained.results) > 60
    for result in trained.results:
        assert (result.oof is None) == (result.skipped is not None), result.candidate.name
        assert (result.test is None) == (result.skipped is not None), result.candidate.name
    skipped = {r.candidate.fit_name: r.skipped for r in trained.results if r.skipped}
    assert set(skipped) == {"lightgbm / enn", "rusboost / none"}
    assert "skip_above_rows is 10" in skipped["lightgbm / enn"]
    assert skipped["rusboost / none"].endswith(" rows to fit, and skip_above_rows is 10")


def test_resampling_records_have_every_strategy_and_why_one_could_not_run(trained):
    found = resampling_records(trained.results)
    assert set(found) == {strategy.name for strategy in FULL}
    assert {name for name, entries in found.items() if was_skipped(entries[0])} == {"enn"}
    (reason,) = found["enn"][-1].adaptations
    assert reason.startswith("skipped: enn: ")
    assert "rows to search for neighbours" in reason
    assert found["enn"][0].before == found["none"][0].before


def test_the_stack_is_one_of_the_compared_candidates(trained):
    name = trained.stacked.candidate.name
    assert name in [candidate.name for candidate in trained.evidence.candidates]
    ways = {candidate.method for candidate in trained.evidence.candidates if candidate.model == "stack"}
    assert ways == {"stack", "stack + multipliers", "stack + prior_power"}
    assert trained.winner in [result.candidate for result in trained.results]


def test_the_output_for_a_terminal_is_short(trained):
    table = baseline_against_resampled([result.row() for result in trained.results], "macro_f1")
    short, more = shortened(table, "macro_f1")
    assert len(short) + more == len(table)
    assert len(short) <= 35
    assert "methods that do less in comparison.md" in as_text(trained.evidence)
    assert METHODS_SHOWN == 20


def test_only_the_winner_and_its_baseline_get_figures_unasked(trained):
    winner = trained.winner
    drawn = drawn_fits(trained.results, winner)
    assert winner.fit_name in drawn
    assert len(drawn) <= 2
