"""Ingest on real files and a real store: one snapshot for the same rows, whole or not at all."""

import gzip
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml

from evenhand.data.references import Reference
from evenhand.errors import SourceError, StorageError
from evenhand.problem import Problem, parse_problem
from tasks.data.ingest import Manifest, ingest, read_manifest
from tasks.settings import settings
from tasks.storage.store import open_store, read_frame, write_frame

ROOT = Path(__file__).resolve().parents[3]
ROWS = b"place,when,crime\nYork,2020-01-01,Robbery\nLeeds,2021-05-01,NA\n,2021-06-01,Fraud\n"


def problem_of(path: Path, **changes) -> Problem:
    raw = {
        "name": "small",
        "title": "Small",
        "licence": "public domain",
        "source": {"kind": "csv", "path": str(path)},
        "target": {"column": "crime"},
        "features": {"base": {"categorical": ["place"]}},
        "split": {"holdout": {"column": "when", "start": "2021-01-01"}},
        "strategies": ["none"],
    }
    return parse_problem(raw | changes, "small.yaml")


@pytest.fixture
def rows_csv(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(ROWS)
    return path


def stored():
    return open_store().list("")


def test_a_snapshot_holds_the_raw_cells_under_its_own_hash(rows_csv):
    ref = ingest.fn(problem_of(rows_csv))
    assert ref.key == f"snapshots/{ref.sha256}/rows.parquet"
    assert hashlib.sha256(open_store().local(ref.key).read_bytes()).hexdigest() == ref.sha256
    assert ref.rows == 3
    frame = read_frame(ref)
    expected = pd.DataFrame(
        {
            "place": ["York", "Leeds", None],
            "when": ["2020-01-01", "2021-05-01", "2021-06-01"],
            "crime": ["Robbery", "NA", "Fraud"],
        },
        dtype="str",
    )
    pd.testing.assert_frame_equal(frame, expected)


def test_the_manifest_says_where_the_rows_came_from(rows_csv):
    before = datetime.now(UTC)
    ref = ingest.fn(problem_of(rows_csv))
    manifest = read_manifest(ref)
    assert manifest.schema_version == 1
    assert manifest.problem == "small"
    assert manifest.origin == str(rows_csv)
    assert manifest.licence == "public domain"
    assert not manifest.synthetic
    assert manifest.columns == ("place", "when", "crime")
    assert manifest.rows == 3
    assert manifest.sha256 == ref.sha256
    assert before <= manifest.ingested <= datetime.now(UTC)
    assert manifest.ingested.utcoffset().total_seconds() == 0
    (file,) = manifest.files
    assert (file.sha256, file.bytes, file.rows) == (hashlib.sha256(ROWS).hexdigest(), len(ROWS), 3)


def test_the_same_rows_make_one_snapshot_and_the_first_manifest_is_kept(rows_csv, tmp_path):
    first = ingest.fn(problem_of(rows_csv))
    manifest = read_manifest(first)
    before = stored()
    zipped = tmp_path / "again.csv.gz"
    zipped.write_bytes(gzip.compress(ROWS))
    assert ingest.fn(problem_of(rows_csv)) == first
    assert ingest.fn(problem_of(zipped)) == first
    assert stored() == before == [f"snapshots/{first.sha256}/{name}" for name in ("manifest.json", "rows.parquet")]
    assert read_manifest(first) == manifest


def test_one_cell_more_or_less_makes_another_snapshot(rows_csv):
    first = ingest.fn(problem_of(rows_csv))
    rows_csv.write_bytes(ROWS.replace(b"Fraud", b"fraud"))
    second = ingest.fn(problem_of(rows_csv))
    assert first.sha256 != second.sha256
    assert read_frame(first)["crime"][2] == "Fraud"
    assert len(stored()) == 4


def test_another_process_writes_the_same_bytes(rows_csv, tmp_path):
    ref = ingest.fn(problem_of(rows_csv))
    out = run_ingest(rows_csv, tmp_path / "elsewhere", "")
    assert out.returncode == 0, out.stderr
    assert ref.sha256 in out.stdout


@pytest.mark.parametrize("at", ["os.link", "tasks.data.ingest._manifest"])
def test_a_kill_leaves_nothing_or_a_snapshot_that_the_next_ingest_completes(rows_csv, at):
    killed = run_ingest(rows_csv, settings().home, at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = stored()
    assert len(left) == (at == "tasks.data.ingest._manifest")
    ref = ingest.fn(problem_of(rows_csv))
    assert set(left) <= {ref.key}
    assert read_manifest(ref).rows == len(read_frame(ref)) == 3


def run_ingest(path: Path, home: Path, die_at: str) -> subprocess.CompletedProcess:
    """Ingest in a process of its own, which is killed when it calls ``die_at``."""
    script = (
        "import os, signal, sys, yaml, unittest.mock as mock\n"
        "from evenhand.problem import parse_problem\n"
        "from tasks.data.ingest import ingest\n"
        "if sys.argv[1]: mock.patch(sys.argv[1], lambda *a: os.kill(os.getpid(), signal.SIGKILL)).start()\n"
        "print(ingest.fn(parse_problem(yaml.safe_load(sys.stdin), 'stdin')).sha256)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, die_at],
        input=yaml.safe_dump(problem_of(path).model_dump(mode="json")),
        env={**os.environ, "EVENHAND_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_source_that_fails_leaves_the_store_untouched(rows_csv):
    rows_csv.write_bytes(ROWS + b"Hull\n")
    with pytest.raises(SourceError, match="line 5"):
        ingest.fn(problem_of(rows_csv))
    assert stored() == []


def test_a_damaged_snapshot_is_refused_rather_than_used(rows_csv):
    ref = ingest.fn(problem_of(rows_csv))
    path = open_store().local(ref.key)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match="is not what was stored"):
        ingest.fn(problem_of(rows_csv))


def test_synthetic_rows_are_marked_and_always_the_same(rows_csv):
    source = {"kind": "synthetic", "rows": 500, "seed": 3}
    ref = ingest.fn(problem_of(rows_csv, source=source))
    manifest = read_manifest(ref)
    assert manifest.synthetic
    assert manifest.origin.startswith("synthetic")
    assert manifest.files == ()
    assert ingest.fn(problem_of(rows_csv, source=source)) == ref
    assert ingest.fn(problem_of(rows_csv, source=source | {"seed": 4})) != ref


def test_clearing_the_cache_fetches_again(rows_csv, monkeypatch):
    import kagglehub

    folder = settings().cache / "kaggle" / "datasets" / "owner" / "name"

    def dataset_download(handle, path):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / path).exists():
            shutil.copy(rows_csv, folder / path)
        return str(folder / path)

    monkeypatch.setattr(kagglehub, "dataset_download", dataset_download)
    problem = problem_of(rows_csv, source={"kind": "kaggle", "dataset": "owner/name", "file": "rows.csv"})
    first = ingest.fn(problem)
    rows_csv.write_bytes(ROWS.replace(b"York", b"Ripon"))
    assert ingest.fn(problem) == first
    assert read_frame(ingest.fn(problem, clear_cache=True))["place"][0] == "Ripon"


def test_what_is_no_snapshot_has_no_manifest(rows_csv):
    other = write_frame(pd.DataFrame({"a": ["1"]}), "quarantine/{sha256}.parquet")
    with pytest.raises(StorageError, match="is not a snapshot"):
        read_manifest(other)
    absent = Reference(key=f"snapshots/{'0' * 64}/rows.parquet", sha256="0" * 64, rows=1)
    with pytest.raises(StorageError, match=r"manifest\.json"):
        read_manifest(absent)


def test_a_manifest_of_other_rows_or_of_no_sense_is_refused(rows_csv):
    ref = ingest.fn(problem_of(rows_csv))
    path = open_store().local(f"snapshots/{ref.sha256}/manifest.json")
    whole = path.read_text()
    for broken, expected in (
        (whole[: len(whole) // 2], "can't be read"),
        (whole.replace('"schema_version": 1', '"schema_version": 2'), "schema_version"),
        (Manifest.model_validate_json(whole).model_copy(update={"sha256": "0" * 64}).model_dump_json(), "other rows"),
    ):
        path.write_text(broken)
        with pytest.raises(StorageError, match=expected):
            read_manifest(ref)
