"""A training leaves what the monitor needs: trained, approved, watched, by the commands alone."""

import os
import subprocess
import sys
from pathlib import Path

from tasks.settings import ROOT
from tests.e2e.conftest import stores_in, train, write_problem
from tests.e2e.small import small_rows


def command(module, *arguments, folder):
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **stores_in(folder)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_a_champion_is_watched_on_rows_that_come_after_its_training(tmp_path):
    problem = write_problem(tmp_path, monitor={"false_alarm": "1 in 2 years"})
    done = train("--problem", problem, "--seed", 7, timeout=1_500, **stores_in(tmp_path))
    assert done.returncode == 0, done.stderr + done.stdout
    decision = ("--version", 1, "--decision", "approve", "--reviewer", "A. Person", "--comment", "fine")
    approved = command("flows.promote", "--problem", "small", *decision, folder=tmp_path)
    assert approved.returncode == 0, approved.stderr

    new = small_rows(600, seed=5)
    new["when"] = new["when"].str.replace("2021", "2023").str.replace("2020", "2022")
    well = tmp_path / "new.csv"
    new[new["when"] < "2023-01-02"].to_csv(well, index=False)
    found = command("flows.monitor", "--problem", problem, "--data", well, folder=tmp_path)
    assert found.returncode == 0, found.stderr + found.stdout
    assert "Nothing to do." in found.stdout
    page = Path(found.stdout.splitlines()[-1])
    assert "As promised" in page.read_text(encoding="utf-8")
