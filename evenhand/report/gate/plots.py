"""Figures of the gate report as inline SVG; colours are the page's, so that they read in the dark and on paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from evenhand.report.gate.details import Reliability

WIDTH, LEFT, ROW = 760, 210, 26
RIGHT, TOP, BOTTOM = 24, 26, 40


@dataclass(frozen=True)
class Bar:
    """An interval with its name and status."""

    label: str
    estimate: float
    low: float
    high: float
    status: str


def interval_plot(bars: Sequence[Bar], bound: float, bound_name: str, about: str) -> str:
    """Draw intervals under each other, with zero and the bound they are held against as lines.

    Parameters
    ----------
    bars : sequence of Bar
    bound : float
    bound_name : str
    about : str
        What the figure shows, for those who can't see it.
    """
    low = min([0.0, bound, *(bar.low for bar in bars)])
    high = max([0.0, bound, *(bar.high for bar in bars)])
    room = 0.06 * (high - low or 1)
    low, high = low - room, high + room
    height = TOP + ROW * len(bars) + BOTTOM

    def x(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    end = TOP + ROW * len(bars)
    parts = [_tick(x(value), value, end) for value in nice_ticks(low, high)]
    parts.append(f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{TOP}" y2="{end}"/>')
    parts.append(f'<line class="bound" x1="{x(bound):.1f}" x2="{x(bound):.1f}" y1="{TOP - 6}" y2="{end}"/>')
    side = "end" if x(bound) > WIDTH / 2 else "start"
    parts.append(f'<text class="boundname" x="{x(bound):.1f}" y="{TOP - 10}" text-anchor="{side}">')
    parts.append(f"{escape(bound_name)}</text>")
    for place, bar in enumerate(bars):
        y = TOP + ROW * (place + 0.5)
        parts.append(f'<g class="{bar.status.replace(" ", "-")}"><title>{escape(_told(bar))}</title>')
        parts.append(f'<text class="label" x="{LEFT - 10}" y="{y + 4:.1f}">{escape(_short(bar.label))}</text>')
        parts.append(f'<line class="range" x1="{x(bar.low):.1f}" x2="{x(bar.high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_mark(bar.status, x(bar.estimate), y) + "</g>")
    return _svg(WIDTH, height, about, parts)


def reliability_plot(curves: Sequence[tuple[str, Reliability]], about: str) -> str:
    """Draw how often each model is right against how sure it is; the larger the dot, the more rows."""
    side, pad = 330, 46

    def at(confidence: float, accuracy: float) -> tuple[float, float]:
        return pad + confidence * (side - pad - 10), (side - pad) - accuracy * (side - pad - 10)

    (x0, y0), (x1, y1) = at(0, 0), at(1, 1)
    parts = [f'<line class="zero" x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}"/>']
    parts.append(f'<path class="frame" d="M{x0} {y1}V{y0}H{x1}"/>')
    for tick in (0, 0.25, 0.5, 0.75, 1):
        (tx, ty) = at(tick, tick)
        parts.append(f'<text class="tick" x="{tx:.1f}" y="{y0 + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text class="tick" x="{x0 - 6}" y="{ty + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text class="tick" x="{(x0 + x1) / 2}" y="{y0 + 34}" text-anchor="middle">how sure it is</text>')
    parts.append(f'<text class="tick" transform="translate(12 {(y0 + y1) / 2}) rotate(-90)" text-anchor="middle">')
    parts.append("how often it is right</text>")
    for name, found in curves:
        parts.append(f'<g class="{name}">' + _dots(found, at) + "</g>")
    return _svg(side, side, about, parts, css="square")


def nice_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round values between two others, about so many.

    Examples
    --------
    >>> nice_ticks(-0.07, 0.12)
    [-0.05, 0.0, 0.05, 0.1]
    """
    rough = (high - low) / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = min((size * times for times in (1, 2, 5, 10)), key=lambda s: (s < rough, s))
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(number * step, 10) + 0.0 for number in range(first, last + 1)]


def _dots(found: Reliability, at: object) -> str:
    assert callable(at)  # noqa: S101 - for the type checker
    largest = found.rows.max()
    points = [at(c, a) for c, a in zip(found.confidence, found.accuracy, strict=True)]
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2 + 5 * math.sqrt(rows / largest):.1f}"><title>{rows:,} rows</title>'
        "</circle>"
        for (x, y), rows in zip(points, found.rows, strict=True)
    )
    return f'<path class="curve" d="{line}"/>{dots}'


def _tick(x: float, value: float, end: float) -> str:
    label = f"{value:+.3g}" if value else "0"
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{end}"/>'
        f'<text class="tick" x="{x:.1f}" y="{end + 18}" text-anchor="middle">{label}</text>'
    )


def _mark(status: str, x: float, y: float) -> str:
    """Draw a dot, a cross or a ring, so that colour is not all there is to tell them apart."""
    if status == "fail":
        return f'<path class="cross" d="M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10"/>'
    return f'<circle class="{"ring" if status == "undecided" else "dot"}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'


def _told(bar: Bar) -> str:
    return f"{bar.label}: {bar.estimate:+.4f} ({bar.low:+.4f} to {bar.high:+.4f}), {bar.status}"


def _short(label: str) -> str:
    return label if len(label) <= 30 else label[:29] + "…"


def _svg(width: float, height: float, about: str, parts: Sequence[str], css: str = "wide") -> str:
    return (
        f'<svg class="{css}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(about)}">'
        f"{''.join(parts)}</svg>"
    )
