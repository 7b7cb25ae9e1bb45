"""Templates of the pages: HTML and Markdown, both with every value escaped unless it is markup already.

The templates are package data of ``evenhand.report``: ``templates/``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evenhand.report.table_model import Table, decimal, percentage
from evenhand.report.table_text import markdown_table, plain_markdown
from evenhand.text.printable import printable


def render_page(template: str, **values: Any) -> str:
    """Write an HTML page or a part of one.

    Parameters
    ----------
    template : str
        Path below ``templates/``.
    **values
        What the template names; one that is missing is an error. ``m`` holds the macros of ``macros.html.j2``.

    Returns
    -------
    str
        Markup, so that a page can hold parts that were rendered before.
    """
    return Markup(_html().get_template(template).render(values))  # noqa: S704 - every value was escaped


def render_document(template: str, **values: Any) -> str:
    """Write a Markdown document; arguments as :func:`render_page`."""
    text = _markdown().get_template(template).render(values)
    return re.sub(r"\n{3,}", "\n\n", str(text)).strip() + "\n"


@cache
def _html() -> Environment:
    made = _environment(_shown)
    made.globals["m"] = made.get_template("macros.html.j2").module
    return made


@cache
def _markdown() -> Environment:
    return _environment(_as_markdown)


def _environment(finalize: Callable[[Any], Any] | None = None) -> Environment:
    made = Environment(
        loader=PackageLoader("evenhand.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    made.filters |= {
        "decimal": decimal,
        "percentage": percentage,
        "count": "{:,}".format,
        "one_line": _one_line,
        "markdown_table": _markdown_table,
    }
    return made


def _one_line(text: Markup) -> Markup:
    return Markup(" ").join(text.split())


def _markdown_table(table: Table) -> Markup:
    return Markup(markdown_table(table))  # noqa: S704 - its cells were escaped


def _shown(value: Any) -> Any:
    return printable(value, lines=True) if type(value) is str else value


def _as_markdown(value: Any) -> Any:
    return value if hasattr(value, "__html__") else Markup(plain_markdown(str(value)))  # noqa: S704 - escaped
