"""The HTTP application: predictions, health, readiness, metrics and the description of all of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from evenhand.errors import ProblemError
from service.answers import Answered, answer
from service.champion import Champion
from service.describe import describe
from service.guard import FAILURE, Guard, request_facts
from service.keys import Keys
from service.limits import Limits, read_body
from service.metrics import Metrics
from service.prediction_lines import prediction_lines
from service.reading import JSON, Wanted, accepted, media_type, read_rows
from service.refusals import Refusal, refused
from service.served import Served
from tasks.scoring.prediction_log import PredictionLog
from tasks.settings import cores

INLINE_BYTES = 4_096  # a body this short, of a quick model, is answered without a thread


class Service:
    """Answers requests with the champion.

    Parameters
    ----------
    champion : Champion
    limits : Limits
    kept : PredictionLog, optional
        Where predictions are kept for labels that come late.
    """

    def __init__(self, champion: Champion, limits: Limits, kept: PredictionLog | None = None) -> None:
        self.champion, self.limits, self.kept = champion, limits, kept
        self.metrics = Metrics()
        self._threads = ThreadPoolExecutor(cores(), thread_name_prefix="predict")
        self._at_work = 0

    async def predict(self, request: Request) -> Response:
        """Answer rows with classes and probabilities."""
        served = self.champion.serving
        if served is None:
            raise Refusal(503, str(self.champion.status), {"Retry-After": "10"})
        kind = media_type(request.headers.get("content-type", ""))
        wanted_kind = accepted(request.headers.get("accept", ""), kind)
        reasons = request.query_params.get("reasons", "").lower() in ("1", "true", "yes")
        body = await read_body(request, self.limits)
        facts = request_facts.get()
        work = partial(self._answer, served, body, (kind, wanted_kind), str(facts["request_id"]), reasons)
        inline = kind == JSON and len(body) <= INLINE_BYTES and served.scorer.is_quick
        made = work() if inline else await self._in_thread(work)
        self.metrics.count_answer(served, made)
        facts |= {"version": served.version, "rows": made.rows, "not_scored": made.not_scored}
        return Response(made.body, media_type=made.kind, headers={"X-Model-Version": served.version})

    def _answer(self, served: Served, body: bytes, kinds: tuple[str, str], request_id: str, reasons: bool) -> Answered:
        """Read, score and write the answer, by this version from the first step to the last."""
        scorer = served.scorer
        ids = (self.kept.row_id,) if self.kept is not None else ()
        period = (str(scorer.period.per),) if scorer.period is not None else ()
        asked = read_rows(body, kinds[0], served.problem, Wanted((*scorer.columns, *ids), period), self.limits)
        try:
            made = scorer.score(asked.columns, asked.n_rows)
        except ProblemError as error:  # times of several UTC offsets
            raise Refusal(422, str(error)) from None
        if self.kept is not None:
            self.kept.add(prediction_lines(served, asked.columns[self.kept.row_id], made, request_id))
        return answer(served, asked, made, kinds[1], request_id, reasons)

    async def _in_thread(self, work: Any) -> Answered:
        if self._at_work >= self.limits.max_waiting:
            raise Refusal(503, "too many requests are waiting; send this one again", {"Retry-After": "1"})
        self._at_work += 1
        task = asyncio.get_running_loop().run_in_executor(self._threads, work)
        task.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(task), self.limits.max_seconds)
        except TimeoutError:
            text = f"no answer within {self.limits.max_seconds:g} s; send fewer rows"
            raise Refusal(503, text, {"Retry-After": "1"}) from None

    def _done(self, task: asyncio.Future[Answered]) -> None:
        self._at_work -= 1
        task.exception()  # of a request that was given up, nobody asks for it

    async def health(self) -> Response:
        """Answer that the process lives."""
        return _json({"status": "alive"})

    async def ready(self) -> Response:
        """Answer whether predictions are given now; who has a key also learns by which version, or why not."""
        served, status = self.champion.serving, self.champion.status
        facts: dict[str, Any] = {"ready": served is not None}
        if request_facts.get()["caller"] is not None:
            version = {"model": served.model, "version": served.version} if served is not None else {}
            facts |= version | {"settled": status is None, "detail": status}
        return _json(facts, 200 if served is not None else 503)

    async def show_metrics(self) -> Response:
        """Show the metrics."""
        return Response(self.metrics.text(self.champion), media_type="text/plain; version=0.0.4")

    async def show_description(self) -> Response:
        """Describe the service as OpenAPI, with the columns of the version that answers."""
        return _json(describe(self.champion.serving, self.kept.row_id if self.kept is not None else None))


def create_app(service: Service, keys: Keys) -> ASGIApp:
    """Return the application of a service, guarded by keys."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.post("/predict")(service.predict)
    app.get("/health")(service.health)
    app.get("/ready")(service.ready)
    app.get("/metrics")(service.show_metrics)
    app.get("/openapi.json")(service.show_description)
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_failure)
    return Guard(app, keys, service.metrics)


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - it is registered for these
    request_facts.get()["detail"] = error.detail
    return error.response(str(request_facts.get()["request_id"]))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    return refused(error.status_code, str(error.detail), str(request_facts.get()["request_id"]), error.headers)


async def _on_failure(request: Request, error: Exception) -> Response:
    """Answer a request that the service failed on; the error goes on, to the log."""
    return refused(500, FAILURE, str(request_facts.get()["request_id"]))


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
