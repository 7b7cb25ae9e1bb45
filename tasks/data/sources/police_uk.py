"""Street-level crime as data.police.uk publishes it: ``YYYY-MM/YYYY-MM-<force>-street.csv``, twelve columns."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa

from evenhand.errors import SourceError
from evenhand.problem import PoliceUkSource
from tasks.data.sources.fetched import Fetched, check_columns
from tasks.data.sources.files import read_files
from tasks.data.sources.text import read_csv

COLUMNS = (
    "Crime ID",
    "Month",
    "Reported by",
    "Falls within",
    "Longitude",
    "Latitude",
    "Location",
    "LSOA code",
    "LSOA name",
    "Crime type",
    "Last outcome category",
    "Context",
)
_FILE = re.compile(r"(\d{4}-\d{2})-(.+)-street\.csv")


def fetch_police_uk(source: PoliceUkSource, cache: Path) -> Fetched:
    """Read all monthly files of the forces that ``source.force`` matches, in chronological order.

    Raises
    ------
    SourceError
        When the folder holds no such month or force, or a file does not have the twelve columns.
    """
    folder = Path(source.path).expanduser()
    if not folder.is_dir():
        raise SourceError(f"{source.path} is not a folder; paths start from {Path.cwd()}")
    forces = _forces(folder)
    if not forces:
        raise SourceError(
            f"{source.path} contains no YYYY-MM/YYYY-MM-<force>-street.csv, as data.police.uk publishes them"
        )
    wanted = sorted(path for path, force in forces.items() if fnmatchcase(force, source.force))
    if not wanted:
        known = ", ".join(sorted(set(forces.values())))
        raise SourceError(f"{source.path} contains no file of the force {source.force!r}; it has: {known}")
    return read_files(wanted, f"data.police.uk, {source.path}, force {source.force}", _street)


def _forces(folder: Path) -> dict[Path, str]:
    """Each monthly file and its force."""
    found = {}
    for path in folder.glob("*/*-street.csv"):
        name = _FILE.fullmatch(path.name)
        if name and name[1] == path.parent.name:
            found[path] = name[2]
    return found


def _street(data: bytes, name: str) -> pa.Table:
    table = read_csv(data, name)
    check_columns(table.column_names, COLUMNS, name, of="data.police.uk")
    return table
