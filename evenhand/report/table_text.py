"""Comparison tables as text: for a terminal, and as Markdown."""

from __future__ import annotations

import io
import textwrap
from numbers import Integral
from typing import Any

import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 110  # columns of a terminal
NAMES = ("model", "strategy", "features", "decision")
WORDS = (*NAMES, "way")  # columns of words; all others are of numbers
VERDICTS = ("out-of-fold", "held-out")  # columns of counted verdicts
NARROWEST = 8  # that a column of words becomes
DIFFERENCE = " vs none"  # how the name of a difference column ends
LEFT_OUT_FIRST = ("fit_seconds", "mcc", "ece", "g_mean", "log_loss", "balanced_accuracy")


def render_text(frame: pd.DataFrame, title: str = "") -> str:
    """``frame`` for a terminal, at most 110 columns wide.

    What does not fit is left out in a fixed order, the less telling numbers first, and named below the table; so are
    candidates without scores, with their reason.
    """
    shown, skipped = _without_skipped(frame)
    shown, left_out = _narrowed(shown)
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False)
    with console.capture() as capture:
        console.print(_table(shown))
    lines = "\n".join(line.rstrip() for line in capture.get().splitlines()).strip("\n").splitlines()
    notes = [f"Left out for width: {', '.join(map(_heading, left_out))}"] if left_out else []
    notes += ["Without scores:"] if skipped else []
    below = [textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="      ") for line in skipped]
    return "\n".join(([title] if title else []) + lines + notes + below)


def render_markdown(frame: pd.DataFrame) -> str:
    """``frame`` as a Markdown table; candidates without scores are listed below it."""
    shown, skipped = _without_skipped(frame)
    names = list(shown.columns)
    rules = ["---" if name in WORDS else "---:" for name in names]
    body = _lines(shown)
    lines = ["| " + " | ".join(map(_escaped, line)) + " |" for line in ([_heading(n) for n in names], rules, *body)]
    below = ["", "Without scores:", "", *(f"- {_escaped(line)}" for line in skipped)] if skipped else []
    return "\n".join([*lines, *below])


def _without_skipped(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    if "skipped" not in frame:
        return frame, []
    out = frame[frame["skipped"] != ""]
    names = [name for name in NAMES if name in frame]
    said = [f"{' + '.join(str(line[name]) for name in names)}: {line['skipped']}" for _, line in out.iterrows()]
    return frame[frame["skipped"] == ""].drop(columns="skipped"), said


def _narrowed(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    left_out: list[str] = []
    numbers = [str(name) for name in frame if name not in (*WORDS, "rank")]
    for name in LEFT_OUT_FIRST:
        if _width(frame) <= WIDTH:
            break
        if name in numbers[1:]:  # the first number is the one the order goes by
            frame = frame.drop(columns=name)
            left_out.append(name)
    return frame, left_out


def _width(frame: pd.DataFrame) -> int:
    columns = [[*_heading(name).split(), *cells] for name, cells in _columns(frame).items()]
    return sum(max(map(cell_len, column)) + 2 for column in columns)


def _table(frame: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name, width in _widths(frame).items():
        text = name in WORDS
        heading = Text(_heading(name) if text else _heading(name).replace(" ", "\n"))
        table.add_column(heading, "", justify="left" if text else "right", width=width, overflow="fold")
    grouped = "rank" not in frame and "model" in frame
    models = list(frame["model"]) if grouped else []
    for place, line in enumerate(_lines(frame)):
        ends = grouped and place + 1 < len(models) and models[place + 1] != models[place]
        table.add_row(*(Text(cell) for cell in line), end_section=ends)
    return table


def _columns(frame: pd.DataFrame) -> dict[str, list[str]]:
    return {str(name): [_cell(str(name), value) for value in frame[name]] for name in frame}


def _widths(frame: pd.DataFrame) -> dict[str, int]:
    """Widths of the columns: where all are too wide, columns of words are folded, between words if that is enough."""
    columns = _columns(frame)
    parts = {name: [*_heading(name).split(), *cells] for name, cells in columns.items()}
    widths = {name: max(map(cell_len, cells)) for name, cells in parts.items()}
    words = {
        name: max(cell_len(word) for cell in cells for word in cell.split() or [""]) for name, cells in parts.items()
    }
    for least in (words, dict.fromkeys(columns, NARROWEST)):
        bends = [name for name in columns if name in (*WORDS, *VERDICTS)]
        while sum(widths.values()) + 2 * len(widths) > WIDTH and any(widths[name] > least[name] for name in bends):
            widths[max(bends, key=lambda name: widths[name] - least[name])] -= 1
    return widths


def _lines(frame: pd.DataFrame) -> list[list[str]]:
    return [list(line) for line in zip(*_columns(frame).values(), strict=True)]


def _heading(name: str) -> str:
    return name.replace("_", " ")


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "-"
    if isinstance(value, Integral):
        return str(value)
    if name.endswith(DIFFERENCE):
        return f"{value:+.3f}" if value else "0.000"
    return f"{value:.1f}" if name == "fit_seconds" else f"{value:.3f}"


def _escaped(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())
