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
        A CSV or Parquet path or glob that takes the place of the path of the problem's own source; delimiter, encoding
        and other settings stay.

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
    """Put a CSV or Parquet path or glob in the place of the path of a problem's own source."""
    given = _file_source(data, problem.source.model_dump())
    source = (ParquetSource if given["kind"] == "parquet" else CsvSource).model_validate(given)
    return problem.model_copy(update={"source": source})


def _file_source(data: str, own: Any) -> dict[str, Any]:
    """Return the source of a file, with the settings of the problem's ``own`` source if that is of the same kind."""
    kind = "parquet" if data.lower().endswith(PARQUET) else "csv"
    settings_of_kind = own if isinstance(own, dict) and own.get("kind") == kind else {}
    return {**settings_of_kind, "kind": kind, "path": data}
