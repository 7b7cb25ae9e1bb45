"""The light of a training: red, amber or green, what it rests on, and what each class can be expected to get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from evenhand.evidence.bootstrap import Interval
from evenhand.problem.policies import ReportPolicy
from evenhand.report.table_model import Cell, Table, interval_cell, numbers, percentage, words
from evenhand.report.training.data import ClassLine, Report

Colour = Literal["red", "amber", "green"]
TONES: dict[Colour, str] = {"red": "fail", "amber": "undecided", "green": "pass"}
MEANING: dict[Colour, str] = {
    "red": "do not use it",
    "amber": "use it only within the limits named here",
    "green": "no limit of this problem is broken",
}
SENTENCES = 8  # classes that are put in words; the table has all


@dataclass(frozen=True)
class Light:
    """What may be done with a model, for a reader of one screen."""

    colour: Colour
    reasons: tuple[str, ...]
    """Why it is not green; empty if it is."""

    @property
    def tone(self) -> str:
        """Style class of its colour."""
        return TONES[self.colour]

    @property
    def text(self) -> str:
        """The colour in words, for who can't see it."""
        return f"{self.colour}: {MEANING[self.colour]}"


@dataclass(frozen=True)
class Fall:
    """How far the recall of a class fell from out of fold to the held-out period."""

    name: str
    before: float
    after: float

    @property
    def size(self) -> float:
        """Positive if it fell."""
        return self.before - self.after

    @property
    def text(self) -> str:
        """Say it."""
        return (
            f"{self.name}: {percentage(self.before)} found out of fold, {percentage(self.after)} in the held-out period"
        )


def light(report: Report) -> Light:
    """Return the light of a training.

    Red: the verdict is reject or error, or the ranking of a class is not shown to be better than chance (the lower
    bound of its average precision is not above its share). Amber: the verdict is open, a class has too few rows to be
    scored, or a class breaks a limit of ``report`` in the problem file. Green otherwise.
    """
    stops = tuple(_stops(report))
    limits = tuple(_limits(report))
    if stops:
        return Light("red", (*stops, *limits))
    return Light("amber", limits) if limits else Light("green", ())


def falls(report: Report) -> list[Fall]:
    """Return the fall of each class with enough held-out rows, the largest first."""
    oof, test = report.winner.oof, report.winner.test
    if oof is None or test is None:
        return []
    scored = [line.name for line in _lines(report) if line.measures is not None and oof.per_class[line.name].support]
    found = [Fall(name, oof.per_class[name].recall, test.per_class[name].recall) for name in scored]
    return sorted(found, key=lambda fall: (-fall.size, fall.name))


def expectations(report: Report) -> list[str]:
    """Say what can be expected of each class on new rows like the held-out ones, the rarest first."""
    lines = _lines(report)
    sentences = [_expected(report, line) for line in lines[:SENTENCES]]
    more = len(lines) - len(sentences)
    return [*sentences, f"{more:,} more classes are in the table."] if more else sentences


def expected(report: Report) -> dict[str, Any] | None:
    """Return what to expect of each class, held out beside out of fold, and how it fell."""
    oof, lines = report.winner.oof, _lines(report)
    if not lines:
        return None
    known = {fall.name: fall for fall in falls(report)}
    rows = [_row(line, known.get(line.name)) for line in lines]
    columns = words("class") + numbers("rows", "found", "right", "found out of fold", "fall")
    return {
        "sentences": expectations(report),
        "table": Table("Held-out period, with 95 % intervals; beside it out of fold", columns, rows, "compact"),
        "out_of_fold": oof is not None,
        "place": report.problem.title,
        "target": report.problem.target.column,
    }


def largest_fall(report: Report) -> str:
    """Name the class whose recall fell most to the held-out period; empty if none fell."""
    found = falls(report)
    if not found or found[0].size <= 0:
        return ""
    fell = found[0]
    return f"The largest fall from out of fold to the held-out period, by class: {fell.text}."


