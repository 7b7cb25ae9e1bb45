"""Both models' answers in one order of classes, checked to be about the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.errors import GateError
from evenhand.evidence.bootstrap import Predictions
from evenhand.gate.verdict import Case, Scored


@dataclass(frozen=True, eq=False)
class Aligned:
    """A case as codes; n rows, K classes."""

    classes: tuple[str, ...]
    """In the order of their names, so that the order of a model's columns can't matter."""
    y: np.ndarray
    support: np.ndarray
    """Rows of each class, shape (K,)."""
    challenger: Predictions
    champion: Predictions | None

    @property
    def k(self) -> int:
        """Number of classes."""
        return len(self.classes)


def align(case: Case) -> Aligned:
    """Put the truth and both answers in one order of classes.

    Raises
    ------
    GateError
        When the models were scored on other rows, know other classes, or gave answers of another shape.
    """
    classes = tuple(sorted(case.challenger.classes))
    y = _codes(case.truth, classes, "the held-out rows")
    champion = None if case.champion is None else _predictions(case.champion, classes, case)
    support = np.bincount(y, minlength=len(classes))
    return Aligned(classes, y, support, _predictions(case.challenger, classes, case), champion)


def _predictions(scored: Scored, classes: tuple[str, ...], case: Case) -> Predictions:
    if scored.rows_sha256 != case.challenger.rows_sha256:
        raise GateError(f"{scored.name} was scored on other rows than {case.challenger.name}: not comparable")
    if len(set(scored.classes)) != len(scored.classes) or set(scored.classes) != set(classes):
        raise GateError(
            f"{scored.name} knows the classes {', '.join(scored.classes)}; {case.challenger.name} knows "
            f"{', '.join(case.challenger.classes)}: not comparable"
        )
    if np.shape(scored.proba) != (len(case.truth), len(classes)):
        raise GateError(
            f"{scored.name} gave probabilities of shape {np.shape(scored.proba)}, "
            f"needed {(len(case.truth), len(classes))}"
        )
    order = [scored.classes.index(name) for name in classes]
    return Predictions(np.asarray(scored.proba)[:, order], _codes(scored.predicted, classes, scored.name))


def _codes(names: np.ndarray, classes: tuple[str, ...], origin: str) -> np.ndarray:
    names = np.asarray(names, dtype=object)
    code_of = {name: code for code, name in enumerate(classes)}
    unknown = sorted({str(name) for name in names} - set(classes))
    if unknown:
        raise GateError(
            f"{origin}: class {', '.join(unknown)} is none of those the challenger knows: {', '.join(classes)}"
        )
    return np.array([code_of[str(name)] for name in names], dtype=np.int64)
