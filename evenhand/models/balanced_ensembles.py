"""Ensembles that balance inside themselves, and what is stored of them: trees, never a sampler with training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from evenhand.models.bag_smote import BagSmote


class MeanOfModels(ClassifierMixin, BaseEstimator):
    """The mean of the members' probabilities; a member that saw no row of a class gives it zero.

    Parameters
    ----------
    members : list of ClassifierMixin
        Their labels are positions in ``labels``.
    labels : ndarray of shape (n_classes,)
    """

    def __init__(self, members: list[Any], labels: np.ndarray) -> None:
        self.members = members
        self.labels = labels

    @property
    def classes_(self) -> np.ndarray:
        """Labels in the order of the probability columns."""
        return self.labels

    @property
    def feature_importances_(self) -> np.ndarray:
        """Mean of the members' importances, of shape (n_features,)."""
        return np.asarray(np.mean([member.feature_importances_ for member in self.members], axis=0))

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (n_rows, n_classes)."""
        total = np.zeros((len(X), len(self.labels)))
        for member in self.members:
            total[:, np.asarray(member.classes_, dtype=int)] += member.predict_proba(X)
        return total / len(self.members)


def balanced_bagging(*, random_state: int, n_estimators: int, max_depth: int | None, min_samples_leaf: int) -> Any:
    """Bagging with every bag undersampled (Hido et al. 2009, Breiman 1996)."""
    tree = DecisionTreeClassifier(max_depth=max_depth, min_samples_leaf=min_samples_leaf)
    return BalancedBaggingClassifier(tree, n_estimators, n_jobs=1, random_state=random_state)


def smote_bagging(
    *,
    random_state: int,
    n_estimators: int,
    max_depth: int | None,
    min_samples_leaf: int,
    rows_per_class: int,
    k_neighbors: int,
) -> Any:
    """Bagging with SMOTE inside each bag (Wang & Yao 2009)."""
    tree = DecisionTreeClassifier(max_depth=max_depth, min_samples_leaf=min_samples_leaf)
    sampler = BagSmote(rows_per_class, k_neighbors)
    return BalancedBaggingClassifier(tree, n_estimators, sampler=sampler, n_jobs=1, random_state=random_state)


def balanced_random_forest(
    *,
    random_state: int,
    n_estimators: int,
    max_depth: int | None,
    min_samples_leaf: int,
    max_features: str | float | int | None,
) -> Any:
    """Make a random forest that draws equally many rows of each class for every tree (Chen et al. 2004)."""
    return BalancedRandomForestClassifier(
        n_estimators,
        max_depth=max_depth,
        min_samples_leaf=min_samples_leaf,
        max_features=max_features,
        sampling_strategy="all",
        replacement=True,
        bootstrap=False,
        n_jobs=1,
        random_state=random_state,
    )


def easy_ensemble(
    *, random_state: int, n_estimators: int, rounds: int, max_depth: int | None, learning_rate: float
) -> Any:
    """Bags of boosted trees, every bag undersampled (Liu et al. 2009)."""
    boosted = AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=max_depth), n_estimators=rounds, learning_rate=learning_rate
    )
    return EasyEnsembleClassifier(n_estimators, boosted, n_jobs=1, random_state=random_state)


def rusboost(
    *, random_state: int, n_estimators: int, max_depth: int | None, min_samples_leaf: int, learning_rate: float
) -> Any:
    """Boosting with every round's rows undersampled (Seiffert et al. 2010)."""
    tree = DecisionTreeClassifier(max_depth=max_depth, min_samples_leaf=min_samples_leaf)
    return RUSBoostClassifier(tree, n_estimators=n_estimators, learning_rate=learning_rate, random_state=random_state)


def adaboost(
    *, random_state: int, n_estimators: int, max_depth: int | None, min_samples_leaf: int, learning_rate: float
) -> Any:
    """Boosting by reweighting (Freund & Schapire 1997; SAMME of Zhu et al. 2009 for several classes)."""
    tree = DecisionTreeClassifier(max_depth=max_depth, min_samples_leaf=min_samples_leaf)
    return AdaBoostClassifier(tree, n_estimators=n_estimators, learning_rate=learning_rate, random_state=random_state)


def kept(model: Any) -> Any:
    """Return the predicting part of a fitted ensemble, without its samplers, which hold training rows."""
    if isinstance(model, BalancedBaggingClassifier | EasyEnsembleClassifier):
        return MeanOfModels([pipeline[-1] for pipeline in model.estimators_], model.classes_)
    if isinstance(model, BalancedRandomForestClassifier):
        return MeanOfModels(list(model.estimators_), model.classes_)
    if isinstance(model, RUSBoostClassifier):
        plain = AdaBoostClassifier(model.estimator, learning_rate=model.learning_rate)
        for name in ("estimators_", "estimator_weights_", "estimator_errors_", "classes_", "n_classes_"):
            setattr(plain, name, getattr(model, name))
        plain.n_features_in_ = model.n_features_in_
        return plain
    return model


def notes(model: Any, y: np.ndarray) -> tuple[str, ...]:
    """Return what a fitted ensemble did to its rows, for the resampling record."""
    sampler = getattr(model, "sampler", None)
    if isinstance(sampler, BagSmote):
        fewest = min(pipeline[0].fewest_neighbors_ for pipeline in model.estimators_)
        if fewest >= sampler.k_neighbors:
            return ()
        if fewest == 0:
            return ("a class with a single row in a bag has no neighbour: the row is repeated",)
        return (f"{fewest} neighbours instead of {sampler.k_neighbors}: a class has {fewest + 1} rows in a bag",)
    thinned = (
        BalancedBaggingClassifier,
        BalancedRandomForestClassifier,
        EasyEnsembleClassifier,
        RUSBoostClassifier,
    )
    if not isinstance(model, thinned):
        return ()
    _, counts = np.unique(y, return_counts=True)
    return (f"every member sees about {counts.min():,} rows per class, as many as the smallest has",)
