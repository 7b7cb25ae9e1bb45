"""Fit one candidate on one fold and predict the fold's other rows.

These rows are seen by neither the encoder, the sampler nor the model. Units of a fold share the encoded rows, and units
of a fold and strategy the resampled rows; the order, threads or processes that they run in make no difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.inspection import permutation_importance
from threadpoolctl import threadpool_limits

from evenhand.data.fold_names import fold_key
from evenhand.data.lineage import Encoder
from evenhand.data.split import Fold, rows_at
from evenhand.errors import ProblemError
from evenhand.features.encoder import build_encoder, n_categorical
from evenhand.features.text_columns import TrainingTexts
from evenhand.models import CannotFit, build_model, fit_rows, importances
from evenhand.models.distributed_fit import DistributedFit
from evenhand.models.fit_work import above_row_limit
from evenhand.models.forest import predict_only
from evenhand.models.transfer.first_rows import FirstRows
from evenhand.models.transfer.transfer_data import TransferData, first_rows_of
from evenhand.postprocess.rules import DecisionRule
from evenhand.problem import FeatureSet, TextAugmentStrategy
from evenhand.scoring.model import FittedCandidate, full_probabilities
from evenhand.strategies import CannotResample, ResamplingRecord, TrainingRows, resample, resampling_record
from evenhand.strategies.recency_weights import aged
from evenhand.strategies.text_augment import text_augment
from evenhand.training.candidates import Candidate
from evenhand.training.failed_fit import FAILURES, encoding_failure, fit_failure, naming
from evenhand.training.fold_cache import Encoded, OnceCache
from evenhand.training.leak_checks import Lineage, study_leaks, unit_leaks

Resampled = tuple[TrainingRows, ResamplingRecord]

PERMUTED_ROWS = 1_000


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one unit gives.

    Attributes
    ----------
    probabilities : ndarray of shape (n_valid, n_classes) or None
        Of the fold's other rows; None where the candidate could not be fitted.
    resampling : ResamplingRecord or None
    fit_seconds : float
        CPU seconds; those of a forest whose trees are not kept include its predictions.
    skipped : str or None
        Why it could not be fitted.
    importance : ndarray of shape (n_features,) or None
        Of the fit on all training rows: the family's own importances, or else by permutation. Sums to one.
    fitted : FittedCandidate or None
    leaks : tuple of str or None
        Findings of the leak sentinel; None where nothing was fitted.
    """

    probabilities: np.ndarray | None
    resampling: ResamplingRecord | None
    fit_seconds: float
    skipped: str | None = None
    importance: np.ndarray | None = None
    fitted: FittedCandidate | None = None
    leaks: tuple[str, ...] | None = None


