"""Scoring a file with a registered version: the model's own predictions in order, or an error and no file."""

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
from tasks.registry.ledger_text import restore_from_ledger
from tasks.registry.load_model import load_model
from tasks.scoring.predictions import predict_table
from tasks.scoring.score_file import ScoreRequest, ScoringResult, score
from tasks.settings import ROOT, settings
from tests.edges.tiny_registry import CLASSES, MODEL, PROBLEM, fitted, registry, rows  # noqa: F401


@pytest.fixture
def latest_request(home):
    """Return a function that writes rows to a file and makes a request for it."""

    def make(frame=None, suffix=".parquet", problem=PROBLEM, **more):
        path = home / f"new{suffix}"
        frame = rows(3).drop(columns="kind") if frame is None else frame
        frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
        declared = home / "tiny.yaml"
        plain = problem.model_dump(mode="json", exclude_defaults=True)
        declared.write_text(yaml.safe_dump(plain), encoding="utf-8")
        return ScoreRequest(problem=str(declared), data=str(path), **more)

    return make


def read_predictions(result: ScoringResult) -> pd.DataFrame:
    return pd.read_csv(result.path) if result.path.endswith(".csv") else pd.read_parquet(result.path)


def test_rows_get_the_predictions_of_the_champion_in_their_order(registry, latest_request):  # noqa: F811
    version, logged = registry.champion("clear").version, registry.logged[("clear",)][1]
    given = rows(3).drop(columns="kind")
    result = score.fn(latest_request(given.assign(id=np.arange(len(given))), keep=("id",)))
    model = load_model(f"models:/{MODEL}/{version}", logged.sha256)
    found = read_predictions(result)
    assert list(found) == ["id", "predicted", *(f"p_{name}" for name in CLASSES), "not_scored"]
    assert found["id"].tolist() == list(range(len(given)))
    assert found["predicted"].tolist() == model.predict(given).tolist()
    np.testing.assert_array_equal(found[[f"p_{name}" for name in CLASSES]], model.predict_proba(given))
    assert (result.version, result.rows, result.not_scored) == (version, len(given), 0)
    assert result.classes == found["predicted"].value_counts().sort_index().to_dict()

    note = ScoringResult.model_validate_json(open(f"{result.path}.json").read())  # noqa: SIM115, PTH123
    in_file = pq.read_schema(result.path).metadata[b"evenhand"]
    assert note == result == ScoringResult.model_validate_json(in_file)
    assert list(note.input) == [latest_request().data]


def test_csv_and_parquet_give_the_same_predictions(registry, latest_request, home):  # noqa: F811
    registry.champion("clear")
    from_parquet = read_predictions(score.fn(latest_request()))
    out = home / "new" / "scored.csv"
    from_csv = read_predictions(score.fn(latest_request(suffix=".csv", out=str(out))))
    assert from_csv["predicted"].tolist() == from_parquet["predicted"].tolist()
    assert sorted(path.name for path in out.parent.iterdir()) == ["scored.csv", "scored.csv.json"]


def test_a_row_with_an_unreadable_cell_gets_a_reason_and_no_class(registry, latest_request):  # noqa: F811
    registry.champion("clear")
    given = rows(3).drop(columns="kind").astype(object)
    given.loc[1, "clear"] = "dark"
    result = score.fn(latest_request(given, suffix=".csv"))
    found = read_predictions(result)
    assert result.not_scored == 1
    assert found["not_scored"][1] == "clear: not a number"
    assert found.loc[1, ["predicted", *(f"p_{name}" for name in CLASSES)]].isna().all()
    assert found["not_scored"].isna().sum() == len(given) - 1
    assert found["predicted"].notna().sum() == len(given) - 1


@pytest.mark.parametrize("number", ["-1.7976931348623157e+308", "4e38"])
def test_a_row_with_a_number_that_no_model_can_hold_gets_a_reason_and_no_class(registry, latest_request, number):  # noqa: F811
    registry.champion("clear")
    given = rows(3).drop(columns="kind").astype(object)
    expected = read_predictions(score.fn(latest_request(given, suffix=".csv")))["predicted"]
    given.loc[1, "clear"] = number
    found = read_predictions(score.fn(latest_request(given, suffix=".csv")))
    assert found["not_scored"].dropna().to_dict() == {1: "clear: a number too large for a model"}
    assert pd.isna(found["predicted"][1])
    assert found["predicted"].drop(1).tolist() == expected.drop(1).tolist()


