"""Describe what is wrong with a header that lacks expected columns."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence

_VALUE = re.compile(r"\s*|[-+]?[\d.,:/ -]+([eE][-+]?\d+)?([+-]\d\d(:?\d\d)?|Z)?|.*\.\d+")
_SHOWN = 8


def respelled(found: Sequence[str], expected: Sequence[str]) -> dict[str, str]:
    r"""Match column names that differ only in how letters are composed or lines are broken.

    Parameters
    ----------
    found : sequence of str
        Column names of the file.
    expected : sequence of str
        Column names it must have.

    Returns
    -------
    dict of str to str
        The expected name of columns that have another; a name that could be two columns' is left out.

    Examples
    --------
    >>> respelled(["La\u0308nge", "Primary\r\nType"], ["L\u00e4nge", "Primary\nType"]).values()
    dict_values(['Länge', 'Primary\nType'])
    """
    absent = [name for name in expected if name not in found]
    matches = {name: [f for f in found if f not in expected and _composed(f) == _composed(name)] for name in absent}
    return {same[0]: name for name, same in matches.items() if len(same) == 1}


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", "\n".join(name.splitlines()))


def describe_missing(found: Sequence[str], expected: Sequence[str], of: str = "file") -> str:
    """Write in one sentence which expected columns are missing, and the likely reason.

    Parameters
    ----------
    found : sequence of str
        Column names of the file.
    expected : sequence of str
        Column names it must have, in any order.
    of : str
        What has the columns: a file, or a row that was sent.

    Examples
    --------
    >>> describe_missing(["Latitude", "MCI"], ["Lat", "MCI"])
    "missing column 'Lat' (is it 'Latitude'?); the file also has 'Latitude'"
    """
    missing = [name for name in expected if name not in found]
    extra = [str(name) for name in found if name not in expected]
    if are_values(found) and len(missing) > len(expected) / 2:
        return (
            f"the first line looks like data, not like column names ({_listed(extra, 3)}): the file seems to have no "
            f"header line; expected are {_listed(expected, 30)}"
        )
    text = f"missing column{'s' * (len(missing) > 1)} {', '.join(_with_guess(n, extra) for n in missing[:_SHOWN])}"
    text += f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return text + (f"; the {of} also has {_listed(extra)}" if extra else f"; the {of} has no other columns")


def are_values(names: Sequence[str]) -> bool:
    """Whether at least a third of the names are numbers, dates or empty.

    Examples
    --------
    >>> are_values(["2014/03/02 05:00:00+00", "8", "House"]), are_values(["Lat", "Long"])
    (True, False)
    """
    values = sum(bool(_VALUE.fullmatch(str(name))) for name in names)
    return values * 3 >= max(len(names), 1)


def _with_guess(name: str, extra: Sequence[str]) -> str:
    lower = {e.strip().lower(): e for e in extra}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    return f"{name!r} (is it {lower[near[0]][:40]!r}?)" if near else repr(name)


def _listed(names: Sequence[str], at_most: int = _SHOWN) -> str:
    shown = ", ".join(repr(str(n)[:40]) for n in names[:at_most])
    return shown + (f" and {len(names) - at_most} more" if len(names) > at_most else "")
