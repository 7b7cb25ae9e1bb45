"""Units on a real Dask cluster: a scheduler and two worker processes, with a store in common and nothing else."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from test_processes import SEED, problem, rows

from evenhand.experiment import candidates, fits
from flows.runners import Runner
from tasks.dask_workers import ClusterError, DaskWorkers
from tasks.settings import ROOT, settings
from tasks.split import split
from tasks.storage import write_frame
from tasks.train import HOLDOUT_FOLD, fit, fold_numbers
from tests.edges.servers import free_ports

distributed = pytest.importorskip("distributed", reason="Dask is not installed: the extra dask")


def started(folder, *command):
    """Start a part of the cluster in a folder of its own, with the repository on its path as the docs say."""
    quiet = {"DASK_DISTRIBUTED__DASHBOARD__LINK": "", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *command],
        cwd=folder,
        env={**os.environ, **quiet},
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("w"),
        start_new_session=True,
    )


@contextmanager
def cluster(folder, workers=2):
    """Scheduler and workers as an operator starts them; yields the address and the workers' processes."""
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    command = ("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    parts = [started(folder / "scheduler", *command)]
    try:
        for number in range(workers):
            options = ("--nthreads", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1")
            parts.append(started(folder / f"worker{number}", "worker", address, *options))
        with distributed.Client(address, timeout=60) as client:
            client.wait_for_workers(workers, timeout=120)
        yield address, parts[1:]
    finally:
        for part in parts:
            if part.poll() is None:
                os.killpg(part.pid, signal.SIGKILL)
            part.wait(30)


@pytest.fixture
def small():
    p = problem(strategies=["none", "random_over"])
    parts = split.fn(write_frame(rows(), "validated/{sha256}/good.parquet"), p)
    asked = [(c, fold) for fold in (*fold_numbers(parts, p, SEED), HOLDOUT_FOLD) for c in fits(candidates(p))]
    return p, parts, asked


def test_a_cluster_gives_the_digits_of_this_process_though_a_worker_is_killed(tmp_path, small):
    p, parts, asked = small
    here = [fit.fn(parts, p, SEED, c, fold, tmp_path / "here") for c, fold in asked]
    with cluster(tmp_path) as (address, workers), DaskWorkers(address) as dask, ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(fit.fn, parts, p, SEED, *one, tmp_path / "there", dask) for one in asked]
        while not any(future.done() for future in futures):
            time.sleep(0.01)
        os.killpg(workers[0].pid, signal.SIGKILL)
        there = [future.result(120) for future in futures]
    for mine, its in zip(here, there, strict=True):
        np.testing.assert_array_equal(np.load(mine.probabilities), np.load(its.probabilities))
        assert its.probabilities.relative_to(tmp_path / "there") == mine.probabilities.relative_to(tmp_path / "here")
        assert replace(its, fit_seconds=0, probabilities=None) == replace(mine, fit_seconds=0, probabilities=None)
    assert not list((settings().home / "store" / "units").rglob("*.npy"))


def test_a_worker_with_another_store_is_refused(tmp_path, monkeypatch):
    with cluster(tmp_path, workers=1) as (address, _):
        monkeypatch.setenv("EVENHAND_STORE", str(tmp_path / "another"))
        settings.cache_clear()
        with pytest.raises(ClusterError, match=r"has another store \(EVENHAND_STORE\)"), DaskWorkers(address):
            pass


def test_no_cluster_and_no_address_are_told(monkeypatch, small):
    _, parts, _ = small
    (port,) = free_ports(1)
    monkeypatch.setattr("tasks.dask_workers.CONNECT_SECONDS", 1)
    with pytest.raises(ClusterError, match=f"no Dask scheduler answers at 'tcp://127.0.0.1:{port}'"):
        DaskWorkers(f"tcp://127.0.0.1:{port}").__enter__()
    with pytest.raises(ClusterError, match="needs EVENHAND_DASK_ADDRESS"), Runner("dask", None) as runner:
        runner.workers(parts)