@pytest.mark.parametrize("batch", [7, 100_000])
def test_a_file_without_a_readable_row_gets_only_reasons(registry, latest_request, batch, monkeypatch):  # noqa: F811
    monkeypatch.setattr("tasks.scoring.predictions.ROWS_PER_BATCH", batch)
    registry.champion("clear")
    given = rows(3).drop(columns="kind").astype(object)
    given["clear"] = "dark"
    result = score.fn(latest_request(given, suffix=".csv"))
    assert (result.rows, result.not_scored, result.classes) == (len(given), len(given), {})
    assert (read_predictions(result)["not_scored"] == "clear: not a number").all()


@pytest.mark.parametrize("batch", [7, 100_000])
def test_a_capacity_counts_over_all_rows_of_the_file(batch, monkeypatch):
    monkeypatch.setattr("tasks.scoring.predictions.ROWS_PER_BATCH", batch)
    spec = CapacityDecision(kind="capacity", class_name=CLASSES[2], k=2, per="day", period="value")
    given = rows(3).assign(day=lambda frame: np.arange(len(frame)) % 5)
    model, codes = fitted(("clear",)), rows(3)["kind"].map(CLASSES.index).to_numpy()
    proba = model.predict_proba(given)
    rule = fit_rule(spec, Predictions(codes, proba), CLASSES, "macro_f1", groups=given["day"].to_numpy())
    with_capacity = FittedCandidate(model.encoder, model.classifier, model.class_names, rule)
    problem = PROBLEM.model_copy(update={"decisions": (spec,)})
    made = predict_table(problem, with_capacity, given).to_pandas()
    chosen = made["predicted"] == CLASSES[2]
    assert chosen.groupby(given["day"]).sum().tolist() == [2] * 5
    best = given.assign(p=proba[:, 2]).groupby("day")["p"].nlargest(2).index.get_level_values(1)
    assert sorted(made.index[chosen]) == sorted(best)


def test_without_a_champion_a_version_has_to_be_given(registry, latest_request):  # noqa: F811
    version = registry.version("faint").version
    with pytest.raises(GateError, match="has no champion"):
        score.fn(latest_request())
    assert not (settings().home / "predictions").exists()
    assert score.fn(latest_request(version=version)).version == version
    with pytest.raises(EvenhandError, match="version 77"):
        score.fn(latest_request(version="77"))


def test_a_champion_moved_by_hand_is_refused_until_it_is_put_back(registry, latest_request):  # noqa: F811
    champion = registry.champion("clear").version
    other = registry.version("faint").version
    registry.client.set_registered_model_alias(MODEL, "champion", other)
    with pytest.raises(GateError, match=rf"alias champion points to version {other}: `make ledger "):
        score.fn(latest_request())
    assert score.fn(latest_request(version=other)).version == other
    restore_from_ledger("tiny")
    assert score.fn(latest_request()).version == champion


@pytest.mark.parametrize(("dropped", "keep"), [("clear", ()), ("id", ("id",))])
def test_missing_columns_are_named(registry, latest_request, dropped, keep):  # noqa: F811
    registry.champion("clear")
    lacking = rows(3).drop(columns=dropped, errors="ignore")
    with pytest.raises(SourceError, match=rf"lacks {dropped}; version 1 of {MODEL} needs faint, clear"):
        score.fn(latest_request(lacking, keep=keep))
    assert not (settings().home / "predictions").exists()


def test_a_failed_write_leaves_no_file(registry, latest_request, home):  # noqa: F811
    registry.champion("clear")
    with pytest.raises(StorageError, match=r"allowed: \.parquet, \.csv"):
        score.fn(latest_request(out=str(home / "scored.xlsx")))
    (home / "taken.parquet").mkdir()
    with pytest.raises(StorageError, match="can't be written"):
        score.fn(latest_request(out=str(home / "taken.parquet")))
    assert not [path for path in home.iterdir() if path.name.startswith(".taken")]


def test_the_command_prints_counts_and_the_path(registry, latest_request, prefect_home):  # noqa: F811
    registry.champion("clear")
    request = latest_request()
    command = [sys.executable, "-m", "flows.score", "--problem", request.problem, "--data", request.data]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    counts, path = done.stdout.splitlines()
    assert counts.startswith(f"950 rows scored by version 1 of {MODEL}: Assault ")
    assert json.loads(open(f"{path}.json").read())["rows"] == 950  # noqa: SIM115, PTH123


def test_the_flow_has_one_parameter():
    assert list(score_flow.parameters.properties) == ["request"]