class Experiment:
    """The rows of one training, and the work that its units share.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns), or callable
        Typed raw columns, training rows and held-out rows; or a function that returns them, which is called each time
        they are needed, so that rows mapped from a file take no memory in between.
    y : ndarray of int, shape (n_rows,)
        Class codes.
    classes : sequence of str
    folds : sequence of Fold
        Positions into ``frame``. The last one may be the held-out period, numbered -1.
    features : dict of str to FeatureSet
    seed : int
    when : Series of timestamps or numbers, shape (n_rows,), optional
        Time of each row, for candidates with a half-life and for models that begin on older rows.
    kept_folds : int
        Number of folds and feature sets whose encoded rows are kept, each with the last resampled ones.
    transfer : mapping of str to TransferData, optional
        Other data sets that a model may begin on, by name. It is never evaluated.
    """

    def __init__(  # noqa: PLR0913 - a constructor like scikit-learn's: one argument per setting
        self,
        frame: pd.DataFrame | Callable[[], pd.DataFrame],
        y: np.ndarray,
        classes: Sequence[str],
        folds: Sequence[Fold],
        features: dict[str, FeatureSet],
        seed: int,
        when: pd.Series | None = None,
        kept_folds: int = 1,
        transfer: Mapping[str, TransferData] | None = None,
    ) -> None:
        self._read = frame if callable(frame) else _returning(frame.reset_index(drop=True))
        self.y = y
        self.classes = list(classes)
        self.folds = {fold.number: fold for fold in folds}
        self.features = features
        self.seed = seed
        self.when = when
        self.transfer = dict(transfer or {})
        self._encoded = OnceCache(size=kept_folds)

    @property
    def frame(self) -> pd.DataFrame:
        """The raw columns; the index holds the positions of the rows, by which their lineage is checked."""
        return self._read()

    def run(
        self,
        candidate: Candidate,
        fold_number: int,
        keep_model: bool = False,
        rule: DecisionRule | None = None,
        together: DistributedFit | None = None,
    ) -> Outcome:
        """Fit a candidate on a fold's training rows and predict the others.

        A unit uses one thread, so its result does not depend on the number of cores.

        Parameters
        ----------
        candidate : Candidate
        fold_number : int
            -1 for the held-out period.
        keep_model : bool
            Whether the outcome holds the fitted candidate.
        rule : DecisionRule, optional
            Decision rule of the fitted candidate.
        together : DistributedFit, optional
            How a distributed model is fitted.

        Returns
        -------
        Outcome

        Raises
        ------
        ProblemError
            When it can't be fitted with its settings or on these rows, or is distributed and no cluster is there to
            fit it.
        """
        fold = self.folds[fold_number]
        chosen = candidate.chosen_on(fold_number)
        why = candidate.left_out or (chosen.skipped if chosen else None)
        if len(np.unique(self.y[fold.train])) < 2:
            why = "its training rows hold one class only"
        if why:
            return Outcome(None, None, 0.0, skipped=why)
        with threadpool_limits(limits=1), naming(candidate.name, fold_number):
            # The shared rows come without their encoder, which a model that is kept needs.
            encode = self._encode_now if keep_model else self._encode
            encoded = encode(candidate.features, fold)
            try:
                rows, entry = self._rows(candidate, fold, encoded)
            except CannotResample as reason:
                return Outcome(None, None, 0.0, skipped=str(reason))
        too_many = above_row_limit(candidate.model_on(fold_number), len(rows.y))
        if too_many is not None:
            return Outcome(None, None, 0.0, skipped=f"{candidate.model.name}: {too_many}")
        leaks = unit_leaks(fold, self.y, Lineage(encoded.encoder.seen, encoded.train, rows, len(encoded.valid)))
        leaks += study_leaks(fold, chosen.seen if chosen else None)
        with threadpool_limits(limits=1):
            model = self._unfitted(candidate, fold_number, len(rows.y))
            if not keep_model:
                model = predict_only(model, encoded.valid)
            try:
                model, seconds = self._fit(model, candidate, fold, rows, together)
                probabilities = full_probabilities(model, encoded.valid, len(self.classes))
            except CannotFit as reason:
                return Outcome(None, None, 0.0, skipped=str(reason))
            except FAILURES as error:
                fresh = partial(self._unfitted, candidate, fold_number)
                names = encoded.encoder.get_feature_names_out()
                raise fit_failure(candidate.name, fold_number, fresh, rows, names, error) from error
            entry = replace(entry, adaptations=(*entry.adaptations, *getattr(model, "adaptations_", ())))
            weights = self._importance(model, encoded.valid, fold) if fold_number < 0 else None
        fitted = FittedCandidate(encoded.encoder, model, self.classes, rule) if keep_model else None
        return Outcome(probabilities, entry, seconds, importance=weights, fitted=fitted, leaks=leaks)

    def _unfitted(self, candidate: Candidate, fold_number: int, n_rows: int) -> ClassifierMixin:
        first_numbers = n_categorical(self.features[candidate.features])
        return build_model(candidate.model_on(fold_number), self.seed, n_rows, self.classes, first_numbers)

    def _fit(
        self,
        model: ClassifierMixin,
        candidate: Candidate,
        fold: Fold,
        rows: TrainingRows,
        together: DistributedFit | None,
    ) -> tuple[ClassifierMixin, float]:
        """Return the fitted model and the seconds it took: CPU of this thread, or wall time on a cluster."""
        if candidate.model.distributed:
            if together is None:
                raise ProblemError(f"{candidate.name} is `distributed`, which needs the runner `dask`")
            started = time.monotonic()
            return together(model, rows), time.monotonic() - started
        started = time.thread_time()
        fitted = fit_rows(model, rows, **self._first_rows(candidate, fold, rows))
        return fitted, time.thread_time() - started

    def feature_names(self, features: str, fold_number: int) -> list[str]:
        """Return the names of the encoded columns of a feature set."""
        return list(self._encode(features, self.folds[fold_number]).encoder.get_feature_names_out())

    def _importance(self, model: ClassifierMixin, X: np.ndarray, fold: Fold) -> np.ndarray | None:
        own = importances(model)
        if own is not None:
            return own / own.sum() if own.sum() > 0 else None
        few = np.random.default_rng(self.seed).permutation(len(X))[:PERMUTED_ROWS]
        y = self.y[fold.valid][few]
        drop = permutation_importance(
            model, X[few], y, scoring="balanced_accuracy", n_repeats=2, random_state=self.seed
        ).importances_mean
        drop = np.clip(drop, 0, None)
        return drop / drop.sum() if drop.sum() > 0 else None

    def _encode(self, features: str, fold: Fold) -> Encoded:
        encoded: Encoded = self._encoded.get((fold.number, features), lambda: self._encode_now(features, fold))
        return encoded

    def _encode_now(self, features: str, fold: Fold) -> Encoded:
        encoder, train = self._fit_encoder(features, fold)
        columns = list(self.features[features].columns)
        return Encoded(encoder, train, encoder.transform(rows_at(self.frame[columns], fold.valid)))

    def _fit_encoder(self, features: str, fold: Fold) -> tuple[Encoder, np.ndarray]:
        encoder = build_encoder(self.features[features])
        columns = list(self.features[features].columns)
        rows, y = rows_at(self.frame[columns], fold.train), self._names()[fold.train]
        try:
            return encoder, encoder.fit_transform(rows, y)
        except (ProblemError, *FAILURES) as error:
            raise encoding_failure(encoder, rows, y, error) from error

    def _first_rows(self, candidate: Candidate, fold: Fold, rows: TrainingRows) -> dict[str, FirstRows]:
        def encode(other: pd.DataFrame) -> np.ndarray:
            encoder, _ = self._fit_encoder(candidate.features, fold)
            return np.asarray(encoder.transform(other[list(self.features[candidate.features].columns)]))

        return first_rows_of(candidate.model_on(fold.number), rows, fold, self.when, self.transfer, encode)

    def _names(self) -> np.ndarray:
        """Class names of all rows; the columns of class rates are named after them."""
        return np.asarray(self.classes, dtype=object)[self.y]

    def _rows(self, candidate: Candidate, fold: Fold, encoded: Encoded) -> Resampled:
        key = (candidate.strategy.name, candidate.half_life_days)
        rows: Resampled = encoded.resampled.get(key, lambda: self._resample_now(candidate, fold, encoded))
        return rows

    def _resample_now(self, candidate: Candidate, fold: Fold, encoded: Encoded) -> Resampled:
        y = self.y[fold.train]
        first_numbers = n_categorical(self.features[candidate.features])
        texts = TrainingTexts.of(self.features[candidate.features], self.frame, self._names(), fold.train)
        if isinstance(candidate.strategy, TextAugmentStrategy):
            rows = text_augment(candidate.strategy, encoded.train, y, self.classes, self.seed, texts)
        else:
            rows = resample(candidate.strategy, encoded.train, y, self.classes, self.seed, first_numbers)
        if candidate.half_life_days is not None:
            if self.when is None or not pd.api.types.is_datetime64_any_dtype(self.when):
                raise ProblemError("half_life_days: the rows have no time column")
            rows = aged(rows, self.when.iloc[fold.train], candidate.half_life_days)
        name = fold_key(fold.number)
        return rows, resampling_record(candidate.strategy, name, y, rows, self.classes)


def _returning(frame: pd.DataFrame) -> Callable[[], pd.DataFrame]:
    return lambda: frame
