"""What the make targets hand on to the commands."""

import json
import subprocess
import sys

import pytest

from tasks.settings import ROOT

ARGUMENTS = "#!{python}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n"
NAMES = [
    "new rows.csv",
    "it's.csv",
    'the "new".csv',
    "what?.csv",
    "$HOME.csv",
    "$(x).csv",
    "a;b&c.csv",
    "-x.csv",
    "*.PARQUET",
]


@pytest.fixture
def make(tmp_path):
    python = tmp_path / "python"
    python.write_text(ARGUMENTS.format(python=sys.executable), encoding="utf-8")
    python.chmod(0o755)

    def run(target, *variables):
        command = ["make", "--no-print-directory", "-o", f"{tmp_path}/.runtime", target, *variables]
        places = [f"BIN={tmp_path}", f"VENV={tmp_path}"]
        done = subprocess.run([*command, *places], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("name", NAMES)
def test_names_reach_the_command_as_they_were_given(make, name):
    given = f"--problem=towns/{name}.yaml"
    places = (f"PROBLEM=towns/{name}.yaml", f"DATA={name}")
    assert make("train", *places) == ["-m", "flows.train", given, f"--data={name}"]
    assert make("score", *places) == ["-m", "flows.score", given, f"--data={name}"]
    assert make("rollback", places[0]) == ["-m", "flows.rollback", given]
    serve = ["-m", "service.serve", given]
    assert make("serve", places[0]) == serve
    assert make("serve", places[0], "PORT=9000", "HOST=::1") == [*serve, "--host", "::1", "--port", "9000"]
    assert make("ledger", places[0]) == ["-m", "flows.ledger", given]


def test_without_names_the_defaults_are_handed_on(make):
    assert make("train", "QUICK=1", "SEED=7") == [
        "-m", "flows.train", "--problem=toronto", "--preset", "quick", "--seed", "7",
    ]  # fmt: skip
