"""The encoder of a feature set, from raw columns to the array that a model is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from evenhand.data.lineage import Encoder
from evenhand.features.anomaly import anomaly_steps
from evenhand.features.class_rates import rate_steps
from evenhand.features.column_cells import CoordinateCells, CyclicCells, NumberCells, TextCells, TimeCells
from evenhand.features.text_columns import text_steps
from evenhand.problem import Categorical, FeatureSet, Numeric


class NewGapFiller(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Missing values of columns that had none in training, set to the training rows' median.

    A model has learned nothing about missing values it never saw, and LightGBM reads them as zero: a missing latitude
    would be a point on the equator. Missing values in other columns stay, since the models have learned from them.
    A column without any value in training is zero in every row, as there was nothing to learn about its values either.

    Attributes
    ----------
    medians_ : ndarray of shape (n_features,)
        NaN where the training rows have missing values.
    missing_share_ : ndarray of shape (n_features,)
        Of the training rows.
    empty_ : ndarray of bool, shape (n_features,)
        Columns without any value in training.
    """

    def fit(self, X: np.ndarray, y: object = None) -> NewGapFiller:
        """Learn the medians of columns without missing values."""
        self.medians_ = np.median(X, axis=0)
        self.missing_share_ = np.isnan(X).mean(axis=0)
        self.empty_ = np.isnan(X).all(axis=0)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return an array of the same shape."""
        missing = np.isnan(X)
        filled = np.where(missing, self.medians_, X) if missing.any() else X
        return np.where(self.empty_, 0.0, filled) if self.empty_.any() else filled


def build_encoder(features: FeatureSet) -> Encoder:
    """Return the transformer of a feature set.

    Parameters
    ----------
    features : FeatureSet

    Returns
    -------
    Encoder
        Unfitted; takes a frame with the raw columns (text or typed) and returns a float array, categories first.
        Categories are integer codes; unseen ones are -1, and the rare ones of a column share one code.

    Examples
    --------
    >>> import pandas as pd
    >>> encoder = build_encoder(FeatureSet(categorical=["place"], numeric=["age"]))
    >>> rows = pd.DataFrame({"place": ["street", "house", "street"], "age": ["31", "", "44"]})
    >>> encoder.fit(rows).transform(rows)
    array([[ 1., 31.],
           [ 0., nan],
           [ 1., 44.]])
    >>> encoder.transform(pd.DataFrame({"place": ["moon"], "age": [7]}))
    array([[-1.,  7.]])
    """
    steps = _own_steps(features)
    steps += rate_steps(features.rates)
    own = features.model_copy(update={"text": (), "rates": (), "anomaly": ()})
    steps += anomaly_steps(features.anomaly, _filled(_own_steps(own)), own.columns, n_categorical(own))
    steps += text_steps(features.text)  # last: text_augment replaces these columns
    return Encoder(_filled(steps).steps)


def _filled(steps: list[tuple]) -> Pipeline:
    return make_pipeline(ColumnTransformer(steps, verbose_feature_names_out=False), NewGapFiller())


def _own_steps(features: FeatureSet) -> list[tuple]:
    """Return the steps that encode a row independently of other rows and of the classes."""
    steps: list[tuple] = _categorical_steps(features.categorical)
    if features.numeric:
        steps.append(("numeric", _numbers(features.numeric), [part.column for part in features.numeric]))
    for time in features.time:
        format_ = list(time.format) if isinstance(time.format, tuple) else time.format
        cells = TimeCells(parts=list(time.parts), cyclic=list(time.cyclic), format=format_)
        steps.append((f"time {time.column}", cells, [time.column]))
    for part in features.cyclic:
        cyclic = CyclicCells(period=part.period, values=list(part.values))
        steps.append((f"cyclic {part.column}", cyclic, [part.column]))
    for pair in features.coordinates:
        box = None if pair.box is None else list(pair.box)
        steps.append((f"place {pair.latitude}", CoordinateCells(box=box), [pair.latitude, pair.longitude]))
    return steps


def _categorical_steps(parts: Sequence[Categorical]) -> list[tuple]:
    by_count = sorted(parts, key=lambda part: part.min_count)
    return [
        (
            f"categorical {min_count}",
            make_pipeline(
                TextCells(),
                OrdinalEncoder(
                    handle_unknown="use_encoded_value",
                    unknown_value=-1,
                    min_frequency=min_count if min_count > 1 else None,
                ),
            ),
            [part.column for part in group],
        )
        for min_count, group in groupby(by_count, key=lambda part: part.min_count)
    ]


def _numbers(parts: Sequence[Numeric]) -> NumberCells:
    return NumberCells(parts=[part.model_dump(mode="json") for part in parts])


def n_categorical(features: FeatureSet) -> int:
    """Return the number of leading columns of the encoded array that are categories."""
    return len(features.categorical)
