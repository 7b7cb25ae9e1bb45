"""Every source on real files: what a good one gives, and the one clear paragraph each broken one gives."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evenhand.errors import SourceError
from evenhand.problem import (
    CsvSource,
    ExcelSource,
    GeoJsonSource,
    KaggleSource,
    Member,
    PackageSource,
    ParquetSource,
    PoliceUkSource,
    SyntheticSource,
)
from tasks.data.problems import load_problem
from tasks.data.sources.fetch import clear_downloads, fetch
from tasks.data.sources.files import kind_of
from tasks.data.sources.synthetic.us_homicides import us_homicides

ONE = b"place,crime\nYork,Robbery\nLeeds,NA\n"
TWO = b"crime,place\nFraud,\n"


def sha(data):
    return hashlib.sha256(data).hexdigest()


def kept(folder):
    """Files below a folder, however hidden."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def message(source, cache):
    with pytest.raises(SourceError) as caught:
        fetch(source, cache)
    text = str(caught.value)
    assert "Traceback" not in text
    assert "\n" not in text
    return text


# --- csv ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def csv_file(tmp_path):
    def write(data, name="rows.csv", **options):
        (tmp_path / name).write_bytes(data)
        return CsvSource(kind="csv", path=str(tmp_path / name), **options)

    return write


def test_csv_cells_stay_text_and_only_an_empty_cell_is_missing(csv_file, tmp_path):
    source = csv_file(b'a,b,c\n007,NA, x \n1e3,"",null\n"say ""hi""","two\nlines",nan\n')
    fetched = fetch(source, tmp_path)
    assert fetched.frame["a"].tolist() == ["007", "1e3", 'say "hi"']
    assert fetched.frame["b"].isna().tolist() == [False, True, False]
    assert fetched.frame["b"][2] == "two\nlines"
    assert fetched.frame["c"].tolist() == [" x ", "null", "nan"]
    assert fetched.origin == source.path
    assert not fetched.synthetic
    (file,) = fetched.files
    data = Path(source.path).read_bytes()
    assert (file.name, file.sha256, file.bytes, file.rows) == (source.path, sha(data), len(data), 3)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (ONE, {}),
        (b"\xef\xbb\xbf" + ONE, {}),
        (ONE.replace(b"\n", b"\r\n"), {}),
        (b"\n\n" + ONE.rstrip(), {}),
        (gzip.compress(ONE), {}),
        (ONE.replace(b",", b";"), {"delimiter": ";"}),
        (ONE.decode().encode("utf-16"), {"encoding": "utf-16"}),
        (ONE.decode().encode("cp1252"), {"encoding": "cp1252"}),
    ],
    ids=["plain", "bom", "crlf", "blank lines", "gzip", "semicolon", "utf-16", "cp1252"],
)
def test_csv_dialects_give_the_same_rows(csv_file, tmp_path, data, options):
    frame = fetch(csv_file(data, **options), tmp_path).frame
    assert frame.to_dict("list") == {"place": ["York", "Leeds"], "crime": ["Robbery", "NA"]}


def test_a_glob_joins_files_by_column_name(csv_file, tmp_path):
    csv_file(gzip.compress(TWO), "2.csv.gz")
    csv_file(ONE, "1.csv")
    (tmp_path / "3.csv").mkdir()
    fetched = fetch(CsvSource(kind="csv", path=f"{tmp_path}/*.csv*"), tmp_path)
    assert list(fetched.frame.columns) == ["place", "crime"]
    assert fetched.frame["crime"].tolist() == ["Robbery", "NA", "Fraud"]
    assert fetched.frame["place"].isna().tolist() == [False, False, True]
    assert [file.rows for file in fetched.files] == [2, 1]
    assert "2 files" in fetched.origin


def test_a_path_with_glob_characters_is_a_path_first(csv_file, tmp_path):
    assert len(fetch(csv_file(ONE, "a[1].csv"), tmp_path).frame) == 2


def test_a_quoted_cell_of_ten_megabytes_is_a_cell(csv_file, tmp_path):
    frame = fetch(csv_file(b'a,b\n"' + b"x,\n" * 3_500_000 + b'",1\n'), tmp_path).frame
    assert frame["a"].str.len().tolist() == [10_500_000]


