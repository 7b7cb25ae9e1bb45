"""Number of an evaluation on held-out rows: recorded in the ledger before a case is decided.

The record has the hash of the rows' keys, which are a file of the ledger's run. An earlier evaluation whose file is
missing or changed counts as one on the same rows.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evenhand.audit.chain import Record, RecordBody
from evenhand.gate.evaluation_count import evaluation_number
from tasks.registry.champion_alias import add_record, reconcile
from tasks.registry.ledger_store import Records, fetch_file, log_file
from tasks.registry.model_versions import ModelName
from tasks.tracking.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "evaluations"
CASE, KEYS_SHA256, NUMBER, ROWS = "case", "keys_sha256", "number", "rows"


@dataclass(frozen=True, eq=False)
class EvaluationCount:
    """The count of a registered model's evaluations, for one case."""

    name: ModelName
    keys: np.ndarray
    """Sorted keys of the held-out rows, uint64; see :func:`evenhand.gate.evaluation_count.row_keys`."""
    case: str
    version: str

    def next_number(self) -> int:
        """Return the number that the case would have, or has if it was counted before; nothing is written."""
        client = connect()
        return self._number(client, reconcile(client, self.name))

    def record(self) -> int:
        """Count the case before it is decided; the same case is counted once.

        Of two processes at the same time one appends its record first, and the other counts again.

        Returns
        -------
        int
            Number of the evaluation, from 1.
        """
        client = connect()
        digest = self._store(client)
        numbers: list[int] = []

        def decide(records: Records) -> RecordBody | None:
            numbers.append(self._number(client, records))
            if self._own(records) is not None:
                return None
            rows = {KEYS_SHA256: digest, ROWS: str(len(self.keys))}
            facts = {CASE: self.case, NUMBER: str(numbers[-1]), **rows}  # the number is for readers
            return RecordBody(kind="evaluation", version=self.version, facts=facts)

        add_record(client, self.name, decide)
        return numbers[-1]

    def _number(self, client: MlflowClient, records: Sequence[Record]) -> int:
        own = self._own(records)
        before = records[: own.seq - 1] if own is not None else records
        earlier = [record for record in before if record.kind == "evaluation"]
        with tempfile.TemporaryDirectory() as folder:
            return evaluation_number(self.keys, [_fetch(client, self.name, record, Path(folder)) for record in earlier])

    def _own(self, records: Sequence[Record]) -> Record | None:
        same = (r for r in records if r.kind == "evaluation" and r.facts.get(CASE) == self.case)
        return next((r for r in same if r.facts.get(KEYS_SHA256) == self._keys_sha256), None)

    @property
    def _keys_sha256(self) -> str:
        return hashlib.sha256(self.keys.astype("<u8").tobytes()).hexdigest()

    def _store(self, client: MlflowClient) -> str:
        data = self.keys.astype("<u8").tobytes()
        digest = hashlib.sha256(data).hexdigest()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{digest}.u64")
            path.write_bytes(data)
            log_file(client, self.name, path, FOLDER)
        return digest


def _fetch(client: MlflowClient, name: ModelName, record: Record, folder: Path) -> np.ndarray | None:
    """Fetch the keys of an earlier evaluation; None when they are missing or changed."""
    digest = record.fact(KEYS_SHA256)
    path = fetch_file(client, name, f"{FOLDER}/{digest}.u64", folder)
    data = path.read_bytes() if path else b""
    return np.frombuffer(data, dtype="<u8") if hashlib.sha256(data).hexdigest() == digest else None
