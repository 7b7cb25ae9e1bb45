"""Free text as a bounded number of columns: topics of its TF-IDF weights, and its most discriminating terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import chi2

from evenhand.data.schema import ColumnType, parse_columns
from evenhand.errors import ProblemError
from evenhand.problem import FeatureSet, TextFeature


class TextColumns(TransformerMixin, BaseEstimator):
    """One text column as numbers: topics of its TF-IDF weights, and the weights of its most discriminating terms.

    A missing text, and one without a known term, is zero in every column. With no more terms than ``components``, the
    columns are the weights of all terms. If no training row has a text, there is one column of zeros.

    Parameters
    ----------
    words, min_count, max_features, components, top_terms
        See :class:`~evenhand.problem.TextFeature`.

    Attributes
    ----------
    vectorizer_ : TfidfVectorizer or None
        None if no training row has a text.
    topics_ : TruncatedSVD or None
    top_terms_ : ndarray of int, shape (n_top_terms,)
        Positions of the terms that are columns.

    Examples
    --------
    >>> notes = pd.DataFrame({"notes": ["bike stolen", "car stolen", None]})
    >>> columns = TextColumns(words=1, min_count=1).fit(notes)
    >>> columns.transform(notes).round(2).tolist()
    [[0.8, 0.0, 0.61], [0.0, 0.8, 0.61], [0.0, 0.0, 0.0]]
    >>> columns.get_feature_names_out().tolist()
    ['notes: bike', 'notes: car', 'notes: stolen']
    """

    def __init__(
        self,
        words: int = 2,
        min_count: int = 5,
        max_features: int = 5_000,
        components: int = 50,
        top_terms: int = 50,
    ) -> None:
        self.words = words
        self.min_count = min_count
        self.max_features = max_features
        self.components = components
        self.top_terms = top_terms

    def fit(self, X: pd.DataFrame, y: np.ndarray | None = None) -> TextColumns:
        """Learn the terms, their weights, the topics and, where classes are given, the discriminating terms.

        Raises
        ------
        ProblemError
            When no term occurs in ``min_count`` rows.
        """
        self.column_ = str(X.columns[0])
        self.n_features_in_ = X.shape[1]
        self.vectorizer_: TfidfVectorizer | None = None
        self.topics_, self.top_terms_ = None, np.arange(0)
        if not any(texts_of(X)):
            return self
        weights = self._learned_terms(X)
        n_terms = weights.shape[1]
        self.top_terms_ = np.arange(n_terms)
        if n_terms > self.components:
            self.topics_ = TruncatedSVD(min(self.components, len(X)), random_state=0).fit(weights)
            scores = np.empty(0) if y is None else chi2(weights, y)[0]
            self.top_terms_ = np.sort(np.argsort(-scores, kind="stable")[: self.top_terms])
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return a float array of shape (n_rows, n_topics + n_top_terms)."""
        if self.vectorizer_ is None:
            return np.zeros((len(X), 1))
        weights = self.vectorizer_.transform(texts_of(X))
        terms = weights[:, self.top_terms_].toarray()
        return terms if self.topics_ is None else np.column_stack([self.topics_.transform(weights), terms])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the topics, then the terms."""
        if self.vectorizer_ is None:
            return np.asarray([f"{self.column_}: no text"], dtype=object)
        n = 0 if self.topics_ is None else len(self.topics_.components_)
        topics = [f"{self.column_} topic {i}" for i in range(1, n + 1)]
        terms = self.vectorizer_.get_feature_names_out()[self.top_terms_]
        return np.asarray([*topics, *(f"{self.column_}: {term}" for term in terms)], dtype=object)

    def _learned_terms(self, X: pd.DataFrame) -> Any:
        self.vectorizer_ = vectorizer = TfidfVectorizer(
            ngram_range=(1, self.words),
            min_df=min(self.min_count, len(X)),
            max_features=self.max_features,
            strip_accents="unicode",
            sublinear_tf=True,
        )
        try:
            return vectorizer.fit_transform(texts_of(X))
        except ValueError:  # scikit-learn: empty vocabulary, or no term left
            raise ProblemError(
                f"features: text column {self.column_!r}: no word of two letters or more occurs in {self.min_count} of "
                f"{len(X):,} training rows; lower min_count or leave the column out"
            ) from None


def texts_of(X: pd.DataFrame) -> list[str]:
    """Return the first column's cells as text, missing ones as empty strings."""
    typed, _ = parse_columns(X, {X.columns[0]: ColumnType("text")})
    return list(typed[X.columns[0]].fillna(""))


def text_steps(parts: Sequence[TextFeature]) -> list[tuple[str, TextColumns, list[str]]]:
    """Return the steps of a ``ColumnTransformer``, one per column."""
    return [(f"text {part.column}", _columns(part), [part.column]) for part in parts]


def _columns(part: TextFeature) -> TextColumns:
    settings: dict[str, Any] = part.model_dump(exclude={"column"})
    return TextColumns(**settings)


class TrainingTexts(NamedTuple):
    """Texts and classes of a fold's training rows, whose text columns come last in the encoded rows."""

    frame: pd.DataFrame
    y: np.ndarray
    parts: tuple[TextFeature, ...]

    @classmethod
    def of(cls, features: FeatureSet, frame: pd.DataFrame, y: np.ndarray, rows: np.ndarray) -> TrainingTexts | None:
        """Take the rows' texts and classes, or None where the feature set has no text column."""
        columns = [part.column for part in features.text]
        return cls(frame[columns].iloc[rows], y[rows], features.text) if columns else None

    def encoded(self, fresh: pd.DataFrame) -> np.ndarray:
        """Encode other texts as the fold's encoder does: its text columns depend on these texts and classes alone.

        Returns
        -------
        ndarray of shape (n_fresh_rows, n_text_columns)
        """
        encoders = [_columns(part).fit(self.frame[[part.column]], self.y) for part in self.parts]
        columns = [encoder.transform(fresh[[encoder.column_]]) for encoder in encoders]
        return np.column_stack(columns)
