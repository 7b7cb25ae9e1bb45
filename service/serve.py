"""Serve the champion over HTTP: ``make serve``, or ``python -m service.serve --help``."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import disable_created_metrics
from pydantic import ConfigDict, Field

from evenhand.errors import EvenhandError, StorageError
from service.app import Service, create_app
from service.champion import Champion, follow_ledger
from service.keys import Keys, check_address
from service.limits import Limits
from service.logs import JsonHandler, log
from service.watch import WatchRequest
from tasks.data.problems import load_problem
from tasks.local.command_line import run_command
from tasks.registry.model_versions import model_name
from tasks.scoring.prediction_log import PredictionLog
from tasks.settings import settings

SEND_SECONDS = 10.0  # between two files of the prediction log
DRAIN_SECONDS = 30
SWITCH_SECONDS = 0.0005  # how long a thread at work may keep the others from an answer; Python's own is ten times that


class ServeRequest(Limits):
    """Serve the champion of a problem over HTTP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str = Field(default="toronto", description="a name in problems/, or the path of a YAML file")
    host: str = Field(default="127.0.0.1", description="another than this machine's loopback needs API keys")
    port: int = Field(default=8000, ge=0, le=65_535, description="0 takes a free one")
    watch_seconds: float = Field(default=3.0, gt=0, description="between two reads of the ledger")
    unsettled_minutes: float = Field(
        default=1440.0,
        ge=0,
        description="how long the last settled champion answers while ledger and MLflow disagree or can't be read",
    )


def serve(request: ServeRequest) -> None:
    """Serve until SIGTERM or SIGINT; requests at work are answered first.

    Raises
    ------
    EvenhandError
        When the problem can't be read, the keys are malformed or absent where they are needed, or the port is taken.
    """
    keys = Keys(settings().serve_keys)
    check_address(request.host, keys)
    model = model_name(load_problem(request.problem).name)
    folder = settings().home / "served" / model
    folder.mkdir(parents=True, exist_ok=True)
    watched = WatchRequest(problem=request.problem, folder=folder, seconds=request.watch_seconds)
    champion = Champion(watched, request.unsettled_minutes * 60)
    row_id = settings().serve_log
    kept = PredictionLog(model, settings().home / "served" / "log" / model, row_id) if row_id else None
    limits = Limits(**{name: getattr(request, name) for name in Limits.model_fields})
    service = Service(champion, limits, kept)
    disable_created_metrics()
    sys.setswitchinterval(SWITCH_SECONDS)
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn takes them while it runs, and raises them again at its end
        signal.signal(number, signal.SIG_IGN)
    asyncio.run(_run(service, create_app(service, keys), request))


async def _run(service: Service, app: object, request: ServeRequest) -> None:
    for name in ("uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [JsonHandler(logging.WARNING)], False
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=request.host,
        port=request.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="none",
        limit_concurrency=1000,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Server(config)
    async with _beside(service):
        await server.serve()
    if not server.started:
        raise EvenhandError(f"port {request.port} of {request.host} can't be used: is another service there? PORT=...")


class _Server(uvicorn.Server):
    """Says where it listens."""

    async def startup(self, sockets: list | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # a port that is taken
            self.should_exit = True
        for listening in [] if not self.started else self.servers[0].sockets[:1]:
            host, port = listening.getsockname()[:2]
            log("info", "listening", address=f"http://{host}:{port}")


@asynccontextmanager
async def _beside(service: Service) -> AsyncIterator[None]:
    """Follow the ledger and send the prediction log while the block lasts."""
    beside = [asyncio.create_task(follow_ledger(service.champion))]
    if service.kept is not None:
        beside.append(asyncio.create_task(_send_log(service.kept)))
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        if service.kept is not None:
            await asyncio.to_thread(_send_once, service.kept)


async def _send_log(kept: PredictionLog) -> None:
    while True:
        await asyncio.to_thread(_send_once, kept)
        await asyncio.sleep(SEND_SECONDS)


def _send_once(kept: PredictionLog) -> None:
    try:
        kept.send()
    except StorageError as error:  # kept on this machine until the store is back
        log("error", str(error))


if __name__ == "__main__":
    run_command(ServeRequest, serve)
