"""What somebody who can write in MLflow, and has no reviewer's key, can do to a registry."""

import shutil
import uuid
from pathlib import Path

from evenhand.audit.chain import RecordBody, next_record
from evenhand.audit.review_state import champion_state
from tasks.registry.ledger_store import HEAD
from tests.edges.tiny_registry import MODEL

EXPERIMENT = "evenhand-ledger-tiny"


def files_of(registry, version):
    """The folder of a version's files in the artifact store."""
    uri = registry.client.get_model_version_download_uri(MODEL, version)
    return Path(uri.removeprefix("file://"))


def swap_files(registry, version, other):
    """Put the files of another version in the place of a version's own."""
    source, target = files_of(registry, other), files_of(registry, version)
    shutil.rmtree(target)
    shutil.copytree(source, target)


def ledger_run(registry):
    experiment = registry.client.get_experiment_by_name(EXPERIMENT)
    return experiment, experiment.tags["ledger_run"]


def append_forged(registry, kind, version, by="", reason="", **facts):
    """Append a record with a right hash by MLflow's API alone, and return it."""
    records = registry.records()
    body = RecordBody(kind=kind, version=version, by=by, reason=reason, facts=facts)
    record = next_record(records, MODEL, body, "2026-01-01T00:00:00+00:00", uuid.uuid4().hex)
    registry.client.log_param(ledger_run(registry)[1], str(record.seq).zfill(6), record.model_dump_json())
    return record


def rewrite_ledger(registry, change):
    """Write the whole ledger again, with right hashes; ``change`` gets each body and returns another, or None."""
    experiment, run_id = ledger_run(registry)
    params, records = registry.client.get_run(run_id).data.params, []
    for old in registry.records():
        body = change(RecordBody(**old.model_dump(include=set(RecordBody.model_fields))), old.seq)
        if body is not None:
            records.append(next_record(records, MODEL, body, old.at, old.id))
    registry.client.rename_experiment(experiment.experiment_id, f"aside-{uuid.uuid4().hex}")
    made = registry.client.create_experiment(EXPERIMENT, artifact_location=experiment.artifact_location + "-new")
    run = registry.client.create_run(made).info.run_id
    registry.client.set_experiment_tag(made, "ledger_run", run)
    for key, text in params.items():
        if not key.isdecimal():
            registry.client.log_param(run, key, text)
    for record in records:
        registry.client.log_param(run, str(record.seq).zfill(6), record.model_dump_json())
    head = f"{records[-1].seq} {records[-1].hash}" if records else ""
    registry.client.set_registered_model_tag(MODEL, HEAD, head)


def recorded_champion(registry):
    return champion_state(registry.records()).champion
