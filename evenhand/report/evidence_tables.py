"""The evidence as tables: one row per method for a terminal, one per candidate for the record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from evenhand.evidence.sentences import signed
from evenhand.evidence.types import CandidateEvidence, Conclusion, Difference, EvaluationSet, Evidence
from evenhand.report.table_model import DIFFERENCE

_WORDS: dict[Conclusion, str] = {
    "helps": "help",
    "hurts": "hurt",
    "no difference larger than": "no difference larger than",
    "stopped early": "stopped early",
    "not enough data": "not enough data",
}
BOUNDED: Conclusion = "no difference larger than"


def by_method(evidence: Evidence) -> pd.DataFrame:
    """Summarise each method of handling imbalance over all models that it was tried with.

    Returns
    -------
    DataFrame
        One row per method, the largest median difference out of fold first: how many candidates, the range of their
        differences in each headline metric, and how many help or hurt on each evaluation set.
    """
    of_method: dict[str, list[CandidateEvidence]] = {}
    for candidate in evidence.candidates:
        if candidate.method:
            of_method.setdefault(candidate.method, []).append(candidate)
    lines = [_method_line(evidence, method, found) for method, found in of_method.items()]
    lines = sorted(lines, key=lambda line: (-line.pop("order"), line["method"]))
    return pd.DataFrame(lines)


def by_candidate(evidence: Evidence, on: EvaluationSet) -> pd.DataFrame:
    """List the comparisons on one evaluation set: difference, interval, Holm's p, detectable difference, conclusion.

    Returns
    -------
    DataFrame
        One row per candidate that has a baseline, in the order of the grid.
    """
    lines = []
    for candidate in evidence.candidates:
        if not candidate.method or candidate.on(on) is None:
            continue
        line: dict[str, Any] = {
            "model": candidate.model,
            "strategy": candidate.strategy,
            "features": candidate.features,
            "decision": candidate.decision,
        }
        if on == "oof" and any(one.oof and one.oof.folds for one in evidence.candidates):
            line["folds"] = _folds(evidence, candidate)
        for metric in evidence.metrics:
            found = candidate.difference(on, metric)
            if found is not None:
                line |= _difference_line(metric, found)
        lines.append(line)
    return pd.DataFrame(lines)


def _folds(evidence: Evidence, candidate: CandidateEvidence) -> str:
    done = candidate.oof.folds if candidate.oof else None
    return f"{done} of {evidence.grounds['oof'].folds}" if done else "all"


def _method_line(evidence: Evidence, method: str, candidates: Sequence[CandidateEvidence]) -> dict[str, Any]:
    line: dict[str, Any] = {"method": method, "candidates": len(candidates)}
    for metric in evidence.metrics:
        for place, heading in (("oof", "out-of-fold"), ("test", "held-out")):
            found = [d for c in candidates if (d := c.difference(place, metric))]  # type: ignore[arg-type]
            values = sorted(d.estimate for d in found if math.isfinite(d.estimate))
            if place == "oof":
                line[f"{metric}{DIFFERENCE}"] = _range(values)
            if metric == evidence.metric:
                compared_there = place in evidence.grounds
                line[heading] = _counts(found, len(candidates) - len(found) if compared_there else 0)
                line.setdefault("order", values[len(values) // 2] if values else -math.inf)
    return line


def _range(values: Sequence[float]) -> str:
    if not values:
        return "-"
    low, high = signed(values[0]), signed(values[-1])
    return low if low == high else f"{low} to {high}"


def _counts(found: Sequence[Difference], not_scored: int = 0) -> str:
    """Count the conclusions, and the candidates that have no scores on an evaluation set that others have."""
    parts = []
    for conclusion, word in _WORDS.items():
        those = [difference for difference in found if difference.conclusion == conclusion]
        bound = f" {max(one.at_most for one in those):.3f}" if those and conclusion == BOUNDED else ""
        parts += [f"{len(those)} {word}{bound}"] if those else []
    parts += [f"{not_scored} not scored"] if not_scored else []
    return ", ".join(parts) or "-"


def _difference_line(metric: str, found: Difference) -> dict[str, Any]:
    if found.conclusion == "not enough data":
        return {metric: found.conclusion, f"{metric} p (Holm)": "-", f"{metric} detectable": "-"}
    i = found.interval
    return {
        metric: f"{signed(found.estimate)} ({signed(i.low)} to {signed(i.high)}): {found.text}",
        f"{metric} p (Holm)": f"{found.p_adjusted:.3f}" if found.p_adjusted >= 0.001 else "under 0.001",
        f"{metric} detectable": found.detectable,
    }
