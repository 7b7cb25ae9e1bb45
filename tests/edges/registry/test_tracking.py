"""Runs in a real SQLite tracking store: what is written, what is closed, what is left alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest

from evenhand.errors import EvenhandError
from tasks.registry import run_owner, tracking
from tasks.registry.client import connect
from tasks.settings import settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """A store with its tables made once; making them takes seconds."""
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
    return tracking.start_training("toy", "first", {"seed": 42}, {"identity": "abc"})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "figures").mkdir()
    for i in range(6):
        (tmp_path / "figures" / f"{i}.png").write_bytes(os.urandom(60_000))
    return tmp_path


def a_run(run_id):
    return connect().get_run(run_id)


def in_a_process(code, wait=True):
    """Run code in a new process with this test's settings; return the process and its first line."""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline().strip()
    if wait:
        process.communicate(timeout=60)
    return process, line


OPEN_AND_HANG = """
import time
from tasks.registry import run_owner, tracking
from tasks.registry.client import connect
parent = tracking.start_training("toy", "victim", {}, {})
experiment = connect().get_run(parent).info.experiment_id
child = tracking._create_run(connect(), experiment, "child", {"mlflow.parentRunId": parent})
print(parent, child, flush=True)
time.sleep(120)
"""


def test_a_killed_training_and_its_child_say_failed_after_the_next_start(training):
    process, line = in_a_process(OPEN_AND_HANG, wait=False)
    victims = line.split()
    try:
        tracking.start_training("toy", "while it lives", {}, {})
        assert [a_run(v).info.status for v in victims] == ["RUNNING", "RUNNING"]
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    tracking.start_training("toy", "next", {}, {})
    for victim in victims:
        assert a_run(victim).info.status == "FAILED"
        assert a_run(victim).data.tags["evenhand.ended"] == tracking.KILLED
    assert a_run(training).info.status == "RUNNING"


def test_a_later_process_with_the_same_number_does_not_keep_a_run_open(training):
    connect().set_tag(training, run_owner.PID_STARTED, "an earlier boot 17")
    assert tracking.close_stale_runs("toy") == 1
    assert a_run(training).info.status == "FAILED"


@pytest.mark.parametrize(
    ("tag", "value"), [(run_owner.HOST, "elsewhere"), (run_owner.PID, ""), (run_owner.PID_STARTED, "")]
)
def test_a_run_that_can_not_be_judged_from_here_is_left_alone(training, tag, value):
    connect().set_tag(training, run_owner.PID, "999999999")
    connect().set_tag(training, tag, value)
    assert tracking.close_stale_runs("toy") == 0
    assert a_run(training).info.status == "RUNNING"


def test_a_run_of_somebody_else_in_the_experiment_is_left_alone(training):
    foreign = connect().create_run(a_run(training).info.experiment_id).info.run_id
    assert tracking.close_stale_runs("toy") == 0
    assert a_run(foreign).info.status == "RUNNING"


def test_stale_runs_of_an_experiment_that_does_not_exist_are_none():
    assert tracking.close_stale_runs("never heard of") == 0


def test_a_zombie_counts_as_gone():
    process = subprocess.Popen([sys.executable, "-c", ""])
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert run_owner.started(process.pid) is None
    process.wait()


def test_the_start_of_a_process_is_found_without_proc(monkeypatch):
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: str(self) != "/proc/self/stat" and real(self))
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0, "Sun Nov 22 01:44\n", ""))
    assert run_owner.started(os.getpid()) == "Sun Nov 22 01:44"
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1, "", ""))
    assert run_owner.started(os.getpid()) is None


def test_the_embedded_store_keeps_everything_in_home(training, folder):
    tracking.log_training(training, {}, {}, folder)
    assert len(list(settings().artifacts.rglob("*.png"))) == 6
    assert a_run(training).data.tags[run_owner.HOST] == socket.gethostname()


def test_a_candidate_is_a_finished_child_with_everything_on_it(training, folder):
    metrics = {f"oof_m{i}": i / 7 for i in range(60)}
    params = {"model": "lightgbm", "strategy": "smote", "seed": 42}
    run_id = tracking.log_candidate(training, "lightgbm / smote", params, metrics, {"a": "b"}, folder, seconds=90)
    run = a_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "lightgbm / smote"
    assert run.info.end_time - run.info.start_time >= 90_000
    assert run.data.metrics == metrics
    assert run.data.params == {"model": "lightgbm", "strategy": "smote", "seed": "42"}
    assert run.data.tags["mlflow.parentRunId"] == training
    assert run.data.tags["a"] == "b"
    assert len(connect().list_artifacts(run_id, "figures")) == 6
    assert mlflow.active_run() is None


