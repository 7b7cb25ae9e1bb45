"""The evidence as tables: a line a way for a terminal, a line a candidate for the record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from evenhand.evidence.sentences import signed
from evenhand.evidence.types import CandidateEvidence, Difference, EvaluationSet, Evidence
from evenhand.report.table_text import DIFFERENCE

_WORDS = {"helps": "help", "hurts": "hurt", "no difference shown": "not shown", "not enough data": "not enough data"}


def by_way(evidence: Evidence) -> pd.DataFrame:
    """Tell what each way of handling imbalance does, over all models it was tried with.

    Returns
    -------
    DataFrame
        A line a way, the largest median difference out of fold first: how many candidates, the range of their
        differences in each headline metric, and how many help or hurt in each place.
    """
    of_way: dict[str, list[CandidateEvidence]] = {}
    for candidate in evidence.candidates:
        if candidate.method:
            of_way.setdefault(candidate.method, []).append(candidate)
    lines = [_way_line(evidence, way, found) for way, found in of_way.items()]
    lines = sorted(lines, key=lambda line: (-line.pop("order"), line["way"]))
    return pd.DataFrame(lines)


def by_candidate(evidence: Evidence, place: EvaluationSet) -> pd.DataFrame:
    """Every comparison of one place: difference, interval, Holm's p, what can be seen, conclusion.

    Returns
    -------
    DataFrame
        A line a candidate that has a reference, in the order of the grid.
    """
    lines = []
    for candidate in evidence.candidates:
        if not candidate.method or candidate.on(place) is None:
            continue
        line: dict[str, Any] = {
            "model": candidate.model,
            "strategy": candidate.strategy,
            "features": candidate.features,
            "decision": candidate.decision,
        }
        if place == "oof" and any(one.oof and one.oof.folds for one in evidence.candidates):
            line["folds"] = _folds(evidence, candidate)
        for metric in evidence.metrics:
            found = candidate.difference(place, metric)
            if found is not None:
                line |= _difference_line(metric, found)
        lines.append(line)
    return pd.DataFrame(lines)


def _folds(evidence: Evidence, candidate: CandidateEvidence) -> str:
    done = candidate.oof.folds if candidate.oof else None
    return f"{done} of {evidence.grounds['oof'].folds}" if done else "all"


def _way_line(evidence: Evidence, way: str, candidates: Sequence[CandidateEvidence]) -> dict[str, Any]:
    line: dict[str, Any] = {"way": way, "candidates": len(candidates)}
    for metric in evidence.metrics:
        for place, heading in (("oof", "out-of-fold"), ("test", "held-out")):
            found = [d for c in candidates if (d := c.difference(place, metric))]  # type: ignore[arg-type]
            values = sorted(d.estimate for d in found if math.isfinite(d.estimate))
            if place == "oof":
                line[f"{metric}{DIFFERENCE}"] = _range(values)
            if metric == evidence.metric:
                line[heading] = _counts(found)
                line.setdefault("order", values[len(values) // 2] if values else -math.inf)
    return line


def _range(values: Sequence[float]) -> str:
    if not values:
        return "-"
    low, high = signed(values[0]), signed(values[-1])
    return low if low == high else f"{low} to {high}"


def _counts(found: Sequence[Difference]) -> str:
    said = [(word, sum(d.conclusion == conclusion for d in found)) for conclusion, word in _WORDS.items()]
    return ", ".join(f"{count} {word}" for word, count in said if count) or "-"


def _difference_line(metric: str, found: Difference) -> dict[str, Any]:
    if found.conclusion == "not enough data":
        return {metric: found.conclusion, f"{metric} p (Holm)": "-", f"{metric} can't see under": "-"}
    i = found.interval
    return {
        metric: f"{signed(found.estimate)} ({signed(i.low)} to {signed(i.high)}): {found.conclusion}",
        f"{metric} p (Holm)": f"{found.p_adjusted:.3f}" if found.p_adjusted >= 0.001 else "under 0.001",
        f"{metric} can't see under": found.detectable,
    }
