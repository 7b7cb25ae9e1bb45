"""What a run of the monitor leaves: page, JSON, an MLflow run, a Prefect artifact and metrics for Prometheus."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext

from evenhand.monitoring.monitor import track_record
from evenhand.monitoring.state import MonitorState
from evenhand.problem import Problem
from evenhand.report.monitor.data import MonitorView
from evenhand.report.monitor.page import monitor_page
from evenhand.report.table_text import plain_markdown
from tasks.monitoring.prometheus import exposition
from tasks.monitoring.watched import Watched
from tasks.registry.model_versions import short_name
from tasks.settings import settings
from tasks.storage.files import write_json
from tasks.tracking import training_runs

if TYPE_CHECKING:
    from tasks.monitoring.run_monitor import MonitorResult

PAGE, RESULT, METRICS = "monitor.html", "monitor.json", "monitor.prom"


def publish(watched: Watched, problem: Problem, state: MonitorState, result: MonitorResult, step: str) -> MonitorResult:
    """Write everything that a run leaves; return the result with the paths."""
    folder = _new_folder(watched)
    view = MonitorView(
        title=problem.title,
        monitor=watched.monitor,
        state=state,
        new=result.alarms,
        waiting=result.waiting,
        asks=result.asks,
        next_step=step,
        notes=result.notes,
        synthetic=problem.synthetic,
    )
    (folder / PAGE).write_text(monitor_page(view), encoding="utf-8")
    metrics = exposition(watched, state, result)
    (folder / METRICS).write_text(metrics, encoding="utf-8")
    _write_textfile(watched, metrics)
    run_id = _log(watched, problem, state, result, folder)
    done = result.model_copy(update={"page": str(folder / PAGE), "run_id": run_id})
    write_json(
        folder / RESULT,
        {**done.model_dump(mode="json"), "state": state.model_dump(mode="json", exclude={"open", "closed"})},
    )
    if FlowRunContext.get() is not None:
        _artifact(done, step)
    return done


def _log(watched: Watched, problem: Problem, state: MonitorState, result: MonitorResult, folder: Path) -> str:
    run_id = training_runs.start_training(
        experiment=f"monitor-{short_name(watched.name)}",
        run_name=folder.name,
        params={"model": watched.name, "version": watched.version, "false_alarm": problem.monitor.false_alarm},
        tags={"asks": str(result.asks).lower(), "alarms": str(len(result.alarms))},
    )
    inside, of = track_record(state)
    metrics: dict[str, float] = {"alarms": len(result.alarms), "periods": result.periods, "cohorts": result.cohorts}
    if state.labels:
        metrics |= {"error": state.labels[-1].error, "macro_f1": state.labels[-1].macro_f1}
    if state.inputs and state.inputs[-1].p_inputs is not None:
        metrics["p_inputs"] = state.inputs[-1].p_inputs
    if of:
        metrics["estimates_inside_interval"] = inside / of
    training_runs.log_training(run_id, metrics, {}, folder)
    training_runs.end_training(run_id, "FINISHED")
    return run_id


def _artifact(result: MonitorResult, step: str) -> None:
    lines = [f"- {plain_markdown(f'{a.kind}, {a.period}: {a.text}')}" for a in result.alarms] or ["- no new alarm"]
    text = (
        f"# {result.model} version {result.version}\n\n{step}\n\n" + "\n".join(lines) + f"\n\nPage: `{result.page}`\n"
    )
    key = re.sub(r"[^a-z0-9-]+", "-", f"monitor-{result.model}".lower())
    create_markdown_artifact(text, key=key, description="What the monitor found")


def _write_textfile(watched: Watched, metrics: str) -> None:
    """Replace the file that the textfile collector of Prometheus' node exporter reads."""
    folder = settings().home / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{watched.name}.{os.getpid()}"
    partial.write_text(metrics, encoding="utf-8")
    partial.replace(folder / f"{watched.name}.prom")


def _new_folder(watched: Watched) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    folder = settings().runs / f"{stamp}-monitor-{short_name(watched.name)}"
    folder.mkdir(parents=True)
    return folder
