"""What runs in a worker process of :mod:`tasks.processes.pool`, which imports neither Prefect nor MLflow."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TypeVar

from tasks.processes.memory import give_back
from tasks.processes.parent import end_with_parent

T = TypeVar("T")


def prepare(imports: Sequence[str], parent: int) -> None:
    """Import modules, and let this process end with the one that started it."""
    end_with_parent(parent)
    gc.disable()  # imported objects stay, so collections need not visit them
    for name in imports:
        import_module(name)
    gc.enable()
    gc.collect()
    gc.freeze()


def ready() -> None:
    """Do nothing: a first task, for which the process is started."""


def call(function: Callable[..., T], *args: object) -> T:
    """Run a function and return free memory to the machine."""
    try:
        return function(*args)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - made in this process
        except Exception:  # noqa: BLE001 - whatever a library's exception raises when it is pickled
            raise RuntimeError(f"{type(error).__name__}: {error}") from None
        raise
    finally:
        give_back()
