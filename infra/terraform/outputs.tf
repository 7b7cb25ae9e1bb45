output "buckets" {
  description = "Name and ARN of each bucket, by purpose: store, artifacts and witness."
  value       = { for key, bucket in aws_s3_bucket.this : key => { name = bucket.bucket, arn = bucket.arn } }
}

output "environment" {
  description = "Settings as environment variables: Evenhand's store, the artifacts of `mlflow server`, and the region."
  value       = local.environment
}

output "exports" {
  description = "The same settings as shell commands, for eval \"$(terraform output -raw exports)\"."
  value       = join("\n", [for key, value in local.environment : "export ${key}='${value}'"])
}

output "witness_policy" {
  description = "IAM policy for the credentials of the witness: entries can be read and added, not removed."
  value       = data.aws_iam_policy_document.witness.json
}

locals {
  environment = {
    EVENHAND_STORE               = "s3://${aws_s3_bucket.this["store"].bucket}"
    EVENHAND_WITNESS             = "s3://${aws_s3_bucket.this["witness"].bucket}"
    MLFLOW_ARTIFACTS_DESTINATION = "s3://${aws_s3_bucket.this["artifacts"].bucket}"
    AWS_DEFAULT_REGION           = aws_s3_bucket.this["store"].region
  }
}