def test_stray_quotes_inside_a_cell_are_text(csv_file, tmp_path):
    assert fetch(csv_file(b'a,b\n6" knife,1\n2,3\n'), tmp_path).frame["a"].tolist() == ['6" knife', "2"]


LONG = b"a,b\n" + b"1,2\n" * 5000
BROKEN = {
    "empty": (b"", {}, ["is empty"]),
    "blank": (b"\n \n", {}, ["is empty"]),
    "header only": (b"a,b\n", {}, ["header of 2 columns", "not one row"]),
    "semicolons": (ONE.replace(b",", b";"), {}, ["a semicolon", "';', not ','"]),
    "tabs": (ONE.replace(b",", b"\t"), {}, ["a tab"]),
    "bars, read with semicolons": (ONE.replace(b",", b"|"), {"delimiter": ";"}, ["a bar", "'|', not ';'"]),
    "latin-1": (LONG + b"caf\xe9,1\n", {}, ["byte 20007", "line 5002", "not utf-8", "latin-1"]),
    "latin-1 behind a bom": (
        b"\xef\xbb\xbf" + LONG + b"\xe9,1\n",
        {"encoding": "utf-8-sig"},
        ["byte 20007", "line 5002", "0xe9"],
    ),
    "utf-16": (ONE.decode().encode("utf-16"), {}, ["byte 0", "utf-16"]),
    "unknown encoding": (ONE, {"encoding": "utf-9"}, ["'utf-9'", "utf-8"]),
    "no text encoding": (ONE, {"encoding": "hex"}, ["'hex'", "utf-8"]),
    "cut gzip": (gzip.compress(LONG)[:-20], {}, ["gzipped", "cut off"]),
    "damaged gzip": (b"\x1f\x8b" + b"junk" * 9, {}, ["gzipped", "damaged"]),
    "spreadsheet": (b"PK\x03\x04" + b"\0" * 40, {}, ["zip archive or a spreadsheet"]),
    "row too long": (LONG + b"1,2,3\n" + LONG, {}, ["line 5002", "has 3 fields", "the header has 2"]),
    "first row too long": (b"a,b\n1,2,3\n4,5,6\n", {}, ["line 2", "has 3 fields"]),
    "long row behind a cell of two lines": (b'a,b\n"x\ny",2\n1,2,3\n', {}, ["line 4", "has 3 fields"]),
    "cut in the middle of a row": (b"a,b,c\n1,2,3\n4,5", {}, ["line 3", "has 2 fields", "cut off"]),
    "cut inside quotes": (b'a,b\n1,2\n3,"four and', {}, ["line 3", "quote that never closes"]),
    "quote never closed": (b'a,b\n1,"2\n' + LONG, {}, ["line 2", "quote that never closes"]),
    "long row behind a long cell": (b"a,b\n" + b"x" * 200_000 + b",2\n1,2,3\n", {}, ["line 3", "has 3 fields"]),
    "nul": (b"a,b\n1,2\n1,\x002\n", {}, ["line 3", "NUL"]),
    "column twice": (b"a,b,a\n1,2,3\n", {}, ["'a'", "more than one column"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_csv_is_one_clear_paragraph(csv_file, tmp_path, case):
    data, options, expected = BROKEN[case]
    source = csv_file(data, **options)
    text = message(source, tmp_path)
    assert source.path in text
    for words in expected:
        assert words in text


def test_the_file_with_other_columns_is_named(csv_file, tmp_path):
    csv_file(ONE, "1.csv")
    csv_file(b"place,when,who\n1,2,3\n", "2.csv")
    text = message(CsvSource(kind="csv", path=f"{tmp_path}/*.csv"), tmp_path)
    assert text.startswith(f"{tmp_path}/2.csv: ")
    assert "missing: crime; extra: when, who" in text
    assert f"{tmp_path}/1.csv" in text
    csv_file(b"place,crime,who\n1,2,3\n", "2.csv")
    assert message(CsvSource(kind="csv", path=f"{tmp_path}/*.csv"), tmp_path).endswith("extra: who")


def test_a_path_that_matches_nothing_or_a_folder(tmp_path):
    assert "matches nothing" in message(CsvSource(kind="csv", path=f"{tmp_path}/no/*.csv"), tmp_path)
    assert "is a folder without a file that ends in .csv" in message(
        CsvSource(kind="csv", path=str(tmp_path)), tmp_path
    )
    (tmp_path / "sub").mkdir()
    assert "but folders" in message(CsvSource(kind="csv", path=f"{tmp_path}/s*"), tmp_path)


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a regular file" in message(CsvSource(kind="csv", path=f"{tmp_path}/pipe.csv"), tmp_path)


def test_a_path_that_can_not_be_looked_up(tmp_path):
    assert "name too long" in message(CsvSource(kind="csv", path=f"{tmp_path}/{'x' * 300}.csv"), tmp_path)
    assert "can't be looked up" in message(CsvSource(kind="csv", path="~nobody-of-that-name/x.csv"), tmp_path)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file here that exists and never reads")
def test_a_file_that_can_not_be_read(tmp_path):
    assert "/proc/self/mem can't be read" in message(CsvSource(kind="csv", path="/proc/self/mem"), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(csv_file, tmp_path):
    source = csv_file(ONE)
    Path(source.path).chmod(0)
    assert "Permission denied" in message(source, tmp_path)


# --- parquet -----------------------------------------------------------------------------------------------------


def test_parquet_keeps_types_joins_by_name_and_forgets_an_index(tmp_path):
    one = pd.DataFrame({"n": [1, 2], "kind": pd.Categorical(["a", "b"])}, index=[7, 8])
    two = pd.DataFrame({"kind": pd.Categorical(["c"]), "n": [2.5]}, index=[9])
    one.to_parquet(tmp_path / "1.parquet")
    two.to_parquet(tmp_path / "2.parquet")
    fetched = fetch(ParquetSource(kind="parquet", path=f"{tmp_path}/*.parquet"), tmp_path)
    assert fetched.frame["n"].tolist() == [1.0, 2.0, 2.5]
    assert fetched.frame["n"].dtype == "float64"
    assert fetched.frame["kind"].tolist() == ["a", "b", "c"]
    assert fetched.frame["kind"].dtype == "str"
    assert list(fetched.frame.index) == [0, 1, 2]
    alone = fetch(ParquetSource(kind="parquet", path=f"{tmp_path}/1.parquet"), tmp_path).frame
    assert list(alone.index) == [0, 1]
    assert len(alone.columns) == 3


def test_broken_parquet_is_one_clear_paragraph(tmp_path):
    path = tmp_path / "rows.parquet"
    source = ParquetSource(kind="parquet", path=str(path))
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    whole = path.read_bytes()
    for broken in (b"", ONE, whole[:-9], whole[: len(whole) // 2], whole[:20] + b"\xff" * 40 + whole[60:]):
        path.write_bytes(broken)
        assert "no Parquet file, or a damaged one" in message(source, tmp_path)
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), path)
    assert "not one row" in message(source, tmp_path)
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    assert "more than one column" in message(source, tmp_path)


def test_parquet_files_of_clashing_types_or_columns_are_refused(tmp_path):
    source = ParquetSource(kind="parquet", path=f"{tmp_path}/*.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "2.parquet")
    assert "do not go together" in message(source, tmp_path)
    pq.write_table(pa.table({"b": [1]}), tmp_path / "2.parquet")
    assert "2.parquet: the columns differ" in message(source, tmp_path)


# --- police_uk ---------------------------------------------------------------------------------------------------

HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,"
    "Last outcome category,Context\n"
)


def street(folder, month, force, header=HEADER):
    (folder / month).mkdir(exist_ok=True)
    row = ",".join(["x"] * header.count(",")) + f",{force} {month}\n"
    (folder / month / f"{month}-{force}-street.csv").write_text(header + row)


def test_police_uk_takes_the_months_of_the_forces_asked_for(tmp_path):
    for month in ("2017-07", "2016-07"):
        for force in ("west-yorkshire", "west-mercia", "kent"):
            street(tmp_path, month, force)
    (tmp_path / "2016-07" / "2016-07-kent-outcomes.csv").write_text("other\n1\n")
    (tmp_path / "2016-07" / "2015-01-kent-street.csv").write_text("misplaced\n1\n")

    def rows(force):
        source = PoliceUkSource(kind="police_uk", path=str(tmp_path), force=force)
        return fetch(source, tmp_path).frame["Context"].tolist()

    assert rows("kent") == ["kent 2016-07", "kent 2017-07"]
    assert len(rows("west-*")) == 4
    assert len(rows("*")) == 6


def test_police_uk_says_what_is_wrong_with_the_folder(tmp_path):
    def source(path=tmp_path, force="*"):
        return PoliceUkSource(kind="police_uk", path=str(path), force=force)

    assert "not a folder" in message(source(tmp_path / "no"), tmp_path)
    assert "contains no YYYY-MM/YYYY-MM-<force>-street.csv" in message(source(), tmp_path)
    street(tmp_path, "2016-07", "kent")
    assert "'essex'; it has: kent" in message(source(force="essex"), tmp_path)
    street(tmp_path, "2016-07", "kent", HEADER.replace("Context", "Contexts"))
    text = message(source(), tmp_path)
    assert "missing: Context; extra: Contexts" in text
    assert "2016-07-kent-street.csv" in text


# --- package -----------------------------------------------------------------------------------------------------


class Index:
    """A folder of wheels that pip uses instead of any index."""

    def __init__(self, folder):
        self.folder = folder
        self.wheel = folder / "evh_fixture-1.0-py3-none-any.whl"

    def write(self, members):
        with zipfile.ZipFile(self.wheel, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
            archive.writestr("evh_fixture/__init__.py", "raise SystemExit('never to be imported')")
            archive.writestr(
                "evh_fixture-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: evh-fixture\nVersion: 1.0\n"
            )
            archive.writestr(
                "evh_fixture-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr("evh_fixture-1.0.dist-info/RECORD", "")

    def source(self, **changes):
        given = {
            "kind": "package",
            "distribution": "evh-fixture",
            "version": "1.0",
            "sha256": sha(self.wheel.read_bytes()),
            "members": (Member(path="data/1.csv", sha256=sha(ONE)), Member(path="data/2.csv", sha256=sha(TWO))),
        }
        return PackageSource(**(given | changes))


@pytest.fixture
def index(tmp_path, monkeypatch):
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    found = Index(folder)
    found.write({"data/1.csv": ONE, "data/2.csv": TWO, "data/3.csv": b"unwanted"})
    return found


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_package_members_are_joined_and_only_they_are_kept(index, cache, capfd):
    source = index.source()
    fetched = fetch(source, cache)
    assert fetched.frame["crime"].tolist() == ["Robbery", "NA", "Fraud"]
    assert "evh-fixture 1.0" in fetched.origin
    assert "data/1.csv, data/2.csv" in fetched.origin
    assert [(file.name, file.sha256, file.rows) for file in fetched.files] == [
        ("data/1.csv", sha(ONE), 2),
        ("data/2.csv", sha(TWO), 1),
    ]
    assert kept(cache) == sorted(f"packages/{source.sha256}/{sha(data)}" for data in (ONE, TWO))
    assert [path.name for path in (cache / "packages").iterdir()] == [source.sha256]
    assert capfd.readouterr() == ("", "")


def test_a_second_fetch_needs_no_wheel_until_the_cache_is_cleared(index, cache):
    source = index.source()
    first = fetch(source, cache)
    index.wheel.unlink()
    pd.testing.assert_frame_equal(fetch(source, cache).frame, first.frame)
    clear_downloads(source, cache)
    assert kept(cache) == []
    text = message(source, cache)
    assert "can't be downloaded" in text
    assert "PIP_FIND_LINKS" in text


def test_a_damaged_cache_file_is_noticed_and_fetched_again(index, cache):
    source = index.source()
    first = fetch(source, cache)
    path = cache / "packages" / source.sha256 / sha(ONE)
    path.write_bytes(ONE.replace(b"York", b"Yorc"))
    pd.testing.assert_frame_equal(fetch(source, cache).frame, first.frame)
    assert path.read_bytes() == ONE
    path.write_bytes(b"")
    index.wheel.unlink()
    assert "can't be downloaded" in message(source, cache)


def test_package_faults_say_what_was_found_and_leave_nothing(index, cache):
    wrong = "0" * 64
    members = index.source().members
    faults = {
        "is not the wheel of the problem": index.source(sha256=wrong),
        "has no member data/9.csv": index.source(members=(*members, Member(path="data/9.csv", sha256=wrong))),
        f"data/1.csv has sha256 {sha(ONE)}, expected {wrong}": index.source(
            members=(members[1], Member(path="data/1.csv", sha256=wrong))
        ),
        "No matching distribution found for evh-fixture==2.0. Is the name right": index.source(version="2.0"),
    }
    for expected, source in faults.items():
        text = message(source, cache)
        assert expected in text
        assert "WARNING" not in text
        assert kept(cache) == []
        assert not list((cache / "packages").iterdir())


def test_a_wheel_that_is_no_zip_is_refused(index, cache):
    index.wheel.write_bytes(b"not a zip at all")
    text = message(index.source(), cache)
    assert "evh_fixture-1.0-py3-none-any.whl" in text or "evh-fixture==1.0" in text
    assert kept(cache) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"distribution": "-r/etc/hosts"}, "no name of a package"),
        ({"distribution": "--index-url=x"}, "no name of a package"),
        ({"distribution": "../evh"}, "no name of a package"),
        ({"distribution": "evh @ file:///x"}, "no name of a package"),
        ({"version": "1.0 --pre"}, "no version"),
        ({"version": "*"}, "no version"),
        ({"version": "1.0; echo x"}, "no version"),
    ],
)
def test_nothing_but_a_name_and_a_version_reaches_pip(index, cache, monkeypatch, changes, expected):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("pip was called"))
    assert expected in message(index.source(**changes), cache)


def test_a_cache_that_can_not_be_written_is_reported(index, cache):
    cache.write_text("a file where the folder should be")
    assert "cache" in message(index.source(), cache)


def test_pip_that_is_not_installed_is_reported(index, cache, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "pip gave no message" in message(index.source(), cache)


def test_toronto_comes_from_the_real_index_whole(tmp_path):
    source = load_problem("toronto").source
    try:
        fetched = fetch(source, tmp_path)
    except SourceError as error:
        if "can't be downloaded" not in str(error):
            raise
        pytest.skip(f"the package index can't be reached: {error}")
    assert fetched.frame.shape == (240_992, 14)
    assert fetched.frame["MCI"].value_counts().to_dict() == {
        "Assault": 125_433,
        "Break and Enter": 54_650,
        "Auto Theft": 32_268,
        "Robbery": 19_980,
        "Theft Over": 8_661,
    }
    assert fetched.frame.duplicated().sum() == 1_603
    assert [file.rows for file in fetched.files] == [210_992, 30_000]


# --- kaggle ------------------------------------------------------------------------------------------------------


def kaggle(**changes):
    return KaggleSource(**({"kind": "kaggle", "dataset": "owner/homicides", "file": "US_Crime_DataSet.csv"} | changes))


def homicides():
    return us_homicides(300, 5).to_csv(index=False).encode()


def downloaded(cache, version, data, whole=True):
    """Put a file where kagglehub keeps it, with its mark of a whole download."""
    folder = cache / "kaggle/datasets/owner/homicides"
    for path, content in (
        (folder / "versions" / str(version) / "US_Crime_DataSet.csv", data),
        (folder / ".complete" / str(version) / "US_Crime_DataSet.csv.complete", b"" if whole else None),
    ):
        if content is not None:
            path.parent.mkdir(parents=True)
            path.write_bytes(content)


def test_kaggle_uses_the_newest_whole_version_in_its_cache_without_the_network(cache, monkeypatch):
    monkeypatch.setenv("KAGGLEHUB_CACHE", "/elsewhere")
    downloaded(cache, 2, ONE)
    downloaded(cache, 10, homicides())
    downloaded(cache, 11, b"half a fi", whole=False)
    fetched = fetch(kaggle(sha256=sha(homicides())), cache)
    assert fetched.frame.shape == (300, 24)
    assert (fetched.frame["Perpetrator Age"] == " ").sum() == 1
    assert "owner/homicides version 10" in fetched.origin
    assert os.environ["KAGGLEHUB_CACHE"] == "/elsewhere"


@pytest.fixture
def kaggle_site(monkeypatch, cache):
    """kagglehub's download with the network taken out: it writes what the site would have sent."""
    import kagglehub

    site = {"data": homicides(), "calls": []}

    def dataset_download(handle, path):
        site["calls"].append(handle)
        folder = Path(os.environ["KAGGLEHUB_CACHE"]) / "datasets" / "owner" / "homicides"
        if "/versions/" not in handle:
            downloaded(cache, 3, site["data"])
        return str(folder / "versions" / "3" / path)

    monkeypatch.delenv("KAGGLEHUB_CACHE", raising=False)
    monkeypatch.setattr(kagglehub, "dataset_download", dataset_download)
    return site


def test_kaggle_downloads_once_until_the_cache_is_cleared(kaggle_site, cache):
    source = kaggle()
    for _ in range(2):
        assert len(fetch(source, cache).frame) == 300
    clear_downloads(source, cache)
    assert kept(cache) == []
    fetch(source, cache)
    assert kaggle_site["calls"] == ["owner/homicides", "owner/homicides/versions/3", "owner/homicides"]
    assert "KAGGLEHUB_CACHE" not in os.environ


def test_kaggle_fetches_a_damaged_file_again_and_refuses_a_wrong_one(kaggle_site, cache):
    downloaded(cache, 3, b"damaged")
    assert len(fetch(kaggle(sha256=sha(homicides())), cache).frame) == 300
    text = message(kaggle(sha256="0" * 64), cache)
    assert f"sha256 {sha(homicides())}, expected {'0' * 64}" in text
    assert kept(cache) == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (("ConnectionError", None), "can't be reached"),
        (("HTTPError", 403), "KAGGLE_API_TOKEN"),
        (("HTTPError", 401), "KAGGLE_API_TOKEN"),
        (("HTTPError", 404), "no file 'US_Crime_DataSet.csv'"),
        (("HTTPError", 500), "the download failed: it broke"),
    ],
)
def test_kaggle_says_why_there_is_no_file(monkeypatch, cache, error, expected):
    import kagglehub
    import requests

    def refuse(handle, path):
        response = requests.Response()
        response.status_code = error[1] or 0
        raise getattr(requests, error[0])("it\nbroke", response=response if error[1] else None)

    monkeypatch.setattr(kagglehub, "dataset_download", refuse)
    assert expected in message(kaggle(), cache)


