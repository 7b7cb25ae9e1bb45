"""Detectors of unusual rows: how they learn what is normal, and their scores as features."""

from evenhand.features.anomaly.detectors import FittedDetector, missing_extra
from evenhand.features.anomaly.features import AnomalyScores, anomaly_steps, check_features

__all__ = ["AnomalyScores", "FittedDetector", "anomaly_steps", "check_features", "missing_extra"]
