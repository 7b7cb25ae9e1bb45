"""The answers of an analysis in words."""

from __future__ import annotations

from evenhand.evidence.bootstrap import Interval
from evenhand.report.analysis.data import AnalysisReport
from evenhand.report.table_model import percentage
from evenhand.spatial.forecasts.judge import ALL, CHOSEN, LEVELS
from evenhand.spatial.hotspots.judge_hotspots import HotspotScores
from evenhand.spatial.hotspots.run_hotspots import HotspotOutcome

NOTE = "Recorded, not true, crime: places and times, never persons."


def window_text(weeks: int) -> str:
    """Write a number of weeks.

    Examples
    --------
    >>> window_text(1), window_text(4)
    ('week', '4 weeks')
    """
    return "week" if weeks == 1 else f"{weeks} weeks"


def share_text(share: float) -> str:
    """Write a share of the area.

    Examples
    --------
    >>> share_text(0.005), share_text(0.01)
    ('0.5 %', '1 %')
    """
    return f"{100 * share:g} %"


def conclusion(line: HotspotScores, drawn_by: str, bar: str) -> str:
    """Say whether the chosen map of a class beats plain counts."""
    hits = percentage(line.indices.hit_rate)
    held = (
        f"Its top {share_text(line.share)} of the area held {hits} of the records of the next {window_text(line.weeks)}"
    )
    times = f", {line.ratio.estimate:.2f} times ({line.ratio.low:.3f} to {line.ratio.high:.3f}) what counting held"
    if line.ratio.low > 1:
        answer = f"beats {bar}"
    elif line.ratio.high < 1:
        answer = f"worse than {bar}: use plain counts"
    else:
        answer = "no better than counting"
    if line.only_own + line.only_counts == 0:
        times = "; no method was surely ahead of plain counts at any origin"
    drawn = "The map is plain counts" if drawn_by == bar else f"The map is now drawn by: {drawn_by}"
    return f"{line.klass}: {answer}. {held}{times}. {drawn}."


def conclusions(found: HotspotOutcome, weeks: int, share: float) -> list[str]:
    """Return the sentence of each class."""
    names = found.counts.classes
    lines = [found.judged.find(CHOSEN, name, weeks, share) for name in names]
    return [conclusion(line, rival, found.bar) for line, rival in zip(lines, found.coming.rivals, strict=True)]


def answers(report: AnalysisReport) -> list[str]:
    """Return the one or two lines that head the page."""
    lines, asked = [], report.problem.analysis
    if report.hotspots:
        chosen = [
            report.hotspots.judged.find(CHOSEN, name, asked.map_weeks, asked.map_share)
            for name in report.hotspots.counts.classes
        ]
        ahead = sum(line.ratio.low > 1 for line in chosen)
        behind = sum(line.ratio.high < 1 for line in chosen)
        lines.append(
            f"Hotspots: better than {report.bar} in {ahead} of {len(chosen)} classes, no better in "
            f"{len(chosen) - ahead - behind}, worse in {behind}, over the last {asked.backtest_years} years at "
            f"{share_text(asked.map_share)} of the area."
        )
    if report.forecasts:
        line = next(s for s in report.forecasts.judged.scores if s.rival == CHOSEN and s.klass == ALL)
        kind = report.forecasts.counts.periods.kind
        lines.append(
            f"Forecasts by {kind} and area: CRPS {skill_text(line.skill)} the seasonal naive; "
            + " and ".join(
                f"{100 * held:.1f} % of the counts were in intervals of {100 * level:.0f} %"
                for held, level in zip(line.held, LEVELS, strict=True)
            )
            + "."
        )
    return lines or ["No forecast and no hotspot map can be tested on these data; the past is shown."]


def skill_text(skill: Interval) -> str:
    """Write a skill.

    Examples
    --------
    >>> skill_text(Interval(0.059, 0.05, 0.068))
    '5.9 % (5.0 to 6.8) below'
    """
    word = "below" if skill.estimate >= 0 else "above"
    low, high = sorted((abs(skill.low), abs(skill.high))) if skill.low * skill.high > 0 else (skill.low, skill.high)
    return f"{100 * abs(skill.estimate):.1f} % ({100 * low:.1f} to {100 * high:.1f}) {word}"


def limits(report: AnalysisReport) -> list[str]:
    """Return what the page can't show, and what it was asked to hide or to show all the same."""
    asked, looked = report.problem.analysis, report.looked
    lines = [
        "Records are what was reported to the police or found by them. Where people report less, the map is paler, and "
        "no figure here corrects that.",
        "A map that sends patrols to where records are makes more records there, and confirms itself (Lum & Isaac "
        "2016; Ensign et al. 2018). Judge a use of it by reports of victims, not by arrests or finds.",
        "It names places and times. It must not be used to suspect a person for being there.",
        "It is no evidence that a patrol at a cell prevents anything: that takes an experiment.",
    ]
    lines += [one.text for one in looked.refused]
    lines += [
        f"{name}: shown although police work discovers it. The reason that was given: {reason}"
        for name, reason in asked.discovered.items()
        if name in looked.classes
    ]
    if looked.few and report.hotspots is not None:
        names = ", ".join(f"{name} ({n:,})" for name, n in looked.few.items() if name in looked.mapped)
        lines += [f"Too few events for hotspots that can be tested: {names}."] if names else []
    if asked.suppress_below > 1:
        lines.append(
            f"Counts of a cell below {asked.suppress_below} are not shown, and a cell with fewer in the last "
            f"{asked.counted_years} years gets no forecast; neither is in the downloads or in this file."
        )
    if asked.masked:
        lines.append(f"Not shown on request: {', '.join(asked.masked)}.")
    return lines
