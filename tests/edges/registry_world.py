"""A small registry for tests: an MLflow store on SQLite, tiny models in it, held-out rows to judge them on."""

import atexit
import shutil
import sqlite3
import tempfile
import uuid
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression

from evenhand.audit.review_state import standing
from evenhand.problem import parse_problem
from evenhand.scoring.model import FittedCandidate
from tasks.gate.run import run_gate
from tasks.registry import tracking
from tasks.registry.client import connect
from tasks.registry.ledger import move, read_ledger, transact
from tasks.registry.model_store import log_model, write_model
from tasks.registry.model_versions import read_version, registry_errors
from tasks.registry.register_version import register
from tasks.review.file import file_verdict
from tasks.settings import settings
from tasks.storage.store import write_frame

CLASSES = ("Assault", "Auto Theft", "Robbery")
MODEL = "evenhand-tiny"
PROBLEM = parse_problem(
    {
        "name": "tiny",
        "title": "Tiny",
        "source": {"kind": "csv", "path": "tiny.csv"},
        "target": {"column": "kind"},
        "features": {"base": {"numeric": ["faint", "clear"]}},
        "split": {"holdout": {"column": "year", "start": 2021}},
        "strategies": ["none"],
        "gate": {"resamples": 200},
    },
    "tiny.yaml",
)
WITHOUT_REVIEW = PROBLEM.model_copy(update={"review": "never"})


def rows(seed, counts=(500, 300, 150)):
    """Rows of three classes; column ``clear`` tells them apart, ``faint`` does a little."""
    rng = np.random.default_rng(seed)
    code = np.repeat(np.arange(len(counts)), counts)
    return pd.DataFrame(
        {
            "faint": code + rng.normal(scale=1.5, size=len(code)),
            "clear": code + rng.normal(scale=0.5, size=len(code)),
            "kind": np.array(CLASSES)[code],
        }
    )


def fitted(columns, renamed=None):
    """A model of some of the columns; ``renamed`` makes it ask for a column that the held-out rows lack."""
    train = rows(1).rename(columns=renamed or {})
    encoder = ColumnTransformer([("columns", "passthrough", list(columns))]).fit(train.drop(columns="kind"))
    codes = train["kind"].map({name: code for code, name in enumerate(CLASSES)}).to_numpy()
    classifier = LogisticRegression(max_iter=500).fit(encoder.transform(train), codes)
    return FittedCandidate(encoder, classifier, list(CLASSES))


def log(columns, renamed=None):
    """Train and log a model; its run and its address."""
    run_id = tracking.start_training("tiny", "training", {}, {})
    example = rows(1).rename(columns=renamed or {}).drop(columns="kind")
    with tempfile.TemporaryDirectory() as folder:
        model = write_model(fitted(columns, renamed), Path(folder, "model.skops"))
        uri = log_model(run_id, model, example)
    tracking.end_training(run_id, "FINISHED", None)
    return run_id, uri


@cache
def stocked_store():
    """Make a store's database with three logged models, once a test run: it takes seconds, copying it does not."""
    folder = Path(tempfile.mkdtemp(prefix="evenhand-stocked-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        settings.cache_clear()
        logged = {columns: log(columns) for columns in (("faint",), ("clear",), ("faint", "clear"))}
    settings.cache_clear()
    return folder / "mlflow.db", logged


def promote_alias(name, version, reviewer, comment):
    """Make a version champion by a record of its own, as no command does: a world to begin with."""
    client = connect()
    with registry_errors(f"moving alias champion of {name} to version {version}"):
        read_version(client, name, version)

        def decide(records):
            return None if standing(records).champion == version else move("promotion", version, reviewer, comment)

        transact(client, name, decide)
        return read_version(client, name, version)


REMEMBERED = {}


def remembered(name, make):
    """Make a state of the registry once a test run; afterwards its database and gate reports are copied."""
    folder = stocked_store()[0].parent
    copy, live = folder / f"{name}.db", settings().home / "mlflow.db"
    source, target = (copy, live) if name in REMEMBERED else (live, copy)
    if name not in REMEMBERED:
        made = make()
        REMEMBERED[name] = made, {path: path.read_bytes() for path in folder.rglob("gate_report.html")}
    made, reports = REMEMBERED[name]
    for path, content in reports.items():
        path.write_bytes(content)
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
    return made


class World:
    """Registers, judges and files as a training flow does."""

    def __init__(self, logged):
        self.client = connect()
        self.logged = logged
        self.holdout = write_frame(rows(2), "splits/{sha256}/holdout.parquet")

    def version(self, *columns, identity=None, logged=None):
        run_id, uri = logged or self.logged[columns]
        tags = {"training": "20260101-tiny", "validation": "passed", "leak_sentinel": "clean"}
        return register(uri, run_id, "tiny", identity or uuid.uuid4().hex, tags)

    def judge(self, registered, problem=PROBLEM):
        verdict = run_gate.fn(problem, self.holdout, registered)
        return verdict, file_verdict.fn(problem, registered, verdict)

    def champion(self, *columns, logged=None):
        made = self.version(*columns, logged=logged)
        return promote_alias(made.name, made.version, "A. Person", "to begin with")

    def aliases(self):
        return {name: str(version) for name, version in self.client.get_registered_model(MODEL).aliases.items()}

    def records(self, *kinds):
        """Records of the ledger, verified."""
        found = read_ledger(self.client, MODEL).sound()
        return [record for record in found if not kinds or record.kind in kinds]

    def tags(self, registered):
        return self.client.get_model_version(registered.name, registered.version).tags


@pytest.fixture
def world(home):
    """A registry without a version, and held-out rows."""
    database, logged = stocked_store()
    settings().home.mkdir(parents=True, exist_ok=True)
    shutil.copy(database, settings().home / "mlflow.db")
    return World(logged)
