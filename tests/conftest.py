"""Every test works in folders of its own and phones nobody."""

import fcntl
import gc
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from tests.stores import migrate

# The same examples each time, so that a red suite stays red until it is mended; HYPOTHESIS_PROFILE=search draws others.
hypothesis_settings.register_profile("steady", derandomize=True)
hypothesis_settings.register_profile("search", derandomize=False)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

for _name, _value in {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "GX_ANALYTICS_ENABLED": "false",
    # Prefect stops a flow's start-up from being waited for on a slow, shared machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # Tests run in a process a core: threads of OpenMP beside each other wait actively, and took a third of all CPU.
    "OMP_NUM_THREADS": "1",
}.items():
    os.environ[_name] = _value

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A home of its own for each test: nothing reads or writes the user's stores."""
    from tasks.settings import settings

    folder = tmp_path_factory.mktemp("evenhand")
    for name in ("EVENHAND_STORE", "EVENHAND_S3_ENDPOINT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVENHAND_HOME", str(folder / "var"))
    monkeypatch.setenv("EVENHAND_RUNS", str(folder / "runs"))
    settings.cache_clear()
    yield folder
    settings.cache_clear()


@pytest.fixture(scope="session")
def once(tmp_path_factory, worker_id):
    """Return a function that makes a folder once a run, by whichever process of the tests asks first."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def made(name, make):
        folder = shared / name
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "made").exists():
                make(folder)
                (folder / "made").touch()
        return folder

    return made


@pytest.fixture(scope="session")
def empty_stores(once):
    """Return the folder of the empty databases."""
    return once("empty_stores", migrate)


@pytest.fixture
def prefect_home(home, empty_stores, monkeypatch):
    """Give commands that start Prefect's server an empty database in the test's home."""
    folder = shutil.copytree(empty_stores / "prefect", home / "var" / "prefect")
    monkeypatch.setenv("PREFECT_HOME", str(folder))


@pytest.fixture
def stores(home, empty_stores, prefect_home):
    """Give them one of MLflow, too."""
    shutil.copy(empty_stores / "mlflow.db", home / "var")


# Files that wait for servers and providers, longest first: begun early, their waits are filled by what only computes.
WAITING = (
    "test_deployment.py",
    "test_train_command.py",
    "test_terraform.py",
    "test_interrupt.py",
    "test_promotion.py",
    "test_mlproject.py",
    "test_ui.py",
)


def pytest_collection_finish():
    """What is imported by now stays: no collection need look at it again."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest; the order within a file stays."""

    def rank(item):
        name = item.path.name
        where = ("e2e", "edges").index(item.path.parent.name) if item.path.parent.name in {"e2e", "edges"} else 2
        return (WAITING.index(name) if name in WAITING else len(WAITING), where)

    items.sort(key=rank)
