"""The pages of the embedded stores: MLflow's and Prefect's servers on this machine. ``python -m tasks.ui --help``."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, CliApp, SettingsConfigDict

from evenhand.errors import EvenhandError
from tasks.settings import settings

HOST = "127.0.0.1"
GRACE = 10.0
QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}


class UiRequest(BaseSettings):
    """Show the MLflow and Prefect pages of the embedded stores until ctrl-c; a store on a server is only named."""

    model_config = SettingsConfigDict(env_prefix="EVENHAND_", frozen=True, extra="ignore", cli_kebab_case=True)

    mlflow_port: int = Field(default=5000, ge=1, le=65535, description="also EVENHAND_MLFLOW_PORT")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="also EVENHAND_PREFECT_PORT")
    timeout: int = Field(default=180, ge=1, description="seconds that the servers have to come up")


@dataclass(frozen=True)
class Page:
    """A server of this machine and where its page is."""

    name: str
    port: int
    health: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def address(self) -> str:
        """What to open."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What the server says."""
        return settings().home / "ui" / f"{self.name.lower()}.log"


def main() -> None:
    """Start what is embedded, name what is not, and end it all on ctrl-c."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        show(CliApp.run(UiRequest))
    except EvenhandError as error:
        _stop(str(error), 1)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        _stop(f"{faults} (see --help)", 2)
    except KeyboardInterrupt:
        _stop("\nStopped.", 130)


def show(request: UiRequest) -> None:
    """Serve the pages until somebody interrupts.

    Raises
    ------
    EvenhandError
        When a port is taken, or a server does not come up or ends by itself.
    """
    pages = _pages(request)
    for page in pages:
        _check_port(page)
    with contextlib.ExitStack() as stack:
        running = {page: stack.enter_context(_served(page)) for page in pages}
        _wait_until_up(running, request.timeout)
        for page in pages:
            _say(f"{page.name:8} {page.address}")
        if pages:
            _say("ctrl-c ends " + ("both." if len(pages) > 1 else "it."))
        while running:
            _check_alive(running)
            time.sleep(0.5)


def _pages(request: UiRequest) -> list[Page]:
    pages, tracking, orchestration = [], settings().mlflow_uri, os.environ.get("PREFECT_API_URL")
    if tracking.startswith(("http://", "https://", "databricks")):
        _say(f"MLflow   {tracking} (MLFLOW_TRACKING_URI)")
    else:
        pages.append(_mlflow(request.mlflow_port, tracking))
    if orchestration:
        _say(f"Prefect  {orchestration.removesuffix('/api')} (PREFECT_API_URL)")
    else:
        pages.append(_prefect(request.prefect_port))
    return pages


def _mlflow(port: int, store: str) -> Page:
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--default-artifact-root", settings().artifacts.resolve().as_uri()]
    return Page("MLflow", port, "/health", tuple(command))


def _prefect(port: int) -> Page:
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    home = os.environ.get("PREFECT_HOME", str(settings().home / "prefect"))
    # The page asks for its data where this says; without it, always on port 4200.
    environment = {"PREFECT_HOME": home, "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api"}
    return Page("Prefect", port, "/api/health", tuple(command), environment)


def _check_port(page: Page) -> None:
    with socket.socket() as probe:
        # As a server does it: a port that a server has just left can be taken again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, page.port))
        except OSError as error:
            option = page.name.lower()
            raise EvenhandError(
                f"port {page.port} for {page.name} can't be used: {error.strerror}; "
                f"name another with --{option}-port or EVENHAND_{option.upper()}_PORT"
            ) from None


@contextlib.contextmanager
def _served(page: Page) -> Iterator[subprocess.Popen[bytes]]:
    page.log.parent.mkdir(parents=True, exist_ok=True)
    with page.log.open("wb") as log:
        # A session of its own: ctrl-c comes here alone, and all that the server started is ended with it.
        server = subprocess.Popen(
            page.command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**QUIET, **os.environ, **page.environment},
            start_new_session=True,
        )
    try:
        yield server
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    for stop in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(GRACE)


def _wait_until_up(running: dict[Page, subprocess.Popen[bytes]], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while waiting := [page for page in running if not _answers(page)]:
        _check_alive(running)
        if time.monotonic() > deadline:
            raise EvenhandError(f"{waiting[0].name} is not up after {timeout:.0f} s; its log: {waiting[0].log}")
        time.sleep(0.2)


def _check_alive(running: dict[Page, subprocess.Popen[bytes]]) -> None:
    for page, server in running.items():
        if server.poll() is not None:
            said = page.log.read_text(errors="replace").strip().splitlines()[-5:]
            raise EvenhandError(f"{page.name} ended with exit code {server.returncode}: " + "\n".join([*said, ""]))


def _answers(page: Page) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(page.address + page.health, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _stop(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)  # noqa: T201
    sys.exit(code)


if __name__ == "__main__":
    main()
