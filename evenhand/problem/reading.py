"""Read a problem from plain data, or raise an error that lists every fault."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError

from evenhand.errors import ProblemError
from evenhand.problem.problem import Problem

FOUND_LENGTH = 80  # characters of a value in a message


def _allowed_keys(location: tuple[int | str, ...]) -> list[str]:
    """Keys allowed where ``location`` points, found by walking the JSON schema of :class:`Problem`."""
    schema = Problem.model_json_schema()
    node: dict[str, Any] = schema
    for step in location:
        node = _schema_step(schema, node, step)
    return sorted(_resolved(schema, node).get("properties", {}))


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def _schema_step(schema: dict[str, Any], node: dict[str, Any], step: int | str) -> dict[str, Any]:
    node = _resolved(schema, node)
    if isinstance(step, int):
        items: dict[str, Any] = node.get("items", {})
        return items
    if step in node.get("properties", {}):
        found: dict[str, Any] = node["properties"][step]
        return found
    mapping = node.get("discriminator", {}).get("mapping", {})
    if step in mapping:
        return {"$ref": mapping[step]}
    for option in node.get("anyOf", []):
        deeper = _schema_step(schema, option, step)
        if deeper:
            return deeper
    extra = node.get("additionalProperties")
    return extra if isinstance(extra, dict) else {}


def _sentence(error: Any) -> str:
    where = ".".join(str(step) for step in error["loc"]) or "the file"
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        allowed = _allowed_keys(error["loc"][:-1])
        near = difflib.get_close_matches(key, allowed, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{where}: unknown key{hint}; allowed: {', '.join(allowed) or 'none'}"
    if error["type"] == "missing":
        return f"{where}: required, but missing"
    message = error["msg"].removeprefix("Value error, ")
    found = "" if isinstance(error.get("input"), dict | list) else f", found {_shortened(error.get('input'))}"
    return f"{where}: {message}{found}"


def _shortened(value: Any) -> str:
    """Return a value for a message; a long one, such as a secret in the wrong place, is not repeated in full."""
    text = repr(value)
    return text if len(text) <= FOUND_LENGTH else f"{text[:FOUND_LENGTH]}..."


def parse_problem(raw: Any, origin: str) -> Problem:
    """Read a problem from plain data.

    Parameters
    ----------
    raw : object
        What a YAML file holds.
    origin : str
        Name of the file, for messages.

    Returns
    -------
    Problem

    Raises
    ------
    ProblemError
        With every fault found: where it is, what was found and what is allowed.
    """
    if not isinstance(raw, dict):
        raise ProblemError(f"{origin}: a problem is a mapping of keys, found {type(raw).__name__}")
    try:
        return Problem.model_validate(raw)
    except ValidationError as error:
        faults = "\n".join(f"  - {_sentence(e)}" for e in error.errors())
        raise ProblemError(f"{origin} is not a valid problem:\n{faults}") from None
