"""Model versions in the MLflow registry: names, aliases, tags, and errors of the registry.

A registered model is called ``evenhand-<problem>``, and ``evenhand-<problem>-quick`` for quick trainings. Alias
``challenger`` is the newest version for the gate, alias ``champion`` the version in use. Tags of a version are for
reading; the ledger is what counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NewType

from pydantic import BaseModel, ConfigDict

from evenhand.errors import EvenhandError, GateError
from evenhand.text.printable import printable
from tasks.tracking.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PREFIX = "evenhand-"
CHAMPION, CHALLENGER = "champion", "challenger"
# Tags of a model version
IDENTITY, TRAINED_BY = "identity", "trained_by"
VERDICT, REASONS, COMPARED_WITH, JUDGED_AT = "verdict", "verdict_reasons", "verdict_champion", "verdict_at"
# Tag of a registered model
PREVIOUS = "previous_champion"
ATTEMPTS = 5
DESCRIPTION_LENGTH = 4_000  # the registry's database takes 5,000
_TEMPORARY = ("BAD_REQUEST", "TEMPORARILY_UNAVAILABLE")  # a row that another process just made; a locked database


ModelName = NewType("ModelName", str)
"""Name of a registered model, which is not the name of a problem: ``evenhand-toronto-quick``."""


class Registered(BaseModel):
    """A model version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ModelName
    version: str
    aliases: tuple[str, ...] = ()
    run_id: str | None = None
    created: bool = False


def model_name(problem: str) -> ModelName:
    """Return the name of the registered model of a problem, or of its quick trainings (``toronto-quick``)."""
    return ModelName(problem if problem.startswith(PREFIX) else PREFIX + problem)


def short_name(name: ModelName) -> str:
    """Return what commands call a registered model: ``toronto``, ``toronto-quick``."""
    return name.removeprefix(PREFIX)


def registered_models() -> list[ModelName]:
    """List the registered models of this project."""
    with registry_errors("listing the registered models"):
        client, token, found = connect(), None, []
        while True:
            page = client.search_registered_models(page_token=token)
            found += [ModelName(m.name) for m in page if m.name.startswith(PREFIX)]
            if not (token := page.token):
                return sorted(found)


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
    text = printable(" ".join(str(error).split())[:500])
    return text if isinstance(error, EvenhandError) else f"{type(error).__name__}: {text}"


def now() -> str:
    """Return the current time in UTC (ISO 8601), for records."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_version(client: MlflowClient, name: ModelName, version: str) -> Registered:
    """Read a version with its current aliases."""
    found = client.get_model_version(name, version)
    return Registered(
        name=name, version=str(found.version), aliases=tuple(sorted(found.aliases)), run_id=found.run_id or None
    )


def find_version(client: MlflowClient, name: ModelName, version: str) -> ModelVersion | None:
    """Find a version; None when MLflow answers that it does not exist."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(name, version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def tag_version(client: MlflowClient, name: str, version: str, tags: Mapping[str, str]) -> None:
    """Write tags on a version, in order."""
    for key, value in tags.items():
        write_with_retry(client.set_model_version_tag, name, version, key, value)


def describe_model(name: ModelName, text: str) -> None:
    """Set the description of a registered model."""
    connect().update_registered_model(name, text[:DESCRIPTION_LENGTH])


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
