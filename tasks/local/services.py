"""Services that a command needs, asked once before it starts: a dead one is one sentence within seconds.

Once a command runs, its clients wait for what comes back.
"""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Literal
from urllib.parse import urlsplit

from evenhand.errors import EvenhandError, StorageError
from tasks.local.prefect_server import server_address
from tasks.settings import settings
from tasks.tracking.training_runs import public_address

Service = Literal["MLflow", "Prefect", "store"]
SECONDS = 4
# What a proxy answers whose server is away.
AWAY = (502, 503, 504)


def check_services(names: Iterable[Service]) -> None:
    """Ask the services that the settings name; embedded ones are not asked.

    Raises
    ------
    EvenhandError
        Naming each service that does not answer, its setting, and what to do.
    """
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_fault, names))
    faults = [fault for fault in found if fault]
    if faults:
        raise EvenhandError(" ".join(faults))


def _fault(name: Service) -> str | None:
    if name == "MLflow":
        uri = settings().mlflow_uri
        served = uri.startswith(("http://", "https://"))
        fault = _http_fault(f"{uri.rstrip('/')}/health") if served else _database_fault(uri)
        where, variable, embedded = public_address(), "MLFLOW_TRACKING_URI", "the embedded store"
    elif name == "Prefect":
        url = server_address()
        fault = _http_fault(f"{url.rstrip('/')}/health") if url else None
        where, variable, embedded = str(url), "PREFECT_API_URL", "an embedded server"
    else:
        endpoint = settings().s3_endpoint if settings().store_uri.startswith("s3://") else None
        fault = _http_fault(endpoint) if endpoint else None
        where, variable, embedded = str(endpoint), "EVENHAND_S3_ENDPOINT", ""
    if fault is None:
        return None
    instead = f", or unset {variable} for {embedded}" if embedded else ""
    return f"{name} at {where} ({variable}) can't be used: {fault}. Start it, correct the address{instead}."


def _http_fault(url: str) -> str | None:
    """Say why a server does not answer; None when it answers, whatever it says of this request."""
    parts = urlsplit(url)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # urllib knows no user and password in it
    context = ssl._create_unverified_context()  # noqa: S323 - nothing is sent; the clients check certificates
    try:
        urllib.request.urlopen(address, timeout=SECONDS, context=context).close()  # noqa: S310 - an address of the settings
    except urllib.error.HTTPError as answer:
        return f"it answers with status {answer.code}" if answer.code in AWAY else None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        return f"{getattr(reason, 'strerror', None) or reason}"
    return None


def _database_fault(uri: str) -> str | None:
    """Say why a database can't be used; None for SQLite, which needs no server."""
    if not uri.startswith(("postgresql", "mysql", "mssql")):
        return None
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    options = {"connect_timeout": SECONDS} if uri.startswith(("postgresql", "mysql")) else {}
    try:
        engine = create_engine(uri, connect_args=options)
        engine.connect().close()
        engine.dispose()
    except ModuleNotFoundError as missing:
        extra = " (`pip install 'evenhand[postgresql]'`)" if uri.startswith("postgresql") else ""
        return f"the driver {missing.name} is not installed{extra}"
    except (SQLAlchemyError, StorageError) as error:
        return " ".join(str(getattr(error, "orig", None) or error).split())[:300]
    return None
