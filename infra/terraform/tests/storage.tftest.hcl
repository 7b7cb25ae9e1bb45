# Plans against a mocked provider: no account, no network. Needs Terraform 1.11 for override_during.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_s3_bucket" {
    defaults = {
      arn    = "arn:aws:s3:::mocked"
      region = "eu-west-1"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }
}

variables {
  name = "acme-evenhand"
}

run "defaults_are_safe" {
  command = plan

  assert {
    condition     = toset([for bucket in aws_s3_bucket.this : bucket.bucket]) == toset(["acme-evenhand-store", "acme-evenhand-artifacts", "acme-evenhand-witness"])
    error_message = "There must be three buckets: store, artifacts and witness."
  }

  assert {
    condition     = !anytrue([for bucket in aws_s3_bucket.this : bucket.force_destroy])
    error_message = "A destroy must not remove objects by default."
  }

  assert {
    condition     = length(aws_s3_bucket_versioning.this) == 3 && alltrue([for item in aws_s3_bucket_versioning.this : item.versioning_configuration[0].status == "Enabled"])
    error_message = "Every bucket must be versioned."
  }

  assert {
    condition = length(aws_s3_bucket_public_access_block.this) == 3 && alltrue([
      for item in aws_s3_bucket_public_access_block.this :
      item.block_public_acls && item.block_public_policy && item.ignore_public_acls && item.restrict_public_buckets
    ])
    error_message = "Every bucket must block public access with all four settings."
  }

  assert {
    condition     = length(aws_s3_bucket_ownership_controls.this) == 3 && alltrue([for item in aws_s3_bucket_ownership_controls.this : item.rule[0].object_ownership == "BucketOwnerEnforced"])
    error_message = "ACLs must be disabled: the bucket owner owns every object."
  }

  assert {
    condition = length(aws_s3_bucket_server_side_encryption_configuration.this) == 3 && alltrue([
      for item in aws_s3_bucket_server_side_encryption_configuration.this :
      one(one(item.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    ])
    error_message = "Without a KMS key, S3 must encrypt with its own keys."
  }

  assert {
    condition     = length(aws_s3_bucket_policy.this) == 3
    error_message = "Every bucket must have the policy that requires TLS."
  }

  assert {
    condition = toset([
      for statement in data.aws_iam_policy_document.tls["store"].statement :
      "${statement.effect} ${one(statement.condition).variable}"
    ]) == toset(["Deny aws:SecureTransport", "Deny s3:TlsVersion"])
    error_message = "The policy must deny plain HTTP and TLS below 1.2."
  }
}

run "the_witness_is_locked" {
  command = plan

  assert {
    condition     = [for key, bucket in aws_s3_bucket.this : key if bucket.object_lock_enabled] == ["witness"]
    error_message = "The witness, and no other bucket, must lock its objects."
  }

  assert {
    condition = (
      aws_s3_bucket_object_lock_configuration.witness.rule[0].default_retention[0].mode == "GOVERNANCE" &&
      aws_s3_bucket_object_lock_configuration.witness.rule[0].default_retention[0].days == 3650
    )
    error_message = "Entries must be kept for ten years by default."
  }

  assert {
    condition     = !strcontains(join(" ", flatten([for statement in data.aws_iam_policy_document.witness.statement : statement.actions])), "Delete")
    error_message = "The credentials of the witness must not remove entries."
  }
}

run "the_witness_refuses_another_mode" {
  command = plan

  variables {
    witness_lock_mode = "NONE"
  }

  expect_failures = [var.witness_lock_mode]
}

run "lifecycle_follows_the_variables" {
  command = plan

  variables {
    quarantine_days         = 14
    noncurrent_version_days = 3
    abort_upload_days       = 2
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this["store"].rule : rule.id] == ["abort-incomplete-uploads", "expire-noncurrent-versions", "expire-quarantine"]
    error_message = "The store must have all three lifecycle rules."
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this["artifacts"].rule : rule.id] == ["abort-incomplete-uploads", "expire-noncurrent-versions"]
    error_message = "Current artifacts must not expire."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["store"].rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 2
    error_message = "Incomplete uploads must be removed after abort_upload_days."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["store"].rule[1].noncurrent_version_expiration[0].noncurrent_days == 3
    error_message = "Noncurrent versions must be removed after noncurrent_version_days."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this["store"].rule[2].expiration[0].days == 14 &&
      aws_s3_bucket_lifecycle_configuration.this["store"].rule[2].filter[0].prefix == "quarantine/"
    )
    error_message = "Only quarantined rows must expire, after quarantine_days."
  }
}

run "a_kms_key_is_used" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = alltrue([
      for item in aws_s3_bucket_server_side_encryption_configuration.this :
      one(one(item.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms" &&
      one(one(item.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn &&
      one(item.rule).bucket_key_enabled
    ])
    error_message = "Both buckets must encrypt with the KMS key and a bucket key."
  }
}

run "the_tls_policy_can_be_disabled" {
  command = plan

  variables {
    require_tls = false
  }

  assert {
    condition     = length(aws_s3_bucket_policy.this) == 0
    error_message = "Without require_tls there must be no policy."
  }
}

run "tags_are_added_and_can_not_replace_project" {
  command = plan

  variables {
    tags = { Team = "crime-analysis", Project = "other" }
  }

  assert {
    condition     = aws_s3_bucket.this["store"].tags["Team"] == "crime-analysis" && aws_s3_bucket.this["store"].tags["Project"] == "evenhand"
    error_message = "Given tags must be kept, and Project must stay evenhand."
  }
}

run "outputs_are_environment_variables" {
  command = plan

  assert {
    condition     = output.environment["EVENHAND_STORE"] == "s3://acme-evenhand-store"
    error_message = "EVENHAND_STORE must be the store's bucket."
  }

  assert {
    condition     = output.environment["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://acme-evenhand-artifacts"
    error_message = "MLflow's artifacts must go to their own bucket."
  }

  assert {
    condition     = strcontains(output.exports, "export EVENHAND_STORE='s3://acme-evenhand-store'")
    error_message = "The shell commands must set the same values."
  }
}

run "an_invalid_name_is_refused" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "Acme_Evenhand"
  }
}

run "a_name_too_long_for_s3_is_refused" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "a123456789012345678901234567890123456789012345678"
  }
}

run "a_key_that_is_not_an_arn_is_refused" {
  command         = plan
  expect_failures = [var.kms_key_arn]

  variables {
    kms_key_arn = "11111111-2222-3333-4444-555555555555"
  }
}

run "days_must_be_positive_integers" {
  command         = plan
  expect_failures = [var.quarantine_days, var.noncurrent_version_days, var.abort_upload_days]

  variables {
    quarantine_days         = 0
    noncurrent_version_days = 1.5
    abort_upload_days       = -1
  }
}

run "reserved_tags_are_refused" {
  command         = plan
  expect_failures = [var.tags]

  variables {
    tags = { "aws:owner" = "me" }
  }
}
