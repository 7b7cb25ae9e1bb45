"""Problem files: found by name or path, read into :class:`evenhand.problem.Problem`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from evenhand.errors import ProblemError
from evenhand.problem import Problem, Source, parse_problem
from tasks.data.sources.files import kind_of
from tasks.settings import settings

CELL_SETTINGS = ("decimal", "thousands", "missing")


def load_problem(name_or_path: str, data: str | None = None) -> Problem:
    """Read a problem.

    Parameters
    ----------
    name_or_path : str
        A name in ``problems/`` or a path that ends in ``.yaml`` or ``.yml``.
    data : str, optional
        A path, glob or folder of CSV, Parquet, Excel or GeoJSON files that takes the place of the path of the problem's
        own source; delimiter, encoding and other settings stay.

    Raises
    ------
    ProblemError
        When there is no such file, it is not YAML, or it is not a valid problem.
    """
    path = _find(name_or_path)
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProblemError(f"{path}: can't be read as YAML: {error}") from None
    if data is not None and isinstance(raw, dict):
        raw["source"] = _file_source(data, raw.get("source"))
    return parse_problem(raw, str(path)).read_from(str(path.absolute()))


def known_problems() -> list[str]:
    """List the names of the problems in ``problems/``."""
    return sorted(p.stem for p in settings().problems.glob("*.yaml"))


def _find(name_or_path: str) -> Path:
    if name_or_path.lower().endswith((".yaml", ".yml")):
        path = Path(name_or_path)
    else:
        path = settings().problems / f"{name_or_path}.yaml"
    if not path.is_file():
        raise ProblemError(
            f"no problem {name_or_path!r}: known are {', '.join(known_problems())}, or give a path to a .yaml"
        )
    return path


def with_data(problem: Problem, data: str) -> Problem:
    """Put a path, glob or folder in the place of the path of a problem's own source."""
    source: Source = TypeAdapter(Source).validate_python(_file_source(data, problem.source.model_dump()))
    return problem.model_copy(update={"source": source})


def _file_source(data: str, own: Any) -> dict[str, Any]:
    """Return the source of a file, with what the ``own`` source says of cells, and of files if it is of that kind."""
    kind, given = kind_of(data), own if isinstance(own, dict) else {}
    of_cells = {key: given[key] for key in CELL_SETTINGS if key in given}
    return {**(given if given.get("kind") == kind else of_cells), "kind": kind, "path": data}
