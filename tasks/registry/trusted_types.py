"""The types that a stored model may hold: nothing else is ever loaded."""

from __future__ import annotations

from pathlib import Path

from evenhand.errors import EvenhandError

# Types in our models that skops does not trust by itself. A list inside a model file is ignored: its author wrote it.
TRUSTED_TYPES = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "evenhand.data.lineage.Encoder",
    "evenhand.features.anomaly.detectors.Distances",
    "evenhand.features.anomaly.detectors.FittedDetector",
    "evenhand.features.anomaly.detectors.Tails",
    "evenhand.features.anomaly.anomaly_scores.AnomalyScores",
    "evenhand.features.anomaly.detector_input.Points",
    "evenhand.features.column_cells.CoordinateCells",
    "evenhand.features.column_cells.CyclicCells",
    "evenhand.features.encoder.NewGapFiller",
    "evenhand.features.column_cells.NumberCells",
    "evenhand.features.column_cells.TextCells",
    "evenhand.features.column_cells.TimeCells",
    "evenhand.features.class_rates.RateCategories",
    "evenhand.features.class_rates.RateEncoder",
    "evenhand.features.text_columns.TextColumns",
    "evenhand.models.balanced_ensembles.MeanOfModels",
    "evenhand.models.transfer.continued_lightgbm.ContinuedLightGBM",
    "evenhand.models.detector_classifier.DetectorClassifier",
    "evenhand.models.focal.FocalLightGBM",
    "evenhand.models.imputation.FilledGradientBoosting",
    "evenhand.models.one_hot.OneHot",
    "evenhand.models.prepared.Prepared",
    "evenhand.postprocess.calibrators.Chained",
    "evenhand.postprocess.calibrators.Isotonic",
    "evenhand.postprocess.calibrators.PriorCorrection",
    "evenhand.postprocess.calibrators.Sigmoid",
    "evenhand.postprocess.calibrators.Temperature",
    "evenhand.postprocess.rules.Capacity",
    "evenhand.postprocess.rules.LargestWeighted",
    "evenhand.postprocess.rules.LeastCost",
    "evenhand.scoring.model.FittedCandidate",
    "evenhand.training.stacking.RawColumns",
    "evenhand.training.stacking.Stack",
    "evenhand.training.stacking.Weights",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
)


def refuse_untrusted_types(file: Path) -> None:
    """Check the types in a skops file without loading them.

    Raises
    ------
    EvenhandError
        When the file holds a type that is neither in ``TRUSTED_TYPES`` nor trusted by skops.
    """
    import skops.io

    untrusted = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED_TYPES))
    if untrusted:
        raise EvenhandError(
            f"it holds {', '.join(untrusted)}; models of this version of evenhand hold no such type. "
            "If an older version stored it, train the model again"
        )
