"""Both versions' predictions with one order of classes, checked to be of the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evenhand.data.row_blocks import RowBlocks
from evenhand.errors import GateError
from evenhand.evidence.bootstrap import BootstrapSettings
from evenhand.evidence.draws import block_codes
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.gate.verdict import Case, VersionPredictions
from evenhand.metrics.predictions import Predictions


@dataclass(frozen=True, eq=False)
class AlignedCase:
    """A case with class codes; n rows, K classes."""

    classes: tuple[str, ...]
    """Sorted by name, so that the order of a model's columns makes no difference."""
    challenger: Predictions
    champion: Predictions | None
    blocks: RowBlocks | None = None

    @cached_property
    def block_codes(self) -> np.ndarray | None:
        """Block of each row as 0, 1, 2 ..., shape (n,); None where single rows are drawn."""
        return None if self.blocks is None else block_codes(self.blocks.codes)

    @property
    def n_blocks(self) -> int | None:
        """Number of blocks."""
        return self.rows.n_blocks

    @property
    def drawn(self) -> str:
        """What intervals draw, for people."""
        return "single rows, class by class" if self.blocks is None else f"{self.n_blocks:,} {self.blocks.name}"

    def blocks_with(self, code: int) -> int | None:
        """Count the blocks that hold rows of a class."""
        return None if self.block_codes is None else len(np.unique(self.block_codes[self.y == code]))

    @cached_property
    def rows(self) -> EvaluationRows:
        """Truth and blocks."""
        return EvaluationRows(self.y, self.classes, blocks=self.block_codes)

    def settings(self, confidence: float, resamples: int) -> BootstrapSettings:
        """Return the settings of every interval of the case."""
        return BootstrapSettings(confidence, resamples, blocks=self.block_codes)

    @property
    def y(self) -> np.ndarray:
        """True class codes, shape (n,)."""
        return self.challenger.y

    @property
    def support(self) -> np.ndarray:
        """Rows of each class, shape (K,)."""
        return self.rows.support


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
    if case.blocks is not None and len(case.blocks.codes) != len(y):
        raise GateError(f"{len(case.blocks.codes):,} rows have a block, and {len(y):,} are held out: not the same rows")
    return AlignedCase(classes, _predictions(case.challenger, y, classes, case), champion, case.blocks)


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
