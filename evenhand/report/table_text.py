"""Tables as text: for a terminal, and as Markdown."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from html import escape

import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from evenhand.report.table_model import NAMES, WORDS, Cell, Table, frame_table, heading
from evenhand.text.printable import printable

WIDTH = 110  # columns of a terminal
FOLDED = ("out-of-fold", "held-out")  # columns of counted conclusions, which may be folded like words
NARROWEST = 8  # characters that a folded column keeps
LEFT_OUT_FIRST = ("fit_seconds", "mcc", "ece", "g_mean", "log_loss", "balanced_accuracy")


def render_text(frame: pd.DataFrame, title: str = "") -> str:
    """Write a comparison for a terminal, at most 110 columns wide.

    What does not fit is left out in a fixed order, the least informative numbers first, and named below the table; so
    are candidates without scores, with their reason.
    """
    shown, skipped = without_skipped(frame)
    shown, left_out = _narrowed(shown)
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False)
    with console.capture() as capture:
        console.print(_rich_table(shown))
    lines = "\n".join(line.rstrip() for line in capture.get().splitlines()).strip("\n").splitlines()
    notes = [f"Left out for width: {', '.join(map(heading, left_out))}"] if left_out else []
    notes += ["Without scores:"] if skipped else []
    below = [textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="      ") for line in skipped]
    return "\n".join(([title] if title else []) + lines + notes + below)


def render_markdown(frame: pd.DataFrame) -> str:
    """Write a comparison as a Markdown table; candidates without scores are listed below it."""
    shown, skipped = without_skipped(frame)
    below = ["", "Without scores:", "", *(f"- {plain_markdown(line)}" for line in skipped)] if skipped else []
    return "\n".join([markdown_table(frame_table(shown)), *below])


def markdown_table(table: Table) -> str:
    r"""Write a table as Markdown.

    Examples
    --------
    >>> print(markdown_table(frame_table(pd.DataFrame({"model": ["a|b"], "rows": [12]}))))
    | model | rows |
    | --- | ---: |
    | a\|b | 12 |
    """
    rules = ["---:" if column.number else "---" for column in table.columns]
    lines = [[column.heading for column in table.columns], *table.rows]
    head, *body = [_markdown_line([plain_markdown(str(cell)) for cell in line]) for line in lines]
    return "\n".join([head, _markdown_line(rules), *body])


def plain_markdown(text: str) -> str:
    r"""Escape what Markdown would read as markup or as HTML.

    Examples
    --------
    >>> plain_markdown("a|b <i> random_forest _x_")
    'a\\|b &lt;i&gt; random_forest \\_x\\_'
    """
    text = re.sub(
        r"([\\`*|\[])|(?<!\w)_|_(?!\w)", lambda found: f"\\{found.group(0)}", printable(" ".join(text.split()))
    )
    return escape(text, quote=False)


def _markdown_line(cells: Sequence[str | Cell]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def without_skipped(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Split a comparison into the candidates with scores, and lines that name the others with their reason."""
    if "skipped" not in frame:
        return frame, []
    skipped = frame[frame["skipped"] != ""]
    names = [name for name in NAMES if name in frame]
    lines = [
        f"{' + '.join(str(line[name]) for name in names)}: {printable(line['skipped'])}"
        for _, line in skipped.iterrows()
    ]
    return frame[frame["skipped"] == ""].drop(columns="skipped"), lines


def _narrowed(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    left_out: list[str] = []
    numbers = [str(name) for name in frame if name not in (*WORDS, "rank")]
    for name in LEFT_OUT_FIRST:
        if sum(_lengths(frame).values()) + 2 * frame.shape[1] <= WIDTH:
            break
        if name in numbers[1:]:  # the first number is the one the order goes by
            frame = frame.drop(columns=name)
            left_out.append(name)
    return frame, left_out


def _rich_table(frame: pd.DataFrame) -> RichTable:
    model, widths = frame_table(frame), _widths(frame)
    table = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name, column in zip(frame, model.columns, strict=True):
        text = Text(column.heading.replace(" ", "\n") if column.number else column.heading)
        justify = "right" if column.number else "left"
        table.add_column(text, "", justify=justify, width=widths[str(name)], overflow="fold")  # type: ignore[arg-type]
    models = list(frame["model"]) if "rank" not in frame and "model" in frame else []
    for at, row in enumerate(model.rows):
        ends = at + 1 < len(models) and models[at + 1] != models[at]
        table.add_row(*(Text(str(cell)) for cell in row), end_section=ends)
    return table


def _parts(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return the words of every heading, each on a line of its own, and the cells below it."""
    table = frame_table(frame)
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
    return {
        str(name): [*column.heading.split(), *map(str, cells)]
        for name, column, cells in zip(frame, table.columns, columns, strict=True)
    }


def _lengths(frame: pd.DataFrame) -> dict[str, int]:
    return {name: max(map(cell_len, parts)) for name, parts in _parts(frame).items()}


def _widths(frame: pd.DataFrame) -> dict[str, int]:
    """Fold columns of words where the table is too wide, between words if that is enough."""
    widths = _lengths(frame)
    longest_word = {
        name: max(cell_len(word) for part in parts for word in part.split() or [""])
        for name, parts in _parts(frame).items()
    }
    foldable = [name for name in widths if name in (*WORDS, *FOLDED)]
    for least in (longest_word, dict.fromkeys(widths, NARROWEST)):
        while sum(widths.values()) + 2 * len(widths) > WIDTH and any(widths[name] > least[name] for name in foldable):
            widths[max(foldable, key=lambda name: widths[name] - least[name])] -= 1
    return widths
