"""What is promised in files that people and scripts read is what the code does."""

import json
import re
import tomllib

import pytest

from evenhand.report.summary import Summary
from tasks.settings import ROOT


def test_the_documented_summary_schema_is_the_one_in_use():
    documented = json.loads((ROOT / "docs" / "summary.schema.json").read_text())
    assert documented == Summary.model_json_schema(), "run: make schema"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_pin_every_requirement_by_hash_and_name_no_address(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links)", text, re.MULTILINE)
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert "==" in requirement, requirement
        assert "--hash=sha256:" in requirement, requirement


def test_lock_files_hold_every_direct_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name, wanted in (
        ("requirements.lock", project["dependencies"]),
        ("requirements-dev.lock", project["optional-dependencies"]["dev"]),
    ):
        locked = {re.split(r"[=\[ ]", line)[0] for line in (ROOT / name).read_text().splitlines()}
        for requirement in wanted:
            assert re.split(r"[<>=\[ ]", requirement)[0].lower().replace("_", "-") in locked, requirement


def test_the_runtime_lock_is_part_of_the_one_for_tests():
    runtime, dev = (
        {line for line in (ROOT / name).read_text().splitlines() if "==" in line}
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert {line.rstrip(" \\") for line in runtime} <= {line.rstrip(" \\") for line in dev}


def test_folders_in_the_readme_exist():
    readme = (ROOT / "README.md").read_text()
    named = re.findall(r"^\| `([\w./-]+/)` \|", readme, re.MULTILINE)
    assert len(named) >= 8
    assert all((ROOT / folder).is_dir() for folder in named), named


def test_make_targets_in_the_readme_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"`make ([a-z-]+)", document.read_text()))
        assert named <= targets, f"{document.name}: {named - targets}"
