terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

module "storage" {
  source = "../.."

  name = "acme-evenhand"
  tags = { Team = "crime-analysis" }
}

output "environment" {
  description = "Settings as environment variables."
  value       = module.storage.environment
}
