"""Evidence for imbalanced classification: what is trained, on which rows, and how sure we are.

Nothing in this package reads a file, a clock or a network, and nothing in it knows Prefect, MLflow,
Great Expectations or S3.
"""