def scope(report: Report) -> str:
    """Say what is predicted, and which periods it was trained and scored on."""
    made, names = report.made, [line.name for line in _lines(report)]
    trained = " Trained on {} to {}".format(*made.train_period) if made.train_period else ""
    scored = ", scored on {} to {}".format(*made.holdout_period) if made.holdout_period else ""
    which = f": {', '.join(names)}" if 0 < len(names) <= SENTENCES else f", one of {len(names):,} classes"
    period = f"{trained}{scored if trained else ''}."
    return f"Predicts {report.problem.target.column} of a recorded row{which}.{period if trained else ''}"


def _row(line: ClassLine, fall: Fall | None) -> list[str | Cell]:
    measures = line.measures or {}
    shown: list[str | Cell] = [interval_cell(measures.get(name), percent=True) for name in ("recall", "precision")]
    before = "" if fall is None else percentage(fall.before)
    lost = "" if fall is None else f"{100 * -fall.size:+.0f} points"
    return [line.name, f"{line.rows:,}", *shown, before, lost]


def _lines(report: Report) -> tuple[ClassLine, ...]:
    return report.measured.classes if report.measured else ()


def _stops(report: Report) -> Iterator[str]:
    outcome = report.verdict.outcome
    if outcome in ("reject", "error"):
        yield f"The gate's verdict is {outcome}."
    for line in _lines(report):
        ranking = (line.measures or {}).get("average precision")
        if ranking is not None and ranking.low <= line.share:
            yield (
                f"{line.name} is not shown to be ranked better than chance: average precision {ranking.estimate:.3f} "
                f"({ranking.low:.3f} to {ranking.high:.3f}), and chance is its share, {line.share:.3f}."
            )


def _limits(report: Report) -> Iterator[str]:
    if report.verdict.outcome == "insufficient evidence":
        yield "The verdict is open: these rows can't decide."
    if report.measured is None:
        yield "No class was scored on held-out rows."
    known = {fall.name: fall for fall in falls(report)}
    for line in _lines(report):
        broken = list(_broken(line, known.get(line.name), report.problem.report))
        if broken:
            yield f"{line.name}: {'; '.join(broken)}."


def _broken(line: ClassLine, fall: Fall | None, policy: ReportPolicy) -> Iterator[str]:
    """Say which limits a class breaks."""
    if line.measures is None:
        yield f"{line.rows:,} held-out rows are too few to score it"
        return
    recall, precision = line.measures["recall"].estimate, line.measures["precision"].estimate
    if recall < policy.min_recall:
        yield f"{_part(recall)} of its rows are found, and {percentage(policy.min_recall)} is the limit"
    least = precision_limit(line.share, policy.min_precision_lift)
    if precision < least:
        yield f"{_part(precision)} of its predictions are right, and {_part(least)} is the limit"
    if fall is not None and fall.size > policy.max_fall:
        yield f"out of fold {percentage(fall.before)} were found, a fall of {100 * fall.size:.0f} points"


def precision_limit(share: float, lift: float) -> float:
    """Return the least precision of a class: ``lift`` times its share, as far as a large class can reach that.

    From a share of 1 / (2 lift - 1) on it is as far above the share as half of what is missing to 1.

    Examples
    --------
    >>> [round(precision_limit(share, 2.0), 3) for share in (0.05, 0.2, 0.5, 0.9)]
    [0.1, 0.4, 0.75, 0.95]
    """
    return min(lift * share, (1 + share) / 2)


def _expected(report: Report, line: ClassLine) -> str:
    if line.measures is None:
        return f"{line.name}: {line.rows:,} held-out rows are too few to say."
    found, right = line.measures["recall"], line.measures["precision"]
    sentence = f"Of 100 true cases of {line.name} it finds {_of_100(found)}"
    test = report.winner.test
    if test is not None and not test.confusion[:, list(test.per_class).index(line.name)].any():
        return f"{sentence}; it predicts {line.name} for no row."
    return f"{sentence}; of 100 rows that it predicts as {line.name}, {_of_100(right)} are."


def _part(share: float) -> str:
    return f"{100 * share:.1f} %"


def _of_100(share: Interval) -> str:
    digits = 1 if share.estimate < 0.095 else 0
    low, high = (f"{100 * bound:.{digits}f}" for bound in (share.low, share.high))
    return f"{100 * share.estimate:.{digits}f} ({low} to {high})"
