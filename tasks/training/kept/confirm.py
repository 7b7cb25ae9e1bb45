"""Confirm: what a registered model rests on is fitted by this home, whatever a shared store says.

Units of other homes serve the comparison. Those of the winner decide its calibration and its decision rule, which are a
part of the model, so they are fitted again here, and must be the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evenhand.data.fold_names import fold_label
from evenhand.errors import StorageError
from evenhand.training.candidates import Candidate
from tasks.training.fit import fit_again
from tasks.training.unit_runner import UnitRunner
from tasks.training.units import Unit


def confirmed_units(
    runner: UnitRunner, winner: Candidate, fold_units: Mapping[str, Sequence[Unit]]
) -> tuple[Unit, ...]:
    """Return the out-of-fold units that a winner rests on: its own, or those of the stack and of its members.

    Units that another home has kept are fitted again, and take their place in the store.

    Raises
    ------
    StorageError
        When one of them is not what this machine fits.
    """
    names = [winner.fit_name, *(member.fit_name for member in getattr(winner, "members", ()))]
    units = [unit for name in names for unit in fold_units[name]]
    foreign, kept = [unit for unit in units if unit.foreign], runner.training.kept
    if not foreign or kept is None:
        return tuple(units)
    runner.training.say(
        f"          {len(foreign)} fits of {winner.name} come from another home: fitted again before it is stored"
    )
    stored = [_content(unit) for unit in foreign]  # read before the new ones take the place of their files
    futures = [fit_again.submit(runner.context, unit.candidate, unit.fold, runner.workers, kept) for unit in foreign]
    for unit, content, future in zip(foreign, stored, futures, strict=True):
        if _content(future.result()) != content:
            raise StorageError(
                f"{unit.candidate.name}, {fold_label(unit.fold)}: the store has other probabilities than this machine "
                "fits. Nothing is registered. NO_REUSE=1 fits everything here; and find out who writes in the store"
            )
    return tuple(units)


def _content(unit: Unit) -> tuple[bytes | None, object, object, object]:
    found = None if unit.probabilities is None else unit.probabilities.read_bytes()
    return found, unit.resampling, unit.skipped, unit.leaks
