"""The champion that is watched: its model, its reference and what the monitor knew after its last run."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from evenhand.audit.chain import Record
from evenhand.errors import GateError, StorageError
from evenhand.monitoring.monitor import Monitor
from evenhand.monitoring.state import MonitorState
from evenhand.monitoring.summaries import MonitorReference
from evenhand.problem import Problem
from evenhand.scoring.model import FittedCandidate
from tasks.registry.champion_alias import settled_champion
from tasks.registry.load_model import load_with_reference
from tasks.registry.model_versions import ModelName, model_name, registry_errors, short_name
from tasks.scoring.kept_predictions import make_private
from tasks.storage.store import open_store
from tasks.tracking.client import connect


@dataclass(frozen=True, eq=False)
class Watched:
    """A champion with its reference.

    Attributes
    ----------
    name : ModelName
    version : str
    sha256 : str
        Of its files.
    promotion : Record
    fitted : FittedCandidate
    monitor : Monitor
    """

    name: ModelName
    version: str
    sha256: str
    promotion: Record
    fitted: FittedCandidate
    monitor: Monitor

    @property
    def columns(self) -> list[str]:
        """Raw columns of the model."""
        return [str(name) for name in self.fitted.encoder.feature_names_in_]

    @property
    def folder(self) -> str:
        """Where the monitor keeps its things in the store."""
        return f"monitoring/{self.name}/v{self.version}-{self.sha256[:12]}"


def order_column(problem: Problem) -> str:
    """Return the column that puts rows in order, in whose periods the monitor counts.

    Raises
    ------
    GateError
        When the rows are held out at random, so that none is newer than another.
    """
    column = problem.split.holdout.order
    if column is None:
        raise GateError(
            f"{problem.name} holds rows out at random, so none is newer than another and there is no period to watch: "
            "write split.holdout with the column of a time (start or last), and train again"
        )
    return column


def watched_champion(problem: Problem) -> Watched:
    """Load the champion of the ledger, its bytes checked.

    Raises
    ------
    GateError
        When there is no champion, or it was registered without a reference; the message says what to do.
    """
    order_column(problem)
    name = model_name(problem.name)
    with registry_errors(f"looking for the champion of {name}"):
        promoted = settled_champion(connect(), name)[1]
    if promoted is None:
        raise GateError(f"{name} has no champion to watch: approve a version (make review)")
    title = f"{name} version {promoted.version}"
    with registry_errors(f"loading {title}"):
        fitted, data = load_with_reference(f"models:/{name}/{promoted.version}", promoted.model_sha256)
    if data is None:
        raise GateError(
            f"{title} has no reference to compare new rows with: an earlier version of this program registered it. "
            f"Train again (make train PROBLEM={short_name(name)}) and approve the new version (make review)"
        )
    monitor = Monitor.of(MonitorReference.from_bytes(data), problem.monitor)
    return Watched(name, promoted.version, promoted.model_sha256, promoted.move, fitted, monitor)


def read_state(watched: Watched) -> MonitorState:
    """Read what the last run has left; a new state before the first run.

    Raises
    ------
    StorageError
        When it can't be read.
    """
    store, key = open_store(), _key(watched)
    if not store.exists(key):
        return MonitorState(model=watched.name, version=watched.version, model_sha256=watched.sha256)
    try:
        return MonitorState.model_validate_json(store.local(key).read_bytes())
    except (OSError, ValidationError) as error:
        raise StorageError(
            f"the state of the monitor can't be read from {store.uri(key)}: {type(error).__name__}. Restore it from a "
            "backup, or delete it: the detectors of this version then start again"
        ) from None


def write_state(watched: Watched, state: MonitorState) -> None:
    """Keep the state; the one before is replaced at once, or stays."""
    open_store().put_bytes(state.model_dump_json().encode(), _key(watched), overwrite=True)
    make_private(_key(watched))


def _key(watched: Watched) -> str:
    return f"{watched.folder}/state.json"
