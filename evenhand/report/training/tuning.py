"""Section of the training's page about tuning: what each study chose, and what that was worth where it counts."""

from __future__ import annotations

from evenhand.report.html import table
from evenhand.report.summary import TuningSummary
from evenhand.report.training.data import Report
from evenhand.report.training.parts import cell, paragraph, section
from evenhand.report.training.sentences import decimal, metric_name

COUNTS = ("#complete", "#pruned", "#failed")


def tuning_section(report: Report) -> str:
    """Show every study: the settings it chose, its inner score and that of the model as it is declared."""
    studies = report.summary.tuning
    if not studies:
        return ""
    rows = [
        [
            cell(one.candidate),
            cell(place_of(one)),
            cell(settings_of(one)),
            _value(one.value),
            _value(one.declared),
            f"#{one.complete}",
            f"#{one.pruned}",
            f"#{one.failed}",
        ]
        for one in studies
    ]
    heads = ("candidate", "rows of the study", "chosen settings", "#inner score", "#as declared", *COUNTS)
    metrics = ", ".join(dict.fromkeys(metric_name(one.metric) for one in studies))
    return section(
        "tuning",
        "What tuning chose",
        paragraph(
            f"Trials are judged by {metrics} on folds inside the rows of their study, so an inner score is the best of "
            "many and too good. The scores of the candidate everywhere else on this page are on rows that its study "
            "did not see; its model has the settings chosen on all training rows.",
            "note",
        ),
        table(heads, rows),
        *(paragraph(said, "note") for said in caveats(studies)),
    )


def place_of(study: TuningSummary) -> str:
    """Name the rows of a study."""
    return "all training rows" if study.fold is None else f"training rows of fold {study.fold + 1}"


def settings_of(study: TuningSummary) -> str:
    """Write the chosen settings: ``num_leaves 63, learning_rate 0.071``."""
    if study.value is None:
        return "none: no trial could be judged"
    pairs = (f"{n} {v:.3g}" if isinstance(v, float) else f"{n} {v}" for n, v in study.chosen.items())
    return ", ".join(pairs) or "as declared"


def caveats(studies: tuple[TuningSummary, ...]) -> list[str]:
    """Say what was done otherwise than asked, and which studies a clock could end."""
    said = [f"{one.candidate}, {place_of(one)}: {note}." for one in studies for note in one.notes]
    clocked = dict.fromkeys(one.candidate for one in studies if not one.reproducible)
    return [
        *said,
        *(f"{name}: a wall clock may end its studies, so another run may choose otherwise." for name in clocked),
    ]


def _value(value: float | None) -> str:
    return "" if value is None else f"#{decimal(value)}"
