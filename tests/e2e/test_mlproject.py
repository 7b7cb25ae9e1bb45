"""The MLflow project: its entry points run the flows, and log runs of their own in addition to MLflow's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from evenhand.report.summary import Summary
from tasks.settings import ROOT, settings
from tests.e2e.conftest import SEED


def run(*command, **environment):
    """Run a command of this environment in the repository's root."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_mlflow_run_gives_the_same_training_and_its_own_run_is_unchanged(trained_before):
    from tasks.tracking.client import connect

    first = trained_before.summary()
    problem, store = trained_before.problem, settings().mlflow_uri
    options = ["--env-manager", "local", "-e", "train", "-P", f"problem={problem}", "-P", f"seed={SEED}"]
    done = run("-m", "mlflow", "run", ".", *options, MLFLOW_TRACKING_URI=store)
    assert done.returncode == 0, done.stdout + done.stderr

    again = Summary.model_validate_json((settings().runs / "latest" / "summary.json").read_text())
    assert (again.problem, again.seed, again.preset) == ("small", SEED, "standard")
    assert again.id != first.id
    assert (again.model, again.winner, again.verdict) == (first.model, first.winner, first.verdict)
    assert [(c.oof, c.test) for c in again.candidates] == [(c.oof, c.test) for c in first.candidates]

    client = connect()
    runs = {
        experiment.name: client.search_runs([experiment.experiment_id]) for experiment in client.search_experiments()
    }
    assert {run.info.status for found in runs.values() for run in found} == {"FINISHED"}
    (project,) = runs["Default"]
    assert project.data.params == {"problem": str(problem), "preset": "standard", "seed": str(SEED)}
    assert not project.data.metrics
    parents = [run for run in runs["small"] if "mlflow.parentRunId" not in run.data.tags]
    assert {run.data.tags["training"] for run in parents} == {first.id, again.id}
    assert len(runs["small"]) == len(parents) + len(first.candidates) + len(again.candidates)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (f"sqlite:///{ROOT / 'mlflow.db'}", None),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_the_default_store_of_mlflow_run_is_replaced_and_a_given_one_is_used(given, used):
    done = run("-c", "import os, flows; print(os.environ.get('MLFLOW_TRACKING_URI'))", MLFLOW_TRACKING_URI=given)
    assert done.stdout.strip() == str(used), done.stderr


def test_every_parameter_of_an_entry_point_is_an_option_of_its_flow():
    from flows.requests import AnalyseRequest, TrainRequest
    from tasks.review.terminal import ReviewOptions
    from tasks.scoring.score_file import ScoreRequest

    entries = yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"]
    requests = {"train": TrainRequest, "analyse": AnalyseRequest, "promote": ReviewOptions, "score": ScoreRequest}
    assert set(entries) == set(requests)
    for name, entry in entries.items():
        assert f"python -m flows.{name} " in entry["command"]
        given = dict(re.findall(r"--([a-z-]+) \{(\w+)\}", entry["command"]))
        assert set(given) == set(given.values()) == set(entry["parameters"])
        assert set(given) <= set(requests[name].model_fields)
        for parameter, declared in entry["parameters"].items():
            default = requests[name].model_fields[parameter].default
            assert declared.get("default", default) in {default, ""}


def test_the_environment_is_the_lock_file_without_an_index():
    environment = yaml.safe_load((ROOT / "python_env.yaml").read_text())
    assert environment["dependencies"] == ["-r requirements.lock"]
    assert "index-url" not in (ROOT / "requirements.lock").read_text()
