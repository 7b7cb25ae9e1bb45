"""Small parts of the training's page: cells, intervals, pictures, and its look."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from numbers import Integral
from typing import Any

import pandas as pd

from evenhand.evidence.bootstrap import Interval
from evenhand.report.gate.plots import nice_ticks
from evenhand.report.gate.style import STYLE
from evenhand.report.html import table
from evenhand.report.table_text import DIFFERENCE, NAMES
from evenhand.report.training.sentences import NOT_ENOUGH, decimal, percentage

PAGE_STYLE = (
    STYLE
    + """
.banner{background:var(--undecided);color:var(--paper);font-weight:600;padding:.5rem 1.25rem;border-radius:4px;
margin:0 0 .6rem}.answer{font-size:1.1rem;margin:.5rem 0}.answer::first-letter{text-transform:uppercase}
nav{font-size:.87rem;margin:.8rem 0;line-height:2}nav a{color:inherit;margin-right:1rem;white-space:nowrap}
img{max-width:100%;height:auto;background:#fff;border-radius:4px}figure{max-width:54rem}
svg.rank{width:100%;max-width:900px;min-width:560px;height:auto}.iv{white-space:nowrap;color:var(--mute);font-size:.85em}
details{margin:.6rem 0}summary{cursor:pointer;color:var(--mute)}pre{font-size:.8rem;overflow-x:auto;
background:var(--soft);padding:.8rem;border-radius:4px}tr.chosen td{font-weight:600}section>p{max-width:50rem}
.panels{display:flex;flex-wrap:wrap;gap:.5rem 1.2rem}.panels figure{flex:0 1 305px;min-width:0}.panels svg{width:100%}
svg .roof{fill:var(--soft);stroke:var(--two);stroke-dasharray:2 3}svg .dashed{stroke-dasharray:6 4}
.key .challenger i.dashed{background:none;border-top:2px dashed var(--one);border-radius:0;height:.3rem}
h1 span.plain::after{content:""}@media print{details>*{display:block}nav{display:none}}
@media (max-width:40rem){body{padding:1rem .6rem 3rem}th,td{padding:.3rem .4rem}h1{font-size:1.3rem}}
"""
)
RIGHT, TOP, ROW, BOTTOM, WIDTH = 20, 8, 24, 40, 900
LONGEST, LONGEST_BOLD, LETTER = 44, 38, 6.9  # letters of a label, and the width of one that is not bold


def cell(text: object) -> str:
    """Write text as a cell; a first ``#`` is text here, and no mark of a number.

    Examples
    --------
    >>> cell("#1 <b>")
    '&#35;1 &lt;b&gt;'
    """
    told = escape(str(text))
    return f"&#35;{told[1:]}" if told.startswith("#") else told


def sure(interval: Interval | None, percent: bool = False) -> str:
    """Write an estimate with its interval as a cell that is a number.

    Examples
    --------
    >>> sure(Interval(0.25, 0.2, 0.3), percent=True)
    '#25 % <span class="iv">20 % to 30 %</span>'
    """
    if interval is None:
        return f"#{NOT_ENOUGH}"
    write = percentage if percent else decimal
    if not math.isfinite(interval.estimate) or interval.low == interval.high:
        return f"#{write(interval.estimate)}"
    return f'#{write(interval.estimate)} <span class="iv">{write(interval.low)} to {write(interval.high)}</span>'


def section(anchor: str, heading: str, *parts: str) -> str:
    """Put parts under a heading; nothing where there is no part."""
    body = "".join(parts)
    return f'<section id="{anchor}"><h2>{escape(heading)}</h2>{body}</section>' if body else ""


def paragraph(text: str, css: str = "") -> str:
    """Write text as a paragraph; nothing where there is no text."""
    kind = f' class="{css}"' if css else ""
    return f"<p{kind}>{escape(text)}</p>" if text else ""


def picture(png: bytes | None, about: str) -> str:
    """Put a picture into the page itself; nothing where there is none."""
    if png is None:
        return ""
    data = base64.b64encode(png).decode()
    return f'<figure><img alt="{escape(about)}" src="data:image/png;base64,{data}"></figure>'


def folded(summary: str, body: str) -> str:
    """Hide something long until it is asked for."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def frame_table(frame: pd.DataFrame, css: str = "") -> str:
    """Write a comparison table; text columns are those that name a candidate."""
    words = [str(name) in (*NAMES, "skipped", "way") for name in frame]
    head = [
        ("" if is_text else "#") + cell(str(name).replace("_", " ")) for name, is_text in zip(frame, words, strict=True)
    ]
    rows = [
        [_value(str(name), value, is_text) for name, value, is_text in zip(frame, line, words, strict=True)]
        for line in frame.itertuples(index=False)
    ]
    return table(head, rows, css)


def _value(name: str, value: Any, is_text: bool) -> str:
    if isinstance(value, str):
        return ("" if is_text else "#") + cell(value)
    if isinstance(value, Integral):
        return f"#{value:,}"
    if pd.isna(value):
        return "" if is_text else "#–"
    return f"#{decimal(value, '+' if name.endswith(DIFFERENCE) and value else '')}"


@dataclass(frozen=True)
class Ranked:
    """A candidate's line in the plot: the held-out period as a dot, out of fold as a ring."""

    name: str
    held_out: Interval | None
    out_of_fold: Interval | None
    chosen: bool = False


def rank_plot(ranked: Sequence[Ranked], about: str) -> str:
    """Draw candidates under each other, each with its two scores and their intervals."""
    values = [v for one in ranked for i in (one.held_out, one.out_of_fold) if i for v in (i.low, i.high, i.estimate)]
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    room = 0.04 * (max(known) - min(known) or 0.1)
    low, high = min(known) - room, max(known) + room
    end = TOP + ROW * len(ranked)
    left = 20 + LETTER * min(LONGEST, max(len(one.name) for one in ranked))

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (WIDTH - left - RIGHT)

    parts = [
        f'<line x1="{x(v):.1f}" x2="{x(v):.1f}" y1="{TOP}" y2="{end}"/>'
        f'<text x="{x(v):.1f}" y="{end + 18}" text-anchor="middle">{v:.3g}</text>'
        for v in nice_ticks(low, high)
    ]
    for place, one in enumerate(ranked):
        y = TOP + ROW * (place + 0.5)
        bold = ' style="font-weight:700"' if one.chosen else ""
        shown = _shortened(one.name, LONGEST_BOLD if one.chosen else LONGEST)
        parts.append(f'<text class="label" x="{left - 10:.1f}" y="{y + 4:.1f}"{bold}>{escape(shown)}</text>')
        parts += [
            _mark(one.out_of_fold, x, y + 5, "champion", "ring"),
            _mark(one.held_out, x, y - 4, "challenger", "dot"),
        ]
    return (
        f'<div class="scroll"><svg class="rank" viewBox="0 0 {WIDTH} {end + BOTTOM}" role="img" '
        f'aria-label="{escape(about)}">{"".join(parts)}</svg></div>'
    )


def _shortened(name: str, longest: int) -> str:
    """Cut a name before its decision rule, which tells the candidates of one fit apart."""
    if len(name) <= longest:
        return name
    rule = f" / {name.rpartition(' / ')[2]}"
    return f"{name[: longest - 1 - len(rule)].rstrip()}…{rule}"


def _mark(found: Interval | None, x: object, y: float, tone: str, mark: str) -> str:
    assert callable(x)  # noqa: S101 - for the type checker
    if found is None or not math.isfinite(found.estimate):
        return ""
    line = ""
    if found.low < found.high:
        line = f'<line class="range" x1="{x(found.low):.1f}" x2="{x(found.high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return f'<g class="{tone}">{line}<circle class="{mark}" cx="{x(found.estimate):.1f}" cy="{y:.1f}" r="4"/></g>'
