"""Model versions in the MLflow registry: names, aliases, tags, and errors of the registry.

A registered model is called ``evenhand-<problem>``. Alias ``challenger`` is the newest version for the gate, alias
``champion`` the version in use. Tags of a version show the decisions on it; the ledger is what counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from evenhand.errors import EvenhandError, GateError
from evenhand.gate.verdict import Verdict
from tasks.registry.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PREFIX = "evenhand-"
CHAMPION, CHALLENGER = "champion", "challenger"
# Tags of a model version
IDENTITY, TRAINED_BY = "identity", "trained_by"
VERDICT, REASONS, VERDICT_JSON = "verdict", "verdict_reasons", "verdict_json"
CASE, COMPARED_WITH, JUDGED_AT = "verdict_case", "verdict_champion", "verdict_at"
# Tag of a registered model
PREVIOUS = "previous_champion"
ATTEMPTS = 5
_TEMPORARY = ("BAD_REQUEST", "TEMPORARILY_UNAVAILABLE")  # a row that another process just made; a locked database


class Registered(BaseModel):
    """A model version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    aliases: tuple[str, ...] = ()
    run_id: str | None = None
    created: bool = False


def model_name(problem_name: str) -> str:
    """Return the name of a problem's registered model."""
    return PREFIX + problem_name


def registered_problems() -> list[str]:
    """List the problems that have a registered model."""
    with registry_errors("listing the registered models"):
        client, token, found = connect(), None, []
        while True:
            page = client.search_registered_models(page_token=token)
            found += [m.name.removeprefix(PREFIX) for m in page if m.name.startswith(PREFIX)]
            if not (token := page.token):
                return sorted(found)


def champion(problem_name: str) -> Registered | None:
    """Find the version in use.

    Returns
    -------
    Registered or None
        None only when the registry answers that the model or its alias does not exist.

    Raises
    ------
    GateError
        In every other case: an unreachable registry, a missing permission, an alias without a version.
    """
    name = model_name(problem_name)
    with registry_errors(f"looking for the champion of {name}"):
        client = connect()
        return champion_of(client, name) if model_exists(client, name) else None


def find_by_identity(problem_name: str, identity: str) -> Registered | None:
    """Find the version that was trained from the same data, config and code."""
    name = model_name(problem_name)
    with registry_errors(f"looking for an equal version of {name}"):
        client = connect()
        found = [v for v in search_versions(client, f"name = '{name}'") if v.tags.get(IDENTITY) == identity]
        return read_version(client, name, min((v.version for v in found), key=int)) if found else None


def stored_verdict(version: ModelVersion) -> Verdict | None:
    """Read the verdict on a version back from its tags."""
    text = version.tags.get(VERDICT_JSON)
    return Verdict.model_validate_json(text) if text else None


@contextmanager
def registry_errors(doing: str) -> Iterator[None]:
    """Turn any error of the registry into a GateError that names the operation."""
    try:
        yield
    except EvenhandError:
        raise
    except Exception as error:
        raise GateError(f"the model registry failed while {doing}: {in_one_line(error)}") from error


def in_one_line(error: BaseException) -> str:
    """Return an error's type and message as one line of at most about 500 characters."""
    text = " ".join(str(error).split())[:500]
    return text if isinstance(error, EvenhandError) else f"{type(error).__name__}: {text}"


def now() -> str:
    """Return the current time in UTC (ISO 8601), for records."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_version(client: MlflowClient, name: str, version: str) -> Registered:
    """Read a version with its current aliases."""
    found = client.get_model_version(name, version)
    return Registered(
        name=name, version=str(found.version), aliases=tuple(sorted(found.aliases)), run_id=found.run_id or None
    )


def search_versions(client: MlflowClient, query: str) -> Iterator[ModelVersion]:
    """Yield the model versions that match a query, page by page."""
    token = None
    while True:
        page = client.search_model_versions(query, page_token=token)
        yield from page
        if not (token := page.token):
            return


def tag_version(client: MlflowClient, name: str, version: str, tags: Mapping[str, str]) -> None:
    """Write tags on a version, in order."""
    for key, value in tags.items():
        write_with_retry(client.set_model_version_tag, name, version, key, value)


def write_with_retry(write: Callable[..., object], *args: str) -> None:
    """Write a tag or alias; retry when MLflow refuses it because another process creates the same one."""
    from mlflow.exceptions import MlflowException

    for attempt in range(1, ATTEMPTS + 1):
        try:
            write(*args)
        except MlflowException as error:
            if error.error_code not in _TEMPORARY or attempt == ATTEMPTS:
                raise
            time.sleep(0.05 * attempt)
        else:
            return


def model_exists(client: MlflowClient, name: str) -> bool:
    """Whether the registered model exists; a "not found" that comes from a proxy or a permission is raised instead."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        if client.search_registered_models(f"name = '{name}'"):
            raise
        return False
    return True


def champion_of(client: MlflowClient, name: str) -> Registered | None:
    """Read the champion of an existing model; None when the model has no such alias."""
    version = client.get_registered_model(name).aliases.get(CHAMPION)
    return None if version is None else read_version(client, name, str(version))
