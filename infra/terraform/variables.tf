variable "name" {
  description = "Start of every bucket name. S3 bucket names are globally unique, so include your organisation, such as acme-evenhand."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,46}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must have 3 to 48 lower-case letters, digits and single hyphens, with a letter or digit at both ends."
  }
}

variable "kms_key_arn" {
  description = "ARN of a KMS key to encrypt with. Null encrypts with keys that S3 manages (SSE-S3)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be null or the ARN of a KMS key or alias, such as arn:aws:kms:eu-west-1:123456789012:key/abcd."
  }
}

variable "require_tls" {
  description = "Refuse requests that are not encrypted in transit with TLS 1.2 or newer. Set it to false only for an endpoint that can't evaluate the policy's conditions."
  type        = bool
  default     = true
  nullable    = false
}

variable "quarantine_days" {
  description = "Days after which quarantined rows are removed. They stay recoverable for noncurrent_version_days more."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.quarantine_days >= 1 && floor(var.quarantine_days) == var.quarantine_days
    error_message = "quarantine_days must be a whole number of days, at least 1."
  }
}

variable "noncurrent_version_days" {
  description = "Days for which a replaced or deleted version stays recoverable."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_version_days >= 1 && floor(var.noncurrent_version_days) == var.noncurrent_version_days
    error_message = "noncurrent_version_days must be a whole number of days, at least 1."
  }
}

variable "abort_upload_days" {
  description = "Days after which the parts of an incomplete upload are removed."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.abort_upload_days >= 1 && floor(var.abort_upload_days) == var.abort_upload_days
    error_message = "abort_upload_days must be a whole number of days, at least 1."
  }
}

variable "force_destroy" {
  description = "Let a destroy remove buckets that still have objects, including every version. Keep it false for data that matters."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags for every bucket, in addition to Project and Purpose."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : length(key) <= 128 && !startswith(lower(key), "aws:")])
    error_message = "a tag's key has at most 128 characters and must not start with aws:, which is reserved."
  }
}

variable "witness_lock_mode" {
  description = "Object lock of the witness: GOVERNANCE can be lifted with a right of its own, COMPLIANCE by nobody, the root account included."
  type        = string
  default     = "GOVERNANCE"
  nullable    = false

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.witness_lock_mode)
    error_message = "witness_lock_mode must be GOVERNANCE or COMPLIANCE."
  }
}

variable "witness_lock_days" {
  description = "Days for which an entry of the witness can't be changed or removed."
  type        = number
  default     = 3650
  nullable    = false

  validation {
    condition     = var.witness_lock_days >= 1 && floor(var.witness_lock_days) == var.witness_lock_days
    error_message = "witness_lock_days must be a whole number of days, at least 1."
  }
}
