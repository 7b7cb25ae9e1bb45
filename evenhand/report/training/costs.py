"""Section of the training's page about costs: what misses and false alarms cost with each class, as cost curves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from evenhand.metrics.cost_curves import CostCurve
from evenhand.report.html import table
from evenhand.report.training.data import ClassCosts, Report
from evenhand.report.training.parts import cell, folded, paragraph, section
from evenhand.report.training.sentences import described, scarce

SHOWN = 6  # classes before the rest is folded away
SIDE, LEFT, BOTTOM, TOP, RIGHT = 330, 56, 46, 10, 12
HIGHEST = 0.55  # of the cost axis; calling none or all never costs more than .5 at its crossing
TIMES = (0.1, 1, 10, 100, 1000)
STEPS = np.linspace(0, 1, 201)


def costs_section(report: Report) -> str:
    """Show a cost curve a class, the rarest first, and say in words for which costs the model suits."""
    found = report.measured.costs if report.measured else ()
    if not found:
        return ""
    other = described(report.reference) if report.reference else ""
    rest = "".join(_panel(one, other) for one in found[SHOWN:])
    return section(
        "costs",
        "What do misses and false alarms cost?",
        paragraph(
            "Each class against the rest, on the held-out period. To the right a miss gets dearer: at 10 x, missing "
            "one row of the class costs as much as ten false alarms. The height is the mean cost, 0 is no mistake. The "
            "grey roof is the cheaper of calling no row and calling every row the class: above it a model is no use.",
            "note",
        ),
        _key(report, other),
        f'<div class="panels">{"".join(_panel(one, other) for one in found[:SHOWN])}</div>',
        folded(f"{len(found) - SHOWN} more classes", f'<div class="panels">{rest}</div>') if rest else "",
        table(
            ("class", "#suits best where a miss costs", "#worth acting on where a miss costs"),
            [[f"<b>{cell(one.name)}</b>", f"#{suited(one.model)}", f"#{worth(one.model)}"] for one in found],
            "compact",
        ),
        paragraph(
            "Counted in false alarms. Below the lower end, calling no row is cheaper than acting on the calls; above "
            "the upper end, calling every row is. Solid lines know the best threshold for each cost from these very "
            f"rows: about what a rule made for that cost could gain, at the most. {scarce(report)}",
            "note",
        ),
    )


def suited(curve: CostCurve) -> str:
    """Say which cost of a miss the chosen rule is made for.

    Examples
    --------
    >>> from evenhand.metrics.cost_curves import cost_curve
    >>> y, values = np.array([True, True, False, False, False]), np.array([0.9, 0.4, 0.6, 0.2, 0.1])
    >>> suited(cost_curve(y, values, values > 0.5))
    '1.2 false alarms'
    """
    if not curve.false_alarms and curve.misses == 1:
        return "it never calls this class"
    return f"{_times(curve.times(curve.suits))} false alarms"


def worth(curve: CostCurve) -> str:
    """Say between which costs of a miss acting on the calls is cheaper than calling none or all."""
    if curve.worth is None:
        return "never"
    low, high = (curve.times(x) for x in curve.worth)
    return f"{_times(low)} or more" if np.isinf(high) else f"{_times(low)} to {_times(high)}"


def _times(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _key(report: Report, other: str) -> str:
    lines = [f'<li class="challenger"><i></i>{escape(described(report.winner))}, at the best threshold</li>']
    lines.append(
        '<li class="challenger"><i class="dashed"></i>the rule as it is chosen; the dot: where it suits best</li>'
    )
    lines += [f'<li class="champion"><i></i>{escape(other)} alone, at the best threshold</li>'] if other else []
    return f'<ul class="key">{"".join(lines)}</ul>'


def _panel(costs: ClassCosts, other: str) -> str:
    """Draw the curve of one class."""
    curve = costs.model
    about = f"Cost curve of {costs.name}: suits {suited(curve)}, worth {worth(curve)}"
    parts = [*_axes(curve), f'<path class="roof" d="{_line([0, 0.5, 1], [0, 0.5, 0])}"/>']
    if costs.reference is not None:
        parts.append(
            f'<g class="champion"><path class="curve" d="{_line(costs.reference.x, costs.reference.cost)}"/></g>'
        )
    of_rule = curve.of_rule(STEPS)
    seen = of_rule <= HIGHEST
    dot = ""
    if seen.any() and curve.of_rule(np.array(curve.suits)) <= HIGHEST:
        x, y = _at(curve.suits, float(curve.of_rule(np.array(curve.suits))))
        dot = f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    rule = f'<path class="curve dashed" d="{_line(STEPS[seen], of_rule[seen])}"/>' if seen.any() else ""
    parts.append(f'<g class="challenger"><path class="curve" d="{_line(curve.x, curve.cost)}"/>{rule}{dot}</g>')
    drawn = f'viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{escape(about)}"'
    caption = f"<figcaption>{escape(costs.name)}</figcaption>"
    return f'<figure>{caption}<svg class="square" {drawn}>{"".join(parts)}</svg></figure>'


def _axes(curve: CostCurve) -> list[str]:
    """Draw the frame; the ratios of the costs stand where they are for a class of this share."""
    (x0, y0), (x1, y1) = _at(0, 0), _at(1, HIGHEST)
    parts = [f'<path class="frame" d="M{x0:.1f} {y1:.1f}V{y0:.1f}H{x1:.1f}"/>']
    last = -1.0
    for times in TIMES:
        x = _at(curve.at(times), 0)[0]
        if x - last < 34 or not x0 + 4 <= x <= x1 - 4:
            continue
        last = x
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{y0:.1f}" y2="{y1:.1f}"/>')
        parts.append(f'<text x="{x:.1f}" y="{y0 + 16:.1f}" text-anchor="middle">{times:g} x</text>')
    for cost in (0, 0.25, 0.5):
        y = _at(0, cost)[1]
        parts.append(f'<text x="{x0 - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{cost:g}</text>')
    middle = (x0 + x1) / 2
    parts.append(
        f'<text x="{middle:.1f}" y="{y0 + 36:.1f}" text-anchor="middle">cost of a miss, in false alarms</text>'
    )
    parts.append(
        f'<text transform="translate(14 {(y0 + y1) / 2:.1f}) rotate(-90)" text-anchor="middle">mean cost</text>'
    )
    return parts


def _at(x: float, cost: float) -> tuple[float, float]:
    return LEFT + x * (SIDE - LEFT - RIGHT), SIDE - BOTTOM - cost / HIGHEST * (SIDE - BOTTOM - TOP)


def _line(x: Sequence[float] | np.ndarray, cost: Sequence[float] | np.ndarray) -> str:
    return "M" + "L".join("{:.1f} {:.1f}".format(*_at(float(a), float(b))) for a, b in zip(x, cost, strict=True))
