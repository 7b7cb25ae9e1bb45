"""Trainings that are killed, one after the other, each at another moment; the last one is as if there had been one.

docs/faults.md has the table of moments.
"""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from evenhand.report.summary import Summary
from tasks.settings import ROOT, settings
from tests.e2e.conftest import SEED

HOOK = Path(__file__).parent / "killing"
EXITS = {"KILL": -signal.SIGKILL, "TERM": 128 + signal.SIGTERM, "HUP": 128 + signal.SIGHUP}
# What is called when; in the order of a training.
MOMENTS = [
    ("training", "tasks.training.training:new_folder:1:before"),
    ("training", "tasks.training.training:new_folder:1:after"),
    ("training", "tasks.tracking.run_writer:create_run:1:before"),
    ("training", "tasks.tracking.training_runs:create_run:1:after"),
    ("ingest", "tasks.data.ingest:ingest:1:after"),
    ("validate", "tasks.data.validate:validate:1:after"),
    ("split", "tasks.data.split:split:1:before"),
    ("split", "tasks.data.split:split:1:after"),
    ("inputs", "tasks.tracking.run_inputs:log_input:2:after"),
    ("fit", "tasks.training.units:run_unit:1:before"),
    ("keep", "tasks.training.kept.kept_fits:KeptFits._keep:1:before"),
    ("keep", "tasks.storage.folder:_link:1:before"),
    ("fit", "tasks.training.units:run_unit:2:after"),
    ("keep", "tasks.training.kept.kept_fits:KeptFits._keep:1:after"),
    ("evaluate", "tasks.training.evaluate:evaluate:2:before"),
    ("stack", "tasks.training.stack:stack_best:1:after"),
    ("refit", "tasks.registry.store_model:write_model:1:before"),
    ("refit", "tasks.registry.store_model:write_model:1:after"),
    ("refit", "tasks.training.kept.kept_fits:KeptFits.keep_model:1:after"),
    ("draw", "tasks.reporting.draw:draw_files:1:after"),
    ("leaks", "tasks.training.leak_check:find_leaks:1:after"),
    ("compare", "tasks.training.compare:compare:1:after"),
    ("log", "tasks.tracking.run_writer:create_run:2:after"),
    ("log", "tasks.tracking.run_writer:log_files:1:before"),
    ("register", "mlflow.tracking.client:MlflowClient.create_logged_model:1:after"),
    ("register", "tasks.registry.store_model:log_model:1:after"),
    ("register", "mlflow.tracking.client:MlflowClient.create_model_version:1:before"),
    ("register", "mlflow.tracking.client:MlflowClient.create_model_version:1:after"),
    ("ledger", "tasks.registry.witness:add_entry:1:after"),
    ("ledger", "tasks.registry.champion_alias:add_record:1:after"),
    ("register", "tasks.registry.register_version:register:1:after"),
    ("gate", "tasks.gate.run_gate:_decide:1:after"),
    ("gate", "tasks.registry.verdicts:record_verdict:1:before"),
    ("gate", "tasks.registry.verdicts:record_verdict:1:after"),
    ("review", "tasks.review.request_review:request_review:1:after"),
    ("report", "tasks.reporting.finish:_write_files:1:after"),
    ("report", "tasks.reporting.finish:log_parent:1:before"),
    ("report", "tasks.reporting.finish:log_parent:1:after"),
]
HOWS = ("KILL-process", "KILL-group", "TERM-group", "HUP-group")


def start(problem, scratch, at="", how="", runner="threads"):
    """Run a training that a hook may kill; returns the finished process."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(HOOK),
        "TMPDIR": str(scratch / "tmp"),
        "KILL_AT": at,
        "KILL_HOW": how,
        "KEPT_LOG": str(scratch / "kept.log"),
    }
    command = [sys.executable, "-m", "flows.train", "--problem", problem, "--seed", SEED, "--runner", runner]
    return subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        start_new_session=True,
        check=False,
    )


def living(home):
    """Return the processes that were started with this home, but for this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"EVENHAND_HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0")
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if ours and state != "Z" and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def open_in_prefect(home):
    with closing(sqlite3.connect(f"file:{home / 'prefect' / 'prefect.db'}?mode=ro", uri=True)) as database:
        query = "select state_type from {} where state_type in ('PENDING', 'RUNNING', 'CANCELLING')"
        return [row for table in ("flow_run", "task_run") for row in database.execute(query.format(table))]


