"""What all figures share: size, palette, titles, small panels, and how they become a PNG file or SVG in a page."""

from __future__ import annotations

import io
import math
import re
import textwrap
import threading
from html import escape

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from evenhand.report.figures.glyphs import give_glyphs, spell_out
from evenhand.text.printable import printable

DPI = 110
SIZE = (8.0, 5.0)  # inches
# Okabe & Ito (2008): distinguishable with any colour vision; yellow is left out as too pale for a line
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINES = ("-", "--", "-.", ":")
INK, GREY, PALE = "#222222", "#8a8a8a", "#d9d9d9"
ACCENT, SECOND = PALETTE[0], PALETTE[1]
STATUS = {"pass": "#16692f", "fail": "#a8071a", "undecided": "#7a4b00"}
# Custom properties of the page's style, which has a light and a dark value of each.
THEME = {
    **{colour.lower(): f"--line-{at}" for at, colour in enumerate(PALETTE)},
    **{colour: f"--{status}" for status, colour in STATUS.items()},
    **{"#000000": "--ink", INK: "--ink", GREY: "--mid", PALE: "--pale", "#ececec": "--grid", "#ffffff": "--paper"},
}
_svg_settings = threading.Lock()  # matplotlib's settings belong to the process


def new_figure(title: str, note: str, size: tuple[float, float] = SIZE) -> Figure:
    """Make an empty figure with its title, if it has one, and below it what data it shows."""
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    lines = [title, *textwrap.wrap(note, int(size[0] * 14))]
    if title:
        figure.suptitle(plain("\n".join(lines)), x=0.01, ha="left", fontsize=10, color=INK)
    return figure


def to_png(figure: Figure) -> bytes:
    """Write ``figure`` as a PNG file, the same bytes for the same figure."""
    spell_out(figure)
    _lay_out(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: Figure, name: str, label: str) -> str:
    """Write ``figure`` as SVG to stand in an HTML page, the same text for the same figure.

    Parameters
    ----------
    figure : Figure
    name : str
        Begins every id in it: unique in the page.
    label : str
        What it shows, for those who can't see it.

    Returns
    -------
    str
        Markup. Text stays text, colours are the custom properties of the page's style.
    """
    _lay_out(figure)
    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with _svg_settings, rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
    _, _, drawn = buffer.getvalue().partition("</defs>")  # the first holds a style for all of the document
    drawn = re.sub(r">\s+<", "><", drawn).strip()
    drawn = re.sub(r"<[^>]*>", lambda tag: _themed(tag.group(), name), drawn)  # tags only: names stay as they are
    width, height = (72 * inches for inches in figure.get_size_inches())
    size = f'viewBox="0 0 {width:g} {height:g}" style="--wide:{width:g}px"'
    opening = f'<svg class="drawn" {size} role="img" aria-label="{escape(label)}">'
    return Markup(opening + drawn)  # noqa: S704 - matplotlib escapes the text in it


def _lay_out(figure: Figure) -> None:
    """Lay out once; ``savefig`` would do it for each of its two passes."""
    give_glyphs(figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def _themed(tag: str, name: str) -> str:
    """Drop from a tag what a page does not need, make its ids unique, and let colours follow the page's theme."""
    tag = re.sub(r' id="(?![mp][0-9a-f]{10}")[^"]*"| transform="rotate\(-0 [^"]*"|; font-family: [^;"]*', "", tag)
    tag = re.sub(r'( id="|href="#|url\(#)(?=[mp][0-9a-f]{10})', rf"\1{name}-", tag)
    tag = re.sub(r"(\.\d\d)\d+", r"\1", tag.replace("\n", "").replace("xlink:href", "href"))
    return re.sub(r"#[0-9a-f]{6}\b", _of_theme, tag)


def _of_theme(colour: re.Match[str]) -> str:
    return f"var({THEME[colour.group()]})" if colour.group() in THEME else colour.group()


def plain(text: str) -> str:
    """Escape dollar signs, which would open a formula, and what can't be shown; a text of our own may have lines."""
    return printable(text, lines=True).replace("$", r"\$")


def short(name: str, longest: int = 30) -> str:
    """Cut ``name`` to ``longest`` characters."""
    name = printable(name)
    return plain(name if len(name) <= longest else name[: longest - 1].rstrip() + "\u2026")


def tidy(axes: Axes, grid: str = "both") -> None:
    """Remove the top and right spine, make ticks small, and draw a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7, colors=INK, length=2)
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis=grid, color="#ececec", linewidth=0.7)  # type: ignore[arg-type]


def panels(figure: Figure, n: int, columns: int | None = None, shared: bool = False) -> list[Axes]:
    """Make ``n`` axes in rows of ``columns``."""
    columns = columns or min(5, math.ceil(math.sqrt(n * 1.5)))
    grid = figure.subplots(math.ceil(n / columns), columns, squeeze=False, sharex=shared, sharey=shared)
    for axes in grid.flat[n:]:
        axes.set_axis_off()
    return list(grid.flat[:n])


def line_style(position: int) -> tuple[str, str]:
    """Return colour and dash of a line: the dash changes once all colours are used."""
    return PALETTE[position % len(PALETTE)], LINES[position // len(PALETTE) % len(LINES)]
