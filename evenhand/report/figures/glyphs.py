"""Letters of any alphabet in figures: which font draws them, and what is written where none does.

Matplotlib ships DejaVu Sans, which has Latin, Greek, Cyrillic, Arabic and more, but no Chinese, Japanese or Korean.
Other fonts of the machine draw those. In a page, text stays text, so the browser's fonts draw it.
"""

from __future__ import annotations

from functools import cache

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, findfont, fontManager, get_font
from matplotlib.text import Text

OWN = "DejaVu Sans"
NO_LETTERS = "Last Resort High-Efficiency"
"""Ships with matplotlib and draws the sign of its alphabet in the place of any letter, without a warning."""


def give_glyphs(figure: Figure) -> None:
    """Let each text that needs other fonts have them, the last resort at the end."""
    for text in figure.findobj(Text):
        fonts = [_font_of(letter) for letter in _foreign(text.get_text())]
        if fonts:
            text.set_fontfamily([OWN, *dict.fromkeys(font for font in fonts if font != NO_LETTERS), NO_LETTERS])


def spell_out(figure: Figure) -> None:
    """Write the code points of letters that no font of this machine has: boxes would all look the same."""
    if all(text.get_text().isascii() for text in figure.findobj(Text)):
        return
    for axis in figure.findobj(Axis):
        labels = [label.get_text() for label in axis.get_ticklabels()]
        if any(_spelled(label) != label for label in labels):
            axis.set_ticks(axis.get_ticklocs(), [_spelled(label) for label in labels])
    for text in figure.findobj(Text):
        if _spelled(text.get_text()) != text.get_text():
            text.set_text(_spelled(text.get_text()))


def _spelled(text: str) -> str:
    """Return the text with code points in the place of letters without a font.

    Examples
    --------
    >>> _spelled("Кража"), _spelled("\U0010fffd (2)")
    ('Кража', 'U+10FFFD (2)')
    """
    missing = {letter for letter in _foreign(text) if _font_of(letter) == NO_LETTERS}
    spelled = "".join(f" U+{ord(letter):04X} " if letter in missing else letter for letter in text)
    return " ".join(spelled.split(" ")).replace("  ", " ").strip() if missing else text


def _foreign(text: str) -> list[str]:
    return [] if text.isascii() else [letter for letter in text if not _has(_own_path(), letter)]


@cache
def _font_of(letter: str) -> str:
    """Name the first font, by name, of this machine that has a letter."""
    upright = (entry for entry in fontManager.ttflist if entry.style == "normal" and entry.name != NO_LETTERS)
    ordered = sorted(upright, key=lambda entry: (entry.name, entry.weight != 400, entry.fname))
    return next((entry.name for entry in ordered if _readable(entry, letter)), NO_LETTERS)


def _readable(entry: FontEntry, letter: str) -> bool:
    try:
        return _has(entry.fname, letter)
    except (OSError, RuntimeError):  # the list of fonts is a cache: a font may be gone
        return False


@cache
def _own_path() -> str:
    return findfont(OWN)


def _has(path: str, letter: str) -> bool:
    return letter.isspace() or bool(get_font(path).get_char_index(ord(letter)))
