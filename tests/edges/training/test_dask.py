"""Units on a real Dask cluster: a scheduler and two worker processes, with a store in common and nothing else."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from lightgbm import LGBMClassifier

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.errors import ProblemError
from evenhand.postprocess.choose_calibration import Calibration
from evenhand.postprocess.postprocessing import Postprocessing
from evenhand.strategies import TrainingRows
from evenhand.training.candidates import candidates, fits
from tasks.data.split import split
from tasks.settings import ROOT, settings
from tasks.storage.store import write_frame
from tasks.training.context import TrainingContext
from tasks.training.dask.cluster import ClusterError, DaskWorkers
from tasks.training.dask.distributed_fit import fit_distributed
from tasks.training.fit import fit, fit_on_all
from tasks.training.start_workers import WorkerStarter, check_runner
from tests.edges.servers import free_ports
from tests.edges.training.test_units import SEED, problem, rows

PLAIN = Postprocessing(None, Calibration(prior=False, calibrator=None), "calibrated")
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


class Cluster:
    """A scheduler and workers, each started as an operator does."""

    def __init__(self, folder):
        (port,) = free_ports(1)
        self.folder, self.address, self.workers, self.begun = folder, f"tcp://127.0.0.1:{port}", [], 0
        command = ("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        self.scheduler = started(folder / "scheduler", *command)

    def two_workers(self):
        """Start workers in the place of those that were killed, and return the processes of both."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < 2:
            options = ("--nthreads", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1")
            self.workers.append(started(self.folder / f"worker{self.begun}", "worker", self.address, *options))
            self.begun += 1
        with distributed.Client(self.address, timeout=60) as client:
            client.wait_for_workers(2, timeout=120)
        return self.workers

    def end(self):
        for part in (self.scheduler, *self.workers):
            kill(part)


def kill(part):
    if part.poll() is None:
        os.killpg(part.pid, signal.SIGKILL)
    part.wait(30)


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    """Return the home that the tests share, as a worker's is the one it was started with."""
    return tmp_path_factory.mktemp("common")


@pytest.fixture(autouse=True)
def in_common(common, home, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(common / "var"))
    settings.cache_clear()


@pytest.fixture(scope="module")
def one_cluster(common):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_HOME", str(common / "var"))
        made = Cluster(common)
        try:
            yield made
        finally:
            made.end()


@pytest.fixture
def cluster(one_cluster):
    """Return the address of the cluster and the processes of its two workers, which a test may kill."""
    return one_cluster.address, one_cluster.two_workers()


@pytest.fixture
def small():
    p = problem(strategies=["none", "random_over"])
    parts = split.fn(write_frame(rows(), "validated/{sha256}/good.parquet"), p)
    asked = [
        (c, fold)
        for fold in (*TrainingContext(parts, p, SEED, Path()).fold_numbers, HOLDOUT_FOLD)
        for c in fits(candidates(p))
    ]
    return p, parts, asked


def test_a_cluster_gives_the_bytes_of_this_process_though_a_worker_is_killed(tmp_path, cluster, small):
    p, parts, asked = small
    address, workers = cluster
    here = [fit.fn(TrainingContext(parts, p, SEED, tmp_path / "here"), c, fold) for c, fold in asked]
    with DaskWorkers(address) as dask, ThreadPoolExecutor(8) as threads:
        futures = [
            threads.submit(fit.fn, TrainingContext(parts, p, SEED, tmp_path / "there"), *one, dask) for one in asked
        ]
        while not any(future.done() for future in futures):
            time.sleep(0.01)
        kill(workers[0])
        there = [future.result(120) for future in futures]
    for mine, its in zip(here, there, strict=True):
        np.testing.assert_array_equal(np.load(mine.probabilities), np.load(its.probabilities))
        assert its.probabilities.relative_to(tmp_path / "there") == mine.probabilities.relative_to(tmp_path / "here")
        assert replace(its, fit_seconds=0, probabilities=None) == replace(mine, fit_seconds=0, probabilities=None)


def test_a_worker_with_another_store_is_refused(tmp_path, cluster, monkeypatch):
    monkeypatch.setenv("EVENHAND_STORE", str(tmp_path / "another"))
    settings.cache_clear()
    with pytest.raises(ClusterError, match=r"has another store \(EVENHAND_STORE\)"), DaskWorkers(cluster[0]):
        pass


def test_no_cluster_and_no_address_are_errors(monkeypatch, small):
    _, parts, _ = small
    (port,) = free_ports(1)
    monkeypatch.setattr("tasks.training.dask.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(ClusterError, match=f"no Dask scheduler answers at 'tcp://127.0.0.1:{port}'"):
        DaskWorkers(f"tcp://127.0.0.1:{port}").__enter__()
    with pytest.raises(ClusterError, match="needs EVENHAND_DASK_ADDRESS"), WorkerStarter("dask", None) as starter:
        starter.start(parts)


# --- one model, fitted by all workers ------------------------------------------------------------------------


@pytest.fixture
def together():
    """A problem with one model, which is distributed, a strategy that copies rows and one that weights them."""
    models = [{"kind": "lightgbm", "distributed": True, "params": {"n_estimators": 12}}]
    p = problem(models=models, strategies=["none", "random_over", "class_weight"], extra=[])
    return p, split.fn(write_frame(rows(), "validated/{sha256}/good.parquet"), p)


def rarest_of_seven(n=2_000):
    """Rows of which the last seven are of the rarest class: cut in half by position, one part would have none."""
    rng = np.random.default_rng(0)
    y = np.append(rng.choice(3, n, p=[0.6, 0.3, 0.1]), [3] * 7)
    return TrainingRows(rng.normal(size=(len(y), 5)) + y[:, None] * 0.4, y, np.arange(len(y)))


def test_a_distributed_model_scores_like_one_of_this_process(tmp_path, cluster, together):
    p, parts = together
    grid = fits(candidates(p))
    alone = p.model_copy(update={"models": tuple(m.model_copy(update={"distributed": False}) for m in p.models)})
    with DaskWorkers(cluster[0]) as dask:
        there = [fit.fn(TrainingContext(parts, p, SEED, tmp_path / "there"), one, 0, dask) for one in grid]
        again = [fit.fn(TrainingContext(parts, p, SEED, tmp_path / "again"), one, 0, dask) for one in grid]
        whole = fit_on_all(TrainingContext(parts, p, SEED, tmp_path / "there"), grid[0], PLAIN, dask)
    here = [fit.fn(TrainingContext(parts, alone, SEED, tmp_path / "here"), one, 0) for one in fits(candidates(alone))]
    for its, same, mine in zip(there, again, here, strict=True):
        np.testing.assert_array_equal(np.load(its.probabilities), np.load(same.probabilities))
        assert its.primary == pytest.approx(mine.primary, abs=0.03)
        assert np.abs(np.load(its.probabilities) - np.load(mine.probabilities)).mean() < 0.05
        assert its.resampling == replace(
            mine.resampling, adaptations=(*mine.resampling.adaptations, "fitted by 2 workers together")
        )
    assert type(whole.fitted.classifier) is LGBMClassifier
    assert whole.fitted.classifier.n_jobs == 1
    np.testing.assert_array_equal(whole.fitted.raw_proba(whole.example).sum(axis=1).round(9), 1)


def test_every_worker_has_rows_of_a_rare_class_and_one_worker_fits_a_class_of_one_row(cluster):
    given = rarest_of_seven()
    single = replace(given, X=given.X[:-6], y=given.y[:-6], source=given.source[:-6])
    with distributed.Client(cluster[0]) as client:
        for each in (given, single):
            fitted = fit_distributed(client, LGBMClassifier(n_estimators=5, verbose=-1), each)
            assert list(fitted.classes_) == [0, 1, 2, 3]
            assert fitted.predict_proba(each.X).shape == (len(each.y), 4)


def test_a_worker_that_is_killed_leaves_a_distributed_fit_to_the_others(cluster):
    (address, workers), given = cluster, rarest_of_seven()
    model = LGBMClassifier(n_estimators=1_000, learning_rate=0.01, verbose=-1)
    with distributed.Client(address) as client, ThreadPoolExecutor(1) as thread:
        future = thread.submit(fit_distributed, client, model, given)
        while not any("_train_part" in str(keys) for keys in client.processing().values()):
            assert not future.done()
            time.sleep(0.05)
        time.sleep(0.5)
        assert not future.done()
        kill(workers[0])
        fitted = future.result(300)
    assert fitted.booster_.num_trees() == 1_000 * 4


def test_a_distributed_model_needs_a_cluster(tmp_path, together):
    p, parts = together
    grid = candidates(p)
    for name in (None, "processes"):
        with pytest.raises(ProblemError, match="is `distributed`: it is fitted by a Dask cluster, with RUNNER=dask"):
            check_runner(name, grid)
    check_runner("dask", grid)
    check_runner(None, candidates(problem()))
    with pytest.raises(ProblemError, match="needs the runner `dask`"):
        fit.fn(TrainingContext(parts, p, SEED, tmp_path), grid[0], 0)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (distributed.comm.core.CommClosedError("no more"), "the Dask scheduler at tcp://1 is gone: no more"),
        (
            distributed.KilledWorker("fit", SimpleNamespace(address="tcp://2"), 3),
            "its workers ended over it again and again",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_cluster_that_fails_over_a_distributed_model_is_reported(monkeypatch, error, message):
    def failing(*_args):
        raise error

    monkeypatch.setattr("tasks.training.dask.cluster.fit_distributed", failing)
    workers = DaskWorkers("tcp://1")
    workers._client = object()
    with pytest.raises(ClusterError, match=f"a distributed model: {message}"):
        workers.together(LGBMClassifier(), None)


def test_a_distributed_fit_runs_alone(monkeypatch, tmp_path):
    running, beside = set(), []
    workers = DaskWorkers("tcp://1")

    def result_of(name):
        running.add(name)
        time.sleep(0.01)
        running.discard(name)
        return SimpleNamespace(probabilities=None), None

    def fit_alone(*_args):
        time.sleep(0.02)
        beside.append(len(running))

    workers._client = SimpleNamespace(
        submit=lambda *args, key, pure: SimpleNamespace(result=lambda: result_of(key)),
    )
    monkeypatch.setattr("tasks.training.dask.cluster.fit_distributed", fit_alone)
    work = SimpleNamespace(folder=tmp_path)
    with ThreadPoolExecutor(12) as threads:
        units = [threads.submit(workers.run, f"unit {n}", print, work) for n in range(20)]
        alone = [threads.submit(workers.together, None, None) for _ in range(2)]
        units += [threads.submit(workers.run, f"later {n}", print, work) for n in range(20)]
        for future in (*units, *alone):
            future.result(20)
    assert beside == [0, 0]
