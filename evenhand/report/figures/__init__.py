"""Figures: data in, a matplotlib ``Figure`` out. No pyplot and no global state, so threads can draw at once."""

from evenhand.report.figures.calibration import calibration, reliability
from evenhand.report.figures.comparisons import class_counts, strategy_comparison
from evenhand.report.figures.costs import cost_curves
from evenhand.report.figures.curves import precision_recall, precision_recall_compared, roc
from evenhand.report.figures.intervals import against_bound, ranked_candidates
from evenhand.report.figures.matrices import confusion_matrix, feature_importance
from evenhand.report.figures.style import to_png, to_svg
from evenhand.report.figures.timeline import timeline

__all__ = [
    "against_bound",
    "calibration",
    "class_counts",
    "confusion_matrix",
    "cost_curves",
    "feature_importance",
    "precision_recall",
    "precision_recall_compared",
    "ranked_candidates",
    "reliability",
    "roc",
    "strategy_comparison",
    "timeline",
    "to_png",
    "to_svg",
]
