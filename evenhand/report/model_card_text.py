"""Paragraphs, lists and tables of plain text, as Markdown and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from evenhand.report.html import table
from evenhand.report.training.parts import cell


@dataclass(frozen=True)
class Grid:
    """A table of plain text."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


Part = str | list[str] | Grid  # a paragraph, a list, a table
Chapter = tuple[str, list[Part]]


def as_markdown(part: Part) -> list[str]:
    """Write a part as lines of Markdown."""
    if isinstance(part, str):
        return [plain_markdown(part)]
    if isinstance(part, list):
        return [f"- {plain_markdown(line)}" for line in part]
    lines = [part.head, ["---"] * len(part.head), *part.rows]
    return ["| " + " | ".join(plain_markdown(text) for text in line) + " |" for line in lines]


def plain_markdown(text: str) -> str:
    r"""Escape what Markdown would read as markup or as HTML.

    Examples
    --------
    >>> plain_markdown("a|b <i>")
    'a\\|b &lt;i&gt;'
    """
    for mark in ("\\", "`", "*", "_", "|", "["):
        text = text.replace(mark, f"\\{mark}")
    return escape(" ".join(text.split()), quote=False)


def as_html(part: Part) -> str:
    """Write a part as HTML."""
    if isinstance(part, str):
        return f"<p>{escape(part)}</p>"
    if isinstance(part, list):
        return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in part)}</ul>"
    return table([cell(text) for text in part.head], [[cell(text) for text in row] for row in part.rows])
