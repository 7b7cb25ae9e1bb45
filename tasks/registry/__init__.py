"""MLflow: runs, stored models, registered versions and their aliases, verdicts and the ledger."""