def check_nothing_left(home, runs, scratch):
    """What a killed training may not leave once another one has ended."""
    from tasks.tracking.client import connect

    client = connect()
    experiments = [one.experiment_id for one in client.search_experiments()]
    assert list(client.search_runs(experiments, "attributes.status = 'RUNNING'")) == []
    assert open_in_prefect(home) == []
    assert living(home) == []
    assert list((scratch / "tmp").iterdir()) == []
    for folder in runs.iterdir():
        assert folder.is_symlink() or (folder / "summary.json").exists(), folder
        assert not (folder / "units").exists(), folder
    assert [path for path in home.rglob("*") if path.name.endswith((".part", ".partial"))] == []


def versions():
    from tasks.tracking.client import connect

    return [str(one.version) for one in connect().search_model_versions("name = 'evenhand-small'")]


def outcome(home, runs):
    """Return what a training has found, without ids and times; and the probabilities of every fit."""
    folder = (runs / "latest").resolve()
    summary = Summary.model_validate_json((folder / "summary.json").read_text()).model_dump(mode="json")
    for name in ("id", "seconds", "model"):
        summary.pop(name)
    for candidate in summary["candidates"]:
        candidate.pop("fit_seconds")
    names = [*folder.glob("*.png"), folder / "evidence.json", *folder.glob("candidates/*/*")]
    files = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in names}
    arrays = {}
    for path in (home / "store" / "kept").iterdir():
        header, _, payload = path.read_bytes().partition(b"\n")[2].partition(b"\n")
        if "columns" not in json.loads(header)["record"]:  # of a model the bytes hold addresses of its process
            arrays[path.name] = hashlib.sha256(payload).hexdigest()
    return summary, files, arrays


def undisturbed(one_training):
    home, runs = (Path(one_training.environment[name]) for name in ("EVENHAND_HOME", "EVENHAND_RUNS"))
    return outcome(home, runs)


def killed_in_turn(moments, hows, problem, scratch):
    """Start a training for each moment, and kill it there."""
    home, runs, ended = settings().home, settings().runs, []
    (scratch / "tmp").mkdir()
    for position, (_, at) in enumerate(moments):
        how = hows[position % len(hows)]
        done = start(problem, scratch, at, how)
        expected = EXITS[how.partition("-")[0]]
        ended.append((at, how, done.returncode))
        assert done.returncode == expected, (at, how, done.stdout[-2000:], done.stderr[-2000:])
        if expected > 0:
            assert done.stderr.split() == ["Stopped."], (at, how, done.stderr)
    done = start(problem, scratch)
    assert done.returncode == 0, done.stdout + done.stderr
    check_nothing_left(home, runs, scratch)
    assert len(versions()) == 1
    kept = (scratch / "kept.log").read_text().splitlines()
    fits = [line for line in kept if not line.endswith("model")]
    assert len(fits) == len(set(fits)), "a finished fit was made again"
    return outcome(home, runs)


@pytest.mark.parametrize("hows", [HOWS[:2], pytest.param(HOWS[2:], marks=pytest.mark.soak)], ids=["kill", "end"])
def test_a_training_killed_again_and_again_ends_as_if_it_had_not_been(small, one_training, tmp_path, hows):
    moments = MOMENTS[1::9] if hows == HOWS[:2] else MOMENTS[3::6]
    assert killed_in_turn(moments, hows, small(), tmp_path) == undisturbed(one_training)


@pytest.mark.soak
@pytest.mark.parametrize("how", HOWS)
def test_every_moment_and_every_signal(small, one_training, tmp_path, how):
    assert killed_in_turn(MOMENTS, (how,), small(), tmp_path) == undisturbed(one_training)


def test_the_documentation_lists_the_moments():
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    found = [line for line in page.splitlines() if line.startswith("| ") and "` of `" in line]
    wanted = []
    for step, at in MOMENTS:
        module, function, n, when = at.split(":")
        wanted.append(f"| {step} | {when} `{function}` of `{module}`{'' if n == '1' else f', call {n}'} |")
    assert found == wanted


def test_a_killed_server_and_a_killed_worker_end_no_training(small, one_training, tmp_path):
    problem = small()
    (tmp_path / "tmp").mkdir()
    done = start(problem, tmp_path, "tasks.training.fit:_fit:2:before", "KILL-worker", "processes")
    assert done.returncode == 0, done.stdout + done.stderr
    done = start(problem, tmp_path, "tasks.training.stack:stack_best:1:before", "KILL-server")
    assert done.returncode == 0, done.stdout + done.stderr
    check_nothing_left(settings().home, settings().runs, tmp_path)
    assert outcome(settings().home, settings().runs) == undisturbed(one_training)
