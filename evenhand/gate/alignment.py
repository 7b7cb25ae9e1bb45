"""Both versions' predictions with one order of classes, checked to be of the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.errors import GateError
from evenhand.gate.verdict import Case, VersionPredictions
from evenhand.metrics.predictions import Predictions


@dataclass(frozen=True, eq=False)
class AlignedCase:
    """A case with class codes; n rows, K classes."""

    classes: tuple[str, ...]
    """Sorted by name, so that the order of a model's columns makes no difference."""
    challenger: Predictions
    champion: Predictions | None

    @property
    def y(self) -> np.ndarray:
        """True class codes, shape (n,)."""
        return self.challenger.y

    @property
    def support(self) -> np.ndarray:
        """Rows of each class, shape (K,)."""
        return np.bincount(self.y, minlength=len(self.classes))


def align(case: Case) -> AlignedCase:
    """Give the truth and both versions' predictions one order of classes.

    Raises
    ------
    GateError
        When the versions were scored on other rows, know other classes, or gave probabilities of another shape.
    """
    classes = tuple(sorted(case.challenger.classes))
    y = _codes(case.truth, classes, "the held-out rows")
    champion = None if case.champion is None else _predictions(case.champion, y, classes, case)
    return AlignedCase(classes, _predictions(case.challenger, y, classes, case), champion)


def _predictions(version: VersionPredictions, y: np.ndarray, classes: tuple[str, ...], case: Case) -> Predictions:
    if version.rows_sha256 != case.challenger.rows_sha256:
        raise GateError(f"{version.name} was scored on other rows than {case.challenger.name}: not comparable")
    if len(set(version.classes)) != len(version.classes) or set(version.classes) != set(classes):
        raise GateError(
            f"{version.name} knows the classes {', '.join(version.classes)}; {case.challenger.name} knows "
            f"{', '.join(case.challenger.classes)}: not comparable"
        )
    if np.shape(version.proba) != (len(y), len(classes)):
        raise GateError(
            f"{version.name} gave probabilities of shape {np.shape(version.proba)}, needed {(len(y), len(classes))}"
        )
    order = [version.classes.index(name) for name in classes]
    return Predictions(y, np.asarray(version.proba)[:, order], _codes(version.predicted, classes, version.name))


def _codes(names: np.ndarray, classes: tuple[str, ...], origin: str) -> np.ndarray:
    names = np.asarray(names, dtype=object)
    code_of = {name: code for code, name in enumerate(classes)}
    unknown = sorted({str(name) for name in names} - set(classes))
    if unknown:
        raise GateError(
            f"{origin}: class {', '.join(unknown)} is none of those the challenger knows: {', '.join(classes)}"
        )
    return np.array([code_of[str(name)] for name in names], dtype=np.int64)
