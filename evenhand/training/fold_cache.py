"""What units share, as arrays and plain data, so that other processes read it without a copy and without pickle."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from evenhand.data.lineage import Encoder, RowsSeen
from evenhand.strategies import ResamplingRecord, TrainingRows

Resampled = tuple[TrainingRows, ResamplingRecord]
Key = tuple[Any, ...]  # what is computed; its first part is the number of the fold
_ENCODED = "as encoded"  # in the place of an array that is the fold's encoded rows themselves


class Packed(NamedTuple):
    """A value as arrays by name, and the rest as what JSON can hold."""

    arrays: dict[str, np.ndarray]
    record: dict[str, Any]


class Cache(Protocol):
    """Computes a value once for all who ask."""

    def get(self, key: Key, compute: Callable[[], Packed]) -> Packed:
        """Return the value of ``key``; what ``compute`` raises is raised each time."""


class OnceCache:
    """Values computed once, also when several threads ask together; the newest ``size`` are kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._futures: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return the value of ``key``, computing it if it is not there; what ``compute`` raises is raised each time."""
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
            except BaseException as error:  # noqa: BLE001  waiting threads must see it too, whatever it is
                with self._lock:
                    self._futures.pop(key, None)  # the next to ask tries again
                future.set_exception(error)
        return future.result()


@dataclass(frozen=True)
class EncoderFacts:
    """What a fit needs to know of the encoder that made its rows."""

    seen: RowsSeen | None
    names: tuple[str, ...]

    def get_feature_names_out(self) -> np.ndarray:
        """Name the encoded columns."""
        return np.asarray(self.names, dtype=object)


@dataclass(frozen=True, eq=False)
class Encoded:
    """One fold in numbers."""

    encoder: Encoder | EncoderFacts
    train: np.ndarray
    valid: np.ndarray


def pack_encoded(encoded: Encoded) -> Packed:
    """Keep the rows, which rows the encoder was fitted on, and the names of its columns."""
    names = [str(name) for name in encoded.encoder.get_feature_names_out()]
    return Packed({"train": encoded.train, "valid": encoded.valid}, {"seen": encoded.encoder.seen, "names": names})


def unpack_encoded(packed: Packed) -> Encoded:
    """Return the rows, with the facts of their encoder in its place."""
    seen = packed.record["seen"]
    facts = EncoderFacts(None if seen is None else RowsSeen(*seen), tuple(packed.record["names"]))
    return Encoded(facts, packed.arrays["train"], packed.arrays["valid"])


def pack_rows(value: Resampled, encoded: np.ndarray) -> Packed:
    """Keep the rows that a strategy made of a fold's encoded rows, and their resampling record.

    Parameters
    ----------
    value : (TrainingRows, ResamplingRecord)
    encoded : ndarray of shape (n_train, n_features)
        Of the fold. Where an array is this very one, that is written down in its place.
    """
    rows, entry = value
    packed = Packed({}, {"entry": entry.to_record(), "rows": {}})
    for name, part in ((field.name, getattr(rows, field.name)) for field in fields(rows)):
        if part is encoded:
            packed.record["rows"][name] = _ENCODED
        elif name == "given":
            packed.record["n_given"] = None if part is None else len(part)
        elif isinstance(part, np.ndarray):
            packed.arrays[name] = part
        else:
            packed.record["rows"][name] = part
    return packed


def unpack_rows(packed: Packed, encoded: np.ndarray) -> Resampled:
    """Return the rows and their resampling record; ``encoded`` is the fold's encoded rows where they are needed.

    Of other rows that the strategy was given, which is a leak, there is their number alone.
    """
    plain = {name: _plain(part, encoded) for name, part in packed.record["rows"].items()}
    if packed.record.get("n_given") is not None:
        plain["given"] = np.empty((packed.record["n_given"], 0))
    entry = ResamplingRecord(**packed.record["entry"])
    return TrainingRows(**{**plain, **packed.arrays}), replace(entry, adaptations=tuple(entry.adaptations))


def _plain(part: Any, encoded: np.ndarray) -> Any:
    if isinstance(part, str) and part == _ENCODED:
        return encoded
    return tuple(part) if isinstance(part, list) else part
