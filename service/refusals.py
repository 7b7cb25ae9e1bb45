"""Answers that refuse a request: RFC 9457 problem details, with nothing of the program's inside in them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Refusal(Exception):
    """A request that is answered with a status of 400 or more.

    Parameters
    ----------
    status : int
    detail : str
        A sentence for who asked.
    headers : mapping of str to str, optional
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers

    def response(self, request_id: str) -> Response:
        """Return the answer."""
        return refused(self.status, self.detail, request_id, self.headers)


def refused(status: int, detail: str, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of a status and a sentence."""
    body: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    body["request_id"] = request_id
    return Response(orjson.dumps(body), status, dict(headers or {}), MEDIA_TYPE)
