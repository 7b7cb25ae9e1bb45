"""Fits that are kept: read when a training asks for the same fit again, written when it had to be made."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from evenhand.data.fold_names import HOLDOUT_FOLD, fold_label
from evenhand.errors import StorageError
from evenhand.metrics.scores import score
from evenhand.strategies import ResamplingRecord
from evenhand.text.printable import printable
from evenhand.training.candidates import Candidate
from tasks.registry.store_model import ModelFile
from tasks.settings import settings
from tasks.storage.folder import Store
from tasks.storage.store import open_store
from tasks.training.context import TrainingContext
from tasks.training.kept.kept_file import Damaged, KeptFile, from_bytes, to_bytes
from tasks.training.kept.keys import model_key, unit_key
from tasks.training.kept.stamp import home_secret
from tasks.training.units import Unit, write_probabilities

FOLDER = "kept/"


class KeptFits:
    """The fits in a store, for one training; safe to use from several threads.

    Parameters
    ----------
    notify : callable
        Takes a line for the user.
    reuse : bool
        False: nothing is read, and what is fitted takes the place of what is kept.
    """

    def __init__(self, notify: Callable[[str], None], reuse: bool = True) -> None:
        self._notify, self._reuse = notify, reuse
        self._store: Store = open_store()
        self._secret = home_secret(settings().home)
        self._lock = threading.Lock()
        self._counts: Counter[Literal["read", "fitted"]] = Counter()
        self._warned: set[str] = set()

    def unit(
        self, context: TrainingContext, candidate: Candidate, fold: int, fit: Callable[[], Unit], reuse: bool = True
    ) -> Unit:
        """Return a unit of an earlier training, or fit it and keep it.

        Parameters
        ----------
        context : TrainingContext
        candidate : Candidate
        fold : int
        fit : callable
            Fits it.
        reuse : bool
            False fits it in any case.
        """
        if candidate.model.distributed:  # its digits depend on the cluster
            self._count("fitted")
            return fit()
        key = unit_key(context, candidate, fold)
        found = self._find_unit(context, candidate, fold, key) if reuse else None
        if found is not None:
            return found
        made = fit()
        self.keep_unit(key, made)
        return made

    def keep_unit(self, key: str, unit: Unit) -> None:
        """Keep a unit that this training has fitted."""
        payload = unit.probabilities.read_bytes() if unit.probabilities is not None else b""
        self._count("fitted")
        self._keep(KeptFile(key, _record(unit), payload), f"{unit.candidate.name}, {fold_label(unit.fold)}")

    def model(
        self,
        context: TrainingContext,
        winner: Candidate,
        members: Sequence[Candidate],
        fold_units: Sequence[Unit],
        path: Path,
    ) -> tuple[ModelFile, list[Unit]] | None:
        """Return the model of a winner with the held-out units of its members, when this home has kept all of them.

        Parameters
        ----------
        context, winner, members, fold_units
            As for :func:`tasks.training.kept.keys.model_key`.
        path : Path
            Where the model is written.
        """
        if any(member.model.distributed for member in members):
            return None
        found = self._find(model_key(context, winner, members, fold_units), f"{winner.name}, model")
        if found is None or not found.own:
            return None
        units = []
        for member in members:
            key = unit_key(context, member, HOLDOUT_FOLD)
            unit = self._find_unit(context, member, HOLDOUT_FOLD, key)
            if unit is None or unit.foreign:
                return None
            units.append(unit)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found.payload)
        return ModelFile(path, tuple(found.record["columns"])), units

    def keep_model(
        self,
        context: TrainingContext,
        winner: Candidate,
        members: Sequence[Unit],
        fold_units: Sequence[Unit],
        model: ModelFile,
    ) -> None:
        """Keep the model of a winner, and the held-out units of its members, which were fitted with it."""
        candidates = [unit.candidate for unit in members]
        if any(candidate.model.distributed for candidate in candidates):
            return
        for unit in members:
            self.keep_unit(unit_key(context, unit.candidate, HOLDOUT_FOLD), unit)
        key = model_key(context, winner, candidates, fold_units)
        kept = KeptFile(key, {"columns": list(model.columns)}, model.path.read_bytes())
        self._keep(kept, f"{winner.name}, model")

    @property
    def counts(self) -> tuple[int, int]:
        """Fits that were read, and fits that were made."""
        return self._counts["read"], self._counts["fitted"]

    def prune(self) -> None:
        """Remove the oldest fits, until what is left is within ``EVENHAND_UNITS_LIMIT``."""
        limit = int(settings().units_limit)
        found = sorted(self._store.objects(FOLDER), key=lambda one: (one.modified, one.key), reverse=True)
        total = 0
        for one in found:
            total += one.bytes
            if total > limit:
                self._store.delete(one.key)

    def _find_unit(self, context: TrainingContext, candidate: Candidate, fold: int, key: str) -> Unit | None:
        what = f"{candidate.name}, {fold_label(fold)}"
        kept = self._find(key, what)
        if kept is None:
            return None
        try:
            unit = _unit(context, candidate, fold, kept)
        except (ValueError, TypeError, KeyError) as error:  # a store may hold anything under a key
            self._warn(f"  {what}: the kept fit is unusable ({error}); it is fitted again")
            return None
        self._count("read")
        return unit

    def _find(self, key: str, what: str) -> KeptFile | None:
        if not self._reuse:
            return None
        try:
            data = self._store.read_bytes(_object_key(key))
            return None if data is None else from_bytes(data, key, self._secret)
        except Damaged as error:
            self._warn(f"  {what}: the kept fit is {error}; it is fitted again")
        except StorageError as error:
            self._warn(f"  warning: kept fits can't be read, so they are fitted again: {error}", once="read")
        return None

    def _keep(self, kept: KeptFile, what: str) -> None:
        try:
            self._store.put_bytes(to_bytes(kept, self._secret), _object_key(kept.key), overwrite=True)
        except StorageError as error:
            self._warn(f"  warning: {what} can't be kept for another training: {error}", once="write")

    def _count(self, what: Literal["read", "fitted"]) -> None:
        with self._lock:
            self._counts[what] += 1

    def _warn(self, line: str, once: str = "") -> None:
        with self._lock:
            known = once in self._warned
            if once:
                self._warned.add(once)
        if not known:
            self._notify(printable(line))


def _object_key(key: str) -> str:
    return f"{FOLDER}{key}"


def _record(unit: Unit) -> dict[str, Any]:
    return {
        "fit_seconds": unit.fit_seconds,
        "resampling": unit.resampling.to_record() if unit.resampling else None,
        "skipped": unit.skipped,
        "importance": list(unit.importance) if unit.importance is not None else None,
        "leaks": list(unit.leaks) if unit.leaks is not None else None,
    }


def _unit(context: TrainingContext, candidate: Candidate, fold: int, kept: KeptFile) -> Unit:
    """Write the probabilities into the training's folder, and make the unit of them.

    Raises
    ------
    ValueError, TypeError, KeyError
        When it is not the unit of this fold.
    """
    record, experiment = kept.record, context.experiment
    foreign = not kept.own
    resampling = _resampling(record["resampling"])
    if record["skipped"] is not None:
        return Unit(candidate, fold, 0.0, None, None, str(record["skipped"]), None, foreign=foreign, read=True)
    rows = experiment.folds[fold].valid
    proba = _array(kept.payload, (len(rows), len(experiment.classes)))
    path = write_probabilities(context, candidate, str(fold), proba)
    primary = score(experiment.y[rows], proba, experiment.classes).metrics[context.problem.metric]
    importance = None if record["importance"] is None else tuple(float(value) for value in record["importance"])
    leaks = None if record["leaks"] is None else tuple(str(leak) for leak in record["leaks"])
    seconds = float(record["fit_seconds"])
    return Unit(candidate, fold, seconds, path, resampling, None, primary, importance, leaks, (), foreign, read=True)


_parsing = threading.Lock()  # as in tasks.storage.files.read_array


def _array(data: bytes, shape: tuple[int, int]) -> np.ndarray:
    with _parsing:
        proba = np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    if proba.shape != shape or proba.dtype != np.float64 or not np.isfinite(proba).all():
        raise ValueError(f"{proba.dtype} of shape {proba.shape} in the place of probabilities of shape {shape}")
    return proba


def _resampling(record: dict[str, Any] | None) -> ResamplingRecord | None:
    if record is None:
        return None
    return ResamplingRecord(**{**record, "adaptations": tuple(record["adaptations"])})
