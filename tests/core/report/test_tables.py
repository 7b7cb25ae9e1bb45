"""Comparison tables: the order, the differences, and candidates without scores."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len

from evenhand.metrics.scores import Scores, score
from evenhand.problem import LOWER_IS_BETTER, METRICS
from evenhand.report.candidate_row import Row
from evenhand.report.candidate_tables import baseline_against_resampled, leaderboard, shortened
from evenhand.report.table_text import render_markdown, render_text

CLASSES = ["Common", "Rare", "Rarest"]
TRUTH = np.array([0] * 60 + [1] * 30 + [2] * 10)


def made(skill: float, seed: int = 0) -> Scores:
    """Scores of predictions that are right the more often the greater ``skill`` is."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(3), len(TRUTH)) + skill * np.eye(3)[TRUTH]
    return score(TRUTH, proba / proba.sum(axis=1, keepdims=True), CLASSES)


def row(model: str, strategy: str, skill: float | None = None, **others) -> Row:
    scores = None if skill is None else made(skill)
    reason = "the smallest class has 2 rows in fold 3" if skill is None else None
    values = {
        "features": "base", "decision": "argmax", "oof": scores, "test": scores, "fit_seconds": 1.25, "skipped": reason
    }  # fmt: skip
    return Row(model, strategy, **(values | others))


ROWS = [
    row("lightgbm", "smote", 0.3),
    row("random_forest", "smote"),
    row("lightgbm", "none", 0.2),
    row("random_forest", "none", 0.4),
    row("lightgbm", "capped", 0.05),
    row("random_forest", "random_over", 0.9),
]


def test_baseline_comes_first_in_each_model_and_skipped_last():
    frame = baseline_against_resampled(ROWS, "macro_f1")
    assert list(zip(frame["model"], frame["strategy"], strict=True)) == [
        ("random_forest", "none"),  # its best candidate beats all of lightgbm's
        ("random_forest", "random_over"),
        ("lightgbm", "none"),
        ("lightgbm", "smote"),
        ("lightgbm", "capped"),
        ("random_forest", "smote"),
    ]
    assert list(frame["skipped"]) == [""] * 5 + ["the smallest class has 2 rows in fold 3"]
    assert "features" not in frame
    assert "decision" not in frame


def test_differences_are_to_the_same_model_without_resampling():
    frame = baseline_against_resampled(ROWS, "macro_f1").set_index(["model", "strategy"])
    base, smote = frame.loc[("lightgbm", "none")], frame.loc[("lightgbm", "smote")]
    assert base["macro_f1 vs none"] == 0.0
    assert smote["macro_f1 vs none"] == pytest.approx(made(0.3).metrics["macro_f1"] - made(0.2).metrics["macro_f1"])
    expected = made(0.3).metrics["average_precision"] - made(0.2).metrics["average_precision"]
    assert smote["average_precision vs none"] == pytest.approx(expected)
    assert smote["min_recall"] == min(found.recall for found in made(0.3).per_class.values())


def test_rules_and_features_are_compared_with_the_plain_model():
    rows = [
        row("lightgbm", "none", 0.5, decision="prior"),
        row("lightgbm", "none", 0.2),
        row("lightgbm", "none", 0.6, features="enriched"),
        row("random_forest", "none", 0.6, decision="prior"),
    ]
    frame = baseline_against_resampled(rows, "macro_f1").set_index(["model", "features", "decision"])
    for features, decision, noise in (("base", "prior", 0.5), ("enriched", "argmax", 0.6)):
        expected = made(noise).metrics["macro_f1"] - made(0.2).metrics["macro_f1"]
        assert frame.loc[("lightgbm", features, decision), "macro_f1 vs none"] == pytest.approx(expected)
    assert frame.index[frame.index.get_level_values("model") == "lightgbm"][0] == ("lightgbm", "base", "argmax")
    assert math.isnan(frame.loc[("random_forest", "base", "prior"), "macro_f1 vs none"])


@pytest.mark.parametrize("metric", METRICS)
def test_leaderboard_is_best_first_whatever_best_means(metric):
    frame = leaderboard(ROWS, metric)
    values = frame[metric].dropna().to_list()
    assert values == sorted(values, reverse=metric not in LOWER_IS_BETTER)
    assert list(frame["rank"][:5]) == [1, 2, 3, 4, 5]
    assert frame["rank"].isna().to_list() == [False] * 5 + [True]
    baseline = baseline_against_resampled(ROWS, metric)
    assert list(baseline["strategy"][:1]) == ["none"]


def test_leaderboard_ends_with_accuracy_beside_the_majority():
    frame = leaderboard(ROWS[:1], "macro_f1")
    assert list(frame.columns)[-2:] == ["majority_accuracy", "accuracy (misleading)"]
    assert frame["majority_accuracy"].item() == 0.6
    assert frame["accuracy (misleading)"].item() == made(0.3).metrics["accuracy"]


def test_held_out_scores_stand_beside_and_can_lead():
    rows = [
        row("a", "none", 0.5, test=made(0.1)),
        row("b", "none", 0.2, test=made(0.8)),
        row("c", "none", 0.3, test=None),
    ]
    assert list(leaderboard(rows, "macro_f1")["model"]) == ["a", "c", "b"]
    assert leaderboard(rows, "macro_f1")["macro_f1 held out"].isna().to_list() == [False, True, False]
    held_out = leaderboard(rows, "macro_f1", on="test")
    assert list(held_out["model"]) == ["b", "a", "c"]
    assert held_out["skipped"].to_list() == ["", "", "not scored on the held-out period"]


