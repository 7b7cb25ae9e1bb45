"""MLflow: tracking, stored models, versions and their aliases, verdicts and the ledger."""
