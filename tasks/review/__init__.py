"""A person's decision: requests, the terminal, Prefect's form, approval, rollback."""
