"""Templates are part of the package, escape what they are given, and fail on what they are not given."""

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from evenhand.report.rendering import render_page
from evenhand.report.table_model import Cell, Table, numbers, words
from evenhand.report.table_text import markdown_table

ROOT = Path(__file__).parents[3]


def test_the_wheel_ships_every_file_that_is_not_code():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    data = {ROOT / name.replace(".", "/"): patterns for name, patterns in config["package-data"].items()}
    shipped = {path for package, patterns in data.items() for pattern in patterns for path in package.glob(pattern)}
    other = {path for path in (ROOT / "evenhand").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert other
    assert other <= shipped
    assert files("evenhand.report").joinpath("templates/base.html.j2").is_file()


def test_what_a_template_is_not_given_is_an_error():
    with pytest.raises(UndefinedError, match="'counts' is undefined"):
        render_page("gate/conditions.html.j2")


def test_a_table_is_written_as_html_and_markdown_with_every_value_escaped():
    cells = ["<b>|x", Cell("1", "0 to 2", "plain", "rgb(1 2 3/0.5)")]
    table = Table("caption & more", words("a <i>") + numbers("n"), [cells])
    page = render_page("gate/classes.html.j2", table=table)
    for part in (
        "<caption>caption &amp; more</caption>",
        '<th scope="col">a &lt;i&gt;</th><th scope="col" class="n">n</th>',
        '<th scope="row">&lt;b&gt;|x</th>',
        '<td class="n" style="background:rgb(1 2 3/0.5)"><b class="plain">1</b> <small>0 to 2</small></td>',
    ):
        assert part in page
    assert markdown_table(table) == "| a &lt;i&gt; | n |\n| --- | ---: |\n| &lt;b&gt;\\|x | 1 (0 to 2) |"


def test_markup_is_written_as_it_is_and_text_is_not():
    page = render_page("gate/primary.html.j2", metric="<m>", drawn=Markup("<svg></svg>"))
    assert "&lt;m&gt;" in page
    assert "<svg></svg>" in page
