"""The page of a training: the answer first, then what it rests on, in one file that needs nothing else."""

from __future__ import annotations

from html import escape

from evenhand.report.training.candidates import comparison_section, leaderboard_section, verdict_section
from evenhand.report.training.costs import costs_section
from evenhand.report.training.data import Report
from evenhand.report.training.parts import PAGE_STYLE, paragraph
from evenhand.report.training.provenance import ledger_section, made_section, validation_section
from evenhand.report.training.sentences import answer, scarce, unconfirmed
from evenhand.report.training.tuning import tuning_section
from evenhand.report.training.winner import calibration_section, classes_section, groups_section

SECTIONS = {
    "verdict": ("verdict", verdict_section),
    "leaderboard": ("candidates", leaderboard_section),
    "resampling": ("resampling", comparison_section),
    "classes": ("classes", classes_section),
    "calibration": ("calibration", calibration_section),
    "costs": ("costs", costs_section),
    "groups": ("groups", groups_section),
    "tuning": ("tuning", tuning_section),
    "ledger": ("ledger", ledger_section),
    "validation": ("validation", validation_section),
    "made": ("how it was made", made_section),
}
SYNTHETIC = "Synthetic data: the rows are made up, and so is everything on this page."


def report_page(report: Report) -> str:
    """Write what a training found, how sure that is and how it was made, as self-contained HTML.

    Parameters
    ----------
    report : Report
        Parts that are absent are left out of the page.

    Returns
    -------
    str
        A page without a script and without a link to anything outside it.
    """
    parts = {anchor: write(report) for anchor, (_, write) in SECTIONS.items()}
    links = " ".join(f'<a href="#{anchor}">{SECTIONS[anchor][0]}</a>' for anchor, part in parts.items() if part)
    body = f"{_answer(report)}<nav>{links}</nav>{''.join(parts.values())}"
    return whole_page(f"{report.problem.title}: {report.summary.id}", body)


def whole_page(title: str, body: str) -> str:
    """Put a body into a page with the project's look."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{PAGE_STYLE}</style></head><body>{body}</body></html>\n"
    )


def banner(report: Report) -> str:
    """Say that the data are synthetic, if they are."""
    return f'<p class="banner">{SYNTHETIC}</p>' if report.problem.synthetic else ""


def _answer(report: Report) -> str:
    look = "passes" if report.verdict.passes else "doubt" if "insufficient" in report.verdict.outcome else "fails"
    sentences = "".join(paragraph(said, "answer") for said in answer(report))
    quick = "a quick look at a sample of the training rows: train again with the standard preset before acting on it"
    notes = [quick] if report.summary.preset == "quick" else []
    notes += [
        said
        for said in (unconfirmed(report), scarce(report), *(report.evidence.warnings if report.evidence else ()))
        if said
    ]
    told = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        f'{banner(report)}<header class="{look}"><p class="kicker">training {escape(report.summary.id)}</p>'
        f"<h1>{escape(report.problem.title)}</h1>{sentences}{f'<ul>{told}</ul>' if told else ''}</header>"
    )
