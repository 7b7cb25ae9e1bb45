"""The folder of a training in ``runs/``: made by a process that owns it, and removed by the next one if it was killed.

While it is open it has a folder ``units/``: what its units leave, the owner's record, and the temporary files of all
libraries, which would stay in ``/tmp`` otherwise.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.processes.owner import is_stale, owner_tags, process_start

UNITS, COMPLETE = "units", "summary.json"
_OWNER, _TEMPORARY, NEW = "owner.json", "tmp", ".new-"


def new_folder(runs: Path, name: str) -> Path:
    """Make a folder with an owner's record, under a name that no other has."""
    remove_left(runs)
    partial = runs / f"{NEW}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    (partial / UNITS / _TEMPORARY).mkdir(parents=True)
    (partial / UNITS / _OWNER).write_text(json.dumps(owner_tags()), encoding="utf-8")
    for attempt in range(1, sys.maxsize):
        folder = runs / (name + (f"-{attempt}" if attempt > 1 else ""))
        if folder.exists():
            continue
        with suppress(OSError):  # made by another training in the meantime: it is not empty
            return partial.rename(folder)
    raise AssertionError("unreachable")


def remove_left(runs: Path) -> None:
    """Remove what killed trainings of this machine left: their folders, or of a finished one its units."""
    for record in runs.glob(f"*/{UNITS}/{_OWNER}"):
        with suppress(OSError, ValueError):
            if is_stale(json.loads(record.read_text(encoding="utf-8"))):
                folder = record.parent.parent
                shutil.rmtree(folder / UNITS if (folder / COMPLETE).exists() else folder, ignore_errors=True)
    for folder in runs.glob(f"{NEW}*"):  # killed before its record was written
        pid = folder.name.removeprefix(NEW).partition("-")[0]
        if not (folder / UNITS / _OWNER).exists() and pid.isdecimal() and process_start(int(pid)) is None:
            if folder.is_symlink():
                folder.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Remove the folder of a training that was stopped before its summary; its fits are kept in the store."""
    if not (folder / COMPLETE).exists():
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def opened(folder: Path) -> Iterator[None]:
    """Let temporary files of this process and of those it starts be made in a training's folder; remove its units."""
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str((folder / UNITS / _TEMPORARY).absolute())
    try:
        yield
    finally:
        tempfile.tempdir = before
        os.environ.pop("TMPDIR", None)
        if variable is not None:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder / UNITS, ignore_errors=True)
