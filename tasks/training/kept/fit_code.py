"""A hash of the code that fits a unit, and of the libraries that it computes with."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from tasks.settings import ROOT

# What runs between the rows and the probabilities of a unit; tests/edges/training/test_kept.py finds what is missing.
FITTING = ("data", "features", "models", "problem", "scoring", "strategies", "text", "training")
# What runs, besides, between the probabilities and the calibration and decision rule of a stored model.
POSTPROCESSING = ("evidence", "metrics", "postprocess")
LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "imbalanced-learn", "lightgbm")
_ROWS_AND_FOLDS = ROOT / "tasks" / "training" / "context.py"


def _hash(packages: Sequence[str]) -> str:
    digest = hashlib.sha256()
    files = [path for package in packages for path in (ROOT / "evenhand" / package).rglob("*.py")]
    for path in [_ROWS_AND_FOLDS, *sorted(files)]:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + Path(path).read_bytes() + b"\0")
    return digest.hexdigest()


# Read as the module is imported, beside the code itself: a file that is edited while a training runs does not fit it.
FIT_CODE = _hash(FITTING)
POSTPROCESSING_CODE = _hash((*FITTING, *POSTPROCESSING))


@cache
def fit_versions() -> dict[str, str]:
    """Return the versions that the digits of a fit may depend on."""
    libraries = {name: version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), "machine": platform.machine(), **libraries}
