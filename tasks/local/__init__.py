"""Of this machine: command lines, Prefect's embedded server, and the servers that show the embedded stores."""
