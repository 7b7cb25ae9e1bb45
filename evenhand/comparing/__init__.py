"""Evidence: which way of handling imbalance helps, and how sure that is."""

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

__all__ = [
    "PLACES",
    "PLACE_NAMES",
    "CandidateEvidence",
    "ClassEvidence",
    "ClassSupport",
    "Conclusion",
    "Difference",
    "Evidence",
    "Ground",
    "MetricEvidence",
    "Place",
    "PlaceEvidence",
    "Simplest",
]
