"""The page of a training: the answer first, then what it rests on, in one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evenhand.report.candidate_row import row_name
from evenhand.report.rendering import render_page
from evenhand.report.training import candidates, provenance, strategies, winner
from evenhand.report.training.answer import answer, expected_overall, next_step, unconfirmed
from evenhand.report.training.data import Report
from evenhand.report.training.effects import effects, errors
from evenhand.report.training.light import expected, largest_fall, light, scope
from evenhand.report.training.sentences import SYNTHETIC, scarce

# Each section: its link, and what its template ``templates/training/<name>.html.j2`` shows; None leaves it out.
SECTIONS: dict[str, tuple[str, Callable[[Report], dict[str, Any] | None]]] = {
    "expected": ("what to expect", expected),
    "verdict": ("verdict", candidates.verdict),
    "leaderboard": ("candidates", candidates.leaderboard),
    "resampling": ("resampling", candidates.resampling),
    "strategies": ("every strategy", strategies.strategies),
    "classes": ("classes", winner.classes),
    "effects": ("what it goes by", effects),
    "errors": ("where and when it errs", errors),
    "calibration": ("calibration", winner.calibration),
    "costs": ("costs", winner.costs),
    "groups": ("groups", winner.groups),
    "tuning": ("tuning", provenance.tuning),
    "records": ("resampling record", provenance.records),
    "validation": ("validation", provenance.validation),
    "made": ("how it was made", provenance.made),
}
QUICK = "a quick training on a sample of the rows: train again with the standard preset before acting on it"


def report_page(report: Report) -> str:
    """Write what a training found, how certain that is and how it was made, as self-contained HTML.

    Parameters
    ----------
    report : Report
        Parts that are absent are left out of the page.

    Returns
    -------
    str
        A page without a script and without a link to anything outside it.
    """
    sections = [
        (name, link, render_page(f"training/{name}.html.j2", **values))
        for name, (link, view) in SECTIONS.items()
        if (values := view(report)) is not None
    ]
    warnings = report.evidence.warnings if report.evidence else ()
    notes = (QUICK if report.summary.preset == "quick" else "", unconfirmed(report), scarce(report), *warnings)
    return render_page(
        "training/page.html.j2",
        title=f"{report.problem.title}: {report.summary.id}",
        heading=report.problem.title,
        synthetic=SYNTHETIC if report.problem.synthetic else "",
        sections=sections,
        summary=report.summary,
        light=light(report),
        scope=scope(report),
        fall=largest_fall(report),
        answer=answer(report)[0],
        expected=expected_overall(report),
        path=row_name(report.winner),
        next_step=next_step(report),
        links=report.links,
        notes=[note for note in notes if note],
    )
