"""The command of an analyst, in its own process, on a small made-up city with a planted hotspot."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tasks.settings import ROOT, settings
from tests.core.spatial.city import HOT, city_problem, city_rows
from tests.e2e.browser import tab
from tests.e2e.conftest import stores_in


def write_city(folder, rows, **analysis):
    rows.to_csv(folder / "city.csv", index=False)
    problem = city_problem(**analysis) | {"source": {"kind": "csv", "path": str(folder / "city.csv")}}
    path = folder / "city.yaml"
    path.write_text(yaml.safe_dump(problem, sort_keys=False), encoding="utf-8")
    return path


def analyse(folder, problem):
    return subprocess.run(
        [sys.executable, "-m", "flows.analyse", "--problem", str(problem)],
        cwd=ROOT,
        env={**os.environ, **stores_in(folder)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="session")
def city(once):
    """Analyse the city once, for all tests that only read the result."""

    def make(folder):
        done = analyse(folder, write_city(folder, city_rows(), masked=["District 5"], windows=[4], shares=[0.01]))
        assert done.returncode == 0, done.stderr + done.stdout
        (folder / "output.txt").write_text(done.stdout, encoding="utf-8")

    folder = once("analysed_city", make)
    output = (folder / "output.txt").read_text(encoding="utf-8")
    page = Path(output.strip().splitlines()[-1].removeprefix("The page, to read: "))
    return folder, output, page


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)[1])


def test_the_planted_spot_is_the_first_hotspot_and_drugs_are_refused(city):
    _, output, page = city
    data = data_of(page)
    thefts = data["hotspots"]["of"][data["classes"].index("Theft")]["cells"]
    best = max(thefts, key=lambda i: thefts[i][0])
    number, grid = data["cells"]["cells"][int(best)], data["grid"]
    south = grid["south"] + number // grid["columns"] * grid["north_step"]
    west = grid["west"] + number % grid["columns"] * grid["east_step"]
    assert south <= HOT[0] < south + grid["north_step"]
    assert west <= HOT[1] < west + grid["east_step"]
    assert thefts[best][5] > 0.99
    assert "Drug offence: no map and no hotspots. Its name has 'drug'" in output
    assert data["hotspots"]["of"][data["classes"].index("Drug offence")] is None
    assert data["cells"]["counts"][data["classes"].index("Drug offence")] == {}


def test_no_small_count_and_no_masked_area_is_in_any_file(city):
    _, _, page = city
    data = data_of(page)
    shown = [n for of_class in data["cells"]["counts"] for row in of_class.values() for n in row if n is not None]
    assert shown
    assert min(shown) >= 5
    masked = data["names"].index("District 5")
    assert masked not in data["cells"]["area"]
    assert all(of["mean"][masked] is None and of["seen"][masked] is None for of in data["areas"]["of"])
    assert "District 5" not in (page.parent / "forecasts.csv").read_text(encoding="utf-8")
    features = json.loads((page.parent / "hotspots.geojson").read_text(encoding="utf-8"))["features"]
    assert features
    assert {f["properties"]["class"] for f in features} == {"Theft"}


def test_the_run_and_the_files_are_complete(city, monkeypatch):
    folder, _, page = city
    tables = json.loads((page.parent / "analysis.json").read_text(encoding="utf-8"))
    assert {line["rival"] for line in tables["hotspots"]} >= {"chosen", "counts of the last 3 years", "ProMap"}
    for name, value in stores_in(folder).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    from tasks.tracking.client import connect

    client = connect()
    experiment = client.get_experiment_by_name("made_up_city-analysis")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["forecast/seasonal naive/skill"] == 0
    assert any(one.path == "analysis.html" for one in client.list_artifacts(run.info.run_id))


def test_the_page_works_in_a_browser_without_a_network_and_by_keyboard(city):
    _, _, page = city
    with tab("") as opened:
        opened.watch("")
        complaints = []
        opened.page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        opened.page.goto(page.as_uri())
        opened.wait_for("Recorded, not true, crime.", "95 % interval")
        opened.page.focus("#class")
        opened.page.keyboard.press("ArrowUp")  # from Theft: all classes are first
        opened.page.select_option("#class", label="Drug offence")
        opened.page.get_by_text("no map and no hotspots").filter(visible=True).first.wait_for()
        opened.page.select_option("#class", label="Theft")
        opened.page.select_option("#measure", "area")
        opened.page.focus("#time")
        before = opened.page.text_content("#time-text")
        opened.page.keyboard.press("ArrowLeft")
        assert opened.page.text_content("#time-text") != before
        opened.page.focus("#list button")
        opened.page.keyboard.press("Enter")
        opened.wait_for("80 %: ")
        opened.page.select_option("#measure", "expected")
        for kind, begins in (("csv", b"# Recorded, not true"), ("geojson", b'{"type"'), ("png", b"\x89PNG")):
            with opened.page.expect_download() as download:
                opened.page.click(f"#{kind}")
            assert Path(download.value.path()).read_bytes().startswith(begins)
        assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert opened.errors == []
        assert complaints == []


def test_times_without_days_are_refused_with_what_can_be_done(tmp_path):
    rows = city_rows(years=3, per_week=20)
    rows = rows[rows["when"].str[5:7] == "07"].assign(when=rows["when"].str[:8] + "01")
    done = analyse(tmp_path, write_city(tmp_path, rows))
    assert done.returncode == 0, done.stderr
    assert (
        "Not possible with these data:\n- no forecasts by week: every time is the first day of a month" in done.stdout
    )
    assert "- a map of past counts by cell" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_column_that_is_not_there_is_one_paragraph(tmp_path):
    done = analyse(tmp_path, write_city(tmp_path, city_rows(years=2, per_week=10), area="Bezirk"))
    assert done.returncode == 1
    assert "analysis.area: no column 'Bezirk'; columns are when" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "runs").glob("*"))
