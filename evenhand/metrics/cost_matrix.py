"""The matrix behind a cost decision, from what the problem file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evenhand.errors import ProblemError
from evenhand.problem import CostDecision


def cost_matrix(spec: CostDecision, classes: Sequence[str], where: str = "decisions") -> tuple[tuple[float, ...], ...]:
    """Fill in the costs.

    Parameters
    ----------
    spec : CostDecision
    classes : sequence of K str
    where : str
        The part of the problem that is named in an error.

    Returns
    -------
    tuple of K tuples of K float
        Rows are truths, columns predictions.

    Raises
    ------
    ProblemError
        On a class that does not exist, another number of rows or columns than classes, or a right answer that costs
        more than a wrong one.

    Examples
    --------
    >>> spec = CostDecision(kind="cost", costs={"Robbery": {"Assault": 5}})
    >>> cost_matrix(spec, ["Assault", "Robbery"])
    ((0.0, 1.0), (5.0, 0.0))
    """
    costs = (
        _named(spec, spec.costs, classes, where)
        if isinstance(spec.costs, Mapping)
        else _square(spec, spec.costs, classes, where)
    )
    for truth, row in zip(classes, costs, strict=True):
        right = row[classes.index(truth)]
        if right > min(row):
            cheaper = classes[row.index(min(row))]
            raise ProblemError(
                f"{where}: {spec.name}: {truth} called {cheaper} costs {min(row):g}, less than called rightly "
                f"({right:g}); the right answer must cost the least"
            )
    return costs


def _named(
    spec: CostDecision, costs: Mapping[str, Mapping[str, float]], classes: Sequence[str], where: str
) -> tuple[tuple[float, ...], ...]:
    strangers = sorted({*costs, *(name for row in costs.values() for name in row)} - set(classes))
    if strangers:
        raise ProblemError(
            f"{where}: {spec.name}: no class {', '.join(map(repr, strangers))}; allowed: {', '.join(classes)}"
        )
    return tuple(
        tuple(float(costs.get(truth, {}).get(name, 0.0 if name == truth else spec.other)) for name in classes)
        for truth in classes
    )


def _square(
    spec: CostDecision, rows: Sequence[Sequence[float]], classes: Sequence[str], where: str
) -> tuple[tuple[float, ...], ...]:
    if len(rows) != len(classes) or any(len(row) != len(classes) for row in rows):
        raise ProblemError(
            f"{where}: {spec.name}: needed {len(classes)} rows of {len(classes)} costs in the order "
            f"{', '.join(classes)}; found rows of {', '.join(str(len(row)) for row in rows) or 'nothing'}"
        )
    return tuple(tuple(row) for row in rows)
