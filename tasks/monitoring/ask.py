"""Ask for a training: a record in the ledger, and an event for the automation of prefect.yaml, once per cause."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL

from evenhand.monitoring.state import MonitorAlarm, MonitorState
from tasks.monitoring.watched import Watched
from tasks.registry.causes import open_cause, record_alarm

EVENT = "training.asked"


def ask_for_training(
    watched: Watched, problem: str, state: MonitorState, alarms: Sequence[MonitorAlarm]
) -> tuple[str, MonitorState]:
    """Record the alarms that ask for a training and emit their event.

    Returns
    -------
    str
        The cause that has no outcome yet; empty where none is asked for.
    MonitorState
        Which knows for which causes the event was emitted.
    """
    asking = [alarm for alarm in alarms if alarm.action == "train"]
    if asking:
        subjects = [f"{alarm.kind}: {alarm.subject or 'all rows'}" for alarm in asking]
        text = "; ".join(f"{alarm.period}: {alarm.text}" for alarm in asking)
        record_alarm(watched.name, watched.version, subjects, asking[-1].period, text)
    cause = open_cause(watched.name, watched.version)
    if not cause or cause in state.asked:
        return cause, state
    if PREFECT_API_URL.value():
        emit_request(watched.name, watched.version, problem, cause)
    return cause, state.model_copy(update={"asked": (*state.asked, cause)})


def emit_request(name: str, version: str, problem: str, cause: str) -> None:
    """Emit the event that the automation of ``prefect.yaml`` turns into a training."""
    emit_event(
        EVENT,
        resource={"prefect.resource.id": f"evenhand.model.{name}.{version}"},
        payload={"problem": problem, "cause": cause, "model": name, "version": version},
    )
