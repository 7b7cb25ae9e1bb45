"""From a city's file to a verdict by two commands, without an edit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.settings import ROOT, settings
from tests.e2e.conftest import train
from tests.edges.cities import CITIES

IN_TEST = ("toronto", "police_uk")
VERDICTS = {"promote (first)", "insufficient evidence", "reject"}


def init(path, target, name, *more):
    """Run the command of `make init` as the Makefile does."""
    command = [sys.executable, "-m", "flows.init", f"--data={path}", f"--target={target}", f"--name={name}", *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip(), done.stderr
    return done.stdout


def from_a_file_to_a_verdict(folder, monkeypatch, city, recipes):
    for variable, name in (("EVENHAND_PROBLEMS", "problems"), ("EVENHAND_EXPECTATIONS", "expectations")):
        monkeypatch.setenv(variable, str(folder / name))
    settings.cache_clear()
    path, target = CITIES[city](folder)
    screen = init(path, target, city, *([] if recipes else ["--no-recipes"]))
    assert ("recognised" in screen) == recipes
    done = train("--problem", city, "--preset", "quick", timeout=1200)
    assert done.returncode == 0, done.stderr + done.stdout
    summary = json.loads(Path(done.stdout.splitlines()[-1]).read_text(encoding="utf-8"))
    assert summary["verdict"]["outcome"] in VERDICTS
    assert summary["leak_sentinel"] == "clean"
    scores = [candidate["test"]["macro_f1"] for candidate in summary["candidates"] if candidate["test"]]
    assert 0.3 < max(scores) < 0.98, "worse than chance, or a leak was left in"


@pytest.mark.parametrize("city", IN_TEST)
def test_a_verdict_without_an_edit(tmp_path, stores, monkeypatch, city):
    from_a_file_to_a_verdict(tmp_path, monkeypatch, city, recipes=False)


@pytest.mark.soak
@pytest.mark.parametrize("recipes", [True, False])
@pytest.mark.parametrize("city", CITIES)
def test_a_verdict_on_every_city_with_and_without_recipes(tmp_path, stores, monkeypatch, city, recipes):
    from_a_file_to_a_verdict(tmp_path, monkeypatch, city, recipes)
