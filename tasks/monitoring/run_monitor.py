"""One run of the monitor: read what is new, test what is complete, count what is mature, and say what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import ProblemError
from evenhand.monitoring.examine_labels import Cohort, examine_labels
from evenhand.monitoring.examine_rows import examine_rows
from evenhand.monitoring.periods import period_end
from evenhand.monitoring.state import MonitorAlarm, MonitorState
from evenhand.problem import Problem
from tasks.data.problems import load_problem
from tasks.monitoring.ask import ask_for_training
from tasks.monitoring.new_rows import LABEL, labelled_rows, newest_day, read_file, take_labels, take_rows
from tasks.monitoring.publish import publish
from tasks.monitoring.watched import Watched, order_column, read_state, watched_champion, write_state
from tasks.scoring.kept_predictions import PERIOD, PREDICTED


class MonitorRequest(BaseModel):
    """Compare new rows and late labels with what the champion promised."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="a name in problems/, or the path of a YAML file")
    data: str | None = Field(
        default=None, description="new rows: a CSV or Parquet file, or a glob; with the target where it is known"
    )
    labels: str | None = Field(
        default=None,
        description="late labels: the target with the column monitor.id, or with the columns of the model",
    )
    as_of: date | None = Field(
        default=None, description="day up to which rows and labels are complete; that of the newest row if not given"
    )


class MonitorResult(BaseModel):
    """What a run of the monitor found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    model: str
    version: str
    as_of: str
    periods: int = Field(description="periods that this run tested")
    cohorts: int = Field(description="periods whose labels this run counted")
    waiting: int = Field(description="tested periods whose labels are not counted yet")
    alarms: tuple[MonitorAlarm, ...] = Field(description="new ones")
    asks: bool = Field(description="whether an alarm of this version asks for a training that has no outcome yet")
    cause: str = Field(default="", description="record of the ledger that the training answers")
    notes: tuple[str, ...] = ()
    page: str = ""
    run_id: str = ""


@task(name="monitor", cache_policy=NO_CACHE)
def monitor(request: MonitorRequest) -> MonitorResult:
    """Run the monitor once; the same files again change nothing.

    Raises
    ------
    ProblemError
        When neither rows nor labels are given.
    SourceError
        When a file can't be read, or lacks a column.
    GateError
        When there is no champion, it has no reference, or the registry can't be used.
    StorageError
        When the state can't be read or written; the one before stays.
    """
    if request.data is None and request.labels is None:
        raise ProblemError("nothing to read: give new rows (DATA=new.parquet), late labels (LABELS=late.csv), or both")
    problem = load_problem(request.problem, request.data)
    watched = watched_champion(problem)
    before = read_state(watched)
    state, notes = _read_files(watched, before, request)
    if request.as_of is not None:
        state = state.model_copy(update={"newest": max(state.newest, request.as_of.isoformat())})
    state = _test_complete(watched, state)
    state, waiting = _count_mature(watched, problem, state)
    alarms = tuple(sorted(state.alarms[len(before.alarms) :], key=lambda alarm: alarm.period))
    cause, state = ask_for_training(watched, request.problem, state, alarms)
    result = MonitorResult(
        problem=request.problem,
        model=watched.name,
        version=watched.version,
        as_of=state.newest,
        periods=len(state.inputs) - len(before.inputs),
        cohorts=len(state.labels) - len(before.labels),
        waiting=waiting,
        alarms=alarms,
        asks=bool(cause),
        cause=cause,
        notes=tuple(notes),
    )
    result = publish(watched, problem, state, result, next_step(result))
    write_state(watched, state)
    return result


def next_step(result: MonitorResult) -> str:
    """Say what to do now."""
    kinds = {alarm.action for alarm in result.alarms}
    if result.asks:
        return f"A training is asked for: make train PROBLEM={result.problem} ARGS='--cause {result.cause}'"
    if "repair" in kinds:
        return "Mend the source of the data; nothing is trained on broken columns."
    if "warn" in kinds:
        return "Look at the page: a warning asks for no training."
    return "Nothing to do."


def _read_files(watched: Watched, state: MonitorState, request: MonitorRequest) -> tuple[MonitorState, list[str]]:
    notes: list[str] = []
    for path, of_rows in ((request.data, True), (request.labels, False)):
        if path is None:
            continue
        base = load_problem(request.problem)
        time, target = order_column(base), base.target.column
        named = [base.monitor.id] if base.monitor.id else []
        needed = [*watched.columns, time, *named] if of_rows else [*(named or watched.columns), target]
        file = read_file(request.problem, path, list(dict.fromkeys(needed)))
        if file.sha256 in state.files:
            notes.append(f"{path} was read before: it changes nothing")
            continue
        if of_rows:
            state, left_out = take_rows(watched, state, file)
            if left_out:
                notes.append(
                    f"{left_out:,} of {len(file.frame):,} rows of {path} were left out: seen before, without a period, "
                    "or of a period that has been tested or is part of the reference"
                )
        else:
            take_labels(watched, file)
        newest = max(state.newest, newest_day(file.problem, file.frame))
        state = state.model_copy(update={"files": {**state.files, file.sha256: path}, "newest": newest})
    return state, notes


def _test_complete(watched: Watched, state: MonitorState) -> MonitorState:
    """Test the open periods that have ended, oldest first."""
    for name in sorted(state.open):
        end = period_end(name, watched.monitor.reference.period)
        if end is None or end.isoformat() <= state.newest:
            state = examine_rows(watched.monitor, state, state.open[name])
            state = state.model_copy(update={"open": {key: one for key, one in state.open.items() if key != name}})
    return state


def _count_mature(watched: Watched, problem: Problem, state: MonitorState) -> tuple[MonitorState, int]:
    """Count the labels of every period that is mature, oldest first; return how many periods wait."""
    rows, policy = labelled_rows(watched, problem), problem.monitor
    done, waiting = {one.period for one in state.labels}, 0
    for period, part in rows.groupby(PERIOD, sort=True):
        name = str(period)
        end = period_end(name, watched.monitor.reference.period)
        mature = end is None or (end + timedelta(days=policy.delay_days)).isoformat() <= state.newest
        given = part[part[LABEL] > -2]
        if name in done:
            continue
        if not mature or len(given) < policy.min_labelled * len(part):
            waiting += 1
            continue
        cohort = Cohort(name, len(part), given[LABEL].to_numpy(), given[PREDICTED].to_numpy())
        state = examine_labels(watched.monitor, state, cohort)
    return state, waiting


def as_lines(result: MonitorResult) -> Sequence[str]:
    """Describe a result for a terminal."""
    lines = [
        f"{result.model} version {result.version}: {result.periods} periods tested, labels of {result.cohorts} "
        f"counted, {result.waiting} wait for labels"
    ]
    lines += [f"  {note}" for note in result.notes]
    lines += [f"  {alarm.action:6} {alarm.kind}, {alarm.period}: {alarm.text}" for alarm in result.alarms]
    return [*lines, next_step(result), result.page]
