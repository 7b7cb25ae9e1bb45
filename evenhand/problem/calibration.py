"""Ways to correct probabilities, as a problem names them."""

from __future__ import annotations

from typing import Literal, get_args

CalibrationMethod = Literal["none", "prior", "temperature", "sigmoid", "isotonic"]
CALIBRATIONS: tuple[str, ...] = get_args(CalibrationMethod)
