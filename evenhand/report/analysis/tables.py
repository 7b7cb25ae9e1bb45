"""Tables of an analysis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenhand.evidence.bootstrap import Interval
from evenhand.report.analysis.sentences import share_text, window_text
from evenhand.report.table_model import Cell, Column, Table, decimal, numbers, percentage, words
from evenhand.spatial.forecasts.judge import ALL, CHOSEN, ForecastScores
from evenhand.spatial.forecasts.run_forecasts import ForecastOutcome
from evenhand.spatial.hotspots.judge_hotspots import HotspotScores
from evenhand.spatial.hotspots.run_hotspots import HotspotOutcome
from evenhand.spatial.survey import PastOutcome

_WORST = 8


def forecast_tables(found: ForecastOutcome) -> tuple[Table, Table]:
    """Return the rivals over all classes, and class by class."""
    scores = found.judged.scores
    overall = [_forecast_row(line, [line.rival]) for line in scores if line.klass == ALL]
    by_class = [
        _forecast_row(line, [line.klass, line.rival])
        for c in found.counts.classes
        for line in scores
        if line.klass == c
    ]
    columns = numbers("CRPS", "skill", "log score", "MASE", "coverage 80 %", "coverage 95 %")
    first = f"All classes, {found.plan.reported} origins, {found.plan.horizons} {found.counts.periods.kind}s ahead"
    return (
        Table(first, (*words("method"), *columns), overall),
        Table("Class by class", (*words("class", "method"), *columns), by_class),
    )


def _forecast_row(line: ForecastScores, names: list[str]) -> list[str | Cell]:
    cells: list[str | Cell] = [Cell(name, css="plain" if line.rival == CHOSEN else "") for name in names]
    skill = Cell(f"{100 * line.skill.estimate:.1f} %", f"{100 * line.skill.low:.1f} to {100 * line.skill.high:.1f}")
    held = [Cell(f"{100 * h:.1f} %", f"{100 * p:.1f} without") for h, p in zip(line.held, line.plain, strict=True)]
    return [*cells, decimal(line.crps), skill, decimal(line.log_score), decimal(line.mase), *held]


def horizon_table(found: ForecastOutcome) -> Table:
    """Return the chosen method by horizon."""
    kind = found.counts.periods.kind
    rows = [
        [f"{kind} {h}", decimal(own), f"{100 * (1 - own / naive):.1f} %"]
        for h, (own, naive) in enumerate(found.judged.by_horizon, start=1)
    ]
    return Table("The chosen method by horizon", (*words("ahead"), *numbers("CRPS", "skill")), rows, "compact")


def worst_areas(found: ForecastOutcome, masked: Sequence[str]) -> Table:
    """Return the areas in which the chosen method does worst against the seasonal naive, and those badly covered."""
    own, naive, *held = found.judged.by_area.T
    skill = 1 - own / np.maximum(naive, 1e-12)
    shown = [a for a in np.argsort(skill, kind="stable") if found.counts.areas[a] not in masked][:_WORST]
    rows = [
        [found.counts.areas[a], decimal(own[a]), f"{100 * skill[a]:.1f} %", *(percentage(h[a]) for h in held)]
        for a in shown
    ]
    columns = (*words("area"), *numbers("CRPS", "skill", "coverage 80 %", "coverage 95 %"))
    off = float(np.mean(np.abs(held[0] - 0.8) > 0.05))
    caption = (
        "Where it fails: the areas with the least skill. Coverage is more than 5 points off 80 % in "
        f"{percentage(off)} of all areas."
    )
    return Table(caption, columns, rows)


def city_table(found: ForecastOutcome) -> Table:
    """Return how the sums over areas forecast the city."""
    rows = [
        [name, decimal(own), f"{100 * (1 - own / naive):.1f} %", percentage(held[0]), percentage(held[1])]
        for name, own, naive, held in zip(
            found.counts.classes, found.city.crps, found.city.naive_crps, found.city.held, strict=True
        )
    ]
    columns = (*words("class"), *numbers("CRPS", "skill", "coverage 80 %", "coverage 95 %"))
    return Table("All areas together, as the sum of the areas, against the seasonal naive of the whole", columns, rows)


def coming_table(found: ForecastOutcome) -> Table:
    """Return the coming periods of all areas together, class by class."""
    periods, n = found.counts.periods, found.counts.periods.n
    rows = []
    for c, name in enumerate(found.counts.classes):
        for h in range(found.plan.horizons):
            low, high, lowest, highest = found.coming.city_bounds[:, c, h]
            mean = f"{found.coming.city_mean[c, h]:,.0f}"
            rows.append(
                [f"{name}, {periods.start(n + h):%Y-%m-%d}", mean, f"{low:,} to {high:,}", f"{lowest:,} to {highest:,}"]
            )
    caption = f"All areas together, by {periods.kind} that begins on a day; each class is forecast by: " + ", ".join(
        f"{name}, {rival}" for name, rival in zip(found.counts.classes, found.coming.rivals, strict=True)
    )
    return Table(
        caption, (*words(f"class and {periods.kind}"), *numbers("expected", "80 % interval", "95 % interval")), rows
    )


def hotspot_table(lines: Sequence[HotspotScores], caption: str, heading: Sequence[str]) -> Table:
    """Return lines of the hotspot backtest; ``heading`` names attributes that head the rows."""
    columns = (
        *words(*heading),
        *numbers("hit rate", "PAI", "ratio to counts", "only it / only counts", "p (Holm)", "PEI*", "SER", "RRI"),
    )
    return Table(caption, columns, [_hotspot_row(line, heading) for line in lines], "hotspots")


def _hotspot_row(line: HotspotScores, heading: Sequence[str]) -> list[str | Cell]:
    names = {
        "class": line.klass,
        "method": line.rival,
        "window": window_text(line.weeks),
        "area": share_text(line.share),
    }
    found = line.indices
    first = [Cell(names[name], css="plain" if line.rival == CHOSEN and name == "method" else "") for name in heading]
    hits = Cell(percentage(found.hit_rate), f"{line.hits:,} of {line.events:,}")
    p = "-" if not line.only_own + line.only_counts else "<0.001" if line.holm < 0.001 else f"{line.holm:.3f}"
    ratio = _interval(line.ratio, 3) if line.only_own + line.only_counts else Cell("1")
    numbers_ = [decimal(found.pei, digits=2), decimal(found.ser, digits=2), decimal(found.rri, digits=2)]
    return [*first, hits, _interval(line.pai, 2), ratio, f"{line.only_own:,} / {line.only_counts:,}", p, *numbers_]


def _interval(interval: Interval, digits: int) -> Cell:
    low, high = decimal(interval.low, digits=digits), decimal(interval.high, digits=digits)
    return Cell(decimal(interval.estimate, digits=digits), f"{low} to {high}")


def feedback_table(found: HotspotOutcome) -> Table:
    """Return the simulation of patrols that follow the records."""
    rows = [
        [
            percentage(one.discovered),
            percentage(one.recorded),
            percentage(one.true),
            f"{one.recorded / max(one.true, 1e-9):.2f}",
            percentage(one.right),
        ]
        for one in found.feedback
    ]
    columns = (
        Column("found by police only"),
        *numbers(
            "of the records in patrolled cells", "of what happened there", "exaggerated by", "patrols at true top cells"
        ),
    )
    return Table("The last year of the simulation", columns, rows)


def reliability_table(found: HotspotOutcome) -> Table:
    """Return the chances that were given, and what came."""
    part = found.reliability
    rows = [
        [percentage(e), percentage(o), f"{n:,}"]
        for e, o, n in zip(part.expected, part.observed, part.cells, strict=True)
    ]
    return Table("", (Column("chance given"), *numbers("were among the top", "cells")), rows, "compact")


def cluster_table(looked: PastOutcome) -> Table:
    """Return the largest clusters of each class."""
    rows = [
        [name, f"{one.latitude:.4f}, {one.longitude:.4f}", f"{one.radius:,.0f} m", percentage(one.share)]
        for name, found in looked.clusters.items()
        for one in found[:5]
    ]
    columns = (
        *words("class", "middle (latitude, longitude)"),
        *numbers("half its events within", "share of the class"),
    )
    return Table("The largest clusters, at most five of a class", columns, rows)


def year_table(looked: PastOutcome) -> Table:
    """Return the records of each class and year."""
    times = looked.times
    rows = [[name, *(f"{n:,}" for n in times.by_year[c])] for c, name in enumerate(looked.classes)]
    return Table("Recorded events by year", (*words("class"), *numbers(*map(str, times.years))), rows)
