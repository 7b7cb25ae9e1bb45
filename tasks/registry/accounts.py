"""Accounts of this process: the user that the tracking server has authenticated, and those who count as trainers."""

from __future__ import annotations

import getpass
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from evenhand.errors import GateError
from tasks.registry.model_versions import in_one_line
from tasks.settings import settings
from tasks.tracking.client import connect

if TYPE_CHECKING:
    from requests import Response

CURRENT_USER = "/api/2.0/mlflow/users/current"  # of `mlflow server --app-name basic-auth`
REFUSED = (401, 403)


def tracking_user() -> str:
    """Ask the tracking server which user it has authenticated.

    Returns
    -------
    str
        Name of the user, as the server answers it; names in the environment are ignored.

    Raises
    ------
    GateError
        When the tracking store is not a server, the server accepts requests without a login, the login is refused, or
        the answer has no user name.
    """
    server = server_address()
    if not server:
        raise GateError("the tracking store is not a server, so it can't authenticate anybody")
    if not _authenticates(server):
        raise GateError(f"the tracking server {server} answers without a login, so it can't authenticate anybody")
    answer = _get_current_user(server, settings().mlflow_uri)
    if answer.status_code in REFUSED:
        variables = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        raise GateError(f"the tracking server {server} refused the login: set {variables}")
    return _user_name(answer, server)


def tracking_account() -> str:
    """Return the authenticated user of the tracking server; empty when the store authenticates nobody.

    Raises
    ------
    GateError
        When the server requires a login and does not name the user.
    """
    server = server_address()
    return tracking_user() if server and _authenticates(server) else ""


def server_address() -> str:
    """Return the address of the tracking server without a password; empty when the store is not a server."""
    parts = urlsplit(settings().mlflow_uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.scheme in ("http", "https") else ""


def training_accounts() -> str:
    """List every account that identifies this process, separated by commas.

    These are the accounts of the operating system, the user of the tracking server, and ``EVENHAND_USER``, which adds a
    name and never removes one.

    Raises
    ------
    GateError
        When the tracking server requires a login and does not name the user.
    """
    names = {os.environ.get("EVENHAND_USER", "").strip(), tracking_account()}
    with suppress(OSError, KeyError, ImportError):
        names.add(getpass.getuser())
    with suppress(KeyError, ImportError):
        import pwd

        names.add(pwd.getpwuid(os.getuid()).pw_name)
    return ", ".join(sorted(names - {""}))


# --- requests to the server ----------------------------------------------------------------------------------------


def _authenticates(server: str) -> bool:
    """Whether the server refuses a request without a login."""
    # An `auth` that adds nothing, so that requests does not read a .netrc.
    return _get_current_user(server, server, auth=lambda request: request).status_code in REFUSED


def _get_current_user(server: str, uri: str, **options: Any) -> Response:
    connect()
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import MlflowHostCreds, http_request

    credentials = get_default_host_creds(uri)
    if options:
        tls = {
            "ignore_tls_verification": credentials.ignore_tls_verification,
            "server_cert_path": credentials.server_cert_path,
        }
        credentials = MlflowHostCreds(host=server, **tls)
    try:
        # No redirects: another server would answer about its own users.
        answer: Response = http_request(
            credentials, CURRENT_USER, "GET", allow_redirects=False, raise_on_status=False, **options
        )
    except Exception as error:  # noqa: BLE001 - any failure means that nobody is authenticated
        raise GateError(f"the tracking server {server} can't be asked for the user: {in_one_line(error)}") from None
    return answer


def _user_name(answer: Response, server: str) -> str:
    try:
        name = answer.json()["user"]["username"] if answer.status_code == 200 else None
    except (ValueError, KeyError, TypeError):
        name = None
    if not isinstance(name, str) or not name:
        raise GateError(f"the tracking server {server} did not name the user (status {answer.status_code})")
    return name
