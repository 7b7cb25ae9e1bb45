"""What a training leaves for people: figures, tables, report, and its runs in MLflow."""
