"""The store on a folder and on a real S3 endpoint: one body of tests for both."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from evenhand.data.references import Reference
from evenhand.errors import StorageError
from tasks.settings import ROOT, settings
from tasks.storage.folder import Store, check_key
from tasks.storage.store import open_store, read_frame, write_frame
from tests.edges.servers import S3Server, seaweed_s3

BUCKET = "snapshots"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with seaweed_s3(tmp_path_factory.mktemp("s3") / "weed") as running:
        client(running).create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture(autouse=True)
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account of the machine's user is used."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "folder":
        monkeypatch.setenv("EVENHAND_STORE", str(tmp_path / "store"))
    else:
        use_s3(monkeypatch, request.getfixturevalue("server"), tmp_path.name)
    settings.cache_clear()
    return open_store()


@pytest.fixture
def s3(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    use_s3(monkeypatch, server, tmp_path.name)
    return server


def use_s3(monkeypatch: pytest.MonkeyPatch, server: S3Server, prefix: str) -> None:
    monkeypatch.setenv("EVENHAND_STORE", f"s3://{BUCKET}/{prefix}")
    monkeypatch.setenv("EVENHAND_S3_ENDPOINT", server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    settings.cache_clear()


def client(server: S3Server):  # type: ignore[no-untyped-def]  # boto3 has no type for it
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )


def rows() -> pd.DataFrame:
    frame = pd.DataFrame({"MCI": ["Assault", None, "", "Übergriff"], "Lat": [43.6, None, float("inf"), -0.0]})
    when = pd.Series(["2014-03-02 05:00", None, "2021-12-31 00:00", "1966-01-01 00:00"])
    frame["when"] = pd.to_datetime(when, utc=True)
    frame["class"] = pd.Categorical(["a", "b", None, "a"])
    return frame


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.partial")]


def test_objects_come_back_and_keys_are_listed_in_order(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "report.html"
    source.write_bytes(b"<html>")
    store.put(source, "reports/b/report.html")
    store.put_bytes(b"", "reports/a.bin")
    store.put_bytes("é".encode(), "reports/zone é/x y.csv")
    assert store.local("reports/b/report.html").read_bytes() == b"<html>"
    assert store.local("reports/a.bin").read_bytes() == b""
    assert store.local("reports/zone é/x y.csv").read_text(encoding="utf-8") == "é"
    assert store.list("") == ["reports/a.bin", "reports/b/report.html", "reports/zone é/x y.csv"]
    assert store.list("reports/b") == store.list("reports/b/") == ["reports/b/report.html"]
    assert store.list("rep") == store.list("")
    assert store.list("none/") == []
    assert store.exists("reports/a.bin")
    assert not store.exists("reports/a")
    assert not store.exists("reports/a.bin/x")
    assert store.uri("reports/a.bin").endswith("/reports/a.bin")


def test_a_taken_key_is_left_alone_unless_overwritten(store: Store, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    store.put_bytes(b"first", "k")
    store.put_bytes(b"second", "k")
    store.put(other, "k")
    assert store.local("k").read_bytes() == b"first"
    store.put(other, "k", overwrite=True)
    assert store.local("k").read_bytes() == b"other"
    store.put_bytes(b"third", "k", overwrite=True)
    assert store.local("k").read_bytes() == b"third"


def test_deleting_is_final_and_repeatable(store: Store) -> None:
    store.put_bytes(b"x", "a/b")
    store.delete("a/b")
    store.delete("a/b")
    assert not store.exists("a/b")
    assert store.list("") == []
    with pytest.raises(StorageError, match=r"has no .*a/b"):
        store.local("a/b")


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\b", "a\nb", "x.partial"]
)
def test_keys_that_leave_the_store_are_refused(store: Store, key: str) -> None:
    for use in (store.local, store.exists, store.delete, store.uri, lambda k: store.put_bytes(b"x", k, overwrite=True)):
        with pytest.raises(StorageError, match="no key of the store"):
            use(key)


@given(st.text(alphabet="ab./\\ é\x00", max_size=12))
@example("..")
@hypothesis_settings(max_examples=200)
def test_an_accepted_key_stays_below_the_root(key: str) -> None:
    try:
        check_key(key)
    except StorageError:
        return
    resolved = Path(os.path.normpath(Path("/root/store") / key))
    assert resolved.is_relative_to("/root/store")
    assert resolved != Path("/root/store")


def test_frames_keep_values_types_and_bytes(store: Store) -> None:
    ref = write_frame(rows(), "snapshots/{sha256}/rows.parquet")
    assert ref.key == f"snapshots/{ref.sha256}/rows.parquet"
    assert ref.rows == 4
    assert hashlib.sha256(store.local(ref.key).read_bytes()).hexdigest() == ref.sha256
    pd.testing.assert_frame_equal(read_frame(ref), rows())
    reindexed = rows().set_index(pd.Index([9, 8, 7, 6]))
    assert write_frame(reindexed, "snapshots/{sha256}/rows.parquet") == ref
    assert store.list("snapshots/") == [ref.key]


def test_some_columns_are_read_alone_and_in_the_order_asked(store: Store) -> None:
    ref = write_frame(rows(), "frames/rows.parquet")
    names = [rows().columns[2], rows().columns[0]]
    pd.testing.assert_frame_equal(read_frame(ref, names), rows()[names])
    with pytest.raises(StorageError, match="nowhere"):
        read_frame(ref, ["nowhere"])


def test_an_empty_frame_keeps_its_columns(store: Store) -> None:
    empty = rows().drop(columns="class").iloc[:0]
    ref = write_frame(empty, "empty.parquet")
    assert ref.rows == 0
    pd.testing.assert_frame_equal(read_frame(ref), empty)


def test_a_key_is_not_reused_for_other_rows(store: Store) -> None:
    ref = write_frame(rows(), "rows.parquet")
    with pytest.raises(StorageError, match="used before for other rows"):
        write_frame(rows().head(1), "rows.parquet")
    pd.testing.assert_frame_equal(read_frame(ref), rows())


def test_a_damaged_or_swapped_object_is_not_read(store: Store) -> None:
    ref = write_frame(rows(), "rows.parquet")
    data = bytearray(store.local("rows.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    store.put_bytes(bytes(data), "rows.parquet", overwrite=True)
    with pytest.raises(StorageError, match=f"expected SHA-256 {ref.sha256}, found"):
        read_frame(ref)


def test_bytes_that_are_no_parquet_are_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"not parquet")
    store.put(tmp_path / "text", "text")
    with pytest.raises(StorageError, match="not readable as Parquet"):
        read_frame(Reference(key="text", sha256=hashlib.sha256((tmp_path / "text").read_bytes()).hexdigest(), rows=1))


def test_mixed_types_are_refused_before_anything_is_stored(store: Store) -> None:
    with pytest.raises(StorageError, match="can't be written as Parquet"):
        write_frame(pd.DataFrame({"Perpetrator Age": [1, "two", object()]}), "rows.parquet")
    assert store.list("") == []


WRITER = """
import sys, time, pathlib
from tasks.storage.store import open_store
letter, go, ready = sys.argv[1].encode(), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
store = open_store()
store.exists("warm")
ready.touch()
while not go.exists():
    time.sleep(0.001)
