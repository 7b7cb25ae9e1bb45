"""Figures: data in, a matplotlib ``Figure`` out. No pyplot and no global state, so threads can draw at once."""

from evenhand.report.figures.comparisons import class_counts, strategy_comparison
from evenhand.report.figures.curves import calibration, precision_recall, roc
from evenhand.report.figures.matrices import confusion_matrix, feature_importance
from evenhand.report.figures.style import to_png

__all__ = [
    "calibration",
    "class_counts",
    "confusion_matrix",
    "feature_importance",
    "precision_recall",
    "roc",
    "strategy_comparison",
    "to_png",
]
