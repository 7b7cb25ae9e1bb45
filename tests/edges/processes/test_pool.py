"""Worker processes: they share out units, survive the death of one, and end when the training ends, however it ends."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tasks.processes.pool import WorkerEnded, Workers
from tasks.settings import ROOT
from tests.edges import killing_units


def ignore(text):
    pass


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ends(pid, seconds=10):
    until = time.monotonic() + seconds
    while running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not running(pid)


PROGRAM = """
import imaplib
from tasks.processes.pool import Workers
from tests.edges.killing_units import loaded
if __name__ == "__main__":
    with Workers(1, None, print) as workers:
        names = ("imaplib", "prefect", "mlflow", "tasks.training.units")
        print([name for name in names if workers.run("ask", loaded, name)])
"""


def test_a_worker_imports_neither_prefect_nor_mlflow_nor_the_program_that_starts_it(tmp_path):
    loaded = (
        "import sys, tasks.processes.worker, tasks.training.units; "
        "print([n for n in ('prefect', 'mlflow', 'boto3') if n in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True, env=path).stdout
    assert output.strip() == "['tasks.training.units']"


def test_workers_share_out_the_work_use_one_thread_and_end_with_their_block(tmp_path):
    pids = set()
    with Workers(2, tmp_path / "shared", ignore) as workers:
        barrier = [str(tmp_path / name) for name in ("one", "two")]
        threads = [
            threading.Thread(target=lambda: pids.add(workers.run("meet", killing_units.meet, *barrier)))
            for _ in barrier
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(pids) == 2
        assert workers.run("ask", os.getpid) in pids
        assert workers.run("ask", os.getenv, "OMP_NUM_THREADS") == "1"
        assert (tmp_path / "shared").is_dir()
    assert all(ends(pid) for pid in pids)
    assert not (tmp_path / "shared").exists()


def test_what_a_unit_raises_is_raised_here_and_the_worker_goes_on(tmp_path):
    with Workers(1, tmp_path / "shared", ignore) as workers:
        pid = workers.run("ask", os.getpid)
        with pytest.raises(FileNotFoundError) as raised:
            workers.run("read", os.stat, "nowhere")
        assert "in call" in str(raised.value.__cause__), "where it was raised"
        with pytest.raises(RuntimeError, match="Unpicklable: two words"):
            workers.run("fail", killing_units.fail_unpicklably)
        assert workers.run("ask", os.getpid) == pid


def test_a_killed_worker_loses_nothing_and_its_unit_is_run_again(tmp_path):
    messages = []
    with Workers(1, tmp_path / "shared", messages.append) as workers:
        assert workers.run("lightgbm / smote, fold 2", killing_units.kill_once, str(tmp_path / "mark")) == "done"
    assert messages == ["  lightgbm / smote, fold 2: its process ended (SIGKILL); it is run again"]


def test_a_killed_worker_leaves_the_unit_of_another_alone(tmp_path):
    done = []
    with Workers(2, tmp_path / "shared", ignore) as workers:
        waiting = threading.Thread(
            target=lambda: done.append(workers.run("wait", killing_units.wait_for, str(tmp_path / "go")))
        )
        waiting.start()
        while not (tmp_path / "go.waiting").exists():
            time.sleep(0.02)
        workers.run("die", killing_units.kill_once, str(tmp_path / "mark"))
        (tmp_path / "go").touch()
        waiting.join(20)
    assert done == [1], "it ran once"


def test_an_idle_worker_that_was_killed_is_replaced(tmp_path):
    with Workers(1, tmp_path / "shared", ignore) as workers:
        os.kill(workers.run("ask", os.getpid), signal.SIGKILL)
        assert workers.run("ask", os.path.basename, "a/b") == "b"


def test_a_unit_that_ends_two_workers_is_an_error_and_the_next_unit_runs(tmp_path):
    with Workers(1, tmp_path / "shared", ignore) as workers:
        with pytest.raises(WorkerEnded, match=r"forest / smote, fold 1: its process ended twice \(SIGKILL\)"):
            workers.run("forest / smote, fold 1", killing_units.kill_always)
        assert workers.run("ask", os.path.basename, "a/b") == "b"


def test_ending_the_block_ends_what_is_being_done(tmp_path):
    caught = []

    def work(workers):
        try:
            workers.run("sleep", killing_units.sleep_long, tmp_path / "begun")
        except WorkerEnded as error:
            caught.append(str(error))

    with Workers(1, tmp_path / "shared", ignore) as workers:
        pid = workers.run("ask", os.getpid)
        thread = threading.Thread(target=work, args=(workers,))
        thread.start()
        while not (tmp_path / "begun").exists():
            time.sleep(0.02)
    thread.join(10)
    with pytest.raises(WorkerEnded, match="later: not done"):
        workers.run("later", os.path.basename, "a/b")
    assert caught == ["sleep: not done, the training is being ended"]
    assert ends(pid)


def test_a_failed_start_leaves_no_process(tmp_path, monkeypatch):
    begun, start = [], Workers._start

    def start_one(self):
        if begun:
            raise OSError("no process left")
        begun.append(start(self))
        return begun[-1]

    monkeypatch.setattr(Workers, "_start", start_one)
    with pytest.raises(OSError, match="no process left"):
        Workers(2, tmp_path / "again", ignore).__enter__()
    with pytest.raises(RuntimeError, match="shutdown"):
        begun[0].submit(os.getpid)
    assert not (tmp_path / "again").exists()


PARENT = """
import os, sys, time
from pathlib import Path
from tasks.processes.pool import Workers
if __name__ == "__main__":
    with Workers(1, Path(sys.argv[1]), print) as workers:
        print(workers.run("ask", os.getpid), flush=True)
        workers.run("sleep", time.sleep, 60)
"""


def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "shared")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    assert ends(pid)


def test_ctrl_c_in_the_terminal_leaves_a_worker_alone_also_while_it_starts(tmp_path):
    with Workers(1, tmp_path / "shared", ignore) as workers:
        pid = workers.run("ask", os.getpid)
        os.kill(pid, signal.SIGINT)
        assert workers.run("ask", os.getpid) == pid
        assert workers.run("ask", killing_units.blocks_ctrl_c)


def test_ended_processes_are_gone_and_the_shared_rows_stay(tmp_path):
    with Workers(2, tmp_path / "shared", print) as workers:
        pids = {workers.run("its id", os.getpid) for _ in range(4)}
        workers.end_processes()
        assert all(ends(pid) for pid in pids)
        assert (tmp_path / "shared").is_dir()
        with pytest.raises(WorkerEnded, match="not done, the training is being ended"):
            workers.run("too late", os.getpid)
    assert not (tmp_path / "shared").exists()
