"""Plain data with a reason beside each value, written as YAML with comments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from evenhand.text.printable import printable

WIDTH = 110
"""Characters of a line up to which its comment stands behind it, and not above."""


class Noted(NamedTuple):
    """A value and why it is there."""

    value: Any
    why: str


def plain(node: Any) -> Any:
    """Return plain data, without the reasons.

    Examples
    --------
    >>> plain({"folds": Noted({"n": Noted(5, "many rows")}, "no time")})
    {'folds': {'n': 5}}
    """
    if isinstance(node, Noted):
        return plain(node.value)
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.items()}
    return [plain(value) for value in node] if isinstance(node, list) else node


def write_yaml(node: Mapping[str, Any]) -> str:
    """Write a mapping as YAML; what holds no reason inside is written in one line.

    Examples
    --------
    >>> print(write_yaml({"target": Noted({"column": "kind"}, "as asked"), "leaks": [Noted("outcome", "afterwards")]}))
    target: {column: kind}  # as asked
    leaks:
      - outcome  # afterwards
    <BLANKLINE>
    """
    return "\n".join(_mapping(node, 0)) + "\n"


def comment(text: str) -> str:
    """Return one line of comment; text from outside can't end it."""
    return f"# {printable(' '.join(text.split()))}"


def _mapping(node: Mapping[str, Any], depth: int) -> list[str]:
    lines: list[str] = []
    for key, value in node.items():
        lines += _entry(f"{'  ' * depth}{_flow(key)}:", value, depth)
    return lines


def _entry(head: str, node: Any, depth: int) -> list[str]:
    value, why = node if isinstance(node, Noted) else (node, "")
    if _holds_notes(value):
        inner = value.items() if isinstance(value, Mapping) else None
        above = [f"{'  ' * depth}{comment(why)}"] if why else []
        if inner is not None:
            return [*above, head, *_mapping(value, depth + 1)]
        items = [line for item in value for line in _entry(f"{'  ' * (depth + 1)}-", item, depth + 1)]
        return [*above, head, *items]
    line = f"{head} {_flow(value)}"
    if not why:
        return [line]
    beside = f"{line}  {comment(why)}"
    return [beside] if len(beside) <= WIDTH else [f"{'  ' * depth}{comment(why)}", line]


def _holds_notes(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(isinstance(each, Noted) or _holds_notes(each) for each in value.values())
    return isinstance(value, list) and any(isinstance(each, Noted) or _holds_notes(each) for each in value)


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False).strip()
    text = text.removesuffix("...").strip()
    return text if text.isprintable() else json.dumps(value, default=str)
