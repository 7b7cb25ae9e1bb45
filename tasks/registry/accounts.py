"""As whom the tracking server has authenticated this process: its own answer, never a name that we claim."""

from __future__ import annotations

import getpass
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from evenhand.errors import GateError
from tasks.registry.client import connect
from tasks.registry.model_versions import in_one_line
from tasks.settings import settings

if TYPE_CHECKING:
    from requests import Response

CURRENT = "/api/2.0/mlflow/users/current"  # of `mlflow server --app-name basic-auth`
REFUSED = (401, 403)


def tracking_user() -> str:
    """Ask the tracking server who we are.

    Returns
    -------
    str
        Name of a user that the server has authenticated.

    Raises
    ------
    GateError
        When the store is no server, the server lets in who does not say who they are, or it does not tell.
    """
    server = server_address()
    if not server:
        raise GateError("the tracking store is no server, so it can't tell who anybody is")
    if not _authenticates(server):
        raise GateError(f"the tracking server {server} lets in who does not say who they are, so it proves nobody")
    answer = _asked(server, settings().mlflow_uri)
    if answer.status_code in REFUSED:
        needed = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        raise GateError(f"the tracking server {server} does not let us in: set {needed}")
    return _name_in(answer, server)


def tracking_account() -> str:
    """Name the user that the tracking server knows us by, where it knows any; empty where it knows nobody.

    Raises
    ------
    GateError
        When a server that does authenticate does not tell.
    """
    server = server_address()
    return tracking_user() if server and _authenticates(server) else ""


def server_address() -> str:
    """Give the address of the tracking server, without a name or password in it; empty for a store that is none."""
    parts = urlsplit(settings().mlflow_uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.scheme in ("http", "https") else ""


def _authenticates(server: str) -> bool:
    """Tell whether the server refuses who does not say who they are."""
    # An `auth` that adds nothing: without one, a .netrc would be read.
    return _asked(server, server, auth=lambda request: request).status_code in REFUSED


def _asked(server: str, uri: str, **options: Any) -> Response:
    connect()
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import MlflowHostCreds, http_request

    known = get_default_host_creds(uri)
    if options:
        tls = {"ignore_tls_verification": known.ignore_tls_verification, "server_cert_path": known.server_cert_path}
        known = MlflowHostCreds(host=server, **tls)
    try:
        # Another server would answer for itself, so we are not sent on to one.
        answer: Response = http_request(known, CURRENT, "GET", allow_redirects=False, raise_on_status=False, **options)
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody is proved
        raise GateError(f"the tracking server {server} can't be asked who we are: {in_one_line(error)}") from None
    return answer


def _name_in(answer: Response, server: str) -> str:
    try:
        name = answer.json()["user"]["username"] if answer.status_code == 200 else None
    except (ValueError, KeyError, TypeError):
        name = None
    if not isinstance(name, str) or not name:
        raise GateError(f"the tracking server {server} does not tell who we are (status {answer.status_code})")
    return name


def who_trains() -> str:
    """Name every account that this process can be told by; ``EVENHAND_USER`` adds a name and takes none away.

    Raises
    ------
    GateError
        When the tracking server authenticates its users and does not say as whom it knows us.
    """
    names = {os.environ.get("EVENHAND_USER", "").strip(), tracking_account()}
    with suppress(OSError, KeyError, ImportError):
        names.add(getpass.getuser())
    with suppress(KeyError, ImportError):
        import pwd

        names.add(pwd.getpwuid(os.getuid()).pw_name)
    return ", ".join(sorted(names - {""}))
