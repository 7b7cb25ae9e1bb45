r"""Text from outside as a terminal, an MLflow description or a Prefect page may show it.

Class names, column names, cells, comments and messages of other programs can hold escape sequences, which move a
cursor or recolour a terminal, line breaks, which begin a false line, and marks that turn the reading direction.
"""

from __future__ import annotations

import unicodedata

# Control, surrogate, private, unassigned; the line and paragraph separators; of the format characters those that turn
# the reading direction: the others, such as joiners, belong to the spelling of some alphabets.
_HIDDEN = {"Cc", "Cs", "Cn", "Zl", "Zp"}
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str, lines: bool = False) -> str:
    r"""Write what a page or a terminal would obey, or hide, as the escapes of Python.

    Parameters
    ----------
    text : str
    lines : bool
        Whether line feeds stay: for text of several lines whose parts from outside were made printable before.

    Examples
    --------
    >>> print(printable("Кража\x1b[2J\nfalse record"), printable("one\ntwo\r", lines=True), sep="|")
    Кража\x1b[2J\nfalse record|one
    two\r
    """
    if text.isprintable():  # nearly every text, at the speed of C
        return text
    return "".join(c if _shown(c) or (lines and c == "\n") else c.encode("unicode_escape").decode() for c in text)


def _shown(letter: str) -> bool:
    return letter not in _TURNING and unicodedata.category(letter) not in _HIDDEN
