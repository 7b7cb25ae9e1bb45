"""What happens to every request: an id, the caller's key, a log line, metrics, and an answer if anything fails."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.keys import Keys, is_loopback
from service.logs import log, log_failure
from service.metrics import Metrics
from service.refusals import refused

OPEN = frozenset({"/health", "/ready"})  # for probes, which have no key
KNOWN = frozenset({*OPEN, "/predict", "/metrics", "/openapi.json"})
FAILURE = "the service failed on this request; its log has the reason under this request id"
_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
request_facts: ContextVar[dict[str, object]] = ContextVar("request_facts")
"""Facts of the request at hand, for its log line; ``request_id`` and ``caller`` are there from the start."""


class Guard:
    """Wraps the application.

    Parameters
    ----------
    app : ASGI application
    keys : Keys
        Without any, only requests that name this machine as their host are answered: a page of the web can't reach a
        service on loopback by a name of its own.
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, keys: Keys, metrics: Metrics) -> None:
        self.app, self.keys, self.metrics = app, keys, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _ID.fullmatch(given) else uuid.uuid4().hex
        facts: dict[str, object] = {"request_id": request_id, "caller": self._caller(headers)}
        request_facts.set(facts)
        answered = _Answered(send, request_id)
        try:
            app = self._refusal(scope, headers, facts) or self.app
            await app(scope, receive, answered)
        except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log has the error
            log_failure("a request failed", error, **facts)
            if not answered.status:
                await refused(500, FAILURE, request_id)(scope, receive, answered)
        self._note(scope, facts, answered.status, time.perf_counter() - begun)

    def _caller(self, headers: dict[bytes, bytes]) -> str | None:
        return self.keys.caller(headers) if self.keys else "this machine"

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes], facts: dict[str, object]) -> ASGIApp | None:
        request_id = str(facts["request_id"])
        if self.keys:
            if facts["caller"] is None and scope["path"] not in OPEN:
                wanted = {"WWW-Authenticate": "Bearer"}
                return refused(401, "a key is needed: Authorization: Bearer KEY", request_id, wanted)
        elif not is_loopback(_host(headers)):
            return refused(403, "without API keys, only requests by a name of loopback are answered", request_id)
        return None

    def _note(self, scope: Scope, facts: dict[str, object], status: int, seconds: float) -> None:
        path = scope["path"] if scope["path"] in KNOWN else "other"
        self.metrics.requests.labels(path, status).inc()
        self.metrics.seconds.labels(path).observe(seconds)
        log("info", "answered", method=scope["method"], path=path, status=status, ms=round(seconds * 1e3, 2), **facts)


class _Answered:
    """Sends an answer on, with the request's id, and remembers its status."""

    def __init__(self, send: Callable, request_id: str) -> None:
        self.send, self.status = send, 0
        self.header = (b"x-request-id", request_id.encode())

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], self.header]
        await self.send(message)


def _host(headers: dict[bytes, bytes]) -> str:
    host = headers.get(b"host", b"").decode("latin-1")
    return host[: host.rindex("]") + 1] if "]" in host else host.partition(":")[0]
