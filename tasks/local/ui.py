"""The pages of the embedded stores: MLflow's and Prefect's servers on this machine.

``python -m tasks.local.ui --help`` lists the options.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from evenhand.problem.presets import registered_name
from evenhand.text.printable import printable
from tasks.local.command_line import run_command
from tasks.local.servers import HOST, Page, check_alive, check_port, get, served, wait_until_up
from tasks.settings import settings
from tasks.tracking.pages import charts_page


class UiRequest(BaseSettings):
    """Show the MLflow and Prefect pages of the embedded stores until ctrl-c; a store on a server is only named."""

    model_config = SettingsConfigDict(env_prefix="EVENHAND_", frozen=True, extra="ignore", cli_kebab_case=True)

    mlflow_port: int = Field(default=5000, ge=1, le=65535, description="also EVENHAND_MLFLOW_PORT")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="also EVENHAND_PREFECT_PORT")
    timeout: int = Field(default=180, ge=1, description="seconds that the servers have to come up")


def show(request: UiRequest) -> None:
    """Serve the pages until ctrl-c.

    Raises
    ------
    EvenhandError
        When a port is taken, or a server does not come up or ends by itself.
    """
    pages = _pages(request)
    for page in pages:
        check_port(page)
    with contextlib.ExitStack() as stack:
        running = {page: stack.enter_context(served(page)) for page in pages}
        wait_until_up(running, request.timeout)
        for page in pages:
            _say(f"{page.name:8} {page.address}{page.entry}")
        for page in pages:
            if page.name == "MLflow" and (newest := _newest(page)):
                _say(f"Newest training, its candidates side by side:\n{newest}")
        if pages:
            _say("ctrl-c ends " + ("both." if len(pages) > 1 else "it."))
        while running:
            check_alive(running)
            time.sleep(0.5)


def _pages(request: UiRequest) -> list[Page]:
    pages, tracking, orchestration = [], settings().mlflow_uri, os.environ.get("PREFECT_API_URL")
    if tracking.startswith(("http://", "https://", "databricks")):
        _say(f"MLflow   {_shown(tracking)} (MLFLOW_TRACKING_URI)")
    else:
        pages.append(_mlflow(request.mlflow_port, tracking))
    if orchestration:
        _say(f"Prefect  {_shown(orchestration.removesuffix('/api'))} (PREFECT_API_URL)")
    else:
        pages.append(_prefect(request.prefect_port))
    return pages


def _shown(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", address)


def _mlflow(port: int, store: str) -> Page:
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--default-artifact-root", settings().artifacts.resolve().as_uri()]
    # Without the workflow type in the address, MLflow opens the pages for language models.
    return Page("MLflow", port, "/health", tuple(command), "/#/experiments?workflowType=machine_learning")


def _prefect(port: int) -> Page:
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    home = os.environ.get("PREFECT_HOME", str(settings().home / "prefect"))
    # Where the page requests its data; without it, on port 4200.
    environment = {"PREFECT_HOME": home, "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api"}
    return Page("Prefect", port, "/api/health", tuple(command), "/runs", environment)


def _newest(mlflow: Page) -> str | None:
    """Address of the newest training's candidates in charts, best first; MLflow's tables show no metric by default."""
    try:
        summary = json.loads((settings().runs / "latest" / "summary.json").read_text(encoding="utf-8"))
        name = registered_name(summary["problem"], summary["preset"])
        found = json.loads(get(f"{mlflow.address}/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}"))
    except (OSError, ValueError, KeyError):
        return None
    page = charts_page(found["experiment"]["experiment_id"], summary["id"], summary["metric"])
    return f"{mlflow.address}/{page}"


def _say(text: str) -> None:
    print(printable(text, lines=True), flush=True)  # noqa: T201


if __name__ == "__main__":
    run_command(UiRequest, show)
