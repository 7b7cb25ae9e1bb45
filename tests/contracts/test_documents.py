"""What is promised in files that people and scripts read is what the code does."""

import ast
import json
import re
import tomllib
from functools import cache
from itertools import pairwise

import pytest

from evenhand.report.summary import Summary
from tasks.settings import ROOT

DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    + [path for path in (ROOT / "infra").rglob("*.md") if ".terraform" not in path.parts]
)
CODE = ("evenhand", "tasks", "flows", "service", "benchmarks", "tests")
FOLDERS = (*CODE, "docs", "infra", "notebooks", "problems", "expectations")
PYTHON = sorted(path for top in CODE for path in (ROOT / top).rglob("*.py"))
EXAMPLES = {"expectations/mytown.json", "problems/mytown.yaml"}  # files that a reader is asked to write


def _name(path):
    return path.relative_to(ROOT).as_posix()


def _of_each_document(test):
    return pytest.mark.parametrize("document", DOCUMENTS, ids=_name)(test)


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


# --- architecture ------------------------------------------------------------------------------------------------


@cache
def _table(heading):
    """Return the code spans in the first column of the table below a heading of docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    part = re.split(r"^## ", text, flags=re.MULTILINE)
    (found,) = [section for section in part if section.startswith(f"{heading}\n")]
    return re.findall(r"^\| `([^`]+)` \|", found, re.MULTILINE)


def test_the_folders_of_the_architecture_are_those_there_are():
    named = _table("Folders")
    assert all(re.fullmatch(r"[a-z]+/", name) and (ROOT / name).is_dir() for name in named), named
    assert len(set(named)) == len(named)
    missing = {f"{name}/" for name in FOLDERS if (ROOT / name).is_dir()} - set(named)
    assert not missing, f"docs/architecture.md does not name {missing}"


def test_the_packages_of_the_architecture_are_the_layers_in_their_order():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = {c["containers"][0]: c["layers"] for c in contracts if c["type"] == "layers" and "containers" in c}
    expected = ["flows", "service", *(f"{top}.{layer}" for top in ("tasks", "evenhand") for layer in layers[top])]
    assert _table("Packages") == expected


@pytest.mark.parametrize("name", ["architecture.md", "glossary.md"])
def test_names_of_the_code_in_backticks_are_defined_somewhere(name):
    known = set().union(*(_defined(path) for path in PYTHON))
    named = {span for span in _spans(ROOT / "docs" / name) if re.fullmatch(r"[A-Z]+|([A-Z][a-z]+)+", span)}
    assert named
    assert not named - known


def test_the_readme_fits_on_one_screen():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 65


def test_files_that_a_training_leaves_are_named_in_the_code():
    text = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    files = {name for row in rows for name in re.findall(r"`([\w/]+)\.(?:json|md|html|png|yaml)`", row)}
    code = "".join(path.read_text(encoding="utf-8") for path in PYTHON if path.parts[len(ROOT.parts)] != "tests")
    assert len(files) >= 10
    assert not {name for name in files if not re.search(rf"\b{name.rpartition('/')[2]}\b", code)}


# --- links and names ---------------------------------------------------------------------------------------------


def _prose(document):
    """Return a document without its fenced and indented code blocks."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<=\n\n)(?: {4}.*\n)+", "", text)


@cache
def _anchors(document):
    """Return the anchors of the headings of a document, as GitHub makes them."""
    found = {}
    for heading in re.findall(r"^#+ +(.+?) *$", _prose(document), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
        if found[slug]:
            found[f"{slug}-{found[slug]}"] = 0
    return set(found)


def _spans(document):
    return re.findall(r"`([^`\n]+)`", _prose(document))


@cache
def _defined(path):
    """Return the names that a module defines at its top level; a package's also hands on those of its modules."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and path.name == "__init__.py":
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def _is_known(dotted):
    """Tell whether a dotted name is a module, or a name defined in one."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:end])
        path = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
        if path.is_file():
            return all(name in _defined(path) for name in parts[end : end + 1])
    return ROOT.joinpath(*parts).is_dir()


@_of_each_document
def test_links_lead_to_files_and_headings_that_exist(document):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(target)
    assert not broken


@_of_each_document
def test_paths_in_backticks_exist(document):
    named = [span for span in _spans(document) if re.match(rf"({'|'.join(FOLDERS)})/[\w./-]+(:\w+)?$", span)]
    missing = []
    for span in named:
        name, _, inside = span.partition(":")
        path = ROOT / name
        if not path.exists() and name not in EXAMPLES:
            missing.append(span)
        elif inside and inside not in _defined(path):
            missing.append(f"{span} (the file is there, the name is not)")
    assert not missing


@_of_each_document
def test_modules_and_names_in_backticks_exist(document):
    named = [
        span for span in _spans(document) if re.fullmatch(r"(evenhand|tasks|flows|service|benchmarks)(\.\w+)+", span)
    ]
    assert not [name for name in named if not _is_known(name)]


@_of_each_document
def test_modules_that_commands_run_exist(document):
    if document.name == "CHANGELOG.md":
        return  # it names commands that were replaced
    named = set(re.findall(rf"python -m (({'|'.join(CODE)})[\w.]*)", document.read_text(encoding="utf-8")))
    assert not [name for name, _ in named if not _is_known(name)]


@_of_each_document
def test_make_targets_exist(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^    |^)make ([a-z-]+)", text, re.MULTILINE))
    assert named <= targets, named - targets


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / name).resolve() for name in re.findall(r"\]\(([^)#\s]+)", index.read_text())}
    pages = {path for path in (ROOT / "docs").rglob("*.md") if path != index}
    assert not {_name(path) for path in pages - linked}


def test_names_that_docstrings_refer_to_exist():
    reference = re.compile(r":(?:func|class|mod|meth|data):`~?((?:evenhand|tasks|flows|service|benchmarks)[\w.]*)`")
    found = [(path, name) for path in PYTHON for name in reference.findall(path.read_text(encoding="utf-8"))]
    assert found
    assert not [f"{_name(path)}: {name}" for path, name in found if not _is_known(name)]


def test_pages_that_code_refers_to_exist():
    files = [*PYTHON, ROOT / "Makefile", ROOT / "prefect.yaml", ROOT / "MLproject", *(ROOT / "problems").glob("*.yaml")]
    named = [(path, page) for path in files for page in re.findall(r"docs/[\w/-]+\.md", path.read_text("utf-8"))]
    assert not [f"{_name(path)}: {page}" for path, page in named if not (ROOT / page).is_file()]


def test_the_terminal_output_in_the_readme_is_part_of_the_whole_one():
    """The excerpt may leave lines out, but changes none and keeps their order."""
    (excerpt,) = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    whole = (ROOT / "docs" / "outputs.md").read_text().splitlines()
    at = [whole.index(line) for line in excerpt.splitlines() if line not in ("", "...")]
    assert all(before < after for before, after in pairwise(at))
