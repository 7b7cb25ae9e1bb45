"""Evidence: which way of handling imbalance helps, and how sure that is."""

from evenhand.comparing.entries import Entry
from evenhand.comparing.influence import OF_PROBABILITIES, Influence, influences
from evenhand.comparing.measure import Answers, Rules
from evenhand.comparing.place import Heard
from evenhand.comparing.rows import JudgedRows
from evenhand.comparing.types import (
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
from evenhand.comparing.whole import compare, headline

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
