locals {
  buckets = {
    store = {
      purpose = "Snapshots, quarantined rows and reports"
      # Prefix of quarantined rows in the store.
      expiring = { "quarantine/" = var.quarantine_days }
    }
    artifacts = {
      purpose  = "Models, metrics and figures of MLflow runs"
      expiring = {}
    }
    witness = {
      purpose  = "Copy of the ledger's records that nobody can change or remove"
      expiring = {}
    }
  }
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:access is recorded by CloudTrail data events, which are configured once per account
  # checkov:skip=CKV_AWS_144:snapshots can be rebuilt from their sources; replication to another region is the choice of the account
  # checkov:skip=CKV_AWS_145:a KMS key can be set with kms_key_arn; otherwise S3 encrypts with its own keys
  # checkov:skip=CKV2_AWS_62:no service needs notifications from these buckets
  for_each = local.buckets

  bucket        = "${var.name}-${each.key}"
  force_destroy = var.force_destroy

  # Only a bucket that is made with it can lock objects.
  object_lock_enabled = each.key == "witness"
  tags                = merge(var.tags, { Project = "evenhand", Purpose = each.value.purpose })
}

resource "aws_s3_bucket_object_lock_configuration" "witness" {
  bucket = aws_s3_bucket.this["witness"].id

  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    default_retention {
      mode = var.witness_lock_mode
      days = var.witness_lock_days
    }
  }
}

# For the role of trainings and reviewers, and for nobody who can write in MLflow: entries are read and added.
data "aws_iam_policy_document" "witness" {
  statement {
    sid       = "ListEntries"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this["witness"].arn]
  }

  statement {
    sid       = "ReadAndAddEntries"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.this["witness"].arn}/*"]
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  # S3 accepts rules on noncurrent versions only after versioning is enabled.
  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    id     = "abort-incomplete-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = var.abort_upload_days
    }
  }

  rule {
    id     = "expire-noncurrent-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_version_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  dynamic "rule" {
    for_each = each.value.expiring

    content {
      id     = "expire-${trimsuffix(rule.key, "/")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }
}

data "aws_iam_policy_document" "tls" {
  for_each = var.require_tls ? aws_s3_bucket.this : {}

  statement {
    sid       = "DenyInsecureTransport"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "DenyOldTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = data.aws_iam_policy_document.tls

  bucket = aws_s3_bucket.this[each.key].id
  policy = each.value.json

  # Setting both at the same time is refused by S3 with a conflict.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
