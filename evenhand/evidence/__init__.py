"""Evidence: which way of handling imbalance helps, and how sure that is."""

from evenhand.evidence.compare import compare, headline
from evenhand.evidence.influence import OF_PROBABILITIES, Influence, influences
from evenhand.evidence.judge_rows import Heard
from evenhand.evidence.judged_rows import JudgedRows
from evenhand.evidence.measure import Answers, Rules
from evenhand.evidence.references import Entry
from evenhand.evidence.types import (
    PLACE_NAMES,
    PLACES,
    CandidateEvidence,
    ClassEvidence,
    ClassSupport,
    Conclusion,
    Difference,
    Evidence,
    Ground,
    MetricEvidence,
    Place,
    PlaceEvidence,
    Simplest,
)

__all__ = [
    "OF_PROBABILITIES",
    "PLACES",
    "PLACE_NAMES",
    "Answers",
    "CandidateEvidence",
    "ClassEvidence",
    "ClassSupport",
    "Conclusion",
    "Difference",
    "Entry",
    "Evidence",
    "Ground",
    "Heard",
    "Influence",
    "JudgedRows",
    "MetricEvidence",
    "Place",
    "PlaceEvidence",
    "Rules",
    "Simplest",
    "compare",
    "headline",
    "influences",
]
