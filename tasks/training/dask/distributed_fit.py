"""LightGBM fitted by all workers of a Dask cluster, each on its own part of the rows."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from lightgbm import Booster, LGBMClassifier
from sklearn.base import ClassifierMixin

from evenhand.data.stratified_parts import stratified_parts
from evenhand.errors import EvenhandError
from evenhand.strategies import TrainingRows

if TYPE_CHECKING:
    from distributed import Client

ATTEMPTS = 2
SECONDS_FOR_OTHER_THREADS = 0.2
MINUTES_FOR_A_PEER = 10  # LightGBM's own 120 let a training wait two hours for a machine that is gone


class NotFitted(EvenhandError):
    """The workers could not fit a model."""


def fit_distributed(client: Client, model: ClassifierMixin, rows: TrainingRows) -> ClassifierMixin:
    """Fit LightGBM with LightGBM's own Dask training, on all workers of a cluster.

    The order of the workers and of their rows is fixed, so the same number of workers gives the same trees. Another
    number finds other bins and sums in another order: the scores are close, not the same.

    Parameters
    ----------
    client : Client
        Of a cluster that runs nothing else meanwhile: a worker gives up waiting for a busy peer after some minutes.
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
        When workers ended during the second attempt, too, or none answers.
    LightGBMError, ValueError
        On settings that LightGBM does not take.
    """
    for attempt in range(1, ATTEMPTS + 1):
        workers = _answering(client)
        if not workers:
            raise NotFitted("no worker of the Dask cluster answers")
        try:
            return _fit(client, model, rows, workers)
        except Exception as error:
            gone = ", ".join(sorted(set(workers) - set(_answering(client))))
            with suppress(Exception):  # the first error is the one to report
                _disconnect(client)
            if not gone:
                raise
            if attempt == ATTEMPTS:
                raise NotFitted(f"workers ended during the fit of a distributed model: {gone}") from error
    raise AssertionError("unreachable: the last attempt returns or raises")


def _answering(client: Client) -> list[str]:
    """List the workers that answer: the scheduler may not know yet of one that ended."""
    return sorted(client.run(os.getpid, on_error="ignore"))


def _disconnect(client: Client) -> None:
    """Close the connections between the workers, which LightGBM keeps after a fit that failed and would use again."""
    tiny = LGBMClassifier(n_estimators=1, min_child_samples=1, n_jobs=1, verbose=-1).fit([[0.0], [1.0]], [0, 1])
    text = tiny.booster_.model_to_string()
    threads = [worker for worker, count in client.ncores().items() for _ in range(count)]
    only = {"allow_other_workers": False, "pure": False}
    client.gather([client.submit(free_network, text, workers=[worker], **only) for worker in threads])


def free_network(model: str) -> None:
    """Close this thread's connections to other LightGBM processes; any model offers the call."""
    Booster(model_str=model).free_network()
    time.sleep(SECONDS_FOR_OTHER_THREADS)


def _fit(client: Client, model: LGBMClassifier, rows: TrainingRows, workers: Sequence[str]) -> LGBMClassifier:
    from lightgbm.dask import DaskLGBMClassifier

    settings = {**model.get_params(), "n_jobs": None, "time_out": MINUTES_FOR_A_PEER, "deterministic": True}
    # A worker counts the classes of its own rows: one without the rarest would be fitted for fewer classes.
    parts = stratified_parts(rows.y, len(workers))
    with _in_order(client) as ordered, ordered.as_current(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parameter n_jobs will be ignored")  # also where it is None
        X, y = (_scatter(ordered, values, parts, workers) for values in (rows.X, rows.y))
        weight = None if rows.weight is None else _scatter(ordered, rows.weight, parts, workers)
        fitted = DaskLGBMClassifier(client=ordered, **settings).fit(X, y, sample_weight=weight).to_local()
    fitted.set_params(n_jobs=1)
    fitted.adaptations_ = (f"fitted by {len(parts)} workers together",)  # another number gives other trees
    return fitted


def _in_order(client: Client) -> Client:
    """Open another connection, which lists who has something in the order in which it was asked.

    LightGBM numbers the workers in that order, and Dask answers in the order of a set, which is another one each time.
    """
    from distributed import Client

    class Ordered(Client):
        def who_has(self, futures: Any = None, **kwargs: Any) -> Any:
            found = super().who_has(futures, **kwargs)
            return found if futures is None else {future.key: found[future.key] for future in futures}

    return Ordered(client.scheduler.address, security=client.security, set_as_default=False)


def _scatter(client: Client, values: np.ndarray, parts: Sequence[np.ndarray], workers: Sequence[str]) -> Any:
    """Send each worker its part of the rows, and return the parts as one Dask array."""
    import dask.array as da

    held = []
    for part, worker in zip(parts, workers, strict=False):  # a class of few rows leaves some workers without a part
        mine = values[part]
        held.append(da.from_delayed(client.scatter(mine, workers=[worker], hash=False), mine.shape, mine.dtype))
    return da.concatenate(held)
