"""What one version needs to answer requests, made whole before it takes the place of another."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evenhand.data.schema import ColumnType
from evenhand.data.times import ISO
from evenhand.problem import Problem
from evenhand.problem.common import EPOCHS
from evenhand.scoring.row_scorer import RowScorer
from service.watch import Sighting
from tasks.data.problems import load_problem
from tasks.scoring.champion_files import read_files


@dataclass(frozen=True)
class Served:
    """A version that answers; a request holds one of these from its first step to its last.

    Attributes
    ----------
    problem : Problem
    scorer : RowScorer
    sighting : Sighting
        Model, version and digest.
    inputs : dict of str to str
        Raw column to type, from the signature.
    example : dict
        A row as a request may send it.
    """

    problem: Problem
    scorer: RowScorer
    sighting: Sighting
    inputs: dict[str, str] = field(default_factory=dict)
    example: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """Name of the registered model."""
        return self.sighting.model

    @property
    def version(self) -> str:
        """Number of the version."""
        return self.sighting.version


def load_served(problem: str, sighting: Sighting, folder: Path) -> Served:
    """Read a champion's files and the problem file, and answer one row, so that the first request finds all warm.

    Raises
    ------
    EvenhandError
        When the files are not the registered ones, or can't be read.
    """
    title = f"models:/{sighting.model}/{sighting.version}"
    stored = read_files(folder / sighting.sha256, title, sighting.sha256)
    declared = load_problem(problem)
    scorer = RowScorer(declared, stored.fitted)
    example = {name: _written(stored.example.get(name), scorer.types.get(name)) for name in scorer.columns}
    scorer.score({name: [cell] for name, cell in example.items()}, 1)
    return Served(declared, scorer, sighting, stored.inputs, example)


def _written(cell: Any, kind: ColumnType | None) -> Any:
    """Write a time of the stored example, which is in ISO 8601, as the problem's files write it."""
    if kind is None or kind.kind != "time" or not kind.format or not isinstance(cell, str):
        return cell
    first = kind.format if isinstance(kind.format, str) else kind.format[0]
    time = datetime.fromisoformat(cell)
    if first in EPOCHS:
        seconds = int(time.replace(tzinfo=UTC).timestamp())
        return str(seconds * 1_000 if EPOCHS[first] == "ms" else seconds)
    return cell if first == ISO else time.strftime(first)
