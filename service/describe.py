"""The description of the service in OpenAPI 3.1, with the columns, classes and an example of the served version."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from service.reading import ARROW, CSV, JSON, PARQUET
from service.refusals import MEDIA_TYPE
from service.served import Served

_CELLS: dict[str, dict[str, Any]] = {
    "double": {"type": ["number", "null"]},
    "datetime": {"type": ["string", "null"], "description": "a time in ISO 8601"},
    "string": {"type": ["string", "number", "boolean", "null"]},
}
_REFUSALS = {
    400: "the body ended early",
    401: "no key, or a wrong one",
    403: "without API keys, another host name than this machine's",
    406: "Accept names no format that there is",
    408: "the body did not arrive in time",
    413: "too many bytes or rows",
    415: "a format that is not read",
    422: "a body that can't be read or lacks a column",
    503: "no champion, too much work, or no answer in time",
}


def describe(served: Served | None, row_id: str | None = None) -> dict[str, Any]:
    """Return the description; without a served version, a row is any object.

    Parameters
    ----------
    served : Served, optional
    row_id : str, optional
        Column by which predictions are kept.
    """
    classes = list(served.scorer.fitted.class_names) if served is not None else []
    about = f"{served.model} version {served.version}" if served is not None else "no champion"
    metrics = _content("metrics", "text/plain", {"type": "string"})
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Evenhand: {about}", "version": _own_version()},
        "paths": {
            "/predict": {"post": _predict(served)},
            "/health": {"get": _get("health", "whether the process lives", {"200": _content("alive")})},
            "/ready": {
                "get": _get(
                    "ready",
                    "whether predictions are given now, by which version, and what is wrong",
                    {"200": _content("ready"), "503": _content("not ready")},
                )
            },
            "/metrics": {"get": _get("metrics", "metrics for Prometheus", {"200": metrics})},
        },
        "components": {
            "schemas": {"Row": _row(served, row_id), "Prediction": _prediction(classes), "Problem": _problem()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def _predict(served: Served | None) -> dict[str, Any]:
    row = {"$ref": "#/components/schemas/Row"}
    body: dict[str, Any] = {"schema": {"oneOf": [row, {"type": "array", "items": row, "minItems": 1}]}}
    if served is not None:
        body["examples"] = {"one": {"value": served.example}, "many": {"value": [served.example]}}
    table = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
    answered = {JSON: {"schema": _answer()}, CSV: {"schema": {"type": "string"}}, ARROW: table, PARQUET: table}
    failed = {
        str(status): _content(text, MEDIA_TYPE, {"$ref": "#/components/schemas/Problem"})
        for status, text in _REFUSALS.items()
    }
    return {
        "operationId": "predict",
        "summary": "classes and probabilities of rows",
        "parameters": [
            {
                "name": "reasons",
                "in": "query",
                "description": "a column of reasons in CSV, Arrow and Parquet; JSON always has them",
                "schema": {"type": "boolean", "default": False},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: body,
                CSV: {"schema": {"type": "string"}},
                ARROW: {"schema": {"type": "string", "format": "binary"}},
                PARQUET: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {"200": {"description": "one answer per row, in their order", "content": answered}, **failed},
    }


def _row(served: Served | None, row_id: str | None) -> dict[str, Any]:
    if served is None:
        return {"type": "object"}
    cells = {name: dict(_CELLS.get(kind, {})) for name, kind in served.inputs.items()}
    for name, kind in served.scorer.types.items():
        if kind.format is not None and name in cells:
            cells[name]["description"] = f"a time in the format {kind.format}"
    if row_id is not None:
        cells.setdefault(row_id, {"type": ["string", "number"], "description": "identifies the row for late labels"})
    return {"type": "object", "properties": cells, "required": list(cells), "example": served.example}


def _prediction(classes: list[str]) -> dict[str, Any]:
    probabilities = {name: {"type": "number", "minimum": 0, "maximum": 1} for name in classes}
    return {
        "type": "object",
        "properties": {
            "class": {"enum": [*classes, None], "description": "null for a row that is not scored"},
            "probabilities": {"type": ["object", "null"], "properties": probabilities},
            "reason": {"type": ["string", "null"], "description": "why the class is not the most probable one"},
            "not_scored": {"type": ["string", "null"], "description": "the cell that can't be read"},
        },
        "required": ["class", "probabilities", "reason", "not_scored"],
    }


def _answer() -> dict[str, Any]:
    prediction = {"$ref": "#/components/schemas/Prediction"}
    about = {name: {"type": "string"} for name in ("model", "version", "request_id")}
    whole = {name: {"type": "integer"} for name in ("rows", "not_scored")}
    many = {**about, **whole, "predictions": {"type": "array", "items": prediction}}
    return {
        "oneOf": [
            {"allOf": [{"type": "object", "properties": about, "required": list(about)}, prediction]},
            {"type": "object", "properties": many, "required": list(many)},
        ]
    }


def _problem() -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in ("title", "detail", "request_id")}
    return {"type": "object", "properties": {**texts, "status": {"type": "integer"}}, "required": [*texts, "status"]}


def _get(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": responses}


def _content(description: str, kind: str = JSON, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": schema or {"type": "object"}}}}


def _own_version() -> str:
    try:
        return version("evenhand")
    except PackageNotFoundError:
        return "0"
