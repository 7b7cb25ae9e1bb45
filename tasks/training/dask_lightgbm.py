"""LightGBM fitted by all workers of a Dask cluster together, each on its own stripe of the rows."""

from __future__ import annotations

import io
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np
from lightgbm import Booster, LGBMClassifier
from sklearn.base import ClassifierMixin

from evenhand.data.stratified_parts import stripes
from evenhand.errors import EvenhandError, StorageError
from evenhand.strategies import TrainingRows
from tasks.storage.files import reading
from tasks.storage.store import open_store, read_verified, sha256_file

if TYPE_CHECKING:
    from distributed import Client

ATTEMPTS = 2
FOR_OTHER_THREADS = 0.2  # seconds in which a worker's other threads take their own turn
MINUTES_FOR_A_PEER = 10  # LightGBM's own 120 leave a training waiting for two hours for a machine that is gone


class NotFitted(EvenhandError):
    """The workers could not fit a model together."""


class Stripe(NamedTuple):
    """Rows of one worker, as an object of the store; of each array in it the shape and the type."""

    key: str
    sha256: str
    arrays: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]


def fit_together(client: Client, model: ClassifierMixin, rows: TrainingRows) -> ClassifierMixin:
    """Fit LightGBM with LightGBM's own Dask training, on every worker of a cluster.

    The order of the workers and of their rows is fixed, so the same number of workers gives the same trees. Another
    number finds other bins and sums in another order: the scores are close, not the same.

    Parameters
    ----------
    client : Client
        Of a cluster that runs nothing else meanwhile: who waits for a peer that is busy gives up after some minutes.
    model : LGBMClassifier
        Unfitted.
    rows : TrainingRows

    Returns
    -------
    LGBMClassifier
        Fitted, for one thread of one machine.

    Raises
    ------
    NotFitted
        When workers ended over it again and again.
    LightGBMError, ValueError
        On settings that LightGBM does not take.
    """
    for attempt in range(1, ATTEMPTS + 1):
        workers = _answering(client)
        if not workers:
            raise NotFitted("no worker of the Dask cluster answers")
        with _stored(rows, len(workers)) as stored:
            try:
                return _fitted(client, model, stored, workers[: len(stored)], rows.weight is not None)
            except Exception as error:
                gone = ", ".join(sorted(set(workers) - set(_answering(client))))
                with suppress(Exception):  # what went wrong first is what the user must see
                    _disconnect(client)
                if not gone:
                    raise
                if attempt == ATTEMPTS:
                    raise NotFitted(f"workers ended while all were fitting one model together: {gone}") from error
    raise AssertionError("unreachable: the last attempt returns or raises")


def _answering(client: Client) -> list[str]:
    """Ask every worker for a sign of life: the scheduler may not know yet of one that ended."""
    return sorted(client.run(os.getpid, on_error="ignore"))


def _disconnect(client: Client) -> None:
    """Let the workers forget their peers, whom LightGBM keeps past a fit that failed and would ask in the next."""
    tiny = LGBMClassifier(n_estimators=1, min_child_samples=1, n_jobs=1, verbose=-1).fit([[0.0], [1.0]], [0, 1])
    text = tiny.booster_.model_to_string()
    everywhere = [worker for worker, threads in client.ncores().items() for _ in range(threads)]
    here = {"allow_other_workers": False, "pure": False}
    client.gather([client.submit(free_network, text, workers=[worker], **here) for worker in everywhere])


def free_network(model: str) -> None:
    """Close this thread's connections to other LightGBM processes; any model will do to ask for it."""
    Booster(model_str=model).free_network()
    time.sleep(FOR_OTHER_THREADS)


@contextmanager
def _stored(rows: TrainingRows, n: int) -> Iterator[list[Stripe]]:
    """Put the rows into the store, a stripe for each of ``n`` workers, and remove them afterwards."""
    store, name = open_store(), uuid4().hex
    stored: list[Stripe] = []
    try:
        # A worker counts the classes among its own rows: one without the rarest would be fitted for fewer classes.
        for number, chosen in enumerate(stripes(rows.y, n)):
            arrays = {"X": rows.X[chosen], "y": rows.y[chosen]}
            if rows.weight is not None:
                arrays["weight"] = rows.weight[chosen]
            key = f"units/together/{name}/{number}.npz"
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "stripe.npz"
                np.savez(path, **arrays)
                store.put(path, key)
                shapes = {part: (values.shape, values.dtype) for part, values in arrays.items()}
                stored.append(Stripe(key, sha256_file(path), shapes))
        yield stored
    finally:
        for stripe in stored:
            with suppress(StorageError):  # what went wrong first is what the user must see
                store.delete(stripe.key)


def read_part(stripe: Stripe, name: str) -> np.ndarray:
    """Read one array of a stripe, on the worker that it is for."""
    data = io.BytesIO(read_verified(open_store(), stripe.key, stripe.sha256))
    with reading, np.load(data, allow_pickle=False) as arrays:  # a worker may have several threads
        found: np.ndarray = arrays[name]
    return found


def _fitted(
    client: Client, model: LGBMClassifier, stored: Sequence[Stripe], workers: Sequence[str], weighted: bool
) -> LGBMClassifier:
    from lightgbm.dask import DaskLGBMClassifier

    settings = {**model.get_params(), "n_jobs": None, "time_out": MINUTES_FOR_A_PEER, "deterministic": True}
    with _in_order(client) as ordered, ordered.as_current(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parameter n_jobs will be ignored")  # said of any number, and of none
        spread = partial(_spread, ordered, stored, workers)
        together = DaskLGBMClassifier(client=ordered, **settings)
        together.fit(spread("X"), spread("y"), sample_weight=spread("weight") if weighted else None)
    fitted = together.to_local().set_params(n_jobs=1)
    fitted.adaptations_ = (f"fitted by {len(stored)} workers together",)  # another number gives other trees
    return fitted


def _in_order(client: Client) -> Client:
    """Open another connection, which tells who has something in the order in which it was asked.

    LightGBM numbers the workers in that order, and Dask answers in that of a set, another one each time.
    """
    from distributed import Client

    class Ordered(Client):
        def who_has(self, futures: Any = None, **kwargs: Any) -> Any:
            found = super().who_has(futures, **kwargs)
            return found if futures is None else {future.key: found[future.key] for future in futures}

    return Ordered(client.scheduler.address, security=client.security, set_as_default=False)


def _spread(client: Client, stored: Sequence[Stripe], workers: Sequence[str], name: str) -> Any:
    """Make one Dask array of the parts that the workers hold."""
    import dask.array as da

    here = {"allow_other_workers": False, "pure": False}
    held = [
        client.submit(read_part, stripe, name, workers=[worker], **here)
        for stripe, worker in zip(stored, workers, strict=True)
    ]
    parts = zip(held, stored, strict=True)
    return da.concatenate([da.from_delayed(part, *stripe.arrays[name]) for part, stripe in parts])
