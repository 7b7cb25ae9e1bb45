"""Columns that broke: rules that alarm at the first period, since chance does not explain what they find."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy import stats

from evenhand.monitoring.columns import ColumnBins
from evenhand.monitoring.effects import shares

FEWEST_ROWS = 20
OUTSIDE = 0.05  # of the cells beyond the smallest and largest of all reference rows, where a few at most belong
CHANCE = 1e-6  # of a constant column in a period, by the largest share that its value ever had


def broken_columns(
    bins: Mapping[str, ColumnBins], reference: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray]
) -> dict[str, str]:
    """Find the columns of a period that broke.

    Parameters
    ----------
    bins : mapping of str to ColumnBins
    reference : mapping of str to ndarray of shape (n_periods, slots)
    counts : mapping of str to ndarray of shape (slots,)
        Of the new period.

    Returns
    -------
    dict of str to str
        Column and what is wrong with it. A rule compares with the worst reference period, so that what a reference
        period did is never broken.
    """
    found = {}
    for name, one in bins.items():
        if counts[name].sum() >= FEWEST_ROWS:
            fault = _fault(one, reference[name], counts[name])
            if fault:
                found[name] = fault
    return found


def _fault(one: ColumnBins, reference: np.ndarray, counts: np.ndarray) -> str:
    present, before = counts[1:], reference[:, 1:]
    if present.sum() == 0:
        return "all cells are missing" if before.sum(1).min(initial=1) > 0 else ""
    share, most = shares(present), shares(before).max(0, initial=0.0)
    top = int(share.argmax())
    # Of the value that all cells have, by the largest share that it ever had.
    chance = float(present.sum()) * math.log(max(float(most[top]), 1e-12))
    constant = bool(share[top] == 1.0) and chance < math.log(CHANCE)
    return (_category_fault if one.values is not None else _number_fault)(one, share, most, constant)


def _category_fault(one: ColumnBins, share: np.ndarray, most: np.ndarray, constant: bool) -> str:
    unknown, top = len(share) - 1, int(share.argmax())
    if constant and top != unknown:
        return f"every cell is the same: {one.slot_name(top + 1)}"
    if _jumped(share[unknown], most[unknown]):
        return f"{share[unknown]:.0%} of the cells are {one.slot_name(unknown + 1)}; at most {most[unknown]:.0%} were"
    return ""


def _number_fault(one: ColumnBins, share: np.ndarray, most: np.ndarray, constant: bool) -> str:
    top, outside = int(share.argmax()), float(share[0] + share[-1])
    what = one.slot_name(top + 1)
    if constant:
        return f"all cells are {what}: a constant, or another unit"
    if outside > OUTSIDE and float(most[0] + most[-1]) < OUTSIDE / 2:
        return f"{outside:.0%} of the cells are outside all that the reference has, {one.ends}: another unit"
    if _jumped(share[top], most[top]):
        return f"{share[top]:.0%} of the cells are {what}, at most {most[top]:.0%} were: another unit or another range"
    return ""


def _jumped(share: float, most: float) -> bool:
    """Whether more than half of the cells are where at most a quarter ever were."""
    return bool(share > 0.5 and most < 0.25)


def unusual_rows(rows: int, reference: np.ndarray) -> str:
    """Say when a period has under a third of the fewest rows of a reference period, or over thrice the most.

    With a handful of rows a period that happens by chance; by the Poisson distribution it must be next to impossible.
    """
    low, high = int(reference.min()), int(reference.max())
    few = rows < low / 3 and stats.poisson.cdf(rows, low) < CHANCE
    many = rows > 3 * high and stats.poisson.sf(rows - 1, high) < CHANCE
    return f"{rows:,} rows; the periods of the reference have {low:,} to {high:,}" if few or many else ""
