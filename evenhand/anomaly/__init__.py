"""Detectors of unusual rows: how they learn what is normal, and their scores as features."""

from evenhand.anomaly.detectors import FittedDetector, missing_extra
from evenhand.anomaly.features import AnomalyScores

__all__ = ["AnomalyScores", "FittedDetector", "missing_extra"]
