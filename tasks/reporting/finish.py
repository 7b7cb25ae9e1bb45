"""Report: what a training read and what came of it, for MLflow, for scripts and for the person who waits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from evenhand.data.schema import column_types
from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict, error_verdict
from evenhand.problem import Problem
from evenhand.report.calibration_table import calibration_table
from evenhand.report.candidate_row import Row
from evenhand.report.candidate_tables import baseline_against_resampled, leaderboard, shortened
from evenhand.report.evidence_text import as_markdown, as_text
from evenhand.report.expected_score import expected_score
from evenhand.report.figures import to_png
from evenhand.report.summary import (
    CandidateSummary,
    DataSummary,
    ModelSummary,
    ShippedSummary,
    Summary,
    VerdictSummary,
    WinnerSummary,
    class_values,
    expected_of,
    metric_values,
    studies,
    summed_up,
)
from evenhand.report.table_model import decimal
from evenhand.report.table_text import markdown_table, render_markdown, render_text
from evenhand.report.training.strategies import class_tables, scored_strategies
from evenhand.text.printable import printable
from evenhand.training.candidates import Candidate
from tasks.data.partition import Parts
from tasks.data.validate import Validated
from tasks.registry.model_versions import in_one_line, read_version
from tasks.reporting.curves import caption
from tasks.reporting.draw import draw_comparison, draw_strategies
from tasks.reporting.page import REPORT, write_page
from tasks.reporting.parent_run import log_parent
from tasks.storage.files import write_json
from tasks.storage.store import open_store
from tasks.tracking import training_runs
from tasks.tracking.client import connect
from tasks.tracking.run_inputs import log_input
from tasks.training.context import TrainingContext
from tasks.training.outcome import Compared, TrainingData, WinnerOutcome
from tasks.training.results import Result, resampling_records
from tasks.training.training import Training, breakdown, point_latest, versions

SUMMARY = "summary.json"


def log_inputs(training: Training, data: TrainingData) -> None:
    """Log the data sets of a training to MLflow, copy the Data Docs, and print what validation found."""
    problem, validated, parts = training.problem, data.validated, data.parts
    store, kinds = open_store(), {name: kind.kind for name, kind in column_types(problem).items()}
    for context, rows in (("snapshot", data.snapshot), ("training", parts.train), ("held out", parts.holdout)):
        name = f"{problem.name} {context}"
        log_input(training.run_id, name, store.uri(rows.key), rows, kinds, context)
    for key in store.list(validated.data_docs):
        target = training.folder / "quality" / Path(key).relative_to(validated.data_docs)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store.local(key), target)
    write_json(training.folder / "balanced.json", [balanced.model_dump(mode="json") for balanced in data.balanced])
    for line in _about_data(validated, parts):
        training.say(f"          {line}")


def _about_data(validated: Validated, parts: Parts) -> list[str]:
    lines = [f"{validated.checked} expectations checked; {validated.dropped_duplicates:,} exact copies left out"]
    if validated.broken:
        broken = ", ".join(f"{printable(name)} ({rows:,})" for name, rows in validated.broken.items())
        lines.append(f"quarantined: {broken}")
    lines += [f"warning: {printable(warning)}" for warning in (*validated.warnings, *parts.warnings)]
    return [
        *lines,
        f"{parts.train.rows:,} training rows, {parts.holdout.rows:,} held out, {len(parts.classes)} classes",
    ]


def finish(training: Training, data: TrainingData, compared: Compared, outcome: WinnerOutcome) -> dict[str, Any]:
    """Write the summary and the pages, log them, and print the outcome.

    Returns
    -------
    dict
        The summary, as in ``summary.json``.

    Raises
    ------
    GateError
        After all is written, if the gate could not compare the models: a scheduled run that failed so must be seen.
    """
    # Judging and reviewing may have moved an alias since.
    now = read_version(connect(), outcome.registered.name, outcome.registered.version)
    model = ModelSummary(name=now.name, version=now.version, aliases=now.aliases)
    begun = training.elapsed
    with suppress(Exception):  # a page without this link is a page
        training_runs.fetch_gate_report(now.run_id, training.folder)
    _, page = _write_files(training, data, compared, (model, outcome.verdict))
    training.open_folder.close()
    logging = training.elapsed
    log_parent(training, compared, outcome)
    training.seconds |= {"report": round(logging - begun, 2), "log_training": round(training.elapsed - logging, 2)}
    content = _write_summary(training, _summary(training, data, compared, (model, outcome.verdict)))
    training_runs.log_file(training.run_id, training.folder / SUMMARY)
    point_latest(training.folder)
    _print_outcome(training, compared, outcome)
    folder, path = training.folder, training.folder / SUMMARY
    for line in (page, *breakdown(training), f"Everything of this training: {folder}", str(path)):
        training.say(line)
    if outcome.verdict.outcome == "error":
        raise GateError(" ".join(outcome.verdict.reasons))
    return content


@contextmanager
def report_of_failure(training: Training, data: TrainingData, compared: Compared) -> Iterator[None]:
    """Write the report of a training whose logging, registration or gate fails, so that its fits are not lost.

    The error is raised after that. The same command registers the same model when what has failed is mended.
    """
    try:
        yield
    except Exception as error:
        reason = f"not registered: {in_one_line(error)}"
        verdict = error_verdict(reason, training.problem.metric, training.problem.review)
        model = ModelSummary(name=training.model_name, version="", aliases=())
        with suppress(Exception):  # the first error is the one that the user must see
            _, page = _write_files(training, data, compared, (model, verdict))
            point_latest(training.folder)
            training.say(f"The winner was {reason}\n{page}\nRun the same command again to register it.")
        raise


def _write_files(
    training: Training, data: TrainingData, compared: Compared, outcome: tuple[ModelSummary, Verdict]
) -> tuple[dict[str, Any], str]:
    """Write summary, verdict and pages; return the summary, and a line that names the pages."""
    summary = _summary(training, data, compared, outcome)
    content = _write_summary(training, summary)
    write_json(training.folder / "verdict.json", outcome[1].model_dump(mode="json"))
    return content, _write_pages(training, summary, data, compared, outcome[1])


def _write_summary(training: Training, summary: Summary) -> dict[str, Any]:
    content = summary.model_dump(mode="json")
    write_json(training.folder / SUMMARY, content)
    return content


def _summary(
    training: Training, data: TrainingData, compared: Compared, outcome: tuple[ModelSummary, Verdict]
) -> Summary:
    problem, parts, validated, (model, verdict) = training.problem, data.parts, data.validated, outcome
    return Summary(
        id=training.id,
        problem=problem.name,
        synthetic=problem.synthetic,
        seed=training.seed,
        preset=training.preset,
        metric=problem.metric,
        data=DataSummary(
            rows=validated.good.rows,
            sha256=data.snapshot.sha256,
            train_rows=parts.train.rows,
            test_rows=parts.holdout.rows,
            quarantined=validated.broken,
        ),
        candidates=tuple(_candidate_summary(result) for result in compared.results),
        winner=_named(compared.winner),
        expected=expected_of(compared.choice),
        leak_sentinel=compared.leaks.leak_sentinel,
        verdict=VerdictSummary(outcome=verdict.outcome, reasons=verdict.reasons, review=verdict.review),
        model=model,
        warnings=(*validated.warnings, *parts.warnings, *compared.evidence.warnings),
        seconds={**training.seconds, "total": training.elapsed},
        versions=versions(),
        evidence=summed_up(compared.evidence, problem.evidence_model),
        combination=compared.bought.text if compared.bought else None,
        tuning=studies(result.candidate for result in compared.results),
    )


def _write_pages(training: Training, summary: Summary, data: TrainingData, compared: Compared, verdict: Verdict) -> str:
    """Write the pages and return a line that names them.

    The version is registered and judged already: what fails here can't undo that.
    """
    context = training.context(data.parts)
    try:
        write_page(context, summary, verdict, data.validated, compared)
    except Exception as error:  # noqa: BLE001 - whatever it is, the training has its outcome
        reason = printable(f"{type(error).__name__}: {error}")
        with suppress(Exception):
            training_runs.log_training(training.run_id, {}, {"report": f"failed: {reason}"})
        return f"warning: {REPORT} could not be written ({reason}). Registration, verdict and summary.json stand."
    return "The report, to read: " + str(training.folder / REPORT) + "     Compare the runs: make ui"


def _about_calibration(winning: Result) -> str:
    shipped = winning.shipped
    if shipped is None or shipped.calibration == "none":
        return "The probabilities are used unchanged: no calibration method clearly improved them."
    sets = (("out of fold", shipped.oof), ("on the held-out period", shipped.test))
    errors = " and ".join(
        f"{decimal(scores.metrics['ece'], digits=4)} {rows}" for rows, scores in sets if scores is not None
    )
    return f"The probabilities are calibrated ({shipped.calibration}): calibration error {errors}."


def _named(candidate: Candidate) -> WinnerSummary:
    return WinnerSummary(
        model=candidate.model.name,
        strategy=candidate.strategy.name,
        features=candidate.features,
        decision=candidate.decision.name,
    )


def _candidate_summary(result: Result) -> CandidateSummary:
    return CandidateSummary(
        **_named(result.candidate).model_dump(),
        oof=metric_values(result.oof),
        test=metric_values(result.test),
        test_by_class=class_values(result.test),
        folds_done=result.folds_done,
        fit_seconds=result.fit_seconds,
        skipped=result.skipped,
        stopped=result.stopped.message if result.stopped else None,
        shipped=_shipped_summary(result),
    )


def _shipped_summary(result: Result) -> ShippedSummary | None:
    if result.shipped is None:
        return None
    shipped = result.shipped
    return ShippedSummary(
        calibration=shipped.calibration, oof=metric_values(shipped.oof), test=metric_values(shipped.test)
    )


def write_comparison(training: Training, context: TrainingContext, compared: Compared) -> None:
    """Write the comparison of all candidates and the resampling records, and draw both, before a registration."""
    problem, results = training.problem, compared.results
    rows = [result.row() for result in results]
    text = f"# {caption(problem)}\n\n{as_markdown(compared.evidence)}"
    sets: tuple[tuple[Literal["oof", "test"], str], ...] = (("oof", "out of fold"), ("test", "held-out period"))
    for on, heading in sets:
        against = render_markdown(baseline_against_resampled(rows, problem.metric, on))
        ranked = render_markdown(leaderboard(rows, problem.metric, on))
        text += f"\n## Baseline against resampled, {heading}\n\n{against}\n\n## All candidates, {heading}\n\n{ranked}\n"
        text += _calibration(results, on, heading)
    text += _by_class(problem, rows)
    (training.folder / "comparison.md").write_text(printable(text, lines=True), encoding="utf-8")
    records = resampling_records(results)
    write_json(
        training.folder / "resampling_records.json",
        [entry.to_record() for entries in records.values() for entry in entries],
    )
    drawn = {**draw_comparison(problem, results, records), **draw_strategies(context, results)}
    for name, figure in drawn.items():
        (training.folder / f"{name}.png").write_bytes(to_png(figure))


def _by_class(problem: Problem, rows: Sequence[Row]) -> str:
    """Return one table per class of every strategy of the evidence family."""
    family = problem.evidence_model
    strategies = scored_strategies(rows, family)
    if not strategies:
        return ""
    tables = class_tables(strategies, problem.gate.min_positives)
    parts = [f"### {table.caption}\n\n{markdown_table(table)}" for table in tables]
    return "\n\n".join([f"\n## Every strategy on {family}, class by class, held-out period", *parts]) + "\n"


def _calibration(results: Sequence[Result], on: Literal["oof", "test"], heading: str) -> str:
    """Return the table with one line per fit, whose candidates share their probabilities."""
    of_fit = {result.candidate.fit_name: result.calibrated(on) for result in results}
    fits = [line for line in of_fit.values() if line is not None]
    if not fits:
        return ""
    return f"\n## Before and after calibration, {heading}\n\n{render_markdown(calibration_table(fits))}\n"


def _print_outcome(training: Training, compared: Compared, outcome: WinnerOutcome) -> None:
    problem, winning, registered = training.problem, compared.winning, outcome.registered
    rows = [result.row() for result in compared.results]
    synthetic = " SYNTHETIC DATA" if problem.synthetic else ""
    table, more = shortened(baseline_against_resampled(rows, problem.metric), problem.metric)
    training.say("\n" + render_text(table, title=f"Baseline against resampled, out of fold{synthetic}"))
    if more:
        training.say(f"{more} candidates that do worse in comparison.md")
    training.say("\n" + as_text(compared.evidence))
    if compared.bought:
        training.say(compared.bought.text)
    for label, scores in (("out of fold", winning.oof), ("held-out period", winning.test)):
        if scores is not None:
            names = {
                problem.metric: problem.metric,
                "average precision": "average_precision",
                "calibration error": "ece",
            }
            values = [f"{called} {decimal(scores.metrics[name], digits=4)}" for called, name in names.items()]
            training.say(f"{compared.winner.name}, {label}: {', '.join(values)}")
    training.say(expected_score(expected_of(compared.choice), problem.metric))
    training.say(_about_calibration(winning))
    training.say(f"\nVerdict on {registered.name} version {registered.version}: {outcome.verdict.outcome}")
    for reason in outcome.verdict.reasons:
        training.say(f"  - {printable(reason)}")
    training.say(outcome.status)
