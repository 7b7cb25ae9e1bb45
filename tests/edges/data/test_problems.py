"""A file in the place of a problem's own source."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tasks.data.problems import load_problem, with_data
from tasks.data.sources.fetch import fetch
from tasks.data.sources.files import matching

ROWS = pd.DataFrame({"Straße": ["Am Markt", "Süd"], "Delikt": ["Raub", None]})
SEMICOLONS = {"kind": "csv", "path": "old.csv", "delimiter": ";", "encoding": "cp1252"}
NAMES = [
    "new rows.csv",
    "it's.csv",
    'the "new".csv',
    "what?.csv",
    "[a].csv",
    "$HOME.csv",
    "100%.csv",
    "-x.csv",
    "ä#b.csv",
]


def _problem(folder, source):
    plain = {
        "name": "town",
        "title": "Town",
        "source": source,
        "target": {"column": "Delikt"},
        "features": {"base": {"categorical": ["Straße"]}},
        "split": {"holdout": {"column": "when", "start": 2024}},
        "strategies": ["none"],
    }
    path = folder / "it's a problem?.yaml"
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    return str(path)


def _settings(source):
    return source.model_dump(exclude={"path"})


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_with_the_settings_of_the_source(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(ROWS.to_csv(index=False, sep=";").encode("cp1252"))
    problem = load_problem(_problem(tmp_path, SEMICOLONS), str(path))
    pd.testing.assert_frame_equal(fetch(problem.source, tmp_path).frame, ROWS)
    with_other = with_data(load_problem(_problem(tmp_path, SEMICOLONS)), str(path))
    assert with_other == problem
    assert matching(str(path)) == [path]


@pytest.mark.parametrize(
    "own", [SEMICOLONS, {"kind": "parquet", "path": "old.parquet"}, {"kind": "police_uk", "path": "x"}]
)
@pytest.mark.parametrize("ending", ["parquet", "PARQUET", "Parquet", "pq", "PQ"])
def test_parquet_is_known_by_its_ending_however_it_is_written(tmp_path, own, ending):
    path = tmp_path / f"new rows?.{ending}"
    ROWS.to_parquet(path)
    problem = load_problem(_problem(tmp_path, own), str(path))
    assert problem.source.kind == "parquet"
    assert len(fetch(problem.source, tmp_path).frame) == 2


def test_a_csv_has_its_own_settings_where_the_source_is_of_another_kind(tmp_path):
    problem = load_problem(_problem(tmp_path, {"kind": "parquet", "path": "old.parquet"}), "new.CSV")
    assert (problem.source.kind, problem.source.delimiter, problem.source.encoding) == ("csv", ",", "utf-8")
    without = yaml.safe_load(Path(_problem(tmp_path, SEMICOLONS)).read_text(encoding="utf-8"))
    del without["source"]
    bare = tmp_path / "bare.YAML"
    bare.write_text(yaml.safe_dump(without), encoding="utf-8")
    assert load_problem(str(bare), "new.csv").source.path == "new.csv"
