"""Figures: what they show is what was given, for few and many classes, and they draw without global state."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import threading
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text
from sklearn.metrics import average_precision_score

from evenhand.evidence.bootstrap import Interval
from evenhand.metrics.cost_curves import cost_curve
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import score
from evenhand.report import figures
from evenhand.report.candidate_row import Row
from evenhand.report.figures import glyphs
from evenhand.report.figures.intervals import Bar, Ranked
from evenhand.report.figures.style import STATUS
from evenhand.report.fit_curves import POINTS, calibration_curves, precision_recall_curves, roc_curves, thinned
from evenhand.report.gate.details import reliability
from evenhand.report.training.data import ClassCosts

LONG = [f"Class {i} of things that go on and on" for i in range(14)]
SHORT = ["Assault", "Auto Theft", "Break and Enter", "Robbery", "Theft Over"]


def drawn_from(classes: list[str], n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = 0.6 ** np.arange(len(classes))
    y = rng.choice(len(classes), n, p=weights / weights.sum())
    y[: len(classes)] = range(len(classes))
    proba = rng.dirichlet(np.ones(len(classes)), n) + 0.3 * np.eye(len(classes))[y]
    return y, proba / proba.sum(axis=1, keepdims=True)


def row(model: str, strategy: str, seed: int | None, **others) -> Row:
    scores = None if seed is None else score(*drawn_from(SHORT, 300, seed), SHORT)
    values = {"features": "base", "decision": "argmax", "oof": scores, "test": scores, "fit_seconds": 1.0}
    return Row(model, strategy, **(values | {"skipped": None if scores else "too few rows"} | others))


ROWS = [row(model, name, at) for model in ("a", "b") for at, name in enumerate(("none", "smote", "capped"))]


def texts(figure: Figure) -> str:
    from matplotlib.text import Text

    return "\n".join(found.get_text() for found in figure.findobj(Text))


def all_figures(classes: list[str], note: str = "") -> dict[str, Figure]:
    y, proba = drawn_from(classes)
    counts = {name: 10 * (at + 1) for at, name in enumerate(classes)}
    return {
        "precision_recall": figures.precision_recall(precision_recall_curves(y, proba, classes), classes, note),
        "roc": figures.roc(roc_curves(y, proba, classes), classes, note),
        "calibration": figures.calibration(calibration_curves(y, proba, classes), note),
        "confusion_matrix": figures.confusion_matrix(score(y, proba, classes).confusion, classes, note),
        "feature_importance": figures.feature_importance(classes, list(range(len(classes))), note),
        "class_counts": figures.class_counts(counts, {"capped": dict.fromkeys(classes, 10), "none": counts}, note),
        "strategy_comparison": figures.strategy_comparison(ROWS, "macro_f1", note),
    }


@pytest.mark.parametrize("classes", [SHORT, LONG], ids=["5 classes", "14 classes"])
def test_every_figure_is_a_small_png_that_names_its_data(classes):
    for name, figure in all_figures(classes, "SYNTHETIC rows, held-out period").items():
        png = figures.to_png(figure)
        assert png[:8] == b"\x89PNG\r\n\x1a\n", name
        width, height = struct.unpack(">II", png[16:24])
        assert 800 <= width <= 1800, name
        assert 250 <= height <= 1000, name
        assert len(png) < 300_000, name
        assert "SYNTHETIC rows" in texts(figure), name


def test_the_same_figure_gives_the_same_bytes():
    figure = all_figures(SHORT)["roc"]
    assert figures.to_png(figure) == figures.to_png(figure) == figures.to_png(all_figures(SHORT)["roc"])
    assert figures.to_svg(figure, "a", "b") == figures.to_svg(all_figures(SHORT)["roc"], "a", "b")


def test_compared_fits_have_a_panel_per_class_the_rarest_first_and_a_curve_each():
    y, proba = drawn_from(SHORT)
    other = drawn_from(SHORT, seed=1)[1]
    fits = [("none", Predictions(y, proba)), ("smote", Predictions(y, other))]
    figure = figures.precision_recall_compared(iter(fits), SHORT, "some rows")
    panels = [ax for ax in figure.axes if ax.get_title()]
    rarest = SHORT[int(np.bincount(y).argmin())]
    assert panels[0].get_title().startswith(rarest)
    assert len(panels) == len(SHORT)
    for ax in panels:
        assert [line.get_label() for line in ax.lines[1:]] == ["none", "smote"]
    code = SHORT.index(rarest)
    recall, precision = panels[0].lines[1].get_data()
    area = np.sum(np.diff(np.append(0.0, recall)) * precision)
    assert area == pytest.approx(average_precision_score(y == code, proba[:, code]), abs=0.02)
    with pytest.raises(ValueError, match="found none"):
        figures.precision_recall_compared([], SHORT)


def page_figures(classes: list[str]) -> dict[str, Figure]:
    """Return the figures that pages show."""
    y, proba = drawn_from(classes, 600)
    drawn = all_figures(classes)
    near = Interval(0.1, -0.1, 0.3)
    curves = [cost_curve(y == code, proba[:, code], proba[:, code] > 0.3) for code in range(len(classes))]
    return {
        name: drawn[name] for name in ("precision_recall", "calibration", "class_counts", "strategy_comparison")
    } | {
        "bound": figures.against_bound(
            [Bar(n, near, s) for n, s in zip(classes, STATUS, strict=False)], -0.05, "least"
        ),
        "ranked": figures.ranked_candidates([Ranked(name, near, near, name == classes[0]) for name in classes]),
        "costs": figures.cost_curves([ClassCosts(n, c, c) for n, c in zip(classes, curves, strict=True)]),
        "reliability": figures.reliability({name: reliability(y, proba) for name in ("champion", "challenger")}),
    }


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - drawn here


@pytest.mark.parametrize("classes", [SHORT, LONG], ids=["5 classes", "14 classes"])
def test_svg_is_small_follows_the_theme_and_needs_nothing_else(classes):
    ids: list[str] = []
    for name, figure in page_figures(classes).items():
        svg = figures.to_svg(figure, name, "what it shows")
        parsed(svg)
        assert len(svg) < 120_000, name
        assert not re.search(r"#[0-9a-f]{6}\b|https?:|<style|<script|<image|\n", svg), name
        assert 'aria-label="what it shows"' in svg
        found = re.findall(r' id="([^"]*)"', svg)
        assert set(re.findall(r'(?:href="|url\()#([^")]*)', svg)) <= set(found), name
        ids += found
    assert len(ids) == len(set(ids))


def test_names_in_svg_are_text_whatever_they_hold():
    evil = ["<script>alert(1)</script>", '"><img src=x id="p0123456789">', "a & 'b' #000000", "$x_{", "]]>"]
    for name, figure in page_figures(evil).items():
        root = parsed(figures.to_svg(figure, name, evil[1]))
        assert root.get("aria-label") == evil[1]
        assert {element.tag for element in root.iter()} <= {
            "svg",
            "g",
            "path",
            "text",
            "use",
            "defs",
            "clipPath",
            "rect",
        }
        texts = " ".join(element.text or "" for element in root.iter("text"))
        if name in ("precision_recall", "calibration", "costs", "ranked", "class_counts"):
            assert all(one in texts for one in evil), name


def test_intervals_are_drawn_on_one_scale_with_a_mark_for_each_status():
    bars = [Bar("a", Interval(0.0, -0.1, 0.1), "pass"), Bar("b", Interval(0.1, 0.0, 0.2), "fail")]
    [axes] = figures.against_bound(bars, -0.05, "allowed -0.05").axes
    spans = [tuple(line.get_xdata()) for line in axes.lines if line.get_linewidth() > 1.6]
    assert spans == [(-0.1, 0.1), (0.0, 0.2)]
    assert [line.get_marker() for line in axes.lines if line.get_marker() != "None"] == ["o", "X"]
    tie = figures.against_bound([Bar("a", Interval(0.0, 0.0, 0.0), "fail")], 0.0, "margin")
    assert "nan" not in figures.to_svg(tie, "tie", "a tie").lower()


def test_a_candidate_s_name_is_cut_before_its_decision_rule():
    stack, near = "stack / lightgbm none enriched + gradient_boosting none", Interval(0.4, 0.3, 0.5)
    ranked = [Ranked(f"{stack} / {rule}", near, None, rule == "multipliers") for rule in ("multipliers", "argmax")]
    [axes] = figures.ranked_candidates([*ranked, Ranked("a / b", near, None)]).axes
    labels = axes.get_yticklabels()
    assert [label.get_text().rpartition("… / ")[2] for label in labels] == ["multipliers", "argmax", "a / b"]
    assert [label.get_fontweight() for label in labels] == ["bold", "normal", "normal"]
    assert figures.ranked_candidates([]) is None


@pytest.mark.parametrize("classes", [SHORT, LONG], ids=["together", "apart"])
def test_curves_are_thin_and_say_the_area(classes):
    y, proba = drawn_from(classes, 5000)
    figure = figures.precision_recall(precision_recall_curves(y, proba, classes), classes)
    lines = [line for ax in figure.axes for line in ax.lines]
    assert max(len(line.get_xdata()) for line in lines) <= POINTS + 1
    for code in (0, len(classes) - 1):
        assert f"AP {average_precision_score(y == code, proba[:, code]):.2f}" in texts(figure)


def test_a_precision_recall_curve_ends_at_the_share_of_its_class():
    y, proba = drawn_from(SHORT)
    [axes] = figures.precision_recall(precision_recall_curves(y, proba, SHORT), SHORT).axes
    ends = {round(float(line.get_ydata()[-1]), 9) for line in axes.lines}
    assert ends == {round(float((y == code).mean()), 9) for code in range(5)}


def test_roc_curves_run_from_corner_to_corner_and_never_fall():
    [axes] = figures.roc(roc_curves(*drawn_from(SHORT), SHORT), SHORT).axes
    for line in axes.lines:
        x, height = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert (x[0], height[0], x[-1], height[-1]) == (0, 0, 1, 1)
        assert (np.diff(x) >= 0).all()
        assert (np.diff(height) >= 0).all()


def test_a_class_without_rows_is_named_instead_of_drawn():
    y, proba = drawn_from(SHORT)
    y[y == 3] = 0
    for draw, curves in ((figures.precision_recall, precision_recall_curves), (figures.roc, roc_curves)):
        assert "no rows of Robbery" in texts(draw(curves(y, proba, SHORT), SHORT))
    assert figures.to_png(figures.calibration(calibration_curves(y, proba, SHORT)))


def test_honest_probabilities_lie_on_the_diagonal():
    rng = np.random.default_rng(3)
    chance = rng.beta(0.5, 6, 40_000)
    y = (rng.random(len(chance)) < chance).astype(int)
    axes = figures.calibration(calibration_curves(y, np.column_stack([1 - chance, chance]), ["rest", "rare"])).axes[1]
    points = next(line for line in axes.lines if line.get_marker() == "o")
    predicted, observed = np.asarray(points.get_xdata()), np.asarray(points.get_ydata())
    assert len(predicted) == 10
    assert np.abs(predicted - observed).max() < 0.05
    assert predicted.max() > 0.4  # the bins reach the few rows that are predicted


def test_confusion_matrix_shows_counts_and_shares():
    figure = figures.confusion_matrix(np.array([[12_345, 5], [30, 10]]), ["no", "yes"])
    shown = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert shown == ["12.3k", "5", "30", "10", "100", "<1", "75", "25"]


def test_confusion_of_a_class_without_rows_draws():
    assert figures.to_png(figures.confusion_matrix(np.array([[5, 1], [0, 0]]), ["a", "b"]))


def test_feature_importance_keeps_the_first_25_in_order():
    figure = figures.feature_importance([f"f{i}" for i in range(40)], list(range(40)))
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"f{i}" for i in range(39, 14, -1)]
    assert "the first 25 of 40" in texts(figure)


def test_class_counts_say_what_is_unchanged():
    before = {"a": 100, "b": 10}
    shown = texts(figures.class_counts(before, {"none": before, "capped": {"a": 20, "b": 10}}))
    assert "none: unchanged" in shown
    assert "capped: unchanged" not in shown


def test_strategy_comparison_shows_both_periods_the_baseline_and_what_was_skipped():
    rows = [*ROWS, row("b", "random_over", None)]
    figure = figures.strategy_comparison(rows, "macro_f1")
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    first = figure.axes[0]
    dots = [line.get_xdata()[0] for line in first.lines if line.get_marker() == "o"]
    held_out = [line.get_xdata()[0] for line in first.lines if line.get_marker() == "D"]
    baselines = [line.get_xdata()[0] for line in first.lines if line.get_linestyle() == "--"]
    assert dots == [found.oof.metrics["macro_f1"] for found in ROWS[:3]]
    assert held_out == [found.test.metrics["macro_f1"] for found in ROWS[:3]]
    assert baselines == [dots[0], held_out[0]]
    assert "skipped" in [text.get_text() for text in figure.axes[1].texts]
    assert first.get_yticklabels()[0].get_text() == "none"
    assert "(lower is better)" in texts(figures.strategy_comparison(ROWS, "log_loss"))


def test_of_too_many_strategies_the_best_are_drawn_and_no_model_of_one_line():
    many = [row("lightgbm", f"way {number:02d}", number + 1) for number in range(45)]
    rows = [row("lightgbm", "none", 60), *many, row("rusboost", "none", 61)]
    figure = figures.strategy_comparison(rows, "macro_f1")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    scores = {one.strategy: one.oof.metrics["macro_f1"] for one in many}
    assert labels == ["none", *sorted(scores, key=lambda way: (-scores[way], way))[:29]]
    assert [ax.get_title() for ax in figure.axes] == ["lightgbm"]
    assert "macro_f1 of the best 30 strategies (higher is better)" in texts(figure)


def test_decision_rules_get_lines_of_their_own():
    rows = [*ROWS, row("a", "none", 7, decision="prior")]
    labels = [label.get_text() for label in figures.strategy_comparison(rows, "mcc").axes[0].get_yticklabels()]
    assert sorted(labels[:2]) == ["none / argmax", "none / prior"]
    assert len(labels) == 4


def test_names_are_drawn_as_they_are():
    odd = ["_hidden", "$a_{$", "50% $x$", "a\\b"]
    for figure in all_figures(odd, "cost in $ and $").values():
        assert figures.to_png(figure)
    assert "_hidden" in texts(all_figures(odd)["roc"])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: roc_curves(np.array([0]), np.array([[0.5, 0.5]]), ["a"]), "classes: found 1 names for 2"),
        (lambda: figures.confusion_matrix(np.zeros((2, 3)), ["a", "b"]), r"found shape \(2, 3\)"),
        (lambda: figures.feature_importance(["a", "b"], [1.0, np.nan]), "found nan, needed finite"),
        (lambda: figures.feature_importance([], []), "found 0 names for 0"),
        (lambda: figures.class_counts({}, {}), "found 0 classes and 0 strategies"),
        (lambda: figures.strategy_comparison([row("a", "none", None)], "mcc"), "none of 1 candidates has scores"),
    ],
)
def test_what_can_not_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 100_000))
def test_thinning_keeps_both_ends_and_the_limit(n):
    kept = thinned(n)
    assert kept[0] == 0
    assert kept[-1] == n - 1
    assert len(kept) <= POINTS
    assert (np.diff(kept) > 0).all()


def test_threads_draw_at_once_and_get_what_one_gets_alone():
    y, proba = drawn_from(SHORT, 500)

    def draw() -> tuple[bytes, str]:
        figure = figures.roc(roc_curves(y, proba, SHORT), SHORT)
        return figures.to_png(figure), figures.to_svg(figure, "roc", "ROC")

    alone = draw()
    found: list[tuple[bytes, str]] = []
    threads = [threading.Thread(target=lambda: found.append(draw())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 3


def test_pyplot_is_never_imported():
    code = "import sys, evenhand.report.training.page; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


ALPHABETS = ["Кража", "窃盗 (2)", "\U0010fffd", "سرقة", "Theft\x1b[2J\nover $500"]


def drawn_texts(figure):
    return {text.get_text() for text in figure.findobj(Text)}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["precision_recall", "confusion_matrix", "feature_importance", "class_counts"])
def test_names_of_any_alphabet_are_drawn_without_a_warning_and_stay_apart(name, monkeypatch):
    monkeypatch.setattr(glyphs, "_font_of", lambda letter: glyphs.NO_LETTERS)  # a machine with no further font
    svg = figures.to_svg(all_figures(ALPHABETS)[name], "a", "what it shows")
    assert "Кража" in svg
    assert "窃盗" in svg  # the browser has a font
    figure = all_figures(ALPHABETS)[name]
    figures.to_png(figure)
    texts = " ".join(drawn_texts(figure))
    assert "U+7A83 U+76D7 (2)" in texts
    assert "Кража" in texts
    assert "U+10FFFD" in texts
    assert "\x1b" not in texts
    assert r"Theft\x1b[2J\nover" in texts


def test_a_font_of_the_machine_draws_what_the_shipped_one_lacks(monkeypatch):
    monkeypatch.setattr(glyphs, "_font_of", lambda letter: "STIXGeneral")
    figure = all_figures(ALPHABETS)["precision_recall"]
    glyphs.spell_out(figure)
    glyphs.give_glyphs(figure)
    chosen = [text.get_fontfamily() for text in figure.findobj(Text) if "窃盗" in text.get_text()]
    assert chosen
    assert all(fonts == ["DejaVu Sans", "STIXGeneral", glyphs.NO_LETTERS] for fonts in chosen)


def test_a_letter_has_the_font_that_has_it():
    assert glyphs._font_of("\u2a00") != glyphs.NO_LETTERS  # a mathematical sign, in a font that matplotlib ships
    assert glyphs._font_of("\U0010fffd") == glyphs.NO_LETTERS
