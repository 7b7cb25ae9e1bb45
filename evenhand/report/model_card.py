"""The model card of a training's winner, as Markdown and as a page (Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from evenhand.evidence.bootstrap import Interval
from evenhand.evidence.slices import SLICE_METRICS
from evenhand.problem import BASE, LOWER_IS_BETTER
from evenhand.report.model_card_text import Chapter, Grid, Part, as_html, as_markdown, plain_markdown
from evenhand.report.training.data import ClassLine, Report, row_name
from evenhand.report.training.intervals import CLASS_METRICS
from evenhand.report.training.page import SYNTHETIC, banner, whole_page
from evenhand.report.training.sentences import NOT_ENOUGH, WHAT_IT_IS, answer, decimal, metric_name, percentage, scarce
from evenhand.report.training.tuning import caveats, settings_of
from evenhand.report.training.winner import worst_gap

RULES = {
    "argmax": "the most probable class",
    "multipliers": "each class's probability is multiplied by a number fitted on out-of-fold rows for {metric}; the "
    "largest product wins",
    "prior_power": "each class's probability is divided by a power of its share in the training rows, so that rare "
    "classes count more; the largest wins",
    "prior_correction": "probabilities are brought back to the natural class shares; the most probable class wins",
    "cost": "the class of the least expected cost, by the costs in the problem file",
    "capacity": "the rows most like one class, as many as can be followed up; other rows get their most probable class",
}


def model_card(report: Report) -> str:
    """Write the card as Markdown.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
    """
    lines = [f"# {plain_markdown(_title(report))}", ""]
    lines += [f"**{SYNTHETIC}**", ""] if report.problem.synthetic else []
    for heading, parts in _chapters(report):
        lines += [f"## {heading}", ""]
        for part in parts:
            lines += [*as_markdown(part), ""]
    return "\n".join(lines).rstrip() + "\n"


def model_card_page(report: Report) -> str:
    """Write the card as self-contained HTML; see :func:`model_card`."""
    body = "".join(
        f"<section><h2>{escape(heading)}</h2>{''.join(as_html(part) for part in parts)}</section>"
        for heading, parts in _chapters(report)
    )
    title = _title(report)
    return whole_page(title, f"{banner(report)}<h1>{escape(title)}</h1>{body}")


def _title(report: Report) -> str:
    return f"Model card: {report.summary.model.name} version {report.summary.model.version}"


def _chapters(report: Report) -> list[Chapter]:
    writers: dict[str, Callable[[Report], list[Part]]] = {
        "In short": lambda found: list(answer(found)),
        "What it is for, and not for": _purpose,
        "Data": _data,
        "How it decides": _decides,
        "Scores by class, on the held-out period": _classes,
        "Groups": _groups,
        "Limits": _limits,
        "How it was promoted": _promoted,
    }
    chapters = [(heading, write(report)) for heading, write in writers.items()]
    return [(heading, parts) for heading, parts in chapters if parts]


def _purpose(report: Report) -> list[Part]:
    problem, measured = report.problem, report.measured
    classes = [line.name for line in measured.classes] if measured else list(report.ledger[0].before)
    about = [problem.about] if problem.about else []
    for_ = f"It gives each row of {problem.title} one of {len(classes)} classes: {', '.join(classes)}."
    read = problem.features.values() if report.winner.model == "stack" else [problem.features[report.winner.features]]
    columns = ", ".join(dict.fromkeys(column for features in read for column in features.columns))
    not_for = [
        f"Rows of another place, source or recording practice than {problem.title}: it has seen no other.",
        "A decision about a person on its own: it tells classes of rows apart, and its errors are listed below.",
        "Saying why something happened: it finds what goes together, not causes.",
    ]
    return [*about, for_, f"It reads: {columns}.", "Not for:", not_for]


def _data(report: Report) -> list[Part]:
    summary, made, problem = report.summary, report.made, report.problem
    period = f", {problem.split.holdout.column} from {{}} to {{}}"
    trained = period.format(*made.train_period) if made.train_period else ""
    held = period.format(*made.holdout_period) if made.holdout_period else ""
    aside = sum(summary.data.quarantined.values())
    return [
        [
            f"Source: {problem.title} ({problem.source.kind}). Licence: {problem.licence}.",
            f"Trained on {summary.data.train_rows:,} rows{trained}.",
            f"Judged on {summary.data.test_rows:,} held-out rows{held}; none of them was trained on.",
            f"Validation (suite {made.suite}) put {aside:,} rows aside, {made.dropped_duplicates:,} of them copies.",
            f"SHA-256 of the snapshot {summary.data.sha256}, of the training rows {made.train_sha256}.",
        ]
    ]


def _decides(report: Report) -> list[Part]:
    winner = report.winner
    decision = next((d for d in report.problem.decisions if d.name == winner.decision), None)
    kind = decision.kind if decision else winner.decision
    fitted_for = metric_name(getattr(decision, "metric", None) or _metric(report))
    rule = RULES.get(kind, winner.decision).format(metric=fitted_for)
    strategy = "its training rows are as they are" if winner.strategy == "none" else f"strategy {winner.strategy}"
    chosen_by = metric_name(_metric(report))
    said = [
        f"Candidate: {row_name(winner)}, the best of {len(report.rows):,} by {chosen_by} out of fold.",
        f"About imbalance: {strategy}.",
        f"Rule ({winner.decision}): {rule}.",
    ]
    fit = " / ".join([winner.model, winner.strategy, *([winner.features] if winner.features != BASE else [])])
    tuned = [one for one in report.summary.tuning if one.candidate == fit and one.fold is None]
    said += [f"Its settings were tuned on all training rows: {settings_of(one)}." for one in tuned]
    said += caveats(tuple(tuned))
    fixed = report.corrected.get(row_name(winner))
    said += [f"Probabilities are corrected: {fixed.method}."] if fixed and fixed.method != "none" else []
    return [said]


def _classes(report: Report) -> list[Part]:
    if report.measured is None:
        return []
    rows = [
        [line.name, f"{line.rows:,}", *(_of_class(line, name) for name in CLASS_METRICS)]
        for line in report.measured.classes
    ]
    metric = _metric(report)
    what = f"Overall {metric_name(metric)} {_sure(report.measured.primary)}: {WHAT_IT_IS.get(metric, '')}."
    key = "In brackets 95 % intervals. Recall: the share of true ones that it finds. Precision: how often it is right."
    return [Grid(("class", "rows", *CLASS_METRICS), rows), what, key]


def _of_class(line: ClassLine, name: str) -> str:
    return NOT_ENOUGH if line.measures is None else _sure(line.measures[name], name in ("recall", "precision"))


def _groups(report: Report) -> list[Part]:
    tables = report.measured.groups if report.measured else ()
    if not tables:
        return []
    grids: list[Part] = [
        Grid(
            (found.column, "rows", *SLICE_METRICS),
            [[one.name, f"{one.rows:,}", *(_sure(one.values[name]) for name in SLICE_METRICS)] for one in found.groups],
        )
        for found in tables
        if found.groups
    ]
    return [worst_gap(tables), *grids]


def _limits(report: Report) -> list[Part]:
    said = [scarce(report)]
    lines = report.measured.classes if report.measured else ()
    found = {line.name: line.measures["recall"].estimate for line in lines if line.measures is not None}
    if found:
        worst = min(found, key=lambda name: found[name])
        said.append(f"It misses {percentage(1 - found[worst])} of {worst}, more than of any other class.")
    said.append(_drift(report))
    said += list(report.evidence.warnings) if report.evidence else []
    said += ["It was trained on a sample of the training rows, for a first look."] * (report.summary.preset == "quick")
    return [[text for text in said if text]]


def _drift(report: Report) -> str:
    """Compare what the folds promised with what the newer period gave."""
    oof, test, metric = report.winner.oof, report.winner.test, _metric(report)
    if oof is None or test is None:
        return ""
    before, after = oof.metrics[metric], test.metrics[metric]
    worse = after > before if metric in LOWER_IS_BETTER else after < before
    name, end = metric_name(metric), ": expect it to fall further as the data move on" if worse else ""
    return f"Time: {name} was {decimal(before)} out of fold and {decimal(after)} on the newer held-out period{end}."


def _promoted(report: Report) -> list[Part]:
    verdict = report.verdict
    who = "a named reviewer decides" if verdict.review == "required" else "the gate decides alone (review: never)"
    said = f"The gate's verdict when this card was written: {verdict.outcome}; {who}."
    return [f"{said} The registry's ledger holds what came of it.", list(verdict.reasons)]


def _metric(report: Report) -> str:
    return report.problem.metric


def _sure(interval: Interval, percent: bool = False) -> str:
    write = percentage if percent else decimal
    return f"{write(interval.estimate)} ({write(interval.low)} to {write(interval.high)})"
