"""Studies of a candidate's settings: their tasks, the file that keeps finished trials, and their MLflow runs."""
