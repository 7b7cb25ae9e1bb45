"""The Terraform module: formatted, valid, planned against mocks, then applied to a mock of AWS and destroyed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tasks.settings import ROOT, settings
from tasks.storage.store import open_store
from tests.edges.servers import executable, moto_aws

MODULE = ROOT / "infra" / "terraform"
PROVIDER = "registry.terraform.io/hashicorp/aws/5.*"

# Points the provider at the mock; only in the test's copy of the module.
MOCK_PROVIDER = """
provider "aws" {{
  region                      = "eu-west-1"
  access_key                  = "testing"
  secret_key                  = "testing"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true

  endpoints {{
    s3  = "{endpoint}"
    sts = "{endpoint}"
  }}
}}
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised copy of the module, so that no files are left in the repository."""
    executable("terraform")
    plugins = plugin_folder()
    copy = tmp_path_factory.mktemp("terraform") / "module"
    shutil.copytree(MODULE, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    terraform(copy, "init", f"-plugin-dir={plugins}")
    return copy


def plugin_folder() -> Path:
    """Find a folder with the AWS provider, because there may be no network to download it."""
    given = [Path(name) for name in os.environ.get("TF_PLUGIN_DIR_SEARCH", "").split(os.pathsep) if name]
    given += [Path(name) for name in [os.environ.get("TF_PLUGIN_CACHE_DIR", "")] if name]
    user = [Path.home() / ".terraform.d" / "plugins", Path.home() / ".terraform.d" / "plugin-cache"]
    user.append(Path.home() / ".local" / "share" / "terraform" / "plugins")
    machine = [
        Path("/usr/local/share/terraform/plugins"),
        Path("/usr/share/terraform/plugins"),
        *Path("/opt").glob("*"),
    ]
    for folder in [*given, *user, *machine]:
        if any(folder.glob(f"{PROVIDER}/*/terraform-provider-aws*")):
            return folder
    pytest.skip("the Terraform AWS provider 5 is in no plugin folder; set TF_PLUGIN_DIR_SEARCH to one")


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    quiet = {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
    # Each command makes the provider build its large schema again; fewer garbage collections save a fifth of the time.
    return kept | quiet | {"GOGC": "400"}


def terraform(folder: Path, *arguments: str, expected: int = 0) -> str:
    command = [executable("terraform"), *arguments]
    if arguments[0] not in ("fmt", "version", "output"):
        command.append("-no-color")
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == expected, f"terraform {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_files_are_formatted(module: Path) -> None:
    assert terraform(module, "fmt", "-check", "-recursive", "-diff") == ""


def test_example_and_the_module_it_calls_are_valid(module: Path) -> None:
    example = module / "examples" / "minimal"
    terraform(example, "init", f"-plugin-dir={plugin_folder()}")
    assert json.loads(terraform(example, "validate", "-json"))["diagnostics"] == []


def test_plans_against_mocks(module: Path) -> None:
    version = json.loads(terraform(module, "version", "-json"))["terraform_version"]
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < (1, 11):
        pytest.skip(f"terraform {version} can't override mocked values while planning; 1.11 can")
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", terraform(module, "test"))


def test_readme_lists_every_variable_and_output(module: Path) -> None:
    readme = (module / "README.md").read_text(encoding="utf-8")
    for kind, file in (("variable", "variables.tf"), ("output", "outputs.tf")):
        text = (module / file).read_text(encoding="utf-8")
        found = dict(re.findall(kind + r' "(\w+)" \{\n\s+description = "((?:[^"\\]|\\.)*)"', text))
        assert len(found) == len(re.findall(rf"^{kind} ", text, re.MULTILINE)) > 0
        for name, description in found.items():
            row = next((line for line in readme.splitlines() if line.startswith(f"| `{name}` |")), "")
            assert description.replace('\\"', '"') in row, f"README.md: the row of {kind} {name} is missing or differs"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_aws(tmp_path_factory.mktemp("moto")) as running:
        yield running


def test_apply_is_repeatable_and_destroy_is_complete(
    module: Path, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    shutil.copytree(module, root, symlinks=True)
    (root / "mock.tf").write_text(MOCK_PROVIDER.format(endpoint=endpoint))
    (root / "terraform.tfvars").write_text('name = "acme-evenhand"\nforce_destroy = true\nquarantine_days = 14\n')
    terraform(root, "apply", "-auto-approve")
    terraform(root, "plan", "-detailed-exitcode")
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    for bucket in ("acme-evenhand-store", "acme-evenhand-artifacts"):
        assert_private_and_kept(client, bucket)
    rules = client.get_bucket_lifecycle_configuration(Bucket="acme-evenhand-store")["Rules"]
    assert {
        rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules if "Days" in rule.get("Expiration", {})
    } == {"quarantine/": 14}

    for bucket in ("acme-evenhand-store", "acme-evenhand-artifacts"):
        client.delete_bucket_policy(Bucket=bucket)  # the mock ignores the conditions of a policy and denies everything
    use_outputs(root, endpoint, monkeypatch)
    open_store().put_bytes(b"rows", "snapshots/a/rows.parquet")
    open_store().put_bytes(b"other", "snapshots/a/rows.parquet")
    assert open_store().local("snapshots/a/rows.parquet").read_bytes() == b"rows"

    terraform(root, "destroy", "-auto-approve", "-refresh=false")
    assert client.list_buckets()["Buckets"] == []


def assert_private_and_kept(client: Any, bucket: str) -> None:
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (encryption,) = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    public = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert len(public) == 4
    assert all(public.values())
    (owner,) = client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert owner == {"ObjectOwnership": "BucketOwnerEnforced"}
    rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    assert [
        rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in rules if "NoncurrentVersionExpiration" in rule
    ] == [30]
    assert [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        for rule in rules
        if "AbortIncompleteMultipartUpload" in rule
    ] == [7]
    policy = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    denied = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert {statement["Effect"] for statement in denied.values()} == {"Deny"}
    assert denied["DenyInsecureTransport"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["DenyOldTls"]["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
    assert set(denied["DenyInsecureTransport"]["Resource"]) == {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"}
    tags = {tag["Key"]: tag["Value"] for tag in client.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags["Project"] == "evenhand"


def use_outputs(root: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the module's outputs as environment, with the account and the endpoint of the mock."""
    for name, value in json.loads(terraform(root, "output", "-json", "environment")).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("EVENHAND_S3_ENDPOINT", endpoint)
    settings.cache_clear()
