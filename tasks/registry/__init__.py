"""The registry in MLflow: stored models, versions and aliases, verdicts, the ledger and its witness."""
