"""Conditions on facts about a challenger: its columns, its training data, leaks, speed and size."""

from __future__ import annotations

from collections.abc import Iterator

from evenhand.gate.verdict import Condition, Facts, Kind
from evenhand.problem import GatePolicy

MEGABYTE = 1e6
_LEAKS = {True: "found nothing", False: "found a leak", None: "its training was not checked for leaks: train it again"}
_VALIDATED = {
    True: "passed",
    False: "did not pass",
    None: "not recorded whether they were validated: train again",
}


def fact_conditions(facts: Facts, policy: GatePolicy) -> Iterator[Condition]:
    """Check the facts; a required one that is not known, or one with a limit that was not measured, is undecided.

    Yields
    ------
    Condition
    """
    yield _signature(facts)
    yield _condition("validation of its training data", "validation", facts.validated, _VALIDATED[facts.validated])
    yield _condition("leak sentinel", "leaks", facts.leak_free, _LEAKS[facts.leak_free])
    yield from _age(facts, policy)
    if policy.min_rows_per_second is not None:
        yield _measured("speed", facts.rows_per_second, policy.min_rows_per_second, "rows per second", least=True)
    if policy.max_model_mb is not None:
        size = None if facts.size_bytes is None else facts.size_bytes / MEGABYTE
        yield _measured("size", size, policy.max_model_mb, "MB", least=False)


def _signature(facts: Facts) -> Condition:
    name: tuple[str, Kind] = ("columns it needs", "signature")
    if facts.columns is None or facts.available is None:
        return _condition(*name, None, "they are not known")
    absent = sorted(set(facts.columns) - set(facts.available))
    detail = f"it needs {', '.join(absent)}, which the data does not have" if absent else "all columns are there"
    return _condition(*name, not absent, detail)


def _age(facts: Facts, policy: GatePolicy) -> Iterator[Condition]:
    rule = policy.training_age
    if rule is None:
        return
    if facts.newest is None:
        yield _condition("age of its training data", "age", None, "the date of its newest training row is not known")
        return
    days = (rule.as_of - facts.newest).days
    detail = f"its newest row is {days:,} days old on {rule.as_of}, allowed is at most {rule.max_age_days:,}"
    yield _condition("age of its training data", "age", days <= rule.max_age_days, detail)


def _measured(kind: Kind, found: float | None, limit: float, unit: str, least: bool) -> Condition:
    allowed = f"allowed is at {'least' if least else 'most'} {limit:,.6g}"
    if found is None:
        return _condition(kind, kind, None, f"not measured, {allowed} {unit}")
    return _condition(kind, kind, found >= limit if least else found <= limit, f"{found:,.4g} {unit}, {allowed}")


def _condition(name: str, kind: Kind, holds: bool | None, detail: str) -> Condition:
    return Condition(
        name=name, status="undecided" if holds is None else "pass" if holds else "fail", detail=detail, kind=kind
    )
