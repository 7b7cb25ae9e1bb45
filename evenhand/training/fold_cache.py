"""What the units of a fold share in a process: its encoded rows, and the rows that a strategy made of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenhand.data.lineage import Encoder


class OnceCache:
    """Values that are computed once, also when several threads ask together; the newest ``size`` are kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._futures: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return the value of ``key``, computed if it is not kept; what ``compute`` raises is raised each time."""
        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if future is None:
                future = self._futures[key] = Future()
            self._futures.move_to_end(key)
            while len(self._futures) > self._size:
                self._futures.popitem(last=False)
        if mine:
            try:
                future.set_result(compute())
            except BaseException as error:  # noqa: BLE001 - whatever it is, threads that wait must see it, too
                with self._lock:
                    self._futures.pop(key, None)  # the next call tries again
                future.set_exception(error)
        return future.result()


@dataclass(frozen=True, eq=False)
class Encoded:
    """One fold as numbers.

    Attributes
    ----------
    encoder : Encoder
        Fitted on the training rows of the fold.
    train, valid : ndarray of shape (n_rows, n_features)
    resampled : OnceCache
        What the last strategy made of ``train``.
    """

    encoder: Encoder
    train: np.ndarray
    valid: np.ndarray
    resampled: OnceCache = field(default_factory=lambda: OnceCache(size=1))
