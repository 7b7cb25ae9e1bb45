"""The embedded tracking store: its database is complete or not there, and follows a home that was moved.

MLflow migrates a new database step by step and can't continue one that was left half way. So it is made under another
name and gets its own when it is complete.

MLflow stores the addresses of artifacts as absolute paths. When the folder that they name is gone and the home has one,
the home was moved, and the paths are changed to where it is now.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from functools import cache
from pathlib import Path

from evenhand.errors import StorageError
from tasks.processes.owner import process_start

ARTIFACTS = "artifacts"
_PARTIAL = ".new-mlflow-"
# Columns of MLflow's database with addresses of artifacts.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


@cache
def prepare_database(path: Path) -> None:
    """Make the database when there is none, and let its addresses follow the home; once for each process and path.

    Raises
    ------
    StorageError
        When the folder can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        else:
            _follow_home(path)
    except OSError as error:
        raise StorageError(
            f"the tracking store {path} can't be made: {error.strerror or error} at {error.filename or path.parent}. "
            "Free space, mend the permissions, or name another folder in EVENHAND_HOME"
        ) from None


def _make(path: Path) -> None:
    import mlflow

    for left in path.parent.glob(f"{_PARTIAL}*"):
        pid = left.name.removeprefix(_PARTIAL).partition(".")[0]
        if not pid.isdecimal() or process_start(int(pid)) is None:
            left.unlink(missing_ok=True)  # of a process that was killed
    partial = path.parent / f"{_PARTIAL}{os.getpid()}.db"
    try:
        mlflow.MlflowClient(tracking_uri=f"sqlite:///{partial}").search_experiments(max_results=1)
        with contextlib.suppress(FileExistsError):  # made by another process in the meantime
            path.hardlink_to(partial)
    finally:
        for left in path.parent.glob(f"{partial.name}*"):
            left.unlink(missing_ok=True)


def _follow_home(path: Path) -> None:
    present = (path.parent / ARTIFACTS).resolve()
    with (
        contextlib.closing(sqlite3.connect(path, timeout=30)) as database,
        contextlib.suppress(sqlite3.DatabaseError),
    ):
        located = database.execute("select distinct artifact_location from experiments").fetchall()
        for (address,) in located:
            former = Path((address or "").removeprefix("file://"))
            moved = former.name == ARTIFACTS and former != present and not former.exists() and present.exists()
            if moved and (address or "").startswith("file://"):
                _readdress(database, address, present.as_uri())


def _readdress(database: sqlite3.Connection, former: str, present: str) -> None:
    with database:  # one transaction
        for table, column in _ADDRESSES:
            known = {row[1] for row in database.execute(f"pragma table_info({table})")}
            if column in known:
                # Names of tables and columns are those above.
                database.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) "  # noqa: S608
                    f"where {column} = ? or substr({column}, 1, ?) = ?",
                    (present, len(former) + 1, former, len(former) + 1, f"{former}/"),
                )
