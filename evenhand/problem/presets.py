"""Presets of a training, and whose experiment and registered model each one has."""

from __future__ import annotations

from typing import Literal

Preset = Literal["standard", "full", "quick"]


def registered_name(problem: str, preset: str) -> str:
    """Name the experiment and the registered model of a problem.

    A quick try never touches those of the real problem. A full training asks the same question of the same rows as a
    standard one, so that its winner may follow that one's.

    Examples
    --------
    >>> registered_name("toronto", "full"), registered_name("toronto", "quick")
    ('toronto', 'toronto-quick')
    """
    return f"{problem}-quick" if preset == "quick" else problem
