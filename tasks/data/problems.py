"""Problem files: found by name or path, read into :class:`evenhand.problem.Problem`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from evenhand.errors import ProblemError
from evenhand.problem import CsvSource, ParquetSource, Problem, parse_problem
from tasks.settings import settings

PARQUET = (".parquet", ".pq")


def load_problem(name_or_path: str, data: str | None = None) -> Problem:
    """Read a problem.

    Parameters
    ----------
    name_or_path : str
        A name in ``problems/`` or a path that ends in ``.yaml`` or ``.yml``.
    data : str, optional
        A CSV or Parquet path or glob that takes the place of the problem's own source.

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
        raw["source"] = _file_source(data)
    return parse_problem(raw, str(path)).read_from(str(path.absolute()))


def known_problems() -> list[str]:
    """List the names of the problems in ``problems/``."""
    return sorted(p.stem for p in settings().problems.glob("*.yaml"))


def _find(name_or_path: str) -> Path:
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
    else:
        path = settings().problems / f"{name_or_path}.yaml"
    if not path.is_file():
        raise ProblemError(
            f"no problem {name_or_path!r}: known are {', '.join(known_problems())}, or give a path to a .yaml"
        )
    return path


def with_data(problem: Problem, data: str) -> Problem:
    """Put a CSV or Parquet path or glob in the place of a problem's own source."""
    source = (ParquetSource if data.endswith(PARQUET) else CsvSource).model_validate(_file_source(data))
    return problem.model_copy(update={"source": source})


def _file_source(data: str) -> dict[str, str]:
    kind = "parquet" if data.endswith(PARQUET) else "csv"
    return {"kind": kind, "path": data}
