"""MLflow's tracking: the client, and the runs of trainings and candidates."""