def test_kaggle_on_a_machine_that_reaches_nothing(cache, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    text = message(kaggle(), cache)
    assert "kaggle.com can't be reached" in text
    assert "csv source" in text
    assert kept(cache) == []


@pytest.mark.parametrize(
    "changes", [{"dataset": "../.."}, {"dataset": "./x"}, {"file": "../x.csv"}, {"file": "/x.csv"}]
)
def test_kaggle_never_reads_or_clears_outside_its_cache(cache, tmp_path, changes):
    (tmp_path / "precious").write_text("x")
    cache.mkdir()
    assert "owner/name" in message(kaggle(**changes), cache)
    with pytest.raises(SourceError):
        clear_downloads(kaggle(**changes), cache)
    assert kept(tmp_path) == ["precious"]


# --- synthetic ---------------------------------------------------------------------------------------------------


def test_synthetic_says_so(cache):
    fetched = fetch(SyntheticSource(kind="synthetic", rows=200, seed=1), cache)
    assert fetched.synthetic
    assert fetched.origin.startswith("synthetic")
    assert fetched.frame.shape == (200, 24)
    problem = load_problem("us_homicides_synthetic")
    assert problem.synthetic
    assert "ynthetic" in problem.title
    real = load_problem("us_homicides_weapon").model_dump(exclude={"name", "title", "about", "licence", "source"})
    assert problem.model_dump(exclude={"name", "title", "about", "licence", "source"}) == real
    clear_downloads(problem.source, cache)


def test_a_kind_without_a_fetcher_is_a_fault_of_ours(cache):
    with pytest.raises(TypeError, match="int"):
        fetch(3, cache)


# --- files as programs for tables and portals write them ----------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\na;b\n1;2\n;4\n",
        "a;b;;\n1;2;;\n;4;;\n",
        "a;b\n1;2;;\n;4;;\n",
        "\ufeffsep=;\r\na;b;\r\n1;2;\r\n;4;\r\n",
    ],
)
def test_what_programs_add_to_a_csv_is_left_out(csv_file, tmp_path, text):
    frame = fetch(csv_file(text.encode(), delimiter=";"), tmp_path).frame
    assert frame.fillna("-").to_dict("list") == {"a": ["1", "-"], "b": ["2", "4"]}


