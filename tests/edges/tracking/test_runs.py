"""MLflow runs in a real SQLite store: what is logged, which runs are closed, which are left open."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from evenhand.data.references import Reference
from evenhand.errors import EvenhandError
from tasks.processes import owner
from tasks.settings import settings
from tasks.tracking import training_runs
from tasks.tracking.candidate_runs import CandidateRun, log_candidate, parent_run
from tasks.tracking.client import connect
from tasks.tracking.run_inputs import log_input

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """An empty store, created once because creating its tables takes seconds."""
    file = tmp_path_factory.mktemp("tables") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture(autouse=True)
def store(home, empty_store):
    target = settings().home / "mlflow.db"
    target.parent.mkdir(parents=True)
    target.write_bytes(empty_store.read_bytes())
    return target


@pytest.fixture
def training():
    return training_runs.start_training("toy", "first", {"seed": 42}, {"identity": "abc"})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "figures").mkdir()
    for i in range(6):
        (tmp_path / "figures" / f"{i}.png").write_bytes(os.urandom(60_000))
    return tmp_path


def get_run(run_id):
    return connect().get_run(run_id)


def start_process(code):
    """Run code in a new process with this test's settings; return the process and its first line of output."""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


OPEN_AND_HANG = """
import time
from tasks.tracking.run_writer import create_run
from tasks.tracking.training_runs import start_training
from tasks.tracking.client import connect
parent = start_training("toy", "killed later", {}, {})
experiment = connect().get_run(parent).info.experiment_id
child = create_run(connect(), experiment, "child", {"mlflow.parentRunId": parent})
print(parent, child, flush=True)
time.sleep(120)
"""


def test_runs_of_a_killed_training_are_closed_at_the_next_start(training):
    process, line = start_process(OPEN_AND_HANG)
    killed = line.split()
    try:
        training_runs.start_training("toy", "while it lives", {}, {})
        assert [get_run(run_id).info.status for run_id in killed] == ["RUNNING", "RUNNING"]
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    training_runs.start_training("toy", "next", {}, {})
    for run_id in killed:
        assert get_run(run_id).info.status == "KILLED"
        assert get_run(run_id).data.tags["evenhand.ended"] == training_runs.KILLED
    assert get_run(training).info.status == "RUNNING"


def test_a_later_process_with_the_same_id_does_not_keep_a_run_open(training):
    connect().set_tag(training, owner.PID_STARTED, "an earlier boot 17")
    assert training_runs.close_stale_runs("toy") == 1
    assert get_run(training).info.status == "KILLED"


@pytest.mark.parametrize(("tag", "value"), [(owner.HOST, "elsewhere"), (owner.PID, ""), (owner.PID_STARTED, "")])
def test_a_run_whose_process_is_unknown_here_is_left_open(training, tag, value):
    connect().set_tag(training, owner.PID, "999999999")
    connect().set_tag(training, tag, value)
    assert training_runs.close_stale_runs("toy") == 0
    assert get_run(training).info.status == "RUNNING"


def test_a_run_without_owner_tags_is_left_open(training):
    foreign = connect().create_run(get_run(training).info.experiment_id).info.run_id
    assert training_runs.close_stale_runs("toy") == 0
    assert get_run(foreign).info.status == "RUNNING"


def test_an_experiment_that_does_not_exist_has_no_stale_runs():
    assert training_runs.close_stale_runs("no such experiment") == 0


def test_a_zombie_process_counts_as_ended():
    process = subprocess.Popen([sys.executable, "-c", ""])
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert owner.process_start(process.pid) is None
    process.wait()


def test_the_start_of_a_process_is_read_from_ps_without_proc(monkeypatch):
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: str(self) != "/proc/self/stat" and real(self))
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0, "Sun Nov 22 01:44\n", ""))
    assert owner.process_start(os.getpid()) == "Sun Nov 22 01:44"
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1, "", ""))
    assert owner.process_start(os.getpid()) is None


