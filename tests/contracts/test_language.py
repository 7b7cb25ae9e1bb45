"""Code, messages and documents use the words of docs/glossary.md, and none of those that it drops."""

import ast
import re
from pathlib import Path

import pytest

from tasks.settings import ROOT

TEXTS = (".py", ".md", ".yaml", ".yml", ".tf", ".hcl", ".html", ".j2", ".css", ".toml")
CODE = ("evenhand", "tasks", "flows", "service", "benchmarks", "tests")
FOLDERS = (*CODE, "docs", "infra", "problems", "expectations", "notebooks")
FILES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "MLproject", "prefect.yaml", "pyproject.toml")

DROPPED = re.compile(
    r"(?<![A-Za-z])(told|tells|telling|heard|hears|said|nought|dear|dearer|dearest|anew|hangs? on|so many|puts? aside"
    r"|finds and hits)(?![A-Za-z])",
    re.IGNORECASE,
)
# Not part of a version, a path, a format specification (`:.2%`) or a regular expression.
WITHOUT_ZERO = re.compile(r"(?<![\w.\])}/*:\\])(?<!:[+,])\.\d+\b")
STRIPPED_ZERO = re.compile(r"""lstrip\(["']0["']\)""")

ALLOWED = {
    "tests/contracts/test_language.py": None,  # names the words itself
    "docs/glossary.md": "Words that are not used",  # the paragraph that drops them
    "tests/core/data/test_schema.py": "ODD = [",  # cells of a data file, in any notation
    "tests/core/benchmarks/test_keel.py": "FILE = b",  # cells of a data file, in any notation
}

NAMED_OTHERWISE = {"place", "look", "looks", "way", "ending", "said", "told", "heard", "dear", "nought"}


def _texts():
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    found += [ROOT / name for name in FILES]
    hidden = {".terraform", ".ipynb_checkpoints", "__pycache__"}
    return sorted(path for path in found if path.is_file() and not hidden & set(path.parts))


def _relative(path):
    return path.relative_to(ROOT).as_posix()


def _lines(path):
    """Number the lines that are checked: all but those of a paragraph that the allow-list names."""
    allowed = ALLOWED.get(_relative(path), "")
    if allowed is None:
        return
    skipped = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        skipped = bool(allowed and line.startswith(allowed)) or (skipped and bool(line.strip()))
        if not skipped:
            yield number, line


def _found(pattern, paths):
    return [
        f"{_relative(path)}:{number}: {', '.join(m.group(0) for m in pattern.finditer(line))}: {line.strip()[:100]}"
        for path in paths
        for number, line in _lines(path)
        if pattern.search(line)
    ]


def test_no_dropped_word_is_used():
    found = _found(DROPPED, _texts())
    assert not found, "see docs/glossary.md:\n" + "\n".join(found)


def test_numbers_have_their_zero():
    found = _found(WITHOUT_ZERO, _texts())
    assert not found, "write 0.45, not .45:\n" + "\n".join(found)


def test_no_message_strips_the_zero_of_a_number():
    found = _found(STRIPPED_ZERO, _texts())
    assert not found, "\n".join(found)


def _parts(name):
    """Split an identifier at underscores and capitals.

    ``_judgePlace`` and ``JUDGE_PLACE`` both give judge and place.
    """
    return {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


@pytest.mark.parametrize("top", ["evenhand", "tasks", "flows", "service"])
def test_names_are_made_of_the_words_of_the_glossary(top):
    named = []
    for path in sorted((ROOT / top).rglob("*.py")):
        module = _relative(path)
        named += [(module, part) for part in Path(module).with_suffix("").parts]
        named += [
            (f"{module}:{node.lineno}", node.name)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    wrong = sorted({f"{where}: {name}" for where, name in named if _parts(name) & NAMED_OTHERWISE})
    assert not wrong, "see docs/glossary.md:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("as it was told", True),
        ("said_by", True),
        ("Heard(rows)", True),
        ("it hangs on the rows", True),
        ("retold, aforesaid, a new one, dearth", False),
    ],
)
def test_a_dropped_word_is_found_in_prose_and_in_names_but_not_inside_another(text, found):
    assert bool(DROPPED.search(text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("macro-F1 .45", True),
        ("(-.018)", True),
        ("[.036, .046]", True),
        ("+.027", True),
        ("0.45, 0.14.5, 1.5", False),
        ("{value:.3f} {share:.0%} {gain:+.1%}", False),
        (r"requirements\.5", False),
    ],
)
def test_a_number_without_its_zero_is_found_and_a_version_or_a_format_is_not(text, found):
    assert bool(WITHOUT_ZERO.search(text)) == found