def test_a_cell_beyond_the_last_name_is_refused_with_its_line(csv_file, tmp_path):
    text = message(csv_file(b"a,b,\n1,2,\n3,4,5\n"), tmp_path)
    assert "column 3 has no name in the header, and line 3 has a value there" in text


def test_lines_above_the_header_and_the_numbers_of_lines(csv_file, tmp_path):
    frame = fetch(csv_file(b"A title\n\na,b\n1,2\n", skip=2), tmp_path).frame
    assert frame.to_dict("list") == {"a": ["1"], "b": ["2"]}
    assert "line 5 has 3 fields" in message(csv_file(b"A title\n\na,b\n1,2\n1,2,3\n", skip=2), tmp_path)
    assert "nothing below the 2 lines" in message(csv_file(b"A title\n\n", skip=2), tmp_path)


def test_a_folder_is_all_its_files_of_the_kind(tmp_path):
    for month in ("02", "01"):
        (tmp_path / f"2024-{month}.csv").write_text(f"month,n\n{month},1\n")
    (tmp_path / "readme.md").write_text("no rows")
    found = fetch(CsvSource(kind="csv", path=str(tmp_path)), tmp_path / "cache")
    assert found.frame["month"].tolist() == ["01", "02"]
    assert kind_of(str(tmp_path)) == "csv"