def test_a_candidate_takes_under_half_a_second(training, folder):
    metrics = {f"m{i}": float(i) for i in range(60)}
    took = []
    for i in range(3):
        started = time.perf_counter()
        tracking.log_candidate(training, f"c{i}", {"model": "m"}, metrics, {}, folder)
        took.append(time.perf_counter() - started)
    assert min(took) < 0.5


def test_candidates_of_several_threads_keep_their_own_numbers(training, folder):
    def log(i):
        return tracking.log_candidate(training, f"c{i}", {"n": i}, {"n": float(i), "twice": 2.0 * i}, {}, folder)

    with ThreadPoolExecutor(4) as pool:
        runs = [a_run(run_id) for run_id in pool.map(log, range(12))]
    assert [run.info.status for run in runs] == ["FINISHED"] * 12
    assert [(r.info.run_name, r.data.params["n"], r.data.metrics["twice"]) for r in runs] == [
        (f"c{i}", str(i), 2.0 * i) for i in range(12)
    ]


def test_more_metrics_and_params_than_one_batch_takes(training):
    metrics = {f"m{i}": float(i) for i in range(2_100)}
    params = {f"p{i}": i for i in range(250)}
    run = a_run(tracking.log_candidate(training, "many", params, metrics, {}))
    assert len(run.data.metrics) == 2_100
    assert len(run.data.params) == 250


def test_class_names_that_mlflow_refuses_are_kept_apart(training):
    metrics = {"oof_f1/Theft (over $5000)": 0.1, "oof_f1/Theft [over €5000]": 0.2, "oof_f1/Vol à l'étalage": 0.3}
    run = a_run(tracking.log_candidate(training, "names", {"weight of A&B": 2}, metrics, {}))
    assert run.data.metrics == {
        "oof_f1/Theft _over _5000_": 0.1,
        "oof_f1/Theft _over _5000__": 0.2,
        "oof_f1/Vol à l_étalage": 0.3,
    }
    assert run.data.params == {"weight of A_B": "2"}


def test_a_candidate_that_fails_in_the_middle_says_failed(training, tmp_path):
    with pytest.raises(EvenhandError, match="no such folder"):
        tracking.log_candidate(training, "broken", {"a": 1}, {"m": 1.0}, {}, tmp_path / "no such folder")
    broken = next(r for r in connect().search_runs([a_run(training).info.experiment_id]) if r.info.run_name == "broken")
    assert broken.info.status == "FAILED"
    assert "no such folder" in broken.data.tags["evenhand.ended"]


def test_inputs_show_name_digest_rows_and_use(training):
    columns = {"place": "text", "age": "number", "when": "time"}
    tracking.log_inputs(training, "toy training", "/store/rows.parquet", "d" * 64, columns, 70, "training")
    tracking.log_inputs(training, "toy held out", "s3://bucket/rows.parquet", "e" * 64, columns, 30, "held out")
    inputs = a_run(training).inputs.dataset_inputs
    found = {i.tags[0].value: i.dataset for i in inputs}
    assert set(found) == {"training", "held out"}
    assert found["training"].digest == "d" * 36
    assert '"num_rows": 70' in found["training"].profile
    assert mlflow.data.get_source(found["training"]).to_dict() == {"uri": "/store/rows.parquet"}
    assert mlflow.data.get_source(found["held out"]).to_dict() == {"uri": "s3://bucket/rows.parquet"}


def test_a_training_ends_as_told_with_the_reason(training):
    tracking.log_training(training, {"oof_macro_f1": 0.38}, {"winner": "lightgbm / capped"})
    tracking.end_training(training, "FAILED", "ValidationFailed: too many rows in quarantine")
    run = a_run(training)
    assert run.info.status == "FAILED"
    assert run.data.metrics == {"oof_macro_f1": 0.38}
    assert run.data.tags["winner"] == "lightgbm / capped"
    assert run.data.tags["evenhand.ended"] == "ValidationFailed: too many rows in quarantine"


def test_the_compare_page_names_every_candidate(training):
    children = [tracking.log_candidate(training, name, {}, {}, {}) for name in ("a", "b")]
    page = tracking.compare_page(training)
    assert all(child in page for child in children)
    assert training not in page


def test_a_deleted_experiment_is_named_with_the_way_back(training):
    connect().delete_experiment(a_run(training).info.experiment_id)
    with pytest.raises(EvenhandError, match=r"experiment 'toy' is deleted .* `mlflow experiments restore"):
        tracking.start_training("toy", "again", {}, {})


def test_a_store_that_is_no_database_is_a_clear_error(store):
    store.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(EvenhandError, match=r"tracking store at sqlite:.*can't be used"):
        tracking.start_training("toy", "t", {}, {})


def test_a_password_in_the_address_is_not_repeated(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:9/runs")
    settings.cache_clear()
    assert tracking._address() == "postgresql://***@127.0.0.1:9/runs"