def test_an_undefined_metric_ranks_last():
    undefined = score(np.array([0, 0]), np.full((2, 3), 1 / 3), CLASSES)
    frame = leaderboard([row("z", "none", 0.1, oof=undefined), row("a", "none", 0.1)], "roc_auc")
    assert list(frame["model"]) == ["a", "z"]


def test_a_class_without_rows_is_not_the_worst_found():
    found = score(np.array([1, 1, 2, 2]), np.array([[0.0, 0.9, 0.1]] * 3 + [[0.0, 0.1, 0.9]]), CLASSES)
    frame = baseline_against_resampled([row("lightgbm", "none", 0.1, oof=found)], "macro_f1")
    assert frame["min_recall"].item() == 0.5


def test_equal_candidates_keep_one_order_however_they_came():
    rows = [row("lightgbm", name, 0.3, decision=rule) for name in ("none", "smote") for rule in ("prior", "argmax")]
    for table in (leaderboard, baseline_against_resampled):
        pd.testing.assert_frame_equal(table(rows, "macro_f1"), table(rows[::-1], "macro_f1"))


def test_an_unknown_metric_is_refused():
    for table in (leaderboard, baseline_against_resampled):
        with pytest.raises(ValueError, match="found 'f2', allowed are macro_f1, "):
            table(ROWS, "f2")


def test_text_shows_every_candidate_and_says_why_one_has_no_scores():
    text = render_text(baseline_against_resampled(ROWS, "macro_f1"), title="Out of fold")
    lines = text.splitlines()
    assert lines[0] == "Out of fold"
    assert sum("lightgbm " in line for line in lines) == 3
    assert "random_forest + smote: the smallest class has 2 rows in fold 3" in text
    assert f"{made(0.9).metrics['macro_f1'] - made(0.4).metrics['macro_f1']:+.3f}" in text
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize("metric", ["macro_f1", "log_loss", "balanced_accuracy"])
def test_text_stays_within_a_terminal_and_keeps_the_metric_it_goes_by(metric):
    rows = [
        row("gradient_boosting" * n, "capped+class_weight", 0.2 * n, decision=f"cost[bold]_{n}", features="spatial" * n)
        for n in (1, 2, 3)
    ]
    text = render_text(leaderboard(rows, metric))
    assert max(map(cell_len, text.splitlines())) <= 110
    assert "(misleading)" in text
    assert f"{made(0.2).metrics[metric]:.3f}" in text
    left_out = next(line for line in text.splitlines() if line.startswith("Left out for width: "))
    assert metric.replace("_", " ") not in left_out


def test_text_is_plain_whatever_the_environment(monkeypatch):
    frame = leaderboard(ROWS, "macro_f1")
    before = render_text(frame)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    assert render_text(frame) == before
    assert "\x1b" not in before


def test_markup_in_a_name_is_shown_as_it_is():
    assert "[red]x[/red]" in render_text(leaderboard([row("[red]x[/red]", "none", 0.1)], "macro_f1"))


def test_markdown_has_as_many_cells_in_every_line():
    rows = [*ROWS, row("a|b", "none", 0.1)]
    lines = render_markdown(leaderboard(rows, "macro_f1")).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 6
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "- random_forest + smote: the smallest class has 2 rows in fold 3" in lines


def test_nothing_scored_still_renders():
    frame = baseline_against_resampled([row("lightgbm", "smote")], "macro_f1")
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 1
    assert "lightgbm + smote: the smallest" in render_text(frame)
    assert "lightgbm + smote: the smallest" in render_markdown(leaderboard([row("lightgbm", "smote")], "macro_f1"))
    assert render_text(leaderboard([], "macro_f1")) is not None


@pytest.mark.parametrize("metric", ["macro_f1", "log_loss"])
def test_a_long_table_keeps_the_best_the_baselines_and_who_has_no_score(metric):
    rows = [row("lightgbm", f"smote {i}", 0.02 * i) for i in range(1, 30)]
    rows += [row("lightgbm", "none", 0.01), row("forest", "none", 0.0), row("forest", "smote", 0.0), row("forest", "x")]
    whole = baseline_against_resampled(rows, metric)
    short, more = shortened(whole, metric, most=10)
    named = list(zip(short["model"], short["strategy"], strict=True))
    assert named == [
        ("lightgbm", "none"),
        *(("lightgbm", f"smote {i}") for i in range(29, 24, -1)),
        ("forest", "none"),
        ("forest", "x"),
    ]
    assert len(short) + more == len(whole)
    assert shortened(whole, metric, most=40)[1] == 0


def test_no_word_is_broken_where_breaking_between_words_is_enough():
    counted = "1 help, 1 no difference larger than 0.012"
    methods = ["lightgbm_focal_balanced", "smote standardised + prior_correction", "balanced_random_forest"]
    frame = pd.DataFrame({"method": methods, "candidates": 3, "out-of-fold": counted, "held-out": counted})
    for metric in ("macro_f1", "average_precision"):
        frame[f"{metric} vs none"] = "-0.011 to +0.006"
    text = render_text(frame)
    assert max(map(cell_len, text.splitlines())) <= 110
    for word in (*" ".join(methods).split(), "-0.011 to +0.006", "help,", "difference", "larger", "0.012"):
        assert text.count(word) >= 1, text
    assert text.count("-0.011 to +0.006") == 6