def test_a_sheet_of_a_workbook_keeps_numbers_and_times(tmp_path):
    when = pd.to_datetime(["2024-01-01 03:00", "2024-01-02 00:00"])
    frame = pd.DataFrame({"when": when, "n": [1, 2], "share": [0.5, None], "mixed": ["a", 1]})
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame().to_excel(book, sheet_name="cover")
        frame.to_excel(book, sheet_name="rows", index=False)
    for sheet in (None, "rows"):
        read = fetch(ExcelSource(kind="excel", path=str(path), sheet=sheet), tmp_path).frame
        assert read["when"].tolist() == when.tolist()
        assert (read["n"].tolist(), read["share"].fillna(-1).tolist()) == ([1, 2], [0.5, -1])
        assert read["mixed"].tolist() == ["a", "1"]
    assert "no sheet 'other'; there is 'cover', 'rows'" in message(
        ExcelSource(kind="excel", path=str(path), sheet="other"), tmp_path
    )
    path.write_bytes(path.read_bytes()[:200])
    assert "a zip archive without a workbook" in message(ExcelSource(kind="excel", path=str(path)), tmp_path)


def _points(*geometries):
    features = [{"type": "Feature", "properties": {"n": i}, "geometry": g} for i, g in enumerate(geometries)]
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_points_are_rows_with_degrees(tmp_path):
    path = tmp_path / "town.geojson"
    path.write_text(_points({"type": "Point", "coordinates": [-75.1, 40.2]}, None))
    frame = fetch(GeoJsonSource(kind="geojson", path=str(path)), tmp_path).frame
    assert frame.fillna(0).to_dict("list") == {"n": [0, 1], "longitude": [-75.1, 0], "latitude": [40.2, 0]}


NO_POINTS = {
    "no json": ("{", "is no GeoJSON"),
    "other json": ('[{"a": 1}]', "no FeatureCollection"),
    "no feature": ('{"type": "FeatureCollection", "features": []}', "without a feature"),
    "a line": (_points({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}), "feature 1 is a LineString"),
    "projected": (_points({"type": "Point", "coordinates": [630000.0, 4830000.0]}), "are no degrees"),
    "text": (_points({"type": "Point", "coordinates": ["a", "b"]}), "has the coordinates"),
}


@pytest.mark.parametrize("case", NO_POINTS)
def test_what_is_no_geojson_of_points_is_one_clear_error(tmp_path, case):
    text, expected = NO_POINTS[case]
    path = tmp_path / "town.geojson"
    path.write_text(text)
    assert expected in message(GeoJsonSource(kind="geojson", path=str(path)), tmp_path)
