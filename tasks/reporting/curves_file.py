"""The file that a fit's figures are drawn from: some kilobytes per class, however many rows there were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from evenhand.errors import EvenhandError
from evenhand.report.fit_curves import CalibrationLine, ClassCalibration, Curve, FitCurves
from tasks.storage.files import write_bytes

CURVES = "curves.npz"
_AT = "at"  # in the place of an array: where its numbers are among those of all


def write_curves(path: Path, found: FitCurves) -> None:
    """Write the curves of a fit: their numbers, as 32-bit floats, and everything else as JSON."""
    numbers: list[np.ndarray] = []
    text = json.dumps(_packed(found, numbers))
    buffer = BytesIO()
    every = np.concatenate([np.empty(0), *numbers]).astype(np.float32)
    np.savez_compressed(buffer, numbers=every, text=np.array(text))
    write_bytes(path, buffer.getvalue())


def read_curves(path: Path) -> FitCurves:
    """Read the curves of a fit.

    Raises
    ------
    EvenhandError
        When the file can't be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = _unpacked(json.loads(str(file["text"])), file["numbers"])
        return FitCurves(
            **{
                **found,
                "classes": tuple(found["classes"]),
                "calibration": [_class_calibration(one) for one in found["calibration"]],
                **{name: [_curve(one) for one in found[name]] for name in _CURVES},
            }
        )
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise EvenhandError(f"{path} holds no curves of a fit: {type(error).__name__}: {error}") from None


_CURVES = ("precision_recall", "roc", "precision_recall_held_out")


def _curve(values: Mapping[str, Any]) -> Curve:
    return Curve(**{**values, "chance": tuple(values["chance"])})


def _class_calibration(values: Mapping[str, Any]) -> ClassCalibration:
    return ClassCalibration(**{**values, "lines": [CalibrationLine(**line) for line in values["lines"]]})


def _packed(value: Any, numbers: list[np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        start = sum(map(len, numbers))
        numbers.append(value)
        return {_AT: [start, start + len(value)]}
    if is_dataclass(value):
        return {one.name: _packed(getattr(value, one.name), numbers) for one in fields(value)}
    if isinstance(value, list | tuple):
        return [_packed(one, numbers) for one in value]
    return value


def _unpacked(value: Any, numbers: np.ndarray) -> Any:
    if isinstance(value, dict):
        if set(value) == {_AT}:
            return numbers[slice(*value[_AT])]
        return {name: _unpacked(one, numbers) for name, one in value.items()}
    if isinstance(value, list):
        return [_unpacked(one, numbers) for one in value]
    return value
