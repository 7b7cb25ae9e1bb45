"""The code has the structure that docs/architecture.md draws; the order of the layers is checked by lint-imports."""

import ast
from functools import cache

import pytest

from tasks.settings import ROOT

OURS = ("evenhand", "tasks", "flows", "service")
FILES = sorted(path for top in OURS for path in (ROOT / top).rglob("*.py"))
LARGEST_PACKAGE = 18


@cache
def _names(path):
    """Return the names that a module defines, and those that it imports from ours with their module."""
    defined, imported = set(), {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            imported |= {alias.asname or alias.name: node.module for alias in node.names}
    return defined, imported


def _defines(module, name):
    folder = ROOT / module.replace(".", "/")
    if (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file():
        return True
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    defined, imported = _names(path)
    # A package's face may hand on what its own modules define.
    own = folder.is_dir() and imported.get(name, "").startswith(f"{module}.")
    return name in defined or (own and _defines(imported[name], name))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_name_is_imported_from_where_it_is_defined(path):
    handed_on = [
        f"{module}.{name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (module := node.module or "").split(".")[0] in OURS
        for name in (alias.name for alias in node.names)
        if not _defines(module, name)
    ]
    assert not handed_on


@pytest.mark.parametrize(("top", "alone"), [("evenhand", {"errors.py"}), ("tasks", {"settings.py"})])
def test_the_root_of_a_layer_holds_packages(top, alone):
    assert {path.name for path in (ROOT / top).glob("*.py")} == alone | {"__init__.py"}


def test_every_package_has_a_docstring_and_few_modules():
    for folder in {path.parent for path in FILES}:
        docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert docstring, folder
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= LARGEST_PACKAGE, folder


def test_no_two_classes_share_a_name():
    names = [
        node.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert sorted({name for name in names if names.count(name) > 1}) == []
