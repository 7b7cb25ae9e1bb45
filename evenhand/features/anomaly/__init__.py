"""Detectors of unusual rows: how they learn what is normal, and their scores as features.

As classifiers they are in ``evenhand.models.detector_classifier``; settings are in ``evenhand.problem.detectors``.
"""

from evenhand.features.anomaly.anomaly_scores import AnomalyScores, anomaly_steps
from evenhand.features.anomaly.detectors import FittedDetector

__all__ = ["AnomalyScores", "FittedDetector", "anomaly_steps"]
