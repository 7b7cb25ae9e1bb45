"""`make init`: files are found, sniffed and read; a problem and a suite are written, or neither."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from evenhand.errors import EvenhandError, ProblemError, SourceError
from tasks.data.problems import load_problem
from tasks.data.sources.fetch import fetch
from tasks.data.suites import load_suite
from tasks.proposal.init import InitRequest, init
from tasks.proposal.sniff import find_encoding, sniff
from tasks.settings import ROOT, settings
from tests.edges.cities import CITIES


@pytest.fixture(autouse=True)
def folders(tmp_path, home, monkeypatch):
    monkeypatch.setenv("EVENHAND_PROBLEMS", str(tmp_path / "problems"))
    monkeypatch.setenv("EVENHAND_EXPECTATIONS", str(tmp_path / "expectations"))
    settings.cache_clear()
    return tmp_path


def rows(n=400):
    rng = np.random.default_rng(0)
    y = rng.choice(2, n, p=[0.7, 0.3])
    day = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 700, n)), unit="D")
    return pd.DataFrame(
        {
            "Datum": day.strftime("%d.%m.%Y"),
            "Straße": rng.choice(["Königsallee", "Am Wall", "Graben"], n),
            "Wert": [f"{value:.2f}".replace(".", ",") for value in rng.random(n) * 50],
            "Art": np.array(["Diebstahl", "Betrug"])[y],
        }
    )


@pytest.mark.parametrize("recipes", [True, False])
@pytest.mark.parametrize("city", CITIES)
def test_each_city_gets_a_problem_that_reads_every_row(folders, city, recipes):
    path, target = CITIES[city](folders)
    written = init(InitRequest(data=str(path), target=target, name=city, recipes=recipes))
    problem = load_problem(city)
    assert (written.proposal.recipe is None) == (not recipes)
    assert problem.model_dump() == written.proposal.problem.model_dump()
    assert load_suite(problem).name == city
    read = fetch(problem.source, settings().cache).frame
    assert {len(read)} == {len(column.values) for column in written.proposal.columns.values()}
    assert len(written.text.splitlines()) <= 40
    assert f"make train PROBLEM={city} QUICK=1" in written.text
    known_leaks = {
        "chicago": {"IUCR", "FBI Code", "Description", "Arrest"},
        "los_angeles": {"Crm Cd", "Part 1-2", "Status"},
        "new_york": {"KY_CD", "PD_CD", "LAW_CAT_CD"},
        "san_francisco": {"Incident Code", "Incident Subcategory", "Resolution"},
        "seattle": {"Offense Code", "Crime Against Category"},
        "philadelphia": {"ucr_general"},
        "boston": {"OFFENSE_CODE", "OFFENSE_DESCRIPTION", "UCR_PART"},
        "toronto": {"UCR_CODE", "OFFENCE"},
        "london": {"minor_category"},
        "police_uk": {"Last outcome category"},
    }
    assert known_leaks[city] <= set(problem.leaks)
    features = set(problem.features["base"].columns)
    assert not features & {"Vict Sex", "SUSP_RACE", "VIC_SEX", "Vict Age", "DR_NO", "ID", "OBJECTID", "Row ID"}


def test_a_german_file_with_everything(folders):
    path = folders / "Straftaten 'neu'; 2024.csv"
    text = "sep=;\r\n" + rows().to_csv(sep=";", index=False, lineterminator=";;\r\n")
    path.write_bytes(text.encode("cp1252"))
    written = init(InitRequest(data=str(path), target="art"))
    problem = load_problem("straftaten_neu_2024")
    assert (problem.source.delimiter, problem.source.encoding, problem.source.decimal) == (";", "cp1252", ",")
    assert problem.split.holdout.format == "%d.%m.%Y"
    assert [part.column for part in problem.features["base"].numeric] == ["Wert"]
    assert "cp1252: is 'Straße' right?" in " ".join(written.text.split())


def test_nothing_is_written_over_without_force(folders):
    path = folders / "town.csv"
    rows().to_csv(path, index=False)
    request = InitRequest(data=str(path), target="Art", name="town")
    first = init(request)
    first.problem.write_text("mine", encoding="utf-8")
    with pytest.raises(ProblemError, match="FORCE=1"):
        init(request)
    assert first.problem.read_text(encoding="utf-8") == "mine"
    init(request.model_copy(update={"force": True}))
    assert load_problem("town").target.column == "Art"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "no such.csv"}, "matches nothing"),
        ({"data": ""}, "DATA: name a file"),
        ({"target": ""}, "TARGET: name the column"),
        ({"target": "Artt"}, "is it 'Art'"),
        ({"name": "My Town"}, "try 'my_town'"),
    ],
)
def test_what_is_wrong_is_one_error_and_nothing_is_left(folders, change, message):
    path = folders / "town.csv"
    rows().to_csv(path, index=False)
    with pytest.raises(EvenhandError, match=message):
        init(InitRequest(**({"data": str(path), "target": "Art", "name": "town"} | change)))
    assert not list(folders.glob("problems/*"))
    assert not list(folders.glob("expectations/*"))


KINDS = {
    "x.parquet": lambda frame, path: frame.to_parquet(path),
    "x.xlsx": lambda frame, path: frame.to_excel(path, index=False),
    "x.tsv": lambda frame, path: frame.to_csv(path, sep="\t", index=False),
    "x.csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "semicolons.txt": lambda frame, path: frame.to_csv(path, sep=";", index=False),
    "bars.csv": lambda frame, path: frame.to_csv(path, sep="|", index=False),
    "utf16.csv": lambda frame, path: frame.to_csv(path, index=False, encoding="utf-16"),
    "bom.csv": lambda frame, path: frame.to_csv(path, index=False, encoding="utf-8-sig"),
}


@pytest.mark.parametrize("name", KINDS)
def test_files_of_every_kind_give_the_same_rows(folders, name):
    KINDS[name](rows(), folders / name)
    init(InitRequest(data=str(folders / name), target="Art", name="town"))
    problem = load_problem("town")
    frame = fetch(problem.source, settings().cache).frame
    assert frame.astype("str").to_numpy().tolist() == rows().astype("str").to_numpy().tolist()
    assert problem.features["base"].columns == ("Straße", "Wert", "Datum")


def test_a_title_above_the_header_is_left_out_with_a_question(folders):
    path = folders / "town.csv"
    path.write_text("Straftaten, Jahr 2022\n\n" + rows().to_csv(index=False, sep=";"), encoding="utf-8")
    written = init(InitRequest(data=str(path), target="Art"))
    problem = load_problem("town")
    assert (problem.source.skip, problem.source.delimiter) == (2, ";")
    assert len(fetch(problem.source, settings().cache).frame) == 400
    assert "the first 2 lines" in written.text


def test_the_encoding_is_utf_8_if_every_byte_is():
    assert find_encoding("Straße".encode(), "x") == ("utf-8", "")
    assert find_encoding(b"plain", "x") == ("utf-8", "")
    assert find_encoding(("Königsallee, Straße " * 20).encode("cp1252"), "x")[0] == "cp1252"


def test_a_folder_of_two_kinds_is_refused(folders):
    (folders / "a.csv").write_text("a,b\n1,2\n")
    (folders / "b.geojson").write_text("{}")
    with pytest.raises(SourceError, match="2 kinds"):
        sniff(str(folders))


def test_the_command_prints_one_screen_or_one_error(folders):
    path = folders / "it's a town.csv"
    rows().to_csv(path, index=False)
    command = [sys.executable, "-m", "flows.init", "--data", str(path), "--name", "town", "--no-recipes"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(*more):
        return subprocess.run(
            [*command, *more], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    refused = run("--target", "Kind")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Traceback" not in refused.stderr
    done = run("--target", "Art")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Next: make train PROBLEM=town QUICK=1"
    assert json.loads((folders / "expectations" / "town.json").read_text(encoding="utf-8"))["name"] == "town"
