"""Real servers for the tests: started on free loopback ports, waited for, and stopped."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class S3Server:
    """An S3 endpoint with two accounts: an administrator, and one that may only read and list."""

    endpoint: str
    access_key: str = "evenhand-test"
    secret_key: str = "evenhand-test-secret"
    reader_key: str = "evenhand-reader"
    reader_secret: str = "evenhand-reader-secret"


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens, below 32768, where no outgoing connection takes one in the meantime."""
    ports: list[int] = []
    candidate = 20000 + (os.getpid() * 37) % 10000
    with ExitStack() as held:
        while len(ports) < count:
            candidate = candidate + 1 if candidate < 32000 else 20000
            listener = held.enter_context(socket.socket())
            try:
                listener.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            ports.append(candidate)
    return ports


def executable(name: str) -> str:
    """Return the path of a command of this environment or machine; skip the test when there is none."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def serve(
    command: Sequence[str],
    ready: Callable[[], bool],
    log: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
    grace: float = 10,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server during the block, which starts once ``ready`` is true; ``grace`` is the time it gets to stop."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, cwd=log.parent, env=None if env is None else dict(env)
        )
        try:
            deadline = time.monotonic() + timeout
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    tail = log.read_text(errors="replace")[-3000:]
                    raise RuntimeError(f"{command[0]} did not start (exit {process.poll()}):\n{tail}")
                time.sleep(0.1)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def answers(url: str, status: Sequence[int] = (200,)) -> bool:
    """Whether a GET on a URL of this machine gets one of these status codes."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.status in status
    except urllib.error.HTTPError as error:
        return error.code in status
    except OSError:
        return False


@contextmanager
def seaweed_s3(folder: Path) -> Iterator[S3Server]:
    """Run SeaweedFS with an S3 endpoint; its files are in ``folder``."""
    weed = executable("weed")
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"]
    names += ["s3.port", "s3.port.grpc"]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    server = S3Server(f"http://127.0.0.1:{ports['s3.port']}")
    (folder / "data").mkdir(parents=True)
    (folder / "s3.json").write_text(json.dumps({"identities": _identities(server)}))
    command = [weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}"]
    command += ["-master.volumeSizeLimitMB=64", "-master.telemetry=false", "-volume.max=20", "-filer", "-s3"]
    command += [f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += ["-s3.autoCreateBucket=false"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    # A refused anonymous listing shows that the accounts are loaded and the filer runs.
    with serve(command, lambda: answers(server.endpoint, (403,)), folder / "weed.log", grace=1):
        yield server


@contextmanager
def moto_aws(folder: Path) -> Iterator[str]:
    """Run moto, a mock of AWS, and yield its endpoint."""
    command = executable("moto_server")
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    with serve(
        [command, "-H", "127.0.0.1", "-p", str(port)], lambda: answers(f"{endpoint}/moto-api/"), folder / "moto.log"
    ):
        yield endpoint


def _identities(server: S3Server) -> list[dict[str, object]]:
    def identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, object]:
        return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}

    return [
        identity("admin", server.access_key, server.secret_key, ["Admin", "Read", "Write", "List", "Tagging"]),
        identity("reader", server.reader_key, server.reader_secret, ["Read", "List"]),
    ]
