"""Scoring a file with a registered model: the model's own answers, in order, or a refusal and no file."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from evenhand.errors import EvenhandError, GateError, SourceError, StorageError
from evenhand.metrics.predictions import Predictions
from evenhand.postprocess.fit_rules import fit_rule
from evenhand.problem import CapacityDecision
from evenhand.scoring.model import FittedCandidate
from flows.score import score as score_flow
from tasks.registry.model_store import load_model
from tasks.scoring.batch import Scored, ScoreRequest, predictions, score
from tasks.settings import ROOT, settings
from tests.edges.registry_world import CLASSES, MODEL, PROBLEM, fitted, rows, world  # noqa: F401


@pytest.fixture
def asked(home):
    """Return a function that makes a request for rows in a file of the tiny problem."""

    def asked(frame=None, suffix=".parquet", problem=PROBLEM, **more):
        path = home / f"new{suffix}"
        frame = rows(3).drop(columns="kind") if frame is None else frame
        frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
        declared = home / "tiny.yaml"
        plain = problem.model_dump(mode="json", exclude_defaults=True)
        declared.write_text(yaml.safe_dump(plain), encoding="utf-8")
        return ScoreRequest(problem=str(declared), data=str(path), **more)

    return asked


def made_of(scored: Scored) -> pd.DataFrame:
    return pd.read_csv(scored.path) if scored.path.endswith(".csv") else pd.read_parquet(scored.path)


def test_rows_get_the_champions_answers_in_their_order_with_version_and_hash(world, asked):  # noqa: F811
    version = world.champion("clear").version
    given = rows(3).drop(columns="kind")
    scored = score.fn(asked(given.assign(id=np.arange(len(given))), keep=("id",)))
    model = load_model(f"models:/{MODEL}/{version}")
    found = made_of(scored)
    assert list(found) == ["id", "predicted", *(f"p_{name}" for name in CLASSES), "not_scored"]
    assert found["id"].tolist() == list(range(len(given)))
    assert found["predicted"].tolist() == model.predict(given).tolist()
    np.testing.assert_array_equal(found[[f"p_{name}" for name in CLASSES]], model.predict_proba(given))
    assert (scored.version, scored.rows, scored.not_scored) == (version, len(given), 0)
    assert scored.classes == found["predicted"].value_counts().sort_index().to_dict()

    note = Scored.model_validate_json(open(f"{scored.path}.json").read())  # noqa: SIM115, PTH123
    in_file = pq.read_schema(scored.path).metadata[b"evenhand"]
    assert note == scored == Scored.model_validate_json(in_file)
    assert list(note.input) == [asked().data]


def test_csv_in_and_out_says_the_same(world, asked, home):  # noqa: F811
    world.champion("clear")
    from_parquet = made_of(score.fn(asked()))
    out = home / "new" / "scored.csv"
    from_csv = made_of(score.fn(asked(suffix=".csv", out=str(out))))
    assert from_csv["predicted"].tolist() == from_parquet["predicted"].tolist()
    assert sorted(path.name for path in out.parent.iterdir()) == ["scored.csv", "scored.csv.json"]


def test_a_row_with_an_unreadable_cell_gets_a_reason_and_no_class(world, asked):  # noqa: F811
    world.champion("clear")
    given = rows(3).drop(columns="kind").astype(object)
    given.loc[1, "clear"] = "dark"
    scored = score.fn(asked(given, suffix=".csv"))
    found = made_of(scored)
    assert scored.not_scored == 1
    assert found["not_scored"][1] == "clear: not a number"
    assert found.loc[1, ["predicted", *(f"p_{name}" for name in CLASSES)]].isna().all()
    assert found["not_scored"].isna().sum() == len(given) - 1
    assert found["predicted"].notna().sum() == len(given) - 1


@pytest.mark.parametrize("at_once", [7, 100_000])
def test_rows_without_a_single_readable_one_get_their_reasons(world, asked, at_once, monkeypatch):  # noqa: F811
    monkeypatch.setattr("tasks.scoring.batch.AT_ONCE", at_once)
    world.champion("clear")
    given = rows(3).drop(columns="kind").astype(object)
    given["clear"] = "dark"
    scored = score.fn(asked(given, suffix=".csv"))
    assert (scored.rows, scored.not_scored, scored.classes) == (len(given), len(given), {})
    assert (made_of(scored)["not_scored"] == "clear: not a number").all()


@pytest.mark.parametrize("at_once", [7, 100_000])
def test_a_capacity_counts_over_the_whole_file(at_once, monkeypatch):
    monkeypatch.setattr("tasks.scoring.batch.AT_ONCE", at_once)
    spec = CapacityDecision(kind="capacity", class_name=CLASSES[2], k=2, per="day", period="value")
    given = rows(3).assign(day=lambda frame: np.arange(len(frame)) % 5)
    model, codes = fitted(("clear",)), rows(3)["kind"].map(CLASSES.index).to_numpy()
    proba = model.predict_proba(given)
    rule = fit_rule(spec, Predictions(codes, proba), CLASSES, "macro_f1", groups=given["day"].to_numpy())
    whole = FittedCandidate(model.encoder, model.classifier, model.class_names, rule)
    problem = PROBLEM.model_copy(update={"decisions": (spec,)})
    made = predictions(problem, whole, given).to_pandas()
    chosen = made["predicted"] == CLASSES[2]
    assert chosen.groupby(given["day"]).sum().tolist() == [2] * 5
    best = given.assign(p=proba[:, 2]).groupby("day")["p"].nlargest(2).index.get_level_values(1)
    assert sorted(made.index[chosen]) == sorted(best)


def test_without_a_champion_nothing_is_scored_and_a_version_can_be_named(world, asked):  # noqa: F811
    version = world.version("faint").version
    with pytest.raises(GateError, match="has no champion"):
        score.fn(asked())
    assert not (settings().home / "predictions").exists()
    assert score.fn(asked(version=version)).version == version
    with pytest.raises(EvenhandError, match="version 77"):
        score.fn(asked(version="77"))


def test_a_champion_made_by_hand_is_refused_unless_asked_for(world, asked):  # noqa: F811
    world.champion("clear")
    other = world.version("faint").version
    world.client.set_registered_model_alias(MODEL, "champion", other)
    with pytest.raises(GateError, match="past review and ledger"):
        score.fn(asked())
    assert score.fn(asked(out_of_band=True)).version == other


@pytest.mark.parametrize(("dropped", "keep"), [("clear", ()), ("id", ("id",))])
def test_missing_columns_are_named(world, asked, dropped, keep):  # noqa: F811
    world.champion("clear")
    lacking = rows(3).drop(columns=dropped, errors="ignore")
    with pytest.raises(SourceError, match=rf"lacks {dropped}; version 1 of {MODEL} takes faint, clear"):
        score.fn(asked(lacking, keep=keep))
    assert not (settings().home / "predictions").exists()


def test_what_cannot_be_written_leaves_nothing(world, asked, home):  # noqa: F811
    world.champion("clear")
    with pytest.raises(StorageError, match=r"\.parquet or \.csv"):
        score.fn(asked(out=str(home / "scored.xlsx")))
    (home / "taken.parquet").mkdir()
    with pytest.raises(StorageError, match="can't be written"):
        score.fn(asked(out=str(home / "taken.parquet")))
    assert not [path for path in home.iterdir() if path.name.startswith(".taken")]


def test_the_command_tells_counts_and_the_path(world, asked, prefect_home):  # noqa: F811
    world.champion("clear")
    request = asked()
    command = [sys.executable, "-m", "flows.score", "--problem", request.problem, "--data", request.data]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    said, path = done.stdout.splitlines()
    assert said.startswith(f"950 rows by version 1 of {MODEL}: Assault ")
    assert json.loads(open(f"{path}.json").read())["rows"] == 950  # noqa: SIM115, PTH123


def test_a_deployment_takes_the_same_request():
    assert list(score_flow.parameters.properties) == ["request"]
