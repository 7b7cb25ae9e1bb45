"""What MLflow shows of a training: the run, its experiment and the registered model, each with its story and links."""

from __future__ import annotations

from contextlib import suppress

from evenhand.metrics.scores import headline
from evenhand.report.candidate_tables import baseline_against_resampled
from evenhand.report.evidence_text import methods_as_markdown
from evenhand.report.summary import expected_of
from evenhand.report.table_text import plain_markdown, render_markdown
from evenhand.report.tracked_tables import candidate_table, class_table
from evenhand.training.leak_checks import LEAK_SENTINEL
from tasks.registry.model_versions import describe_model
from tasks.reporting.page import CARD, REPORT
from tasks.tracking import training_runs
from tasks.tracking.candidate_runs import ParentRun, parent_run
from tasks.tracking.pages import NOTE, artifact_page, charts_page, model_page, run_page
from tasks.training.outcome import Compared, WinnerOutcome
from tasks.training.training import Training


def log_parent(training: Training, compared: Compared, outcome: WinnerOutcome) -> None:
    """Log a training: a few metrics of the winner, every score in two tables, its files, and what came of it."""
    run, rows = parent_run(training.run_id), [result.row() for result in compared.results]
    winning, verdict = compared.winning, outcome.verdict
    metrics: dict[str, float] = {}
    for prefix, scores in (("oof", winning.oof), ("test", winning.test)):
        metrics |= headline(scores, prefix, training.problem.metric) if scores is not None else {}
    found = expected_of(compared.choice)
    expected = {"test_expected": found.value, "test_expected_low": found.low, "test_expected_high": found.high}
    metrics |= {name: value for name, value in expected.items() if value is not None}
    tags = {
        "winner": compared.winner.name,
        "verdict": verdict.outcome,
        "verdict_reasons": " ".join(verdict.reasons),
        "model_version": f"{outcome.registered.name} {outcome.registered.version}",
        "kind": "training",
        LEAK_SENTINEL: compared.leaks.leak_sentinel,
        NOTE: _note(training, compared, outcome, run),
    }
    training_runs.log_training(training.run_id, metrics, tags, training.folder)
    training_runs.log_tables(training.run_id, {"candidates": candidate_table(rows), "classes": class_table(rows)})
    with suppress(Exception):  # a description that a server refuses is no reason to fail a finished training
        training_runs.describe_experiment(training.run_id, _about_experiment(training, outcome, run))
        describe_model(outcome.registered.name, _about_model(training, run))


def _note(training: Training, compared: Compared, outcome: WinnerOutcome, run: ParentRun) -> str:
    rows, verdict = [result.row() for result in compared.results], outcome.verdict
    registered = outcome.registered
    reasons = "\n".join(f"- {plain_markdown(reason)}" for reason in verdict.reasons)
    links = [
        f"[Candidates in charts]({charts_page(run.experiment_id, training.id, training.problem.metric)})",
        f"[side by side]({training_runs.compare_page(training.run_id)})",
        f"[{registered.name} version {registered.version}]({model_page(registered.name, registered.version)})",
        f"[model card]({artifact_page(run, f'{CARD}.html')})",
        f"[report]({artifact_page(run, REPORT)}) (download it to read it whole)",
    ]
    against = render_markdown(baseline_against_resampled(rows, training.problem.metric))
    helps = methods_as_markdown(compared.evidence)
    return (
        f"**{verdict.outcome}**: {plain_markdown(compared.winner.name)}. {', '.join(links)}.\n\n{reasons}\n\n"
        f"Every score: artifacts `tables/candidates.json` and `tables/classes.json`.\n\n{helps}\n\n{against}"
    )


def _about_experiment(training: Training, outcome: WinnerOutcome, run: ParentRun) -> str:
    problem, name = training.problem, outcome.registered.name
    synthetic = " The rows are synthetic." if problem.synthetic else ""
    return (
        f"**{plain_markdown(problem.title)}**: {plain_markdown(problem.about)}{synthetic}\n\n"
        "Each training is a run (`tags.kind = 'training'`); its candidates are below it (`tags.kind = 'candidate'`, "
        "with `tags.role` winner, baseline or other, and `tags.state` complete, stopped or skipped). `oof_` is out of "
        f"fold, `test_` the held-out period.\n\nNewest: [{training.id}]({run_page(run)}). "
        f"Registered model: [{name}]({model_page(name)})."
    )


def _about_model(training: Training, run: ParentRun) -> str:
    problem = training.problem
    return (
        f"**{plain_markdown(problem.title)}**: {plain_markdown(problem.about)}\n\n"
        "Alias `challenger` is the newest version that the gate judged, `champion` the one that a reviewer approved; "
        "the description of a version has its verdict and its classes. What counts is the ledger (`make ledger`).\n\n"
        f"Newest training: [{training.id}]({run_page(run)})."
    )
