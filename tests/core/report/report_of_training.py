"""A training's report made of real scores, small enough for tests of what is written about it."""

import numpy as np

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.types import (
    CandidateEvidence,
    ClassSupport,
    Difference,
    EvaluationSetEvidence,
    Evidence,
    Ground,
    MetricEvidence,
    Simplest,
)
from evenhand.explain.effects import Effect
from evenhand.explain.errors import ErrorGrid, Errors
from evenhand.explain.explanation import Explanation
from evenhand.explain.importance import Importance
from evenhand.gate.verdict import Verdict
from evenhand.metrics.predictions import Predictions
from evenhand.metrics.scores import score
from evenhand.problem import parse_problem
from evenhand.report.candidate_row import Row, row_name
from evenhand.report.figures.style import ACCENT, new_figure
from evenhand.report.summary import (
    CandidateSummary,
    DataSummary,
    ModelSummary,
    Summary,
    TuningSummary,
    VerdictSummary,
    WinnerSummary,
    metric_values,
)
from evenhand.report.training.data import BASELINE_CURVES, Made, Report
from evenhand.report.training.intervals import HeldOut, measure
from evenhand.strategies import ResamplingRecord

CLASSES = ("Assault", "Fraud", "Robbery", "Arson")
ROWS = (400, 150, 60, 12)
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKUGQQRuZqMDQxfUEFAZ6+P1VhJZpJrxcb6GSNLZbW"
FIGURES = ("precision_recall", BASELINE_CURVES, "calibration", "strategy_comparison", "class_counts")


