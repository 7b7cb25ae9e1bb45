"""Conditions on what is known of a challenger beside its answers: where it comes from, and what it costs to run."""

from __future__ import annotations

from collections.abc import Iterator

from evenhand.gate.verdict import Condition, Facts, Kind
from evenhand.problem import GatePolicy

MEGABYTE = 1e6
_LEAKS = {True: "found nothing", False: "found a leak", None: "nobody looked for leaks in its training: train it again"}
_VALIDATED = {True: "passed", False: "did not pass", None: "nobody says whether they were validated: train it again"}


def fact_conditions(facts: Facts, policy: GatePolicy) -> Iterator[Condition]:
    """Check what is known; what must be known and is not, or has a limit and nobody measured it, is undecided.

    Yields
    ------
    Condition
    """
    yield _signature(facts)
    yield _said("validation of its training data", "validation", facts.validated, _VALIDATED[facts.validated])
    yield _said("leak sentinel", "leaks", facts.leak_free, _LEAKS[facts.leak_free])
    yield from _age(facts, policy)
    if policy.min_rows_per_second is not None:
        yield _measured("speed", facts.rows_per_second, policy.min_rows_per_second, "rows a second", least=True)
    if policy.max_model_mb is not None:
        size = None if facts.size_bytes is None else facts.size_bytes / MEGABYTE
        yield _measured("size", size, policy.max_model_mb, "MB", least=False)


def _signature(facts: Facts) -> Condition:
    name: tuple[str, Kind] = ("columns it takes", "signature")
    if facts.columns is None or facts.available is None:
        return _said(*name, None, "they are not known")
    absent = sorted(set(facts.columns) - set(facts.available))
    detail = f"it asks for {', '.join(absent)}, which the data does not have" if absent else "all columns are there"
    return _said(*name, not absent, detail)


def _age(facts: Facts, policy: GatePolicy) -> Iterator[Condition]:
    rule = policy.training_age
    if rule is None:
        return
    if facts.newest is None:
        yield _said("age of its training data", "age", None, "the date of its newest training row is not known")
        return
    days = (rule.as_of - facts.newest).days
    detail = f"its newest row is {days:,} days old on {rule.as_of}, allowed is at most {rule.max_age_days:,}"
    yield _said("age of its training data", "age", days <= rule.max_age_days, detail)


def _measured(kind: Kind, found: float | None, limit: float, unit: str, least: bool) -> Condition:
    allowed = f"allowed is at {'least' if least else 'most'} {limit:,.6g}"
    if found is None:
        return _said(kind, kind, None, f"not measured, {allowed} {unit}")
    return _said(kind, kind, found >= limit if least else found <= limit, f"{found:,.4g} {unit}, {allowed}")


def _said(name: str, kind: Kind, holds: bool | None, detail: str) -> Condition:
    return Condition(
        name=name, status="undecided" if holds is None else "pass" if holds else "fail", detail=detail, kind=kind
    )
