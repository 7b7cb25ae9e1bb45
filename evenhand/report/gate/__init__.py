"""The gate's page: the case that a reviewer reads before a decision."""
