"""Parts of self-contained HTML pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], css: str = "") -> str:
    """Write a table; cells are HTML already, and one that begins with ``#`` is a number and goes to the right.

    Examples
    --------
    >>> table(("class", "#rows"), [("Robbery", "#12")])[:60]
    '<div class="scroll"><table><thead><tr><th scope="col">class<'
    """
    kind = f' class="{css}"' if css else ""
    top = "".join(_cell("th", text, ' scope="col"') for text in head)
    top = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    body = "".join(f"<tr>{''.join(_cell('td', text) for text in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table{kind}>{top}<tbody>{body}</tbody></table></div>'


def _cell(tag: str, text: str, more: str = "") -> str:
    number = ' class="n"' if text.startswith("#") else ""
    return f"<{tag}{number}{more}>{text.removeprefix('#')}</{tag}>"