def answers(skill, seed=0):
    """Truth and predictions of rows; the greater ``skill``, the more are right."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(CLASSES)), ROWS)
    proba = rng.dirichlet(np.ones(len(CLASSES)), len(y)) + skill * np.eye(len(CLASSES))[y] + [0.3, 0.1, 0, 0]
    proba /= proba.sum(axis=1, keepdims=True)
    return Predictions(y, proba, proba.argmax(axis=1))


def figures():
    """Stand-ins for the figures of a training."""
    drawn = {name: new_figure(name, "") for name in FIGURES}
    for figure in drawn.values():
        figure.subplots().plot([0, 1], [0, 1], color=ACCENT)
    return drawn


def row(model, strategy, skill, classes, decision="argmax", skipped=None):
    if skipped:
        return Row(model, strategy, "base", decision, None, None, 0.5, skipped)
    scores = [score(p.y, p.proba, classes, p.predicted) for p in (answers(skill, 1), answers(skill, 2))]
    return Row(model, strategy, "base", decision, *scores, 1.5, None)


def report(classes=CLASSES, title="Tiny town", grouped=True, synthetic=False, **changes):
    """A whole report; ``changes`` replace its parts."""
    problem = problem_of(title, synthetic)
    rows = (
        row("lightgbm", "none", 0.2, classes),
        row("lightgbm", "smote", 0.6, classes),
        row("forest", "none", 0.1, classes),
        row("forest", "smote", 0, classes, skipped="the smallest class has 2 rows"),
    )
    winner = answers(0.6, 2)
    groups = {"district": np.where(np.arange(len(winner.y)) % 2, "north <b>", "south")} if grouped else {}
    counts = dict(zip(classes, (900, 300, 90, 20), strict=True))
    more = dict.fromkeys(classes, 900)
    parts = {
        "problem": problem,
        "summary": summary_of(problem, rows),
        "verdict": Verdict(
            outcome="promote (first)", reasons=("No champion yet.",), metric="macro_f1", rows=len(winner.y)
        ),
        "rows": rows,
        "winner": rows[1],
        "baseline": rows[0],
        "made": Made("aa11", "bb22", ("2014-01-01", "2020-12-31"), None, "tiny", 9, 3, 5, "cc33"),
        "measured": measure(HeldOut(classes, winner, answers(0.2, 2), groups), "macro_f1", problem.gate, resamples=60),
        "records": (
            ResamplingRecord("none", "holdout", counts, counts),
            ResamplingRecord("smote", "holdout", counts, more, ("k_neighbors lowered to 3",)),
        ),
        "figures": {},
        "errors": Errors(None, ErrorGrid(np.full((7, 24), 0.5))),
        "explanation": Explanation(
            "macro_f1",
            (Importance(("hour",), Interval(0.1, 0.05, 0.15)), Importance(("lat", "lon"), Interval(0.0, -0.01, 0.01))),
            (Effect("hour", ("0", "12"), (0.0, 12.0), {name: (0.2, 0.3) for name in classes}),),
        ),
    }
    return Report(**{**parts, **changes})


def evidence_of(rows, conclusion="helps"):
    """What a comparison says of every candidate that has scores, with intervals made up around them."""

    def at(scores, other):
        value = scores.metrics["macro_f1"]
        near, gain = Interval(value, value - 0.031, value + 0.029), Interval(0.1, 0.05, 0.15)
        differs = Difference("lightgbm / none", 0.1, gain, "folds", 0.01, 0.02, 0.04, 0.15, conclusion, gain, gain)
        metric = MetricEvidence("macro_f1", value, near, near, (), differs if other else None)
        return EvaluationSetEvidence({"macro_f1": metric, "average_precision": metric}, ())

    candidates = tuple(
        CandidateEvidence(
            row_name(one), one.model, one.strategy, one.features, one.decision,
            at(one.oof, one.strategy != "none"), at(one.test, one.strategy != "none"),
            one.strategy if one.strategy != "none" else "",
        )
        for one in rows
        if one.oof is not None
    )  # fmt: skip
    support = ClassSupport("Arson", 12, False, 0.4)
    ground = Ground("test", 622, 0, "rows", None, 1, (support,), ())
    simplest = Simplest("lightgbm / none", "lightgbm / smote", 0.01, 0.5, ("lightgbm / none",))
    text, warning = "smote is concluded to do something", "Warning: folds and held-out period disagree"
    metrics = ("macro_f1", "average_precision")
    return Evidence("macro_f1", metrics, 0.95, 50, {"test": ground}, candidates, simplest, text, (warning,))


def problem_of(title, synthetic):
    source = {"kind": "synthetic"} if synthetic else {"kind": "csv", "path": "town.csv"}
    return parse_problem(
        {
            "name": "tiny",
            "title": title,
            "licence": "Open & free",
            "source": source,
            "target": {"column": "kind"},
            "sensitive": ["district"],
            "features": {"base": {"numeric": ["hour"], "categorical": ["place"]}},
            "split": {"holdout": {"column": "year", "start": 2021}},
            "strategies": ["none", "smote"],
            "gate": {"min_positives": 50, "min_slice_rows": 100},
            "reviewers": [{"name": "Ada", "key": PUBLIC_KEY}],
        },
        "tiny.yaml",
    )


def summary_of(problem, rows):
    names = {"model": "lightgbm", "strategy": "smote", "features": "base", "decision": "argmax"}
    return Summary(
        id="20260101-000000-tiny",
        problem="tiny",
        synthetic=problem.synthetic,
        seed=42,
        preset="standard",
        metric="macro_f1",
        data=DataSummary(rows=1932, sha256="dd44", train_rows=1310, test_rows=622, quarantined={"hour is a number": 7}),
        candidates=tuple(
            CandidateSummary(
                model=one.model, strategy=one.strategy, features=one.features, decision=one.decision,
                oof=metric_values(one.oof), test=metric_values(one.test), folds_done=5, fit_seconds=1.0,
                skipped=one.skipped,
            )
            for one in rows
        ),
        winner=WinnerSummary(**names),
        verdict=VerdictSummary(outcome="promote (first)", reasons=("No champion yet.",), review="required"),
        model=ModelSummary(name="evenhand-tiny", version="7", aliases=("challenger",)),
        warnings=("12 rows have no hour",),
        seconds={"total": 3.0},
        versions={"python": "3.11", "lightgbm": "4"},
        tuning=tuple(
            TuningSummary(
                candidate="lightgbm / smote", fold=fold, metric="average_precision",
                chosen={"num_leaves": 63, "a<b": 0.07143},
                value=0.5, declared=0.4, complete=7, pruned=2, failed=1, reproducible=fold is not None,
                notes=("random ones",) if fold else (),
            )
            for fold in (0, 1, None)
        ),
    )  # fmt: skip