def test_the_embedded_store_keeps_its_files_in_home(training, folder):
    training_runs.log_training(training, {}, {}, folder)
    assert len(list(settings().artifacts.rglob("*.png"))) == 6
    assert get_run(training).data.tags[owner.HOST] == socket.gethostname()


def test_a_candidate_is_a_finished_child_run_with_its_values(training):
    metrics = {f"oof_m{i}": i / 7 for i in range(60)}
    params = {"model": "lightgbm", "strategy": "smote", "seed": 42}
    own = log_candidate(parent_run(training), CandidateRun("lightgbm / smote", params, metrics, {"a": "b"}, seconds=90))
    run = get_run(own.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "lightgbm / smote"
    assert run.info.end_time - run.info.start_time >= 90_000
    assert run.data.metrics == metrics
    assert run.data.params == {"model": "lightgbm", "strategy": "smote", "seed": "42"}
    assert run.data.tags["mlflow.parentRunId"] == training
    assert run.data.tags["a"] == "b"
    assert mlflow.active_run() is None


def test_the_requests_of_a_candidate_do_not_grow_with_its_metrics(training, monkeypatch):
    store, calls = type(connect()._tracking_client.store), []
    for name in ("create_run", "log_batch", "update_run_info", "get_run", "log_metric", "set_tag", "log_param"):
        real = getattr(store, name)
        monkeypatch.setattr(store, name, lambda self, *a, _r=real, _n=name, **k: calls.append(_n) or _r(self, *a, **k))
    parent = parent_run(training)
    assert calls == ["get_run"]
    for n_metrics in (3, 600):
        calls.clear()
        log_candidate(parent, CandidateRun("c", {"model": "m"}, {f"m{i}": 0.5 for i in range(n_metrics)}, {"a": "b"}))
        assert calls == ["create_run", "log_batch", "update_run_info"]


def test_text_from_outside_reaches_no_tag_as_it_is(training):
    tags = {"skipped": "class \x1b[2J\u202egnp.exe", "long": "x" * 9_000}
    run = get_run(log_candidate(parent_run(training), CandidateRun("c", {}, {}, tags)).run_id)
    assert run.data.tags["skipped"] == "class \\x1b[2J\\u202egnp.exe"
    assert len(run.data.tags["long"]) == 8_000
    training_runs.end_training(training, "FAILED", "no class \x1b[2J")
    assert get_run(training).data.tags["evenhand.ended"] == "no class \\x1b[2J"


def test_candidates_logged_from_several_threads_keep_their_own_values(training):
    parent = parent_run(training)

    def log(i):
        return log_candidate(parent, CandidateRun(f"c{i}", {"n": i}, {"n": float(i), "twice": 2.0 * i}, {})).run_id

    with ThreadPoolExecutor(4) as pool:
        runs = [get_run(run_id) for run_id in pool.map(log, range(12))]
    assert [run.info.status for run in runs] == ["FINISHED"] * 12
    assert [(r.info.run_name, r.data.params["n"], r.data.metrics["twice"]) for r in runs] == [
        (f"c{i}", str(i), 2.0 * i) for i in range(12)
    ]


def test_tables_and_descriptions_are_on_the_pages(training):
    table = pd.DataFrame({"model": ["lightgbm", "forest"], "score": [0.5, None]})
    training_runs.log_tables(training, {"candidates": table})
    experiment_id = get_run(training).info.experiment_id
    found = connect().load_table(experiment_id, "tables/candidates.json", run_ids=[training])
    assert found["model"].tolist() == ["lightgbm", "forest"]
    training_runs.describe_experiment(training, "What it is about")
    experiment = connect().get_experiment(experiment_id)
    assert experiment.tags["mlflow.note.content"] == "What it is about"


def test_more_metrics_and_params_than_fit_in_one_batch(training):
    metrics = {f"m{i}": float(i) for i in range(2_100)}
    params = {f"p{i}": i for i in range(250)}
    run = get_run(log_candidate(parent_run(training), CandidateRun("many", params, metrics, {})).run_id)
    assert len(run.data.metrics) == 2_100
    assert len(run.data.params) == 250


def test_class_names_that_mlflow_refuses_stay_distinct(training):
    metrics = {"oof_f1/Theft (over $5000)": 0.1, "oof_f1/Theft [over €5000]": 0.2, "oof_f1/Vol à l'étalage": 0.3}
    own = log_candidate(parent_run(training), CandidateRun("names", {"weight of A&B": 2}, metrics, {}))
    run = get_run(own.run_id)
    assert run.data.metrics == {
        "oof_f1/Theft _over _5000_": 0.1,
        "oof_f1/Theft _over _5000__": 0.2,
        "oof_f1/Vol à l_étalage": 0.3,
    }
    assert run.data.params == {"weight of A_B": "2"}


def test_a_candidate_whose_logging_fails_is_a_failed_run(training):
    with pytest.raises(ValueError, match="could not convert"):
        log_candidate(parent_run(training), CandidateRun("broken", {"a": 1}, {"m": "no number"}, {}))
    broken = next(
        r for r in connect().search_runs([get_run(training).info.experiment_id]) if r.info.run_name == "broken"
    )
    assert broken.info.status == "FAILED"
    assert "could not convert" in broken.data.tags["evenhand.ended"]


def test_inputs_have_name_digest_rows_and_context(training):
    columns = {"place": "text", "age": "number", "when": "time"}
    first, second = (Reference(key="rows.parquet", sha256=digit * 64, rows=n) for digit, n in (("d", 70), ("e", 30)))
    log_input(training, "toy training", "/store/rows.parquet", first, columns, "training")
    log_input(training, "toy held out", "s3://bucket/rows.parquet", second, columns, "held out")
    inputs = get_run(training).inputs.dataset_inputs
    found = {i.tags[0].value: i.dataset for i in inputs}
    assert set(found) == {"training", "held out"}
    assert found["training"].digest == "d" * 36
    assert '"num_rows": 70' in found["training"].profile
    assert mlflow.data.get_source(found["training"]).to_dict() == {"uri": "/store/rows.parquet"}
    assert mlflow.data.get_source(found["held out"]).to_dict() == {"uri": "s3://bucket/rows.parquet"}


def test_a_training_ends_with_the_given_status_and_reason(training):
    training_runs.log_training(training, {"oof_macro_f1": 0.38}, {"winner": "lightgbm / capped"})
    training_runs.end_training(training, "FAILED", "ValidationFailed: too many rows in quarantine")
    run = get_run(training)
    assert run.info.status == "FAILED"
    assert run.data.metrics == {"oof_macro_f1": 0.38}
    assert run.data.tags["winner"] == "lightgbm / capped"
    assert run.data.tags["evenhand.ended"] == "ValidationFailed: too many rows in quarantine"


def test_the_compare_page_lists_every_candidate(training):
    parent = parent_run(training)
    children = [log_candidate(parent, CandidateRun(name, {}, {}, {})).run_id for name in ("a", "b")]
    page = training_runs.compare_page(training)
    assert all(child in page for child in children)
    assert training not in page


def test_the_error_for_a_deleted_experiment_has_the_command_that_restores_it(training):
    connect().delete_experiment(get_run(training).info.experiment_id)
    with pytest.raises(EvenhandError, match=r"experiment 'toy' is deleted .* `mlflow experiments restore"):
        training_runs.start_training("toy", "again", {}, {})


def test_a_store_that_is_not_a_database_is_a_clear_error(store):
    store.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(EvenhandError, match=r"tracking store at sqlite:.*can't be used"):
        training_runs.start_training("toy", "t", {}, {})


def test_the_password_in_the_address_is_not_shown(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:9/runs")
    settings.cache_clear()
    assert training_runs.public_address() == "postgresql://***@127.0.0.1:9/runs"