for i in range(12):
    store.put_bytes(letter * 300_000, f"race/{i}", overwrite=i % 2 == 1)
"""


def test_two_writers_at_once_leave_one_whole_object(store: Store, tmp_path: Path) -> None:
    signals = {letter: tmp_path / f"ready-{letter}" for letter in "AB"}
    argv = [sys.executable, "-c", WRITER]
    writers = [
        subprocess.Popen([*argv, letter, str(tmp_path / "go"), str(ready)], cwd=ROOT, env=os.environ.copy())
        for letter, ready in signals.items()
    ]
    try:
        while not all(ready.exists() for ready in signals.values()):
            assert all(writer.poll() is None for writer in writers)
        (tmp_path / "go").touch()
        assert [writer.wait(30) for writer in writers] == [0, 0]
    finally:
        for writer in writers:
            writer.kill()
    assert len(store.list("race/")) == 12
    for key in store.list("race/"):
        assert store.local(key).read_bytes() in (b"A" * 300_000, b"B" * 300_000)
    assert leftovers(tmp_path) == []


def test_who_looked_before_the_first_write_and_writes_second_loses(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store.put_bytes(b"first", "k")
    with monkeypatch.context() as patched:
        patched.setattr(type(store), "exists", lambda *_: False)
        store.put_bytes(b"second", "k")
    assert store.local("k").read_bytes() == b"first"
    assert leftovers(tmp_path) == []


def test_a_file_still_being_written_is_not_listed(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.put_bytes(b"x", "a/done")
    (tmp_path / "a" / ".x0123.partial").touch()
    assert store.list("") == ["a/done"]


def test_the_default_store_is_a_folder_in_home() -> None:
    open_store().put_bytes(b"x", "a")
    assert (settings().home / "store" / "a").read_bytes() == b"x"


@pytest.mark.parametrize(
    "uri", ["", " ", "gs://bucket/x", "file:///tmp/x", "s3://", "s3://Bad_Bucket", "s3:///x", "s3://ok1/../x"]
)
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(StorageError):
        open_store(uri)


def test_an_unwritable_folder_says_so(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    root = Path("/sys/evenhand") if os.access(locked, os.W_OK) else locked / "store"  # modes don't bind root
    with pytest.raises(StorageError, match=r"(no permission|read-only).*EVENHAND_STORE"):
        open_store(str(root)).put_bytes(b"x", "a")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"(Not a directory|File exists).*EVENHAND_STORE"):
        open_store(str(tmp_path / "file")).put_bytes(b"x", "a/b")
    with pytest.raises(StorageError, match=r"absent can't be stored as .*No such file"):
        open_store(str(tmp_path)).put(tmp_path / "absent", "a")


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"the disk is full.*EVENHAND_STORE"):
        open_store(str(tmp_path / "store")).put_bytes(b"x", "a")
    assert list((tmp_path / "store").rglob("*")) == []


def assert_explained(failure: pytest.ExceptionInfo[StorageError], *words: str) -> None:
    message = str(failure.value)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__
    assert "\n" not in message
    assert "Traceback" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("use", ["exists", "local", "list", "delete", "put_bytes"])
def test_s3_refusals_name_the_setting(s3: S3Server, use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def attempt(uri: str | None = None) -> pytest.ExceptionInfo[StorageError]:
        store = open_store(uri)
        with pytest.raises(StorageError) as failure:
            store.put_bytes(b"x", "k", overwrite=True) if use == "put_bytes" else getattr(store, use)("k")
        return failure

    assert_explained(
        attempt("s3://no-such-bucket/p"), "s3://no-such-bucket/p/k", s3.endpoint, "no such bucket", "EVENHAND_STORE"
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    wrong = attempt()
    assert_explained(wrong, "secret is wrong", "AWS_SECRET_ACCESS_KEY")
    assert "not-the-secret" not in str(wrong.value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    assert_explained(attempt(), "access key", "AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert_explained(attempt(), "no usable credentials", "AWS_PROFILE")


def test_s3_without_permission_to_write(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.reader_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.reader_secret)
    store = open_store()
    assert store.list("") == []
    with pytest.raises(StorageError) as failure:
        store.put_bytes(b"x", "k")
    assert_explained(failure, "may not do this", "s3:PutObject")
    with pytest.raises(StorageError, match="s3:DeleteObject"):
        store.delete("k")


def test_an_endpoint_that_does_not_answer(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENHAND_S3_ENDPOINT", "http://127.0.0.1:9")
    settings.cache_clear()
    with pytest.raises(StorageError) as failure:
        open_store().exists("k")
    assert_explained(failure, "does not answer", "http://127.0.0.1:9", "EVENHAND_S3_ENDPOINT")
    monkeypatch.setenv("EVENHAND_S3_ENDPOINT", s3.endpoint.replace("http:", "https:"))
    settings.cache_clear()
    with pytest.raises(StorageError) as failure:
        open_store().exists("k")
    assert_explained(failure, "EVENHAND_S3_ENDPOINT", "AWS_CA_BUNDLE")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://host", "http://", "http://user:hidden@host:1"])
def test_an_endpoint_is_a_plain_address(s3: S3Server, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENHAND_S3_ENDPOINT", endpoint)
    settings.cache_clear()
    with pytest.raises(StorageError, match="EVENHAND_S3_ENDPOINT") as failure:
        open_store()
    assert "hidden" not in str(failure.value)


def test_s3_downloads_once_and_mends_a_short_copy(s3: S3Server, tmp_path: Path) -> None:
    store = open_store()
    store.put_bytes(b"0123456789", "a/rows.bin")
    copy = store.local("a/rows.bin")
    assert copy.is_relative_to(settings().cache / "store")
    assert copy.name == "rows.bin"
    written = copy.stat().st_mtime_ns
    assert store.local("a/rows.bin") == copy
    assert copy.stat().st_mtime_ns == written
    copy.write_bytes(b"01234")
    assert store.local("a/rows.bin").read_bytes() == b"0123456789"
    assert leftovers(tmp_path) == []
    client(s3).delete_object(Bucket=BUCKET, Key=f"{tmp_path.name}/a/rows.bin")
    with pytest.raises(StorageError, match="has no"):
        store.local("a/rows.bin")


def test_s3_objects_stay_below_their_prefix(s3: S3Server, tmp_path: Path) -> None:
    neighbour = open_store(f"s3://{BUCKET}/{tmp_path.name}-2/")
    neighbour.put_bytes(b"x", "k")
    whole = open_store(f"s3://{BUCKET}")
    assert open_store().list("") == []
    assert not open_store().exists("k")
    assert whole.exists(f"{tmp_path.name}-2/k")
    assert neighbour.uri("k") == f"s3://{BUCKET}/{tmp_path.name}-2/k"
